"""Networks of Kademlia machines for the tests of this folder: grown peer by peer, and called."""

from __future__ import annotations

import random

from p2plib.topology.kademlia.machine import Kademlia
from p2plib.topology.kademlia.parts import (
    Settings,
)
from tests.topology.net import Net, address_of

HOUR = 3600.0
SMALL = Settings(k=8)


def grown(n: int, settings: Settings = SMALL, seed: int = 1, **net: float) -> tuple[Net, list[Kademlia]]:
    """A network that n peers joined one after the other, each through a random one."""
    world, rng, peers = Net(seed, **net), random.Random(seed), list[Kademlia]()  # type: ignore[arg-type]
    for i in range(n):
        peers.append(peer(world, i, rng, settings))
        if i:
            peers[i].join([address_of(rng.randrange(i))], world.now)
            world.flush(address_of(i))
        world.run(1.0)
    world.run(30.0)
    return world, peers


def peer(world: Net, number: int, rng: random.Random, settings: Settings = SMALL) -> Kademlia:
    made = Kademlia(rng.getrandbits(160), random.Random(rng.random()), now=world.now, settings=settings)
    world.add(made, address_of(number))
    return made


def call(world: Net, peers: list[Kademlia], number: int, what: str, *arguments: object) -> int:
    """One call to one peer; what it returns."""
    result: int = getattr(peers[number], what)(*arguments, world.now)
    world.flush(address_of(number))
    return result


def outcome_of(
    world: Net, peers: list[Kademlia], number: int, kind: type, what: str, *arguments: object
) -> object:
    wanted = call(world, peers, number, what, *arguments)
    address = address_of(number)
    world.run(60.0, until=lambda: any(e.number == wanted for e in world.events(address, kind)))
    (done,) = [e for e in world.events(address, kind) if e.number == wanted]
    return done
