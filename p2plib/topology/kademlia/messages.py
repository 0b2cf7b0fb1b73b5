"""The messages of `p2plib.topology.kademlia.machine`. A codec.

The four requests of Kademlia (2002), section 2.3, and their responses. In each, `transaction` is picked by
the peer that asks and repeated in the response, and `sender` is the id of the peer that sends it. What is not
in the paper:

* `token` shows that a peer that stores has asked us before (BEP 5), and a refusal says why.
* `is_client` is 1 in the requests of a peer that only asks and takes part in nothing, such as one behind a
  NAT that lets no stranger through (BEP 43). Nobody puts it in a table.
* `observed` tells the peer that asked which address its request came from (BEP 42): behind a NAT it cannot
  know.
* A `DialBack` asks for a request from elsewhere. If that arrives, others can reach us: we have sent nothing
  there, so no NAT lets it through as a response. `DialBackFor` passes the wish on to the peer that is to ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from p2plib.machine.addresses import Address, Contact
from p2plib.machine.datagram import Codec
from p2plib.machine.fields import ADDRESS, CONTACT, Blob, Header, Id, Many, Maybe, Number
from p2plib.topology.kademlia.store import EXPIRE_S, MAX_VALUE_BYTES, TOKEN_BYTES

MAX_CONTACTS = 20  # twenty of them, with IPv6 addresses and ids of 256 bits, fill a datagram

Token: TypeAlias = Annotated[bytes, Blob(TOKEN_BYTES)]
Value: TypeAlias = Annotated[bytes, Blob(MAX_VALUE_BYTES)]
IsClient: TypeAlias = Annotated[int, Number(1)]
Observed: TypeAlias = Annotated[Address | None, Maybe(ADDRESS)]

ID_TAKEN, BAD_TOKEN, NOT_STORED, CLIENT, BUSY = 1, 2, 3, 4, 5
REASONS = {
    ID_TAKEN: "another peer has this id",
    BAD_TOKEN: "no valid token",
    NOT_STORED: "not stored",
    CLIENT: "a client, which serves nobody",
    BUSY: "nobody to pass this on to",
}


@dataclass(slots=True)
class Ping(Header):
    """Are you there?"""

    is_client: IsClient = 0


@dataclass(slots=True)
class Pong(Header):
    """I am here."""

    observed: Observed = None


@dataclass(slots=True)
class FindNode(Header):
    """Which peers do you know near this id?"""

    target: Id
    is_client: IsClient = 0


@dataclass(slots=True)
class Nodes(Header):
    """The nearest peers that I know; with the token you may store."""

    token: Token
    contacts: Annotated[tuple[Contact, ...], Many(CONTACT, MAX_CONTACTS)]
    observed: Observed = None


@dataclass(slots=True)
class FindValue(Header):
    """What do you have under this key? If nothing, which peers do you know near it?"""

    key: Id
    is_client: IsClient = 0


@dataclass(slots=True)
class Found(Header):
    """This is what I have under the key."""

    value: Value
    observed: Observed = None


@dataclass(slots=True)
class Store(Header):
    """Keep this for so many seconds."""

    token: Token
    key: Id
    lifetime_s: Annotated[int, Number(int(EXPIRE_S).bit_length())]
    value: Value
    is_client: IsClient = 0


@dataclass(slots=True)
class Stored(Header):
    """I keep it."""

    observed: Observed = None


@dataclass(slots=True)
class Refused(Header):
    """I do not; `reason` is one of `REASONS`."""

    reason: Annotated[int, Number(8)]
    observed: Observed = None


@dataclass(slots=True)
class DialBack(Header):
    """Have another peer ask me whether I am there."""

    is_client: IsClient = 0


@dataclass(slots=True)
class DialBackFor(Header):
    """Ask this peer whether it is there."""

    contact: Annotated[Contact, CONTACT]
    is_client: IsClient = 0


KademliaRequest = Ping | FindNode | FindValue | Store | DialBack | DialBackFor
KademliaResponse = Pong | Nodes | Found | Stored | Refused


def subject_of(request: KademliaRequest) -> int:
    """The id or key that a request is about, besides its sender's; 0 if it is about none."""
    match request:
        case FindNode(target=ident) | FindValue(key=ident) | Store(key=ident):
            return ident
        case DialBackFor(contact=contact):
            return contact.id
    return 0


CODEC = Codec(
    "Kademlia",
    1,
    Ping,
    Pong,
    FindNode,
    Nodes,
    FindValue,
    Found,
    Store,
    Stored,
    Refused,
    DialBack,
    DialBackFor,
)
