"""libtorrent's DHT as a network to measure, for `bench/topology.py`: each peer a session, in one process.

    pip install libtorrent

It is written in C++ and speaks Mainline (BEP 5 and 44), with k = 8 as here, and with alpha set to 3. What it
sends is what it counts itself. It chooses its ids by itself, and fills its tables in its own time, a few
seconds; so its joins are not compared. Every limit on how much it sends, and on how many peers of one host it
takes, is lifted.
"""

from __future__ import annotations

import random
import time
from typing import Any

import libtorrent

ENOUGH_KNOWN = 20  # contacts in the tables of the first peers before anything is measured
PATIENCE_S = 10.0
SETTINGS = {
    "listen_interfaces": "127.0.0.1:0",
    "enable_dht": True,
    "dht_bootstrap_nodes": "",
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "dht_search_branching": 3,
    "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False,
    "dht_prefer_verified_node_ids": False,
    "dht_enforce_node_id": False,
    "dht_ignore_dark_internet": False,
    "dht_upload_rate_limit": 100_000_000,
    "dht_block_ratelimit": 1_000_000,
    "dht_max_dht_items": 5000,
    "allow_multiple_connections_per_ip": True,
    "aio_threads": 1,
    "hashing_threads": 1,
    "alert_mask": libtorrent.alert.category_t.dht_notification,
}


class Libtorrent:
    """Sessions of libtorrent that are peers of one DHT."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"libtorrent {seed}")
        self.peers: list[Any] = []
        self._hashes: dict[str, Any] = {}

    async def start(self, count: int) -> None:
        self.peers = [libtorrent.session(SETTINGS) for _ in range(count)]
        time.sleep(1)  # they open their sockets in threads of their own
        ports = [peer.listen_port() for peer in self.peers]
        for peer in self.peers:
            for port in (ports[0], *self._rng.sample(ports, 8)):
                if port != peer.listen_port():
                    peer.add_dht_node(("127.0.0.1", port))
        until = time.monotonic() + 3 * PATIENCE_S
        while min(peer.status().dht_nodes for peer in self.peers[:10]) < ENOUGH_KNOWN:
            if time.monotonic() > until:
                break
            time.sleep(1)
        for peer in self.peers:
            peer.pop_alerts()

    def sent(self) -> int:
        """How many datagrams of the DHT all of them have sent."""
        for peer in self.peers:
            peer.post_session_stats()
        told = [self._alert(peer, libtorrent.session_stats_alert) for peer in self.peers]
        return sum(alert.values["dht.dht_messages_out"] for alert in told)

    async def set(self, number: int, name: str) -> None:
        peer = self.peers[number % len(self.peers)]
        self._hashes[name] = peer.dht_put_immutable_item(name)
        self._alert(peer, libtorrent.dht_put_alert)

    async def get(self, number: int, name: str) -> bool:
        peer = self.peers[number % len(self.peers)]
        wanted = self._hashes.get(name) or libtorrent.sha1_hash(random.Random(name).randbytes(20))
        peer.dht_get_immutable_item(wanted)
        return bool(self._alert(peer, libtorrent.dht_immutable_item_alert).item)

    async def stop(self) -> None:
        """They end with the process: closing a hundred sessions takes longer than measuring them."""

    def _alert(self, peer: Any, kind: type[Any]) -> Any:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            peer.wait_for_alert(1000)
            for alert in peer.pop_alerts():
                if isinstance(alert, kind):
                    return alert
        raise TimeoutError(f"no {kind.__name__} within {PATIENCE_S:g} s")
