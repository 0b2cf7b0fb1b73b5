"""Contents have the same names with npm's multiformats, IPFS' importer, and a reader of our page."""

from __future__ import annotations

import json
from random import Random

import pytest

from p2plib.data.dag.block import block_of
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from tests.data.chunking import stranger
from tests.interop.peers import ForeignPeer

pytestmark = pytest.mark.interop

CHUNK_BYTES = 262_144  # the importer's; a file of so many is still one raw block
CONTENTS = [b"", b"x", b"hello", bytes(1000), Random(1).randbytes(12_345)]
HEXES = [data.hex() for data in CONTENTS]


def test_the_program_of_the_page_makes_their_names() -> None:
    made = json.loads(stranger.run(stranger.NAME, json.dumps(HEXES)))
    with ForeignPeer("content_names.mjs") as peer:
        assert peer.ask("name", hexes=HEXES) == made
        assert peer.ask("add", hexes=HEXES, options={}) == made


def test_our_names_are_theirs_up_to_a_chunk() -> None:
    whole = Random(2).randbytes(CHUNK_BYTES)
    with ForeignPeer("content_names.mjs") as peer:
        assert peer.ask("add", hexes=[whole.hex()], options={}) == [cids.to_text(block_of(whole).cid)]
        (tree,) = peer.ask("add", hexes=[(whole + b"x").hex()], options={})
        assert cids.parse_text(tree).codec == multicodec.DAG_PB, "a byte more makes it a tree"
        (old,) = peer.ask("add", hexes=[b"hello".hex()], options={"cidVersion": 0, "rawLeaves": False})
        assert old == "QmWfVY9y3xjsixTgbd9AorQxH7VtMpzfx2HaWtsoUYecaX", "the name that the page takes apart"


def test_they_take_our_names_apart() -> None:
    names = [
        block_of(b"hello").cid,
        block_of(b"hello", multicodec.DAG_CBOR).cid,
        block_of(b"hello", multicodec.DAG_PB, version=0).cid,
        block_of(b"hello", function=multicodec.SHA2_512).cid,
        block_of(b"hello", function=multicodec.BLAKE2B_256).cid,
    ]
    with ForeignPeer("content_names.mjs") as peer:
        for name, parts in zip(
            names, peer.ask("parts", texts=[cids.to_text(name) for name in names]), strict=True
        ):
            assert parts == {
                "version": name.version,
                "codec": name.codec,
                "function": name.multihash.code,
                "digest": name.multihash.digest.hex(),
            }
