"""Histories and the check of linearizability: textbook examples, and an oracle that tries every order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, permutations
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.sim.search.history import History, Operation, _contradiction, check, staleness


def read(process: str, result: Any, begin: float, end: float | None, key: str = "") -> Operation:
    return Operation(process, "read", None, result, begin, end, key)


def write(process: str, value: Any, begin: float, end: float | None, key: str = "") -> Operation:
    return Operation(process, "write", value, None, begin, end, key)


def cas(process: str, expected: Any, new: Any, result: Any, begin: float, end: float | None) -> Operation:
    return Operation(process, "cas", (expected, new), result, begin, end)


# The oracle: all subsets of what never returned, all orders, all keys at once; it shares nothing with ours


def fits(order: Sequence[Operation], initial: Any) -> bool:
    registers: dict[str, Any] = {}
    for op in order:
        value = registers.get(op.key, initial)
        if op.kind == "write":
            registers[op.key] = op.argument
        elif op.kind == "read":
            if op.returned_s is not None and op.result != value:
                return False
        else:
            expected, new = op.argument  # type: ignore[misc]
            if op.returned_s is not None and op.result != (value == expected):
                return False
            if value == expected:
                registers[op.key] = new
    return True


def keeps_real_time(order: Sequence[Operation], recorded: Sequence[Operation]) -> bool:
    place = {id(op): i for i, op in enumerate(recorded)}
    for later, earlier in ((b, a) for i, a in enumerate(order) for b in order[i + 1 :]):
        if later.returned_s is None:
            continue
        if later.returned_s < earlier.invoked_s:
            return False
        same = (later.process, later.key) == (earlier.process, earlier.key)
        touch = later.returned_s == earlier.invoked_s
        if same and touch and place[id(later)] < place[id(earlier)]:
            return False
    return True


def oracle(history: Sequence[Operation], initial: Any) -> bool:
    done = [op for op in history if op.returned_s is not None]
    maybe = [op for op in history if op.returned_s is None]
    return any(
        fits(order, initial) and keeps_real_time(order, history)
        for count in range(len(maybe) + 1)
        for chosen in combinations(maybe, count)
        for order in permutations([*done, *chosen])
    )


@st.composite
def histories(draw: st.DrawFn, most: int, keys: str = "x") -> list[Operation]:
    """Small histories of up to three processes, in which instants touch and some operations never return."""
    value, clock, out = st.integers(0, 2), dict.fromkeys("abc", 0), []
    for _ in range(draw(st.integers(1, most))):
        process, kind = draw(st.sampled_from("abc")), draw(st.sampled_from(["read", "read", "write", "cas"]))
        begin = clock[process] + draw(st.integers(0, 2))
        end = clock[process] = begin + draw(st.integers(0, 3))
        returned = None if draw(st.integers(0, 4)) == 0 else float(end)
        argument = {"read": None, "write": draw(value), "cas": (draw(value), draw(value))}[kind]
        result: Any = {"read": draw(value), "write": None, "cas": draw(st.booleans())}[kind]
        key = draw(st.sampled_from(keys))
        out.append(Operation(process, kind, argument, result, float(begin), returned, key))
    return sorted(out, key=lambda op: op.invoked_s)


@pytest.mark.slow
@settings(max_examples=2000)
@given(histories(most=5))
def test_it_agrees_with_the_oracle(history: list[Operation]) -> None:
    verdict = check(history, initial=0)
    assert verdict.linearizable == oracle(history, 0), verdict
    if verdict.linearizable:
        assert fits(verdict.order, 0)
        assert keeps_real_time(verdict.order, history)
        assert {id(op) for op in history if op.has_returned and not op.only_looks} <= set(
            map(id, verdict.order)
        )
    else:
        assert verdict.reason
        assert not verdict.order


@pytest.mark.slow
@settings(max_examples=600)
@given(histories(most=5, keys="xy"))
def test_keys_by_themselves_are_as_good_as_all_at_once(history: list[Operation]) -> None:
    verdict = check(history, initial=0)
    assert verdict.linearizable == oracle(history, 0), verdict
    if verdict.linearizable:
        assert fits(verdict.order, 0)
        assert all(
            later.end_s >= op.invoked_s for i, op in enumerate(verdict.order) for later in verdict.order[i:]
        )


@pytest.mark.slow
@settings(max_examples=1000)
@given(histories(most=6))
def test_what_is_told_as_a_contradiction_or_as_stale_is_one(history: list[Operation]) -> None:
    late = [seconds for _, seconds in staleness(history, initial=0)]
    if _contradiction(history, 0) or any(late):
        assert check(history, initial=0).linearizable is False


def test_the_generated_histories_are_of_both_kinds_and_of_every_length() -> None:
    seen: dict[tuple[int, bool | None], int] = {}

    @settings(max_examples=600, derandomize=True)
    @given(histories(most=5))
    def count(history: list[Operation]) -> None:
        kind = len(history), check(history, initial=0).linearizable
        seen[kind] = seen.get(kind, 0) + 1

    count()
    for verdict in (True, False):
        assert all(seen.get((length, verdict), 0) >= 5 for length in range(2, 6)), seen


# What the books say


def test_a_read_may_return_either_value_while_a_write_runs() -> None:
    writes = [write("a", 0, 0, 1), write("a", 1, 2, 6)]
    for first, second, is_right in ((0, 0, True), (0, 1, True), (1, 1, True), (1, 0, False)):
        history = [*writes, read("b", first, 3, 4), read("c", second, 4.5, 5)]
        assert check(history).linearizable is is_right, (first, second)


def test_new_then_old_is_the_contradiction_named() -> None:
    verdict = check([write("a", 1, 0, 9), read("b", 1, 1, 2), read("c", None, 3, 4)])
    assert str(verdict) == (
        "not linearizable: an older value came after a newer one: c's read, which returned None "
        "(from 3 to 4 s), after b's read, which returned 1 (from 1 to 2 s)"
    )


def test_a_read_of_what_was_overwritten() -> None:
    history = [write("a", 1, 0, 1), write("b", 2, 2, 3), read("c", 1, 7.5, 8)]
    verdict = check(history)
    assert verdict.linearizable is False
    assert verdict.reason == (
        "an older value came after a newer one: c's read, which returned 1 (from 7.5 to 8 s), "
        "after b's write, of 2 (from 2 to 3 s)"
    )
    assert staleness(history) == [(history[2], 4.5)]


def test_a_value_out_of_nowhere() -> None:
    history = [write("a", 1, 0, 1), read("b", 7, 2, 3)]
    assert "nobody had written" in check(history).reason
    assert staleness(history) == [(history[1], math.inf)]
    early = [read("b", 1, 0, 1), write("a", 1, 2, 3)]
    assert "nobody had written" in check(early).reason


def test_a_contradiction_of_many_parts_is_told_by_how_far_the_search_came() -> None:
    # Both reads see both orders of two writes that overlap: each alone is right, together they are not.
    history = [
        write("a", 1, 0, 10), write("b", 2, 0, 10),
        read("c", 1, 1, 2), read("c", 2, 3, 4), read("c", 1, 5, 6),
    ]  # fmt: skip
    verdict = check(history)
    assert verdict.linearizable is False
    assert verdict.reason == (
        "no order fits; after 4 operations the register holds 2, and next must come "
        "c's read, which returned 1 (from 5 to 6 s)"
    )
    assert check(history[:-1]).linearizable


def test_a_value_that_came_twice_or_was_there_at_the_start_accuses_nobody() -> None:
    twice = [write("a", 2, 0, 1), read("b", 2, 1.2, 1.5), write("a", 1, 2, 3), read("b", 1, 4, 5)]
    start = [read("b", 0, 0, 1), write("a", 1, 1.5, 2), read("b", 1, 3, 4)]
    for history in ([*twice, write("a", 2, 6, 7)], [*start, write("a", 0, 5, 6)]):
        assert _contradiction(history, 0) == ""
        assert check(history, initial=0).linearizable


def test_the_order_is_a_witness() -> None:
    history = [write("a", 1, 0, 5), read("b", None, 1, 2), read("b", 1, 3, 4)]
    order = check(history).order
    assert [op.result if op.kind == "read" else "w" for op in order] == [None, "w", 1]


def test_sequential_consistency_is_not_enough() -> None:
    # Some order keeps what each process saw, but no order keeps real time: b reads after a's write was over.
    assert not check([write("a", 1, 0, 1), read("b", 0, 2, 3)], initial=0).linearizable


def test_two_operations_that_touch_are_concurrent_unless_one_process_did_both() -> None:
    assert check([write("a", 1, 0, 1), read("b", 0, 1, 2)], initial=0).linearizable
    assert not check([write("a", 1, 0, 1), read("a", 0, 1, 2)], initial=0).linearizable


def test_compare_and_set() -> None:
    assert check([cas("a", 0, 1, True, 0, 3), cas("b", 0, 2, False, 0, 3), read("c", 1, 4, 5)], initial=0)
    both = [cas("a", 0, 1, True, 0, 3), cas("b", 0, 2, True, 0, 3)]
    assert check(both, initial=0).linearizable is False  # both cannot have found a 0
    assert check([*both, write("c", 0, 0, 3)], initial=0).linearizable  # unless somebody put it back
    assert check([cas("a", 0, 0, True, 0, 1), cas("b", 1, 2, False, 2, 3)], initial=0).linearizable


def test_a_verdict_is_true_only_if_it_is_sure_of_it() -> None:
    writes = [write(f"p{i}", i, 0, 10) for i in range(20)]
    hard = [*writes, read("r", 0, 11, 12), read("r", 1, 13, 14)]
    assert check(writes)
    assert not check([write("a", 1, 0, 1), read("b", 7, 2, 3)])
    assert not check(hard, limit=100)


def test_a_key_that_is_hard_to_decide_does_not_hide_one_that_is_wrong() -> None:
    hard = [write(f"p{i}", i, 0, 10, "x") for i in range(20)]
    hard += [read("r", 0, 11, 12, "x"), read("r", 1, 13, 14, "x")]
    wrong = [write("a", 1, 0, 1, "y"), read("b", 7, 2, 3, "y")]
    for history in ([*hard, *wrong], [*wrong, *hard]):
        assert check(history, limit=1000).linearizable is False
    right = [write("a", 1, 0, 1, "y"), read("b", 1, 2, 3, "y")]
    assert check([*hard, *right], limit=1000).linearizable is None


def test_what_never_returned_may_have_happened_late_or_not_at_all() -> None:
    lost = write("a", 1, 0, None)
    assert check([lost, read("b", 0, 1, 2), read("b", 0, 3, 4)], initial=0).linearizable
    assert check([lost, read("b", 0, 1, 2), read("b", 1, 30, 40)], initial=0).linearizable
    assert not check([lost, read("b", 1, 1, 2), read("b", 0, 3, 4)], initial=0).linearizable
    assert not check([read("b", 1, 1, 2), write("a", 1, 3, None)], initial=0).linearizable
    pending = cas("a", 0, 1, None, 0, None)
    assert check([pending, read("b", 1, 1, 2)], initial=0).linearizable
    assert not check([pending, read("b", 1, 1, 2)], initial=5).linearizable


def test_a_failed_cas_can_be_evidence_too() -> None:
    history = [cas("a", 0, 1, False, 1, 2), write("b", 5, 3, 4)]
    assert check(history, initial=0).linearizable is False


def test_staleness_counts_from_when_the_value_was_surely_gone() -> None:
    history = [
        write("a", 1, 0, 1), write("b", 2, 0.5, 2), write("b", 3, 3, 4), write("a", 9, 5, None),
        read("c", 1, 6, 7), read("c", 2, 8, 9), read("c", 3, 10, 11), read("c", 9, 12, 13),
        read("c", None, 14, 15), read("c", None, 20, None),
    ]  # fmt: skip
    assert [late for _, late in staleness(history)] == [2, 4, 0, 0, 13]


def test_a_value_written_twice_is_as_new_as_its_last_writing() -> None:
    history = [write("a", 1, 0, 1), write("a", 2, 2, 3), write("a", 1, 4, 5), read("b", 1, 6, 7)]
    assert [late for _, late in staleness(history)] == [0]
    assert check(history).linearizable


def test_each_key_has_a_register_of_its_own() -> None:
    history = [write("a", 1, 0, 1, "x"), read("b", None, 2, 3, "y"), read("b", None, 4, 5, "x")]
    verdict = check(history)
    assert verdict.linearizable is False
    assert "read of x" in verdict.reason
    assert check(history[:2]).linearizable
    assert [late for _, late in staleness(history)] == [0, 3]


# The recorder


def test_the_recorder() -> None:
    history = History()
    one = history.invoke("a", "write", 1, at_s=0)
    two = history.invoke("b", "read", at_s=1)
    with pytest.raises(UsageError, match="one thing at a time"):
        history.invoke("a", "read", at_s=1)
    history.ok(two, 1, at_s=2)
    history.unknown(one)
    three = history.invoke("a", "write", 2, at_s=3)  # it gave up on the first, and may go on
    history.fail(three)
    assert list(history) == [write("a", 1, 0, None), read("b", 1, 1, 2)]
    assert history.counts() == {"ok": 1, "unknown": 1, "fail": 1}
    history.invoke("c", "read", at_s=4)
    assert history.counts() == {"ok": 1, "unknown": 2, "fail": 1}
    assert check(history).linearizable
    for end in (history.unknown, history.fail):
        with pytest.raises(UsageError, match="ended already"):
            end(two)


def test_operations_that_are_none() -> None:
    with pytest.raises(UsageError, match="one of read, write, cas"):
        Operation("a", "increment", 1, None, 0, 1)
    with pytest.raises(UsageError, match="pair"):
        Operation("a", "cas", 1, True, 0, 1)
    with pytest.raises(UsageError, match="cannot return"):
        write("a", 1, 2, 1)
    with pytest.raises(UsageError, match="True or False, not None"):
        cas("a", 0, 1, None, 0, 1)
    for unhashable in (write("a", 1, 0, 1), read("a", 1, 0, 1)):
        with pytest.raises(UsageError, match="hashable"):
            Operation("a", unhashable.kind, [1], [1], 0, 1)  # type: ignore[arg-type]


def test_an_ending_that_is_refused_ends_nothing() -> None:
    history = History()
    call = history.invoke("a", "cas", (0, 1), at_s=5)
    with pytest.raises(UsageError, match="cannot return"):
        history.ok(call, True, at_s=4)
    with pytest.raises(UsageError, match="True or False"):
        history.ok(call, at_s=6)
    history.ok(call, True, at_s=6)
    assert list(history) == [cas("a", 0, 1, True, 5, 6)]


# At work


def played(processes: int, each: int, rng: Random, *, lost: float = 0.0) -> list[Operation]:
    """What one true register answers many processes: linearizable by construction."""
    calls = []
    for number in range(processes):
        now = rng.random()
        for turn in range(each):
            begin = now + rng.random()
            moment = begin + rng.random()
            now = moment + rng.random()
            calls.append((moment, begin, now, f"p{number}", number * 1000 + turn))
    value: Any = 0
    out = []
    for moment, begin, end, process, new in sorted(calls):
        kind = rng.choice(["read", "write", "cas"])
        returned = None if kind != "read" and rng.random() < lost else end
        if kind == "read":
            out.append(read(process, value, begin, returned))
        elif kind == "write":
            value = new if moment < end else value
            out.append(write(process, new, begin, returned))
        else:
            expected = value if rng.random() < 0.5 else -1
            result = expected == value
            out.append(cas(process, expected, new, result, begin, returned))
            value = new if result else value
    return sorted(out, key=lambda op: op.invoked_s)


@pytest.mark.parametrize("seed", range(10))
def test_five_processes_of_thirty_operations_are_within_the_limit(seed: int) -> None:
    history = played(5, 30, Random(seed), lost=0.05)
    verdict = check(history, initial=0)
    assert verdict.linearizable, verdict
    assert verdict.configurations < 20_000
    assert fits(verdict.order, 0)
    spoiled = list(history)
    late = next(i for i, op in enumerate(history) if op.kind == "read" and i > len(history) // 2)
    spoiled[late] = read(history[late].process, 0, history[late].invoked_s, history[late].end_s)
    assert check(spoiled, initial=0).linearizable is False


def test_it_gives_up_at_its_limit_and_says_so() -> None:
    # Twenty writes at once, and a value at the end that none of them wrote but one that was overwritten.
    history = [write(f"p{i}", i, 0, 10) for i in range(20)]
    history += [read("r", 0, 11, 12), read("r", 1, 13, 14)]
    verdict = check(history, limit=1000)
    assert verdict.linearizable is None
    assert str(verdict) == "undecided: gave up after 1000 configurations"
    assert verdict.configurations <= 1000 + 21
    assert check(history[:-1]).linearizable


def test_the_memory_keeps_the_search_small() -> None:
    # Without it, the ten writes at once have 10! orders; with it there are at most 2^10 * 10 configurations.
    history = [write(f"p{i}", i, 0, 10) for i in range(10)] + [read("r", 0, 11, 12), read("r", 1, 13, 14)]
    verdict = check(history)
    assert verdict.linearizable is False
    assert verdict.configurations <= 2**10 * 10 + 1
    assert verdict.reason.startswith("no order fits; after 11 operations the register holds 0")
