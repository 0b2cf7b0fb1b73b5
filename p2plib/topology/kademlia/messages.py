"""The messages of `p2plib.topology.kademlia.machine`. A codec.

The four requests of Kademlia (2002), section 2.3, and their responses. In each, `transaction` is picked by
the peer that asks and repeated in the response, and `sender` is the id of the peer that sends it. Two things
are not in the paper: the `token`, which shows that a peer that stores has asked us before (BEP 5), and a
refusal that says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from p2plib.machine.addresses import Contact
from p2plib.machine.datagram import Codec
from p2plib.machine.fields import CONTACT, Blob, Header, Id, Many, Number
from p2plib.topology.kademlia.store import EXPIRE_S, MAX_VALUE_BYTES, TOKEN_BYTES

MAX_CONTACTS = 20  # twenty of them, with IPv6 addresses and ids of 256 bits, fill a datagram

Token: TypeAlias = Annotated[bytes, Blob(TOKEN_BYTES)]
Value: TypeAlias = Annotated[bytes, Blob(MAX_VALUE_BYTES)]

ID_TAKEN, BAD_TOKEN, NOT_STORED = 1, 2, 3
REASONS = {ID_TAKEN: "another peer has this id", BAD_TOKEN: "no valid token", NOT_STORED: "not stored"}


@dataclass(slots=True)
class Ping(Header):
    """Are you there?"""


@dataclass(slots=True)
class Pong(Header):
    """I am here."""


@dataclass(slots=True)
class FindNode(Header):
    """Which peers do you know near this id?"""

    target: Id


@dataclass(slots=True)
class Nodes(Header):
    """The nearest peers that I know; with the token you may store."""

    token: Token
    contacts: Annotated[tuple[Contact, ...], Many(CONTACT, MAX_CONTACTS)]


@dataclass(slots=True)
class FindValue(Header):
    """What do you have under this key? If nothing, which peers do you know near it?"""

    key: Id


@dataclass(slots=True)
class Found(Header):
    """This is what I have under the key."""

    value: Value


@dataclass(slots=True)
class Store(Header):
    """Keep this for so many seconds."""

    token: Token
    key: Id
    lifetime_s: Annotated[int, Number(int(EXPIRE_S).bit_length())]
    value: Value


@dataclass(slots=True)
class Stored(Header):
    """I keep it."""


@dataclass(slots=True)
class Refused(Header):
    """I do not; `reason` is one of `REASONS`."""

    reason: Annotated[int, Number(8)]


KademliaRequest = Ping | FindNode | FindValue | Store
KademliaResponse = Pong | Nodes | Found | Stored | Refused

CODEC = Codec("Kademlia", 1, Ping, Pong, FindNode, Nodes, FindValue, Found, Store, Stored, Refused)
