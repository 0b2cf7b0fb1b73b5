"""Drawings of what hosts sent each other, made from the packets of a trace: who, to whom, what, and its fate.

They take `p2plib.sim.packet.Packet` records, from wherever they come, and need nothing else of the simulated
internet. Words from the network are data: what cannot be printed is shown as U+FFFD.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from p2plib.errors import UsageError
from p2plib.figures.packets import (
    Ends,
    Label,
    check_count,
    in_unit,
    is_pure_ack,
    packet_contents,
    packet_label,
    times,
)
from p2plib.figures.sequence import Message, sequence
from p2plib.figures.svg import Figure
from p2plib.figures.table import Table, printable

if TYPE_CHECKING:  # only for the types: who draws a figure need not load the simulated internet
    from p2plib.sim.packet import Packet

MOST_ARROWS = 40  # more than these nobody follows
MOST_ROWS = 200

_Sums = tuple[list[int], Counter[str]]
"""Packets and bytes sent, packets and bytes arrived; how many were dropped by reason."""


class Counted(Protocol):
    """Counts of packets and bytes, as `Trace.sent` has them."""

    packets: int
    size_bytes: int


def packet_sequence(
    packets: Iterable[Packet],
    *,
    title: str,
    peers: Sequence[str] | None = None,
    label: Label | None = None,
    caption: str = "",
    unit: str = "s",
    acks: bool = True,
    among: Sequence[str] | None = None,
    limit: int = MOST_ARROWS,
) -> Figure:
    """Draw packets as a sequence: an arrow for each, from sending to arrival, crossed if it is dropped.

    Args:
        packets: those of a trace, or some of them, such as `net.trace.between(0, 1)`.
        title: what the drawing shows; required.
        peers: the lifelines from left to right; packets of others are left out. By default all, in the order
            in which they appear.
        label: what to call a packet; one for which it returns None is left out. By default `packet_label`.
        caption: what to see in it.
        unit: of the times at the left: "s" or "ms".
        acks: whether TCP segments that do nothing but acknowledge are drawn.
        among: all peers of the chapter, where colours should agree with other figures.
        limit: how many arrows at most.

    Returns:
        A figure whose alt text tells the packets in order. A dropped packet carries its fate as a note, and
        falls as steeply as those between the same two that arrive.

    Raises:
        UsageError: nothing to draw, more than `limit`, an unknown unit, or no title.

    Example:
        >>> packet_sequence(net.trace, title="A handshake", unit="ms")
    """
    packets = list(packets)
    in_unit(0, unit)
    ends, label = Ends(packets), label or packet_label
    drawn = [
        (p, ends.of(p), text)
        for p in packets
        if (acks or not is_pure_ack(p)) and (text := label(p)) is not None
    ]
    if peers is None:
        peers = list(dict.fromkeys(name for p, end, _ in drawn for name in (p.sender, end)))
    drawn = [(p, end, text) for p, end, text in drawn if p.sender in peers and end in peers]
    check_count(
        len(drawn), limit, "arrows", "leave pure acknowledgements out with acks=False, name fewer peers"
    )
    messages = _messages(drawn, unit)
    return sequence(messages, peers=peers, title=title, caption=caption, among=among, unit=unit)


def _messages(drawn: Sequence[tuple[Packet, str, str]], unit: str) -> list[Message]:
    """An arrow for each packet, given with its receiver and its label."""
    usual = {
        frozenset((p.sender, end)): p.arrives_s - p.sent_s for p, end, _ in drawn if p.arrives_s is not None
    }
    messages = []
    for p, end, text in drawn:
        lost = p.arrives_s is None
        arrives = p.arrives_s
        if arrives is None:
            arrives = p.sent_s + usual.get(frozenset((p.sender, end)), 0.0)
        sent_and_arrives = in_unit(p.sent_s, unit), in_unit(arrives, unit)
        messages.append(Message(p.sender, end, printable(text), *sent_and_arrives, lost, printable(p.fate)))
    return messages


def packet_table(
    packets: Iterable[Packet],
    *,
    title: str,
    label: Label | None = None,
    caption: str = "",
    unit: str = "s",
    acks: bool = True,
    limit: int = MOST_ROWS,
) -> Table:
    """List packets: when, from whom to whom, which kind, how large, what, and when it arrived or why not.

    Args:
        packets: those of a trace, or some of them.
        title: what the table shows; required.
        label: what a packet says; one for which it returns None is left out. By default `packet_contents`.
        caption: what to see in it.
        unit: of the times: "s" or "ms".
        acks: whether TCP segments that do nothing but acknowledge are listed.
        limit: how many rows at most.

    Raises:
        UsageError: nothing to list, more than `limit`, an unknown unit, or no title.

    Example:
        >>> packet_table(net.trace.between(0, 0.5), title="The first half second", unit="ms")
    """
    packets = list(packets)
    ends, label = Ends(packets), label or packet_contents
    listed = [(p, text) for p in packets if (acks or not is_pure_ack(p)) and (text := label(p)) is not None]
    check_count(len(listed), limit, "rows", "leave pure acknowledgements out with acks=False")
    arrivals = [p.arrives_s for p, _ in listed if p.arrives_s is not None]
    shown = times([*(p.sent_s for p, _ in listed), *arrivals], unit)
    arrived = iter(shown[len(listed) :])
    rows = [
        (
            sent,
            f"{p.sender} → {ends.of(p)}",
            p.kind,
            f"{len(p.data):,}",
            text,
            f"✕ {p.fate}" if p.arrives_s is None else next(arrived),
        )
        for sent, (p, text) in zip(shown, listed, strict=False)
    ]
    head = (f"sent ({unit})", "from → to", "kind", "bytes", "what", f"arrived ({unit})")
    return Table(head, rows, title, caption, numbers=(0, 3, 5))


def traffic(
    packets: Iterable[Packet] | Mapping[tuple[str, str], Counted],
    *,
    title: str,
    dropped: Mapping[str, int] | None = None,
    caption: str = "",
    limit: int = MOST_ROWS,
) -> Table:
    """Count packets and bytes by host and kind: sent, arrived, and dropped with the reasons.

    Args:
        packets: those of a trace, counted by the host that sent them; or the counts that a trace keeps of all
            packets ever sent, `net.trace.sent()`, where a run was too long for it to remember each.
        title: what the table shows; required.
        dropped: with counts, how many packets were dropped by reason: `net.trace.dropped()`.
        caption: what to see in it.
        limit: how many rows at most.

    Raises:
        UsageError: nothing to count, more hosts than `limit`, reasons beside packets, which have their own,
            or no title.

    Example:
        >>> traffic(net.trace, title="Who sent how much")
        >>> traffic(net.trace.sent(), dropped=net.trace.dropped(), title="Who sent how much")
    """
    if isinstance(packets, Mapping):
        rows = [[host, kind, f"{c.packets:,}", f"{c.size_bytes:,}"] for (host, kind), c in packets.items()]
        sums = [sum(c.packets for c in packets.values()), sum(c.size_bytes for c in packets.values())]
        head, numbers = ["host", "kind", "sent", "bytes"], [2, 3]
        if dropped is not None:
            head.append("dropped")
            rows = [[*row, ""] for row in rows]
        total = ["all", "", *(f"{n:,}" for n in sums), *([] if dropped is None else [_reasons(dropped)])]
    elif dropped is not None:
        raise UsageError("packets know why they were dropped: leave dropped out, or give counts")
    else:
        head, numbers = ["host", "kind", "sent", "bytes", "arrived", "bytes", "dropped"], [2, 3, 4, 5]
        counts: dict[tuple[str, str], _Sums] = {}
        everything: _Sums = [0, 0, 0, 0], Counter()
        for packet in packets:
            tally = counts.setdefault((packet.sender, packet.kind), ([0, 0, 0, 0], Counter()))
            _count(packet, tally)
            _count(packet, everything)
        rows = [[host, kind, *_told(tally)] for (host, kind), tally in counts.items()]
        total = ["all", "", *_told(everything)]
    check_count(len(rows), limit, "rows", "give the packets of fewer hosts")
    if len(rows) > 1 or dropped is not None:
        rows.append(total)
    return Table(head, rows, title, caption, numbers, total=len(rows) > 1)


def _count(packet: Packet, sums: _Sums) -> None:
    numbers, fates = sums
    numbers[0] += 1
    numbers[1] += len(packet.data)
    if packet.arrives_s is None:
        fates[packet.fate] += 1
    else:
        numbers[2] += 1
        numbers[3] += len(packet.data)


def _told(sums: _Sums) -> list[str]:
    return [*(f"{n:,}" for n in sums[0]), _reasons(sums[1])]


def _reasons(counts: Mapping[str, int]) -> str:
    """Such as "3 lost, 1 cut off": the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{n:,} {fate}" for fate, n in ordered) or "–"
