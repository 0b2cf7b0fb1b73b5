"""Lab 8: how many of something, in a line of feedback."""

from __future__ import annotations


def plural(count: int, one: str, more: str) -> str:
    """A number with its noun: "1 entry", "2 entries".

    Args:
        count: how many.
        one: the noun for one.
        more: the noun for any other number.
    """
    return f"{count} {one if count == 1 else more}"
