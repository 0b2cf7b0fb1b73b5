"""Stats: what a Kademlia peer counts, as one value. Values and one function."""

from __future__ import annotations

from dataclasses import dataclass, fields

from p2plib.machine.addresses import Address
from p2plib.machine.peer import Peer, PeerStats
from p2plib.topology.kademlia.machine import Kademlia


@dataclass(frozen=True, slots=True)
class KademliaStats(PeerStats):
    """What a peer has counted so far, and what it has now; see also `PeerStats`.

    Args:
        contacts: how many peers are in its table.
        doubtful: how many of them did not answer last time.
        forgotten: how many are out of the table for not answering, and are asked now and then.
        values: how many values it keeps, its own included.
        published: how many values of its own it publishes.
        searches: how many lookups are under way.
        requests: how many requests are under way.
        is_client: whether it only asks and serves nobody.
        is_reachable: whether strangers reach it; None if that is not known.
        outer: the address from which its requests come, as others see it; None if they do not agree.
        round_trip_s: the smoothed round trip to all peers, in seconds; 0 before anybody answered.
    """

    contacts: int
    doubtful: int
    forgotten: int
    values: int
    published: int
    searches: int
    requests: int
    is_client: bool
    is_reachable: bool | None
    outer: Address | None
    round_trip_s: float


def stats_of(peer: Peer[Kademlia]) -> KademliaStats:
    """What a peer has counted so far, and what it has now."""
    machine, counted = peer.machine, peer.stats()
    return KademliaStats(
        **{field.name: getattr(counted, field.name) for field in fields(counted)},
        contacts=len(machine.table),
        doubtful=sum(entry.failures > 0 for entry in machine.table),
        forgotten=len(machine.table.forgotten),
        values=len(machine.values),
        published=len(machine.maintenance.published),
        searches=len(machine.searches),
        requests=len(machine.requests),
        is_client=bool(machine.asker.is_client),
        is_reachable=machine.reachability.is_reachable,
        outer=machine.reachability.outer,
        round_trip_s=machine.requests.all_peers.smoothed_s,
    )
