"""What an overlay costs: beside other implementations, in the simulated internet, and as arrays.

    pip install -e '.[bench]'
    python bench/topology.py

Side by side: a network of 100 peers with k = 8 on real loopback sockets, in which values are set and fetched
one after another, each by another peer. The implementations take turns within each round, and each network is
a process of its own, so that none leaves the next a full cache. Each round draws ids and keys anew: the same
ids in five rounds would be one sample. What is printed is the median of the rounds, and the least and the
greatest in brackets. Ratios travel between machines; figures per second do not.

* ours: `KademliaPeer`, alpha = 3.
* one at a time: ours with alpha = 1, and a hedge: one more is asked when a response is slow. This is other
  work, so its ratios are not those of equal work: far fewer datagrams a get, but one that has to ask the
  whole neighbourhood (a set, a miss) asks it one after the other.
* package: `kademlia`, alpha = 3.
* libtorrent: see `bench/topology_libtorrent.py`; written in C++.

They do not store alike. Ours keeps nothing under a key that is not the value's own hash, asks for a token
before it stores, and its put ends when each copy is confirmed or given up. libtorrent does all of that. The
package takes any value under any key, without tokens; its set, too, waits for all copies.

Processor time is without what the same network takes while nobody asks it for anything.

* joins: what it costs until a peer has looked up its own place, on average over all 100.
* miss: a get of what nobody has, for which the whole neighbourhood of the key has to be asked.
* dead: a third of the peers vanishes without a word, and then values are fetched by those who are left.
* simulated: a thousand whole peers of ours join one after another and look for their places, in the simulated
  internet, and it is counted how well their tables are filled.
* lookups: 100,000 whole lookups among a million peers, as arrays; and how much faster these are than the same
  lookups (the first 20,000, with the same draws and the same outcome) in plain Python, one peer at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import logging
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

from kademlia.network import Server
from peers import joined_peers
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
WORLDS = {"ours": "ours", "one": "one at a time", "package": "package", "libtorrent": "libtorrent"}
ENOUGH_S = 30.0  # a get that takes longer is given up and counted so
WARM = 10  # sets and gets before anything is measured
IDLE_S = 0.5  # how long a network is watched while nobody asks it for anything
CLOCK, CPU = time.perf_counter, time.process_time  # taken here: inside a simulated run, `time` is virtual
Run = dict[str, Any]  # what one network took, see `measure`


class Network(Protocol):
    """What is measured."""

    peers: list[Any]

    async def start(self, count: int) -> None:
        """Begins so many peers, one after another."""

    def sent(self) -> int:
        """How many datagrams all of them have sent."""

    async def set(self, number: int, name: str) -> None:
        """Has a peer store a value."""

    async def get(self, number: int, name: str) -> bool:
        """Whether another peer finds it."""

    async def stop(self) -> None:
        """Ends them all."""


class Ours:
    """Our peers."""

    def __init__(self, seed: int, alpha: int = 3) -> None:
        self.seed, self.alpha = seed, alpha
        self.peers: list[KademliaPeer] = []
        self._exits: list[AsyncExitStack] = []

    async def start(self, count: int) -> None:
        hedged = self.alpha == 1
        settings = Settings(k=K, alpha=self.alpha, hedged=hedged, limits=NO_LIMITS)  # all live at 127.0.0.1
        for number in range(count):
            rng = random.Random(f"ours {self.seed} {number}")
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

    async def vanish(self, numbers: Iterable[int]) -> None:
        for number in sorted(numbers, reverse=True):
            await self._exits.pop(number).aclose()
            del self.peers[number]

    async def stop(self) -> None:
        await self.vanish(range(len(self.peers)))


class Package:
    """Peers of the package `kademlia`, whose sockets count what they send."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.peers: list[Server] = []
        self._sent = 0

    async def start(self, count: int) -> None:
        for number in range(count):
            own_id = random.Random(f"package {self.seed} {number}").randbytes(20)
            peer = Server(ksize=K, node_id=own_id)
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

    async def vanish(self, numbers: Iterable[int]) -> None:
        for number in sorted(numbers, reverse=True):
            self.peers.pop(number).stop()

    async def stop(self) -> None:
        await self.vanish(range(len(self.peers)))


def made(world: str, seed: int) -> Network:
    """A network that has not begun."""
    if world == "libtorrent":
        from topology_libtorrent import Libtorrent

        return Libtorrent(seed)
    return Package(seed) if world == "package" else Ours(seed, alpha=1 if world == "one" else 3)


# In a process of its own: one network, one round


async def cost(network: Network, count: int, idle: float, work: Awaitable[Any]) -> Run:
    """What so many operations took, each on average: seconds, processor seconds, datagrams."""
    sent, wall, cpu = network.sent(), CLOCK(), CPU()
    await work
    wall_s = CLOCK() - wall
    cpu_s = CPU() - cpu - idle * wall_s
    return {"s": wall_s / count, "cpu_s": cpu_s / count, "datagrams": (network.sent() - sent) / count}


async def found(network: Network, number: int, name: str) -> bool:
    """Whether a get finds a value."""
    try:
        return await network.get(number, name)
    except Exception:  # each implementation has errors of its own for what is not there
        return False


async def dead(network: Ours | Package, names: list[str]) -> Run:
    """Gets after a third has vanished."""
    await network.vanish(range(1, len(network.peers), 3))
    took_s, missing = [], 0
    for number, name in enumerate(names):
        began = CLOCK()
        try:
            missing += not await asyncio.wait_for(found(network, 5 * number + 1, name), ENOUGH_S)
        except TimeoutError:
            missing += 1
        took_s.append(CLOCK() - began)
    return {"s": took_s, "not_found": missing}


async def measure(world: str, seed: int, count: int, gets: int) -> Run:
    """One network, from the first join to the last get."""
    network = made(world, seed)
    names = [f"value {seed} {number}" for number in range(count)]
    none = [f"nobody has {seed} {number}" for number in range(max(1, count // 4))]
    missing = 0

    async def sets() -> None:
        for number, name in enumerate(names):
            await network.set(7 * number, name)

    async def fetch(wanted: list[str]) -> None:
        nonlocal missing
        for number, name in enumerate(wanted):
            missing += not await found(network, 11 * number + 3, name)

    run: Run = {}
    if world != "libtorrent":
        run["join"] = await cost(network, N, 0.0, network.start(N))
    else:
        await network.start(N)
    for number in range(WARM):  # every kind of message once, and whatever is made on first use
        await network.set(number, f"warm {number}")
        await network.get(number + 1, f"warm {number}")
    wall, cpu = CLOCK(), CPU()
    await asyncio.sleep(IDLE_S)
    idle = (CPU() - cpu) / (CLOCK() - wall)
    run["set"] = await cost(network, count, idle, sets())
    run["get"] = await cost(network, count, idle, fetch(names))
    run["not_found"], missing = missing, 0
    run["miss"] = await cost(network, len(none), idle, fetch(none))
    if gets and isinstance(network, Ours | Package):
        run["dead"] = await dead(network, names[:gets])
    await network.stop()
    return run


# In the first process: rounds


def side_by_side(worlds: list[str], rounds: int, count: int, gets: int) -> dict[str, list[Run]]:
    """All implementations in turn, each round with a seed of its own and in the other direction."""
    runs: dict[str, list[Run]] = {world: [] for world in worlds}
    for seed in tqdm(range(rounds), desc="rounds"):
        for world in worlds if seed % 2 == 0 else worlds[::-1]:
            options = [f"--count={count}", f"--gets={gets if seed == rounds - 1 else 0}"]
            command = [sys.executable, __file__, f"--world={world}", f"--seed={seed}", *options]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            runs[world].append(json.loads(done.stdout))
    return runs


def spread(values: list[float], form: str = ".1f") -> str:
    """The median, and in brackets the least and the greatest."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


def tell(runs: dict[str, list[Run]], what: str) -> None:
    """A line for each implementation, and how many times as fast ours is."""
    for world, rounds in runs.items():
        if what not in rounds[0]:
            continue
        own = [one[what] for one in runs["ours"]]
        each = [one[what] for one in rounds]
        per_datagram = [1e6 * one["cpu_s"] / one["datagrams"] for one in each]
        line = (
            f"{what:5} {WORLDS[world]:14} {spread([1e3 * one['s'] for one in each], '.2f')} ms"
            f"; processor {spread([1e6 * one['cpu_s'] for one in each], '.0f')} us"
            f", a datagram {spread(per_datagram)} us; {spread([one['datagrams'] for one in each])} datagrams"
        )
        if world != "ours":
            times = [b["cpu_s"] / a["cpu_s"] for a, b in zip(own, each, strict=True)]
            line += f"; processor {spread(times, '.2f')} x ours"
        print(line)


def tell_the_dead(runs: dict[str, list[Run]]) -> None:
    for world, rounds in runs.items():
        if "dead" in rounds[-1]:
            gone = rounds[-1]["dead"]
            middle_ms, worst_ms = 1e3 * statistics.median(gone["s"]), 1e3 * max(gone["s"])
            print(
                f"a third dead, {WORLDS[world]}: a get takes {middle_ms:.1f} ms, {worst_ms:.1f} ms at worst",
                end="",
            )
            print(f"; {gone['not_found']} of {len(gone['s'])} found nothing")


def simulated(count: int) -> tuple[float, float, int, float]:
    """Real seconds, virtual seconds, datagrams, and the part of k nearest neighbours that tables have."""
    full = 0.0

    async def main(net: Internet) -> None:
        nonlocal full
        async with joined_peers(net, count, Settings(k=K)) as peers:
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
    parser.add_argument("--rounds", type=int, default=5, help="of the first part, each with its own seed")
    parser.add_argument("--count", type=int, default=200, help="sets and gets in a round")
    parser.add_argument("--gets", type=int, default=12, help="after a third has vanished")
    parser.add_argument("--peers", type=int, default=1000, help="in the simulated internet; 0 for none")
    parser.add_argument("--world", choices=WORLDS, help="one network in this process, figures as JSON")
    parser.add_argument("--seed", type=int, default=0, help="of that network")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # the package logs every peer that does not answer
    if options.world:
        run = asyncio.run(measure(options.world, options.seed, options.count, options.gets))
        print(json.dumps(run), flush=True)
        os._exit(0)  # libtorrent's sessions take long to say goodbye
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    worlds = list(WORLDS)
    if importlib.util.find_spec("libtorrent") is None:
        worlds.remove("libtorrent")
        print("libtorrent is not installed here, so it is not measured")
    runs = side_by_side(worlds, options.rounds, options.count, options.gets)
    for what in ("join", "set", "get", "miss"):
        tell(runs, what)
    for world, rounds in runs.items():
        missing = sum(one["not_found"] for one in rounds)
        print(f"gets that found nothing, {WORLDS[world]}: {missing} of {options.rounds * options.count}")
    tell_the_dead(runs)
    if not options.peers:
        return
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
