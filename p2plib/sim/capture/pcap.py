"""Pcap: the packets of a run as a capture file that Wireshark and tshark open. A codec, one way.

The file is a pcapng (draft-ietf-opsawg-pcapng, version 1.0) of raw IP packets (LINKTYPE_RAW), whose headers
are real; `p2plib.sim.capture.headers` writes them.

Rules
    1. Every host is an interface of the file, named after it; times are virtual ones to the nanosecond.
    2. As the senders see it, a packet is there when it leaves, with the addresses that its sender's socket
       knows. One that never arrives carries a comment that says why, such as "lost".
    3. As the receivers see it, only what arrives is there, at its arrival, with the addresses that the NATs
       on its way have written.
    4. At one host, there is what a capture on that machine would hold: what it sends by rule 2, what arrives
       by rule 3, and once what it sends to itself.
    5. A datagram to a group leaves its sender once, however many members it reaches. A packet that the
       network doubles is two.

Vocabulary: a *frame* is one packet of the file at one interface; a *block* is a record of the file; an
*option* is a small field at the end of a block, padded to four bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from p2plib.errors import UsageError
from p2plib.sim.capture.headers import ip_address, ip_packet, window_scale
from p2plib.sim.packet import Packet

EPOCH_S = 1_700_000_000.0  # where the hosts' wall clocks begin, as in p2plib.sim.internet

LINKTYPE_RAW = 101  # the packet begins with its IPv4 or IPv6 header
SECTION, INTERFACE, FRAME = 0x0A0D0D0A, 1, 6  # types of blocks
BYTE_ORDER = 0x1A2B3C4D  # how a reader tells that the numbers of this file are in network order
UNKNOWN_LENGTH = 2**64 - 1
END, COMMENT, IF_NAME, FRAME_FLAGS, IF_TSRESOL = 0, 1, 2, 2, 9  # codes of options, each in its kind of block
NANOSECONDS = 9  # a time is a multiple of 10**-9 s
INBOUND, OUTBOUND = 1, 2  # the lowest bits of FRAME_FLAGS

View = Literal["sender", "receiver"]


@dataclass(frozen=True, slots=True)
class _Frame:
    """A packet at one interface: the host's name, when, which way, the IP packet, and a comment or ""."""

    host: str
    time_s: float
    direction: int
    raw: bytes
    comment: str = ""


def pcap(
    packets: Iterable[Packet],
    *,
    epoch_s: float = EPOCH_S,
    as_seen_by: View = "sender",
    host: str | None = None,
) -> bytes:
    """Return packets as a capture file; its name should end in `.pcapng`.

    Args:
        packets: those of a trace, in any order.
        epoch_s: what a wall clock shows at virtual time 0, in seconds of the Unix epoch.
        as_seen_by: "sender" or "receiver": whose times and addresses are shown, and whether what never
            arrives is there.
        host: the name of one host, for a capture on that machine; `as_seen_by` then has no say.

    Returns:
        The file's bytes; the same packets give the same bytes.

    Raises:
        UsageError: a packet that IP cannot carry (see `p2plib.sim.capture.headers.ip_packet`), a time before
            1970, or a view that does not exist.

    Example:
        >>> Path("run.pcapng").write_bytes(pcap(net.trace))
    """
    if as_seen_by not in ("sender", "receiver"):
        raise UsageError(f'a capture is as seen by the "sender" or the "receiver", not {as_seen_by!r}')
    ordered = sorted(packets, key=lambda packet: packet.number)
    scale = window_scale(ordered)
    frames: list[_Frame] = []
    grouped: dict[tuple[object, ...], int] = {}  # what was sent to a group, and its place in frames
    for packet in ordered:
        leaves = as_seen_by == "sender" if host is None else packet.sender == host
        arrives = as_seen_by == "receiver" if host is None else packet.receiver == host
        if leaves:
            key = (packet.sender, packet.sent_s, packet.source, packet.destination, packet.data)
            if key in grouped:
                _add_comment(frames, grouped[key], packet)
                continue
            if _to_group(packet):
                grouped[key] = len(frames)
            frames.append(_leaving(packet, scale))
        elif arrives and packet.arrives_s is not None:
            frames.append(_arriving(packet, packet.arrives_s, scale))
    return _file(sorted(frames, key=lambda frame: frame.time_s), epoch_s)


def _leaving(packet: Packet, scale: int) -> _Frame:
    raw = ip_packet(packet, packet.source, packet.destination, scale=scale)
    comment = f"{packet.receiver}: {packet.fate}" if packet.fate and _to_group(packet) else packet.fate
    return _Frame(packet.sender, packet.sent_s, OUTBOUND, raw, comment)


def _arriving(packet: Packet, arrives_s: float, scale: int) -> _Frame:
    at = packet.seen_destination or packet.destination
    if _to_group(packet):  # a member has an address of its own, but the packet still names the group
        at = packet.destination
    raw = ip_packet(packet, packet.seen_source or packet.source, at, scale=scale)
    return _Frame(packet.receiver, arrives_s, INBOUND, raw)


def _add_comment(frames: list[_Frame], place: int, packet: Packet) -> None:
    """Note on the one frame of a datagram to a group that one more member did not get it."""
    if packet.fate:
        told = [*filter(None, [frames[place].comment]), f"{packet.receiver}: {packet.fate}"]
        frames[place] = replace(frames[place], comment="; ".join(told))


def _to_group(packet: Packet) -> bool:
    ip = packet.destination[0]
    return ip == "255.255.255.255" or ip_address(ip).is_multicast


# The file


def _file(frames: Iterable[_Frame], epoch_s: float) -> bytes:
    """The blocks of a file: the section, and the frames, each interface before its first one."""
    interfaces: dict[str, int] = {}
    blocks = [_block(SECTION, struct.pack("!IHHQ", BYTE_ORDER, 1, 0, UNKNOWN_LENGTH))]
    for frame in frames:
        if frame.host not in interfaces:
            interfaces[frame.host] = len(interfaces)
            blocks.append(_interface_block(frame.host))
        blocks.append(_frame_block(frame, interfaces[frame.host], epoch_s))
    return b"".join(blocks)


def _interface_block(name: str) -> bytes:
    body = struct.pack("!HHI", LINKTYPE_RAW, 0, 0)  # the last 0: packets are kept whole
    options = _option(IF_NAME, name.encode("utf8", "replace")) + _option(IF_TSRESOL, bytes([NANOSECONDS]))
    return _block(INTERFACE, body + options + _option(END))


def _frame_block(frame: _Frame, interface: int, epoch_s: float) -> bytes:
    time_ns = _nanoseconds(epoch_s) + _nanoseconds(frame.time_s)
    if not 0 <= time_ns < 2**64:
        raise UsageError(f"a capture's times begin in 1970, so not {frame.time_s} s after {epoch_s}")
    size = len(frame.raw)
    body = struct.pack("!IIIII", interface, time_ns >> 32, time_ns & 0xFFFFFFFF, size, size)
    body += frame.raw + bytes(-size % 4)
    if frame.comment:
        body += _option(COMMENT, frame.comment.encode("utf8", "replace"))
    return _block(FRAME, body + _option(FRAME_FLAGS, struct.pack("!I", frame.direction)) + _option(END))


def _block(kind: int, body: bytes) -> bytes:
    """A block: type, length, body, and the length once more, for those who read backwards."""
    length = struct.pack("!I", len(body) + 12)
    return struct.pack("!I", kind) + length + body + length


def _option(code: int, raw: bytes = b"") -> bytes:
    return struct.pack("!HH", code, len(raw)) + raw + bytes(-len(raw) % 4)


def _nanoseconds(seconds: float) -> int:
    """Whole seconds and the rest apart: a float of seconds since 1970 is exact to 240 ns only."""
    whole = int(seconds // 1)
    return whole * 10**9 + round((seconds - whole) * 10**9)
