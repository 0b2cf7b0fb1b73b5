"""What a Mainline node is told and what it reports: settings, timers, events. Values without rules.

The rules are in `p2plib.discovery.mainline.machine` and the parts it is made from.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.discovery.mainline.items import ImmutableItem, MutableItem
from p2plib.discovery.mainline.storage import REANNOUNCE_S, REPUBLISH_S
from p2plib.machine.addresses import Address, Contact
from p2plib.machine.timers import TimerName
from p2plib.topology.kademlia.lookup import ALPHA
from p2plib.topology.kademlia.parts import Event as KademliaEvent
from p2plib.topology.kademlia.table import NO_LIMITS, STRICT, Limits

K = 8  # BEP 5
FRESH_S = REFRESH_S = (
    900.0  # BEP 5: a contact silent for 15 minutes is questionable, a quiet bucket refreshed
)
ANNOUNCE_S = (
    900.0  # peers are forgotten after half an hour or so; twice in that time outlives a lost datagram
)
PUT_S = 3600.0  # BEP 44


@dataclass(frozen=True, slots=True)
class DhtSettings:
    """How a node behaves, and how hard it tries.

    Args:
        k: how many contacts a bucket holds, and at how many nodes a thing is stored.
        alpha: how many nodes are asked at once on one path.
        paths: how many disjoint paths a lookup for a key uses; more cost more, and resist liars better.
        limits: how many places in the table one owner of addresses may take.
        enforces_ids: whether a contact whose id does not belong to its address is turned away (BEP 42).
        is_read_only: whether the node only asks, and answers nobody (BEP 43).
        is_limited: whether the queries of one host are limited in number.
        refresh_s: a bucket that no lookup has touched for so many seconds is refreshed.
        fresh_s: a contact heard from within so many seconds is not asked whether it is there.
        announce_s: how often what we announced is announced again.
        put_s: how often an item of ours is put again.
    """

    k: int = K
    alpha: int = ALPHA
    paths: int = 1
    limits: Limits = STRICT
    enforces_ids: bool = True
    is_read_only: bool = False
    is_limited: bool = True
    refresh_s: float = REFRESH_S
    fresh_s: float = FRESH_S
    announce_s: float = REANNOUNCE_S
    put_s: float = REPUBLISH_S


LOCAL = DhtSettings(limits=NO_LIMITS, is_limited=False)  # for many nodes that share one address, as in a test


class DhtTimer(TimerName):
    """What a node sets timers for."""

    REQUEST = "a response is late; about its transaction"
    JOIN = "ask the bootstrap addresses again"
    REFRESH = "look up an id in each bucket that no lookup has touched"
    PUBLISH = "announce, or put, what is ours again; about its key"


@dataclass(frozen=True, slots=True)
class DhtPeers:
    """Some peers for an info_hash, none of which this lookup has named before, and where they were named."""

    number: int
    info_hash: int
    peers: tuple[Address, ...]
    teller: Address | None


@dataclass(frozen=True, slots=True)
class DhtPeersDone:
    """A lookup of peers has ended.

    Args:
        number: of the lookup.
        info_hash: what was looked up.
        peers: how many different ones were named.
        queries: how many nodes were asked.
        failures: how many of them did not answer, or with nothing of use.
    """

    number: int
    info_hash: int
    peers: int
    queries: int
    failures: int


@dataclass(frozen=True, slots=True)
class DhtStored:
    """An announcement, or a put, has ended.

    Args:
        number: identifies it.
        key: the info_hash or the target.
        copies: how many nodes have accepted it.
        asked: how many were asked to.
        queries: how many nodes the lookup before it asked.
        code: of the last refusal; None if nobody has refused.
        sentence: of the last refusal.
    """

    number: int
    key: int
    copies: int
    asked: int
    queries: int
    code: int | None = None
    sentence: str = ""

    @property
    def target(self) -> bytes:
        """The key, as the 20 bytes that `get_immutable` takes."""
        return self.key.to_bytes(20, "big")


@dataclass(frozen=True, slots=True)
class DhtItemDone:
    """An item, or None if it was not found; if `queries` is 0, there was nobody to ask."""

    number: int
    target: int
    item: ImmutableItem | MutableItem | None
    queries: int
    failures: int


@dataclass(frozen=True, slots=True)
class DhtSamples:
    """What one node keeps peers for; `samples` is None if it did not answer, or does not tell.

    Args:
        number: of the question.
        address: which node was asked.
        samples: some of its info_hashes.
        total: how many it has.
        interval_s: for how long it gives the same sample.
        contacts: nodes that it knows near the target.
        is_silent: whether it did not answer at all.
    """

    number: int
    address: Address
    samples: tuple[int, ...] | None
    total: int = 0
    interval_s: int = 0
    contacts: tuple[Contact, ...] = ()
    is_silent: bool = False


@dataclass(frozen=True, slots=True)
class OtherFamily:
    """Contacts of the other family that a node has named (BEP 32), for our node in that network."""

    contacts: tuple[Contact, ...]


@dataclass(frozen=True, slots=True)
class MovedOutside:
    """Others agree that our queries come from another host than our id belongs to: we have a new id now."""

    host: str
    node_id: int


DhtEvent = (
    KademliaEvent
    | DhtPeers
    | DhtPeersDone
    | DhtStored
    | DhtItemDone
    | DhtSamples
    | OtherFamily
    | MovedOutside
)
