"""Lab 3, with a real node: what a reader kept talks to libtorrent on this machine's loopback.

    python -m p2plib.labs.lab03_dht.live

Each node, and the client, has an address of its own in 127.0.0.0/8, as hosts of the internet have, so
libtorrent keeps all of its rules. Nothing leaves this machine. Needs `pip install libtorrent`.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from p2plib.errors import PeerTimeout
from p2plib.labs.lab03_dht import mine
from p2plib.labs.lab03_dht.client import Client, Parts
from p2plib.machine.addresses import Address

NODES, PORT = 4, 6881
PATIENCE_S = 20.0
TOPIC = b"the cats of Lisbon!!"
MISSING = "libtorrent is not installed: pip install libtorrent"


def host_of(number: int) -> str:
    """An address of the loopback network, in a /16 of its own."""
    return f"127.{number}.0.{number}"


@asynccontextmanager
async def torrent_node(libtorrent: Any, number: int, way_in: Address | None) -> Any:
    """A node of libtorrent's; its DHT is on, and everything else is off."""
    session = libtorrent.session(
        {
            "listen_interfaces": f"{host_of(number)}:{PORT}",
            "dht_bootstrap_nodes": f"{way_in[0]}:{way_in[1]}" if way_in else "",
            "enable_dht": True,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
        }
    )
    try:
        if way_in:
            session.add_dht_node(way_in)
        yield host_of(number), PORT
    finally:
        last = [session]
        del session
        await asyncio.to_thread(last.clear)  # it ends with its last reference, and waits for its threads


async def talk(libtorrent: Any, parts: Parts, say: Callable[[str], None]) -> None:
    """Look for peers, announce one, look again.

    Raises:
        PeerTimeout: libtorrent did not answer within 20 seconds.
    """
    async with AsyncExitStack() as stack:
        first: Address | None = None
        for number in range(2, 2 + NODES):
            address = await stack.enter_async_context(torrent_node(libtorrent, number, first))
            first = first or address
        assert first is not None
        rng = random.Random()
        client = await stack.enter_async_context(
            await Client.open(parts, rng.getrandbits(160), rng, host_of(1))
        )
        tokens = await _tokens(client, first)
        say(f"{len(tokens)} nodes of libtorrent gave a token")
        say(f"{len(await client.announce(TOPIC, 4000, tokens))} took the announcement")
        peers, _ = await client.get_peers(TOPIC, [first])
        say(f"peers now: {', '.join(f'{host}:{port}' for host, port in peers)}")


async def _tokens(client: Client, first: Address) -> Any:
    """The nodes that gave a token, once all of them have found one another."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE_S
    tokens: list[Any] = []
    while len(tokens) < NODES and loop.time() < until:
        try:
            _, tokens = await client.get_peers(TOPIC, [first])
        except PeerTimeout:
            continue
        await asyncio.sleep(0.5)  # more than five questions a second would have us banned
    if not tokens:
        raise PeerTimeout("libtorrent did not answer")
    return tokens


def main() -> int:
    """Talk, and say what was said."""
    try:
        import libtorrent
    except ImportError:
        print(MISSING)
        return 1
    parts = Parts(mine("read_nodes"), mine("Questions"), mine("find_peers"))
    asyncio.run(talk(libtorrent, parts, print))
    return 0


if __name__ == "__main__":
    sys.exit(main())
