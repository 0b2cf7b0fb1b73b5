"""What every `OrderedStore` must do, as a suite that anybody can run over an implementation of their own.

::

    def make_opener():
        folder = tempfile.mkdtemp()
        return lambda: MyStore(folder)

    check_ordered_store(make_opener)

Each check gets an *opener* of a place of its own: called once it gives a store that is new, called again
after that one was closed it gives the same store again. What breaks a rule of
`p2plib.data.stores.interfaces` raises `RuleBroken`, with the name of the check and what happened.

The idea is trio's `check_two_way_stream`; the rules are ours.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from p2plib.data.stores.interfaces import Change, Delete, OrderedStore, Put
from p2plib.data.stores.rules import RuleBroken, demand, raises
from p2plib.errors import Closed, NotFound, StoreLocked, UsageError

Opener = Callable[[], OrderedStore]

HUGE_BYTES = 3_000_000  # more than a block, a page or a buffer of any store has
MANY = 3000
STEPS = 400


def pairs(numbers: Iterable[int]) -> list[tuple[bytes, bytes]]:
    """Keys in the order of their numbers, with values."""
    return [(b"%06d" % number, b"value of %d" % number) for number in numbers]


def puts(given: Iterable[tuple[bytes, bytes]]) -> list[Change]:
    """A batch that puts these pairs."""
    return [Put(key, value) for key, value in given]


def check_put_get_delete(open_store: Opener) -> None:
    with open_store() as store:
        raises(NotFound, lambda: store.get(b"k"), "a key that was never put")
        store.write([Put(b"k", b"v")])
        demand(store.get(b"k") == b"v", "a value that was put is another one")
        store.write([Put(b"k", b"w")])
        demand(store.get(b"k") == b"w", "the second value of a key does not count")
        store.write([Delete(b"k"), Delete(b"never there")])
        raises(NotFound, lambda: store.get(b"k"), "a key that was deleted")
        demand(list(store.scan()) == [], "a deleted key is found by a scan")
        store.write([Put(b"k", b"again")])
        demand(store.get(b"k") == b"again", "a deleted key cannot be put again")


def check_strange_bytes(open_store: Opener) -> None:
    keys = [
        b"\0",
        b"\0\0",
        b"\0\xff",
        b"B",
        b"a",
        b"a\0",
        b"a\0b",
        b"\x7f",
        b"\x80",
        b"\xff",
        b"\xff\xff",
        b"k" * 5000,
    ]
    with open_store() as store:
        store.write([Put(key, key[::-1]) for key in reversed(keys)])
        demand(all(store.get(key) == key[::-1] for key in keys), "a key of strange bytes has another value")
        demand([key for key, _ in store.scan()] == sorted(keys), "keys are not in the order of their bytes")
        for place, key in enumerate(sorted(keys)):
            from_here = [found for found, _ in store.scan(key)]
            demand(from_here == sorted(keys)[place:], f"a scan from {key!r:.20} on")
            before = [found for found, _ in store.scan(b"", key, reverse=True)]
            demand(before == sorted(keys)[:place][::-1], f"a scan down from before {key!r:.20}")
        raises(NotFound, lambda: store.get(b"a\0\0"), "a key that begins as another one does")


def check_empty_and_huge_values(open_store: Opener) -> None:
    huge = random.Random(1).randbytes(HUGE_BYTES)
    with open_store() as store:
        store.write([Put(b"empty", b""), Put(b"huge", huge), Put(b"small", b"s")])
        demand(store.get(b"empty") == b"", "an empty value is no longer empty")
        demand(store.get(b"huge") == huge, f"a value of {HUGE_BYTES} bytes came back changed")
        demand(list(store.scan(b"e", b"f")) == [(b"empty", b"")], "a scan leaves an empty value out")
    with open_store() as store:
        demand(store.get(b"huge") == huge, f"a value of {HUGE_BYTES} bytes was changed by closing")
        store.write([Put(b"huge", b"")])
        demand(store.get(b"huge") == b"", "a huge value was not replaced by an empty one")


def check_batch_order(open_store: Opener) -> None:
    with open_store() as store:
        store.write(
            [Put(b"a", b"1"), Put(b"a", b"2"), Put(b"b", b"1"), Delete(b"b"), Delete(b"c"), Put(b"c", b"1")]
        )
        demand(
            list(store.scan()) == [(b"a", b"2"), (b"c", b"1")],
            "of several changes to a key, not the last counts",
        )
        store.write([])
        store.write([], durable=False)
        store.write(iter([Put(b"d", b"1")]))
        demand(store.get(b"d") == b"1", "a batch that is an iterator was not written")


def check_wrong_arguments(open_store: Opener) -> None:
    def bad(*changes: Any) -> Callable[[], None]:
        return lambda: store.write([Put(b"before", b""), *changes])

    def fails() -> Iterator[Change]:
        yield Put(b"before", b"")
        raise KeyError

    with open_store() as store:
        raises(UsageError, bad(Put(b"", b"")), "an empty key")
        raises(UsageError, bad(Delete(b"")), "deleting an empty key")
        raises(UsageError, bad(Put("text", b"")), "a key that is text")  # type: ignore[arg-type]
        raises(UsageError, bad(Put(b"k", "text")), "a value that is text")  # type: ignore[arg-type]
        raises(UsageError, bad(Put(b"k", None)), "a value that is None")  # type: ignore[arg-type]
        raises(UsageError, bad((b"k", b"v")), "a change that is a tuple")
        raises(KeyError, lambda: store.write(fails()), "a batch whose iterator fails")
        raises(UsageError, lambda: store.get(b""), "getting an empty key")
        raises(UsageError, lambda: store.get("k"), "getting a key that is text")  # type: ignore[arg-type]
        raises(UsageError, lambda: store.scan(limit=-1), "a scan with a negative limit")
        raises(UsageError, lambda: store.scan("a"), "a scan from text on")  # type: ignore[arg-type]
        raises(UsageError, lambda: store.scan(limit="3"), "a limit that is text")  # type: ignore[arg-type]
        raises(UsageError, bad(Put(bytearray(b"k"), b"")), "a key that can change")  # type: ignore[arg-type]
        raises(UsageError, bad(Put(b"k", bytearray(b"v"))), "a value that can change")  # type: ignore[arg-type]
        demand(list(store.scan()) == [], "a batch that was refused was written in part")
        store.write([Put(b"k", b"v")])
        demand(list(store.scan()) == [(b"k", b"v")], "after batches that were refused, one that is right")


class _Text(bytes):
    """Bytes of a class of somebody's own, with another order and another hash."""

    def __lt__(self, other: object) -> bool:
        return True

    def __gt__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 7


def check_classes_that_inherit_bytes(open_store: Opener) -> None:
    with open_store() as store:
        store.write([Put(_Text(key), _Text(b"v")) for key in (b"c", b"a", b"b")])
        store.write([Delete(_Text(b"c")), Put(b"d", b"v")])
        demand(store.get(b"a") == b"v", "a key of a class that inherits bytes is not found as bytes")
        demand(store.get(_Text(b"d")) == b"v", "a key is not found by one of a class that inherits bytes")
        found = list(store.scan(_Text(b"a"), _Text(b"e")))
        demand(found == [(key, b"v") for key in (b"a", b"b", b"d")], "a class that inherits bytes: a scan")
        demand(all(type(part) is bytes for pair in found for part in pair), "a scan gives more than bytes")


def check_batches_made_of_the_store(open_store: Opener) -> None:
    def writes() -> Iterator[Change]:
        store.write([Put(b"k", b"inner")])
        yield Put(b"k", b"outer")

    with open_store() as store:
        store.write(puts(pairs(range(600))))
        store.write(Put(b"copy of " + key, value) for key, value in store.scan())
        demand(len(list(store.scan())) == 1200, "a batch made while scanning is not what was scanned")
        store.write(Delete(key) for key, _ in store.scan(b"copy", reverse=True))
        demand(list(store.scan()) == pairs(range(600)), "deleting while scanning deleted something else")
        store.write(writes())
        demand(store.get(b"k") == b"outer", "a batch that writes while it is made is not the last word")


def check_deleted_stays_deleted(open_store: Opener) -> None:
    """A tombstone that is dropped too early gives back what it hid."""
    keys = [key for key, _ in pairs(range(40))]
    store = open_store()
    store.write([Put(key, bytes(600)) for key in keys])
    for turn in range(12):
        store.write([Delete(key) for key in keys[::2]], durable=turn % 2 == 0)
        store.write([Put(b"other %d %d" % (turn, number), bytes(600)) for number in range(20)], durable=False)
        for again in range(2):
            found = [key for key, _ in store.scan(b"", b"other")]
            demand(found == keys[1::2], f"deleted keys are found again, in turn {turn}")
            for key in keys[::2]:
                raises(NotFound, partial(store.get, key), f"a deleted key, in turn {turn},")
            if not again:
                store.close()
                store = open_store()
    store.close()


def check_ranges(open_store: Opener) -> None:
    every = pairs(range(0, 200, 2))
    bounds = [b"", b"000000", b"000001", b"000100", b"000101", b"000198", b"000199", b"zzz"]
    with open_store() as store:
        store.write(puts(every))
        for start in bounds:
            for end in [*bounds, None]:
                wanted = [pair for pair in every if pair[0] >= start and (end is None or pair[0] < end)]
                what = f"a scan from {start!r} to {end!r}"
                demand(list(store.scan(start, end)) == wanted, what)
                demand(list(store.scan(start, end, reverse=True)) == wanted[::-1], f"{what} in reverse")
                for limit in (0, 1, 7, 1000):
                    got = list(store.scan(start, end, limit=limit))
                    demand(got == wanted[:limit], f"{what} with the limit {limit}")
                    got = list(store.scan(start, end, reverse=True, limit=limit))
                    demand(got == wanted[::-1][:limit], f"{what} in reverse with the limit {limit}")


def check_scan_is_a_snapshot(open_store: Opener) -> None:
    before = pairs(range(0, MANY, 3))
    with open_store() as store:
        store.write(puts(before))
        forward, backward, unstarted = store.scan(), store.scan(reverse=True), store.scan()
        first, last = next(forward), next(backward)
        store.write([Put(before[1][0], b"changed"), Put(b"000001", b"new"), Delete(before[-2][0])])
        for begin in range(0, MANY, 300):  # enough that a store in several files moves them about
            store.write([Delete(key) for key, _ in pairs(range(begin, begin + 150))], durable=False)
            store.write([Put(key, bytes(500)) for key, _ in pairs(range(begin, begin + 300))], durable=False)
        demand([first, *forward] == before, "what was written during a scan was seen by it")
        demand([last, *backward] == before[::-1], "what was written during a reverse scan was seen by it")
        demand(list(unstarted) == before, "a scan's snapshot is not of the moment in which it was called")
        demand(len(list(store.scan())) == MANY, "a new scan does not see what was written")
        demand(next(forward, None) is None, "a scan that has ended goes on")


def check_many_scans(open_store: Opener) -> None:
    with open_store() as store:
        store.write(puts(pairs(range(50))))
        for _ in range(200):
            next(store.scan())  # and nobody closes it
        scans = [store.scan() for _ in range(20)]
        demand(all(list(scan) == pairs(range(50)) for scan in scans), "scans side by side disturb each other")


def check_reopened(open_store: Opener) -> None:
    with open_store() as store:
        store.write(puts(pairs(range(MANY))), durable=False)
        store.write([Delete(b"000007")])
    for turn in range(3):
        with open_store() as store:
            found = dict(store.scan())
            demand(len(found) == MANY - 1 - turn, f"opening number {turn + 2} finds {len(found)} keys")
            raises(NotFound, lambda store=store: store.get(b"000007"), "a deleted key, after opening again,")  # type: ignore[misc]
            store.write([Delete(b"%06d" % (100 + turn))], durable=turn % 2 == 0)


def check_closed(open_store: Opener) -> None:
    store = open_store()
    store.write(puts(pairs(range(1000))))
    scan, over, at_limit = store.scan(), store.scan(limit=1), store.scan(limit=2)
    next(scan)
    list(over)
    next(at_limit), next(at_limit)
    store.close()
    store.close()
    raises(Closed, lambda: store.get(b"k"), "get of a closed store")
    raises(Closed, lambda: store.write([]), "write to a closed store")
    raises(Closed, lambda: store.scan(), "scan of a closed store")
    raises(Closed, lambda: next(scan), "a scan under way when the store was closed")
    demand(next(over, None) is None, "a scan that was over before the store was closed")
    demand(next(at_limit, None) is None, "a scan that was at its limit before the store was closed")
    with open_store() as again:
        demand(len(list(again.scan())) in (0, 1000), "closing during a scan lost keys")


def check_opened_once(open_store: Opener) -> None:
    with open_store() as store:
        store.write([Put(b"k", b"v")])
        raises(StoreLocked, open_store, "a second opener")
        demand(store.get(b"k") == b"v", "a second opener disturbed the first")
    with open_store() as store:
        demand(store.get(b"k") == b"v", "what was written is not there after a second opener was sent away")


def check_error_in_the_block(open_store: Opener) -> None:
    def fails() -> None:
        with open_store() as store:
            store.write([Put(b"k", b"v")])
            raise KeyError

    raises(KeyError, fails, "an error in the block")
    open_store().close()


def check_against_a_dictionary(open_store: Opener) -> None:
    against_a_dictionary(open_store, reopens=False)


def check_against_a_dictionary_over_many_openings(open_store: Opener) -> None:
    against_a_dictionary(open_store, reopens=True)


def against_a_dictionary(open_store: Opener, *, reopens: bool) -> None:
    """Random batches and scans, beside a dictionary."""
    rng, judge = random.Random(2), dict[bytes, bytes]()
    store = open_store()
    for step in range(STEPS):
        batch: list[Change] = []
        for _ in range(rng.choice((0, 1, 1, 5, 50))):
            key = b"%d" % rng.randrange(300)
            value = rng.randbytes(rng.choice((0, 3, 300)))
            batch.append(Put(key, value) if rng.random() < 0.7 else Delete(key))
        store.write(batch, durable=rng.random() < 0.1)
        for change in batch:
            if isinstance(change, Put):
                judge[change.key] = change.value
            else:
                judge.pop(change.key, None)
        start, end = sorted(b"%d" % rng.randrange(300) for _ in range(2))
        wanted = [(key, judge[key]) for key in sorted(judge) if start <= key < end]
        demand(list(store.scan(start, end)) == wanted, f"after {step} steps a scan differs from a dictionary")
        if reopens and rng.random() < 0.02:
            store.close()
            store = open_store()
    demand(all(store.get(key) == value for key, value in judge.items()), "a value is not the dictionary's")
    store.close()


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]
NEEDS_A_PLACE = (
    check_empty_and_huge_values,
    check_reopened,
    check_opened_once,
    check_deleted_stays_deleted,
    check_against_a_dictionary_over_many_openings,
)


def check_ordered_store(make_opener: Callable[[], Opener], *, forgets: bool = False) -> None:
    """Runs every check, each in a place of its own.

    Args:
        make_opener: called for each check; gives a function that opens the store of a fresh place.
        forgets: the store keeps nothing when it is closed, so what is about opening again is left out.

    Raises:
        RuleBroken: at the first rule that is broken.
    """
    for check in CHECKS:
        if forgets and check in NEEDS_A_PLACE:
            continue
        try:
            check(make_opener())
        except RuleBroken as error:
            raise RuleBroken(f"{check.__name__}: {error}") from error
        except Exception as error:
            raise RuleBroken(f"{check.__name__}: raised {error!r}") from error
