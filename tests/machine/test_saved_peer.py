"""A peer of an overlay without values, written down: what is in it, and what cannot have been in any."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError
from p2plib.machine.saved_peer import SavedPeer, SavedPeerFormat

FORMAT = SavedPeerFormat("mesh", 1)
BEN = ("192.0.2.7", 4001)
ANA = SavedPeer(8, 0xAB, ("0.0.0.0", 4000), ("192.0.2.1", 4001), (BEN,))


def test_a_known_answer() -> None:
    data = FORMAT.encode(ANA)
    known = bytes.fromhex("0108 01ab 06000000000fa0 06c00002010fa1 0706c00002070fa1")
    assert data[:-16] == b"p2plib mesh 1\n" + known
    assert FORMAT.decode(data) == ANA


@given(st.integers(0, 2**256 - 1), st.lists(st.integers(0, 2**16 - 1), max_size=50))
def test_what_was_saved_is_read_back(own_id: int, hosts: list[int]) -> None:
    known = tuple((f"16.{number >> 8}.{number & 255}.1", 4000) for number in hosts)
    saved = SavedPeer(256, own_id, ("16.0.0.1", 4000), None, known)
    assert FORMAT.decode(FORMAT.encode(saved)) == saved


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"bits": 0}, "an id of 8 bits, in a network of 0-bit"),
        ({"bits": 300}, "in a network of 300-bit"),
        ({"id": 0x100}, "an id of 9 bits, in a network of 8-bit"),
        ({"known": (("224.0.0.1", 4001),)}, r"no peer can be at 224\.0\.0\.1"),
        ({"known": (("2001:db8::1", 4001),)}, r"another family than our own address, 192\.0\.2\.1"),
    ],
)
def test_what_cannot_have_been_saved_is_refused(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        FORMAT.decode(FORMAT.encode(replace(ANA, **wrong)))  # type: ignore[arg-type]


def test_bytes_of_another_overlay_are_refused() -> None:
    with pytest.raises(DecodeError, match="does not begin with"):
        SavedPeerFormat("ring", 1).decode(FORMAT.encode(ANA))
