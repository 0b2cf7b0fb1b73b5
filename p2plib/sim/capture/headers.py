"""Headers: a packet of the simulated internet as the bytes that a real one would carry. A codec, one way.

It follows RFC 791 (IPv4), RFC 8200 (IPv6), RFC 768 (UDP) and RFC 9293 (TCP), with checksums after RFC 1071.

Rules
    1. A packet is whole, however large: it is written as a kernel sees it once its fragments are joined.
    2. A TCP window past 65,535 needs a scale (RFC 7323), which both SYNs announce. A window is rounded up to
       it, so that a small one never reads as a closed one; the window of a SYN is never scaled.
    3. There are no other options.

Vocabulary: the *pseudo header* is what the checksum of UDP and TCP covers beside header and data: both
addresses, protocol and length, so that a packet delivered to a wrong address is found out.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable

from p2plib.errors import UsageError
from p2plib.sim.packet import Address, Flag, Packet, Segment

LARGEST_BYTES = 65_535  # what the length fields of RFC 791 and RFC 8200 can say
TTL = 64  # what Linux begins with; the simulated internet counts no hops
PROTOCOL = {"udp": 17, "tcp": 6}
LARGEST_WINDOW = 65_535
LARGEST_SCALE = 14  # RFC 7323, 2.3

IP = ipaddress.IPv4Address | ipaddress.IPv6Address


def checksum(data: bytes) -> int:
    """Return the internet checksum: the complement of the ones' complement sum of 16-bit words (RFC 1071).

    Args:
        data: the bytes; an odd one at the end counts as the high byte of a word.

    Returns:
        0 to 65,535; 0 for data in which a right checksum stands already.

    Example:
        >>> hex(checksum(bytes.fromhex("0001f203f4f5f6f7")))
        '0x220d'
    """
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)  # what overflows comes back in at the right
    return total ^ 0xFFFF


def window_scale(packets: Iterable[Packet]) -> int:
    """Return the least number of bits to shift windows by so that each of *packets* has room for its own."""
    largest = max((packet.segment.window for packet in packets if packet.segment), default=0)
    return min((largest >> 16).bit_length(), LARGEST_SCALE)


def ip_packet(packet: Packet, source: Address, destination: Address, *, scale: int = 0) -> bytes:
    """Write a packet as IP carries it: IP header, UDP or TCP header, data.

    Args:
        packet: what to write.
        source: the address that it comes from, as seen at the place in question.
        destination: the address that it goes to.
        scale: by how many bits TCP windows are shifted, see `window_scale`.

    Raises:
        UsageError: an address that is none, or two of different families; a packet larger than IP can carry;
            a TCP packet without a segment, or with numbers that its header cannot hold.
    """
    ends = ip_address(source[0]), ip_address(destination[0])
    if ends[0].version != ends[1].version:
        raise UsageError(f"a packet from {source[0]} to {destination[0]} mixes IPv4 and IPv6")
    ports = _number("a port", source[1], 16), _number("a port", destination[1], 16)
    if packet.kind == "udp":
        head, data, at = _udp(ports, len(packet.data)), packet.data, 6
    else:
        segment = _segment_of(packet)
        head, data, at = _tcp(ports, segment, scale), segment.data, 16
    counted = len(head) + (20 if ends[0].version == 4 else 0)  # IPv6 does not count its own header
    if counted + len(data) > LARGEST_BYTES:
        most = f"{LARGEST_BYTES - counted:,} is the most"
        raise UsageError(f"packet {packet.number} carries {len(data):,} bytes, where {most}")
    content = _with_checksum(head + data, at, ends, packet.kind)
    if ends[0].version == 4:
        return _ipv4_header(packet, ends, len(content)) + content
    fixed = struct.pack("!IHBB", 6 << 28, len(content), PROTOCOL[packet.kind], TTL)  # RFC 8200, 3
    return fixed + ends[0].packed + ends[1].packed + content


def ip_address(text: str) -> IP:
    """Return an IP address of text.

    Raises:
        UsageError: it is none.
    """
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise UsageError(f"{text!r} is not an IP address") from None


def _ipv4_header(packet: Packet, ends: tuple[IP, IP], content_bytes: int) -> bytes:
    """RFC 791, 3.1: five words of four bytes."""
    size, protocol = 20 + content_bytes, PROTOCOL[packet.kind]
    head = struct.pack("!BBHHHBBH", 0x45, 0, size, packet.number & 0xFFFF, 0, TTL, protocol, 0)
    head += ends[0].packed + ends[1].packed
    return head[:10] + checksum(head).to_bytes(2, "big") + head[12:]


def _udp(ports: tuple[int, int], data_bytes: int) -> bytes:
    """RFC 768, without its checksum; too large a length is found by the caller."""
    return struct.pack("!HHHH", *ports, min(8 + data_bytes, 0xFFFF), 0)


def _tcp(ports: tuple[int, int], segment: Segment, scale: int) -> bytes:
    """RFC 9293, 3.1, without its checksum."""
    seq = _number("a sequence number", segment.seq, 32)
    ack = _number("an acknowledgement number", segment.ack, 32)
    is_syn = Flag.SYN in segment.flags
    options = struct.pack("!BBBB", 1, 3, 3, scale) if is_syn and scale else b""  # a no-op, then the scale
    window = _number("a window", segment.window, 16 + LARGEST_SCALE)
    shown = min(-(-window // (1 if is_syn else 2**scale)), LARGEST_WINDOW)
    words = (20 + len(options)) // 4
    head = struct.pack("!HHIIBBHHH", *ports, seq, ack, words << 4, int(segment.flags), shown, 0, 0)
    return head + options


def _with_checksum(content: bytes, at: int, ends: tuple[IP, IP], kind: str) -> bytes:
    """Header and data with the checksum in its place, reckoned over the pseudo header, too."""
    pseudo = ends[0].packed + ends[1].packed
    if ends[0].version == 4:
        pseudo += struct.pack("!BBH", 0, PROTOCOL[kind], len(content))  # RFC 768 and RFC 9293, 3.1
    else:
        pseudo += struct.pack("!II", len(content), PROTOCOL[kind])  # RFC 8200, 8.1
    found = checksum(pseudo + content)
    if kind == "udp" and found == 0:
        found = 0xFFFF  # the same number in ones' complement; 0 says that there is none (RFC 768)
    return content[:at] + found.to_bytes(2, "big") + content[at + 2 :]


def _segment_of(packet: Packet) -> Segment:
    if packet.segment is None:
        raise UsageError(f"packet {packet.number} is TCP, but has no segment")
    return packet.segment


def _number(what: str, value: int, bits: int) -> int:
    if not 0 <= value < 2**bits:
        raise UsageError(f"{what} has {bits} bits, so it cannot be {value}")
    return value
