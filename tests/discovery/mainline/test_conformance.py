"""The rules of all sources, checked on the DHT: in a simulated internet and on sockets of this machine."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from p2plib.discovery.conformance import CHECKS, check_source, run_check
from p2plib.discovery.mainline.compact import id_bytes
from p2plib.discovery.mainline.driver import MainlineNode
from p2plib.discovery.mainline.source import MainlineSource
from p2plib.discovery.mainline.storage import PEER_EXPIRE_S
from p2plib.discovery.worlds import MakeWorld, Member, World
from p2plib.machine.addresses import Address, packed_host
from p2plib.sim import Host, Internet
from p2plib.wire import bencode
from p2plib.wire.bencode import Value
from tests.discovery.mainline.test_driver import LAX, loopback, network

pytestmark = pytest.mark.usefixtures("patient")


class Told:
    """Makes nodes say, to whoever asks for peers, what they are told to say."""

    def __init__(self, nodes: Sequence[MainlineNode]) -> None:
        self._nodes = nodes

    async def __call__(self, topic: bytes, addresses: Sequence[Address]) -> None:
        values: list[Value] = [packed_host(host) + port.to_bytes(2, "big") for host, port in addresses]
        for node in self._nodes:
            node.machine.receive = self._receive(node, topic, values)  # type: ignore[method-assign]

    def _receive(self, node: MainlineNode, topic: bytes, values: list[Value]) -> Callable[..., None]:
        receive = node.machine.receive

        def lie(data: bytes, address: Address, now: float) -> None:
            asked: Any = bencode.decode(data)
            if asked.get(b"q") != b"get_peers" or asked[b"a"][b"info_hash"] != topic:
                receive(data, address, now)
                return
            said: dict[bytes, Value] = {b"id": id_bytes(node.machine.own_id), b"values": values[:300]}
            answer: dict[bytes, Value] = {b"t": asked[b"t"], b"y": b"r", b"r": said}
            node.machine._send(bencode.encode(answer)[:2000], address)

        return lie


@asynccontextmanager
async def here() -> AsyncIterator[World]:
    """Six nodes and three sources on real sockets, each at an address in a network of its own."""
    async with network([None] * 6) as nodes:
        where = [nodes[0].address, nodes[1].address]
        hosts = [loopback(40 + number) for number in range(3)]
        members = [
            Member(MainlineSource(where, random.Random(host), host, within_s=0.5), host) for host in hosts
        ]

        async def noise(raw: bytes) -> None:
            for member in members:
                source: MainlineSource = member.source  # type: ignore[assignment]
                nodes[2].peer._send(raw, source.node.address)
                nodes[2].peer._send(raw, nodes[0].address)

        yield World(members, noise=noise)


@pytest.mark.slow
def test_every_rule_on_real_sockets() -> None:
    asyncio.run(check_source(here, timeout_s=120.0))


def source_on(home: Host, where: Sequence[Address]) -> MainlineSource:
    return MainlineSource(where, random.Random(home.name), home.address, settings=LAX, within_s=2.0)


def entered(home: Host) -> Host:
    """What `with` is to be given for code that runs on a host: the host."""
    return home


def simulated(net: Internet) -> MakeWorld:
    """Six nodes and three sources, each on a host of its own."""

    @asynccontextmanager
    async def make() -> AsyncIterator[World]:
        number = len(net.hosts)
        hosts = [net.host(f"node{number + n}") for n in range(6)]
        homes = [net.host(f"home{number + n}") for n in range(3)]
        async with network(hosts, LAX) as nodes:
            where = [nodes[0].address, nodes[1].address]
            members = [Member(source_on(home, where), home.address, partial(entered, home)) for home in homes]

            async def cut() -> None:
                net.cut(hosts, *([home] for home in homes))

            async def heal() -> None:
                net.heal()

            async def noise(raw: bytes) -> None:
                for member in members:
                    source: MainlineSource = member.source  # type: ignore[assignment]
                    nodes[2].peer._send(raw, source.node.address)

            yield World(
                members, cut=cut, heal=heal, noise=noise, tell=Told(nodes), forgotten_after_s=PEER_EXPIRE_S
            )

    return make


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_a_rule_in_a_simulated_internet(check: Any, internet: Internet) -> None:
    async def main(net: Internet) -> bool:
        return await run_check(check, simulated(net), timeout_s=20 * PEER_EXPIRE_S)

    could = internet.run(main)
    assert could or "a_clear_no" in check.__name__  # a DHT has no way to refuse a lookup
