"""Rings of machines for the tests of this folder: grown peer by peer or founded together, and looked at."""

from __future__ import annotations

import bisect
import random

from p2plib.machine.addresses import Contact
from p2plib.population.machines import Crowd, address_of
from p2plib.topology.ring.chord import Chord
from p2plib.topology.ring.machine import Ring
from p2plib.topology.ring.parts import (
    FindDone,
    RingSettings,
)
from p2plib.topology.ring.space import Shape, shape

SMALL = RingSettings(bits=32, r=4)


def peer(
    world: Crowd[Ring], number: int, ident: int, kind: type[Ring] = Chord, settings: RingSettings = SMALL
) -> Ring:
    made = kind(Contact(ident, address_of(number)), random.Random(ident), settings=settings)
    world.add(made, address_of(number))
    return made


def grown(
    n: int,
    kind: type[Ring] = Chord,
    seed: int = 1,
    apart_s: float = 3.0,
    settings: RingSettings = SMALL,
    **net: float,
) -> tuple[Crowd[Ring], list[Ring]]:
    world, rng, peers = Crowd(random.Random(seed), **net), random.Random(seed), list[Ring]()  # type: ignore[arg-type]
    for i, ident in enumerate(rng.sample(range(1 << settings.bits), n)):
        peers.append(peer(world, i, ident, kind, settings))
        if i:
            peers[i].join([address_of(rng.randrange(i))], world.now)
        else:
            peers[i].create(world.now)
        world.flush(address_of(i))
        world.run(apart_s)
    world.run(300.0)
    return world, peers


def founded(
    idents: list[int], kind: type[Ring] = Ring, settings: RingSettings = SMALL
) -> tuple[Crowd[Ring], list[Ring]]:
    """A ring of founders that know each other."""
    world = Crowd(random.Random(1))
    peers = [peer(world, i, ident, kind, settings) for i, ident in enumerate(idents)]
    for i, member in enumerate(peers):
        member.create(0.0, [other.own for other in peers])
        world.flush(address_of(i))
    return world, peers


def living(world: Crowd[Ring], peers: list[Ring]) -> list[Ring]:
    return sorted(
        (member for member in peers if member.own.address in world.machines), key=lambda member: member.own.id
    )


def form(world: Crowd[Ring], peers: list[Ring]) -> Shape:
    alive = living(world, peers)
    return shape({member.own.id: (member.successors or [member.own])[0].id for member in alive})


def is_perfect(world: Crowd[Ring], peers: list[Ring], r: int = 4) -> bool:
    """Every successor list and every predecessor as the sorted ids say."""
    alive = [member.own for member in living(world, peers)]
    n = len(alive)
    return all(
        member.successors == [alive[(i + j) % n] for j in range(1, min(r + 1, n))]
        and member.predecessor == (alive[i - 1] if n > 1 else None)
        for i, member in enumerate(living(world, peers))
    )


def finds(world: Crowd[Ring], peers: list[Ring], count: int, seed: int = 3) -> list[tuple[FindDone, bool]]:
    """Lookups of random keys by random peers, and whether each found the true owner."""
    rng, alive, done = random.Random(seed), living(world, peers), list[tuple[FindDone, bool]]()
    idents = [member.own.id for member in alive]
    for _ in range(count):
        member, key = rng.choice(alive), rng.getrandbits(peers[0].settings.bits)
        number = member.find(key, world.now)
        world.flush(member.own.address)
        address = member.own.address
        world.run(30.0, until=lambda: any(e.number == number for e in world.heard(address, FindDone)))  # noqa: B023
        (event,) = [e for e in world.heard(address, FindDone) if e.number == number]
        true = idents[bisect.bisect_left(idents, key) % len(idents)]
        done.append((event, event.owners[0].id == true))
    return done
