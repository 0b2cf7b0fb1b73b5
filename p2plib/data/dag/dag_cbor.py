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
items of a list or a map in a loop and branches on the first byte of each, the usual ones first. Nothing in it
checks whether text or bytes are cut off: a slice is never longer than what is there, and where something is
missing the next item begins after the end, which `decode` notices. Keys are remembered in the order in which
maps have them: in a map with the same keys as the one before, each is recognised in place, and nothing is
copied, decoded or compared with its neighbour.

    >>> encode({"bb": [1, -2, 0.5], "c": None}).hex()
    'a26163f6626262830121fb3fe0000000000000'
    >>> decode(bytes.fromhex("a26163f6626262830121fb3fe0000000000000"))
    {'c': None, 'bb': [1, -2, 0.5]}
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
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

# Each skips the first byte of the item itself: that is faster than adding one to the offset.
_unpack_16 = struct.Struct(">xH").unpack_from
_unpack_32 = struct.Struct(">xI").unpack_from
_unpack_64 = struct.Struct(">xQ").unpack_from
_unpack_float = struct.Struct(">xd").unpack_from
_pack_float = struct.Struct(">d").pack

MAX_REMEMBERED_KEYS = 4096  # bounds the memory that a map with a million keys can take


class _Room:
    """What is left for one value: how many keys may be remembered, and how many lists and maps may come."""

    __slots__ = ("containers", "keys")

    def __init__(self) -> None:
        self.containers = MAX_CONTAINERS
        self.keys = MAX_REMEMBERED_KEYS


# An encoded key, its text, and the step after it.
_Known = tuple[bytes, str, "_Step"]


class _Step(dict[bytes, _Known]):
    """Which keys followed one key in the maps so far, by their encoded form."""

    __slots__ = ("before", "last", "room")

    def __init__(self, before: bytes, room: _Room) -> None:
        super().__init__()
        self.before = before  # the encoded key that led here; empty at the beginning of a map
        self.last: _Known | None = None  # what followed in the map before this one
        self.room = room  # of all steps together


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
        end = _read(raw, 0, 1, found, MAX_DEPTH, _Step(b"", _Room()))
    except (IndexError, struct.error):
        end = len(raw) + 1
    if end > len(raw):
        raise DecodeError("the bytes end inside an item", len(raw))
    if end < len(raw):
        raise DecodeError("something follows the value", end)
    return found[0]


def _read(raw: bytes, at: int, count: int, found: Any, left: int, step: _Step) -> int:
    """Read as many items into a list or a map, and return where the next item begins.

    `left` is how many levels may follow, and `step` knows the first keys of all maps.
    """
    root, room = step, step.room
    is_map = type(found) is dict
    value: Any
    try:
        while count:
            count -= 1
            if is_map:
                known = step.last
                if known is None or not raw.startswith(known[0], at):
                    known = _look_up(raw, at, step)
                encoded, key, step = known
                at += len(encoded)
            first = raw[at]
            if first < 0x18:
                value = first
                at += 1
            elif first < 0x60:
                if first == 0x18 and raw[at + 1] >= 24:
                    value = raw[at + 1]
                    at += 2
                elif first == 0x19 or first == 0x39:
                    (value,) = _unpack_16(raw, at)
                    if value < 2**8:
                        raise _can_be_shorter(value, at)
                    if first == 0x39:
                        value = ~value
                    at += 3
                elif first == 0x1A:
                    (value,) = _unpack_32(raw, at)
                    if value < 2**16:
                        raise _can_be_shorter(value, at)
                    at += 5
                else:
                    value, at = _argument(raw, at)
                    if first >= 0x40:
                        end = at + value
                        value = raw[at:end]
                        at = end
                    elif first >= 0x20:
                        value = ~value
            elif first < 0x78:
                end = at + first - 0x5F
                value = raw[at + 1 : end].decode()
                at = end
            elif first == 0xFB:
                (value,) = _unpack_float(raw, at)
                if value - value:  # not zero for an infinity and for not-a-number
                    raise DecodeError("a float is a finite number", at)
                at += 9
            elif first < 0x80:
                start, end = _span(raw, at)
                value = raw[start:end].decode()
                at = end
            elif first < 0xC0:
                items, start = first & 31, at + 1
                if items >= 24:
                    items, start = _argument(raw, at)
                # Each item has at least one byte, so nobody can make us count to 2^64.
                if items > len(raw) - start or not left or not room.containers:
                    raise _too_much(items, len(raw) - start, left, at)
                room.containers -= 1
                value = [] if first < 0xA0 else {}
                at = _read(raw, start, items, value, left - 1, root) if items else start
            elif first == 0xF6:
                value = None
                at += 1
            elif first == 0xD8:
                value, at = _link(raw, at)
            else:
                value = _simple_value(first, at)
                at += 1
            if is_map:
                found[key] = value
            else:
                found.append(value)
    except UnicodeDecodeError:
        raise _bad_text(raw, at) from None
    return at


def _argument(raw: bytes, at: int) -> tuple[int, int]:
    """The argument of an item whose first byte is at an offset, and where what follows it begins."""
    low = raw[at] & 31
    if low < 24:
        return low, at + 1
    if low == 24:
        if (argument := raw[at + 1]) >= 24:
            return argument, at + 2
    elif low == 25:
        if (argument := _unpack_16(raw, at)[0]) >= 2**8:
            return argument, at + 3
    elif low == 26:
        if (argument := _unpack_32(raw, at)[0]) >= 2**16:
            return argument, at + 5
    elif low == 27:
        if (argument := _unpack_64(raw, at)[0]) >= 2**32:
            return argument, at + 9
    else:
        rule = "no item is of indefinite length" if low == 31 else f"there is no argument with the code {low}"
        raise DecodeError(rule, at)
    raise _can_be_shorter(argument, at)


def _can_be_shorter(argument: int, at: int) -> DecodeError:
    return DecodeError(f"the argument {argument} can be shorter", at)


def _too_much(items: int, follow: int, left: int, at: int) -> DecodeError:
    if items > follow:
        return DecodeError(f"{items} items, where {follow} bytes follow", at)
    if not left:
        return DecodeError(f"nested deeper than {MAX_DEPTH}", at)
    return DecodeError(f"more than {MAX_CONTAINERS} lists and maps", at)


def _span(raw: bytes, at: int) -> tuple[int, int]:
    """Where the content of bytes or text begins and ends."""
    size, start = _argument(raw, at)
    return start, start + size


def _look_up(raw: bytes, at: int, step: _Step) -> _Known:
    """A key other than the one that followed in the map before this one."""
    first = raw[at]
    if first >> 5 != 3:
        raise DecodeError("the keys of a map must be text", at)
    end = at + first - 0x5F if first < 0x78 else _span(raw, at)[1]
    encoded = raw[at:end]
    known = step.get(encoded)
    if known is not None:
        step.last = known
    elif len(encoded) == end - at:
        known = _learn(step, encoded, at)
    else:
        raise IndexError  # it is cut off, which `decode` says
    return known


def _learn(step: _Step, encoded: bytes, at: int) -> _Known:
    """Check a key that has not followed the one before it until now, and remember it while there is room."""
    text = encoded[_span(encoded, 0)[0] :].decode()
    if encoded <= step.before:
        raise DecodeError(f"the key {text[:40]!a} is there twice, or out of order", at)
    learnt = encoded, text, _Step(encoded, step.room)
    if step.room.keys:
        step.room.keys -= 1
        step[encoded] = step.last = learnt
    return learnt


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
    begins, end = _span(raw, start)
    inside = raw[begins:end]
    if len(inside) < end - begins:
        raise IndexError
    if inside[:1] != b"\0":
        raise DecodeError("the bytes of a link begin with a zero", start)
    try:
        return cids.decode_bytes(inside[1:]), end
    except DecodeError as error:
        raise DecodeError(error.rule, begins + 1 + (error.offset or 0)) from None


def _simple_value(first: int, at: int) -> bool:
    if first in (0xF4, 0xF5):
        return first == 0xF5
    if first < 0xE0:
        raise DecodeError("the one tag is 42, written in two bytes", at)
    if first in (0xF9, 0xFA):
        raise DecodeError("a float has 8 bytes", at)
    raise DecodeError("the only simple values are False, True and None", at)


def _bad_text(raw: bytes, at: int) -> DecodeError:
    start, end = _span(raw, at)
    if end > len(raw):
        return DecodeError("the bytes end inside an item", len(raw))
    try:
        raw[start:end].decode()
    except UnicodeDecodeError as error:
        return DecodeError("text is not valid UTF-8", start + error.start)
    raise AssertionError("this text was found to be wrong")


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
            put(b"\xfb" + _pack_float(value))
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
        return _BYTE[major | 24] + _BYTE[argument]
    if argument < 2**16:
        return _BYTE[major | 25] + argument.to_bytes(2)
    if argument < 2**32:
        return _BYTE[major | 26] + argument.to_bytes(4)
    return _BYTE[major | 27] + argument.to_bytes(8)


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
        pairs.append((_head(0x60, len(raw)) + raw, key))
    return tuple(sorted(pairs))


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
