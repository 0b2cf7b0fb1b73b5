"""Values in words: short, on one line, and the same on every run.

Bytes are shown in hex (unless all of them are printable ASCII), long values lose their middle, memory
addresses are left out, and whatever a terminal would not print as it is (line ends, control characters,
marks that turn the text around) is spelled as an escape.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

VALUE_LIMIT = 64  # characters: with three values, a hint and the frame a line stays under LINE_LIMIT
LINE_LIMIT = 400  # characters: five lines of a notebook's width
DEPTH_LIMIT = 4  # containers in containers
ITEM_LIMIT = 8  # items of one container
FLOAT_DIGITS = 1e-9  # relative

ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]+|\b0x[0-9A-Fa-f]{8,}")


def describe(value: Any, limit: int = VALUE_LIMIT) -> str:
    """A value as a reader should see it.

    Args:
        value: anything, also objects whose own repr fails.
        limit: characters.

    Returns:
        One printable line of at most `limit` characters.
    """
    if isinstance(value, (bytes, bytearray)):
        return _bytes(bytes(value), limit)
    return shorten(one_line(_words(value, 0)), limit)


def one_line(text: str) -> str:
    """Text with everything unprintable escaped and addresses left out."""
    text = ADDRESS.sub("", text)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shorten(text: str, limit: int) -> str:
    """Text without its middle where it is longer than `limit` characters: the ends tell more."""
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 3
    return f"{text[: limit - 1 - tail]}…{text[len(text) - tail :]}"


def _bytes(value: bytes, limit: int) -> str:
    if value.isascii() and value.decode("ascii").isprintable() and len(value) + 3 <= limit:
        return repr(value)
    text = f"hex {value.hex()}"
    size = f" ({len(value)} bytes)"
    return text if len(text) <= limit else shorten(text, limit - len(size)) + size


def _words(value: Any, depth: int) -> str:
    if isinstance(value, (bytes, bytearray)):
        return _bytes(bytes(value), VALUE_LIMIT)
    if isinstance(value, str):
        return repr(value)
    if depth < DEPTH_LIMIT and type(value) in (list, tuple, set, frozenset, dict):
        return _container(value, depth)
    if isinstance(value, type) or (callable(value) and hasattr(value, "__name__")):
        return str(value.__name__)
    try:
        return repr(value)
    except Exception:
        return f"a {type(value).__name__}"


def _container(value: Any, depth: int) -> str:
    if isinstance(value, Mapping):
        items = [f"{_words(k, depth + 1)}: {_words(v, depth + 1)}" for k, v in value.items()]
        return "{" + _listed(items) + "}"
    items = [_words(item, depth + 1) for item in value]
    if isinstance(value, AbstractSet):
        return "{" + _listed(sorted(items)) + "}" if items else f"{type(value).__name__}()"
    if isinstance(value, tuple):
        return f"({items[0]},)" if len(items) == 1 else f"({_listed(items)})"
    return f"[{_listed(items)}]"


def _listed(items: list[str]) -> str:
    shown = items if len(items) <= ITEM_LIMIT else [*items[: ITEM_LIMIT - 1], f"… {len(items)} in all"]
    return ", ".join(shown)


def alike(got: Any, expected: Any) -> bool:
    """Whether an answer is the expected one: an equal value of the same kind.

    An answer may be of a subclass (a bool never stands for a number, nor a list for a tuple); floats agree
    to nine digits; bytes and bytearray are one kind.
    """
    if isinstance(expected, float) and isinstance(got, (int, float)) and not isinstance(got, bool):
        return math.isclose(got, expected, rel_tol=FLOAT_DIGITS, abs_tol=1e-12) or (
            got != got and expected != expected
        )
    if isinstance(got, bool) != isinstance(expected, bool):
        return False
    if isinstance(expected, (bytes, bytearray)):
        return isinstance(got, (bytes, bytearray)) and bytes(got) == bytes(expected)
    if not isinstance(got, type(expected)):
        return False
    if type(expected) in (list, tuple):
        return len(got) == len(expected) and all(map(alike, got, expected))
    if type(expected) is dict:
        return got.keys() == expected.keys() and all(alike(got[key], expected[key]) for key in expected)
    return bool(got == expected)


def difference(got: Any, expected: Any) -> str:
    """Where two long values part, for values whose shortened forms look the same; "" for others."""
    sized = (str, bytes, bytearray, list, tuple)
    if not (isinstance(got, sized) and isinstance(expected, sized)) or describe(got) != describe(expected):
        return ""
    pairs = enumerate(zip(got, expected, strict=False))
    index = next((n for n, (a, b) in pairs if a != b), min(len(got), len(expected)))
    return f" (they differ from index {index} on)"
