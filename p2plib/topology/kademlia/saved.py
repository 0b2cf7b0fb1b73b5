"""Saved: what a Kademlia peer writes down about itself for its next life. A codec.

`p2plib.machine.saved` says how the fields become bytes. What is saved is the id, where the peer listened, the
contacts in its table, and the values that it published. The values that it kept for others are not: the other
holders have them, and bring them back to a peer that is near their keys.

The contacts are as good as bootstrap addresses, and better than most: a peer that has been there for long
will probably be there tomorrow (section 2 of the paper). They enter the table again when they answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, NamedTuple

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Address, Contact, given_address, is_ipv6
from p2plib.machine.fields import (
    ADDRESS,
    CONTACT,
    ID,
    MAX_ID_BYTES,
    Blob,
    FieldType,
    Id,
    Many,
    Maybe,
    Number,
    cut,
)
from p2plib.machine.saved import SavedFormat
from p2plib.topology.kademlia.store import MAX_VALUE_BYTES
from p2plib.topology.kademlia.table import MAX_BITS

MAX_CONTACTS_SAVED = 20 * MAX_BITS  # the largest table there is: k is at most 20
MAX_PUBLISHED = 1 << 20


class Published(NamedTuple):
    """A value of our own.

    Args:
        key: where it is published.
        value: what is published.
    """

    key: int
    value: bytes


@dataclass(frozen=True)
class PublishedField(FieldType):
    """A published value: its key and the value, each with its length before it."""

    max_bytes = MAX_ID_BYTES + MAX_VALUE_BYTES + 3

    def pack(self, value: Published) -> bytes:
        """See `FieldType`."""
        return ID.pack_item(value.key) + VALUE.pack_item(value.value)

    def unpack(self, raw: bytes) -> Published:
        """See `FieldType`."""
        key, offset = cut(raw, 0, ID.max_bytes, "key")
        value, offset = cut(raw, offset, VALUE.max_bytes, "value")
        if offset != len(raw):
            raise DecodeError("bytes follow a published value", offset)
        return Published(ID.unpack(key), value)

    def show(self, value: Published) -> str:
        """See `FieldType`."""
        return f"{VALUE.show(value.value)} under {ID.show(value.key)}"


VALUE = Blob(MAX_VALUE_BYTES)


@dataclass(frozen=True, slots=True)
class Saved:
    """A peer, written down.

    Args:
        bits: how many bits the ids of its network have.
        id: its id.
        bound: where it listened.
        public: where others reached it; None if that is where it listened.
        contacts: the peers in its table, the nearest bucket first.
        published: its own values.
    """

    bits: Annotated[int, Number(MAX_BITS.bit_length())]
    id: Id
    bound: Annotated[Address, ADDRESS]
    public: Annotated[Address | None, Maybe(ADDRESS)]
    contacts: Annotated[tuple[Contact, ...], Many(CONTACT, MAX_CONTACTS_SAVED)]
    published: Annotated[tuple[Published, ...], Many(PublishedField(), MAX_PUBLISHED)]


FORMAT = SavedFormat("Kademlia", 1, Saved)


def decode(data: bytes) -> Saved:
    """The peer that was saved as these bytes; `FORMAT.encode` makes them.

    Raises:
        DecodeError: they are something else, or say something impossible.
    """
    saved = FORMAT.decode(data)
    if not 1 <= saved.bits <= MAX_BITS:
        raise DecodeError(f"ids have 1 to {MAX_BITS} bits, not {saved.bits}")
    ids = [saved.id, *(contact.id for contact in saved.contacts), *(own.key for own in saved.published)]
    if any(ident >> saved.bits for ident in ids):
        raise DecodeError(f"an id or a key has more than {saved.bits} bits")
    ours = saved.public or saved.bound
    for contact in saved.contacts:
        try:
            given_address(contact.address)
        except UsageError as error:
            raise DecodeError(f"a contact whose address cannot be a peer's: {error}") from None
        if is_ipv6(contact.address) != is_ipv6(ours):
            raise DecodeError(f"{contact.address[0]} is of another family than our own address, {ours[0]}")
    return saved
