"""Messages: what nodes of the Mainline DHT say to each other. Values without rules.

They are those of BEP 5, with what later ones added: IPv6 contacts (BEP 32), nodes that only ask (43), items
(44), samples (51), and in each response the address that the query came from (42). How they become bytes is
the business of `p2plib.discovery.mainline.krpc`.

The protocol calls a request a *query*, and answers it with a response or an error. Which query a response is
for can be told only by its transaction: a response does not say. So there is one class of responses, and what
is absent in one is None.

They are not frozen, because very many are made. Treat them as if they were.

Vocabulary::

    transaction   1 to 32 bytes, chosen by the node that asks and repeated in the answer
    sender        the id of the node that sends the message
    want          the families of contacts that the asker would like: b"n4", b"n6" (BEP 32)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from p2plib.machine.addresses import Address, Contact
from p2plib.wire.bencode import Value

# Error codes of BEP 5 and BEP 44.
GENERIC, SERVER, PROTOCOL, METHOD_UNKNOWN = 201, 202, 203, 204
TOO_LARGE, BAD_SIGNATURE, SALT_TOO_LARGE, CAS_MISMATCH, OLD_SEQ = 205, 206, 207, 301, 302

WANT_IPV4, WANT_IPV6 = b"n4", b"n6"
VERSION = b"P2\x00\x01"  # two letters and a number, as BEP 5 has it; ours are registered nowhere


@dataclass(slots=True)
class KrpcMessage:
    """What every message has.

    Args:
        transaction: see the vocabulary.
        version: which program sent it, usually two letters and two bytes; empty if it does not say.
    """

    transaction: bytes
    version: bytes = field(default=b"", kw_only=True)


@dataclass(slots=True)
class KrpcQuery(KrpcMessage):
    """A query.

    Args:
        sender: see the vocabulary.
        is_read_only: its sender only asks, and belongs in no table (BEP 43).
    """

    METHOD: ClassVar[bytes] = b""

    sender: int
    is_read_only: bool = field(default=False, kw_only=True)


@dataclass(slots=True)
class PingQuery(KrpcQuery):
    """Are you there?"""

    METHOD: ClassVar[bytes] = b"ping"


@dataclass(slots=True)
class FindNodeQuery(KrpcQuery):
    """Which nodes do you know near this id?"""

    METHOD: ClassVar[bytes] = b"find_node"

    target: int
    want: tuple[bytes, ...] = ()


@dataclass(slots=True)
class GetPeersQuery(KrpcQuery):
    """Which peers are there for this info_hash, and which nodes do you know near it?"""

    METHOD: ClassVar[bytes] = b"get_peers"

    info_hash: int
    want: tuple[bytes, ...] = ()


@dataclass(slots=True)
class AnnounceQuery(KrpcQuery):
    """I am a peer for this info_hash.

    Args:
        info_hash: see there.
        port: where the peer listens; the host is the one that the query comes from.
        token: what the node gave us in its response to `get_peers`.
        implied_port: take the port that the query comes from instead, for a peer behind a NAT.
    """

    METHOD: ClassVar[bytes] = b"announce_peer"

    info_hash: int
    port: int
    token: bytes
    implied_port: bool = False


@dataclass(slots=True)
class GetQuery(KrpcQuery):
    """What is stored under this target (BEP 44), and which nodes do you know near it?

    Args:
        target: see there.
        seq: the value is not needed if its number is not greater than this.
        want: see the vocabulary.
    """

    METHOD: ClassVar[bytes] = b"get"

    target: int
    seq: int | None = None
    want: tuple[bytes, ...] = ()


@dataclass(slots=True)
class PutQuery(KrpcQuery):
    """Store this (BEP 44); without a key, the item is immutable.

    Args:
        token: what the node gave us in its response to `get`.
        value: anything that bencode can say.
        key: the 32 bytes of an Ed25519 public key.
        salt: tells apart the items under one key.
        seq: the number of this version.
        signature: 64 bytes, over salt, seq and value.
        cas: store it only if what is stored has this number.
    """

    METHOD: ClassVar[bytes] = b"put"

    token: bytes
    value: Value
    key: bytes | None = None
    salt: bytes = b""
    seq: int | None = None
    signature: bytes | None = None
    cas: int | None = None


@dataclass(slots=True)
class SampleQuery(KrpcQuery):
    """Name some of the info_hashes that you have peers for (BEP 51), and nodes near this id."""

    METHOD: ClassVar[bytes] = b"sample_infohashes"

    target: int
    want: tuple[bytes, ...] = ()


@dataclass(slots=True)
class UnknownQuery(KrpcQuery):
    """A query of a later specification.

    Args:
        method: its name.
        target: what it calls `target` or `info_hash`; None if there is neither. BEP 5 has such a query
            answered as `find_node`.
        want: see the vocabulary.
    """

    method: bytes
    target: int | None = None
    want: tuple[bytes, ...] = ()


@dataclass(slots=True)
class KrpcResponse(KrpcMessage):
    """What a node answers; whatever is None or empty is not in it.

    Args:
        sender: see the vocabulary.
        nodes: contacts near what was asked for, IPv4.
        nodes6: the same, IPv6.
        token: what to show when storing.
        peers: the peers for an info_hash; the wire calls them `values`.
        value: of an item.
        key: of a mutable item, as in `PutQuery`.
        seq: its number; a response may have this alone, where the asker has that version.
        signature: as in `PutQuery`.
        samples: some info_hashes.
        interval: for how many seconds the samples stay the same.
        total: how many info_hashes the node has; the wire calls it `num`.
        observed: where the query came from (BEP 42).
    """

    sender: int
    nodes: tuple[Contact, ...] | None = None
    nodes6: tuple[Contact, ...] | None = None
    token: bytes | None = None
    peers: tuple[Address, ...] = ()
    value: Value | None = None
    key: bytes | None = None
    seq: int | None = None
    signature: bytes | None = None
    samples: tuple[int, ...] | None = None
    interval: int | None = None
    total: int | None = None
    observed: Address | None = None


@dataclass(slots=True)
class KrpcError(KrpcMessage):
    """A refusal.

    Args:
        code: one of the error codes above, or another.
        sentence: what is wrong, for people.
        observed: as in `KrpcResponse`.
    """

    code: int
    sentence: str
    observed: Address | None = None


Targeted = FindNodeQuery | GetPeersQuery | GetQuery | SampleQuery | UnknownQuery
AnyQuery = Targeted | PingQuery | AnnounceQuery | PutQuery
AnyKrpc = AnyQuery | KrpcResponse | KrpcError
