"""What a dag-pb node says it is: a file, a directory, a symbolic link. A codec.

Follows the UnixFS specification. The data of a dag-pb node is a second Protocol Buffers message::

    1  kind            a number of `UnixFsKind`
    2  data            the bytes of a file, where a symbolic link leads, the bit field of a shard
    3  file size       bytes of the file: data and all blocks below
    4  block sizes     one for each link of the node, in the order of the links
    5  hash type       of a shard: which hash spreads the names, always murmur3-x64-64
    6  fanout          of a shard: how many buckets it has
    7  mode            permissions, as in Unix; left out unless asked for
    8  mtime           when it was last modified: seconds (1), and perhaps a fixed32 of nanoseconds (2)

Rules
    1. The kind is there. `encode` writes each field once, in ascending order, as all known writers do.
       `decode` reads what every reader of Protocol Buffers has to read: fields in any order, of a field that
       is there more than once the last one (of an mtime, which is a message, the last of each field in it),
       block sizes one by one or packed, and unknown fields are skipped.
       The specification of UnixFS adds no rule about that, and nothing here depends on one form: an
       identifier names the bytes of a block, and a block that was read is passed on as it came. Refused is
       what no known writer makes: varints that are not minimal, groups, and a known field of another wire
       type, which not all readers take for the same thing. The node around it has stricter rules of its own,
       those of `p2plib.data.dag.dag_pb`.
    2. The size of a file is its data and its block sizes together. A missing size means 0.
    3. Only a file has block sizes, and only a shard has a hash type and a fanout. A symbolic link has data.
    4. The fanout of a shard is a power of two from 8 to 1024, and its bit field is no longer than that: a
       larger one once made readers allocate gigabytes.
    5. Nanoseconds are 1 to 999,999,999 where they are written; 0 is written by leaving them out.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass

from p2plib.data.dag.dag_pb import MAX_LINKS
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import protobuf, varint
from p2plib.wire.protobuf import BYTES, FIXED32, MAX_UINT64, VARINT, WIRE_TYPE_NAMES, ProtoField

MURMUR3_X64_64 = 0x22  # the number of the first half of MurmurHash3_x64_128 in the multicodec registry
MIN_FANOUT, MAX_FANOUT = 8, 1024  # bit fields are whole bytes; the specification's answer to CVE-2023-23625
MAX_FILE_BYTES = 2**63 - 1
MAX_MODE = 2**32 - 1
MAX_NANOSECONDS = 999_999_999
_MAX_FIELDS = MAX_LINKS + 8

_KIND, _DATA, _FILE_SIZE, _BLOCK_SIZE, _HASH_TYPE, _FANOUT, _MODE, _MTIME = range(1, 9)
_SECONDS, _NANOSECONDS = 1, 2
_WIRE_TYPES = {
    _KIND: VARINT,
    _DATA: BYTES,
    _FILE_SIZE: VARINT,
    _BLOCK_SIZE: VARINT,
    _HASH_TYPE: VARINT,
    _FANOUT: VARINT,
    _MODE: VARINT,
    _MTIME: BYTES,
}
_TIME_WIRE_TYPES = {_SECONDS: VARINT, _NANOSECONDS: FIXED32}


class UnixFsKind(enum.IntEnum):
    """What a node is."""

    RAW = 0
    """Bytes of a file; only old writers make it."""
    DIRECTORY = 1
    FILE = 2
    METADATA = 3
    """Reserved: nobody writes it, and nothing here reads it."""
    SYMLINK = 4
    HAMT_SHARD = 5
    """A part of a large directory, or its root."""


FILE_KINDS = (UnixFsKind.FILE, UnixFsKind.RAW)


@dataclass(frozen=True, slots=True)
class UnixTime:
    """A moment, counted from the beginning of 1970.

    Args:
        seconds: -2**63 to 2**63 - 1.
        nanoseconds: after that second, 0 to 999,999,999.
    """

    seconds: int
    nanoseconds: int = 0


@dataclass(frozen=True, slots=True)
class UnixFs:
    """What a node says about itself.

    Args:
        kind: what it is.
        data: see the module's head; None where the field is missing.
        file_bytes: how many bytes the file has; None where the field is missing, which means 0.
        block_bytes: how many bytes of the file are behind each link.
        hash_type: of a shard.
        fanout: of a shard.
        mode: permissions, 0 to 2**32 - 1; only the low twelve bits have a meaning.
        mtime: when it was last modified.
    """

    kind: UnixFsKind
    data: bytes | None = None
    file_bytes: int | None = None
    block_bytes: tuple[int, ...] = ()
    hash_type: int | None = None
    fanout: int | None = None
    mode: int | None = None
    mtime: UnixTime | None = None


def fanout_bits(fanout: int) -> int:
    """How many bits of a hash choose one of this many buckets.

    Raises:
        DecodeError: it is not a power of two from `MIN_FANOUT` to `MAX_FANOUT`.
    """
    if not MIN_FANOUT <= fanout <= MAX_FANOUT or fanout & (fanout - 1):
        raise DecodeError(
            f"the fanout of a shard is a power of two from {MIN_FANOUT} to {MAX_FANOUT}, not {fanout}"
        )
    return fanout.bit_length() - 1


def encode(node: UnixFs) -> bytes:
    """The bytes that go into the data of a dag-pb node.

    Raises:
        UsageError: a field has a value that the module's head forbids.
    """
    return b"".join(encode_parts(node))


def encode_parts(node: UnixFs) -> tuple[bytes, ...]:
    """As `encode`, not yet joined: the data of the node, perhaps a large chunk of a file, is not copied.

    Raises:
        UsageError: see `encode`.
    """
    try:
        _check(node)
    except DecodeError as error:
        raise UsageError(error.rule) from None
    parts = [protobuf.encode([ProtoField(_KIND, VARINT, int(node.kind))])]
    if node.data is not None:
        parts += (bytes((_DATA << 3 | BYTES,)), varint.encode(len(node.data)), node.data)
    fields = []
    if node.file_bytes is not None:
        fields.append(ProtoField(_FILE_SIZE, VARINT, node.file_bytes))
    fields += (ProtoField(_BLOCK_SIZE, VARINT, size) for size in node.block_bytes)
    for number, value in ((_HASH_TYPE, node.hash_type), (_FANOUT, node.fanout), (_MODE, node.mode)):
        if value is not None:
            fields.append(ProtoField(number, VARINT, value))
    if node.mtime is not None:
        fields.append(ProtoField(_MTIME, BYTES, _encode_time(node.mtime)))
    return (*parts, protobuf.encode(fields, max_fields=_MAX_FIELDS))


def _encode_time(time: UnixTime) -> bytes:
    fields = [ProtoField(_SECONDS, VARINT, time.seconds & MAX_UINT64)]
    if time.nanoseconds:
        fields.append(ProtoField(_NANOSECONDS, FIXED32, struct.pack("<I", time.nanoseconds)))
    return protobuf.encode(fields)


def decode(raw: bytes) -> UnixFs:
    """What the data of a dag-pb node says.

    Raises:
        DecodeError: it breaks a rule of the module's head.
    """
    found: dict[int, int | bytes] = {}
    block_bytes: list[int] = []
    times: list[bytes] = []
    for field in protobuf.decode(raw, max_fields=_MAX_FIELDS):
        if field.number == _BLOCK_SIZE:
            if isinstance(field.value, int):
                block_bytes.append(field.value)
            else:
                block_bytes += _packed(field)
        elif field.number in _WIRE_TYPES:
            _demand_wire_type(field, _WIRE_TYPES[field.number])
            found[field.number] = field.value
            if isinstance(field.value, bytes) and field.number == _MTIME:
                times.append(field.value)
    if times:
        found[_MTIME] = b"".join(times)  # messages after each other are one message with the fields of all
    node = _node(found, tuple(block_bytes))
    _check(node)
    return node


def _demand_wire_type(field: ProtoField, wire_type: int) -> None:
    if field.wire_type != wire_type:
        there, wanted = WIRE_TYPE_NAMES[field.wire_type], WIRE_TYPE_NAMES[wire_type]
        raise DecodeError(f"field {field.number} of UnixFS is {there}, not {wanted}")


def _packed(field: ProtoField) -> list[int]:
    """Several numbers in one field."""
    _demand_wire_type(field, BYTES)
    assert isinstance(field.value, bytes)
    found: list[int] = []
    offset = 0
    while offset < len(field.value):
        if len(found) == MAX_LINKS:
            raise DecodeError(f"more than {MAX_LINKS} block sizes in one field")
        size, offset = varint.decode(field.value, offset, maximum=MAX_UINT64)
        found.append(size)
    return found


def _node(found: dict[int, int | bytes], block_bytes: tuple[int, ...]) -> UnixFs:
    if _KIND not in found:
        raise DecodeError("a node of UnixFS says what it is, and this one does not")
    try:
        kind = UnixFsKind(int(found[_KIND]))
    except ValueError:
        raise DecodeError(f"there is no kind {found[_KIND]!r} of UnixFS node") from None
    return UnixFs(
        kind,
        _bytes(found.get(_DATA)),
        _number(found.get(_FILE_SIZE)),
        block_bytes,
        _number(found.get(_HASH_TYPE)),
        _number(found.get(_FANOUT)),
        _number(found.get(_MODE)),
        _decode_time(_bytes(found.get(_MTIME))),
    )


def _number(value: int | bytes | None) -> int | None:
    assert not isinstance(value, bytes)
    return value


def _bytes(value: int | bytes | None) -> bytes | None:
    assert not isinstance(value, int)
    return value


def _decode_time(raw: bytes | None) -> UnixTime | None:
    if raw is None:
        return None
    found: dict[int, int | bytes] = {}
    for field in protobuf.decode(raw):
        if field.number in _TIME_WIRE_TYPES:
            _demand_wire_type(field, _TIME_WIRE_TYPES[field.number])
            found[field.number] = field.value
    seconds, value = _number(found.get(_SECONDS)), _bytes(found.get(_NANOSECONDS))
    if seconds is None:
        raise DecodeError("a time has seconds, and this one has none")
    if seconds >= 2**63:
        seconds -= 2**64
    if value is None:
        return UnixTime(seconds)
    (nanoseconds,) = struct.unpack("<I", value)
    if not 1 <= nanoseconds <= MAX_NANOSECONDS:
        raise DecodeError(f"a time of {nanoseconds} nanoseconds, where 1 to {MAX_NANOSECONDS} are written")
    return UnixTime(seconds, nanoseconds)


def _check(node: UnixFs) -> None:
    if node.mode is not None and not 0 <= node.mode <= MAX_MODE:
        raise DecodeError(f"the mode of a file is 0 to {MAX_MODE}, not {node.mode}")
    if node.mtime is not None and not (
        -(2**63) <= node.mtime.seconds < 2**63 and 0 <= node.mtime.nanoseconds <= MAX_NANOSECONDS
    ):
        raise DecodeError("a time is 64 bits of seconds and less than a second of nanoseconds")
    if node.kind in FILE_KINDS:
        _check_file(node)
    elif node.block_bytes:
        raise DecodeError("only a file has block sizes")
    if node.kind == UnixFsKind.HAMT_SHARD:
        _check_shard(node)
    elif node.hash_type is not None or node.fanout is not None:
        raise DecodeError("only a shard has a hash type and a fanout")
    if node.kind == UnixFsKind.SYMLINK and (not node.data or node.file_bytes not in (None, len(node.data))):
        raise DecodeError("a symbolic link says where it leads, and its size is that of the text")


def _check_file(node: UnixFs) -> None:
    if min(node.block_bytes, default=0) < 0:
        raise DecodeError("the size of a block cannot be negative")
    size, said = len(node.data or b"") + sum(node.block_bytes), node.file_bytes or 0
    if size != said:
        raise DecodeError(f"a file says that it has {said} bytes, and its parts have {size}")
    if size > MAX_FILE_BYTES:
        raise DecodeError(f"a file of {size} bytes, where {MAX_FILE_BYTES} is the most")


def _check_shard(node: UnixFs) -> None:
    if node.hash_type != MURMUR3_X64_64:
        raise DecodeError(f"names are spread by murmur3-x64-64 (0x22), not by {node.hash_type}")
    fanout = node.fanout or 0
    fanout_bits(fanout)
    if len(node.data or b"") > fanout // 8:
        raise DecodeError(f"a bit field of {len(node.data or b'')} bytes for {fanout} buckets")
