"""Headers byte by byte, typed in from the specifications or reckoned by hand, and their checksums."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from p2plib.sim.capture.headers import checksum, ip_packet, window_scale
from p2plib.sim.packet import Flag, Segment
from tests.sim.capture.packets import ANA, ANA6, BEN, BEN6, datagram, stream

# ---- Known answers


def test_the_example_of_rfc_1071() -> None:
    """RFC 1071, 3: the words 0001 f203 f4f5 f6f7 sum up to 2ddf0, which is ddf2; the checksum is ~ddf2."""
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
    assert checksum(b"") == 0xFFFF
    assert checksum(b"\x12") == 0xFFFF - 0x1200, "an odd byte is the high one of its word"
    assert checksum(b"\xff\xff" * 70_000) == 0, "carries of carries"


def test_an_ipv4_header_and_a_udp_header_reckoned_by_hand() -> None:
    # 4500 + 001e + 0007 + 0000 + 4011 + c000 + 0201 + c633 + 6407 = 27171 -> 7173 -> ~ is 8e8c
    # c000 + 0201 + c633 + 6407 + 0011 + 000a + 9c40 + 9c41 + 000a + 6869 = 38d4a -> 8d4d -> ~ is 72b2
    raw = ip_packet(datagram(b"hi", number=7), ANA, BEN)
    assert raw.hex(" ", 2) == ("4500 001e 0007 0000 4011 8e8c c000 0201 c633 6407 9c40 9c41 000a 72b2 6869")


def test_an_ipv6_header() -> None:
    raw = ip_packet(datagram(b"hi"), ANA6, BEN6)
    assert raw[:8].hex() == "60000000000a1140"
    assert raw[8:40].hex() == "20010db8" + "0" * 23 + "1" + "20010db8" + "0" * 23 + "2"
    assert raw[40:46].hex() == "9c409c41000a"


def test_a_tcp_header() -> None:
    syn = Segment(Flag.SYN | Flag.ACK, 0x01020304, 0x0A0B0C0D, 0xFFFF)
    raw = ip_packet(stream(syn), ANA, BEN)
    assert raw[20:36].hex(" ", 4) == "9c409c41 01020304 0a0b0c0d 5012ffff"
    assert raw[38:] == b"\0\0", "no urgent data, no options"


def test_a_checksum_of_zero_is_sent_as_ones() -> None:
    """RFC 768: in the field, 0 says that the sender reckoned none."""
    found = struct.unpack("!H", ip_packet(datagram(b"\0\0"), ANA, BEN)[26:28])[0]
    raw = ip_packet(datagram(struct.pack("!H", found)), ANA, BEN)
    assert raw[26:28] == b"\xff\xff"


def test_windows_are_scaled_but_not_in_a_syn() -> None:
    big = stream(Segment(Flag.ACK, 1, 1, 262_144))
    assert window_scale([big]) == 3
    assert window_scale([stream(Segment(Flag.ACK, 1, 1, 65_535)), datagram()]) == 0
    assert window_scale([stream(Segment(Flag.ACK, 1, 1, 65_536))]) == 1
    assert window_scale([stream(Segment(Flag.ACK, 1, 1, 2**30 - 1))]) == 14
    assert window_scale([stream(Segment(Flag.ACK, 1, 1, 2**40))]) == 14
    for window, flags, shown, options in (
        (262_144, Flag.ACK, 32_768, ""),
        (1, Flag.ACK, 1, ""),
        (0, Flag.ACK, 0, ""),
        (2**30 - 1, Flag.ACK, 65_535, ""),
        (1000, Flag.SYN, 1000, "01030303"),
        (262_144, Flag.SYN, 65_535, "01030303"),
    ):
        raw = ip_packet(stream(Segment(flags, 1, 1, window)), ANA, BEN, scale=3)
        assert (struct.unpack("!H", raw[34:36])[0], raw[40:].hex()) == (shown, options)
        assert raw[32] >> 4 == (6 if options else 5)


# ---- Properties


def ones_sum(data: bytes) -> int:
    """An independent oracle: the ones' complement sum is the remainder by 65,535."""
    return int.from_bytes(data + bytes(len(data) % 2), "big") % 0xFFFF


@given(st.binary(max_size=400))
def test_the_checksum_is_the_complement_of_the_remainder(data: bytes) -> None:
    assert (0xFFFF - checksum(data)) % 0xFFFF == ones_sum(data)
    if len(data) % 2 == 0:
        assert checksum(data + checksum(data).to_bytes(2, "big")) == 0


PORTS = st.integers(0, 65_535)


@given(
    st.binary(max_size=300),
    st.ip_addresses(v=4),
    st.ip_addresses(v=4),
    st.ip_addresses(v=6),
    st.ip_addresses(v=6),
    PORTS,
    PORTS,
    st.integers(0, 2**32 - 1),
    st.integers(0, 31),
)
def test_what_is_written_verifies(
    data: bytes, a4: Any, b4: Any, a6: Any, b6: Any, port: int, other: int, seq: int, flags: int
) -> None:
    plain = datagram(data)
    segment = stream(Segment(Flag(flags), seq, 2**32 - 1 - seq, 500, data))
    for packet, protocol in ((plain, 17), (segment, 6)):
        raw = ip_packet(packet, (str(a4), port), (str(b4), other))
        assert ones_sum(raw[:20]) == 0
        assert struct.unpack("!H", raw[2:4])[0] == len(raw)
        pseudo = raw[12:20] + bytes([0, protocol]) + (len(raw) - 20).to_bytes(2, "big")
        assert ones_sum(pseudo + raw[20:]) == 0
        assert raw.endswith(data)
        raw = ip_packet(packet, (str(a6), port), (str(b6), other))
        assert struct.unpack("!H", raw[4:6])[0] == len(raw) - 40
        assert (
            ones_sum(raw[8:40] + (len(raw) - 40).to_bytes(4, "big") + bytes([0, 0, 0, protocol]) + raw[40:])
            == 0
        )
