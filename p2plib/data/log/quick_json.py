"""Canonical JSON of ordinary values by the standard library's fast encoder: a short cut.

`p2plib.wire.canonical_json` is the rule. Most messages hold nothing on which Python and ECMAScript differ,
and for those `json.dumps` gives the same text in a third of the time. This module decides which values are so
ordinary, and leaves all others to the full codec: the result is the same, which a test shows on random
values.

Ordinary is
    1. text without lone surrogates, True, False, None, whole numbers within ±(2**53 - 1);
    2. lists and dicts of those, whose keys do not begin with a digit (JavaScript sorts such keys apart).

A float is never ordinary: the two languages print it differently.
"""

from __future__ import annotations

import json

from p2plib.wire import canonical_json
from p2plib.wire.canonical_json import MAX_SAFE_INTEGER, Value

_MAX_DEPTH = 32  # deeper values are rare, and the full codec has the limit that matters
_DIGITS = "0123456789"


def encode(value: Value) -> str:
    """The canonical text of a value: what `canonical_json.encode` gives.

    Args:
        value: as for `canonical_json.encode`.

    Raises:
        UsageError: as `canonical_json.encode` raises it.
    """
    if is_ordinary(value):
        text = json.dumps(value, indent=2, ensure_ascii=False)
        if text.isascii() or _is_whole(text):
            return text
    return canonical_json.encode(value)


def parse(text: str | bytes, *, max_characters: int) -> Value:
    """The value of a JSON text: what `canonical_json.parse` gives.

    Args:
        text: text, or its UTF-8 bytes.
        max_characters: the longest text to look at; for bytes, how many bytes.

    Raises:
        DecodeError: as `canonical_json.parse` raises it.
    """
    if len(text) <= max_characters:
        try:
            raw = text.encode("utf-8") if isinstance(text, str) else text
            value: Value = json.loads(raw.decode("utf-8"))
        except (ValueError, RecursionError):
            value = 0.0  # the full codec says what is wrong, and where
        if is_ordinary(value):
            return value
    return canonical_json.parse(text, max_characters=max_characters)


def _is_whole(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def is_ordinary(value: object, depth: int = 0) -> bool:
    """Whether Python and ECMAScript surely print this value alike, lone surrogates aside."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER  # type: ignore[operator]
    if depth == _MAX_DEPTH:
        return False
    if kind is dict:
        for key, each in value.items():  # type: ignore[attr-defined]
            if type(key) is not str or (key[:1] in _DIGITS and key):
                return False
            if type(each) is not str and not is_ordinary(each, depth + 1):
                return False
        return True
    if kind is list:
        return all(is_ordinary(each, depth + 1) for each in value)  # type: ignore[attr-defined]
    return False
