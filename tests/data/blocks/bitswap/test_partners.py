"""Streams and connections of an exchange: garbage, silence, many of them, and what breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from p2plib.data.blocks.bitswap import messages, partners
from p2plib.data.blocks.bitswap.driver import BlockExchange
from p2plib.data.blocks.bitswap.messages import FRAMES, PROTOCOLS, V1_1, BitswapMessage, WantEntry
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import Block, block_of
from p2plib.errors import StreamReset
from p2plib.protocol.connection import Connection
from p2plib.protocol.node import Node
from p2plib.protocol.stream import Stream
from tests.data.blocks.bitswap.worlds import (
    Puppet,
    World,
    id_of,
    in_a_world,
    says_nothing,
    sends,
    some_blocks,
)
from tests.protocol.nodes import ALICE, ANYWHERE, BOB


async def until(holds: object) -> None:
    while not holds():  # type: ignore[operator]
        await asyncio.sleep(0.005)


async def ended(stream: Stream) -> bool:
    """Whether the other side ends a stream without a word."""
    try:
        return await stream.read() == b""
    except StreamReset:
        return True


def stocked(blocks: Iterable[Block]) -> MemoryBlocks:
    store = MemoryBlocks()
    store.put(blocks)
    return store


def test_garbage_ends_its_stream_and_nothing_else() -> None:
    block = block_of(b"still served")

    async def main() -> None:
        puppet = Puppet(says_nothing)
        async with (
            asyncio.timeout(100),
            Node(ALICE, puppet.speaks()) as alice,
            Node(BOB) as bob,
            BlockExchange(bob, stocked([block])),
        ):
            connection = await alice.dial(await bob.listen(ANYWHERE))
            for garbage in (b"\x05\xff\xff\xff\xff\xff", b"\xff" * 12, b"\x81\x80\x80\x02" + b"x"):
                stream, _ = await connection.open_stream(*PROTOCOLS)
                await stream.write(garbage)
                assert await ended(stream)
            await puppet.say(connection, BitswapMessage((WantEntry(block.cid),)))
            await until(lambda: any(heard.payload for heard in puppet.heard))
            assert puppet.heard[-1].payload[0].data == block.data

    asyncio.run(main())


def test_half_a_message_on_many_streams_does_not_stop_the_others() -> None:
    """Of one peer a few streams are read at a time; those that say nothing end after a while."""
    block = block_of(b"still served")

    async def scene(world: World) -> None:
        await world.honest("server", [block])
        puppet = Puppet(says_nothing)

        async def stall() -> None:
            async with Node(ALICE, puppet.speaks()) as node:
                connection = await node.dial(world.addresses[0])
                for _ in range(10):
                    stream, _ = await connection.open_stream(*PROTOCOLS)
                    await stream.write(b"\x64half")
                await puppet.say(connection, BitswapMessage((WantEntry(block.cid),)))
                await until(lambda: any(heard.payload for heard in puppet.heard))
                assert 1 < asyncio.get_running_loop().time() / partners.READ_IDLE_S < 4

        stalling = world.net.host("staller").start(stall)

        async def use(exchange: BlockExchange) -> None:
            assert await exchange.fetch(block.cid) == block.data
            await stalling

        await world.fetching(use)

    in_a_world(scene)


def test_a_peer_that_reads_nothing_is_left_alone() -> None:
    """It wants megabytes, and takes none of them: it costs us one message, for a while."""
    blocks = some_blocks(20, 500_000)
    held: list[Stream] = []

    async def never_reads(stream: Stream, connection: Connection) -> None:
        held.append(stream)
        await asyncio.Event().wait()

    async def scene(world: World) -> None:
        await world.honest("server", blocks)
        server = world.exchanges["server"]

        async def want() -> None:
            async with Node(ALICE, dict.fromkeys(PROTOCOLS, never_reads)) as node:
                connection = await node.dial(world.addresses[0])
                stream, _ = await connection.open_stream(*PROTOCOLS)
                message = BitswapMessage(tuple(WantEntry(block.cid) for block in blocks))
                await stream.write(FRAMES.encode(messages.encode(message)))
                await until(lambda: held and server.machine.ledgers)
                ledger = server.machine.ledgers[node.peer_id]
                assert ledger.sent_bytes <= 1_000_000
                await asyncio.sleep(2 * partners.SEND_TIMEOUT_S)
                assert ledger.sent_bytes <= 1_000_000
                assert server.machine.serving.wants_of(node.peer_id) == ()

        await world.net.host("sloth").run(want())

    in_a_world(scene)


def test_our_stream_ends_when_nothing_is_said_and_a_new_one_is_opened() -> None:
    one, two = some_blocks(2, 1000)
    opened: list[Stream] = []

    async def scene(world: World) -> None:
        puppet = Puppet(sends([one, two]))

        async def take(stream: Stream, connection: Connection) -> None:
            opened.append(stream)
            await puppet.take(stream, connection)

        puppet.speaks = lambda: dict.fromkeys(PROTOCOLS, take)  # type: ignore[method-assign]
        await world.puppet("peer", puppet)

        async def use(exchange: BlockExchange) -> None:
            await exchange.fetch(one.cid)
            await asyncio.sleep(3 * partners.IDLE_S)
            assert len(opened) == 1
            assert opened[0].is_closed
            await exchange.fetch(two.cid)
            assert len(opened) == 2

        await world.fetching(use)

    in_a_world(scene)


def test_a_stream_that_breaks_is_replaced_and_the_message_sent_again() -> None:
    blocks = some_blocks(4, 1000)

    async def scene(world: World) -> None:
        puppet = Puppet(sends(blocks))
        broken: list[Stream] = []

        async def take(stream: Stream, connection: Connection) -> None:
            if not broken:
                broken.append(stream)
                await asyncio.sleep(0.5)
                stream.reset()
                return
            await puppet.take(stream, connection)

        puppet.speaks = lambda: dict.fromkeys(PROTOCOLS, take)  # type: ignore[method-assign]
        await world.puppet("peer", puppet)

        async def use(exchange: BlockExchange) -> None:
            await asyncio.sleep(1)  # the reset has come
            async with asyncio.timeout(1):
                await exchange.fetch_many([block.cid for block in blocks])

        await world.fetching(use)

    in_a_world(scene)


def test_a_peer_that_speaks_1_1_alone() -> None:
    blocks = some_blocks(5, 1000)

    async def scene(world: World) -> None:
        puppet = Puppet(sends(blocks))
        puppet.speaks = lambda: {V1_1: puppet.take}  # type: ignore[method-assign]
        await world.puppet("old", puppet)

        async def use(exchange: BlockExchange) -> None:
            await exchange.fetch_many([block.cid for block in blocks])
            lines = [line for message in puppet.heard for line in message.wants]
            assert all(line.kind == 0 and not line.asks_dont_have for line in lines)

        await world.fetching(use)

    in_a_world(scene)


def test_two_connections_to_one_peer_are_one_peer() -> None:
    blocks = some_blocks(5, 1000)

    async def scene(world: World) -> None:
        await world.honest("peer", blocks)

        async def use(exchange: BlockExchange) -> None:
            second = await exchange.connect(world.addresses[0])
            assert exchange.peers == (id_of("peer"),)
            assert len(exchange.node.connections) == 2
            (first, *_) = exchange.node.connections
            await first.close()
            await exchange.fetch_many([block.cid for block in blocks])
            assert exchange.peers == (id_of("peer"),)
            await second.close()
            await asyncio.sleep(0.1)
            assert exchange.peers == ()

        await world.fetching(use)

    in_a_world(scene)
