"""DAG-CBOR: a value with links as compact bytes, the same bytes for the same value everywhere. A codec.

Follows the IPLD specification of DAG-CBOR, a strict subset of CBOR (RFC 8949). An item begins with a byte
that holds a major type and an argument, as in `p2plib.wire.cbor`. That is the CBOR of this library's remote
calls; it orders keys and writes floats differently, so the two are not interchangeable.

Rules
    1. An argument is as short as it can be, no item is of indefinite length, and nothing follows the value.
    2. A float has 8 bytes, always; infinities and not-a-number are refused.
    3. The keys of a map are text, each is there once, and shorter ones come first; among keys of one length
       the order is that of their bytes. This is the order of the encoded keys.
    4. The one tag is 42. It holds bytes: a zero, and then a CID. That is a link.
    5. Whole numbers reach from -2^64 to 2^64 - 1; the simple values are False, True and None.
    6. Text is valid UTF-8. Nesting goes at most `MAX_DEPTH` deep, and there are at most `MAX_CONTAINERS`
       lists and maps. A count of items is never larger than the number of bytes that follow.

Why it is fast: half the time of a decoder in Python goes into calling functions, so one function reads the
items of a list or a map in a loop and branches on the first byte of each. Two tables by that byte save finer
branches: one holds the items of a single byte, the other says how to read an argument. The numbers of one
size that a long list begins with are read at one go. Nothing checks whether text or bytes are cut off: a
slice is never longer than what is there, and where something is missing the next item begins after the end,
which `decode` notices.

    >>> encode({"bb": [1, -2, 0.5], "c": None}).hex()
    'a26163f6626262830121fb3fe0000000000000'
    >>> decode(bytes.fromhex("a26163f6626262830121fb3fe0000000000000"))
    {'c': None, 'bb': [1, -2, 0.5]}
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any

from p2plib.data.dag.values import MAX_CONTAINERS, MAX_DEPTH, MAX_INTEGER, MIN_INTEGER, DagValue
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

_LINK_HEAD = b"\xd8\x2a\x58\x25\x00\x01"  # tag 42, 37 bytes, the zero, CID version 1: then a codec, and
_SHA2_256_HEAD = b"\x12\x20"  # this, and 32 bytes: nearly all links look like that
_BYTE = tuple(bytes((number,)) for number in range(256))

_SHORTEST_RUN = 8  # numbers; looking for a run takes as long as reading some six of them one by one

_unpack_float = struct.Struct(">xd").unpack_from  # the x skips the first byte of the item, here and below
_pack_float = struct.Struct(">Bd").pack
_pack_8 = struct.Struct(">BB").pack
_pack_16 = struct.Struct(">BH").pack
_pack_32 = struct.Struct(">BI").pack
_pack_64 = struct.Struct(">BQ").pack

# The items of one byte, by that byte.
_LONGER: Any = object()  # or not an item at all
_ONE_BYTE: list[Any] = [_LONGER] * 256
_ONE_BYTE[:24] = range(24)
_ONE_BYTE[0x20:0x38] = range(-1, -25, -1)
_ONE_BYTE[0x40], _ONE_BYTE[0x60] = b"", ""
_ONE_BYTE[0xF4:0xF7] = False, True, None


def _no_argument(raw: bytes, at: int) -> tuple[int]:
    code = raw[at] & 31
    rule = "no item is of indefinite length" if code == 31 else f"there is no argument with the code {code}"
    raise DecodeError(rule, at)


# How an argument is unpacked, the least that needs so many bytes, and where the next thing begins, counted
# from the first byte of the item. The lower five bits of that byte say which it is; the whole byte finds it.
_Form = tuple[Callable[[bytes, int], tuple[Any, ...]], int, int]
_NO_ARGUMENT: _Form = (_no_argument, 0, 0)
_ARGUMENTS: list[_Form] = 8 * [
    *24 * [_NO_ARGUMENT],  # never looked up: the five bits are the argument
    (struct.Struct(">xB").unpack_from, 24, 2),
    (struct.Struct(">xH").unpack_from, 2**8, 3),
    (struct.Struct(">xI").unpack_from, 2**16, 5),
    (struct.Struct(">xQ").unpack_from, 2**32, 9),
    *4 * [_NO_ARGUMENT],
]


class _Room:
    """How many lists and maps may still come in one value."""

    __slots__ = ("containers",)

    def __init__(self) -> None:
        self.containers = MAX_CONTAINERS


def decode(raw: bytes) -> DagValue:
    """The value that bytes stand for.

    Args:
        raw: one encoded value and nothing else.

    Raises:
        DecodeError: they break a rule of the module's head; the offset is that of the item that does.
    """
    raw = bytes(raw)
    found: list[DagValue] = []
    try:
        end = _read(raw, 0, 1, found, MAX_DEPTH, _Room())
    except (IndexError, struct.error):
        end = len(raw) + 1
    if end > len(raw):
        raise DecodeError("the bytes end inside an item", len(raw))
    if end < len(raw):
        raise DecodeError("something follows the value", end)
    return found[0]


def _read(raw: bytes, at: int, count: int, found: Any, left: int, room: _Room) -> int:
    """Read as many items into a list or a map, and return where the next item begins.

    `left` is how many levels may follow.
    """
    is_map, last_size, last_key = type(found) is dict, -1, ""
    value: Any
    if count >= _SHORTEST_RUN and not is_map:
        at = _read_run(raw, at, count, found)
        count -= len(found)
    try:
        while count:
            count -= 1
            if is_map:
                size, start = raw[at] - 0x60, at + 1
                if not 0 <= size < 24:
                    size, start = _long_key(raw, at)
                end = start + size
                key = raw[start:end].decode()
                if size <= last_size and (size < last_size or key <= last_key):
                    raise _out_of_order(raw, at, end, key)
                last_size, last_key, at = size, key, end
            first = raw[at]
            value = _ONE_BYTE[first]
            if value is not _LONGER:
                at += 1
            elif first < 0x40:  # a whole number
                unpack, least, size = _ARGUMENTS[first]
                (value,) = unpack(raw, at)
                if value < least:
                    raise _can_be_shorter(value, at)
                if first >= 0x20:
                    value = ~value
                at += size
            elif first < 0x80:  # bytes or text
                size, start = first & 31, at + 1
                if size >= 24:
                    is_usual = size == 24 and raw[start] >= 24  # and so need not cost a call
                    size, start = (raw[start], at + 2) if is_usual else _argument(raw, at)
                end = start + size
                value = raw[start:end]
                if first >= 0x60:
                    value = value.decode()
                at = end
            elif first < 0xC0:  # a list or a map
                items, start = first & 31, at + 1
                if items >= 24:
                    items, start = _argument(raw, at)
                    if items > len(raw) - start:  # each has at least one byte
                        raise DecodeError(f"{items} items, where {len(raw) - start} bytes follow", at)
                if not left or not room.containers:
                    raise _too_much(left, at)
                room.containers -= 1
                value = [] if first < 0xA0 else {}
                at = _read(raw, start, items, value, left - 1, room) if items else start
            elif first == 0xFB:
                (value,) = _unpack_float(raw, at)
                if value - value:  # not zero for an infinity and for not-a-number
                    raise DecodeError("a float is a finite number", at)
                at += 9
            elif first == 0xD8:
                value, at = _link(raw, at)
            else:
                raise _refused(first, at)
            if is_map:
                found[key] = value
            else:
                found.append(value)
    except UnicodeDecodeError:
        raise _bad_text(raw, at) from None
    return at


# What a run is, how to unpack all of it, and how many bytes each number has.
_Run = tuple[re.Pattern[bytes], Callable[[bytes], Iterator[tuple[Any, ...]]], int]


def _run_of(first: int, behind: bytes, form: str) -> _Run:
    number = rb"[\x%02x\x%02x]%b" % (first, first | 0x20, behind)
    # With the second plus sign it never goes back, so it need not remember where it could.
    pattern = re.compile(rb"(?:%b){%d,}+" % (number, _SHORTEST_RUN), re.DOTALL)
    return pattern, struct.Struct(form).iter_unpack, struct.calcsize(form)


# By the first byte without the sign. The patterns are rules 1 and 2.
_RUNS: dict[int, _Run] = {
    0x18: _run_of(0x18, rb"[\x18-\xff]", ">bB"),
    0x19: _run_of(0x19, rb"[^\0].", ">bH"),
    0x1A: _run_of(0x1A, rb"(?!\0\0).{4}", ">bI"),
    0x1B: _run_of(0x1B, rb"(?!\0{4}).{8}", ">bQ"),
    0xDB: _run_of(0xFB, rb"(?![\x7f\xff][\xf0-\xff]).{8}", ">bd"),
}


def _read_run(raw: bytes, at: int, count: int, found: list[Any]) -> int:
    """Read the numbers of one size that a list begins with, if they are many; return where the rest begins.

    A number that breaks a rule is not part of a run, so it is left for `_read` to refuse.
    """
    kind = _RUNS.get(raw[at] & 0xDF)
    if kind is None:
        return at
    pattern, unpack, size = kind
    run = pattern.match(raw, at, at + count * size)
    if run is None:
        return at
    # The first byte of a float is below zero here, where it is read as a signed one.
    found += [number if first < 0x20 else ~number for first, number in unpack(run[0])]
    return run.end()


def _argument(raw: bytes, at: int) -> tuple[int, int]:
    """The argument of an item whose first byte is at an offset, and where what follows it begins."""
    first = raw[at]
    if first & 31 < 24:
        return first & 31, at + 1
    unpack, least, size = _ARGUMENTS[first]
    (argument,) = unpack(raw, at)
    if argument < least:
        raise _can_be_shorter(argument, at)
    return argument, at + size


def _long_key(raw: bytes, at: int) -> tuple[int, int]:
    """How long the text of a key is that is no short text, and where it begins."""
    if raw[at] >> 5 != 3:
        raise DecodeError("the keys of a map must be text", at)
    return _argument(raw, at)


def _can_be_shorter(argument: int, at: int) -> DecodeError:
    return DecodeError(f"the argument {argument} can be shorter", at)


def _out_of_order(raw: bytes, at: int, end: int, key: str) -> DecodeError:
    if end > len(raw):
        return DecodeError("the bytes end inside an item", len(raw))
    return DecodeError(f"the key {key[:40]!a} is there twice, or out of order", at)


def _too_much(left: int, at: int) -> DecodeError:
    if not left:
        return DecodeError(f"nested deeper than {MAX_DEPTH}", at)
    return DecodeError(f"more than {MAX_CONTAINERS} lists and maps", at)


def _refused(first: int, at: int) -> DecodeError:
    if first < 0xE0:
        return DecodeError("the one tag is 42, written in two bytes", at)
    if first in (0xF9, 0xFA):
        return DecodeError("a float has 8 bytes", at)
    return DecodeError("the only simple values are False, True and None", at)


def _bad_text(raw: bytes, at: int) -> DecodeError:
    size, start = _argument(raw, at)
    if start + size > len(raw):
        return DecodeError("the bytes end inside an item", len(raw))
    try:
        raw[start : start + size].decode()
    except UnicodeDecodeError as error:
        return DecodeError("text is not valid UTF-8", start + error.start)
    raise AssertionError("this text was found to be wrong")


def _link(raw: bytes, at: int) -> tuple[Cid, int]:
    if raw[at : at + 6] == _LINK_HEAD and raw[at + 7 : at + 9] == _SHA2_256_HEAD and raw[at + 6] < 0x80:
        digest = raw[at + 9 : at + 41]
        if len(digest) < 32:
            raise IndexError  # it is cut off, which `decode` says
        return Cid(1, raw[at + 6], Multihash(multicodec.SHA2_256, digest)), at + 41
    tag, start = _argument(raw, at)
    if tag != 42:
        raise DecodeError(f"the one tag is 42, and this is tag {tag}", at)
    if raw[start] >> 5 != 2:
        raise DecodeError("a link is bytes", start)
    size, begins = _argument(raw, start)
    end = begins + size
    inside = raw[begins:end]
    if len(inside) < size:
        raise IndexError
    if inside[:1] != b"\0":
        raise DecodeError("the bytes of a link begin with a zero", start)
    try:
        return cids.decode_bytes(inside[1:]), end
    except DecodeError as error:
        raise DecodeError(error.rule, begins + 1 + (error.offset or 0)) from None


def encode(value: DagValue) -> bytes:
    """The bytes of a value.

    Args:
        value: as `decode` gives it; tuples count as lists, and any kind of bytes as bytes.

    Raises:
        UsageError: it is of another type, a number too large or not finite, nested too deep, or of too many
            lists and maps.
    """
    parts: list[bytes] = []
    try:
        _write((value,), None, parts.append, MAX_DEPTH, _Plans())
    except UnicodeEncodeError:
        raise UsageError("text with half a surrogate pair cannot be UTF-8") from None
    return b"".join(parts)


_Plan = tuple[tuple[bytes, str], ...]


class _Plans(dict[tuple[str, ...], _Plan]):
    """The keys of a map, as they came, to the same keys encoded and in order, each with its text."""

    __slots__ = ("containers",)

    def __init__(self) -> None:
        super().__init__()
        self.containers = MAX_CONTAINERS  # how many lists and maps may still come

    def one_less(self, left: int) -> int:
        """One list or map more, and the levels that may follow in it."""
        if not left:
            raise UsageError(f"a value nested deeper than {MAX_DEPTH}, or within itself")
        if not self.containers:
            raise UsageError(f"a value of more than {MAX_CONTAINERS} lists and maps")
        self.containers -= 1
        return left - 1


def _write(
    values: Iterable[Any],
    table: dict[str, Any] | None,
    put: Callable[[bytes], None],
    left: int,
    plans: _Plans,
) -> None:
    """Write the items of a list or, where `values` is its plan, of the map `table`."""
    for value in values:
        if table is not None:
            put(value[0])
            value = table[value[1]]
        kind = type(value)
        if kind is str:
            raw = value.encode()
            size = len(raw)
            put(_BYTE[0x60 + size] if size < 24 else _head(0x60, size))
            put(raw)
        elif kind is int:
            if 0 <= value < 24:
                put(_BYTE[value])
            else:
                put(_integer(value))
        elif kind is dict:
            keys = tuple(value)
            put(_head(0xA0, len(keys)))
            plan = plans.get(keys)
            if plan is None:
                plan = plans[keys] = _plan(keys)
            _write(plan, value, put, plans.one_less(left), plans)
        elif kind is list:
            put(_head(0x80, len(value)))
            _write(value, None, put, plans.one_less(left), plans)
        elif value is None:
            put(b"\xf6")
        elif kind is float:
            if value - value:
                raise UsageError("DAG-CBOR has no infinities and no not-a-number")
            put(_pack_float(0xFB, value))
        elif kind is bytes:
            put(_head(0x40, len(value)))
            put(value)
        elif kind is bool:
            put(b"\xf5" if value else b"\xf4")
        elif kind is Cid:
            put(_link_bytes(value))
        else:
            _write((_plain(value),), None, put, left, plans)


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return _BYTE[major | argument]
    if argument < 2**8:
        return _pack_8(major | 24, argument)
    if argument < 2**16:
        return _pack_16(major | 25, argument)
    if argument < 2**32:
        return _pack_32(major | 26, argument)
    return _pack_64(major | 27, argument)


def _integer(number: int) -> bytes:
    if not MIN_INTEGER <= number <= MAX_INTEGER:
        raise UsageError("a whole number is -2^64 to 2^64 - 1; write a larger one as bytes or text")
    return _head(0x00, number) if number >= 0 else _head(0x20, ~number)


def _link_bytes(cid: Cid) -> bytes:
    hashed = cid.multihash
    if cid.version == 1 and cid.codec < 0x80 and hashed.code == multicodec.SHA2_256:
        return _LINK_HEAD + _BYTE[cid.codec] + _SHA2_256_HEAD + hashed.digest
    raw = cids.encode_bytes(cid)
    return b"\xd8\x2a" + _head(0x40, len(raw) + 1) + b"\0" + raw


def _plan(keys: tuple[str, ...]) -> _Plan:
    pairs = []
    for key in keys:
        if not isinstance(key, str):
            raise UsageError(f"the keys of a map must be text, not {type(key).__name__}")
        raw = key.encode()
        size = len(raw)
        pairs.append(((_BYTE[0x60 + size] if size < 24 else _head(0x60, size)) + raw, key))
    pairs.sort(key=itemgetter(0))
    return tuple(pairs)


def _plain(value: object) -> DagValue:
    """The value as one of the types of the data model, where it is of a subclass or a similar type."""
    match value:
        case int():
            return int(value)
        case float():
            return float(value)
        case str():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return bytes(value)
        case list() | tuple():
            return list(value)
        case dict():
            return dict(value)
    raise UsageError(f"DAG-CBOR has no form for {type(value).__name__}")
