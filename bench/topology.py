"""What an overlay costs: beside the PyPI package `kademlia`, in the simulated internet, and as arrays.

    pip install -e '.[bench]'
    python bench/topology.py

The two are measured in one run, taking turns within each round, on real loopback sockets; each keeps its
fastest round. Ratios travel between machines, figures per second do not.

* operations: sets and gets, one after another, in a network of 100 peers with k = 8, each by another peer;
  and how many datagrams one takes, over all peers together.
* dead: a third of the peers vanishes without a word, and then values are fetched by those who are left.
* simulated: a thousand whole peers of ours join one after another and look for their places, in the simulated
  internet, and it is counted how well their tables are filled.
* lookups: 100,000 whole lookups among a million peers, as arrays; and how much faster these are than the same
  lookups (the first 20,000, with the same draws and the same outcome) in plain Python, one peer at a time.

The two do not store alike: ours keeps nothing under a key that is not the value's own hash, asks for a token
before it stores, and waits for every copy to be confirmed. Theirs takes any value under any key.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import platform
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from kademlia.network import Server
from plain_lookups import PlainLookups
from tqdm import tqdm

from p2plib.population import kademlia as arrays
from p2plib.population.lookups import BATCH, Model, lookups
from p2plib.sim import Internet
from p2plib.topology.kademlia.driver import KademliaPeer
from p2plib.topology.kademlia.parts import Settings
from p2plib.topology.kademlia.store import key_of
from p2plib.topology.kademlia.table import NO_LIMITS

N, K = 100, 8
ENOUGH_S = 30.0  # a get that takes longer is given up and counted so
CLOCK, CPU = time.perf_counter, time.process_time  # taken here: inside a simulated run, `time` is virtual


@dataclass
class Figures:
    """What one implementation took."""

    set_s: float = 1e9
    get_s: float = 1e9
    set_cpu_s: float = 1e9
    get_cpu_s: float = 1e9
    set_datagrams: float = 0.0
    get_datagrams: float = 0.0
    not_found: int = 0
    dead_s: list[float] = field(default_factory=list)
    dead_not_found: int = 0


class Ours:
    """Our peers."""

    def __init__(self) -> None:
        self.peers: list[KademliaPeer] = []
        self._exits: list[AsyncExitStack] = []

    async def start(self, count: int) -> None:
        settings = Settings(k=K, limits=NO_LIMITS)  # all of them live at 127.0.0.1
        for number in range(count):
            rng = random.Random(f"ours {number}")
            stack = AsyncExitStack()
            opened = KademliaPeer.open(rng.getrandbits(160), rng, settings=settings)
            peer = await stack.enter_async_context(opened)
            if self.peers:
                await peer.join([self.peers[0].address])
            self.peers.append(peer)
            self._exits.append(stack)

    def sent(self) -> int:
        return sum(peer.peer.sent for peer in self.peers)

    async def set(self, number: int, name: str) -> None:
        await self.peers[number % len(self.peers)].put(key_of(name.encode()), name.encode())

    async def get(self, number: int, name: str) -> bool:
        return await self.peers[number % len(self.peers)].get(key_of(name.encode())) == name.encode()

    async def vanish(self, numbers: list[int]) -> None:
        for number in sorted(numbers, reverse=True):
            await self._exits.pop(number).aclose()
            del self.peers[number]

    async def stop(self) -> None:
        await self.vanish(list(range(len(self.peers))))


class Theirs:
    """Peers of the package, whose sockets count what they send."""

    def __init__(self) -> None:
        self.peers: list[Server] = []
        self._sent = 0

    async def start(self, count: int) -> None:
        for number in range(count):
            peer = Server(ksize=K, node_id=random.Random(f"theirs {number}").randbytes(20))
            await peer.listen(0, "127.0.0.1")
            self._count(peer.transport)
            if self.peers:
                await peer.bootstrap([self.peers[0].transport.get_extra_info("sockname")])
            self.peers.append(peer)

    def _count(self, transport: Any) -> None:
        send = transport.sendto

        def counting(data: bytes, address: Any) -> None:
            self._sent += 1
            send(data, address)

        transport.sendto = counting

    def sent(self) -> int:
        return self._sent

    async def set(self, number: int, name: str) -> None:
        await self.peers[number % len(self.peers)].set(name, name)

    async def get(self, number: int, name: str) -> bool:
        return bool(await self.peers[number % len(self.peers)].get(name) == name)

    async def vanish(self, numbers: list[int]) -> None:
        for number in sorted(numbers, reverse=True):
            self.peers.pop(number).stop()

    async def stop(self) -> None:
        await self.vanish(list(range(len(self.peers))))


async def timed(work: Awaitable[Any]) -> tuple[float, float]:
    """How long something took, in seconds of the wall and of the processor."""
    wall, cpu = CLOCK(), CPU()
    await work
    return CLOCK() - wall, CPU() - cpu


async def operations(network: Ours | Theirs, count: int, figures: Figures) -> None:
    """So many sets, then as many gets, each by another peer than the set."""
    names = [f"value {number}" for number in range(count)]

    async def sets() -> None:
        for number, name in enumerate(names):
            await network.set(7 * number, name)

    async def gets() -> None:
        for number, name in enumerate(names):
            try:
                figures.not_found += not await network.get(11 * number + 3, name)
            except Exception:
                figures.not_found += 1

    for what, do in (("set", sets), ("get", gets)):
        before = network.sent()
        wall_s, cpu_s = await timed(do())
        setattr(figures, f"{what}_datagrams", (network.sent() - before) / count)
        setattr(figures, f"{what}_s", min(getattr(figures, f"{what}_s"), wall_s / count))
        setattr(figures, f"{what}_cpu_s", min(getattr(figures, f"{what}_cpu_s"), cpu_s / count))


async def dead(network: Ours | Theirs, gets: int, figures: Figures) -> None:
    """Gets after a third has vanished."""
    names = [f"value {number}" for number in range(gets)]
    await network.vanish(list(range(1, len(network.peers), 3)))
    for number, name in enumerate(tqdm(names, desc=f"{type(network).__name__.lower()}, dead", leave=False)):
        began = CLOCK()
        try:
            found = await asyncio.wait_for(network.get(5 * number + 1, name), ENOUGH_S)
        except Exception:
            found = False
        figures.dead_s.append(CLOCK() - began)
        figures.dead_not_found += not found


def side_by_side(rounds: int, count: int, gets: int) -> tuple[Figures, Figures]:
    """Both implementations, each with a network of its own in every round."""
    ours, theirs = Figures(), Figures()
    kinds: list[tuple[Callable[[], Ours | Theirs], Figures]] = [(Ours, ours), (Theirs, theirs)]

    async def one(make: Callable[[], Ours | Theirs], figures: Figures, last: bool) -> None:
        network = make()
        await network.start(N)
        await operations(network, count, figures)
        if last:
            await dead(network, gets, figures)
        await network.stop()

    for number in tqdm(range(rounds), desc="rounds"):
        for make, figures in kinds if number % 2 == 0 else kinds[::-1]:
            asyncio.run(one(make, figures, number == rounds - 1))
    return ours, theirs


def simulated(count: int) -> tuple[float, float, int, float]:
    """Real seconds, virtual seconds, datagrams, and the part of k nearest neighbours that tables have."""
    settings = Settings(k=K)
    full = 0.0

    async def main(net: Internet) -> None:
        nonlocal full
        async with AsyncExitStack() as stack:
            peers: list[KademliaPeer] = []
            for number in tqdm(range(count), desc="joins", leave=False):
                rng = random.Random(f"peer {number}")
                network = (
                    f"100.{number >> 8}.{number & 255}"  # one owner each; a table takes few of one owner
                )
                host = net.host(f"peer{number}", address=f"{network}.1")
                opened = KademliaPeer.open(rng.getrandbits(160), rng, host.address, settings=settings)
                with host:
                    peer = await stack.enter_async_context(opened)
                if peers:
                    await peer.join([rng.choice(peers).address for _ in range(3)])
                peers.append(peer)
            await asyncio.sleep(60)
            ids = [peer.machine.own_id for peer in peers]
            parts = []
            for peer in random.Random(1).sample(peers, min(100, count)):
                own_id = peer.machine.own_id
                nearest = sorted((one ^ own_id, one) for one in ids if one != own_id)[:K]
                known = {contact.id for contact in peer.machine.table.closest(own_id, K)}
                parts.append(len({one for _, one in nearest} & known) / K)
            full = statistics.mean(parts)

    net = Internet(1, strict=False)
    began = CLOCK()
    net.run(main)
    return CLOCK() - began, net.loop.time(), len(net.trace), full


@dataclass
class Many:
    """What lookups as arrays took, at best, and the same lookups in plain Python."""

    wall_s: float = 1e9
    cpu_s: float = 1e9
    found: float = 0.0
    batch_cpu_s: float = 1e9
    plain_cpu_s: float = 1e9


def many_lookups(peers: int, count: int, rounds: int = 3) -> Many:
    """All of them as arrays, and then one batch both ways, in each round."""
    ids, model, many = arrays.population(peers), Model(k=K), Many()
    for _ in tqdm(range(rounds), desc="rounds of lookups"):
        wall, cpu = CLOCK(), CPU()
        outcome = lookups(ids, count, model)
        many.wall_s, many.cpu_s = min(many.wall_s, CLOCK() - wall), min(many.cpu_s, CPU() - cpu)
        many.found = float(outcome.found.mean())
        cpu = CPU()
        batch = lookups(ids, BATCH, model)
        many.batch_cpu_s = min(many.batch_cpu_s, CPU() - cpu)
        cpu = CPU()
        plain = PlainLookups(ids, model).run(BATCH)
        many.plain_cpu_s = min(many.plain_cpu_s, CPU() - cpu)
        if [(one.found, one.rounds, one.queries) for one in plain] != list(
            zip(batch.found.tolist(), batch.rounds.tolist(), batch.queries.tolist(), strict=True)
        ):
            raise RuntimeError("the two ways do not agree")
    return many


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="of the first part")
    parser.add_argument("--count", type=int, default=200, help="sets and gets in a round")
    parser.add_argument("--gets", type=int, default=12, help="after a third has vanished")
    parser.add_argument("--peers", type=int, default=1000, help="in the simulated internet")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # the package logs every peer that does not answer
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    ours, theirs = side_by_side(options.rounds, options.count, options.gets)
    for what in ("set", "get"):
        mine, other = getattr(ours, f"{what}_s"), getattr(theirs, f"{what}_s")
        cpu = getattr(theirs, f"{what}_cpu_s") / getattr(ours, f"{what}_cpu_s")
        datagrams = [getattr(one, f"{what}_datagrams") for one in (ours, theirs)]
        print(f"{what}: ours {1 / mine:,.0f}/s, theirs {1 / other:,.0f}/s: {other / mine:.1f}x", end=" ")
        print(f"(processor {cpu:.1f}x); datagrams {datagrams[0]:.1f} and {datagrams[1]:.1f}")
    gets = options.rounds * options.count
    print(f"gets that found nothing: {ours.not_found} and {theirs.not_found} of {gets}")
    for name, one in (("ours", ours), ("theirs", theirs)):
        middle, worst = statistics.median(one.dead_s), max(one.dead_s)
        print(
            f"a third dead, {name}: a get takes {middle:.3f} s in the median, {worst:.3f} s at worst", end=""
        )
        print(f"; {one.dead_not_found} of {len(one.dead_s)} found nothing")
    real_s, virtual_s, packets, full = simulated(options.peers)
    print(
        f"{options.peers:,} peers join in the simulated internet: {real_s:.1f} s for {virtual_s:,.0f} s",
        end="",
    )
    print(f", {packets:,} datagrams; of the {K} nearest a table has {full:.1%}")
    many = many_lookups(1_000_000, 100_000)
    print(
        f"100,000 lookups among a million peers: {many.wall_s:.2f} s (processor {many.cpu_s:.2f} s)", end=""
    )
    faster = many.plain_cpu_s / many.batch_cpu_s
    print(f", {many.found:.2%} found the nearest; {faster:.0f}x as fast as one by one in plain Python")


if __name__ == "__main__":
    main()
