"""What drawings call a packet, and who is at its end: words made from `p2plib.sim.packet.Packet` records.

Vocabulary: a packet's *label* is what a drawing calls it, such as "SYN" or "42 bytes"; its *end* is the host
that it reached or would have reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from p2plib.errors import UsageError

if TYPE_CHECKING:  # only for the types: who draws a figure need not load the simulated internet
    from p2plib.sim.packet import Packet

Label = Callable[["Packet"], str | None]
"""What to call a packet; None leaves it out."""

UNITS = {"s": (1.0, 3), "ms": (1000.0, 1)}  # how many make a second, and decimals at most
PREVIEW_BYTES = 8  # in hexadecimal
PREVIEW_LETTERS = 20


def packet_label(packet: Packet) -> str:
    """Return "SYN", "SYN ACK", "ACK", "FIN", "RST", "42 bytes" or such a size with "FIN"."""
    size = len(packet.data)
    words = [f"{size:,} byte{'' if size == 1 else 's'}"] if size or packet.segment is None else []
    if packet.segment is not None:
        flags = {flag.name for flag in packet.segment.flags}
        if "SYN" in flags:
            words = ["SYN ACK" if "ACK" in flags else "SYN", *words]
        words += [name for name in ("FIN", "RST") if name in flags]
        words = words or ["ACK" if "ACK" in flags else "nothing"]
    return " ".join(words)


def packet_contents(packet: Packet) -> str:
    """Return what a packet says: SYN, FIN or RST, and how its data begins, as text where that is printable
    ASCII, else in hexadecimal."""
    data = packet.data
    if all(32 <= byte < 127 for byte in data):
        text = data[:PREVIEW_LETTERS].decode("ascii")
        told = [f"“{text}{'…' if len(data) > PREVIEW_LETTERS else ''}”"] if data else []
    else:
        told = [data[:PREVIEW_BYTES].hex(" ") + (" …" if len(data) > PREVIEW_BYTES else "")]
    flags = {flag.name for flag in packet.segment.flags} if packet.segment is not None else set()
    shown: list[str] = [name for name in ("SYN", "FIN", "RST") if name in flags]
    if "ACK" in flags and ("SYN" in flags or not (shown or data)):
        shown.append("ACK")  # every other segment has it, too
    return " ".join([*shown, *told])


def is_pure_ack(packet: Packet) -> bool:
    """Whether a packet is a TCP segment that does nothing but acknowledge."""
    segment = packet.segment
    return segment is not None and not segment.data and [f.name for f in segment.flags] == ["ACK"]


class Ends:
    """Who is behind which address, learnt from what the packets say of themselves.

    A packet that was dropped at a NAT, or that nobody was to get, reached no host. Its end is then the host
    that has been seen to use its destination, or failing that the only one at that IP address, or else the IP
    address itself.

    Args:
        packets: all there are.
    """

    def __init__(self, packets: Iterable[Packet]) -> None:
        self._at: dict[tuple[str, int], str] = {}
        self._on: dict[str, dict[str, None]] = {}
        for packet in packets:
            for address in (packet.source, packet.seen_source or packet.source):
                self._learn(address, packet.sender)
            if packet.receiver:
                for address in (packet.destination, packet.seen_destination or packet.destination):
                    self._learn(address, packet.receiver)

    def _learn(self, address: tuple[str, int], host: str) -> None:
        self._at.setdefault(address, host)
        self._on.setdefault(address[0], {})[host] = None

    def of(self, packet: Packet) -> str:
        """Return the end of a packet."""
        if packet.receiver:
            return packet.receiver
        known = [*self._on.get(packet.destination[0], {})]
        return self._at.get(packet.destination) or (known[0] if len(known) == 1 else packet.destination[0])


def in_unit(seconds: float, unit: str) -> float:
    """Return a time in "s" or "ms", rounded to what a figure shows of it: a thousandth, a tenth.

    Raises:
        UsageError: another unit.
    """
    if unit not in UNITS:
        raise UsageError(f'times are in "s" or "ms", not in {unit!r}')
    factor, decimals = UNITS[unit]
    return round(seconds * factor, decimals)


def times(seconds: Sequence[float], unit: str) -> list[str]:
    """Return times as text, all with as many decimals as the finest needs."""
    values = [in_unit(time_s, unit) for time_s in seconds]
    most = max((len(f"{value:.3f}".rstrip("0").partition(".")[2]) for value in values), default=0)
    return [f"{value:.{most}f}" for value in values]


def check_count(count: int, limit: int, what: str, advice: str) -> None:
    """Refuse to show nothing, and more than *limit* of *what*."""
    if not count:
        raise UsageError("there is no packet to show")
    if count > limit:
        some = "give fewer packets, such as trace.between(0, 1)"
        raise UsageError(f"{count:,} {what}, where {limit} are the most: {some}; {advice}")
