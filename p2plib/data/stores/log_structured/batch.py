"""The changes of a batch as bytes: a codec. What one record of the write-ahead log carries.

Layout::

    batch    count u32 | change ...
    change   kind u8 (0 delete, 1 put) | key size u32 | key | for a put: value size u32 | value

Numbers are little-endian. Strict: a batch is read whole, or it is refused.

    >>> encode([Put(b"k", b"v")]).hex(" ")
    '01 00 00 00 01 01 00 00 00 6b 01 00 00 00 76'
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from p2plib.data.stores.interfaces import Change, Delete, Put
from p2plib.errors import DecodeError, UsageError
from p2plib.wire.fields import Field

MAX_BATCH_BYTES = 256 * 1024 * 1024  # one record of the log; also what recovery may have to hold in memory
_COUNT = struct.Struct("<I")
_HEAD = struct.Struct("<BI")
_DELETE, _PUT = 0, 1


def encode(changes: Sequence[Change]) -> bytes:
    """The bytes of a batch.

    Args:
        changes: in their order.

    Raises:
        UsageError: the batch is larger than `MAX_BATCH_BYTES`.
    """
    size = _COUNT.size + sum(
        _HEAD.size + len(change.key) + (_COUNT.size + len(change.value) if isinstance(change, Put) else 0)
        for change in changes
    )
    if size > MAX_BATCH_BYTES:
        raise UsageError(f"a batch takes at most {MAX_BATCH_BYTES} bytes, not {size}: write it in parts")
    parts = [_COUNT.pack(len(changes))]
    for change in changes:
        if isinstance(change, Put):
            parts += [_HEAD.pack(_PUT, len(change.key)), change.key]
            parts += [_COUNT.pack(len(change.value)), change.value]
        else:
            parts += [_HEAD.pack(_DELETE, len(change.key)), change.key]
    return b"".join(parts)


def decode(data: bytes) -> list[Change]:
    """The changes of a batch.

    Args:
        data: the batch and nothing after it.

    Raises:
        DecodeError: it is cut short, has bytes left over, an unknown kind of change, or an empty key.
    """
    (count,), at = _take(data, 0, _COUNT)
    if count > (len(data) - at) // _HEAD.size:
        raise DecodeError(f"a batch of {len(data)} bytes has no room for {count} changes", 0)
    changes: list[Change] = []
    for _ in range(count):
        begin = at
        (kind, size), at = _take(data, at, _HEAD)
        if kind not in (_DELETE, _PUT):
            raise DecodeError(f"a change is a put (1) or a delete (0), not {kind}", begin)
        if not size:
            raise DecodeError("a key has at least one byte", begin + 1)
        key, at = _bytes(data, at, size)
        if kind == _DELETE:
            changes.append(Delete(key))
            continue
        (size,), at = _take(data, at, _COUNT)
        value, at = _bytes(data, at, size)
        changes.append(Put(key, value))
    if at != len(data):
        raise DecodeError("bytes are left over after the last change of a batch", at)
    return changes


def dissect(data: bytes) -> list[Field]:
    """A batch, field by field.

    Raises:
        DecodeError: `decode` refuses it.
    """
    fields = [Field("count", data[:4], "changes in this batch")]
    at = 4
    for change in decode(data):
        is_put = isinstance(change, Put)
        parts = [
            ("kind", 1, "put" if is_put else "delete"),
            ("key size", 4, ""),
            ("key", len(change.key), ""),
        ]
        if isinstance(change, Put):
            parts += [("value size", 4, ""), ("value", len(change.value), "")]
        for name, size, note in parts:
            if size:
                fields.append(Field(name, data[at : at + size], note))
            at += size
    return fields


def _take(data: bytes, at: int, layout: struct.Struct) -> tuple[tuple[int, ...], int]:
    if at + layout.size > len(data):
        raise DecodeError("a batch ends inside a number", len(data))
    return layout.unpack_from(data, at), at + layout.size


def _bytes(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    if size > len(data) - at:
        raise DecodeError(f"a batch ends inside {size} bytes", at)
    return data[at : at + size], at + size
