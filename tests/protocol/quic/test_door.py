"""What a listener does with datagrams that belong to no connection."""

from __future__ import annotations

import random

import pytest

from p2plib.protocol.quic.door import Door, Opening, destination_id
from tests.protocol.quic.machines import ALICE

pytest.importorskip("aioquic")

from aioquic.quic.packet import QuicPacketType, QuicProtocolVersion, pull_quic_header

from p2plib.protocol.quic.machine import Machine, configure

THERE = ("192.0.2.1", 1111)
ELSEWHERE = ("192.0.2.9", 1111)


def client() -> Machine:
    machine = Machine(configure(ALICE, is_client=True))
    machine.connect(("192.0.2.2", 2222), now=0.0)
    return machine


def first(machine: Machine) -> bytes:
    """The next datagram of a client."""
    return machine.datagrams_to_send(0.0)[0][0]


def header(data: bytes):  # type: ignore[no-untyped-def]
    from aioquic._buffer import Buffer

    return pull_quic_header(Buffer(data=data), host_cid_length=8)


def test_a_connection_is_opened() -> None:
    machine = client()
    data = first(machine)
    name = machine.original_destination_connection_id
    assert destination_id(data) == name
    opening = Door().receive(data, THERE, 0.0, must_prove=False)
    assert opening == Opening(arrived_at=name, original_id=name, is_proved=False)


def test_an_address_is_proved() -> None:
    door, machine = Door(), client()
    name = machine.original_destination_connection_id
    first_data = first(machine)
    retry = door.receive(first_data, THERE, 0.0, must_prove=True)
    assert isinstance(retry, bytes)
    assert len(retry) < len(first_data)
    assert header(retry).packet_type == QuicPacketType.RETRY
    machine.receive_datagram(retry, ("192.0.2.2", 2222), 0.1)
    again = first(machine)
    for must_prove in (True, False):  # whatever is asked of others by now
        opening = door.receive(again, THERE, 0.2, must_prove=must_prove)
        assert isinstance(opening, Opening)
        assert (opening.original_id, opening.is_proved) == (name, True)
        assert opening.arrived_at == destination_id(again) == header(retry).source_cid


@pytest.mark.parametrize("spoiled", ["address", "time", "door"])
def test_a_token_is_of_one_address_a_short_time_and_a_door(spoiled: str) -> None:
    door, machine = Door(), client()
    retry = door.receive(first(machine), THERE, 0.0, must_prove=True)
    assert isinstance(retry, bytes)
    machine.receive_datagram(retry, ("192.0.2.2", 2222), 0.1)
    again = first(machine)
    answer = (Door() if spoiled == "door" else door).receive(
        again,
        ELSEWHERE if spoiled == "address" else THERE,
        31.0 if spoiled == "time" else 0.2,
        must_prove=True,
    )
    assert isinstance(answer, bytes), "it is asked once more"


def test_another_version_is_told_ours() -> None:
    data = first(client())
    for version in (bytes.fromhex("6b3343cf"), bytes.fromhex("0a0a0a0a"), bytes.fromhex("ff00001d")):
        answer = Door().receive(data[:1] + version + data[5:], THERE, 0.0, must_prove=False)
        assert isinstance(answer, bytes)
        assert len(answer) < len(data)
        told = header(answer)
        assert told.packet_type == QuicPacketType.VERSION_NEGOTIATION
        assert told.supported_versions == [QuicProtocolVersion.VERSION_1]
        assert Door().receive(answer + bytes(1200), THERE, 0.0, must_prove=False) is None


@pytest.mark.fault("F052")
def test_what_is_not_answered() -> None:
    data = first(client())
    long_ids = data[:5] + bytes([21]) + data[6:]
    for nothing in (
        b"",
        b"\x80",
        data[:1199],
        bytes([data[0] & 0x7F]) + data[1:],  # a short header, of a connection that is over
        bytes([data[0] & 0xBF]) + data[1:],  # without the fixed bit
        bytes([data[0] | 0x20]) + data[1:],  # a handshake packet
        long_ids,
        data[:5] + bytes([3]) + data[6:9] + data[14:] + bytes(5),  # an id that is too easily guessed
        b"GET / HTTP/1.1\r\n" * 100,
    ):
        assert Door().receive(nothing, THERE, 0.0, must_prove=False) is None
        assert isinstance(destination_id(nothing), bytes)


@pytest.mark.fault("F052")
@pytest.mark.parametrize("must_prove", [True, False])
def test_no_answer_is_longer_than_the_question(must_prove: bool) -> None:
    drawn, data, door = random.Random(7), first(client()), Door()
    for _ in range(3000):
        changed = bytearray(data[: drawn.choice([1200, 1200, 1200, 40])])
        for _ in range(drawn.randrange(1, 4)):
            changed[drawn.randrange(min(60, len(changed)))] = drawn.randrange(256)
        answer = door.receive(bytes(changed), THERE, 0.0, must_prove=must_prove)
        assert answer is None or isinstance(answer, Opening) or len(answer) < 200
