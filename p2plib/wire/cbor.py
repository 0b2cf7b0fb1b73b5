"""CBOR in its deterministic form: values as compact bytes, the same bytes for the same value. A codec.

RFC 8949, with the core deterministic encoding of its section 4.2.1; values are those that JSON has, and
bytes. An item begins with a byte that holds a major type and an argument (section 3)::

    major type      0 whole number   1 negative   2 bytes   3 text   4 list   5 map
                    7 False, True, None and floats
    argument        0-23 in the byte itself; 24, 25, 26, 27: in the 1, 2, 4, 8 bytes that follow

Rules
    1. An argument is as short as it can be. A float has 2, 4 or 8 bytes: the fewest that give the same
       number.
    2. No item is of indefinite length, and nothing follows the value.
    3. The keys of a map are text, each is there once, and they rise in the order of their encoded bytes.
    4. Not-a-number is the two bytes 7e00 after an f9. There are no tags, no simple values but False,
       True and None, and whole numbers reach from -2^64 to 2^64 - 1.
    5. Text is valid UTF-8; nesting goes at most `MAX_DEPTH` deep. A length that is longer than what is there
       is refused.

    >>> encode({"b": [1, -2, 0.5], "a": b"xyz"}).hex()
    'a261614378797a6162830121f93800'
"""

from __future__ import annotations

import contextlib
import math
import struct
from typing import TypeAlias

from p2plib.errors import DecodeError, UsageError

Value: TypeAlias = "bool | int | float | str | bytes | list[Value] | dict[str, Value] | None"

MAX_DEPTH = 128

WHOLE, NEGATIVE, BYTES, TEXT, LIST, MAP, TAG, SIMPLE = range(8)
_SIMPLE: dict[int, bool | None] = {20: False, 21: True, 22: None}
_WIDTHS = {24: 1, 25: 2, 26: 4, 27: 8}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_NOT_A_NUMBER = bytes.fromhex("f97e00")


def encode(value: Value) -> bytes:
    """The bytes of a value; tuples count as lists.

    Raises:
        UsageError: it is none of the types above, too large a number, or nested too deep.
    """
    parts: list[bytes] = []
    _encode(value, parts, 0)
    return b"".join(parts)


def _encode(value: object, parts: list[bytes], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise UsageError(f"a value nested deeper than {MAX_DEPTH}")
    match value:
        case None:
            parts.append(b"\xf6")
        case bool():
            parts.append(b"\xf5" if value else b"\xf4")
        case int():
            if not -(2**64) <= value < 2**64:
                raise UsageError("a whole number is -2^64 to 2^64 - 1; send a larger one as bytes or text")
            parts.append(_head(WHOLE, value) if value >= 0 else _head(NEGATIVE, -1 - value))
        case float():
            parts.append(_float(value))
        case bytes() | bytearray() | memoryview():
            raw = bytes(value)
            parts += (_head(BYTES, len(raw)), raw)
        case str():
            parts.append(_text(value))
        case list() | tuple():
            parts.append(_head(LIST, len(value)))
            for each in value:
                _encode(each, parts, depth + 1)
        case dict():
            parts.append(_head(MAP, len(value)))
            for key, each in sorted(
                ((_key(key), each) for key, each in value.items()), key=lambda pair: pair[0]
            ):
                parts.append(key)
                _encode(each, parts, depth + 1)
        case _:
            raise UsageError(f"CBOR has no form here for {type(value).__name__}")


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes((major << 5 | argument,))
    for code, width in _WIDTHS.items():
        if argument < 256**width:
            return bytes((major << 5 | code,)) + argument.to_bytes(width)
    raise UsageError(f"an argument of {argument}, where 2^64 - 1 is the most")


def _text(text: str) -> bytes:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise UsageError("text with half a surrogate pair cannot be UTF-8") from None
    return _head(TEXT, len(raw)) + raw


def _key(key: object) -> bytes:
    if not isinstance(key, str):
        raise UsageError(f"the keys of a map must be text, not {type(key).__name__}")
    return _text(key)


def _float(number: float) -> bytes:
    if math.isnan(number):
        return _NOT_A_NUMBER
    for code, form in _FLOATS.items():
        with contextlib.suppress(OverflowError):
            raw = struct.pack(form, number)
            if struct.unpack(form, raw)[0] == number:
                return bytes((SIMPLE << 5 | code,)) + raw
    raise AssertionError("8 bytes hold every float")


def decode(raw: bytes) -> Value:
    """The value that bytes stand for.

    Raises:
        DecodeError: they break a rule of the module's head; the offset says where.
    """
    reader = _Reader(bytes(raw))
    value = reader.value(0)
    if reader.at < len(reader.raw):
        raise DecodeError("something follows the value", reader.at)
    return value


class _Reader:
    """Reads items one after the other; `at` is where the next one begins."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0

    def take(self, size: int, what: str) -> bytes:
        if size > len(self.raw) - self.at:
            raise DecodeError(f"{what} of {size} bytes, where {len(self.raw) - self.at} follow", self.at)
        self.at += size
        return self.raw[self.at - size : self.at]

    def head(self) -> tuple[int, int, int]:
        """Major type, low five bits and argument of the next item."""
        start = self.at
        if start == len(self.raw):
            raise DecodeError("the bytes end where an item should begin", start)
        major, low = divmod(self.raw[start], 32)
        self.at += 1
        if low < 24:
            return major, low, low
        if low not in _WIDTHS:
            rule = "no item is of indefinite length" if low == 31 else f"there is no argument coded {low}"
            raise DecodeError(rule, start)
        argument = int.from_bytes(self.take(_WIDTHS[low], "an argument"))
        if major != SIMPLE and argument < (24 if low == 24 else 256 ** (_WIDTHS[low] // 2)):
            raise DecodeError(f"the argument {argument} can be shorter", start)
        return major, low, argument

    def value(self, depth: int) -> Value:
        start = self.at
        major, low, argument = self.head()
        if depth == MAX_DEPTH and major in (LIST, MAP):
            raise DecodeError(f"nested deeper than {MAX_DEPTH}", start)
        match major:
            case 0:
                return argument
            case 1:
                return -1 - argument
            case 2:
                return self.take(argument, "bytes")
            case 3:
                return self.text(argument)
            case 4:
                self.has_room(argument, start)
                return [self.value(depth + 1) for _ in range(argument)]
            case 5:
                self.has_room(2 * argument, start)
                return self.map(argument, depth)
            case 6:
                raise DecodeError(f"tags are not allowed, and this is tag {argument}", start)
            case _:
                return self.simple(low, start)

    def has_room(self, items: int, start: int) -> None:
        """Each item has at least one byte, so nobody makes us count to 2^64."""
        if items > len(self.raw) - self.at:
            raise DecodeError(f"{items} items, where {len(self.raw) - self.at} bytes follow", start)

    def text(self, size: int) -> str:
        start = self.at
        try:
            return self.take(size, "text").decode()
        except UnicodeDecodeError as error:
            raise DecodeError("text is not valid UTF-8", start + error.start) from None

    def map(self, size: int, depth: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        last = b""
        for _ in range(size):
            start = self.at
            major, _, argument = self.head()
            if major != TEXT:
                raise DecodeError("the keys of a map must be text", start)
            key = self.text(argument)
            encoded = self.raw[start : self.at]
            if encoded <= last:
                raise DecodeError(f"the key {key[:40]!a} is there twice, or before a smaller one", start)
            last = encoded
            found[key] = self.value(depth + 1)
        return found

    def simple(self, low: int, start: int) -> bool | float | None:
        if low in _SIMPLE:
            return _SIMPLE[low]
        if low not in _FLOATS:
            raise DecodeError("the only simple values are False, True and None", start)
        raw = self.raw[start + 1 : self.at]
        number: float = struct.unpack(_FLOATS[low], raw)[0]
        if _float(number) != self.raw[start : self.at]:
            raise DecodeError("this float can be shorter", start)
        return number
