"""The network in steps: hosts at their places, and at every moment the packets that are under way.

A packet is an arrow as far as it has come, its way before it faint; one that was dropped since the step
before ends in a cross. A host that is down is dashed and pale; a cut is a dashed wall between the hosts, or a
fence round each of those cut off where no straight line parts them. Every step is told in words, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeGuard

from p2plib.errors import UsageError
from p2plib.figures.network_shapes import LOST_AT, WIDTH, Flight, host, stage, wall, ways
from p2plib.figures.packets import Ends, Label, packet_label, times
from p2plib.figures.palette import colour
from p2plib.figures.player import Player
from p2plib.figures.shapes import Point
from p2plib.figures.table import printable

if TYPE_CHECKING:  # only for the types: who draws a figure need not load the simulated internet
    from p2plib.sim.faults import Crash, Cut, Fault
    from p2plib.sim.packet import Packet

MOST_HOSTS = 24
MOST_STEPS = 60
MOST_UNDER_WAY = 30  # at one moment; more are a tangle
TOLD = 8  # how many packets of a step are named in its caption


def network_player(
    packets: Iterable[Packet],
    hosts: Sequence[str] | Mapping[str, Point],
    moments: Iterable[float] = (),
    *,
    title: str,
    notes: Mapping[float, str] | None = None,
    states: Mapping[float, Mapping[str, str]] | None = None,
    faults: Iterable[Fault] = (),
    label: Label | None = None,
    unit: str = "s",
    among: Sequence[str] | None = None,
) -> Player:
    """Draw a network as a figure in steps, each of them one moment.

    Args:
        packets: those of a trace, or some of them; packets of hosts that are not drawn are left out.
        hosts: names, placed on a ring from the top clockwise; or the place of each, (x, y) in any unit with y
            downward, scaled to fit.
        moments: virtual times in seconds; each is a step.
        title: what the figure shows; required.
        notes: a sentence for some moments; each of them is a step, too.
        states: words beneath some hosts, from a moment on until the next that names the host.
        faults: `Crash` and `Cut` values, such as `net.happened`; other faults show in the packets themselves.
        label: what to call a packet; one for which it returns None is left out. By default `packet_label`.
        unit: of the times in the captions: "s" or "ms".
        among: all peers of the chapter, where colours should agree with other figures.

    Raises:
        UsageError: no moment or more than 60, more than 24 hosts, a name that is not a host's, more than 30
            packets under way at one moment, an unknown unit, or no title.

    Example:
        >>> network_player(net.trace, ["ana", "ben"], [0.0, 0.02, 0.06], title="A question",
        ...                notes={0.02: "Ana asks."})
    """
    names, notes, states = list(hosts), notes or {}, states or {}
    steps = sorted({*moments, *notes})
    _check(names, steps, states)
    world = _World(packets, names, label or packet_label, list(faults), states)
    texts = times(steps, unit)
    on = stage(hosts, {name: colour(name, among or names) for name in names}, states=world.has_states)
    player = Player(title, WIDTH, on.height)
    looks: dict[str, tuple[str, bool]] = {}
    kept: dict[str, tuple[int, ...]] = {}
    before: float | None = None
    for now, text in zip(steps, texts, strict=True):
        moving, dropped = world.under_way(now), world.dropped(before, now)
        _bound(len(moving) + len(dropped), f"{text} {unit}")
        player.step(world.caption(f"{text} {unit}", notes.get(now, ""), before, now))
        player.show(*(wall(side, on) for side in world.cuts(now)))
        for name in names:
            look = world.look(name, now)
            if look != looks.get(name):
                player.drop(kept.get(name, ()))
                kept[name], looks[name] = player.keep(host(name, on, look[0], up=look[1])), look
        player.show(*ways([*moving, *dropped], on))
        before = now
    return player


def _check(names: Sequence[str], steps: Sequence[float], states: Mapping[float, Mapping[str, str]]) -> None:
    if not 1 <= len(names) <= MOST_HOSTS:
        raise UsageError(f"1 to {MOST_HOSTS} hosts can be drawn, not {len(names)}")
    if len(set(names)) != len(names):
        raise UsageError(f"every host is drawn once, but a name is twice in {names!r}")
    if not 1 <= len(steps) <= MOST_STEPS:
        advice = "choose the moments that matter"
        raise UsageError(f"1 to {MOST_STEPS} steps can be followed, not {len(steps)}: {advice}")
    for name in (name for state in states.values() for name in state):
        if name not in names:
            raise UsageError(f"{name!r} has a state, but is not one of {names!r}")


def _bound(count: int, time: str) -> None:
    if count > MOST_UNDER_WAY:
        raise UsageError(
            f"at {time} {count} packets are under way, where {MOST_UNDER_WAY} can be drawn: give fewer "
            "packets or hosts, or a label that returns None for those that do not matter"
        )


def _is_crash(fault: Fault) -> TypeGuard[Crash]:
    return hasattr(fault, "down_s")


def _is_cut(fault: Fault) -> TypeGuard[Cut]:
    return hasattr(fault, "hosts")


# What happens


class _World:
    """What there is between the hosts that are drawn, asked moment by moment."""

    def __init__(
        self,
        packets: Iterable[Packet],
        names: Sequence[str],
        label: Label,
        faults: Sequence[Fault],
        states: Mapping[float, Mapping[str, str]],
    ) -> None:
        packets = list(packets)
        ends = Ends(packets)
        self._names, self._states = names, states
        self._crashes = [fault for fault in faults if _is_crash(fault)]
        self._cuts = [fault for fault in faults if _is_cut(fault)]
        self.has_states = bool(states or self._crashes)
        self._all = [
            (packet, ends.of(packet), printable(text))
            for packet in packets
            if packet.sender in names and ends.of(packet) in names and packet.sender != ends.of(packet)
            if (text := label(packet)) is not None
        ]

    def under_way(self, now: float) -> list[Flight]:
        """The packets that have left and not arrived."""
        return [
            Flight(p.sender, end, text, (now - p.sent_s) / (p.arrives_s - p.sent_s))
            for p, end, text in self._all
            if p.arrives_s is not None and p.sent_s <= now < p.arrives_s
        ]

    def dropped(self, before: float | None, now: float) -> list[Flight]:
        """Those that left since the step before, or in the first step at it, and never arrive."""
        return [
            Flight(p.sender, end, text, LOST_AT, printable(p.fate))
            for p, end, text in self._all
            if p.arrives_s is None and (p.sent_s == now if before is None else before < p.sent_s <= now)
        ]

    def cuts(self, now: float) -> list[list[str]]:
        """The hosts on one side of each cut that parts any."""
        sides = [
            [name for name in self._names if name in cut.hosts]
            for cut in self._cuts
            if cut.at_s <= now < cut.at_s + cut.seconds
        ]
        return [side for side in sides if 0 < len(side) < len(self._names)]

    def is_down(self, name: str, now: float) -> bool:
        """Whether a host has crashed and not started again."""
        return any(c.host == name and c.at_s <= now < c.at_s + c.down_s for c in self._crashes)

    def look(self, name: str, now: float) -> tuple[str, bool]:
        """The words beneath a host, and whether it is up."""
        if self.is_down(name, now):
            return "down", False
        told = [at for at in sorted(self._states) if at <= now and name in self._states[at]]
        return (printable(self._states[told[-1]][name]) if told else ""), True

    def caption(self, time: str, note: str, before: float | None, now: float) -> str:
        """All of a moment in words."""
        told = [note.strip() + ("" if note.strip()[-1] in ".?!:…" else ".")] if note.strip() else []
        arrived = sum(
            before is not None and p.arrives_s is not None and before < p.arrives_s <= now
            for p, _, _ in self._all
        )
        if arrived:
            told.append(f"Arrived since: {arrived}.")
        for what, flights in (("Under way", self.under_way(now)), ("Dropped", self.dropped(before, now))):
            if flights:
                more = f"; and {len(flights) - TOLD} more" if len(flights) > TOLD else ""
                told.append(f"{what}: {'; '.join(flight.told for flight in flights[:TOLD])}{more}.")
        told += [f"Cut off from the rest: {', '.join(side)}." for side in self.cuts(now)]
        down = [name for name in self._names if self.is_down(name, now)]
        if down:
            told.append(f"Down: {', '.join(down)}.")
        return printable(f"At {time}. " + (" ".join(told) or "Nothing is under way."))
