"""Saved: what a Mainline node writes down about itself for its next life. A codec.

`p2plib.machine.saved` says how the fields become bytes. What is saved is the id, where the node listened, the
contacts in its table, and what it announced and put. What it kept for others is not: they say it again.

The contacts are as good as bootstrap addresses: a node that has been there for long will probably be there
tomorrow. They enter the table again when they answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from p2plib.discovery.mainline.compact import ID_BITS, ID_BYTES, id_bytes, id_of
from p2plib.discovery.mainline.deliveries import Announcement, Goods, Item
from p2plib.discovery.mainline.items import ImmutableItem, MutableItem, PutRefused, verify
from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import MAX_PORT, Address, Contact, given_address, is_ipv6
from p2plib.machine.fields import ADDRESS, CONTACT, FieldType, Id, Many, Maybe
from p2plib.machine.saved import SavedFormat
from p2plib.wire import bencode
from p2plib.wire.bencode import Value

MAX_CONTACTS_SAVED = 8 * ID_BITS
MAX_OURS = 1 << 20


@dataclass(frozen=True)
class GoodsField(FieldType):
    """An announcement or an item, in bencode, with the keys that they have in queries."""

    max_bytes = 2048

    def pack(self, value: Goods) -> bytes:
        """See `FieldType`."""
        if isinstance(value, Announcement):
            implied = int(value.implied_port)
            return bencode.encode(
                {b"info_hash": id_bytes(value.info_hash), b"port": value.port, b"implied_port": implied}
            )
        said: dict[bytes, Value] = {b"v": value.item.value}
        if isinstance(value.item, MutableItem):
            item = value.item
            said |= {b"k": item.public_key, b"salt": item.salt, b"seq": item.seq, b"sig": item.signature}
        return bencode.encode(said)

    def unpack(self, raw: bytes) -> Goods:
        """See `FieldType`."""
        match bencode.decode(raw):
            case {b"info_hash": bytes(info_hash), b"port": int(port), b"implied_port": 0 | 1 as implied}:
                if len(info_hash) == ID_BYTES and 1 <= port <= MAX_PORT:
                    return Announcement(id_of(info_hash), port, bool(implied))
            case {
                b"v": value,
                b"k": bytes(key),
                b"salt": bytes(salt),
                b"seq": int(seq),
                b"sig": bytes(signature),
            }:
                return Item(_valid(lambda: MutableItem(key, salt, seq, value, signature)))
            case {b"v": value, **others} if not others:
                return Item(_valid(lambda: ImmutableItem(value)))
        raise DecodeError("neither an announcement nor an item")

    def show(self, value: Goods) -> str:
        """See `FieldType`."""
        return f"{type(value).__name__.lower()} under {value.key:040x}"


def _valid(make: Callable[[], ImmutableItem | MutableItem]) -> ImmutableItem | MutableItem:
    try:
        item = make()
        verify(item)
    except (PutRefused, UsageError) as refusal:
        raise DecodeError(f"an item that nobody would store: {refusal}") from None
    return item


@dataclass(frozen=True, slots=True)
class SavedNode:
    """A node, written down.

    Args:
        id: its id.
        bound: where it listened.
        public: where others reached it; None if that is where it listened.
        contacts: the nodes in its table, the nearest bucket first.
        ours: what it announced and put.
    """

    id: Id
    bound: Annotated[Address, ADDRESS]
    public: Annotated[Address | None, Maybe(ADDRESS)]
    contacts: Annotated[tuple[Contact, ...], Many(CONTACT, MAX_CONTACTS_SAVED)]
    ours: Annotated[tuple[Goods, ...], Many(GoodsField(), MAX_OURS)]


FORMAT = SavedFormat("Mainline", 1, SavedNode)


def decode(data: bytes) -> SavedNode:
    """The node that was saved as these bytes; `FORMAT.encode` makes them.

    Raises:
        DecodeError: they are something else, or say something impossible.
    """
    saved = FORMAT.decode(data)
    if any(ident >> ID_BITS for ident in (saved.id, *(contact.id for contact in saved.contacts))):
        raise DecodeError(f"an id has more than {ID_BITS} bits")
    ours = saved.public or saved.bound
    for contact in saved.contacts:
        try:
            given_address(contact.address)
        except UsageError as error:
            raise DecodeError(f"a contact whose address cannot be a peer's: {error}") from None
        if is_ipv6(contact.address) != is_ipv6(ours):
            raise DecodeError(f"{contact.address[0]} is of another family than our own address, {ours[0]}")
    return saved
