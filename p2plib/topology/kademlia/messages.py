"""The messages of `p2plib.topology.kademlia.machine`. A codec.

The four questions of Kademlia (2002), section 2.3, and their answers. In each, `transaction` is picked by who
asks and repeated by who answers, and `sender` is the id of who sends. Two things the paper has not: the
`token` that shows that who stores has asked before (BEP 5), and a refusal that says why.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.machine.addresses import Contact
from p2plib.machine.datagram import CONTACT, ID, TRANSACTION, Codec, blob, layout, many, number
from p2plib.topology.kademlia.store import EXPIRE_S, MAX_VALUE_BYTES, TOKEN_BYTES

MAX_CONTACTS = 20  # twenty with IPv6 addresses and ids of 256 bits fill a datagram

ID_TAKEN, BAD_TOKEN, NOT_STORED = 1, 2, 3
REASONS = {ID_TAKEN: "another peer has this id", BAD_TOKEN: "no valid token", NOT_STORED: "not stored"}


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""

    transaction: int
    sender: int


@dataclass(frozen=True, slots=True)
class Pong:
    """I am here."""

    transaction: int
    sender: int


@dataclass(frozen=True, slots=True)
class FindNode:
    """Whom do you know near this id?"""

    transaction: int
    sender: int
    target: int


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nearest that I know; with the token you may store."""

    transaction: int
    sender: int
    token: bytes
    contacts: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class FindValue:
    """What do you have under this key? If nothing, whom do you know near it?"""

    transaction: int
    sender: int
    key: int


@dataclass(frozen=True, slots=True)
class Found:
    """This is under the key."""

    transaction: int
    sender: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Store:
    """Keep this for so many seconds."""

    transaction: int
    sender: int
    token: bytes
    key: int
    lifetime_s: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """I keep it."""

    transaction: int
    sender: int


@dataclass(frozen=True, slots=True)
class Refused:
    """I do not; `reason` is one of `REASONS`."""

    transaction: int
    sender: int
    reason: int


KademliaRequest = Ping | FindNode | FindValue | Store
KademliaResponse = Pong | Nodes | Found | Stored | Refused

_TOKEN = blob(TOKEN_BYTES)
_VALUE = blob(MAX_VALUE_BYTES)

CODEC = Codec(
    "Kademlia",
    1,
    layout(1, Ping, transaction=TRANSACTION, sender=ID),
    layout(2, Pong, transaction=TRANSACTION, sender=ID),
    layout(3, FindNode, transaction=TRANSACTION, sender=ID, target=ID),
    layout(4, Nodes, transaction=TRANSACTION, sender=ID, token=_TOKEN, contacts=many(CONTACT, MAX_CONTACTS)),
    layout(5, FindValue, transaction=TRANSACTION, sender=ID, key=ID),
    layout(6, Found, transaction=TRANSACTION, sender=ID, value=_VALUE),
    layout(
        7,
        Store,
        transaction=TRANSACTION,
        sender=ID,
        token=_TOKEN,
        key=ID,
        lifetime_s=number(int(EXPIRE_S).bit_length()),
        value=_VALUE,
    ),
    layout(8, Stored, transaction=TRANSACTION, sender=ID),
    layout(9, Refused, transaction=TRANSACTION, sender=ID, reason=number(8)),
)
