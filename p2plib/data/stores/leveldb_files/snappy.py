"""Snappy, the compression of LevelDB's blocks: a decoder; a writer may leave blocks as they are.

Follows google/snappy's `format_description.txt`. The data begin with their size when opened (a varint);
then come elements, whose lowest two bits say which kind.

Kinds::

    00  literal   bytes as they are; up to 60 in the tag, or a size of 1 to 4 bytes after it
    01  copy      4 to 11 bytes from up to 2,047 back
    10  copy      1 to 64 bytes from up to 65,535 back
    11  copy      1 to 64 bytes from further back

A copy may reach into what it makes itself: "go back 1, copy 10" repeats a byte ten times.

Rule: no byte is made beyond the size that was announced, and none is announced beyond `max_bytes`.
"""

from __future__ import annotations

from p2plib.errors import DecodeError
from p2plib.wire import varint

MAX_BYTES = 64 * 1024 * 1024  # of one block; LevelDB's are 4 KiB, and as large as their largest value
_MAX_32 = 2**32 - 1


def decompress(data: bytes, *, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes that were compressed.

    Args:
        data: the compressed bytes and nothing after them.
        max_bytes: more than this is refused before anything is made.

    Raises:
        DecodeError: they are cut short, reach back before the beginning, or make more or less than announced.
    """
    size, at = varint.decode(data, maximum=_MAX_32)
    if size > max_bytes:
        raise DecodeError(f"compressed bytes announce {size} bytes, and at most {max_bytes} are allowed", 0)
    out = bytearray()
    while at < len(data):
        begin = at
        kind, tag = data[at] & 3, data[at]
        if kind == 0:
            length, at = _literal_size(data, at)
            if length > len(data) - at:
                raise DecodeError("the data end inside a literal", begin)
            _require_room(out, length, size, begin)
            out += data[at : at + length]
            at += length
            continue
        extra = (0, 1, 2, 4)[kind]
        if at + 1 + extra > len(data):
            raise DecodeError("the data end inside a copy", begin)
        back = int.from_bytes(data[at + 1 : at + 1 + extra], "little")
        length = (tag >> 2) + 1
        if kind == 1:
            back, length = back | tag >> 5 << 8, (tag >> 2 & 7) + 4
        at += 1 + extra
        if not 1 <= back <= len(out):
            raise DecodeError(f"a copy reaches {back} bytes back, and there are {len(out)}", begin)
        _require_room(out, length, size, begin)
        piece = bytes(out[len(out) - back : len(out) - back + length])
        out += (piece * (length // back + 1))[:length]
    if len(out) != size:
        raise DecodeError(f"compressed bytes announced {size} bytes, but made {len(out)}", len(data))
    return bytes(out)


def _literal_size(data: bytes, at: int) -> tuple[int, int]:
    """The size of a literal, and where its bytes begin."""
    short = data[at] >> 2
    if short < 60:
        return short + 1, at + 1
    extra = short - 59
    if at + 1 + extra > len(data):
        raise DecodeError("the data end inside the size of a literal", at)
    return int.from_bytes(data[at + 1 : at + 1 + extra], "little") + 1, at + 1 + extra


def _require_room(out: bytearray, length: int, size: int, offset: int) -> None:
    if len(out) + length > size:
        raise DecodeError(f"compressed bytes make more than the {size} bytes that they announced", offset)
