"""Datagram: how the overlays of this package put a message into bytes. A codec, driven by tables.

Every message is one datagram: a byte that names the overlay, a byte that names the kind of message, then its
fields in the order of the table, each with its length before it (a varint, so nearly always one byte).

    01 05 04 5e11fa7e 14 ffee…
    |  |  |  |        |  a field of 20 bytes, a target
    |  |  |  a field of 4 bytes, a transaction
    |  |  its length
    |  FindNode
    Kademlia

Rules
    1. One message has one encoding: numbers have no leading zero bytes, varints are minimal, nothing follows
       the last field.
    2. A length is checked against what is there, and against the field's own limit, before anything is cut.
    3. A list has at most as many items as its type says, each item with its own lengths.
    4. A datagram has at most `MAX_BYTES`, written or read.

Mainline's DHT says the same in bencode, libp2p's in protobuf; this format is the handbook's own, so that an
overlay's rules can be read without somebody else's syntax.
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Address, Contact, packed_host
from p2plib.wire import varint
from p2plib.wire.fields import Field

MAX_BYTES = 1232  # IPv6 promises that 1280 bytes pass everywhere; the IP and UDP headers take 48
MAX_ID_BYTES = 32
HEADER_BYTES = 2


class FieldType(NamedTuple):
    """How one kind of field is written and read.

    Args:
        max_bytes: how long it may be on the wire.
        pack: from the value to its bytes.
        unpack: from the bytes to the value; raises DecodeError.
        show: what a drawing of the message says of it.
    """

    max_bytes: int
    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]
    show: Callable[[Any], str]


def pack_number(value: int) -> bytes:
    """A whole number, big-endian, without leading zeros: zero has no bytes at all."""
    return value.to_bytes((value.bit_length() + 7) >> 3, "big")


def unpack_number(raw: bytes) -> int:
    """The number in all of some bytes.

    Raises:
        DecodeError: the first byte is zero, so that the same number has a shorter form.
    """
    if raw[:1] == b"\x00":
        raise DecodeError("a number begins with a zero byte")
    return int.from_bytes(raw, "big")


@functools.lru_cache(maxsize=65_536)
def pack_address(address: Address) -> bytes:
    """An IP address and a port: 6 bytes, or 18 for IPv6."""
    host, port = address
    if not 1 <= port <= 65_535:
        raise UsageError(f"a port is 1 to 65535, not {port}")
    return packed_host(host) + port.to_bytes(2, "big")


def unpack_address(raw: bytes) -> Address:
    """The address in 6 or 18 bytes.

    Raises:
        DecodeError: another size, port 0, or an IPv4 address in the long form.
    """
    if len(raw) not in (6, 18):
        raise DecodeError(f"an address is 6 or 18 bytes, not {len(raw)}")
    family = socket.AF_INET if len(raw) == 6 else socket.AF_INET6
    address = socket.inet_ntop(family, raw[:-2]), int.from_bytes(raw[-2:], "big")
    if address[1] == 0:
        raise DecodeError("an address has port 0")
    if pack_address(address) != raw:
        raise DecodeError("an IPv4 address is written in 6 bytes")
    return address


@functools.lru_cache(maxsize=65_536)
def pack_contact(contact: Contact) -> bytes:
    """A contact: its id and its address, each with its length before it."""
    return _with_length(pack_number(contact.id)) + _with_length(pack_address(contact.address))


@functools.lru_cache(maxsize=65_536)
def unpack_contact(raw: bytes) -> Contact:
    """The contact in all of some bytes."""
    ident, offset = _cut(raw, 0, MAX_ID_BYTES, "id")
    address, offset = _cut(raw, offset, 18, "address")
    if offset != len(raw):
        raise DecodeError("something follows a contact")
    return Contact(unpack_number(ident), unpack_address(address))


def _with_length(raw: bytes) -> bytes:
    size = len(raw)
    return (bytes((size,)) if size < 0x80 else varint.encode(size)) + raw


def _cut(raw: bytes, offset: int, max_bytes: int, name: str) -> tuple[bytes, int]:
    """The field that begins at an offset, without its length, and where the next begins."""
    if offset < len(raw) and raw[offset] < 0x80:
        size, start = raw[offset], offset + 1
    else:
        size, start = varint.decode(raw, offset)
    if size > max_bytes:
        raise DecodeError(f"{name} of {size} bytes, where {max_bytes} is the most", offset)
    end = start + size
    if end > len(raw):
        raise DecodeError(f"{name} of {size} bytes, where {len(raw) - start} are left", offset)
    return raw[start:end], end


def _shown_contact(contact: Contact) -> str:
    return f"{contact.id:x} at {contact.address[0]}:{contact.address[1]}"


def number(max_bits: int) -> FieldType:
    """The type of a whole number of at most so many bits."""

    def unpack(raw: bytes) -> int:
        value = unpack_number(raw)
        if value >> max_bits:
            raise DecodeError(f"a number of {value.bit_length()} bits, where {max_bits} is the most")
        return value

    return FieldType(-(-max_bits // 8), pack_number, unpack, str)


def blob(max_bytes: int) -> FieldType:
    """The type of some bytes that mean nothing to the overlay."""
    return FieldType(max_bytes, bytes, bytes, lambda value: f"{len(value)} bytes")


def many(item: FieldType, max_items: int) -> FieldType:
    """The type of a list of items."""

    def pack(values: tuple[Any, ...]) -> bytes:
        if len(values) > max_items:
            raise UsageError(f"a list of {len(values)} items, where {max_items} is the most")
        return b"".join([_with_length(item.pack(value)) for value in values])

    def unpack(raw: bytes) -> tuple[Any, ...]:
        values: list[Any] = []
        offset = 0
        while offset < len(raw):
            if len(values) == max_items:
                raise DecodeError(f"a list of more than {max_items} items")
            part, offset = _cut(raw, offset, item.max_bytes, "an item")
            values.append(item.unpack(part))
        return tuple(values)

    def show(values: tuple[Any, ...]) -> str:
        return f"{len(values)}: " + ", ".join(item.show(value) for value in values)

    return FieldType(max_items * (item.max_bytes + 2), pack, unpack, show)


TRANSACTION = number(64)  # who asks picks it; who answers repeats it
ID = FieldType(MAX_ID_BYTES, pack_number, unpack_number, lambda value: f"{value:x}")
ADDRESS = FieldType(18, pack_address, unpack_address, lambda value: f"{value[0]}:{value[1]}")
CONTACT = FieldType(MAX_ID_BYTES + 20, pack_contact, unpack_contact, _shown_contact)


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind of message: its number, its class, and the type of each field in the order of the class."""

    kind: int
    message: type[Any]
    fields: tuple[tuple[str, FieldType], ...]


def layout(kind: int, message: type[Any], **fields: FieldType) -> Layout:
    """A line of a codec's table; the names are those of the message's own fields, in the same order."""
    if tuple(fields) != message.__slots__:
        raise UsageError(f"{message.__name__} has the fields {message.__slots__}, not {tuple(fields)}")
    return Layout(kind, message, tuple(fields.items()))


class Codec:
    """The messages of one overlay.

    Args:
        name: the overlay's name, for errors and drawings.
        overlay: the first byte of each of its datagrams.
        layouts: the table.
    """

    def __init__(self, name: str, overlay: int, *layouts: Layout) -> None:
        self.name, self.overlay = name, overlay
        self.by_kind = {one.kind: one for one in layouts}
        self.by_class = {one.message: one for one in layouts}

    def encode(self, message: Any) -> bytes:
        """The bytes of a message.

        Raises:
            UsageError: it is no message of this overlay, or larger than a field or a datagram may be.
        """
        if type(message) not in self.by_class:
            raise UsageError(f"{type(message).__name__} is no message of {self.name}")
        one = self.by_class[type(message)]
        parts = [bytes((self.overlay, one.kind))]
        for name, kind in one.fields:
            raw = kind.pack(getattr(message, name))
            if len(raw) > kind.max_bytes:
                raise UsageError(f"{name} of {len(raw)} bytes, where {kind.max_bytes} is the most")
            parts.append(_with_length(raw))
        data = b"".join(parts)
        if len(data) > MAX_BYTES:
            raise UsageError(f"a datagram of {len(data)} bytes, where {MAX_BYTES} is the most")
        return data

    def decode(self, data: bytes) -> Any:
        """The message in a datagram.

        Raises:
            DecodeError: it is not exactly what `encode` writes.
        """
        one = self._layout(data)
        values, offset = [], HEADER_BYTES
        for name, kind in one.fields:
            raw, offset = _cut(data, offset, kind.max_bytes, name)
            values.append(kind.unpack(raw))
        if offset != len(data):
            raise DecodeError(f"{len(data) - offset} bytes follow the last field", offset)
        return one.message(*values)

    def dissect(self, data: bytes) -> tuple[Field, ...]:
        """The parts of a datagram, in order, for a drawing."""
        self.decode(data)
        one = self._layout(data)
        parts = [Field("overlay", data[:1], self.name), Field("kind", data[1:2], one.message.__name__)]
        offset = HEADER_BYTES
        for name, kind in one.fields:
            raw, end = _cut(data, offset, kind.max_bytes, name)
            start = end - len(raw)
            parts.append(Field("length", data[offset:start], f"{len(raw)} bytes follow"))
            if raw:
                parts.append(Field(name, raw, kind.show(kind.unpack(raw))))
            offset = end
        return tuple(parts)

    def _layout(self, data: bytes) -> Layout:
        if len(data) > MAX_BYTES:
            raise DecodeError(f"a datagram of {len(data)} bytes, where {MAX_BYTES} is the most")
        if len(data) < HEADER_BYTES:
            raise DecodeError("a datagram has at least an overlay and a kind", len(data))
        if data[0] != self.overlay:
            raise DecodeError(f"overlay {data[0]}, where {self.name} is {self.overlay}", 0)
        if data[1] not in self.by_kind:
            raise DecodeError(f"{self.name} has no message of kind {data[1]}", 1)
        return self.by_kind[data[1]]
