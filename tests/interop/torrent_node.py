"""libtorrent's node of the Mainline DHT, for a test that runs on asyncio.

A session works in threads of its own and reports in alerts, so `told` looks every few milliseconds whether
the one that is waited for has come. All settings of the DHT are libtorrent's own. So each node needs an
address in a /24 of its own, which `mainline.host_of` gives, or the others take it for one of a hundred ids of
a liar.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Any, Self

import libtorrent

from p2plib.identity.keys import SecretKey
from tests.interop.mainline import PATIENCE_S, PORT

LOOK_S = 0.005


def expanded(secret: SecretKey) -> bytes:
    """A secret key as libtorrent wants it: the 64 bytes that RFC 8032 makes from the seed."""
    key = bytearray(hashlib.sha512(secret.expose_seed()).digest())
    key[0] &= 248
    key[31] = key[31] & 63 | 64
    return bytes(key)


class TorrentNode:
    """One session, of which only the DHT is on; used with `async with`.

    Args:
        host: where it listens; see `mainline.host_of`.
        bootstrap: host and port of a node through which it enters, which gets no place in its table.
        settings: of libtorrent, where they are to differ from its own.
    """

    def __init__(self, host: str, bootstrap: tuple[str, int] | None = None, **settings: Any) -> None:
        self.address = host, PORT
        self._settings: Any = {
            "listen_interfaces": f"{host}:{PORT}",
            "dht_bootstrap_nodes": "" if bootstrap is None else f"{bootstrap[0]}:{bootstrap[1]}",
            "enable_dht": True,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "alert_mask": libtorrent.alert.category_t.dht_notification
            | libtorrent.alert.category_t.dht_operation_notification
            | libtorrent.alert.category_t.error_notification,
            **settings,
        }

    async def __aenter__(self) -> Self:
        self.session: Any = libtorrent.session(self._settings)
        return self

    async def __aexit__(self, *_: object) -> None:
        last, self.session = [self.session], None
        await asyncio.to_thread(last.clear)  # it ends with its last reference, and waits for its threads

    async def told(
        self,
        kind: Any,
        when: Callable[[Any], bool] = lambda alert: True,
        patience_s: float = PATIENCE_S,
    ) -> Any:
        """The next alert of a kind for which `when` holds; those before it are dropped.

        Raises:
            TimeoutError: none has come.
        """
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            for alert in self.session.pop_alerts():
                if isinstance(alert, kind) and when(alert):
                    return alert
            await asyncio.sleep(LOOK_S)
        raise TimeoutError(f"libtorrent at {self.address[0]} told of no {kind.__name__}")

    async def entered(self) -> None:
        """Waits until it has looked round in the DHT."""
        await self.told(libtorrent.dht_bootstrap_alert)

    def knows(self, address: tuple[str, int]) -> None:
        """Tells it of a node that may have a place in its table."""
        self.session.add_dht_node(address)

    async def known(self) -> int:
        """How many nodes are in its table."""
        self.session.post_session_stats()
        alert = await self.told(libtorrent.session_stats_alert)
        return int(alert.values["dht.dht_nodes"])

    def announce(self, info_hash: bytes, port: int) -> None:
        """Begins to tell the DHT that a peer is there; no alert says when that is done."""
        self.session.dht_announce(libtorrent.sha1_hash(info_hash), port, 0)

    async def peers(self, info_hash: bytes) -> list[tuple[str, int]]:
        """The peers that a lookup finds within some seconds; if it finds none, no alert says so."""
        self.session.dht_get_peers(libtorrent.sha1_hash(info_hash))
        try:
            alert = await self.told(libtorrent.dht_get_peers_reply_alert, patience_s=3.0)
        except TimeoutError:
            return []
        return [tuple(peer) for peer in alert.peers()]

    async def put_immutable(self, value: bytes) -> tuple[bytes, int]:
        """Puts a value.

        Returns:
            Its target, and how many nodes took it.
        """
        target = self.session.dht_put_immutable_item(value)
        alert = await self.told(libtorrent.dht_put_alert)
        return target.to_bytes(), alert.num_success

    async def get_immutable(self, target: bytes) -> bytes | None:
        """The value of a target."""
        self.session.dht_get_immutable_item(libtorrent.sha1_hash(target))
        alert = await self.told(libtorrent.dht_immutable_item_alert)
        item: bytes | None = alert.item
        return item

    async def put_mutable(self, secret: SecretKey, value: bytes, salt: bytes) -> tuple[int, int]:
        """Puts the next version of an item, after it has looked which is the last.

        Returns:
            Its seq, and how many nodes took it.
        """
        self.session.dht_put_mutable_item(expanded(secret), secret.public.raw, value, salt)
        alert = await self.told(libtorrent.dht_put_alert)
        return alert.seq, alert.num_success

    async def get_mutable(self, public_key: bytes, salt: bytes) -> tuple[bytes | None, int]:
        """The newest version that it finds, and its seq."""
        self.session.dht_get_mutable_item(public_key, salt)
        alert = await self.told(libtorrent.dht_mutable_item_alert, lambda alert: alert.authoritative)
        return alert.item, alert.seq

    async def samples(self, address: tuple[str, int], target: bytes) -> dict[str, Any]:
        """What a node answers when it is asked for info_hashes."""
        self.session.dht_sample_infohashes(address, libtorrent.sha1_hash(target))
        alert = await self.told(libtorrent.dht_sample_infohashes_alert)
        return {
            "num": alert.num_infohashes,
            "interval": alert.interval.total_seconds(),
            "samples": [one.to_bytes().hex() for one in alert.samples],
        }
