"""The index of a CAR file: where in the payload the section of a digest begins. A codec.

Follows the index formats of the CARv2 specification, numbers 0x0400 and 0x0401 of the multicodec registry::

    index     varint(0x0400) ‖ buckets, or varint(0x0401) ‖ count ‖ (code ‖ buckets) ...
    buckets   count ‖ (width ‖ size ‖ entry ...) ...
    entry     digest ‖ offset

Counts and widths have 4 bytes; sizes, codes of hash functions and offsets have 8; all are little-endian. A
bucket has all digests of one length, and its entries are sorted, so a block is found by binary search in the
encoded bytes. Format 0x0400 does not say which function made a digest.

Rules
    1. Sizes are checked against what is there. Widths and codes are in ascending order, and entries are
       sorted by digest; a digest may be there several times. Nothing follows.
    2. An index is only a hint from whoever wrote the file: what it leads to is checked like anything else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import varint
from p2plib.wire.multihash import Multihash

INDEX_SORTED = 0x0400
MULTIHASH_INDEX_SORTED = 0x0401

MAX_BUCKETS = 256  # one for each length of digest; fewer than ten lengths are in use
_COUNT = struct.Struct("<I")
_BUCKET = struct.Struct("<IQ")
_NUMBER = struct.Struct("<Q")
_OFFSET_BYTES = 8


@dataclass(frozen=True, slots=True)
class _Bucket:
    """Entries of one length. `code` is None where the format does not name the hash function."""

    code: int | None
    width_bytes: int
    entries: bytes

    @property
    def count(self) -> int:
        return len(self.entries) // self.width_bytes

    def digest(self, number: int) -> bytes:
        start = number * self.width_bytes
        return self.entries[start : start + self.width_bytes - _OFFSET_BYTES]

    def offset(self, number: int) -> int:
        end = (number + 1) * self.width_bytes
        return int.from_bytes(self.entries[end - _OFFSET_BYTES : end], "little")


class CarIndex:
    """Where sections begin, by their digest. Make one with `make_index` or `decode_index`.

    Args:
        codec: `INDEX_SORTED` or `MULTIHASH_INDEX_SORTED`.
        buckets: as `make_index` and `decode_index` make them.
    """

    def __init__(self, codec: int, buckets: tuple[_Bucket, ...]) -> None:
        self.codec = codec
        self._buckets = buckets

    def __len__(self) -> int:
        return sum(bucket.count for bucket in self._buckets)

    def offsets(self, hashed: Multihash, most: int | None = None) -> tuple[int, ...]:
        """Where sections with this digest should begin, in bytes from the beginning of the payload.

        Args:
            hashed: the hash of the block; format 0x0400 compares the digest alone.
            most: how many to return, from the first; None for all.
        """
        found: list[int] = []
        for bucket in self._buckets:
            if (
                bucket.code in (None, hashed.code)
                and bucket.width_bytes == len(hashed.digest) + _OFFSET_BYTES
            ):
                number = _first(bucket, hashed.digest)
                while number < bucket.count and len(found) != most and bucket.digest(number) == hashed.digest:
                    found.append(bucket.offset(number))
                    number += 1
        return tuple(found)

    def encode(self) -> bytes:
        """The index as bytes."""
        parts = [varint.encode(self.codec)]
        if self.codec == INDEX_SORTED:
            parts += _encode_buckets(self._buckets)
            return b"".join(parts)
        codes = sorted({bucket.code for bucket in self._buckets if bucket.code is not None})
        parts.append(_COUNT.pack(len(codes)))
        for code in codes:
            parts.append(_NUMBER.pack(code))
            parts += _encode_buckets(bucket for bucket in self._buckets if bucket.code == code)
        return b"".join(parts)


def _first(bucket: _Bucket, digest: bytes) -> int:
    """The number of the first entry whose digest is not smaller, by binary search."""
    low, high = 0, bucket.count
    while low < high:
        middle = (low + high) // 2
        if bucket.digest(middle) < digest:
            low = middle + 1
        else:
            high = middle
    return low


def _encode_buckets(buckets: Iterable[_Bucket]) -> Iterator[bytes]:
    listed = tuple(buckets)
    yield _COUNT.pack(len(listed))
    for bucket in listed:
        yield _BUCKET.pack(bucket.width_bytes, len(bucket.entries))
        yield bucket.entries


def make_index(places: Iterable[tuple[Multihash, int]], codec: int = MULTIHASH_INDEX_SORTED) -> CarIndex:
    """The index of some sections.

    Args:
        places: for each section, the hash of its block and where it begins, in bytes from the beginning of
            the payload.
        codec: `MULTIHASH_INDEX_SORTED`, or `INDEX_SORTED`.

    Raises:
        UsageError: there is no such codec.
    """
    if codec not in (INDEX_SORTED, MULTIHASH_INDEX_SORTED):
        raise UsageError(f"a CAR index has the format 0x400 or 0x401, not {codec:#x}")
    grouped: dict[tuple[int, int], list[bytes]] = {}
    for hashed, offset in places:
        code = hashed.code if codec == MULTIHASH_INDEX_SORTED else -1
        entry = hashed.digest + _NUMBER.pack(offset)
        grouped.setdefault((code, len(entry)), []).append(entry)
    buckets = []
    for (code, width), entries in sorted(grouped.items()):
        entries.sort(key=_digest_of)  # stable: the offsets of one digest keep their order
        buckets.append(_Bucket(None if code < 0 else code, width, b"".join(entries)))
    return CarIndex(codec, tuple(buckets))


def _digest_of(entry: bytes) -> bytes:
    return entry[:-_OFFSET_BYTES]


def decode_index(raw: bytes) -> CarIndex:
    """The index that is all of `raw`.

    Raises:
        DecodeError: it breaks a rule of the module's head, or is of another format.
    """
    raw = bytes(raw)
    reader = _IndexReader(raw)
    codec, reader.at = varint.decode(raw)
    buckets: list[_Bucket] = []
    if codec == INDEX_SORTED:
        reader.buckets(None, buckets)
    elif codec == MULTIHASH_INDEX_SORTED:
        last = -1
        for _ in range(reader.count("hash functions")):
            (code,) = _NUMBER.unpack(reader.take(_NUMBER.size, "a hash function"))
            if code <= last:
                raise DecodeError(
                    f"the hash function {code:#x} is there twice, or out of order", reader.at - 8
                )
            last = code
            reader.buckets(code, buckets)
    else:
        raise DecodeError(f"{codec:#x} is not a format of CAR indexes that this library reads", 0)
    if reader.at != len(raw):
        raise DecodeError("something follows the index", reader.at)
    return CarIndex(codec, tuple(buckets))


class _IndexReader:
    """Reads parts one after the other; `at` is where the next one begins."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0

    def take(self, size: int, what: str) -> bytes:
        if size > len(self.raw) - self.at:
            raise DecodeError(f"{what} of {size} bytes, where {len(self.raw) - self.at} follow", self.at)
        self.at += size
        return self.raw[self.at - size : self.at]

    def count(self, what: str) -> int:
        start = self.at
        (count,) = _COUNT.unpack(self.take(_COUNT.size, f"a count of {what}"))
        if count > MAX_BUCKETS:
            raise DecodeError(f"{count} {what} in an index, where {MAX_BUCKETS} is the most", start)
        return int(count)

    def buckets(self, code: int | None, found: list[_Bucket]) -> None:
        last = 0
        for _ in range(self.count("buckets")):
            start = self.at
            width, size = _BUCKET.unpack(self.take(_BUCKET.size, "the head of a bucket"))
            if width < _OFFSET_BYTES or width <= last:
                raise DecodeError(f"a bucket of entries of {width} bytes: too narrow, or out of order", start)
            if size % width:
                raise DecodeError(f"a bucket of {size} bytes, which is not a multiple of {width}", start)
            last = width
            bucket = _Bucket(code, width, self.take(size, "a bucket"))
            for number in range(1, bucket.count):
                if bucket.digest(number) < bucket.digest(number - 1):
                    raise DecodeError(
                        "the entries of a bucket are sorted", start + _BUCKET.size + number * width
                    )
            found.append(bucket)
