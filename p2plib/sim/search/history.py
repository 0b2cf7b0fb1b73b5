"""Histories: what was asked of a shared register, what was answered, and whether that is linearizable.

A history is *linearizable* when every operation can be given one moment between its call and its return, so
that a single register, doing the operations in the order of those moments, would have given the same answers.
The definition, and the theorem that each key may be checked by itself, are Herlihy and Wing's
("Linearizability", ACM TOPLAS 12(3), 1990). The search is Wing and Gong's (1993), with the memory of
configurations that Lowe added ("Testing for linearizability", 2017). It takes exponential time at worst, so
it has a limit.

    history = History()
    call = history.invoke("ana", "write", 5, at_s=1.0)
    history.ok(call, at_s=1.2)
    print(check(history))

Rules:

* *a* comes before *b* when it returned before *b* was called. Two operations that touch at one instant are
  concurrent, except those of one process on one key, which come in the order recorded.
* An operation that never returned may have taken effect at any moment after its call, or not at all. One that
  failed did not take effect, and is left out.
* Operations: "read" (result: the value), "write" (argument: the value), "cas", compare and set (argument: a
  pair, what is expected and what to put in its place; result: whether it was as expected).
* Values are hashable and compared with `==`. Times are seconds of one clock that all processes share, which
  a simulation has.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from p2plib.errors import UsageError

KINDS = ("read", "write", "cas")
MAX_CONFIGURATIONS = 200_000  # a few seconds of search; histories of a correct register need some hundreds


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one process on one key.

    Args:
        process: who asked.
        kind: "read", "write" or "cas".
        argument: what was to be written; for "cas" a pair (expected, new); None for a read.
        result: what the process was told: a read's value, whether a cas was done; None for a write.
        invoked_s: when it was called, in seconds.
        returned_s: when it returned; None if it never did.
        key: which register of several.

    Raises:
        UsageError: an unknown kind, a cas without a pair or that returned no True or False, a value that is
            not hashable, or a return before the call.
    """

    process: str
    kind: str
    argument: Hashable
    result: Hashable
    invoked_s: float
    returned_s: float | None
    key: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UsageError(f"an operation is one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.kind == "cas" and not (isinstance(self.argument, tuple) and len(self.argument) == 2):
            raise UsageError(f"a cas has a pair for its argument, (expected, new), not {self.argument!r}")
        if self.kind == "cas" and self.has_returned and not isinstance(self.result, bool):
            raise UsageError(f"a cas that returned was told True or False, not {self.result!r}")
        if not all(isinstance(value, Hashable) for value in (self.argument, self.result)):
            raise UsageError(f"values are hashable, as {self.argument!r} or {self.result!r} is not")
        if self.end_s < self.invoked_s:
            raise UsageError(f"it cannot return at {self.returned_s} s, called at {self.invoked_s} s")

    @property
    def end_s(self) -> float:
        """When it returned; infinity if it never did."""
        return math.inf if self.returned_s is None else self.returned_s

    @property
    def has_returned(self) -> bool:
        """Whether its process was told a result."""
        return self.returned_s is not None

    @property
    def only_looks(self) -> bool:
        """Whether it changes nothing: a read, or a cas that was told it was not as expected."""
        return self.kind == "read" or (self.kind == "cas" and self.has_returned and not self.result)

    @property
    def puts(self) -> Hashable:
        """The value that is in the register if it takes effect; meaningless if it only looks."""
        return self.argument[1] if isinstance(self.argument, tuple) and self.kind == "cas" else self.argument

    def __str__(self) -> str:
        of = f" of {self.key}" if self.key else ""
        if self.kind == "read":
            what = f"read{of}, which returned {self.result!r}" if self.has_returned else f"read{of}"
        elif self.kind == "write":
            what = f"write{of}, of {self.argument!r}"
        else:
            what = f"cas{of}, {self.argument!r}, told {self.result!r}"
        end = f"to {self.returned_s:g} s" if self.has_returned else "and never returned"
        return f"{self.process}'s {what} (from {self.invoked_s:g} {end})"


class History:
    """A recorder: tell it of every call and of every return, in the order in which they happen."""

    def __init__(self) -> None:
        self._operations: list[Operation] = []
        self._open: dict[int, str] = {}
        self._failed: set[int] = set()

    def invoke(
        self, process: str, kind: str, argument: Hashable = None, *, at_s: float, key: str = ""
    ) -> int:
        """Note a call.

        Returns:
            A number by which to tell how it ended.

        Raises:
            UsageError: the process waits for another operation.
        """
        if process in self._open.values():
            raise UsageError(f"{process} does one thing at a time, and waits for an answer already")
        self._operations.append(Operation(process, kind, argument, None, at_s, None, key))
        self._open[len(self._operations) - 1] = process
        return len(self._operations) - 1

    def ok(self, call: int, result: Hashable = None, *, at_s: float) -> None:
        """Note that an operation returned, and with what result."""
        self._must_be_open(call)
        self._operations[call] = replace(self._operations[call], result=result, returned_s=at_s)
        self._end(call)

    def unknown(self, call: int) -> None:
        """Note that its process gave up waiting: nobody can tell whether it took effect, or will."""
        self._end(call)

    def fail(self, call: int) -> None:
        """Note that an operation certainly did not take effect, nor ever will."""
        self._end(call)
        self._failed.add(call)

    def _must_be_open(self, call: int) -> None:
        if call not in self._open:
            raise UsageError(f"operation {call} has ended already, or never began")

    def _end(self, call: int) -> None:
        self._must_be_open(call)
        del self._open[call]

    def __iter__(self) -> Iterator[Operation]:
        """Iterate over the operations that may have taken effect, in the order of their calls."""
        return (op for i, op in enumerate(self._operations) if i not in self._failed)

    def counts(self) -> dict[str, int]:
        """Return how many operations ended how: "ok", "unknown" (also what is still open), "fail"."""
        ok = sum(op.has_returned for op in self._operations)
        failed = len(self._failed)
        return {"ok": ok, "unknown": len(self._operations) - ok - failed, "fail": failed}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checker found.

    Args:
        linearizable: True or False; None if it gave up at its limit.
        reason: a sentence: for False, where the contradiction is.
        order: for True, an order in which one register would have given these answers; operations that never
            returned are in it where they must have taken effect.
        configurations: how many configurations were looked at.
    """

    linearizable: bool | None
    reason: str
    order: tuple[Operation, ...] = ()
    configurations: int = 0

    def __bool__(self) -> bool:
        """Whether it is linearizable for sure, so that `assert check(history)` says what it seems to say."""
        return self.linearizable is True

    def __str__(self) -> str:
        word = {True: "linearizable", False: "not linearizable", None: "undecided"}[self.linearizable]
        return f"{word}: {self.reason}"


def check(
    history: Iterable[Operation], *, initial: Hashable = None, limit: int = MAX_CONFIGURATIONS
) -> Verdict:
    """Decide whether a history is linearizable, each key by itself.

    Args:
        history: a `History`, or operations; those of one process in the order of their calls.
        initial: what every register holds at the start.
        limit: how many configurations to look at, for each key, before giving up. So a key that is hard to
            decide does not hide one that is wrong.
    """
    operations = list(history)
    orders, looked, undecided = [], 0, None
    for key in dict.fromkeys(op.key for op in operations):
        verdict = _check_one([op for op in operations if op.key == key], initial, limit)
        looked += verdict.configurations
        if verdict.linearizable is False:
            return replace(verdict, configurations=looked)
        if verdict.linearizable is None:
            undecided = verdict
        orders.append(list(verdict.order))
    if undecided is not None:
        return replace(undecided, configurations=looked)
    order = tuple(_merge(orders))
    return Verdict(True, f"one register could have answered so, doing {len(order)} operations", order, looked)


def _precedes(a: Operation, b: Operation, a_is_first: bool) -> bool:
    """Whether *a* was over before *b* began; at one instant the order of one process counts, and no other."""
    return a.end_s < b.invoked_s or (a_is_first and a.process == b.process and a.end_s == b.invoked_s)


def _apply(value: Hashable, op: Operation) -> tuple[bool, Hashable]:
    """The register itself: whether an operation's result is right where it holds *value*, and what it holds
    then."""
    if op.kind == "read":
        return not op.has_returned or op.result == value, value
    if op.kind == "write":
        return True, op.argument
    assert isinstance(op.argument, tuple)
    as_expected = value == op.argument[0]
    fits = op.result == as_expected if op.has_returned else as_expected
    return fits, op.argument[1] if as_expected else value


def _check_one(recorded: Sequence[Operation], initial: Hashable, limit: int) -> Verdict:
    """The search. A configuration is the operations placed so far, as bits of a number, and the value held:
    whichever order led to it, what can follow is the same, so it is looked at once."""
    ops = sorted(_that_matter(recorded), key=lambda op: op.invoked_s)
    before = [
        sum(1 << j for j, other in enumerate(ops) if j != i and _precedes(other, op, j < i))
        for i, op in enumerate(ops)
    ]
    must = sum(1 << i for i, op in enumerate(ops) if op.has_returned)
    stack: list[tuple[int, Hashable, tuple[int, ...]]] = [(0, initial, ())]
    seen: set[tuple[int, Hashable]] = {(0, initial)}
    furthest = stack[0]
    while stack:
        placed, value, order = stack.pop()
        if placed & must == must:
            return Verdict(True, "", tuple(ops[i] for i in order), len(seen))
        if (placed & must).bit_count() > (furthest[0] & must).bit_count():
            furthest = placed, value, order
        for i, after in _next(ops, before, placed, value):
            configuration = placed | 1 << i, after
            if configuration not in seen:
                seen.add(configuration)
                stack.append((*configuration, (*order, i)))
        if len(seen) > limit:
            return Verdict(None, f"gave up after {limit} configurations", (), len(seen))
    return Verdict(False, _contradiction(ops, initial) or _stuck(ops, before, furthest), (), len(seen))


def _that_matter(recorded: Sequence[Operation]) -> list[Operation]:
    """Leave out what never returned and can be taken out of any order that fits: reads, and writes of what
    nobody was told. (Where there is a cas, such a write may have been the reason why it was not done.)"""
    told = {op.result for op in recorded if op.kind == "read" and op.has_returned}
    any_cas = any(op.kind == "cas" for op in recorded)
    return [op for op in recorded if op.has_returned or (not op.only_looks and (any_cas or op.puts in told))]


def _next(
    ops: Sequence[Operation], before: Sequence[int], placed: int, value: Hashable
) -> list[tuple[int, Hashable]]:
    """Which operations may come next and fit, with the value after each; the one to try first is last."""
    found = []
    earliest_end = math.inf
    for i, op in enumerate(ops):
        if placed >> i & 1:
            continue
        if op.invoked_s > earliest_end:
            break  # this one and all after it begin when another must be over
        earliest_end = min(earliest_end, op.end_s)
        if before[i] & ~placed:
            continue
        fits, after = _apply(value, op)
        if fits and op.only_looks:
            return [(i, after)]  # it spoils nothing for the others, so it can never be wrong to place it now
        if fits:
            found.append((i, after))
    return sorted(found, key=lambda placed: -ops[placed[0]].end_s)


def _merge(orders: list[list[Operation]]) -> Iterator[Operation]:
    """Join the orders of several keys into one. That it can always be done is the theorem of locality."""
    while orders := [order for order in orders if order]:
        earliest_end = min(op.end_s for order in orders for op in order)
        yield next(order for order in orders if order[0].invoked_s <= earliest_end).pop(0)


def _writes_of(ops: Iterable[Operation], value: Hashable) -> list[Operation]:
    """The operations that may have put this value there."""
    return [op for op in ops if not op.only_looks and op.puts == value]


def _shown_by(ops: Sequence[Operation], op: Operation, initial: Hashable) -> list[Operation]:
    """Writes of which at least one took effect before *op* returned; empty if it shows nothing."""
    if not op.only_looks:
        return [op]
    return _writes_of(ops, op.result) if op.kind == "read" and op.result != initial else []


def _contradiction(ops: Sequence[Operation], initial: Hashable) -> str:
    """The two contradictions that can be told in a sentence; empty if it is neither."""
    for read in (op for op in ops if op.kind == "read" and op.has_returned):
        writes = _writes_of(ops, read.result)
        if read.result != initial and all(write.invoked_s > read.end_s for write in writes):
            return f"nobody had written what was read: {read}"
        last_end = max((write.end_s for write in writes), default=-math.inf)
        for other in (op for op in ops if op.end_s < read.invoked_s):
            newer = _shown_by(ops, other, initial)
            if newer and all(write.invoked_s > last_end for write in newer):
                return f"an older value came after a newer one: {read}, after {other}"
    return ""


def _stuck(
    ops: Sequence[Operation], before: Sequence[int], furthest: tuple[int, Hashable, tuple[int, ...]]
) -> str:
    """The general sentence: how far the search came, and what did not fit there."""
    placed, value, order = furthest
    left = [
        op for i, op in enumerate(ops) if op.has_returned and not (placed >> i & 1 or before[i] & ~placed)
    ]
    return (
        f"no order fits; after {len(order)} operations the register holds {value!r}, and next must come "
        + " or ".join(str(op) for op in left)
    )


def staleness(history: Iterable[Operation], *, initial: Hashable = None) -> list[tuple[Operation, float]]:
    """Say of each read that returned how late its answer was.

    Returns:
        Each read, with the seconds for which its value had been out of date when it was called, which is
        since a write had returned that began after every write of that value was over. 0 if there is none,
        infinity for a value that nobody wrote. A history with a read above 0 is not linearizable.
    """
    operations = list(history)
    of_key = {key: [op for op in operations if op.key == key] for key in {op.key for op in operations}}
    since: dict[tuple[str, Hashable], float] = {}
    reads = [op for op in operations if op.kind == "read" and op.has_returned]
    for read in reads:
        if (read.key, read.result) not in since:
            since[read.key, read.result] = _gone_since_s(of_key[read.key], read.result, initial)
    return [(read, max(0.0, read.invoked_s - since[read.key, read.result])) for read in reads]


def _gone_since_s(ops: Sequence[Operation], value: Hashable, initial: Hashable) -> float:
    writes = _writes_of(ops, value)
    if not writes and value != initial:
        return -math.inf
    last_end = max((write.end_s for write in writes), default=-math.inf)
    later = [op.end_s for op in ops if not op.only_looks and op.invoked_s > last_end]
    return min(later, default=math.inf)
