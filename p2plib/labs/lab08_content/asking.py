"""Lab 8, task 5: what to ask a peer for. The reference and the wrong ways."""

from __future__ import annotations

from collections.abc import Mapping

from p2plib.labs.engine.tasks import Mistake, Task

AT_ONCE = 50  # entries of one author in one request; whoever claims to have a billion is asked for so many

Counts = Mapping[bytes, int]
Wanted = list[tuple[bytes, int, int]]


def missing(mine: dict[bytes, int], theirs: dict[bytes, int]) -> Wanted:
    """What to ask for: (author, first, last), for each author of whom they have more than we."""
    wanted = []
    for author, count in mine.items():
        last = min(theirs.get(author, 0), count + AT_ONCE)
        if last > count:
            wanted.append((author, count + 1, last))
    return wanted


def _from_the_last(mine: dict[bytes, int], theirs: dict[bytes, int]) -> Wanted:
    return [(author, first - 1, last) for author, first, last in missing(mine, theirs)]


def _open_end(mine: dict[bytes, int], theirs: dict[bytes, int]) -> Wanted:
    return [(author, first, last + 1) for author, first, last in missing(mine, theirs)]


def _no_limit(mine: dict[bytes, int], theirs: dict[bytes, int]) -> Wanted:
    return [(a, mine[a] + 1, theirs[a]) for a in mine if theirs.get(a, 0) > mine[a]]


def _limit_of_the_last(mine: dict[bytes, int], theirs: dict[bytes, int]) -> Wanted:
    return [(a, f, min(theirs[a], AT_ONCE)) for a, f, _ in missing(mine, theirs)]


def _one_less(mine: dict[bytes, int], theirs: dict[bytes, int]) -> Wanted:
    return [(a, f, min(theirs[a], f + AT_ONCE)) for a, f, _ in missing(mine, theirs)]


def _everybody(mine: dict[bytes, int], theirs: dict[bytes, int]) -> Wanted:
    return missing({**mine, **{author: mine.get(author, 0) for author in theirs}}, theirs)


def _all_of_theirs(mine: dict[bytes, int], theirs: dict[bytes, int]) -> Wanted:
    every = [(a, mine.get(a, 0), theirs[a]) for a in theirs]
    return [(a, count + 1, min(last, count + AT_ONCE)) for a, count, last in every if last > count]


def _equal_too(mine: dict[bytes, int], theirs: dict[bytes, int]) -> Wanted:
    return [
        (a, mine[a] + 1, min(theirs.get(a, 0), mine[a] + AT_ONCE))
        for a in mine
        if theirs.get(a, 0) >= mine[a]
    ]


def _knows_everybody(mine: dict[bytes, int], theirs: dict[bytes, int]) -> Wanted:
    for author in mine:
        theirs[author]
    return missing(mine, theirs)


def _what_they_miss(mine: dict[bytes, int], theirs: dict[bytes, int]) -> Wanted:
    return missing(theirs, mine)


def _counts(mine: dict[bytes, int], theirs: dict[bytes, int]) -> Wanted:
    return [(author, first, last - first + 1) for author, first, last in missing(mine, theirs)]


_A, _B, _C = (
    b"Ana",
    b"Ben",
    b"Cleo",
)  # any bytes name an author here; in a line of feedback, short ones are read

MISSING = Task(
    "missing",
    missing,
    cases=[
        ({_A: 3}, {_A: 5}),
        ({_A: 0}, {_A: 1}),
        ({_A: 5}, {_A: 5}),
        ({_A: 5}, {_A: 3}),
        ({_B: 2, _A: 0}, {_A: 4, _B: 9}),
        ({_A: 3, _B: 1}, {_B: 2}),
        ({_A: 3}, {_A: 3, _C: 9}),
        ({}, {_A: 9}),
        ({_A: 3}, {}),
        ({_A: 0}, {}),
        ({_A: 10}, {_A: 60}),
        ({_A: 10}, {_A: 1000}),
        ({_A: 10}, {_A: 61}),
        ({_A: 10}, {_A: 2**63 - 1}),
    ],
    mistakes=[
        Mistake(_limit_of_the_last, "AT_ONCE limits how many, counted from your last: count + AT_ONCE"),
        Mistake(_one_less, "AT_ONCE entries in one request, and not one more"),
        Mistake(_no_limit, "a liar may claim a billion: ask for AT_ONCE entries of an author, at most"),
        Mistake(_what_they_miss, "that is what they lack; ask for what you lack"),
        Mistake(_counts, "the third is the number of the last entry, not how many there are"),
        Mistake(_from_the_last, "the first that you lack comes after your last: count + 1"),
        Mistake(_open_end, "the last one is included"),
        Mistake(_equal_too, "ask for nothing where they have no more than you"),
        Mistake(
            _knows_everybody, "they may never have heard of somebody whom you follow: theirs.get(author, 0)"
        ),
        Mistake(_everybody, "ask only for those whom you follow: the authors in mine"),
        Mistake(_all_of_theirs, "go through the authors in mine, in their order"),
    ],
    hint="for each author in mine, from count + 1 to what they have, at most AT_ONCE of them",
)
