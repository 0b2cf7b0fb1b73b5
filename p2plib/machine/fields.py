"""Fields: the types of a datagram's fields, and how each is written, read and shown. A codec.

A message names the wire type of each of its fields once, beside the field's Python type::

    target: Annotated[int, ID]                              # or just `Id`, which all overlays share
    token: Annotated[bytes, Blob(8)]
    contacts: Annotated[tuple[Contact, ...], Many(CONTACT, 20)]
    observed: Annotated[Address | None, Maybe(ADDRESS)]

Rules
    1. A value has one form: numbers have no leading zero bytes, lengths are minimal varints, an IPv4 address
       is never written as an IPv6 address.
    2. A length is checked against what is there, and against the field's own limit, before anything is cut.
    3. A list has at most as many items as its type says, each item with its length before it.

In this module a field does not include its length; `p2plib.machine.datagram` puts that before it.
"""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Address, Contact, contact_of, packed_host
from p2plib.machine.remembered import remembered
from p2plib.wire import varint

MAX_BYTES = 1232  # of a datagram: IPv6 promises that 1280 pass everywhere; the IP and UDP headers take 48
MAX_ID_BYTES = 32
IPV4_BYTES, IPV6_BYTES = 6, 18  # an address with its port


def with_length(raw: bytes) -> bytes:
    """A field with its length before it."""
    size = len(raw)
    return (bytes((size,)) if size < 0x80 else varint.encode(size)) + raw


def cut(raw: bytes, offset: int, max_bytes: int, name: str) -> tuple[bytes, int]:
    """The field that begins at an offset, without its length, and where the next begins.

    Raises:
        DecodeError: rule 2, or a length that is not a minimal varint.
    """
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


class FieldType(ABC):
    """How one kind of field is written and read.

    Attributes:
        max_bytes: how long it may be on the wire.
    """

    max_bytes: int

    @abstractmethod
    def pack(self, value: Any) -> bytes:
        """The bytes of a value.

        Raises:
            UsageError: the value cannot be written as this kind of field.
        """

    @abstractmethod
    def unpack(self, raw: bytes) -> Any:
        """The value that some bytes stand for, all of them; there are at most `max_bytes`.

        Raises:
            DecodeError: they are not what `pack` makes.
        """

    @abstractmethod
    def show(self, value: Any) -> str:
        """What a drawing of the message says of a value."""

    def pack_item(self, value: Any) -> bytes:
        """The bytes of a value as an item of a list: with its length before it."""
        return with_length(self.pack(value))


@dataclass(frozen=True)
class Number(FieldType):
    """A whole number, big-endian, without leading zeros: zero has no bytes at all.

    Args:
        max_bits: how large it may be.
        digits: how it is shown, a format specification: "d" for decimal, "x" for hexadecimal.
    """

    max_bits: int
    digits: str = "d"

    @property
    def max_bytes(self) -> int:  # type: ignore[override]
        """As many bytes as the bits need."""
        return (self.max_bits + 7) >> 3

    def pack(self, value: int) -> bytes:
        """See `FieldType`."""
        if value >> self.max_bits:
            raise UsageError(f"a number is 0 to 2**{self.max_bits} - 1, not {value:#x}")
        return value.to_bytes((value.bit_length() + 7) >> 3, "big")

    def unpack(self, raw: bytes) -> int:
        """See `FieldType`."""
        if raw[:1] == b"\x00":
            raise DecodeError("a number begins with a zero byte")
        value = int.from_bytes(raw, "big")
        if value >> self.max_bits:
            raise DecodeError(f"a number of {value.bit_length()} bits, where {self.max_bits} is the most")
        return value

    def show(self, value: int) -> str:
        """See `FieldType`."""
        return format(value, self.digits)


@dataclass(frozen=True)
class Blob(FieldType):
    """Some bytes that mean nothing to the overlay.

    Args:
        max_bytes: how many there may be.
    """

    max_bytes: int

    def pack(self, value: bytes) -> bytes:
        """See `FieldType`."""
        return bytes(value)

    def unpack(self, raw: bytes) -> bytes:
        """See `FieldType`."""
        return bytes(raw)

    def show(self, value: bytes) -> str:
        """See `FieldType`."""
        return f"{len(value)} bytes"


@dataclass(frozen=True)
class Maybe(FieldType):
    """A field that may be missing: None has no bytes.

    Args:
        item: the type of what is there otherwise; it must have no value without bytes.
    """

    item: FieldType

    @property
    def max_bytes(self) -> int:  # type: ignore[override]
        """As many as the item may have."""
        return self.item.max_bytes

    def pack(self, value: Any) -> bytes:
        """See `FieldType`."""
        return b"" if value is None else self.item.pack(value)

    def unpack(self, raw: bytes) -> Any:
        """See `FieldType`."""
        return self.item.unpack(raw) if raw else None

    def show(self, value: Any) -> str:
        """See `FieldType`."""
        return "" if value is None else self.item.show(value)


@dataclass(frozen=True)
class Many(FieldType):
    """A list of items, each with its length before it.

    Args:
        item: their type.
        max_items: how many there may be.
    """

    item: FieldType
    max_items: int

    @property
    def max_bytes(self) -> int:  # type: ignore[override]
        """Every item at its longest, and two bytes for the length of each."""
        return self.max_items * (self.item.max_bytes + 2)

    def pack(self, value: tuple[Any, ...]) -> bytes:
        """See `FieldType`."""
        if len(value) > self.max_items:
            raise UsageError(f"a list of {len(value)} items, where {self.max_items} is the most")
        return b"".join(map(self.item.pack_item, value))

    def unpack(self, raw: bytes) -> tuple[Any, ...]:
        """See `FieldType`."""
        values: list[Any] = []
        offset = 0
        while offset < len(raw):
            if len(values) == self.max_items:
                raise DecodeError(f"a list of more than {self.max_items} items")
            part, offset = cut(raw, offset, self.item.max_bytes, "an item")
            values.append(self.item.unpack(part))
        return tuple(values)

    def show(self, value: tuple[Any, ...]) -> str:
        """See `FieldType`."""
        return f"{len(value)}: " + ", ".join(map(self.item.show, value))


# Addresses and contacts are remembered, packed and unpacked: the same ones keep coming.


@remembered
def _packed_address(address: Address) -> bytes:
    host, port = address
    if not 1 <= port <= 65_535:
        raise UsageError(f"a port is 1 to 65535, not {port}")
    return packed_host(host) + port.to_bytes(2, "big")


@remembered
def _unpacked_address(raw: bytes) -> Address:
    if len(raw) not in (IPV4_BYTES, IPV6_BYTES):
        raise DecodeError(f"an address is {IPV4_BYTES} or {IPV6_BYTES} bytes, not {len(raw)}")
    family = socket.AF_INET if len(raw) == IPV4_BYTES else socket.AF_INET6
    address = socket.inet_ntop(family, raw[:-2]), int.from_bytes(raw[-2:], "big")
    if address[1] == 0:
        raise DecodeError("an address has port 0, where nobody can receive")
    if _packed_address(address) != raw:
        raise DecodeError(f"an IPv4 address is written in {IPV4_BYTES} bytes, not as an IPv6 address")
    return address


@remembered
def _contact_item(contact: Contact) -> bytes:
    return with_length(CONTACT.pack(contact))


@remembered
def _unpacked_contact(raw: bytes) -> Contact:
    ident, offset = cut(raw, 0, MAX_ID_BYTES, "id")
    address, offset = cut(raw, offset, IPV6_BYTES, "address")
    if offset != len(raw):
        raise DecodeError("bytes follow the address of a contact, which is its last field")
    return contact_of((ID.unpack(ident), ADDRESS.unpack(address)))


@dataclass(frozen=True)
class AddressField(FieldType):
    """An IP address and a port: 6 bytes, or 18 for IPv6."""

    max_bytes = IPV6_BYTES

    def show(self, value: Address) -> str:
        """See `FieldType`."""
        return f"{value[0]}:{value[1]}"

    pack = staticmethod(_packed_address)  # type: ignore[assignment]  # their arguments have no names
    unpack = staticmethod(_unpacked_address)  # type: ignore[assignment]


@dataclass(frozen=True)
class ContactField(FieldType):
    """A contact: its id and its address, each with its length before it."""

    max_bytes = MAX_ID_BYTES + IPV6_BYTES + 2

    def pack(self, value: Contact) -> bytes:
        """See `FieldType`."""
        return ID.pack_item(value.id) + ADDRESS.pack_item(value.address)

    def show(self, value: Contact) -> str:
        """See `FieldType`."""
        return f"{ID.show(value.id)} at {ADDRESS.show(value.address)}"

    unpack = staticmethod(_unpacked_contact)  # type: ignore[assignment]  # their arguments have no names
    pack_item = staticmethod(_contact_item)  # type: ignore[assignment]


TRANSACTION = Number(64)  # picked by the peer that asks, repeated in the response
ID = Number(8 * MAX_ID_BYTES, "x")
ADDRESS = AddressField()
CONTACT = ContactField()

Transaction: TypeAlias = Annotated[int, TRANSACTION]
Id: TypeAlias = Annotated[int, ID]


@dataclass(slots=True)
class Header:
    """What a request and a response begin with.

    Args:
        transaction: picked by the peer that asks, repeated in the response.
        sender: the id of the peer that sends.
    """

    transaction: Transaction
    sender: Id
