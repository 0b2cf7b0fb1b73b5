"""Compact: ids, contacts and peers as fixed numbers of bytes, so that eight of them fit a datagram. A codec.

BEP 5 calls the two forms "compact peer info" and "compact node info", BEP 32 has the same for IPv6::

    cb 00 71 05 1a e1                   a peer: 203.0.113.5, port 6881; 6 bytes, with IPv6 18
    <20 bytes> cb 00 71 05 1a e1        a contact: the id before it; 26 bytes, with IPv6 38

Rules
    1. Numbers are big-endian. A list of contacts is one string, and its length a multiple of 26 (or 38).
    2. A family has its own list, for its contacts are of no use to a node of the other (BEP 32). What an
       IPv6 form holds must be an IPv6 address: `::ffff:203.0.113.5` is refused.
    3. Whether anything should be sent to an address is not decided here: strangers also name port 0, and one
       such entry must not spoil the others (`p2plib.machine.addresses.acceptable`). We never write it.

Vocabulary::

    id        a number of 160 bits: of a node, a target or an info_hash
    contact   a node of the DHT: its id and address
    peer      somebody who has what an info_hash names: an address alone
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import MAPPED_IPV4, MAX_PORT, Address, Contact, contact_of, is_ipv6, packed_host
from p2plib.machine.remembered import remembered

ID_BYTES, ID_BITS = 20, 160
PORT_BYTES = 2
IPV4_PEER_BYTES, IPV6_PEER_BYTES = 6, 18
IPV4_CONTACT_BYTES, IPV6_CONTACT_BYTES = ID_BYTES + IPV4_PEER_BYTES, ID_BYTES + IPV6_PEER_BYTES


def id_bytes(ident: int) -> bytes:
    """The 20 bytes of an id.

    Raises:
        UsageError: it is no number of 160 bits.
    """
    if ident < 0 or ident >> ID_BITS:
        raise UsageError(f"an id is a number of {ID_BITS} bits, from 0")
    return ident.to_bytes(ID_BYTES, "big")


def id_of(raw: bytes) -> int:
    """The id in 20 bytes.

    Raises:
        DecodeError: there are more or fewer.
    """
    if len(raw) != ID_BYTES:
        raise DecodeError(f"an id has {ID_BYTES} bytes, and this one {len(raw)}")
    return int.from_bytes(raw, "big")


def pack_peer(address: Address) -> bytes:
    """The 6 or 18 bytes of an address.

    Raises:
        UsageError: the host is no IP address, or the port none that can be sent to.
    """
    host, port = address
    if not 1 <= port <= MAX_PORT:
        raise UsageError(f"a port is 1 to {MAX_PORT}, not {port!r}")
    return packed_host(host) + port.to_bytes(PORT_BYTES, "big")


@remembered
def unpack_peer(raw: bytes) -> Address:
    """The address in 6 or 18 bytes.

    Raises:
        DecodeError: they are not as many, or break rule 2.
    """
    if len(raw) not in (IPV4_PEER_BYTES, IPV6_PEER_BYTES):
        raise DecodeError(f"a peer has {IPV4_PEER_BYTES} or {IPV6_PEER_BYTES} bytes, and this one {len(raw)}")
    host, port = raw[:-PORT_BYTES], int.from_bytes(raw[-PORT_BYTES:], "big")
    if host.startswith(MAPPED_IPV4):
        raise DecodeError("an IPv4 address in the form of IPv6")
    family = socket.AF_INET if len(raw) == IPV4_PEER_BYTES else socket.AF_INET6
    return socket.inet_ntop(family, host), port


@remembered
def pack_contact(contact: Contact) -> bytes:
    """The 26 or 38 bytes of a contact.

    Raises:
        UsageError: its id or its address cannot be one.
    """
    return id_bytes(contact.id) + pack_peer(contact.address)


@remembered
def unpack_contact(raw: bytes) -> Contact:
    """The contact in 26 or 38 bytes.

    Raises:
        DecodeError: rule 2 or 3 is broken.
    """
    address = unpack_peer(raw[ID_BYTES:])
    return contact_of((int.from_bytes(raw[:ID_BYTES], "big"), address))


def pack_contacts(contacts: Iterable[Contact]) -> bytes:
    """Contacts of one family, one after the other."""
    return b"".join(map(pack_contact, contacts))


def unpack_contacts(raw: bytes, size: int = IPV4_CONTACT_BYTES) -> tuple[Contact, ...]:
    """The contacts in a string.

    Args:
        raw: the string.
        size: how many bytes each has: `IPV4_CONTACT_BYTES` or `IPV6_CONTACT_BYTES`.

    Raises:
        DecodeError: rule 1 or 2 is broken; the offset is that of the contact.
    """
    if len(raw) % size:
        raise DecodeError(f"{len(raw)} bytes of contacts, which is no multiple of {size}", 0)
    contacts = []
    for at in range(0, len(raw), size):
        try:
            contacts.append(unpack_contact(raw[at : at + size]))
        except DecodeError as error:
            raise DecodeError(f"a contact with {error.rule}", at) from None
    return tuple(contacts)


def by_family(contacts: Iterable[Contact]) -> tuple[tuple[Contact, ...], tuple[Contact, ...]]:
    """The contacts with IPv4 addresses, and those with IPv6 addresses."""
    listed = list(contacts)
    return (
        tuple(contact for contact in listed if not is_ipv6(contact.address)),
        tuple(contact for contact in listed if is_ipv6(contact.address)),
    )
