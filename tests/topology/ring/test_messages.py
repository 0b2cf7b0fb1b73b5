"""The messages of a ring, as bytes."""

from __future__ import annotations

import pytest

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Contact
from p2plib.topology.ring import messages as wire

ANA = Contact(9, ("192.0.2.9", 4001))
BEN = Contact(0x1234, ("2001:db8::1", 7))
ANA_HEX = "09 01 09 06 c0 00 02 09 0f a1"
BEN_HEX = "16 02 12 34 12 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 00 07"


BYTES = [
    (wire.Ping(1, 5), "02 01 01 01 01 05"),
    (wire.Pong(1, 5), "02 02 01 01 01 05"),
    (wire.Step(1, 5, 300), "02 03 01 01 01 05 02 01 2c"),
    (wire.Owner(1, 5, (ANA, BEN)), f"02 04 01 01 01 05 21 {ANA_HEX} {BEN_HEX}"),
    (wire.Nearer(1, 5, (ANA,), (BEN,)), f"02 05 01 01 01 05 0a {ANA_HEX} 17 {BEN_HEX}"),
    (wire.Neighbours(1, 5), "02 06 01 01 01 05"),
    (wire.NeighboursAre(1, 5, (), (ANA,)), f"02 07 01 01 01 05 00 0a {ANA_HEX}"),
    (wire.NeighboursAre(1, 5, (BEN,), ()), f"02 07 01 01 01 05 17 {BEN_HEX} 00"),
    (wire.Notify(1, 5), "02 08 01 01 01 05"),
    (wire.Leaving(1, 5, (ANA,), ()), f"02 09 01 01 01 05 0a {ANA_HEX} 00"),
    (wire.Done(1, 5), "02 0a 01 01 01 05"),
    (wire.Refused(1, 5, wire.ID_TAKEN), "02 0b 01 01 01 05 08 69 64 20 74 61 6b 65 6e"),
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


def test_lists_are_as_long_as_they_may_be_and_no_longer() -> None:
    """A predecessor is a list of one at most; the largest lists of IPv6 peers fit into one datagram."""
    peers = tuple(Contact((1 << 160) - i, (f"2001:db8::{i + 1:x}", 4001)) for i in range(21))
    for message, longer in (
        (wire.NeighboursAre(1, 5, peers[:1], peers[:20]), wire.NeighboursAre(1, 5, peers[:2], ())),
        (wire.Leaving(1, 5, peers[:1], peers[:20]), wire.Leaving(1, 5, (), peers)),
        (wire.Owner(1, 5, peers[:20]), wire.Owner(1, 5, peers)),
        (wire.Nearer(1, 5, peers[:8], peers[:12]), wire.Nearer(1, 5, peers[:9], ())),
    ):
        assert wire.CODEC.decode(wire.CODEC.encode(message)) == message
        with pytest.raises(UsageError, match="a list of"):
            wire.CODEC.encode(longer)
