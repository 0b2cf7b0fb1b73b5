"""A Kademlia peer, written down: what is in it, and what cannot have been in any."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError
from p2plib.machine.addresses import Contact
from p2plib.topology.kademlia.saved import FORMAT, Published, Saved, decode
from p2plib.topology.kademlia.store import MAX_VALUE_BYTES

BEN = Contact(0x17, ("192.0.2.7", 4001))
ANA = Saved(8, 0xAB, ("0.0.0.0", 4000), ("192.0.2.1", 4001), (BEN,), (Published(0x2A, b"forty-two"),))


def test_a_known_answer() -> None:
    data = FORMAT.encode(ANA)
    assert (
        data[:-16]
        == b"p2plib Kademlia 1\n"
        + bytes.fromhex("0108 01ab 06000000000fa0 06c00002010fa1 0a09 0117 06c00002070fa1 0d0c 012a 09")
        + b"forty-two"
    )
    assert decode(data) == ANA


IDS = st.integers(0, 2**160 - 1)
HOSTS = st.integers(0, 2**16 - 1).map(lambda number: f"16.{number >> 8}.{number & 255}.1")
CONTACTS = st.builds(Contact, IDS, st.tuples(HOSTS, st.integers(1, 65_535)))
VALUES = st.builds(Published, IDS, st.binary(max_size=MAX_VALUE_BYTES))


@given(IDS, st.lists(CONTACTS, max_size=300), st.lists(VALUES, max_size=5))
def test_what_was_saved_is_read_back(
    own_id: int, contacts: list[Contact], published: list[Published]
) -> None:
    saved = Saved(160, own_id, ("16.0.0.1", 4000), None, tuple(contacts), tuple(published))
    assert decode(FORMAT.encode(saved)) == saved


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"bits": 0}, "ids have 1 to 256 bits, not 0"),
        ({"bits": 300}, "ids have 1 to 256 bits, not 300"),
        ({"id": 0x100}, "more than 8 bits"),
        ({"contacts": (Contact(0x100, BEN.address),)}, "more than 8 bits"),
        ({"published": (Published(0x100, b""),)}, "more than 8 bits"),
        ({"contacts": (Contact(1, ("224.0.0.1", 4001)),)}, r"no peer can be at 224\.0\.0\.1"),
        (
            {"contacts": (Contact(1, ("2001:db8::1", 4001)),)},
            r"another family than our own address, 192\.0\.2\.1",
        ),
    ],
)
def test_what_cannot_have_been_saved_is_refused(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        decode(FORMAT.encode(replace(ANA, **wrong)))  # type: ignore[arg-type]


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(DecodeError, match="does not begin with"):
        decode(b"p2plib Ring 1\n")
