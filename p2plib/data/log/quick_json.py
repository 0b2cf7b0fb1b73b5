"""Canonical JSON of ordinary values with the standard library's fast parts: a short cut.

`p2plib.wire.canonical_json` is the rule. Most messages hold nothing on which Python and ECMAScript differ,
and for those the standard library reads and quotes in C, several times as fast. This module notices what is
not so ordinary and leaves it to the full codec: the result is the same, which a test shows on random values.

Ordinary is
    1. text without lone surrogates, True, False, None, whole numbers within ±(2**53 - 1);
    2. lists and dicts of those, not too deep, whose keys do not begin with a digit (JavaScript sorts such
       keys apart).

A float is never ordinary: the two languages print it differently, and 1.0 is 1 to one of them.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring as _quoted

from p2plib.wire import canonical_json
from p2plib.wire.canonical_json import MAX_DEPTH, MAX_SAFE_INTEGER, Value

_MAX_DEPTH = 32  # deeper values are rare, and the full codec has the limit that matters
_DIGITS = frozenset("0123456789")
_WORDS = {None: "null", True: "true", False: "false"}


class _UnusualValue(Exception):
    """A value that the full codec has to look at."""


def encode(value: Value) -> str:
    """The canonical text of a value: what `canonical_json.encode` gives.

    Args:
        value: as for `canonical_json.encode`.

    Raises:
        UsageError: as `canonical_json.encode` raises it.
    """
    try:
        text = _text(value, "\n", 0)
        if not text.isascii():
            text.encode("utf-8")
    except (_UnusualValue, UnicodeEncodeError):
        return canonical_json.encode(value)
    return text


def _text(value: object, newline: str, depth: int) -> str:
    kind = type(value)
    if kind is str:
        return _quoted(value)  # type: ignore[arg-type]
    if kind is int:
        if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:  # type: ignore[operator]
            return str(value)
        raise _UnusualValue
    if value is None or kind is bool:
        return _WORDS[value]  # type: ignore[index]
    if depth == _MAX_DEPTH or (kind is not dict and kind is not list):
        raise _UnusualValue
    inner = newline + "  "
    parts = []
    if kind is list:
        for each in value:  # type: ignore[attr-defined]
            parts.append(_text(each, inner, depth + 1))  # noqa: PERF401 - said twice, it would not be faster
        return "[" + inner + ("," + inner).join(parts) + newline + "]" if parts else "[]"
    for key, each in value.items():  # type: ignore[attr-defined]
        if type(key) is not str or key[:1] in _DIGITS:
            raise _UnusualValue
        said = _quoted(each) if type(each) is str else _text(each, inner, depth + 1)
        parts.append(_quoted(key) + ": " + said)
    return "{" + inner + ("," + inner).join(parts) + newline + "}" if parts else "{}"


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
            if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:  # so it cannot be too deep
                value: Value = _DECODER.decode(raw.decode("utf-8"))
                return value
        except (ValueError, _UnusualValue):
            pass  # the full codec says what is wrong, and where
    return canonical_json.parse(text, max_characters=max_characters)


def _whole(digits: str) -> int:
    if len(digits) > 16:
        raise _UnusualValue
    number = int(digits)
    if not -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
        raise _UnusualValue
    return number


def _unusual(text: str) -> Value:
    raise _UnusualValue


_DECODER = json.JSONDecoder(parse_float=_unusual, parse_int=_whole, parse_constant=_unusual)
