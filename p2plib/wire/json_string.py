r"""Strings of JSON, in quotes and with escapes: what Scuttlebutt's JSON and DAG-JSON share. A codec.

A string of JSON (RFC 8259, section 7) is a sequence of UTF-16 units, as in JavaScript, so an escape can name
half of a surrogate pair. Two halves in a row are one character. A half that stands alone is kept here; a
format whose strings are characters refuses it (`has_lone_half`).

    >>> read(r'["caf\u00e9 \ud83d\ude80",1]', 1)
    ('café 🚀', 25)
    >>> print(write('a "rocket"\n'))
    "a \"rocket\"\n"
"""

from __future__ import annotations

import re

from p2plib.errors import DecodeError

_PLAIN = re.compile(r'[^"\\\x00-\x1f\ud800-\udfff]*')
_HEX4 = re.compile(r"[0-9a-fA-F]{4}")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_NEEDS_ESCAPE = re.compile(r'["\\\x00-\x1f\ud800-\udfff]')
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def read(text: str, at: int) -> tuple[str, int]:
    """The string that begins at an offset, and the offset of what follows it.

    Args:
        text: some JSON.
        at: where the opening quote is; it is not looked at again.

    Raises:
        DecodeError: the string is cut off, or it has an escape that JSON has not, or a quote, a control
            character or half of a surrogate pair that is not escaped. The offset counts characters.
    """
    parts: list[str] = []
    at += 1
    while True:
        plain = _PLAIN.match(text, at)
        assert plain is not None  # the pattern matches an empty run too
        parts.append(plain[0])
        at = plain.end()
        stop = text[at : at + 1]
        if stop == '"':
            return parts[0] if len(parts) == 1 else _pair("".join(parts)), at + 1
        if stop != "\\":
            raise DecodeError("a string that is cut off, or holds what must be escaped", at)
        part, at = _read_escape(text, at)
        parts.append(part)


def _read_escape(text: str, at: int) -> tuple[str, int]:
    letter = text[at + 1 : at + 2]
    if letter in _ESCAPES:
        return _ESCAPES[letter], at + 2
    digits = _HEX4.match(text, at + 2)
    if letter != "u" or digits is None:
        raise DecodeError("this is not a JSON escape", at)
    return chr(int(digits[0], 16)), at + 6


def write(text: str) -> str:
    """A string as JSON, in quotes, with no more escapes than it needs (ECMA-262, QuoteJSONString).

    Args:
        text: any; half of a surrogate pair becomes an escape.
    """

    def escaped(match: re.Match[str]) -> str:
        return _SHORT_ESCAPES.get(match[0]) or f"\\u{ord(match[0]):04x}"

    return '"' + _NEEDS_ESCAPE.sub(escaped, _pair(text)) + '"'


def has_lone_half(text: str) -> bool:
    """Whether half of a surrogate pair is in it: then it has no UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _pair(text: str) -> str:
    """Two halves of a surrogate pair, one after the other, are one character; a lone half stays."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
