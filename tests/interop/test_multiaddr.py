"""Addresses of today's networks are the same bytes to js-multiaddr, and the same texts."""

from __future__ import annotations

import pytest

from p2plib.wire import multiaddr
from p2plib.wire.multiaddr import parse
from tests.interop.peers import ForeignPeer
from tests.wire.test_multiaddr_protocols import ADDRESSES, KNOWN

pytestmark = [pytest.mark.interop, pytest.mark.finding("M4")]

# Where libraries differ: js-multiaddr takes no path of several words, puts a slash before one of HTTP, and
# writes I2P's addresses as their text and not their bytes.
DIFFER = ("/unix/", "/http-path/", "/garlic")


def test_both_write_and_read_the_same() -> None:
    texts = [text for text in (*ADDRESSES, *KNOWN) if not any(part in text for part in DIFFER)]
    assert len(texts) >= 14
    with ForeignPeer("multiaddr.mjs") as peer:
        raws = peer.ask("encode", texts=texts)
        assert raws == [parse(text).encode().hex() for text in texts]
        assert [str(multiaddr.decode(bytes.fromhex(raw))) for raw in raws] == texts
        assert peer.ask("decode", raws=raws) == texts


def test_a_path_of_theirs_is_one_of_ours() -> None:
    with ForeignPeer("multiaddr.mjs") as peer:
        (raw,) = peer.ask("encode", texts=["/unix/%2Ftmp%2Fp2p.sock"])
        assert str(multiaddr.decode(bytes.fromhex(raw))) == "/unix/tmp/p2p.sock"
        assert peer.ask("decode", raws=[parse("/unix/tmp/p2p.sock").encode().hex()]) == [
            "/unix/%2Ftmp%2Fp2p.sock"
        ]
