"""Lab 10, stretch: how large a window? A reference, five ways to a reader, and budgets to keep.

A window is a promise of memory, and no more than one window travels in a round trip. RFC 9000, section 4.2,
lets a receiver tune it by the round trip and by how fast its program reads. The reference does so::

    credit     when half of the window was read since the last one
    twice      the window, if that took less than a round trip: the other side has waited for us
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab10_protocols.mux import HEAD_BYTES, Mux

FIRST_BYTES = 65_536  # what may be sent before anything was read
FRAME_BYTES = 16_384
MOST_BYTES = 2**24  # nobody's window grows beyond
STEPS = 40  # in a round trip
AHEAD_BYTES = 2**18  # what the sending program has ready
PATIENCE = 4  # times the budget in seconds, after which a way is given up

MakeWindow = Callable[[float], Any]  # a reader's class


class Window:
    """How much more may come, decided whenever something was read.

    Args:
        round_trip_s: to the other side and back, in seconds.
    """

    def __init__(self, round_trip_s: float) -> None:
        self.round_trip_s = round_trip_s
        self.size = FIRST_BYTES
        self.read_since = 0
        self.credit_at = 0.0

    def read(self, size: int, now: float) -> int:
        """The credit to be sent when so many bytes were read, at a time in seconds; 0 sends none."""
        self.read_since += size
        if self.read_since < self.size // 2:
            return 0
        credit, self.read_since = self.read_since, 0
        if now - self.credit_at < self.round_trip_s and 2 * self.size <= MOST_BYTES:
            credit += self.size
            self.size *= 2
        self.credit_at = now
        return credit


@dataclass(frozen=True)
class Road:
    """A way to a reader, and what carrying something along it may cost.

    Args:
        name: in the middle of a sentence.
        round_trip_s: in seconds.
        line: bytes a second that it carries.
        pace: bytes a second that the reader reads, in the first half.
        size: bytes to be carried.
        seconds: the budget for all of it.
        promised: the budget of the largest promise: bytes that may come, or have come and were not read.
        credits: the budget of frames with a credit.
        later_pace: of the second half; None for the same.
    """

    name: str
    round_trip_s: float
    line: float
    pace: float
    size: int
    seconds: float
    promised: int
    credits: int
    later_pace: float | None = None


@dataclass
class Cost:
    """What carrying cost.

    Args:
        seconds: until all was read, or it was given up.
        read: bytes.
        promised: the largest promise.
        left: the promise at the end.
        credits: frames with a credit.
        largest: credit.
        history: (seconds, bytes read, promise), once in a round trip.
    """

    seconds: float = 0.0
    read: int = 0
    promised: int = FIRST_BYTES
    credits: int = 0
    largest: int = 0
    left: int = FIRST_BYTES
    history: list[tuple[float, int, int]] = field(default_factory=list)


def carry(road: Road, window: Any, *, mux: Callable[[int, int], Any] = Mux) -> Cost:
    """Carry bytes along a road on one stream of a multiplexer.

    Args:
        road: which.
        window: a `Window`, or what behaves like one.
        mux: the sender's multiplexer.
    """
    sender, cost = mux(FIRST_BYTES, FRAME_BYTES), Cost()
    step_s = road.round_trip_s / STEPS
    there: deque[int] = deque([0] * (STEPS // 2))  # bytes on their way, a step each
    back: deque[int] = deque([0] * (STEPS // 2))  # credits on theirs
    written = sent = arrived = granted = 0
    line = pace = 0.0
    for step in range(int(PATIENCE * road.seconds / step_s)):
        now = step * step_s
        if credit := back.popleft():
            sender.credit(1, credit)
        ready = min(sent + AHEAD_BYTES, road.size) - written
        if ready > 0:
            sender.write(1, bytes(ready))
            written += ready
        line = min(line + road.line * step_s, road.line * step_s + FRAME_BYTES)
        on_line = 0
        while line >= 0 and (frame := sender.next_frame()) is not None:
            line -= len(frame)
            on_line += len(frame) - HEAD_BYTES
        sent += on_line
        there.append(on_line)
        arrived += there.popleft()
        is_late = road.later_pace is not None and cost.read >= road.size // 2
        pace += (road.later_pace if is_late and road.later_pace else road.pace) * step_s
        size = min(int(pace), arrived - cost.read)
        pace = min(pace - size, road.pace * step_s)  # a reader who waits does not catch up
        cost.read += size
        credit = window.read(size, now) if size else 0
        back.append(credit)
        granted += credit
        cost.credits += credit != 0
        cost.largest = max(cost.largest, credit)
        cost.left = FIRST_BYTES + granted - cost.read
        cost.promised = max(cost.promised, cost.left)
        cost.seconds = now
        if step % STEPS == 0:
            cost.history.append((now, cost.read, cost.left))
        if cost.read == road.size:
            break
    return cost


ROADS = (
    Road("to the next room", 0.002, 12.5e6, 12.5e6, 8_000_000, 0.8, 150_000, 400),
    Road("to a slow telephone", 0.1, 10e6, 100e3, 2_000_000, 22, 100_000, 120),
    Road("across an ocean", 0.15, 5e6, 5e6, 20_000_000, 7, 4_500_000, 150),
    Road("by satellite", 0.6, 2e6, 2e6, 20_000_000, 20, 9_000_000, 150),
    Road("to a reader who wakes up", 0.1, 5e6, 100e3, 4_000_000, 22, 2_500_000, 150, later_pace=5e6),
)
"""The budgets leave the reference a fifth or more of room, except in the time of slow readers, whom nobody
can hurry; no fixed window keeps them all."""


class _Looked:
    """A reader's window, whose credits are looked at before they are sent."""

    def __init__(self, yours: Any) -> None:
        self.yours = yours

    def read(self, size: int, now: float) -> int:
        """As the reader's."""
        credit = self.yours.read(size, now)
        if type(credit) is not int or credit < 0:
            hint = "a credit is a whole number of bytes, 0 if there is nothing to send"
            raise Wrong(f"read({size}, {now:g}) gave {describe(credit)}", hint)
        return credit


def keeps_budget(road: Road) -> Case:
    """A probe: bytes are carried along a road within its budgets."""

    def probe(yours: MakeWindow) -> None:
        cost = carry(road, _Looked(yours(road.round_trip_s)))
        where = f"{road.size / 1e6:g} MB {road.name}"
        if cost.read < road.size and not cost.credits:
            raise Wrong(f"{where} stopped after {cost.read:,} bytes, and no credit was sent", _NONE)
        if cost.read < road.size and not cost.left:
            raise Wrong(f"{where} stopped after {cost.read:,} bytes: nothing more was promised", _GROWTH)
        if cost.promised > road.promised:
            hint = _ADDED if cost.largest <= FIRST_BYTES else _LARGE
            raise Wrong(
                f"{where} needed a promise of {cost.promised:,} bytes; the budget is {road.promised:,}", hint
            )
        if cost.read < road.size:
            what = f"{cost.read / 1e6:.1f} MB were read after {cost.seconds:.0f} s"
            raise Wrong(f"{where}: {what}; the budget is {road.seconds:g} s", _SHORT)
        if cost.seconds > road.seconds:
            raise Wrong(f"{where} took {cost.seconds:.1f} s; the budget is {road.seconds:g}", _SHORT)
        if cost.credits > road.credits:
            raise Wrong(f"{where} took {cost.credits} credits; the budget is {road.credits}", _MANY)

    return probe


_NONE = "give back what was read as credit, sooner or later, or nobody may send any more"
_GROWTH = "a larger window must be promised: when it grows, the growth is part of the credit"
_ADDED = "a credit is added to what was promised before: give what was read, and the growth once"
_LARGE = "a slow reader needs no large window: let it grow only when half of it is read within a round trip"
_MANY = "a credit for every little read is a frame for every little read: wait until half the window is read"
_SHORT = "at most one window travels in a round trip: let it grow when it is used up faster than that"


WINDOW = Task(
    "Window",
    Window,
    cases=[keeps_budget(road) for road in ROADS],
    hint="count what is read; at half a window give it back, and compare the time with a round trip",
)
