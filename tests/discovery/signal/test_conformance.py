"""SignalSource keeps the rules of sources: in the simulated internet, all of them, and on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest

from p2plib.discovery.conformance import CHECKS, check_source, run_check
from p2plib.discovery.signal import messages
from p2plib.discovery.signal.channels import HubLimits
from p2plib.discovery.signal.client import HubClient
from p2plib.discovery.signal.messages import HERE, WHO, SignalMessage
from p2plib.discovery.signal.server import SignalHub
from p2plib.discovery.signal.source import APP, RENEW_S, SignalSource
from p2plib.discovery.worlds import Member, World
from p2plib.identity.keys import SecretKey
from p2plib.machine.addresses import Address
from p2plib.sim import Host, Internet

pytest.importorskip("aiohttp")

PORT = 8000
LIAR = SecretKey.from_seed(b"l" * 32)


async def lie(url: str, topic: bytes, addresses: Sequence[Address]) -> None:
    """Answers each "who" of a channel with addresses, eight in a message."""
    seq = 0
    async with HubClient(url, APP) as hub, hub.subscribe(topic.hex()) as texts:
        async for text in texts:
            if messages.decode(text).kind != WHO:
                continue
            words = [f"/ip4/{host}/tcp/{port}" for host, port in addresses]
            for start in range(0, len(words), 8):
                seq += 1
                body = " ".join(words[start : start + 8])
                said = SignalMessage(
                    f"{APP}/{topic.hex()}", LIAR.public, None, HERE, seq, int(time.time()), body
                )
                await hub.broadcast(topic.hex(), messages.encode(messages.sign(said, LIAR)))


@asynccontextmanager
async def simulated(net: Internet) -> AsyncIterator[World]:
    count = len(net.hosts)
    place, stranger, *hosts = (net.host(f"{name}{count}") for name in ("hub", "mal", "ana", "ben"))
    hub = SignalHub("0.0.0.0", PORT, limits=HubLimits(burst=10_000, messages_per_s=10_000))

    async def serve() -> None:
        async with hub:
            await asyncio.Event().wait()

    place.start(serve)
    await asyncio.sleep(0.1)
    url = f"http://{place.address}:{PORT}"

    def member(host: Host) -> Member:
        secret = SecretKey.from_seed(host.name.encode().ljust(32))
        source = SignalSource([url], secret, host=host.address, rng=random.Random(host.name))
        return Member(source, host.address, lambda: host)

    with contextlib.ExitStack() as cuts:

        async def cut() -> None:
            cuts.enter_context(net.cut(hosts, [place]))

        async def heal() -> None:
            cuts.close()

        async def refuse() -> None:
            hub.channels.limits = HubLimits(max_subscribers=0, burst=0)

        async def tell(topic: bytes, addresses: Sequence[Address]) -> None:
            stranger.start(lie, url, topic, addresses)
            await asyncio.sleep(1)

        async def noise(raw: bytes) -> None:
            for subscriber in hub.channels.everybody():
                subscriber.waiting.append(raw + b"\n\ndata: " + raw + b"\n\n")
                subscriber.wake.set()

        yield World(
            [member(host) for host in hosts],
            cut=cut,
            heal=heal,
            refuse=refuse,
            tell=tell,
            noise=noise,
            forgotten_after_s=RENEW_S,  # a hub keeps nothing; this is for how long a peer may be silent
        )
    await stranger.stop()
    await place.stop()


def test_in_the_simulated_internet(internet: Internet) -> None:
    async def main(net: Internet) -> list[str]:
        return await check_source(partial(simulated, net), timeout_s=20_000)

    assert internet.run(main) == []


@pytest.mark.slow
def test_on_real_sockets() -> None:
    @asynccontextmanager
    async def real() -> AsyncIterator[World]:
        async with SignalHub() as hub:
            yield World(
                [
                    Member(SignalSource([hub.url], SecretKey.generate(), listen_s=1.0), "127.0.0.1")
                    for _ in range(2)
                ]
            )

    async def main() -> list[str]:
        checks = [check for check in CHECKS if "cancelled" not in check.__name__]
        return [check.__name__ for check in checks if not await run_check(check, real, timeout_s=60)]

    assert "check_rule_2_announced_is_found" not in asyncio.run(main())
