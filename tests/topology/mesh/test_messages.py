"""The messages of a mesh, as bytes."""

from __future__ import annotations

import pytest

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Contact
from p2plib.topology.mesh import messages as wire

ANA = Contact(9, ("192.0.2.9", 4001))
ANA_HEX = "09 01 09 06 c0 00 02 09 0f a1"


BYTES = [
    (wire.Hello(1, 5), "03 01 01 01 01 05"),
    (wire.Welcome(1, 5), "03 02 01 01 01 05"),
    (wire.Refused(1, 5, wire.FULL), "03 03 01 01 01 05 01 01"),
    (wire.Who(1, 5, 20), "03 04 01 01 01 05 01 14"),
    (wire.Members(1, 5, 21, (ANA,)), f"03 05 01 01 01 05 01 15 0a {ANA_HEX}"),
    (wire.Ping(1, 5), "03 06 01 01 01 05"),
    (wire.Pong(1, 5, 0xFEED), "03 07 01 01 01 05 02 fe ed"),
    (wire.Probe(1, 5, 9), "03 08 01 01 01 05 01 09"),
    (wire.Probed(1, 5, 1), "03 09 01 01 01 05 01 01"),
    (wire.Goodbye(1, 5), "03 0a 01 01 01 05"),
]


@pytest.mark.parametrize(("message", "written"), BYTES, ids=lambda value: type(value).__name__)
def test_known_bytes(message: object, written: str) -> None:
    data = bytes.fromhex(written)
    assert wire.CODEC.encode(message) == data
    assert wire.CODEC.decode(data) == message
    for end in range(len(data)):
        with pytest.raises(DecodeError):
            wire.CODEC.decode(data[:end])
    with pytest.raises(DecodeError):
        wire.CODEC.decode(data + b"\x00")


def test_every_kind_has_its_bytes_here() -> None:
    assert {type(message) for message, _ in BYTES} == set(wire.CODEC.by_class)


def test_a_page_of_members_fits_into_a_datagram_and_every_refusal_has_words() -> None:
    peers = tuple(Contact((1 << 160) - i, (f"2001:db8::{i + 1:x}", 4001)) for i in range(wire.MAX_NAMED + 1))
    page = wire.Members(1, 5, 1000, peers[: wire.MAX_NAMED])
    assert wire.CODEC.decode(wire.CODEC.encode(page)) == page
    with pytest.raises(UsageError, match="a list of"):
        wire.CODEC.encode(wire.Members(1, 5, 1000, peers))
    assert set(wire.REASONS) == {wire.FULL, wire.ID_TAKEN, wire.STRANGER}
