"""Networks of Kademlia machines for the tests of this folder: grown peer by peer, and called."""

from __future__ import annotations

import random
from typing import Any

from p2plib.machine.addresses import Address
from p2plib.machine.requests import Requests
from p2plib.machine.timers import Timers
from p2plib.population.machines import Crowd, address_of
from p2plib.topology.kademlia.asking import Asker
from p2plib.topology.kademlia.machine import Kademlia
from p2plib.topology.kademlia.messages import CODEC
from p2plib.topology.kademlia.parts import Event, Settings, Timer

HOUR = 3600.0
SMALL = Settings(k=8)


def grown(
    n: int, settings: Settings = SMALL, seed: int = 1, **net: float
) -> tuple[Crowd[Kademlia], list[Kademlia]]:
    """A network that n peers joined one after the other, each through a random one."""
    world, rng, peers = Crowd(random.Random(seed), **net), random.Random(seed), list[Kademlia]()  # type: ignore[arg-type]
    for i in range(n):
        peers.append(peer(world, i, rng, settings))
        if i:
            peers[i].join([address_of(rng.randrange(i))], world.now)
            world.flush(address_of(i))
        world.run(1.0)
    world.run(30.0)
    return world, peers


def peer(world: Crowd[Kademlia], number: int, rng: random.Random, settings: Settings = SMALL) -> Kademlia:
    made = Kademlia(rng.getrandbits(160), random.Random(rng.random()), now=world.now, settings=settings)
    world.add(made, address_of(number))
    return made


def call(world: Crowd[Kademlia], peers: list[Kademlia], number: int, what: str, *arguments: object) -> int:
    """One call to one peer; what it returns."""
    result: int = getattr(peers[number], what)(*arguments, world.now)
    world.flush(address_of(number))
    return result


def outcome_of(
    world: Crowd[Kademlia], peers: list[Kademlia], number: int, kind: type, what: str, *arguments: object
) -> object:
    wanted = call(world, peers, number, what, *arguments)
    address = address_of(number)
    world.run(60.0, until=lambda: any(e.number == wanted for e in world.heard(address, kind)))
    (done,) = [e for e in world.heard(address, kind) if e.number == wanted]
    return done


class Outbox:
    """For the test of one part: an `Asker` whose requests go nowhere, what it asked, and what the part told.

    Args:
        own_id: the id of the peer that the part belongs to.
    """

    def __init__(self, own_id: int = 0) -> None:
        self.timers: Timers[Timer] = Timers()
        self.requests = Requests(random.Random(1), self.timers, Timer.REQUEST)
        self.asker = Asker(own_id, self.requests, lambda data, address: self.sent.append((data, address)))
        self.sent: list[tuple[bytes, Address]] = []
        self.told: list[Event] = []

    def asked(self) -> list[tuple[Any, Address]]:
        """The messages sent since the last call, and to whom."""
        sent, self.sent = self.sent, []
        return [(CODEC.decode(data), address) for data, address in sent]

    def awaited(self) -> list[Any]:
        """The purposes of the requests that no response has come to, in the order of asking."""
        return [request.purpose for request in self.requests._awaited.values()]
