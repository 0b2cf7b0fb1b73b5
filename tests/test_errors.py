"""The errors: the tree in words is the tree, and each says whose fault it was."""

from __future__ import annotations

import inspect
import re

from p2plib import errors
from p2plib.errors import LocalError, P2PError, RemoteError


def tree_in_words() -> dict[str, str]:
    """Each class of the module's docstring, and the one that it stands under."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = [(-1, "Exception")]
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"    ([│├└─ ]*)(\w+)\b", line):
            depth = len(found[1])
            while above[-1][0] >= depth:
                above.pop()
            parents[found[2]] = above[-1][1]
            above.append((depth, found[2]))
    return parents


def test_the_tree_in_words_is_the_tree() -> None:
    classes = {
        name: found.__bases__[0].__name__ for name, found in inspect.getmembers(errors, inspect.isclass)
    }
    assert len(classes) > 30
    assert tree_in_words() == classes


def test_nobody_is_both_to_blame() -> None:
    for _, found in inspect.getmembers(errors, inspect.isclass):
        assert issubclass(found, P2PError)
        assert not issubclass(found, LocalError) or not issubclass(found, RemoteError)
