"""Canonical JSON: the text that Scuttlebutt signs and hashes. A codec.

Scuttlebutt signs what JavaScript's `JSON.stringify(value, null, 2)` prints (Scuttlebutt Protocol Guide,
"Signing encoding"), so a peer in any other language has to print like ECMAScript (ECMA-262, JSON.stringify
and Number::toString), and to read like it, for a value that is read differently is printed differently.

Reading: RFC 8259, nothing more
    1. No comments, no trailing commas, no bare words, no byte order mark, one value and nothing behind it.
    2. A number is a double. One too large for it is refused (JavaScript reads Infinity, which JSON cannot
       write).
    3. A repeated key keeps its first place and its last value.
    4. An escape of half a surrogate pair gives that lone half, as in JavaScript; bytes must be valid UTF-8.
    5. Text has at most `MAX_CHARACTERS`, a number `MAX_NUMBER_CHARACTERS`, nesting `MAX_DEPTH`.

Writing
    6. Two spaces of indent for each level, `"key": value`, and `{}` and `[]` for what is empty.
    7. Keys that look like array indices (0 to 4294967294) first, rising; the others in their order of
       insertion.
    8. `\\b \\f \\n \\r \\t \\" \\\\` for those seven, `\\u` and four lower-case digits for other characters
       below space and for lone surrogates; everything else as it is.
    9. The shortest digits that give the same double back, written out from 1e-6 up to below 1e21; -0 as 0.

Two traps follow from JavaScript's strings, which are sequences of 16-bit units: the size limit of a message
counts those units (`length_utf16`), and a message's id hashes the low byte of each (`latin1_of_utf16`),
although its signature covers the UTF-8.

Vocabulary::

    value   None, bool, int, float, str, list of values, dict from str to value
    unit    a UTF-16 code unit: "é" is one, "🚀" is two
"""

from __future__ import annotations

import math
import re
from typing import TypeAlias

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import json_string

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"

MAX_CHARACTERS = 1 << 20  # Scuttlebutt's own messages end at 8192 units; this bounds memory for any other use
# Indentation makes a text of n nested levels about 2·n² characters long, so no message within Scuttlebutt's
# 8192 units reaches 70 levels. The limit refuses nothing that others accept, and recursion stays shallow.
MAX_DEPTH = 128
MAX_NUMBER_CHARACTERS = (
    1024  # a double needs 25; reading digits takes time that grows faster than their number
)
MAX_SAFE_INTEGER = 2**53 - 1  # above it, doubles skip whole numbers

_SPACE = " \t\n\r"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {"null": None, "true": True, "false": False}
_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,9})\Z", re.ASCII)
_MAX_INDEX = 2**32 - 2


def parse(text: str | bytes, *, max_characters: int = MAX_CHARACTERS) -> Value:
    """The value that a JSON text stands for.

    Whole numbers up to 2**53 - 1 come out as int, however they were written (`1`, `1.0`, `1e0`, `-0`), all
    others as
    float: to ECMAScript they are one type.

    Args:
        text: text, or its UTF-8 bytes.
        max_characters: the longest text to look at; for bytes, how many bytes.

    Raises:
        DecodeError: it breaks one of rules 1 to 5; the offset counts characters (bytes for invalid UTF-8).
    """
    if len(text) > max_characters:
        raise DecodeError(f"a JSON text longer than {max_characters}", max_characters)
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DecodeError("JSON text is not valid UTF-8", error.start) from None
    reader = _Reader(text)
    value = reader.value(0)
    reader.skip_space()
    if reader.at < len(text):
        raise DecodeError("something stands behind the JSON value", reader.at)
    return value


class _Reader:
    """A recursive-descent reader: one method for each kind of value, `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def skip_space(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in _SPACE:
            self.at += 1

    def peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def expect(self, character: str, where: str) -> None:
        if self.peek() != character:
            raise DecodeError(f"{character!a} expected {where}", self.at)
        self.at += 1

    def value(self, depth: int) -> Value:
        self.skip_space()
        first = self.peek()
        if first in ("{", "["):
            if depth == MAX_DEPTH:
                raise DecodeError(f"JSON nested deeper than {MAX_DEPTH}", self.at)
            return self.object(depth) if first == "{" else self.array(depth)
        if first == '"':
            return self.string()
        if first == "-" or (first.isascii() and first.isdigit()):
            return self.number()
        for word, meaning in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return meaning
        raise DecodeError("a JSON value expected", self.at)

    def array(self, depth: int) -> list[Value]:
        self.at += 1
        items: list[Value] = []
        self.skip_space()
        while self.peek() != "]":
            if items:
                self.expect(",", "between items")
            items.append(self.value(depth + 1))
            self.skip_space()
        self.at += 1
        return items

    def object(self, depth: int) -> dict[str, Value]:
        self.at += 1
        members: dict[str, Value] = {}
        first = True
        self.skip_space()
        while self.peek() != "}":
            if not first:
                self.expect(",", "between members")
                self.skip_space()
            first = False
            if self.peek() != '"':
                raise DecodeError("a key in double quotes expected", self.at)
            key = self.string()
            self.skip_space()
            self.expect(":", "after a key")
            members[key] = self.value(depth + 1)
            self.skip_space()
        self.at += 1
        return members

    def number(self) -> int | float:
        match = _NUMBER.match(self.text, self.at)
        if match is None:
            raise DecodeError("no JSON number", self.at)
        if len(match[0]) > MAX_NUMBER_CHARACTERS:
            raise DecodeError(f"a number of more than {MAX_NUMBER_CHARACTERS} characters", self.at)
        double = float(match[0])
        if math.isinf(double):
            raise DecodeError("a number too large for a double", self.at)
        self.at = match.end()
        if double.is_integer() and abs(double) <= MAX_SAFE_INTEGER:
            return int(double)
        return double

    def string(self) -> str:
        text, self.at = json_string.read(self.text, self.at)
        return text


def encode(value: Value) -> str:
    """The canonical text of a value.

    Args:
        value: as `parse` gives it; lists may be tuples. Whole numbers within ±(2**53 - 1), floats finite.

    Raises:
        UsageError: JSON has no such value, a whole number would be rounded, or it is nested deeper than
            `MAX_DEPTH`.
    """
    parts: list[str] = []
    _write(value, "\n", parts, 0)
    return "".join(parts)


def _write(value: object, newline: str, parts: list[str], depth: int) -> None:
    """Appends the text of a value. `newline` is a line feed and the indent of the line that the value begins
    on."""
    if depth == MAX_DEPTH and isinstance(value, list | tuple | dict):
        raise UsageError(f"a value nested deeper than {MAX_DEPTH}, or within itself")
    inner = newline + "  "
    if value is None or isinstance(value, bool):
        parts.append("null" if value is None else "true" if value else "false")
    elif isinstance(value, int | float):
        parts.append(number_text(value))
    elif isinstance(value, str):
        parts.append(json_string.write(value))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            parts.append(("," if i else "[") + inner)
            _write(item, inner, parts, depth + 1)
        parts.append(newline + "]" if value else "[]")
    elif isinstance(value, dict):
        for i, key in enumerate(_key_order(value)):
            parts.append(("," if i else "{") + inner + json_string.write(key) + ": ")
            _write(value[key], inner, parts, depth + 1)
        parts.append(newline + "}" if value else "{}")
    else:
        raise UsageError(f"JSON has no {type(value).__name__}")


def _key_order(members: dict[str, object]) -> list[str]:
    """Rule 7. JavaScript keeps array indices apart, whatever the order in which they were put in."""
    for key in members:
        if not isinstance(key, str):
            raise UsageError(f"a JSON key is text, not {type(key).__name__}")
    indices = {key for key in members if _INDEX.match(key) and int(key) <= _MAX_INDEX}
    return sorted(indices, key=int) + [key for key in members if key not in indices]


def number_text(number: int | float) -> str:
    """A number as ECMAScript prints it (ECMA-262, Number::toString).

    >>> number_text(1e21), number_text(1e20), number_text(1e-7), number_text(-0.0)
    ('1e+21', '100000000000000000000', '1e-7', '0')

    Raises:
        UsageError: it is not finite, a truth value, or whole and beyond ±(2**53 - 1) as an int.
    """
    if isinstance(number, bool):
        raise UsageError("a truth value is no number")
    if isinstance(number, int):
        if abs(number) > MAX_SAFE_INTEGER:
            raise UsageError("a whole number beyond 2**53 - 1 would be rounded; write it as text")
        return str(number)
    if not math.isfinite(number):
        raise UsageError("JSON has no NaN and no infinity")
    if number == 0:
        return "0"
    # Python and ECMAScript choose the same shortest digits and lay them out differently. In the letters of
    # ECMA-262: the number is 0.digits · 10**n, and there are k digits. Kinds of float, as NumPy's float64,
    # may have a repr of their own, so float's is named.
    sign = "-" if number < 0 else ""
    mantissa, _, exponent = float.__repr__(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    written = (whole + fraction).lstrip("0")
    digits = written.rstrip("0")
    k = len(digits)
    n = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(written))
    if k <= n <= 21:
        return sign + digits + "0" * (n - k)
    if 0 < n <= 21:
        return sign + digits[:n] + "." + digits[n:]
    if -6 < n <= 0:
        return sign + "0." + "0" * -n + digits
    point = "." if k > 1 else ""
    return f"{sign}{digits[0]}{point}{digits[1:]}e{n - 1:+d}"


def length_utf16(text: str) -> int:
    """How many UTF-16 code units a text has: JavaScript's `length`, which Scuttlebutt's size limit counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def latin1_of_utf16(text: str) -> bytes:
    """The low byte of each UTF-16 code unit: what Scuttlebutt hashes into a message's id ("latin1" to
    Node)."""
    return text.encode("utf-16-le", "surrogatepass")[::2]
