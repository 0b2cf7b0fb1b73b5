"""Namesakes: how popular names are, and how many people in a crowd share theirs. Pure functions.

Some names are wanted by many and most by few. Zipf's law says that the r-th most popular is wanted in
proportion to 1 / r; Mandelbrot's form of it, 1 / (r + c), flattens the head, so that not one person in seven
wants the same name. A model, and good enough to compare a name that must be unique in the whole world with
one that must be unique in an address book.

Vocabulary::

    popularity  the chance that a person wants each name, the most popular first; together 1
    namesake    another person with the same name
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from p2plib.errors import UsageError

_FLATTENED = 20  # Mandelbrot's c: of ten thousand names none is wanted by more than one person in a hundred


def popularity(names: int) -> list[float]:
    """How likely a person is to want each name, the most popular first.

    >>> [round(chance, 3) for chance in popularity(3)]
    [0.349, 0.333, 0.318]

    Args:
        names: how many there are, 1 or more.

    Raises:
        UsageError: no names.
    """
    if names < 1:
        raise UsageError(f"a popularity needs names, not {names}")
    weights = [1 / (rank + _FLATTENED) for rank in range(1, names + 1)]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def share_with_namesake(wanted: Sequence[float], people: int) -> float:
    """The expected share of a crowd that is not alone with its name: the sum of p·(1 - (1-p)**(people-1)).

    >>> share_with_namesake([0.5, 0.5], 2)
    0.5

    Args:
        wanted: the popularity of each name.
        people: how many choose, 1 or more.

    Raises:
        UsageError: nobody chooses.
    """
    if people < 1:
        raise UsageError(f"a crowd has people, not {people}")
    return math.fsum(chance * (1 - (1 - chance) ** (people - 1)) for chance in wanted)
