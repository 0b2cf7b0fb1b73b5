"""Remembered: the results of a function, so that it need not work them out again. A part of codecs.

`functools.lru_cache` does this too, but notes at each call which argument was used last, so that it can
forget the least recently used one. That takes as long as the look-up itself. Here all are forgotten when
there are too many, and until then a call is one look-up in a dict.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

REMEMBERED = 65_536  # arguments, for each function

A = TypeVar("A", bound=Hashable)
R = TypeVar("R")


class _Answers(dict[A, R]):
    """The results of a function, by argument."""

    def __init__(self, function: Callable[[A], R]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, argument: A) -> R:
        answer = self._function(argument)
        if len(self) >= REMEMBERED:
            self.clear()
        self[argument] = answer
        return answer


def remembered(function: Callable[[A], R]) -> Callable[[A], R]:
    """Return a function that does the same, and calls the given one only for arguments it does not remember.

    Args:
        function: a pure function of one argument; errors that it raises are not remembered.
    """
    return _Answers(function).__getitem__
