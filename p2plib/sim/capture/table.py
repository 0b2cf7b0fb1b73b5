"""Packets as a table of text: when, from where, to where, what, and its fate."""

from __future__ import annotations

from collections.abc import Iterable

from p2plib.sim.packet import Packet


def trace_table(packets: Iterable[Packet]) -> str:
    """Return packets as a table of text, one a line."""
    rows = [("sent", "arrives", "from", "to", "what", "bytes", "")]
    rows += [_row(packet) for packet in packets]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = (True, True, False, False, False, True, False)
    return "\n".join(
        "  ".join(
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    )  # fmt: skip


def _row(packet: Packet) -> tuple[str, str, str, str, str, str, str]:
    what = (
        packet.kind if packet.segment is None else f"tcp {packet.segment.flags.name or ''}".replace("|", " ")
    )
    arrives = "" if packet.arrives_s is None else f"{packet.arrives_s:.6f}"
    source = f"{packet.sender}:{packet.source[1]}"
    destination = f"{packet.receiver or packet.destination[0]}:{packet.destination[1]}"
    return f"{packet.sent_s:.6f}", arrives, source, destination, what, str(len(packet.data)), packet.fate
