"""The socket in a group: in the simulated internet and on real loopback, by the same programs."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from p2plib.discovery.mdns.driver import multicast_socket, open_in_group
from p2plib.discovery.mdns.machine import MulticastDns
from p2plib.errors import CannotListen, Closed, UsageError
from p2plib.sim import Internet
from tests.discovery.mdns.segment import who_chats

GROUP = ("224.0.0.251", 30_000 + os.getpid() % 10_000)
Program = Callable[[str], Coroutine[Any, Any, Any]]


def simulated(program: Program) -> Any:
    async def main(net: Internet) -> Any:
        host = net.host("ana", lan=net.lan("home"))
        return await host.run(program(host.address))

    return Internet(seed=1).run(main)


def on_loopback(program: Program) -> Any:
    return asyncio.run(program("127.0.0.1"))


@pytest.fixture(params=[simulated, on_loopback])
def world(request: pytest.FixtureRequest) -> Callable[[Program], Any]:
    chosen: Callable[[Program], Any] = request.param
    return chosen


def test_two_programs_of_a_host_hear_each_other(world: Callable[[Program], Any]) -> None:
    async def program(address: str) -> tuple[int, int]:
        def make() -> MulticastDns:
            return MulticastDns(address, random.Random(1), group=GROUP)

        async with open_in_group(make, address, GROUP) as one, open_in_group(make, address, GROUP) as two:
            one.call(one.machine.ask, who_chats())
            await one.until(lambda: one.received > 0 and two.received > 0, 10)
            assert one.machine.ignored["our own"] == 1
            return one.address[1], two.received

    assert world(program) == (GROUP[1], 1)


def test_after_its_block_the_socket_is_gone_and_the_port_is_free(world: Callable[[Program], Any]) -> None:
    async def program(address: str) -> None:
        for _ in range(2):
            async with open_in_group(lambda: MulticastDns(address, random.Random(1)), address, GROUP) as peer:
                pass
            with pytest.raises(Closed):
                peer.call(peer.machine.ask, who_chats())

    world(program)


def test_where_we_are_not(world: Callable[[Program], Any]) -> None:
    async def program(address: str) -> None:
        with pytest.raises(CannotListen, match="cannot join"):
            multicast_socket("192.0.2.77", GROUP)
        with pytest.raises(CannotListen):
            multicast_socket(address, ("192.0.2.7", GROUP[1]))  # no group

    world(program)


@pytest.mark.parametrize(
    ("interface", "group"),
    [("0.0.0.0", GROUP), ("ana", GROUP), ("::1", GROUP), ("127.0.0.1", ("ff02::fb", 5353))],
)
def test_what_is_no_interface(interface: str, group: tuple[str, int]) -> None:
    with pytest.raises(UsageError):
        multicast_socket(interface, group)
