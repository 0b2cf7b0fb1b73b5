"""Faults: what goes wrong in a run, drawn from a seed or given one by one.

Rules:

* A `Chaos` draws faults at random as the run goes on. Every fault that happens, also one that a link's own
  loss brings, is written down in `Internet.happened` as a value that says exactly what to do to make it
  happen again.
* An internet that is given a list of faults has those and no others. So a failing run can be repeated with
  fewer of them, which is how `p2plib.sim.search.seeds` finds the few that matter.

Vocabulary: a packet is named by its sender and its number among that sender's packets, counted from 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from p2plib.errors import UsageError
from p2plib.sim.exact import power
from p2plib.sim.link import REORDERED_BY_S, Link

if TYPE_CHECKING:
    from p2plib.sim.host import Host
    from p2plib.sim.internet import Internet


@dataclass(frozen=True, slots=True)
class Lose:
    """A packet is lost."""

    host: str
    nth: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A packet arrives a second time, some seconds after the first."""

    host: str
    nth: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Delay:
    """A packet is held back for some seconds.

    TCP segments that follow overtake it, unless it is `in_order`: then they wait for it, as with jitter.
    """

    host: str
    nth: int
    seconds: float
    in_order: bool = False


@dataclass(frozen=True, slots=True)
class Corrupt:
    """One bit of a packet is flipped: number `bit`, counted from 1, modulo its length."""

    host: str
    nth: int
    bit: int


@dataclass(frozen=True, slots=True)
class Crash:
    """A host loses its power at a virtual second, and starts again after `down_s`, if that is finite."""

    host: str
    at_s: float
    down_s: float = math.inf
    lose_disk: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """The hosts named are cut off from all others at a virtual second, for `seconds`."""

    hosts: tuple[str, ...]
    at_s: float
    seconds: float = math.inf


Fault = Lose | Duplicate | Delay | Corrupt | Crash | Cut


@dataclass(frozen=True, slots=True)
class Chaos:
    """How much goes wrong at random.

    Args:
        loss: probability that a packet is lost.
        duplicate: probability that it arrives twice.
        delay: probability that it is held back.
        delay_s: for how long at most.
        crashes: how many crashes there are in the whole time.
        down_s: how long a crashed host is down at most.
        cuts: how many times the network is cut in two.
        cut_s: for how long at most.
        within_s: crashes and cuts begin within this many virtual seconds from the start.
        spare: hosts that never crash.
    """

    loss: float = 0.0
    duplicate: float = 0.0
    delay: float = 0.0
    delay_s: float = 1.0
    crashes: int = 0
    down_s: float = 5.0
    cuts: int = 0
    cut_s: float = 5.0
    within_s: float = 30.0
    spare: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for chance in (self.loss, self.duplicate, self.delay):
            if not 0 <= chance <= 1:
                raise UsageError(f"loss, duplicate and delay are probabilities from 0 to 1, not {chance}")


class Fortune(NamedTuple):
    """What becomes of one packet.

    Args:
        fate: why it is dropped; "" if it is not.
        corrupted: which bit is flipped, from 1; 0 for none.
        late_s: how much later than it should each copy of it arrives.
        overtaken: whether TCP segments that follow overtake it, if it is late.
    """

    fate: str = ""
    corrupted: int = 0
    late_s: tuple[float, ...] = (0.0,)
    overtaken: bool = False


NOTHING = Fortune()


class Faults:
    """What goes wrong in one run.

    Args:
        net: the internet that it happens to.
        plan: a chaos to draw from, or the very faults.
    """

    def __init__(self, net: Internet, plan: Chaos | Sequence[Fault]) -> None:
        self.net = net
        self._chaos = plan if isinstance(plan, Chaos) else None
        self._counts: dict[str, int] = {}
        self._told: dict[tuple[str, int], list[Fault]] = {}
        if isinstance(plan, Chaos):
            self._draw_events(plan)
        else:
            for fault in plan:
                if isinstance(fault, Crash | Cut):
                    net.at(fault.at_s, self._begin, fault)
                else:
                    self._told.setdefault((fault.host, fault.nth), []).append(fault)

    def _draw_events(self, chaos: Chaos) -> None:
        draws = Random(f"{self.net.seed}/chaos")
        for _ in range(chaos.crashes):
            at, down, who = draws.uniform(0, chaos.within_s), draws.uniform(0, chaos.down_s), draws.random()
            self.net.at(at, self._crash_somebody, (chaos, at, down, who))
        for _ in range(chaos.cuts):
            at, length, who = (
                draws.uniform(0, chaos.within_s),
                draws.uniform(0, chaos.cut_s),
                draws.getrandbits(64),
            )
            self.net.at(at, self._cut_somewhere, (at, length, who))

    def _crash_somebody(self, drawn: tuple[Chaos, float, float, float]) -> None:
        chaos, at, down, who = drawn
        up = [host.name for host in self.net.hosts.values() if host.is_up and host.name not in chaos.spare]
        if up:
            self._begin(Crash(up[int(who * len(up))], at, down))

    def _cut_somewhere(self, drawn: tuple[float, float, int]) -> None:
        at, length, who = drawn
        draws = Random(who)
        side = tuple(name for name in self.net.hosts if draws.random() < 0.5)
        if side and len(side) < len(self.net.hosts):
            self._begin(Cut(side, at, length))

    def _begin(self, fault: Crash | Cut) -> None:
        """Let a crash or a cut happen, and end in its time."""
        net = self.net
        if isinstance(fault, Crash):
            host = net.hosts.get(fault.host)
            if host is None or not host.is_up:
                return
            host.crash(lose_disk=fault.lose_disk)
            if fault.down_s < math.inf:
                net.at(net.time + fault.down_s, lambda host: host.is_up or host.restart(), host)
        else:
            sides = [
                [host for host in net.hosts.values() if (host.name in fault.hosts) is inside]
                for inside in (True, False)
            ]
            cut = net.cut(*sides)
            if fault.seconds < math.inf:
                net.at(net.time + fault.seconds, lambda cut: cut.heal(), cut)
        net.happened.append(fault)

    def fortune(self, sender: Host, link: Link, size_bytes: int) -> Fortune:
        """Decide what becomes of a packet: by its link and the chaos, or by the faults that were given."""
        nth = self._counts.get(sender.name, 0)
        self._counts[sender.name] = nth + 1
        by_link = draw(link, size_bytes, sender.draws.random)
        if self._chaos is None:
            told = self._told.get((sender.name, nth), ())
            self.net.happened.extend(told)
            return _as_told(told)
        fortune = _worse(by_link, self._chaos, sender.luck)
        self.net.happened.extend(_told_as_faults(fortune, sender.name, nth))
        return fortune


def draw(link: Link, size_bytes: int, random: Callable[[], float]) -> Fortune:
    """Draw what a link does to one packet: always seven draws, so that the next has its own."""
    jitter, lost, twice, held = random(), random(), random(), random()
    how_long, flipped, bit = random(), random(), random()
    arrives = 1 - link.loss
    if size_bytes > link.mtu:  # fragments, of which each has an IP header of its own
        arrives = power(arrives, math.ceil((size_bytes - 20) / (link.mtu - 20)))
    if lost >= arrives:
        return Fortune("lost")
    overtaken = held < link.reorder
    is_twice, corrupted = twice < link.duplicate, flipped < link.corrupt
    if not (link.jitter_s or overtaken or is_twice or corrupted):
        return NOTHING
    late = jitter * link.jitter_s + (how_long * REORDERED_BY_S if overtaken else 0.0)
    copies = (late, late + how_long * REORDERED_BY_S) if is_twice else (late,)
    return Fortune("", 1 + int(bit * 2**20) if corrupted else 0, copies, overtaken)


def _worse(fortune: Fortune, chaos: Chaos, luck: Random) -> Fortune:
    lost, twice, held, how_long = luck.random(), luck.random(), luck.random(), luck.random()
    is_held = held < chaos.delay
    late = fortune.late_s[0] + (how_long * chaos.delay_s if is_held else 0.0)
    copies = fortune.late_s[1:] or ((late + how_long * chaos.delay_s,) if twice < chaos.duplicate else ())
    fate = "lost" if lost < chaos.loss else fortune.fate
    return Fortune(fate, fortune.corrupted, (late, *copies), fortune.overtaken or is_held)


def _told_as_faults(fortune: Fortune, host: str, nth: int) -> list[Fault]:
    """Return the faults that make this fortune happen again."""
    if fortune.fate:
        return [Lose(host, nth)]
    first, *copies = fortune.late_s
    faults: list[Fault] = [Delay(host, nth, first, not fortune.overtaken)] if first else []
    faults += [Duplicate(host, nth, copy - first) for copy in copies]
    return faults + ([Corrupt(host, nth, fortune.corrupted)] if fortune.corrupted else [])


def _as_told(told: Sequence[Fault]) -> Fortune:
    late, copies, bit, overtaken = 0.0, [], 0, False
    for fault in told:
        if isinstance(fault, Lose):
            return Fortune("lost")
        if isinstance(fault, Delay):
            late, overtaken = late + fault.seconds, overtaken or not fault.in_order
        elif isinstance(fault, Duplicate):
            copies.append(fault.seconds)
        elif isinstance(fault, Corrupt):
            bit = fault.bit
    return Fortune("", bit, (late, *(late + copy for copy in copies)), overtaken)
