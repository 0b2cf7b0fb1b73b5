"""Saved: what a peer writes down about itself for its next life. A codec, driven by a table.

What is saved is a dataclass whose fields are annotated with their types on the wire, as those of a message
are (`p2plib.machine.fields`), and becomes::

    70 32 70 6c 69 62 20 4b 61 64 65 6d 6c 69 61 20 31 0a   "p2plib Kademlia 1" and a line feed
    ...                                                     each field, with its length before it
    16 bytes                                                the beginning of the SHA-256 of all the above

Rules
    1. The first line says what was saved and in which version of the format. A change of the fields is a
       change of the version.
    2. The digest finds what was cut off or changed by accident. It is not a signature: anyone who can write
       the file can write another digest.
    3. A value has one form, and nothing follows the last field.
"""

from __future__ import annotations

import hashlib
from typing import Generic, TypeVar

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.datagram import layout_of
from p2plib.machine.fields import cut, with_length

DIGEST_BYTES = 16

S = TypeVar("S")


class SavedFormat(Generic[S]):
    """How one kind of peer is saved.

    Args:
        name: what is saved, one word.
        version: of the format.
        kind: the dataclass.
    """

    def __init__(self, name: str, version: int, kind: type[S]) -> None:
        self.name, self.kind = name, kind
        self.head = f"p2plib {name} {version}\n".encode()
        self.fields = layout_of(version, kind).fields

    def encode(self, value: S) -> bytes:
        """The bytes to write down.

        Raises:
            UsageError: a field is larger than its type allows.
        """
        parts = [self.head]
        for name, kind in self.fields:
            raw = kind.pack(getattr(value, name))
            if len(raw) > kind.max_bytes:
                raise UsageError(f"{name} of {len(raw)} bytes, where {kind.max_bytes} is the most")
            parts.append(with_length(raw))
        data = b"".join(parts)
        return data + _digest(data)

    def decode(self, data: bytes) -> S:
        """What was written down.

        Raises:
            DecodeError: it is not exactly what `encode` writes.
        """
        if not data.startswith(self.head):
            raise DecodeError(f"the saved data does not begin with {self.head!r}", 0)
        end = len(data) - DIGEST_BYTES
        if end < len(self.head) or data[end:] != _digest(data[:end]):
            raise DecodeError("the saved data was changed or cut off: its digest does not match", max(end, 0))
        values, offset, body = [], len(self.head), data[:end]
        for name, kind in self.fields:
            raw, offset = cut(body, offset, kind.max_bytes, name)
            values.append(kind.unpack(raw))
        if offset != end:
            raise DecodeError(f"{end - offset} bytes follow the last field", offset)
        return self.kind(*values)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:DIGEST_BYTES]
