"""Lab 5, tasks 4 and 5: where fingers point, and who of those known is nearest before a key. Pure functions.

Follows Stoica et al., "Chord" (2003), section IV-D, as `p2plib.topology.ring.chord` does: finger i is the
owner of the id 2**i after ours, and those that our first successor owns are not looked up.
"""

from __future__ import annotations

from collections.abc import Iterable

from p2plib.labs.engine.tasks import Mistake, Task
from p2plib.topology.ring.space import between


def finger_points(own: int, first: int, bits: int) -> list[int]:
    """The ids whose owners are our fingers, the farthest first.

    Args:
        own: our id.
        first: our first successor, not ourselves.
        bits: there are 2**bits ids.

    Returns:
        The points 2**i after us, without those that our first successor owns.
    """
    size = 1 << bits
    reach = (first - own) % size
    return [(own + (1 << i)) % size for i in reversed(range(bits)) if 1 << i > reach]


def nearer(own: int, known: Iterable[int], key: int) -> list[int]:
    """Whom of those it knows a peer names when it is asked for a key.

    Args:
        own: its id.
        known: its successors and fingers, in any order, one perhaps several times.
        key: what is looked for.

    Returns:
        Those strictly between it and the key, clockwise, the nearest to the key first, each once.
    """
    between_us = {peer for peer in known if between(own, peer, key)}
    return sorted(between_us, key=lambda peer: (peer < key, peer), reverse=True)


# Wrong points


def _half(own: int, first: int, bits: int) -> list[int]:
    """All of them: also the successor's."""
    return [(own + (1 << i)) % (1 << bits) for i in reversed(range(bits))]


def _over_the_top(own: int, first: int, bits: int) -> list[int]:
    return [own + (1 << i) for i in reversed(range(bits)) if 1 << i > (first - own) % (1 << bits)]


def _dropped(own: int, first: int, bits: int) -> list[int]:
    return [point for point in _over_the_top(own, first, bits) if point < 1 << bits]


def _nearest_first(own: int, first: int, bits: int) -> list[int]:
    return finger_points(own, first, bits)[::-1]


def _with_the_whole(own: int, first: int, bits: int) -> list[int]:
    """2**bits after us is ourselves."""
    return [own, *finger_points(own, first, bits)]


def _at_reach(own: int, first: int, bits: int) -> list[int]:
    size = 1 << bits
    return [(own + (1 << i)) % size for i in reversed(range(bits)) if 1 << i >= (first - own) % size]


def _power(own: int, first: int, bits: int) -> list[int]:
    """The powers themselves."""
    size = 1 << bits
    return [1 << i for i in reversed(range(bits)) if 1 << i > (first - own) % size]


def _plain_reach(own: int, first: int, bits: int) -> list[int]:
    """The way to the successor without the turn over 0: negative there, and nothing is left out."""
    return [(own + (1 << i)) % (1 << bits) for i in reversed(range(bits)) if 1 << i > first - own]


def _numeric_points(own: int, first: int, bits: int) -> list[int]:
    return sorted(finger_points(own, first, bits), reverse=True)


def _beyond_the_number(own: int, first: int, bits: int) -> list[int]:
    """Compares points with the successor's id instead of ways."""
    points = ((own + (1 << i)) % (1 << bits) for i in reversed(range(bits)))
    return [point for point in points if point > first]


FINGER_POINTS = Task(
    "finger_points",
    finger_points,
    cases=[
        (8, 14, 6),
        (8, 12, 6),
        (8, 9, 6),
        (60, 3, 6),
        (42, 48, 6),
        (8, 50, 6),
        (5, 200, 16),
        (0, 63, 6),
        (2**159, 2**100, 160),
    ],
    mistakes=[
        Mistake(_plain_reach, "how far first is, over 0, too: (first - own) % 2**bits"),
        Mistake(_half, "the near points are your first successor's: leave out those up to it"),
        Mistake(_power, "the points lie after our own id: own + 2**i"),
        Mistake(_with_the_whole, "2**bits after us is ourselves: the farthest finger is half a circle away"),
        Mistake(_nearest_first, "the farthest first: it is worth the most"),
        Mistake(_at_reach, "a point at first itself is first's: a peer owns its own id"),
        Mistake(_over_the_top, "after the largest id comes 0 again: % 2**bits"),
        Mistake(_dropped, "a point beyond the largest id is not gone, it is over 0: % 2**bits"),
        Mistake(_numeric_points, "farthest from us, clockwise; a large number may be near"),
        Mistake(_beyond_the_number, "compare ways from us, not ids: 2**i with (first - own) % 2**bits"),
    ],
    hint="2**i after us, for i from bits - 1 down to 0, if that is farther than first",
)


# Wrong names


def _with_key(own: int, known: list[int], key: int) -> list[int]:
    named = nearer(own, known, key)
    return [key, *named] if key in known else named


def _with_self(own: int, known: list[int], key: int) -> list[int]:
    named = nearer(own, known, key)
    return [*named, own] if own in known else named


def _with_both(own: int, known: list[int], key: int) -> list[int]:
    return _with_self(own, [one for one in known if one != key], key) if key not in known else [
        key,
        *_with_self(own, [one for one in known if one != key], key),
    ]  # fmt: skip


def _numbers(own: int, known: list[int], key: int) -> list[int]:
    """Between without the turn."""
    return sorted({peer for peer in known if own < peer < key}, reverse=True)


def _numeric_order(own: int, known: list[int], key: int) -> list[int]:
    return sorted(nearer(own, known, key), reverse=True)


def _farthest_first(own: int, known: list[int], key: int) -> list[int]:
    return nearer(own, known, key)[::-1]


def _absolute(own: int, known: list[int], key: int) -> list[int]:
    """Nearest in either direction."""
    return sorted({one for one in known if one != own}, key=lambda peer: (abs(peer - key), peer))


def _all(own: int, known: list[int], key: int) -> list[int]:
    """Everybody, also those beyond the key."""
    return sorted({one for one in known if one not in (own, key)}, key=lambda peer: (peer < key, peer))[::-1]


def _twice(own: int, known: list[int], key: int) -> list[int]:
    return sorted(
        (peer for peer in known if between(own, peer, key)),
        key=lambda peer: (peer < key, peer),
        reverse=True,
    )


def _best_alone(own: int, known: list[int], key: int) -> list[int]:
    return nearer(own, known, key)[:1]


def _one(own: int, known: list[int], key: int) -> int | None:
    return next(iter(nearer(own, known, key)), None)


def _own_key_none(own: int, known: list[int], key: int) -> list[int]:
    return [] if own == key else nearer(own, known, key)


def _as_words(own: int, known: list[int], key: int) -> list[int]:
    return sorted(nearer(own, known, key), key=str, reverse=True)


def _sorts_known(own: int, known: list[int], key: int) -> list[int]:
    known.sort()
    return nearer(own, known, key)


NEARER = Task(
    "nearer",
    nearer,
    cases=[
        (8, [21, 14, 32], 40),
        (8, [14, 21, 32, 51], 40),
        (1, [2, 10, 9, 30], 40),
        (8, [8, 14, 21, 32], 32),
        (8, [14, 21, 32], 32),
        (8, [8, 14, 21], 40),
        (8, [14, 21, 14, 32], 40),
        (8, [14, 21], 10),
        (42, [48, 51, 1, 8, 21], 14),
        (42, [48, 51, 60], 3),
        (42, [21, 48, 1, 38], 42),
        (8, [], 40),
    ],
    mistakes=[
        Mistake(_one, "a list, also if there is one: the nearest may be dead, and then the next is asked"),
        Mistake(_best_alone, "all of them, not the best alone: it may be dead, and then the next is asked"),
        Mistake(_sorts_known, "known.sort() changes the caller's list: sorted(known) makes a new one"),
        Mistake(_as_words, "9 comes before 10: these are numbers, not text"),
        Mistake(_farthest_first, "the nearest to the key first: it saves the most steps"),
        Mistake(_own_key_none, "own == key: once round the circle, from us to us, everybody lies between"),
        Mistake(_with_key, "strictly between: who sits at the key owns it, and is not before it"),
        Mistake(_with_self, "strictly between: a peer does not name itself, or the walk stands still"),
        Mistake(_with_both, "strictly between: neither the peer itself nor who sits at the key"),
        Mistake(_twice, "each once"),
        Mistake(_numbers, "key < own: the way to the key goes over 0"),
        Mistake(
            _numeric_order, "the way goes over 0: there a small number is farther along than a large one"
        ),
        Mistake(_absolute, "those beyond the key are not before it, however near they are"),
        Mistake(_all, "those beyond the key are not before it: go clockwise from us, and stop at the key"),
    ],
    hint="keep those strictly between own and key; how far each is before the key, (key - peer), orders them",
)
