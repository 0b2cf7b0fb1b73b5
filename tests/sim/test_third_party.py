"""Code that was written for real sockets, by others, runs in the simulated internet as it is.

`kademlia` and `websockets` come from the package index and are imported unchanged. Nothing of theirs is
patched; what they ask of asyncio, of the clock and of `os.urandom` is answered by the simulated internet.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

import pytest

from p2plib.sim import Internet, Link
from tests.conftest import ROOT

pytest.importorskip("kademlia")
pytest.importorskip("websockets")

NODES = 200
HOME = Link(latency=0.02, jitter_s=0.01)


async def two_hundred_nodes(net: Internet) -> dict[str, Any]:
    """Start the nodes, store twenty values from twenty of them, and read each from another."""
    from kademlia.network import Server

    servers = []
    for number in range(NODES):
        host = net.host(f"node{number}")
        server = Server()
        with host:
            await server.listen(8468, interface="0.0.0.0")
            if servers:
                await server.bootstrap(
                    [("node0", 8468)] if number < 3 else [(net.hosts["node0"].address, 8468)]
                )
        servers.append(server)
    found = {}
    for number in range(20):
        with net.hosts[f"node{7 * number + 5}"]:
            assert await servers[7 * number + 5].set(f"key{number}", f"value{number}")
        with net.hosts[f"node{9 * number + 11}"]:
            found[f"key{number}"] = await servers[9 * number + 11].get(f"key{number}")
    for number, server in enumerate(servers):
        with net.hosts[f"node{number}"]:
            server.stop()
    return found


def kademlia_run() -> tuple[dict[str, Any], str, int]:
    net = Internet(seed=5, link=HOME, strict=False, max_events=3_000_000)
    found = net.run(two_hundred_nodes)
    return found, net.trace.digest(), len(net.trace)


@pytest.mark.slow
def test_kademlia_of_two_hundred_nodes_sets_and_gets() -> None:
    found, _, packets = kademlia_run()
    assert found == {f"key{number}": f"value{number}" for number in range(20)}
    assert packets > 5_000


@pytest.mark.slow
@pytest.mark.fault("F158")
def test_kademlia_does_the_same_whatever_the_hash_seed() -> None:
    program = "from tests.sim.test_third_party import kademlia_run; print(*kademlia_run()[1:])"
    seen = set()
    for seed in ("0", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            env=environment,
            cwd=ROOT,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        seen.add(done.stdout)
    assert len(seen) == 1


async def chat(net: Internet) -> list[str]:
    """A WebSocket server and two clients that talk to it at the same time, one of them a lot."""
    from websockets.asyncio.client import connect
    from websockets.asyncio.server import serve

    async def shout(socket: Any) -> None:
        async for message in socket:
            await socket.send(message.upper())

    async def served() -> None:
        async with serve(shout, "0.0.0.0", 8765):
            await asyncio.Event().wait()

    async def client(count: int) -> list[str]:
        heard = []
        async with connect("ws://server:8765", compression=None) as socket:
            for number in range(count):
                await socket.send(f"message {number} " + "x" * 3000 * (number % 2))
                heard.append(await socket.recv())
        return heard

    server, ana, ben = net.host("server"), net.host("ana"), net.host("ben")
    server.start(served)
    await asyncio.sleep(0.1)
    one, other = await asyncio.gather(ana.run(client(3)), ben.run(client(20)))
    return [*one, *other]


def test_websockets_talk() -> None:
    net = Internet(seed=6, link=HOME, max_events=1_000_000)
    heard = net.run(chat)
    assert len(heard) == 23
    assert heard[0] == "MESSAGE 0 "
    assert heard[-1] == "MESSAGE 19 " + "X" * 3000
    assert {kind for _, kind in net.trace.sent()} == {"tcp"}


def test_websockets_talk_over_a_bad_link() -> None:
    net = Internet(
        seed=6, link=Link(latency=0.05, jitter_s=0.04, loss=0.05, duplicate=0.02), max_events=1_000_000
    )
    heard = net.run(chat)
    assert [message.split()[1] for message in heard[3:]] == [str(number) for number in range(20)]
    assert net.trace.dropped()["lost"] > 5
