"""Bencode: numbers, byte strings, lists and dicts as bytes, in one form only. A codec.

BEP 3 defines it for torrents and trackers, BEP 5 for the datagrams of the DHT::

    3:cat          a byte string: its length, a colon, its bytes
    i-7e           a whole number in decimal digits
    l3:cati-7ee    a list of values
    d3:cati-7ee    a dict: keys and values in turn, and the keys are byte strings

An info_hash is the SHA-1 of bencoded bytes, and so are targets and signatures of BEP 44. If two encodings
meant the same value, two peers could hash the same thing and disagree. So a value has one encoding, and bytes
that are not the encoding of any value are refused.

Rules
    1. No digit that is not needed: no `i03e`, `i-0e`, `ie`, `03:abc` and no plus sign.
    2. The keys of a dict are byte strings, rise in the order of their bytes, and each is there once.
    3. A length that is longer than what is there is refused before anything is copied.
    4. A number has at most `MAX_DIGITS` digits, lists and dicts are nested at most `MAX_DEPTH` deep. BEP 3
       has no such limits; without them one datagram of a stranger could keep us busy, or overflow our stack.
    5. Nothing follows the value. Where something does by design, as in BEP 9, there is `decode_prefix`.

    >>> encode({b"cow": b"moo", b"age": 4, b"calves": [b"ada", b"bo"]})
    b'd3:agei4e6:calvesl3:ada2:boe3:cow3:mooe'

Vocabulary::

    value     int, bytes, list of values, dict from bytes to value
    length    the digits before a colon: how many bytes of a byte string follow
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from p2plib.errors import DecodeError, UsageError
from p2plib.wire.fields import Field, bytes_follow

Value: TypeAlias = "int | bytes | list[Value] | dict[bytes, Value]"

MAX_DEPTH = 128  # a torrent with folders needs six; the limit keeps recursion far from Python's own
MAX_DIGITS = 1024  # more than a whole value of BEP 44 holds; the time to read n digits grows faster than n
MAX_LENGTH_DIGITS = 10  # lengths to 10 GB: nobody has a longer string in memory

# The length of nearly every byte string is looked up here. What is not here is long, or wrong.
_LENGTHS = {b"%d" % length: length for length in range(1000)}
_NUMBER = re.compile(rb"(?:0|-?[1-9][0-9]{0,%d})\Z" % (MAX_DIGITS - 1))
_TOO_LARGE = 10**MAX_DIGITS
_COLON, _DICT, _END, _INT, _LIST = b":deil"
_NO_KEY = b"dil"
_NOTE_BYTES = 20  # what a drawing shows of a byte string: an id whole, of anything longer its size


def encode(value: Value) -> bytes:
    """The bytes of a value; tuples count as lists, bytearrays and memoryviews as bytes.

    Raises:
        UsageError: it is of another type, such as text or a bool, a number has too many digits, or it is
            nested too deep. Text has no form in bencode: call `.encode()` on it first.
    """
    parts: list[bytes] = []
    _write(value, parts.append, 0)
    return b"".join(parts)


def _write(value: Any, add: Callable[[bytes], None], depth: int) -> None:
    # A subclass would be as good, but nearly all are exactly of these types, and `is` is fast.
    kind = type(value)
    if kind is bytes:
        add(b"%d:%b" % (len(value), value))
    elif kind is int:
        _write_int(value, add)
    elif kind is dict:
        _write_dict(value, add, depth)
    elif kind is list:
        _write_list(value, add, depth)
    else:
        _write_unusual(value, add, depth)


def _write_int(number: int, add: Callable[[bytes], None]) -> None:
    if not -_TOO_LARGE < number < _TOO_LARGE:
        raise UsageError(f"a number has at most {MAX_DIGITS} digits: send a longer one as bytes")
    add(b"i%de" % number)


def _write_list(items: list[Any], add: Callable[[bytes], None], depth: int) -> None:
    if depth == MAX_DEPTH:
        raise UsageError(f"a value nested deeper than {MAX_DEPTH}, or within itself")
    add(b"l")
    for item in items:
        if type(item) is bytes:
            add(b"%d:%b" % (len(item), item))
        else:
            _write(item, add, depth + 1)
    add(b"e")


def _write_dict(members: dict[Any, Any], add: Callable[[bytes], None], depth: int) -> None:
    if depth == MAX_DEPTH:
        raise UsageError(f"a value nested deeper than {MAX_DEPTH}, or within itself")
    for key in members:
        if not isinstance(key, bytes):
            raise UsageError(f"the keys of a dict must be bytes, not {type(key).__name__}")
    add(b"d")
    for key in sorted(members):
        value = members[key]
        if type(value) is bytes:
            add(b"%d:%b%d:%b" % (len(key), key, len(value), value))
        else:
            add(b"%d:%b" % (len(key), key))
            _write(value, add, depth + 1)
    add(b"e")


def _write_unusual(value: Any, add: Callable[[bytes], None], depth: int) -> None:
    """Subclasses, such as an IntEnum, and the types that stand in for those of rule 1."""
    if isinstance(value, bytes | bytearray | memoryview):
        _write(bytes(value), add, depth)
    elif isinstance(value, int) and not isinstance(value, bool):
        _write_int(int(value), add)
    elif isinstance(value, list | tuple):
        _write_list(list(value), add, depth)
    elif isinstance(value, dict):
        _write_dict(value, add, depth)
    else:
        raise UsageError(f"bencode has no form for {type(value).__name__}: it has int, bytes, list and dict")


def decode(raw: bytes) -> Value:
    """The value that bytes stand for.

    Args:
        raw: the encoding of one value, and nothing else.

    Raises:
        DecodeError: they break a rule of the module's head; the offset says where.
    """
    value, end = decode_prefix(raw)
    if end != len(raw):
        raise DecodeError(f"{bytes_follow(len(raw) - end)} the value, where it should end", end)
    return value


def decode_prefix(raw: bytes, offset: int = 0) -> tuple[Value, int]:
    """The value that bytes begin with, and where it ends; anything may follow.

    Args:
        raw: the bytes.
        offset: where the value begins in them, in bytes.

    Raises:
        DecodeError: there is no whole value at that offset, or it breaks a rule.
    """
    try:
        return _read(bytes(raw), offset, 0)
    except IndexError:  # cheaper than to ask before each value whether there is one
        raise DecodeError("the bytes end where a value or an e should follow", len(raw)) from None


def _read(raw: bytes, at: int, depth: int) -> tuple[Value, int]:
    """The value that begins at `at`, and where it ends."""
    kind = raw[at]
    if kind < _DICT:  # a digit, if all is well
        return _read_bytes(raw, at)
    if kind == _DICT:
        return _read_dict(raw, at, depth)
    if kind == _LIST:
        return _read_list(raw, at, depth)
    if kind == _INT:
        return _read_int(raw, at)
    return _read_bytes(raw, at)


def _read_bytes(raw: bytes, at: int) -> tuple[bytes, int]:
    colon = raw.find(_COLON, at, at + MAX_LENGTH_DIGITS + 1)
    length = _LENGTHS.get(raw[at:colon])
    if length is None or colon < 0:
        length = _unusual_length(raw, at, colon)
    begin = colon + 1
    end = begin + length
    if end > len(raw):
        raise DecodeError(f"a byte string of {length} bytes, where {len(raw) - begin} follow", at)
    return raw[begin:end], end


def _unusual_length(raw: bytes, at: int, colon: int) -> int:
    """A length that is not in the table: it has four digits or more, or breaks rule 1."""
    first = raw[at : at + 1]
    if not first.isdigit():
        raise DecodeError(f"a value begins with i, l, d or a digit, not with {ascii(first)[1:]}", at)
    if colon < 0:
        raise DecodeError(f"no colon after the at most {MAX_LENGTH_DIGITS} digits of a length", at)
    digits = raw[at:colon]
    if not digits.isdigit():
        raise DecodeError(f"a length has only digits, and this is {ascii(digits)[1:]}", at)
    if first == b"0":
        raise DecodeError(f"a length begins with no needless 0, and this is {ascii(digits)[1:]}", at)
    return int(digits)


def _read_int(raw: bytes, at: int) -> tuple[int, int]:
    end = raw.find(b"e", at, at + MAX_DIGITS + 3)  # i, a minus sign, the digits, e
    digits = raw[at + 1 : end]
    if end < 0 or not _NUMBER.match(digits):
        raise DecodeError(_fault_of_int(raw, at, end), at)
    return int(digits), end + 1


def _fault_of_int(raw: bytes, at: int, end: int) -> str:
    if end < 0:
        return f"no e after the at most {MAX_DIGITS} digits of a number"
    digits = raw[at + 1 : end]
    shown = ascii(digits[:20])[1:]
    if not digits.removeprefix(b"-").isdigit():
        return f"a number has digits, after a minus sign if it is negative, and this is {shown}"
    if digits == b"-0":
        return "0 has no minus sign"
    if digits.removeprefix(b"-").startswith(b"0"):
        return f"a number begins with no needless 0, and this is {shown}"
    return f"a number has at most {MAX_DIGITS} digits, and this has one more"


def _read_list(raw: bytes, at: int, depth: int) -> tuple[list[Value], int]:
    if depth == MAX_DEPTH:
        raise DecodeError(f"nested deeper than {MAX_DEPTH}", at)
    items: list[Value] = []
    at += 1
    while raw[at] != _END:
        item, at = _read(raw, at, depth + 1)
        items.append(item)
    return items, at + 1


def _read_dict(raw: bytes, at: int, depth: int) -> tuple[dict[bytes, Value], int]:
    if depth == MAX_DEPTH:
        raise DecodeError(f"nested deeper than {MAX_DEPTH}", at)
    members: dict[bytes, Value] = {}
    last = None
    at += 1
    while (kind := raw[at]) != _END:
        if kind in _NO_KEY:
            raise DecodeError("the keys of a dict must be byte strings", at)
        key, after = _read_bytes(raw, at)
        if last is not None and key <= last:
            fault = "is there twice" if key == last else "stands behind a greater one"
            raise DecodeError(f"the key {ascii(key[:40])[1:]} {fault}", at)
        last = key
        members[key], at = _read(raw, after, depth + 1)
    return members, at + 1


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of an encoded value: what begins and ends a list or dict, each key, each value inside.

    A value inside a dict has the name of its key, and one deeper inside the names on the way to it, as in
    `r.id`; a value in a list has its number from 0, as in `values.0`.

    Raises:
        DecodeError: as `decode`.
    """
    decode(raw)
    parts: list[Field] = []
    _dissect(bytes(raw), 0, "", parts)
    return tuple(parts)


def _dissect(raw: bytes, at: int, name: str, parts: list[Field]) -> int:
    """Adds the parts of the value that begins at `at`; where it ends."""
    kind = raw[at]
    if kind not in (_DICT, _LIST):
        value, end = _read(raw, at, 0)
        parts.append(Field(name or "value", raw[at:end], _note(value)))
        return end
    called = "a dict" if kind == _DICT else "a list"
    parts.append(Field(name or called, raw[at : at + 1], f"{called} begins"))
    at += 1
    index = 0
    while raw[at] != _END:
        inner = str(index)
        if kind == _DICT:
            key, after = _read_bytes(raw, at)
            inner = _text(key)
            parts.append(Field("key", raw[at:after], inner))
            at = after
        at = _dissect(raw, at, f"{name}.{inner}" if name else inner, parts)
        index += 1
    parts.append(Field("end", b"e", f"{name or called} ends"))
    return at + 1


def _note(value: Value) -> str:
    if not isinstance(value, bytes):
        return str(value)
    return _text(value) if len(value) <= _NOTE_BYTES else f"{len(value)} bytes"


def _text(value: bytes) -> str:
    """Bytes as text where they are printable ASCII, and otherwise in hex."""
    return value.decode() if value.isascii() and value.decode().isprintable() else value.hex()
