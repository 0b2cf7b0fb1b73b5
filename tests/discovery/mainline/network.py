"""Networks of Mainline machines for the tests of this folder: grown node by node, and called."""

from __future__ import annotations

import random
from typing import Any

from p2plib.discovery.mainline import krpc
from p2plib.discovery.mainline.machine import Mainline
from p2plib.discovery.mainline.messages import AnyKrpc
from p2plib.discovery.mainline.node_id import node_id_for
from p2plib.discovery.mainline.parts import DhtSettings
from p2plib.machine.addresses import Address
from p2plib.population.machines import Crowd, address_of

DEFAULT = DhtSettings()


class World:
    """A crowd of Mainline nodes, each in a /24 of its own, with an id that its address allows."""

    def __init__(self, n: int = 0, settings: DhtSettings = DEFAULT, seed: int = 1, **net: Any) -> None:
        self.crowd: Crowd[Mainline] = Crowd(random.Random(seed), **net)
        self.rng, self.settings = random.Random(f"{seed} world"), settings
        self.nodes: list[Mainline] = []
        for i in range(n):
            self.add(settings)
            if i:
                self.call(i, "join", [address_of(self.rng.randrange(i))])
            self.crowd.run(1.0)
        if n:
            self.crowd.run(20.0)

    def add(self, settings: DhtSettings | None = None, own_id: int | None = None) -> Mainline:
        """One more node, which knows nobody."""
        address = address_of(len(self.nodes))
        rng = random.Random(self.rng.random())
        own_id = node_id_for(address[0], rng) if own_id is None else own_id
        node = Mainline(own_id, rng, now=self.crowd.now, settings=settings or self.settings, address=address)
        self.nodes.append(node)
        self.crowd.add(node, address)
        return node

    def call(self, number: int, what: str, *arguments: Any) -> Any:
        """Calls a method of a node."""
        return self.crowd.call(address_of(number), what, *arguments)

    def outcome(
        self, number: int, kind: type[Any], what: str, *arguments: Any, within_s: float = 120.0
    ) -> Any:
        """The event of a class with the number that a method returns."""
        address = address_of(number)
        wanted = self.call(number, what, *arguments)

        def found() -> list[Any]:
            return [e for e in self.crowd.heard(address, kind) if e.number == wanted]

        self.crowd.run(120.0, until=lambda: bool(found()))
        (event,) = found()
        return event

    def told(self, number: int, kind: type[Any]) -> list[Any]:
        """The events of a class that a node has reported."""
        return self.crowd.heard(address_of(number), kind)


def said(machine: Mainline) -> list[tuple[AnyKrpc, Address]]:
    """The messages that a machine has to send, and to whom."""
    return [(krpc.decode(data), address) for data, address in machine.to_send()]
