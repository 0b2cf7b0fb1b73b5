"""The payload of libp2p's Noise handshake by itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import (
    DecodeError,
    SignatureError,
    UsageError,
    WeakKey,
)
from p2plib.protocol.noise import libp2p_payload as libp2p_noise_payload
from p2plib.protocol.noise.libp2p import (
    NoiseHandshake,
)
from p2plib.protocol.noise.libp2p_payload import Payload
from tests.protocol.noise.libp2p_peers import ALICE, BOB, YAMUX, short_rsa_key, weak_key


def test_a_payload_byte_by_byte() -> None:
    payload = Payload(BOB.public, bytes(64), (YAMUX,))
    raw = libp2p_noise_payload.encode(payload)
    key = b"\x08\x01\x12\x20" + BOB.public.raw
    assert raw == b"\x0a\x24" + key + b"\x12\x40" + bytes(64) + b"\x22\x0e\x12\x0c" + b"/yamux/1.0.0"
    assert libp2p_noise_payload.decode(raw) == payload
    fields = libp2p_noise_payload.dissect(raw)
    assert b"".join(field.raw for field in fields) == raw
    assert [f.name for f in fields if ":" not in f.name] == ["identity_key", "identity_sig", "extensions"]
    assert libp2p_noise_payload.encode(Payload(BOB.public, bytes(64))) == raw[:104]


@given(
    st.lists(
        st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64), max_size=16
    )
)
def test_any_payload_comes_back(muxers: list[str]) -> None:
    payload = libp2p_noise_payload.sign(BOB, bytes(32), muxers)
    assert libp2p_noise_payload.decode(libp2p_noise_payload.encode(payload)) == payload
    payload.verify(bytes(32))
    with pytest.raises(SignatureError):
        payload.verify(bytes(31) + b"\1")


@pytest.mark.parametrize("muxers", [("",), ("a" * 65,), ("ü",), ("a",) * 17])
def test_muxers_that_nobody_would_read(muxers: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=r"at most|ASCII"):
        NoiseHandshake(ALICE, initiator=True, muxers=muxers)


def test_keys_in_a_payload() -> None:
    with pytest.raises(DecodeError, match="RSA key: "):
        libp2p_noise_payload.decode(short_rsa_key(bytes(32)))
    with pytest.raises(WeakKey):
        libp2p_noise_payload.decode(weak_key(bytes(32)))
