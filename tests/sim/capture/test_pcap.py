"""Capture files: block by block, and as senders, receivers and one host see a run."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest

from p2plib.errors import UsageError
from p2plib.sim import internet
from p2plib.sim.capture.pcap import EPOCH_S, pcap
from p2plib.sim.packet import Flag, Packet, Segment
from tests.sim.capture.packets import ANA, ANA6, BEN, BEN6, datagram, stream


def blocks(raw: bytes) -> list[tuple[int, bytes]]:
    """The blocks of a file; each says its length twice, a multiple of four."""
    found, at = [], 0
    while at < len(raw):
        kind, length = struct.unpack_from("!II", raw, at)
        assert length % 4 == 0
        assert raw[at + length - 4 : at + length] == raw[at + 4 : at + 8]
        found.append((kind, raw[at + 8 : at + length - 4]))
        at += length
    return found


def frames(raw: bytes) -> list[tuple[int, int, bytes]]:
    """(interface, time in ns, IP packet) of each frame."""
    out = []
    for kind, body in blocks(raw):
        if kind == 6:
            interface, high, low, size, whole = struct.unpack_from("!IIIII", body)
            assert size == whole
            out.append((interface, high << 32 | low, body[20 : 20 + size]))
    return out


def test_an_empty_file_is_a_section_of_unknown_length() -> None:
    assert pcap([]).hex(" ", 4) == "0a0d0d0a 0000001c 1a2b3c4d 00010000 ffffffff ffffffff 0000001c"


def test_a_file_byte_by_byte() -> None:
    raw = pcap([datagram(b"hi", sent_s=0.25, arrives_s=None, fate="lost")])
    _, (kind, face), (_, frame) = blocks(raw)
    assert (kind, face.hex(" ", 4)) == (
        1,
        "00650000 00000000 00020003 616e6100 00090001 09000000 00000000",
    )
    assert frame[:20].hex(" ", 4) == "00000000 17979cfe 4510b280 0000001e 0000001e"
    assert frame[20:].hex().endswith("6869000000010004" + b"lost".hex() + "000200040000000200000000")


def test_the_same_packets_give_the_same_bytes_in_any_order() -> None:
    packets = [datagram(number=i, sent_s=i % 3, sender=f"host {i % 4}") for i in range(12)]
    assert pcap(packets) == pcap(reversed(packets))


def test_the_clock_is_that_of_the_hosts() -> None:
    assert EPOCH_S == internet.BEGAN_S


@pytest.mark.parametrize("time_s", [0.0, 1e-9, 0.1, 86_400.000_000_123, 59.999_999_999])
def test_times_are_exact_to_the_nanosecond(time_s: float) -> None:
    ((_, time_ns, _),) = frames(pcap([datagram(sent_s=time_s)]))
    assert time_ns == 1_700_000_000 * 10**9 + round(time_s * 10**9)


NATTED = datagram(
    sent_s=1.0,
    arrives_s=1.5,
    source=("192.168.1.2", 4000),
    seen_source=("203.0.113.1", 40_001),
    destination=("203.0.113.2", 50_001),
    seen_destination=("192.168.2.2", 53),
)
LOST = datagram(b"gone", number=1, sent_s=1.1, arrives_s=None, fate="lost")
BACK = datagram(b"back", BEN, ANA, number=2, sent_s=1.2, arrives_s=1.3, sender="ben", receiver="ana")
ALONE = datagram(b"self", ANA, ANA, number=3, sent_s=1.4, arrives_s=1.45, receiver="ana")


def ends(raw: bytes) -> list[tuple[float, bytes, bytes, bytes]]:
    """(seconds, source, destination, data) of each frame."""
    return [(time_ns / 1e9 - EPOCH_S, ip[12:16], ip[16:20], ip[28:]) for _, time_ns, ip in frames(raw)]


def ip(text: str) -> bytes:
    return bytes(map(int, text.split(".")))


def test_as_seen_by_senders_receivers_and_one_host() -> None:
    packets = [ALONE, BACK, LOST, NATTED]

    def seen(**more: Any) -> list[tuple[float, bytes]]:
        return [(round(at, 3), data) for at, _, _, data in ends(pcap(packets, **more))]

    assert seen() == [(1.0, b"hi"), (1.1, b"gone"), (1.2, b"back"), (1.4, b"self")]
    assert seen(as_seen_by="receiver") == [(1.3, b"back"), (1.45, b"self"), (1.5, b"hi")]
    assert seen(host="ana") == [(1.0, b"hi"), (1.1, b"gone"), (1.3, b"back"), (1.4, b"self")]
    assert seen(host="ben") == [(1.2, b"back"), (1.5, b"hi")]
    assert seen(host="nobody") == []
    (_, *inside), (_, *outside) = ends(pcap([NATTED]))[0], ends(pcap([NATTED], as_seen_by="receiver"))[0]
    assert inside[:2] == [ip("192.168.1.2"), ip("203.0.113.2")]
    assert outside[:2] == [ip("203.0.113.1"), ip("192.168.2.2")]


@pytest.mark.parametrize("group", ["224.0.0.251", "255.255.255.255"])
def test_a_datagram_to_a_group_leaves_once(group: str) -> None:
    packets = [
        datagram(number=i, destination=(group, 53), receiver=name, seen_destination=("192.168.1.9", 53),
                 arrives_s=None if fate else 0.1, fate=fate)
        for i, (name, fate) in enumerate([("ben", ""), ("cy", "lost"), ("dan", "cut off")])
    ]  # fmt: skip
    raw = pcap(packets)
    assert len(frames(raw)) == 1
    assert b"cy: lost; dan: cut off" in raw
    assert b"dan: cut off; cy: lost" in pcap([packets[2], replace(packets[1], number=9)])
    ((_, _, destination, _),) = ends(pcap(packets, as_seen_by="receiver"))
    assert destination == ip(group)
    assert len(frames(pcap([*packets, datagram(number=4, destination=(group, 53), sent_s=1)]))) == 2


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        (datagram(bytes(65_508)), "65,508 bytes, where 65,507 is the most"),
        (datagram(bytes(65_528), ANA6, BEN6), "65,528 bytes, where 65,527 is the most"),
        (stream(Segment(Flag.ACK, 0, 0, 0, bytes(65_496))), "65,496 bytes, where 65,495 is the most"),
        (datagram(source=ANA6), "mixes IPv4 and IPv6"),
        (datagram(source=("ana", 1)), "'ana' is not an IP address"),
        (datagram(source=("192.0.2.1", 65_536)), "a port has 16 bits, so it cannot be 65536"),
        (datagram(destination=("192.0.2.1", -1)), "a port has 16 bits"),
        (replace(datagram(), kind="tcp"), "packet 0 is TCP, but has no segment"),
        (stream(Segment(Flag.ACK, 2**32, 0, 0)), "a sequence number has 32 bits"),
        (stream(Segment(Flag.ACK, 0, -1, 0)), "an acknowledgement number has 32 bits"),
        (stream(Segment(Flag.ACK, 0, 0, -1)), "a window has 30 bits"),
        (datagram(sent_s=-1.8e9), "times begin in 1970"),
    ],
)
def test_refusals(packet: Packet, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        pcap([packet])


def test_the_largest_there_are_and_an_unknown_view() -> None:
    for packet in (
        datagram(bytes(65_507)),
        datagram(bytes(65_527), ANA6, BEN6),
        stream(Segment(Flag.ACK, 0, 0, 0, bytes(65_495))),
    ):
        assert len(frames(pcap([packet]))) == 1
    with pytest.raises(UsageError, match="not 'both'"):
        pcap([], as_seen_by="both")  # type: ignore[arg-type]
