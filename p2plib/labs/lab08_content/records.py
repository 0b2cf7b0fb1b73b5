"""Lab 8, tasks 3 and 4: records that survive a crash. A codec.

A record is the lab's own format::

    size       4 bytes   of the value, big-endian
    of size    4 bytes   CRC-32 of those four bytes
    of value   4 bytes   CRC-32 of the value
    value      that many

A crash while a record is written leaves its beginning (a torn tail). Everything else that is not a whole
record is damage. Without a checksum of its own, a size that the disk has changed could claim to go past the
end of the file, and all records after it would look like a torn tail.
"""

from __future__ import annotations

import zlib
from typing import Protocol

from p2plib.wire.fields import Field

FRAME_BYTES = 12


class AppendedFile(Protocol):
    """What `append_record` may do with a file."""

    def write(self, data: bytes) -> None:
        """Put bytes at its end."""
        ...

    def sync(self) -> None:
        """Wait until a crash cannot take them any more."""
        ...


def crc(data: bytes) -> bytes:
    """The CRC-32 of some bytes, as 4 bytes, big-endian."""
    return zlib.crc32(data).to_bytes(4, "big")


def record_of(value: bytes) -> bytes:
    """The record of a value."""
    size = len(value).to_bytes(4, "big")
    return size + crc(size) + crc(value) + value


def append_record(file: AppendedFile, value: bytes) -> None:
    """Put a value at the end of a file; when this returns, a crash cannot take it any more."""
    file.write(record_of(value))
    file.sync()


def recover(data: bytes) -> tuple[list[bytes], int]:
    """The values of all whole records, and how many bytes these take.

    Raises:
        ValueError: there is damage, not only a torn tail.
    """
    values: list[bytes] = []
    end = 0
    while len(data) - end >= FRAME_BYTES:
        size, of_size, of_value = (data[end + at : end + at + 4] for at in (0, 4, 8))
        if crc(size) != of_size:
            raise ValueError(f"the size of the record at {end} is damaged")
        first = end + FRAME_BYTES
        value = data[first : first + int.from_bytes(size, "big")]
        if len(value) < int.from_bytes(size, "big"):
            break
        if crc(value) != of_value:
            raise ValueError(f"the value of the record at {end} is damaged")
        values.append(value)
        end = first + len(value)
    return values, end


def dissect_record(record: bytes) -> tuple[Field, ...]:
    """The parts of a record, for drawing it."""
    return (
        Field("size", record[:4], str(int.from_bytes(record[:4], "big"))),
        Field("of size", record[4:8], "CRC-32 of the four bytes before it"),
        Field("of value", record[8:12], "CRC-32 of the value"),
        Field("value", record[12:]),
    )
