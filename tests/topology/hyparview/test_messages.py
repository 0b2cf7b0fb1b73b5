"""The messages of HyParView, as bytes."""

from __future__ import annotations

import pytest

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Contact
from p2plib.topology.hyparview import messages as wire

ANA = Contact(9, ("192.0.2.9", 4001))
BEN = Contact(0x1234, ("2001:db8::1", 7))
ANA_HEX = "09 01 09 06 c0 00 02 09 0f a1"
BEN_HEX = "16 02 12 34 12 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 00 07"


BYTES = [
    (wire.Join(1, 5), "04 01 01 01 01 05"),
    (wire.Neighbour(1, 5, 1), "04 02 01 01 01 05 01 01"),
    (wire.Agreed(1, 5, 0), "04 03 01 01 01 05 00"),
    (wire.Ping(1, 5), "04 04 01 01 01 05"),
    (wire.Pong(1, 5, 1), "04 05 01 01 01 05 01 01"),
    (wire.ForwardJoin(5, ANA, 6), f"04 06 01 05 {ANA_HEX} 01 06"),
    (wire.Disconnect(5), "04 07 01 05"),
    (wire.Shuffle(5, ANA, 3, (BEN,)), f"04 08 01 05 {ANA_HEX} 01 03 17 {BEN_HEX}"),
    (wire.Shuffled(5, ()), "04 09 01 05 00"),
    (wire.Who(1, 5), "04 0a 01 01 01 05"),
    (wire.Names(1, 5, (ANA,), (BEN,)), f"04 0b 01 01 01 05 0a {ANA_HEX} 17 {BEN_HEX}"),
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


def test_a_shuffle_and_a_walk_have_an_end() -> None:
    peers = tuple(Contact((1 << 160) - i, (f"2001:db8::{i + 1:x}", 4001)) for i in range(wire.MAX_SAMPLE + 1))
    most = wire.Shuffle(5, ANA, wire.MAX_TTL, peers[: wire.MAX_SAMPLE])
    assert wire.CODEC.decode(wire.CODEC.encode(most)) == most
    with pytest.raises(UsageError, match="a list of"):
        wire.CODEC.encode(wire.Shuffle(5, ANA, 3, peers))
