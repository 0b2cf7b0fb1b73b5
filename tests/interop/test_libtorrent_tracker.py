"""libtorrent announces to trackers of ours, and gets peers."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from p2plib.discovery.tracker.core import TrackerCore, TrackerHeard
from p2plib.discovery.tracker.server import TrackerServer
from p2plib.discovery.tracker.source import TrackerSource
from tests.interop.namespace import Namespace

pytestmark = pytest.mark.interop

INFO_HASH = bytes.fromhex("c3a980ff0102030405060708090a0b0c0d0e0f10")
WITHIN_S = 100.0


def torrent(lt: Any, port: int, trackers: list[str]) -> tuple[Any, Any]:
    """A session of libtorrent, with one torrent that it knows the hash of and nothing else.

    All sessions of a process share the connection ids that they were given. So they must have one host, as
    they would have on most machines: an id that 127.0.0.2 was given is worth nothing from 127.0.0.3.
    """
    session = lt.session(
        {
            "listen_interfaces": f"127.0.0.2:{port}",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "announce_to_all_trackers": True,
            "announce_to_all_tiers": True,
            "alert_mask": lt.alert.category_t.tracker_notification | lt.alert.category_t.error_notification,
        }
    )
    wanted = lt.add_torrent_params()
    wanted.info_hashes = lt.info_hash_t(lt.sha1_hash(INFO_HASH))
    wanted.trackers = trackers
    wanted.save_path = "."
    return session, session.add_torrent(wanted)


async def announces() -> dict[str, Any]:
    """Two libtorrents and a source of ours at one tracker; what each of them heard."""
    import libtorrent as lt

    heard: list[TrackerHeard] = []
    core = TrackerCore(random.Random(1), on_heard=heard.append)
    replies: dict[str, int] = {}
    errors: list[str] = []
    async with (
        asyncio.timeout(WITHIN_S),
        TrackerServer(random.Random(1), core=core) as server,
        TrackerSource([[server.urls[1]]], random.Random(2)) as source,
    ):
        await source.announce(INFO_HASH, 6001)
        first, _ = torrent(lt, 7001, server.urls[:2])
        while len({(event.carrier, event.address[0]) for event in heard}) < 3:
            await asyncio.sleep(0.02)
        second, handle = torrent(lt, 7002, server.urls[:2])
        while len(replies) < 2 and not errors:
            for alert in second.pop_alerts():
                if isinstance(alert, lt.tracker_reply_alert):
                    replies[alert.tracker_url().partition(":")[0]] = alert.num_peers
                elif isinstance(alert, lt.tracker_error_alert | lt.tracker_warning_alert):
                    errors.append(alert.message())
            await asyncio.sleep(0.02)
        found = sorted([each.address async for each in source.lookup(INFO_HASH)])
        ids = sorted({listed.peer_id[:3].decode() for listed in core.swarms.listed(INFO_HASH).values()})
        before = len(heard)
        second.remove_torrent(handle)
        while not any(event.event.name == "STOPPED" for event in heard[before:]):
            await asyncio.sleep(0.02)
        del first, second
        malformed = [dict(server.udp.machine.ignored)] if server.udp is not None else []
    return {
        "replies": replies,
        "errors": errors,
        "found": found,
        "clients": ids,
        "events": sorted({f"{event.carrier} {event.event.name.lower()}" for event in heard[:before]}),
        "ignored": malformed,
    }


def test_libtorrent_announces_and_gets_peers() -> None:
    pytest.importorskip("libtorrent")
    with Namespace() as net:
        said = net.run_together(announces)
    assert said == {
        "replies": {"http": 2, "udp": 2},
        "errors": [],
        "found": [["127.0.0.2", 7001], ["127.0.0.2", 7002]],
        "clients": ["-LT", "-P2"],
        "events": ["http started", "udp started", "udp update"],  # the update is our own lookup
        "ignored": [{}],
    }
