"""What a peer counts, seen from outside."""

from __future__ import annotations

from p2plib.sim import Internet
from p2plib.topology.kademlia.store import key_of
from tests.topology.kademlia.test_driver import HERE, network


def test_a_peer_can_be_looked_at_and_forgets_what_it_published() -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"peer{number}") for number in range(6)]
        async with network(hosts, HERE) as peers:
            await peers[2].put(key_of(b"mine"), b"mine")
            hosts[5].crash()
            await peers[2].find(peers[5].machine.own_id)
            seen = peers[2].stats()
            assert (seen.contacts, seen.doubtful, seen.forgotten) == (5, 1, 0)
            assert (seen.values, seen.published, seen.searches) == (1, 1, 0)
            assert (seen.sent, seen.received) == (peers[2].peer.sent, peers[2].peer.received) != (0, 0)
            assert 0.01 < seen.round_trip_s < 1.0
            assert (seen.failures, seen.ignored, seen.unread) == ({}, dict(peers[2].machine.ignored), 0)
            peers[2].forget(key_of(b"mine"))
            assert peers[2].stats().published == 0

    Internet(1).run(main)
