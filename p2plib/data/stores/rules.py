"""How a conformance suite says that a store broke a rule. The suites of all kinds of store use it.

A rule is a sentence about what went wrong; what raises something is the subject of one.

    >>> demand(1 == 1, "a value came back changed")
    >>> raises(ZeroDivisionError, lambda: 1 / 0, "dividing by zero")
    >>> raises(ZeroDivisionError, lambda: 1 / 1, "dividing by one")
    Traceback (most recent call last):
    p2plib.data.stores.rules.RuleBroken: dividing by one gave 1.0 and should have raised ZeroDivisionError
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class RuleBroken(AssertionError):
    """A store broke a rule; the sentence says which."""


def demand(holds: bool, rule: str) -> None:
    """Check one thing that a rule says.

    Args:
        holds: whether it is so.
        rule: what is wrong if it is not, as a sentence.

    Raises:
        RuleBroken: it does not hold.
    """
    if not holds:
        raise RuleBroken(rule)


def raises(kind: type[Exception], doing: Callable[[], Any], what: str) -> None:
    """Check that something raises an error.

    Args:
        kind: the class of the error.
        doing: what to call.
        what: what that is, as the subject of a sentence.

    Raises:
        RuleBroken: it raises nothing, or another error.
    """
    try:
        result = doing()
    except kind:
        return
    except Exception as error:
        raise RuleBroken(f"{what} raised {error!r}, not {kind.__name__}") from error
    raise RuleBroken(f"{what} gave {result!r:.60} and should have raised {kind.__name__}")
