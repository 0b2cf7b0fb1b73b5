"""BootstrapSource keeps the rules of sources: in the simulated internet, all of them, and on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from p2plib.discovery.bootstrap.cache import entry_of
from p2plib.discovery.bootstrap.messages import FULL, MAX_NAMED, AskPeers, NamedPeers, SeedRefused
from p2plib.discovery.bootstrap.seed import KEPT_S, Seed
from p2plib.discovery.bootstrap.source import BootstrapSource
from p2plib.discovery.conformance import CHECKS, check_source, run_check
from p2plib.discovery.worlds import Member, World
from p2plib.machine.addresses import Address
from p2plib.machine.peer import Peer
from p2plib.sim import Host, Internet

PORT = 4000


class Turncoat(Seed):
    """A seed that can be made to refuse, and to say what it was told to say."""

    def __init__(self) -> None:
        super().__init__(random.Random(1))
        self.refuses = False
        self.lies: dict[bytes, tuple[Address, ...]] = {}

    def _respond(self, message: Any, address: Address, size: int, now: float) -> Any:
        response = super()._respond(message, address, size, now)
        if self.refuses:
            return SeedRefused(message.transaction, FULL)
        if isinstance(message, AskPeers) and isinstance(response, NamedPeers):
            response.peers = (*self.lies.get(message.topic, ()), *response.peers)[:MAX_NAMED]
        return response


@asynccontextmanager
async def simulated(net: Internet) -> AsyncIterator[World]:
    count = len(net.hosts)
    seed, *hosts = (net.host(f"{name}{count}") for name in ("seed", "ana", "ben"))
    turncoat = Turncoat()

    async def serve() -> None:
        async with Peer.open(lambda address, now: turncoat, seed.address, PORT):
            await asyncio.Event().wait()

    seed.start(serve)
    listed = [entry_of((seed.address, PORT))]

    def member(host: Host) -> Member:
        source = BootstrapSource(listed, host=host.address, rng=random.Random(host.name))
        return Member(source, host.address, lambda: host)

    members = [member(host) for host in hosts]
    with contextlib.ExitStack() as cuts:

        async def cut() -> None:
            cuts.enter_context(net.cut(hosts, [seed]))

        async def heal() -> None:
            cuts.close()

        async def refuse() -> None:
            turncoat.refuses = True

        async def tell(topic: bytes, addresses: Sequence[Address]) -> None:
            turncoat.lies[topic] = tuple(each for each in addresses if each[1])[:MAX_NAMED]

        async def noise(raw: bytes) -> None:
            with seed:
                transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                    asyncio.DatagramProtocol, local_addr=(seed.address, 0)
                )
            for each in members:
                for data in (raw, b"\x09" + raw):
                    transport.sendto(data, each.source._peer.address)  # type: ignore[attr-defined]
            transport.close()

        yield World(
            members,
            cut=cut,
            heal=heal,
            refuse=refuse,
            tell=tell,
            noise=noise,
            forgotten_after_s=KEPT_S,
        )
    await seed.stop()


def test_in_the_simulated_internet(internet: Internet) -> None:
    async def main(net: Internet) -> list[str]:
        return await check_source(partial(simulated, net), timeout_s=20_000)

    assert internet.run(main) == []


def test_on_real_sockets() -> None:
    @asynccontextmanager
    async def real() -> AsyncIterator[World]:
        async with Peer.open(lambda address, now: Seed(random.Random(1)), "127.0.0.1") as seed:
            listed = [entry_of(seed.address)]
            yield World([Member(BootstrapSource(listed), "127.0.0.1") for _ in range(2)])

    async def main() -> list[str]:
        checks = [check for check in CHECKS if "cancelled" not in check.__name__]
        return [check.__name__ for check in checks if not await run_check(check, real, timeout_s=20)]

    assert "check_rule_2_announced_is_found" not in asyncio.run(main())
