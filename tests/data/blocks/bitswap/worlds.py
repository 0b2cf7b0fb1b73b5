"""Peers of an exchange in the simulated internet: honest ones, and all kinds of others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from random import Random
from typing import Any

from p2plib.data.blocks.bitswap import messages
from p2plib.data.blocks.bitswap.driver import BlockExchange
from p2plib.data.blocks.bitswap.events import DEFAULT_LIMITS, BitswapLimits
from p2plib.data.blocks.bitswap.messages import (
    FRAMES,
    PROTOCOLS,
    BitswapMessage,
    BlockPresence,
    Presence,
    WantKind,
    payload_of,
)
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import Block, block_of
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from p2plib.protocol.connection import Connection
from p2plib.protocol.framing import FramedStream
from p2plib.protocol.node import Node
from p2plib.protocol.stream import Stream
from p2plib.sim import Constant, Internet, Link
from p2plib.wire.multiaddr import Multiaddr

LINK = Link(Constant(0.04), bytes_per_s=2e6)
NOBODY = MemoryBlocks()


def some_blocks(count: int, size: int, seed: int = 0) -> list[Block]:
    """Blocks that differ."""
    random = Random(seed)
    return [block_of(random.randbytes(size)) for _ in range(count)]


def key_of(name: str) -> SecretKey:
    return SecretKey.from_seed(name.encode().ljust(32, b"."))


def id_of(name: str) -> str:
    return ids.peer_id(key_of(name).public)


Answer = Callable[[BitswapMessage], Iterable[BitswapMessage]]


class Puppet:
    """A peer that gives to each message the answers that a function makes of it.

    Args:
        answer: the function.
        delay_s: how long it takes for each of them.
    """

    def __init__(self, answer: Answer, delay_s: float = 0.0) -> None:
        self.answer = answer
        self.delay_s = delay_s
        self.heard: list[BitswapMessage] = []

    async def take(self, stream: Stream, connection: Connection) -> None:
        async for raw in FramedStream(stream, FRAMES):
            message = messages.decode(raw)
            self.heard.append(message)
            for reply in self.answer(message):
                await asyncio.sleep(self.delay_s)
                await self.say(connection, reply)

    async def say(self, connection: Connection, message: BitswapMessage) -> None:
        there, _ = await connection.open_stream(*PROTOCOLS)
        async with there:
            await there.write(FRAMES.encode(messages.encode(message)))
            await there.close_write()

    def speaks(self) -> Mapping[str, Any]:
        return dict.fromkeys(PROTOCOLS, self.take)


def says_nothing(message: BitswapMessage) -> Iterable[BitswapMessage]:
    return ()


def lies(message: BitswapMessage) -> Iterable[BitswapMessage]:
    """Has everything, and sends other bytes of the right length."""
    for want in message.wants:
        if not want.is_cancel and want.kind is WantKind.BLOCK:
            yield BitswapMessage(payload=(payload_of(want.cid, b"wrong" * 200),))
        elif not want.is_cancel:
            yield BitswapMessage(presences=(BlockPresence(want.cid, Presence.HAVE),))


def promises(message: BitswapMessage) -> Iterable[BitswapMessage]:
    """Has everything, and sends nothing."""
    wants = [want for want in message.wants if not want.is_cancel]
    yield BitswapMessage(presences=tuple(BlockPresence(want.cid, Presence.HAVE) for want in wants))


def floods(message: BitswapMessage) -> Iterable[BitswapMessage]:
    """Sends what nobody asked for."""
    for block in some_blocks(40, 1000, seed=1000 + len(message.wants)):
        yield BitswapMessage(payload=(payload_of(block.cid, block.data),))


def sends(blocks: Iterable[Block]) -> Answer:
    """Is honest."""
    have = {block.cid: block for block in blocks}

    def answer(message: BitswapMessage) -> Iterable[BitswapMessage]:
        for want in message.wants:
            if not want.is_cancel and want.kind is WantKind.BLOCK and want.cid in have:
                yield BitswapMessage(payload=(payload_of(want.cid, have[want.cid].data),))

    return answer


class World:
    """Several peers, each on a host of its own, that run until the test has done its part.

    Args:
        net: the simulated internet.
    """

    def __init__(self, net: Any) -> None:
        self.net = net
        self.addresses: list[Multiaddr] = []
        self.exchanges: dict[str, BlockExchange] = {}
        self.hosts: dict[str, Any] = {}  # those of the peers
        self.client = net.host("client")
        self._over = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def honest(
        self, name: str, blocks: Iterable[Block], limits: BitswapLimits = DEFAULT_LIMITS
    ) -> None:
        """Add a peer of ours that has some blocks."""
        store = MemoryBlocks()
        store.put(blocks)

        async def serve(node: Node, is_up: Callable[[], Awaitable[None]]) -> None:
            async with BlockExchange(node, store, limits=limits) as exchange:
                self.exchanges[name] = exchange
                await is_up()
                await self._over.wait()

        await self._run(name, {}, serve)

    async def puppet(self, name: str, puppet: Puppet) -> None:
        """Add a peer that does what a test wants."""

        async def serve(node: Node, is_up: Callable[[], Awaitable[None]]) -> None:
            await is_up()
            await self._over.wait()

        await self._run(name, puppet.speaks(), serve)

    async def _run(
        self, name: str, handlers: Mapping[str, Any], serve: Callable[..., Awaitable[None]]
    ) -> None:
        host, ready = self.net.host(name), asyncio.Event()
        self.hosts[name] = host

        async def run() -> None:
            async with Node(key_of(name), handlers) as node:

                async def is_up() -> None:
                    self.addresses.append(await node.listen(f"/ip4/{host.address}/tcp/4001"))
                    ready.set()

                await serve(node, is_up)

        self._tasks[name] = host.start(run)
        await ready.wait()

    async def fetching(self, use: Callable[[BlockExchange], Awaitable[Any]], **options: Any) -> Any:
        """Run something on a host of its own with an exchange that is connected with all peers."""

        async def run() -> Any:
            async with (
                Node(key_of("client")) as node,
                BlockExchange(node, MemoryBlocks(), **options) as exchange,
            ):
                for address in self.addresses:
                    await exchange.connect(address)
                return await use(exchange)

        return await self.client.run(run())

    def crash(self, name: str) -> None:
        """The host of a peer is gone at once."""
        self.hosts[name].crash()
        del self._tasks[name]

    async def end(self) -> None:
        self._over.set()
        for task in self._tasks.values():
            await task


def in_a_world(scene: Callable[[World], Awaitable[None]], *, link: Link | None = LINK, seed: int = 1) -> None:
    """Run a scene in a simulated internet, and end it."""

    async def main(net: Any) -> None:
        world = World(net)
        await scene(world)
        await world.end()

    Internet(seed=seed, **({} if link is None else {"link": link})).run(main)
