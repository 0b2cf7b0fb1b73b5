"""A machine that runs out of sockets, loses its interface, or has IPv6 alone (F054), in a private namespace.

What is foreign here is the kernel: nothing that imitates it would fail in the same words.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
import resource
import subprocess
from typing import Any

import pytest

from p2plib.errors import CannotListen, P2PError, Unreachable
from p2plib.identity.keys import SecretKey
from p2plib.protocol import ping
from p2plib.protocol.endpoints import endpoint
from p2plib.protocol.node import Node
from p2plib.protocol.tcp import connect_tcp
from p2plib.topology.kademlia.driver import KademliaPeer
from p2plib.topology.kademlia.parts import Settings
from p2plib.topology.kademlia.store import key_of
from p2plib.topology.kademlia.table import NO_LIMITS
from tests.interop.namespace import Namespace, why_no_namespace

pytestmark = [
    pytest.mark.skipif(why_no_namespace() is not None, reason=str(why_no_namespace())),
    pytest.mark.fault("F054"),
]

ALICE, BOB = (SecretKey.from_seed(bytes([number]) * 32) for number in (1, 2))


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=60)


async def runs_out_of_sockets() -> dict[str, Any]:
    """A node whose process may open few files, and more connections than that."""
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: told.append(str(context.get("exception"))))
    async with Node(ALICE) as alice, Node(BOB) as bob:
        address = await bob.listen("/ip4/127.0.0.1/tcp/0")
        place = endpoint(address)
        used = len(subprocess.os.listdir("/proc/self/fd"))  # type: ignore[attr-defined]
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 20, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        taken: list[Any] = []
        refusals: list[str] = []
        for _ in range(40):
            try:
                taken.append(await connect_tcp(place.host, place.port))
            except Unreachable as error:
                refusals.append(str(error))
        try:
            async with Node(ALICE) as other:
                await other.listen("/ip4/127.0.0.1/tcp/0")
            listening = "listened"
        except CannotListen as error:
            listening = str(error)
        try:
            async with KademliaPeer.open(1, random.Random(1)):
                datagrams = "opened"
        except CannotListen as error:
            datagrams = str(error)
        for stream in taken:
            stream.reset()
        taken.clear()
        gc.collect()
        await asyncio.sleep(1.5)  # asyncio waits for a second before it takes connections again
        async with await alice.dial(address) as connection:
            rtt_s = await ping.ping(connection)
        return {
            "refused": len(refusals), "sentence": refusals[0], "listening": listening,
            "datagrams": datagrams, "afterwards": rtt_s > 0, "told": sorted(set(told)),
        }  # fmt: skip


def test_no_socket_is_left_for_a_while() -> None:
    with Namespace() as net:
        found = net.run_together(runs_out_of_sockets)
    assert found["refused"] > 0
    for sentence in (found["sentence"], found["listening"], found["datagrams"]):
        assert "too many open files" in sentence.lower()
    assert found["afterwards"]
    assert all("Too many open files" in sentence for sentence in found["told"])


async def loses_its_interface() -> dict[str, Any]:
    """Peers on UDP and TCP while the only interface goes away and comes back."""
    settings = Settings(k=8, limits=NO_LIMITS)
    value = b"kept through the night"
    async with contextlib.AsyncExitStack() as stack:
        peers = []
        for number in range(6):
            rng = random.Random(number)
            peer = await stack.enter_async_context(
                KademliaPeer.open(rng.getrandbits(160), rng, settings=settings)
            )
            if peers:
                await peer.join([peers[0].address])
            peers.append(peer)
        bob = await stack.enter_async_context(Node(BOB))
        alice = await stack.enter_async_context(Node(ALICE, upgrade_timeout_s=30.0))
        address = await bob.listen("/ip4/127.0.0.1/tcp/0")
        held = await alice.dial(address)
        await peers[1].put(key_of(value), value)
        ip("link", "set", "lo", "down")
        ip("-4", "address", "flush", "dev", "lo")
        try:
            await peers[2].find(12345)
            without = "found"
        except P2PError as error:
            without = type(error).__name__
        try:
            await alice.dial(address)
            dialled = "connected"
        except P2PError as error:
            dialled = f"{type(error).__name__}: {error}"
        failures = sum(peer.peer.failures["ENETUNREACH"] for peer in peers)
        ip("link", "set", "lo", "up")
        ip("address", "replace", "127.0.0.1/8", "dev", "lo")
        found = await peers[2].find(12345)
        rtt_s = await ping.ping(held)  # TCP waited, and the connection goes on
        async with await alice.dial(address) as connection:
            again_s = await ping.ping(connection)
        return {
            "without": without, "dialled": dialled, "failures": failures, "found": len(found.closest),
            "value": (await peers[4].get(key_of(value))).decode(), "held": rtt_s > 0, "again": again_s > 0,
        }  # fmt: skip


def test_the_interface_goes_and_comes_back() -> None:
    with Namespace() as net:
        seen = net.run_together(loses_its_interface)
    assert seen["without"] == "PeerTimeout"
    assert seen["dialled"].startswith("Unreachable: no connection to 127.0.0.1:")
    assert seen["failures"] > 0  # each datagram that had no way was counted, and ended nothing
    assert seen["found"] == 5
    assert seen["value"] == "kept through the night"
    assert seen["held"]
    assert seen["again"]


async def has_ipv6_alone() -> dict[str, Any]:
    """No IPv4 address anywhere on this machine."""
    ip("-4", "address", "flush", "dev", "lo")
    settings = Settings(k=8, limits=NO_LIMITS)
    async with Node(ALICE) as alice, Node(BOB) as bob:
        address = await bob.listen("/ip6/::1/tcp/0")
        async with await alice.dial(address) as connection:
            rtt_s = await ping.ping(connection)
        try:
            await alice.dial("/ip4/127.0.0.1/tcp/9")
            dialled = "connected"
        except P2PError as error:
            dialled = f"{type(error).__name__}: {error}"
        try:
            await bob.listen("/ip4/127.0.0.1/tcp/0")
            listening = "listened"
        except P2PError as error:
            listening = f"{type(error).__name__}: {error}"
    async with (
        KademliaPeer.open(1, random.Random(1), "::1", settings=settings) as ana,
        KademliaPeer.open(1 << 100, random.Random(2), "::1", settings=settings) as ben,
    ):
        await ben.join([ana.address])
        await ben.put(key_of(b"six"), b"six")
        value = (await ana.get(key_of(b"six"))).decode()
    return {"pinged": rtt_s > 0, "dialled": dialled, "listening": listening, "value": value}


def test_a_machine_with_ipv6_alone() -> None:
    with Namespace() as net:
        seen = net.run_together(has_ipv6_alone)
    assert seen["pinged"]
    assert seen["dialled"].startswith("Unreachable: no connection to 127.0.0.1:9")
    assert seen["listening"].startswith("CannotListen: cannot listen at 127.0.0.1:0")
    assert seen["value"] == "six"
