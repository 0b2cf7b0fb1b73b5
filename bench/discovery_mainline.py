"""How the Mainline DHT fares when half of its nodes leave within a minute (F081).

    python bench/discovery_mainline.py

A thousand nodes of ours, as machines in virtual time, each at an address in a network of its own, with the
defaults: k = 8, alpha = 3, one path, ids that belong to addresses, limits. A datagram takes 20 to 80 ms. They
join one after another; a thousand of them announce one info_hash each. Then half of them, drawn at random,
vanish without a word within one minute. Lookups are made before, during that minute, and after it; before any
announcement was renewed. Nodes that have vanished neither ask nor are counted as found.

What is printed: how many lookups name the peer, datagrams a lookup (queries and responses), the nodes that a
lookup asks, and the processor time of it all. Counts are the same on every machine; processor time is not.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from dataclasses import astuple, dataclass
from typing import Any

from p2plib.discovery.mainline.machine import Mainline
from p2plib.discovery.mainline.node_id import node_id_for
from p2plib.discovery.mainline.parts import DhtPeersDone, DhtStored
from p2plib.population.machines import Crowd, address_of

MINUTE_S, PARTS = 60.0, 20  # half of the nodes leave within a minute, in so many groups


@dataclass
class Looked:
    """What has become of some lookups."""

    count: int = 0
    found: int = 0
    queries: int = 0
    responses: int = 0

    def ended(self, done: DhtPeersDone) -> None:
        """Counts one."""
        self.count += 1
        self.found += done.peers > 0
        self.queries += done.queries
        self.responses += done.queries - done.failures

    def show(self, name: str) -> None:
        """Prints it."""
        datagrams, asked = (self.queries + self.responses) / self.count, self.queries / self.count
        print(
            f"{name:7} {self.found:4} of {self.count:4} found ({self.found / self.count:6.1%}), "
            f"{datagrams:4.1f} datagrams a lookup, {asked:4.1f} nodes asked"
        )


class Network:
    """The nodes, and who has announced what."""

    def __init__(self, n: int, seed: int) -> None:
        self.crowd: Crowd[Mainline] = Crowd(random.Random(seed))
        self.rng, self.alive = random.Random(f"{seed} network"), list(range(n))
        self.keys: dict[int, int] = {}  # info_hash → who has announced it
        for number in range(n):
            rng, address = random.Random(self.rng.random()), address_of(number)
            own_id = node_id_for(address[0], rng)
            self.crowd.add(Mainline(own_id, rng, now=self.crowd.now, address=address), address)
            if number:
                self.call(number, "join", [address_of(self.rng.randrange(number))])
            self.crowd.run(0.25)
        self.crowd.run(30.0)

    def call(self, number: int, what: str, *arguments: Any) -> Any:
        """Calls a method of a node."""
        return self.crowd.call(address_of(number), what, *arguments)

    def outcome(self, number: int, kind: type[Any], what: str, *arguments: Any) -> Any:
        """The event that a method of a node leads to."""
        address = address_of(number)
        self.crowd.events(address)
        wanted = self.call(number, what, *arguments)

        def found() -> list[Any]:
            return [event for event in self.crowd.heard(address, kind) if event.number == wanted]

        self.crowd.run(60.0, until=lambda: bool(found()))
        return found()[0]

    def announce(self, count: int) -> float:
        """Has that many info_hashes announced; returns at how many nodes each is kept, on average."""
        copies = []
        for _ in range(count):
            key, number = self.rng.getrandbits(160), self.rng.choice(self.alive)
            self.keys[key] = number
            copies.append(self.outcome(number, DhtStored, "announce", key, 7000).copies)
        return float(statistics.mean(copies))

    def look_up(self, count: int) -> Looked:
        """Makes so many lookups, each of another info_hash by another node, one after the other."""
        living = [key for key, number in self.keys.items() if address_of(number) in self.crowd.machines]
        looked = Looked()
        for key in self.rng.sample(living, min(count, len(living))):
            asker = self.rng.choice([n for n in self.alive if n != self.keys[key]])
            looked.ended(self.outcome(asker, DhtPeersDone, "get_peers", key))
        return looked

    def leave(self, numbers: list[int]) -> None:
        """Has some nodes vanish."""
        for number in numbers:
            self.crowd.crash(address_of(number))
        gone = set(numbers)
        self.alive = [number for number in self.alive if number not in gone]


def main() -> None:
    """Reads the options, and runs it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--announces", type=int, default=1000)
    parser.add_argument("--lookups", type=int, default=300, help="before and after")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.process_time()
    net = Network(given.nodes, given.seed)
    joined = time.process_time()
    print(f"{given.nodes} nodes have joined, with {net.crowd.datagrams / given.nodes:.0f} datagrams each")
    before = net.crowd.datagrams
    copies = net.announce(given.announces)
    each = (net.crowd.datagrams - before) / given.announces
    print(f"{given.announces} announced, at {copies:.2f} nodes each, {each:.1f} datagrams an announce")
    net.look_up(given.lookups).show("before")
    leaving, start, during = net.rng.sample(net.alive, given.nodes // 2), net.crowd.now, Looked()
    for part in range(PARTS):
        net.leave(leaving[part::PARTS])
        while net.crowd.now < start + (part + 1) * MINUTE_S / PARTS:
            more = net.look_up(1)
            during = Looked(*(sum(pair) for pair in zip(astuple(during), astuple(more), strict=True)))
    during.show("during")
    net.look_up(given.lookups).show("after")
    ended = time.process_time()
    print(f"processor time: {joined - began:.1f} s to join, {ended - joined:.1f} s for the rest")


if __name__ == "__main__":
    main()
