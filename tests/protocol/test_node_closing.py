"""Nothing outlives a node: it is closed at every moment of dialling, of listening and of being called."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from p2plib.errors import Closed, P2PError
from p2plib.protocol import ping
from p2plib.protocol.connection import Connection
from p2plib.protocol.node import Node
from p2plib.protocol.stream import Stream
from p2plib.sim import Constant, Internet, Link
from tests.protocol.nodes import ALICE, ANYWHERE, BOB, ECHO, echo

LATENCY_S = 0.02
MOMENTS_S = [number * LATENCY_S / 4 for number in range(60)]  # a dial takes nine latencies


async def outcome(work: Awaitable[Any]) -> str:
    """What became of it: "open", or the name of its error."""
    try:
        found = await work
    except (P2PError, asyncio.CancelledError) as error:
        return type(error).__name__
    return "over" if isinstance(found, Connection) and found.is_over else "open"


async def is_left_alone(node: Node) -> None:
    """Waits until a node's connections are over, and sees that a closed one does nothing more."""
    assert not node.connections
    with pytest.raises(Closed, match="this node is closed"):
        await node.dial("/ip4/127.0.0.1/tcp/1")
    with pytest.raises(Closed, match="this node is closed"):
        await node.listen(ANYWHERE)


@pytest.mark.finding("W8")
@pytest.mark.fault("F051")
@pytest.mark.parametrize("what", ["the dial is cancelled", "its node closes", "the other node closes"])
def test_at_any_moment_of_a_dial(what: str) -> None:
    """The simulated internet finds what is left: tasks, sockets, timers."""
    seen: set[str] = set()

    async def at(net: Any, after_s: float) -> None:
        ana, ben = net.host("ana"), net.host("ben")
        with ben:
            bob = Node(BOB, {ECHO: echo})
            address = await bob.listen(f"/ip4/{ben.address}/tcp/4001")
        alice = Node(ALICE)

        async def dial() -> str:
            return await outcome(alice.dial(address))

        dialling = ana.start(dial)
        await asyncio.sleep(after_s)
        if what == "the dial is cancelled":
            dialling.cancel()
        elif what == "its node closes":
            await ana.run(alice.close())
            await is_left_alone(alice)
        else:
            await ben.run(bob.close())
            await is_left_alone(bob)
        await asyncio.sleep(30)
        seen.add(await dialling)
        if await dialling == "CancelledError":
            assert not alice.connections
            assert not bob.connections
        await ana.run(alice.close())
        await is_left_alone(alice)
        await asyncio.sleep(30)
        assert not bob.connections
        await ben.run(bob.close())
        await is_left_alone(bob)

    for after_s in MOMENTS_S:
        Internet(seed=1, link=Link(Constant(LATENCY_S))).run(lambda net, after_s=after_s: at(net, after_s))
    if what == "the dial is cancelled":
        assert seen == {"CancelledError", "open"}
    if what == "its node closes":
        assert seen == {"Closed", "open"}  # it was, when it returned


@pytest.mark.finding("W8")
@pytest.mark.fault("F051")
def test_at_any_step_on_real_sockets() -> None:
    async def at(steps: int) -> tuple[str, str]:
        async with Node(BOB) as bob:
            address = await bob.listen(ANYWHERE)
            alice = Node(ALICE)
            dialling = asyncio.ensure_future(alice.dial(address))
            listening = asyncio.ensure_future(alice.listen(ANYWHERE))
            for _ in range(steps):
                await asyncio.sleep(0)
            await asyncio.wait_for(alice.close(), 100)
            await is_left_alone(alice)
            found = await outcome(dialling), await outcome(listening)
            async with asyncio.timeout(100):
                while bob.connections or bob.pending:
                    await asyncio.sleep(0)
            assert not alice.addresses
            return found

    async def main() -> None:
        before = asyncio.all_tasks()
        seen = [await at(steps) for steps in range(60)]
        assert seen[0] == ("Closed", "Closed")
        assert seen[-1][1] == "open"  # it was, when it returned
        assert {dialled for dialled, _ in seen} <= {"Closed", "over"}
        assert asyncio.all_tasks() == before

    asyncio.run(main())


@pytest.mark.fault("F051")
def test_whoever_is_cancelled_when_the_connection_is_there_leaves_none() -> None:
    async def main() -> None:
        seen = []
        for steps in range(12):
            async with Node(ALICE) as alice, Node(BOB) as bob:
                dialling = asyncio.ensure_future(alice.dial(await bob.listen(ANYWHERE)))
                async with asyncio.timeout(100):
                    while not alice.connections:
                        await asyncio.sleep(0)
                    for _ in range(steps):
                        await asyncio.sleep(0)
                    dialling.cancel()
                    seen.append(await outcome(dialling))
                    while alice.connections and seen[-1] != "open":
                        await asyncio.sleep(0)
        assert seen == sorted(seen)
        assert set(seen) == {"CancelledError", "open"}

    asyncio.run(main())


@pytest.mark.finding("W8")
def test_everybody_who_closes_waits_and_a_handler_may_do_it_too() -> None:
    async def main() -> None:
        before = asyncio.all_tasks()
        bob = Node(BOB)
        cleaned: list[str] = []

        async def shut_down(stream: Stream, connection: Connection) -> None:
            try:
                await bob.close()
            finally:
                await asyncio.sleep(0.01)
                cleaned.append("to its end")

        bob.handlers["/shut-down/1"] = shut_down
        async with Node(ALICE) as alice:
            connection = await alice.dial(await bob.listen(ANYWHERE))
            assert await ping.ping(connection) > 0
            await (await connection.propose_stream("/shut-down/1")).write(b"x")
            async with asyncio.timeout(100):
                await bob.serve_forever()
                await asyncio.gather(bob.close(), bob.close())
                await connection.wait_closed()
            assert cleaned == ["to its end"]
            await is_left_alone(bob)
        assert asyncio.all_tasks() == before

    asyncio.run(main())


def test_a_node_that_serves_forever_can_be_cancelled() -> None:
    async def main() -> None:
        async def serve() -> None:
            async with Node(BOB) as bob:
                await bob.listen(ANYWHERE)
                await bob.serve_forever()

        serving = asyncio.ensure_future(serve())
        await asyncio.sleep(0.01)
        serving.cancel()
        assert await outcome(serving) == "CancelledError"
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
