"""Searching: run a program under many seeds until it fails, and find the few faults that the failure needs.

::

    failure = search(main, chaos=Chaos(loss=0.05, crashes=1))
    print(failure)            # what failed, under which seed, by which faults, and the line to do it again
    failure.replay()          # does it again: raises the same error at the same virtual time

Rules:

* Each seed has an internet of its own, in which chaos draws faults. Whatever a run raises is a failure: an
  assertion, a leak, a deadlock, a time limit.
* The first failing seed is run once more. If that run sends other packets or ends otherwise, the program does
  not depend on its seed alone; the failure says so, and is not shrunk.
* Then the very faults that happened are given as a list in place of the chaos, and shrunk
  (`p2plib.sim.search.shrink`) to a few of which each is needed. A run with fewer faults fails "in the same
  way" if it raises an error of the same type.
* `main` is run many times, so whatever it changes must be its own: a list outside it that one run fills is
  full in the next, and makes the program depend on more than its seed.

Finding nothing proves nothing. If a program fails under a share p of all seeds, n seeds miss it with
probability (1 - p) ** n.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from itertools import zip_longest
from typing import Any

from p2plib.errors import SimulationError, UsageError
from p2plib.sim.faults import Chaos, Corrupt, Crash, Cut, Delay, Duplicate, Fault, Lose
from p2plib.sim.internet import Internet
from p2plib.sim.search.shrink import shrink

Main = Callable[[Internet], Awaitable[Any]]
SHRINK_RUNS = 200  # enough for a hundred faults of which few matter
MAX_EVENTS = 1_000_000  # per run: some seconds of real time, and far more than a test should take
EXPRESSION_CHARACTERS = 40  # an argument longer than that is called by its name in the line to repeat


def in_words(fault: Fault) -> str:
    """Return a sentence on a fault, without its full stop."""
    match fault:
        case Lose(host, nth):
            return f"packet {nth} of {host} is lost"
        case Duplicate(host, nth, seconds):
            return f"packet {nth} of {host} arrives a second time, {seconds:.3g} s after the first"
        case Delay(host, nth, seconds, in_order):
            return f"packet {nth} of {host} is {'late by' if in_order else 'held back for'} {seconds:.3g} s"
        case Corrupt(host, nth, bit):
            return f"one bit of packet {nth} of {host} is flipped ({bit} modulo its length)"
        case Crash(host, at_s, down_s, lose_disk):
            back = "for good" if down_s == float("inf") else f"and starts again {down_s:.3g} s later"
            return f"{host} loses its power at {at_s:.3g} s{' and its disk' * lose_disk}, {back}"
        case Cut(hosts, at_s, seconds):
            until = "for good" if seconds == float("inf") else f"for {seconds:.3g} s"
            return f"{' and '.join(hosts)} cut off from all others at {at_s:.3g} s, {until}"


def source(value: Fault | Chaos) -> str:
    """Return a fault or a chaos as Python would have it written: shorter than `repr`, and without `inf`."""
    told = []
    for setting in fields(value):
        given = getattr(value, setting.name)
        if setting.default is MISSING:
            told.append(repr(given))
        elif given != setting.default:
            told.append(f"{setting.name}={given!r}")
    return f"{type(value).__name__}({', '.join(told)})"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run is made of besides its seed.

    Args:
        main: the program.
        chaos: what goes wrong at random, where no list of faults is given.
        make: what makes the internet.
        arguments: further arguments of `make`; `max_events` where it is not `MAX_EVENTS`.
        time_limit_s: how many virtual seconds a run may take.
    """

    main: Main
    chaos: Chaos
    make: Callable[..., Internet]
    arguments: Mapping[str, Any]
    time_limit_s: float

    def run(self, seed: int, faults: Sequence[Fault] | None = None) -> Run:
        """Run the program once, with these faults or by chaos."""
        arguments = {"max_events": MAX_EVENTS, **self.arguments}
        net = self.make(seed, faults=self.chaos if faults is None else faults, **arguments)
        try:
            net.run(self.main, time_limit_s=self.time_limit_s)
        except (Exception, asyncio.CancelledError) as error:
            return Run(net, error)
        return Run(net, None)

    def line(self, seed: int, faults: Sequence[Fault] | None) -> str:
        """Return the line of Python that does the same."""
        told = source(self.chaos) if faults is None else f"[{', '.join(map(source, faults))}]"
        words = [str(seed), f"faults={told}"]
        words += [f"{name}={_expression(name, value)}" for name, value in self.arguments.items()]
        limit = "" if self.time_limit_s == float("inf") else f", time_limit_s={self.time_limit_s!r}"
        return f"{_name(self.make)}({', '.join(words)}).run({_name(self.main)}{limit})"


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its internet as it was at the end, and what it raised, if anything."""

    net: Internet
    error: BaseException | None

    def same_way(self, other: Run) -> bool:
        """Whether both raised errors of the same type, by its name, as each run may load its program anew."""
        one, two = type(self.error), type(other.error)
        return (one.__module__, one.__qualname__) == (two.__module__, two.__qualname__)


@dataclass(frozen=True, slots=True)
class Failure:
    """A failing run, with the few faults that it needs.

    Args:
        seed: of the internet.
        error: what the shrunk run raised.
        faults: those that are needed, as they happened; each is, if `shrink_budget` was enough.
        faults_before: all that happened when it was found.
        runs: how many runs it took in all.
        digest: of the shrunk run's trace, which `replay` repeats.
        net: the internet of the shrunk run as it was at its end, for a look at its trace.
        setting: what else a run is made of.
        doubt: why nothing was shrunk, as a sentence; "" if it was.
    """

    seed: int
    error: BaseException
    faults: tuple[Fault, ...]
    faults_before: tuple[Fault, ...]
    runs: int
    digest: str
    net: Internet = field(repr=False)
    setting: Setting = field(repr=False)
    doubt: str = ""

    @property
    def _given(self) -> tuple[Fault, ...] | None:
        return None if self.doubt else self.faults

    def replay(self) -> None:
        """Run it again, and raise what it raised.

        Raises:
            SimulationError: it did not fail again, or by other packets: the program is not deterministic.
        """
        run = self.setting.run(self.seed, self._given)
        if run.error is None:
            raise SimulationError(
                f"seed {self.seed} failed with {_told(self.error)}, and now it does not fail"
            )
        if run.net.trace.digest() != self.digest:
            raise SimulationError(
                f"seed {self.seed} fails again, but by other packets: {_parting(self.net, run.net)}"
            ) from run.error
        raise run.error

    @property
    def line(self) -> str:
        """The line that runs it again in another program, in which the names that it uses are known."""
        return self.setting.line(self.seed, self._given)

    def __str__(self) -> str:
        lines = [f"seed {self.seed} fails after {self.net.time:.6g} virtual seconds: {_told(self.error)}"]
        if self.doubt:
            lines.append(self.doubt)
        elif self.faults:
            lines.append(
                f"it takes {len(self.faults)} of the {len(self.faults_before)} faults that happened:"
            )
            lines += [f"    {in_words(fault)}" for fault in self.faults]
        elif self.faults_before:
            lines.append(f"it takes none of the {len(self.faults_before)} faults that happened")
        else:
            lines.append("it takes no fault: none had happened")
        return "\n".join([*lines, f"found in {self.runs} runs; to run it again:", f"    {self.line}"])


def search(
    main: Main,
    seeds: Iterable[int] = range(1000),
    *,
    chaos: Chaos | None = None,
    make: Callable[..., Internet] = Internet,
    time_limit_s: float = float("inf"),
    max_events: int | None = MAX_EVENTS,
    shrink_budget: int = SHRINK_RUNS,
    progress: Callable[[int], object] | None = None,
    **internet: Any,
) -> Failure | None:
    """Run *main* under one seed after the other until it fails.

    Args:
        main: an async function of one argument, the internet, as for `Internet.run`.
        seeds: which to try.
        chaos: what goes wrong at random; by default nothing does, and only what the seed draws differs.
        make: makes the internet of a run, and is called as `Internet` is.
        time_limit_s: how many virtual seconds a run may take.
        max_events: how many events a run may take; None for no limit.
        shrink_budget: how many runs may go into finding the few faults that matter, 0 or more.
        progress: called with each seed before its run.
        internet: further arguments of `make`, such as `link`.

    Returns:
        The first failure; None if no seed failed, which proves nothing.

    Raises:
        UsageError: `main` is no function. KeyboardInterrupt and the like end the search.
    """
    if not callable(main):
        raise UsageError("search takes an async function of one argument, the internet: async def main(net)")
    arguments = internet if max_events == MAX_EVENTS else {**internet, "max_events": max_events}
    setting = Setting(main, chaos or Chaos(), make, arguments, time_limit_s)
    for runs, seed in enumerate(seeds, 1):
        if progress is not None:
            progress(seed)
        run = setting.run(seed)
        if run.error is not None:
            return _explain(setting, seed, run, runs, shrink_budget)
    return None


def _explain(setting: Setting, seed: int, first: Run, runs: int, budget: int) -> Failure:
    """Run a failing seed again, then with fewer and fewer faults."""
    happened = tuple(first.net.happened)
    doubt = _difference(first, setting.run(seed))
    runs += 1
    smallest, needed = first, happened

    def fails(some: Sequence[Fault]) -> bool:
        nonlocal runs, smallest, needed
        run = setting.run(seed, some)
        runs += 1
        if run.same_way(first):
            smallest, needed = run, _in_time(some, run.net.happened)
        return run.same_way(first)

    if not doubt:
        if fails(happened):
            shrink(happened, fails, budget=budget)
        else:
            doubt = "the same faults, given as a list, do not make it fail in the same way"
    assert smallest.error is not None
    return Failure(
        seed=seed,
        error=smallest.error,
        faults=needed,
        faults_before=happened,
        runs=runs,
        digest=smallest.net.trace.digest(),
        net=smallest.net,
        setting=setting,
        doubt=doubt,
    )


def _in_time(faults: Sequence[Fault], happened: Sequence[Fault]) -> tuple[Fault, ...]:
    """Return faults in the order in which they happened: with fewer faults another than before."""
    place = {fault: number for number, fault in enumerate(happened)}
    return tuple(sorted(faults, key=lambda fault: place.get(fault, len(place))))


def _difference(one: Run, other: Run) -> str:
    """Say how two runs of one seed differ; "" if they do not."""
    if one.same_way(other) and one.net.trace.digest() == other.net.trace.digest():
        return ""
    end = "does not fail" if other.error is None else f"raises {_told(other.error)}"
    return (
        f"the program is not deterministic: run again under the same seed, it {end}, and "
        f"{_parting(one.net, other.net)}. Look for what outlives main, for threads, and for the order of sets"
    )


def _parting(one: Internet, other: Internet) -> str:
    """Say which packet is the first that differs."""
    for first, second in zip_longest(one.trace, other.trace):
        if first != second:
            packet = first or second
            return f"packet {packet.number} differs, which {packet.sender} sent at {packet.sent_s:.6g} s"
    return "the packets that are remembered are the same"


def _told(error: BaseException) -> str:
    first_line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__


def _name(thing: Any) -> str:
    return str(getattr(thing, "__name__", "make"))


def _expression(name: str, value: Any) -> str:
    text = repr(value)
    return text if len(text) <= EXPRESSION_CHARACTERS else name
