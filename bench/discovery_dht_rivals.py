"""What a Mainline node costs, beside a Kademlia from PyPI and libtorrent's.

    pip install -e '.[bench]'
    python bench/discovery_dht_rivals.py

A network of 100 nodes with k = 8 and alpha = 3 on real loopback sockets, all in one process. Values are put
one after another, each by another node, and fetched by others. The implementations take turns within each
round, each network is a process of its own, and each round draws ids and values anew. What is printed is the
median of the rounds, and the least and the greatest in brackets. Ratios travel between machines; figures per
second do not.

* ours: `MainlineNode`, an immutable item of BEP 44 for each value.
* binary: our own Kademlia, with the same tables, lookups and sockets, and messages of fixed layouts. What it
  takes less is what Mainline's messages and rules cost.
* libtorrent: the same items in C++; see `bench/topology_libtorrent.py`. The two speak one protocol, so a
  datagram of one is as much work as a datagram of the other, and that is what is compared.
* package: `kademlia`, which has a protocol of its own and does less: it takes any value under any key and
  asks for no token. A set of it and a put of ours both end when all copies are confirmed.

Processor time is without what the same network takes while nobody asks it for anything. The bounds are those
of the plan: at least 3.3 times the package's puts a second and 2.9 times its gets, and a datagram for 1.8
times libtorrent's processor time at most.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import hashlib
import json
import logging
import os
import platform
import pstats
import random
import statistics
import subprocess
import sys
from contextlib import AsyncExitStack
from typing import Any

from topology import CLOCK, CPU, IDLE_S, WARM, Network, Package, Run, cost, found, spread
from topology import Ours as Binary
from tqdm import tqdm

from p2plib.discovery.mainline.driver import MainlineNode
from p2plib.discovery.mainline.items import ImmutableItem
from p2plib.discovery.mainline.parts import LOCAL

N = 100
WORLDS = ["ours", "binary", "package", "libtorrent"]
PUTS_BOUND, GETS_BOUND, DATAGRAM_BOUND = 3.3, 2.9, 1.8
OPERATIONS = {"put": "puts", "get": "gets", "miss": "gets of what nobody has"}


class Ours:
    """Our nodes."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.peers: list[MainlineNode] = []
        self._stack = AsyncExitStack()

    async def start(self, count: int) -> None:
        for number in range(count):
            rng = random.Random(f"ours {self.seed} {number}")
            node = await self._stack.enter_async_context(MainlineNode.open(rng, settings=LOCAL))
            if self.peers:
                await node.bootstrap([self.peers[0].address])
            self.peers.append(node)

    def sent(self) -> int:
        return sum(node.peer.sent for node in self.peers)

    async def set(self, number: int, name: str) -> None:
        await self.peers[number % len(self.peers)].put_immutable(name.encode())

    async def get(self, number: int, name: str) -> bool:
        target = ImmutableItem(name.encode()).target
        return await self.peers[number % len(self.peers)].get_immutable(target) == name.encode()

    async def stop(self) -> None:
        await self._stack.aclose()


def made(world: str, seed: int) -> Network:
    """A network that has not begun."""
    if world == "libtorrent":
        from topology_libtorrent import Libtorrent

        return Libtorrent(seed)
    if world == "binary":
        return Binary(seed)
    return Package(seed) if world == "package" else Ours(seed)


async def measure(world: str, seed: int, count: int, profile: cProfile.Profile | None) -> Run:
    """One network, from the first node to the last get."""
    network, missing = made(world, seed), 0
    names = [f"value {seed} {number}" for number in range(count)]
    none = [hashlib.sha1(f"{seed} {number}".encode()).hexdigest() for number in range(max(1, count // 4))]

    async def puts() -> None:
        for number, name in enumerate(names):
            await network.set(7 * number, name)

    async def gets(wanted: list[str]) -> None:
        nonlocal missing
        for number, name in enumerate(wanted):
            missing += not await found(network, 11 * number + 3, name)

    await network.start(N)
    for number in range(WARM):
        await network.set(number, f"warm {number}")
        await network.get(number + 1, f"warm {number}")
    wall, cpu = CLOCK(), CPU()
    await asyncio.sleep(IDLE_S)
    idle = (CPU() - cpu) / (CLOCK() - wall)
    if profile is not None:
        profile.enable()
    run: Run = {"put": await cost(network, count, idle, puts())}
    run["get"] = await cost(network, count, idle, gets(names))
    if profile is not None:
        profile.disable()
    run["not_found"] = missing
    run["miss"] = await cost(network, len(none), idle, gets(none))
    await network.stop()
    return run


def in_turn(rounds: int, count: int) -> dict[str, list[Run]]:
    """All implementations in turn, each round with a seed of its own and in the other direction."""
    runs: dict[str, list[Run]] = {world: [] for world in WORLDS}
    for seed in tqdm(range(rounds), desc="rounds"):
        for world in WORLDS if seed % 2 == 0 else WORLDS[::-1]:
            command = [sys.executable, __file__, f"--world={world}", f"--seed={seed}", f"--count={count}"]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            runs[world].append(json.loads(done.stdout))
    return runs


def tell(runs: dict[str, list[Run]], what: str) -> None:
    """A line for each implementation."""
    for world, rounds in runs.items():
        each = [one[what] for one in rounds]
        print(
            f"{OPERATIONS[what]}, {world}: {spread([1 / one['s'] for one in each], '.0f')} a second"
            f"; processor {spread([1e6 * one['cpu_s'] for one in each], '.0f')} us"
            f", a datagram {spread([1e6 * one['cpu_s'] / one['datagrams'] for one in each])} us"
            f"; {spread([one['datagrams'] for one in each])} datagrams"
        )


def ratios(runs: dict[str, list[Run]]) -> None:
    """How ours compares, round by round, and what was asked for."""
    for what, bound in (("put", PUTS_BOUND), ("get", GETS_BOUND)):
        for key, of in (("s", "a second"), ("cpu_s", "a second of processor time")):
            pairs = list(zip(runs["ours"], runs["package"], strict=True))
            times = [theirs[what][key] / ours[what][key] for ours, theirs in pairs]
            print(f"{OPERATIONS[what]} {of}, times the package's: {spread(times, '.2f')}, at least {bound}")
    for what in OPERATIONS:
        each: dict[str, list[float]] = {
            world: [one[what]["cpu_s"] / one[what]["datagrams"] for one in runs[world]]
            for world in ("ours", "libtorrent")
        }
        times = [ours / theirs for ours, theirs in zip(each["ours"], each["libtorrent"], strict=True)]
        print(
            f"processor time of a datagram in {OPERATIONS[what]}, times libtorrent's: {spread(times, '.2f')}",
            end=f", at most {DATAGRAM_BOUND}\n",
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="each with its own seed")
    parser.add_argument("--count", type=int, default=200, help="puts and gets in a round")
    parser.add_argument("--world", choices=WORLDS, help="one network in this process, figures as JSON")
    parser.add_argument("--seed", type=int, default=0, help="of that network")
    parser.add_argument("--profile", action="store_true", help="where the time of one of our networks goes")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # the package logs every peer that does not answer
    if options.profile:
        profile = cProfile.Profile()
        asyncio.run(measure("ours", options.seed, options.count, profile))
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    if options.world:
        run: Any = asyncio.run(measure(options.world, options.seed, options.count, None))
        print(json.dumps(run), flush=True)
        os._exit(0)  # libtorrent's sessions take long to say goodbye
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    runs = in_turn(options.rounds, options.count)
    for what in OPERATIONS:
        tell(runs, what)
    for world, rounds in runs.items():
        missing = statistics.fmean(one["not_found"] for one in rounds)
        print(f"gets that found nothing, {world}: {missing:.1f} of {options.count} on average")
    ratios(runs)


if __name__ == "__main__":
    main()
