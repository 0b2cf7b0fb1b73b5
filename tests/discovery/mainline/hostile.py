"""Nodes that lie, for the tests of this folder: machines of their own, in the same crowd as honest ones."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import Any

from p2plib.discovery.mainline import krpc
from p2plib.discovery.mainline.messages import (
    AnnounceQuery,
    FindNodeQuery,
    GetPeersQuery,
    GetQuery,
    KrpcQuery,
    KrpcResponse,
    PutQuery,
)
from p2plib.machine.addresses import Address, Contact
from tests.discovery.mainline.network import World


class Liar:
    """A node at one address that answers whatever it is asked, with nothing true in it.

    Args:
        ident: the id under which it answers.
        named: whom it names near a target; by default nobody.
        value: the value that it gives for any item.
        peers: those that it gives for any info_hash.
    """

    def __init__(
        self, ident: int, named: Any = None, value: Any = None, peers: tuple[Address, ...] = ()
    ) -> None:
        self.ident, self.named, self.value, self.peers = ident, named, value, peers
        self.ignored: Counter[str] = Counter()
        self.stored = self.asked = 0
        self._out: list[tuple[bytes, Address]] = []

    def receive(self, data: bytes, address: Address, now: float) -> None:
        query: Any = krpc.decode(data)
        if not isinstance(query, KrpcQuery):
            return
        self.asked += 1
        answer = KrpcResponse(query.transaction, self.ident)
        if isinstance(query, FindNodeQuery | GetPeersQuery | GetQuery):
            target = query.info_hash if isinstance(query, GetPeersQuery) else query.target
            answer.nodes = tuple(self.named(target)) if self.named else ()
            answer.token = b"a token"
        if isinstance(query, GetPeersQuery):
            answer.peers = self.peers
        if isinstance(query, GetQuery):
            answer.value = self.value
        self.stored += isinstance(query, AnnounceQuery | PutQuery)
        self._out.append((krpc.encode(answer), address))

    def to_send(self) -> list[tuple[bytes, Address]]:
        out, self._out = self._out, []
        return out

    def timer(self) -> float | None:
        return None

    def on_timer(self, now: float) -> None:
        pass

    def events(self) -> list[Any]:
        return []


class Endless(dict[Address, Any]):
    """The machines of a crowd in which every address of the hostile hosts, 99.x.y.z, answers.

    Args:
        machines: the others.
        seed: for the ids and addresses that are invented.

    Attributes:
        invented: how many ids were named so far.
    """

    def __init__(self, machines: dict[Address, Any], seed: int = 1) -> None:
        super().__init__(machines)
        self._rng = random.Random(seed)
        self._ids: dict[Address, int] = {}
        self.invented = 0

    def nearer(self, target: int) -> list[Contact]:
        """Eight invented contacts, each nearer to the target than all before."""
        made = []
        for _ in range(8):
            self.invented = n = self.invented + 1
            address = f"99.{n >> 8 & 255}.{n & 255}.{1 + (n >> 16)}", 4000
            self._ids[address] = target ^ (self._rng.getrandbits(100) >> min(90, self.invented // 8))
            made.append(Contact(self._ids[address], address))
        return made

    def __missing__(self, address: Address) -> Liar:
        if not address[0].startswith("99."):
            raise KeyError(address)
        liar: Liar = self.setdefault(address, Liar(self._ids[address], self.nearer))
        return liar

    def get(self, address: Address, default: Any = None) -> Any:
        try:
            return self[address]
        except KeyError:
            return default


def endless(world: World) -> Endless:
    """Has every hostile address of a world answer."""
    world.crowd._heard = defaultdict(list, world.crowd._heard)
    world.crowd.machines = made = Endless(world.crowd.machines)
    return made


def join_as(world: World, liar: Liar, address: Address) -> None:
    """Puts a liar into a world, and makes it known to all, as one that has been there for long."""
    world.crowd.machines[address] = liar  # type: ignore[assignment]
    world.crowd._heard.setdefault(address, [])
    for node in world.nodes:
        node.table.answered(Contact(liar.ident, address), world.crowd.now)
