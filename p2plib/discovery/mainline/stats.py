"""Stats: what a Mainline node counts, as one value. Values and one function."""

from __future__ import annotations

from dataclasses import dataclass, fields

from p2plib.discovery.mainline.machine import Mainline
from p2plib.machine.peer import Peer, PeerStats


@dataclass(frozen=True, slots=True)
class DhtStats(PeerStats):
    """What a node has counted so far, and what it has now; see also `PeerStats`.

    Args:
        contacts: how many nodes are in its table.
        doubtful: how many of them did not answer last time.
        forgotten: how many are out of the table for not answering, and are asked now and then.
        info_hashes: for how many it keeps peers that others announced.
        items: how many items it keeps for others.
        ours: how many announcements and items of its own it renews.
        searches: how many lookups are under way.
        requests: how many queries are under way.
        is_read_only: whether it only asks, and answers nobody.
        outside: the host from which its queries come, as others see it; None if they do not agree.
        network_size: about how many nodes there are; 0 before it knows any.
        round_trip_s: the smoothed round trip to all nodes, in seconds; 0 before anybody answered.
    """

    contacts: int
    doubtful: int
    forgotten: int
    info_hashes: int
    items: int
    ours: int
    searches: int
    requests: int
    is_read_only: bool
    outside: str | None
    network_size: float
    round_trip_s: float


def dht_stats_of(peer: Peer[Mainline]) -> DhtStats:
    """What a node has counted so far, and what it has now."""
    machine, counted = peer.machine, peer.stats()
    return DhtStats(
        **{field.name: getattr(counted, field.name) for field in fields(counted)},
        contacts=len(machine.table),
        doubtful=sum(entry.failures > 0 for entry in machine.table),
        forgotten=len(machine.table.forgotten),
        info_hashes=len(machine.answers.peers),
        items=len(machine.answers.items),
        ours=len(machine.deliveries.ours),
        searches=len(machine.searches),
        requests=len(machine.requests),
        is_read_only=machine.settings.is_read_only,
        outside=machine.outside.agreed,
        network_size=machine.density.network_size,
        round_trip_s=machine.requests.all_peers.smoothed_s,
    )
