"""Two TCP machines and a link between them that the test rules: virtual time, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random

from p2plib.sim.packet import Flag, Segment
from p2plib.sim.tcp.connection import Connection
from p2plib.sim.tcp.states import DataReceived, Event, Settings, State, refusal

SYN, ACK, FIN, RST, PSH = Flag.SYN, Flag.ACK, Flag.FIN, Flag.RST, Flag.PSH
Fate = Callable[[int, Segment, float], Iterable[float]]
"""(sender 0 or 1, segment, time) to the delays with which its copies arrive; none when it is lost."""


def constant(delay_s: float = 0.05) -> Fate:
    return lambda sender, segment, now_s: (delay_s,)


@dataclass
class Pair:
    """Machine 0 opens, machine 1 is made of the SYN if `listens`; a closed one answers with `refusal`."""

    fate: Fate = field(default_factory=constant)
    settings: tuple[Settings, Settings] = (Settings(), Settings())
    iss: tuple[int, int] = (1000, 5000)
    listens: bool = True
    now_s: float = 0.0
    log: list[tuple[float, int, Segment]] = field(default_factory=list)  # as sent
    events: tuple[list[Event], list[Event]] = field(default_factory=lambda: ([], []))
    times: dict[tuple[int, str], float] = field(default_factory=dict)  # of the first event of each kind
    steps: int = 0
    watch: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        self.ends = tuple(
            Connection(iss, settings) for iss, settings in zip(self.iss, self.settings, strict=True)
        )
        self._way: list[tuple[float, int, int, Segment]] = []

    def flush(self, who: int) -> None:
        for event in self.ends[who].events():
            assert (who, "ConnectionClosed") not in self.times, "ConnectionClosed is the last"
            self.events[who].append(event)
            self.times.setdefault((who, type(event).__name__), self.now_s)
        for segment in self.ends[who].segments_to_send(self.now_s):
            self.send(who, segment)

    def send(self, who: int, segment: Segment) -> None:
        self.log.append((self.now_s, who, segment))
        for delay_s in self.fate(who, segment, self.now_s):
            self.steps += 1
            heappush(self._way, (self.now_s + delay_s, self.steps, 1 - who, segment))

    def arrive(self, who: int, segment: Segment) -> None:
        end = self.ends[who]
        if end.state is State.CLOSED:
            if self.listens and who == 1 and segment.flags == Flag.SYN and not self.events[1]:
                end.accept(segment)
            elif answer := refusal(segment):
                self.send(who, answer)
        else:
            end.receive(segment, self.now_s)
        self.flush(who)

    def run(self, until_s: float = 1e6, most: int = 400_000) -> None:
        """Until *until_s*, or until nothing is under way."""
        for who in (0, 1):
            self.flush(who)
        for _ in range(most):
            timers = [(t, who) for who, end in enumerate(self.ends) if (t := end.timer()) is not None]
            at_s = min([self._way[0][0]] if self._way else [], default=float("inf"))
            ring_s, who = min(timers, default=(float("inf"), 0))
            if min(at_s, ring_s) > until_s:
                if until_s < 1e6:
                    self.now_s = until_s
                return
            if at_s <= ring_s:
                self.now_s, _, who, segment = heappop(self._way)
                self.arrive(who, segment)
            else:
                self.now_s = max(self.now_s, ring_s)
                self.ends[who].on_timer(self.now_s)
                self.flush(who)
            if self.watch:
                self.watch()
        raise AssertionError("the two never stop talking")

    def connect(self) -> None:
        self.ends[0].open()
        self.run(self.now_s + 0.2)
        assert all(end.state is State.ESTABLISHED for end in self.ends)

    def got(self, who: int) -> bytes:
        return b"".join(event.data for event in self.events[who] if isinstance(event, DataReceived))

    def names(self, who: int) -> list[str]:
        """The events, bytes left out."""
        return [type(event).__name__ for event in self.events[who] if not isinstance(event, DataReceived)]


def unruly(seed: int, loss: float, duplicate: float, spread_s: float, until_s: float = 1e9) -> Fate:
    """Loses, doubles and reorders at random, until *until_s*."""
    random = Random(seed)

    def fate(sender: int, segment: Segment, now_s: float) -> Iterable[float]:
        draws = [random.random() for _ in range(4)]
        if now_s >= until_s:
            return (0.05,)
        if draws[0] < loss:
            return ()
        copies = 2 if draws[1] < duplicate else 1
        return tuple(0.02 + spread_s * draw for draw in draws[2 : 2 + copies])

    return fate
