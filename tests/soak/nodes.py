"""A soak of nodes: they dial, stream, call, hang up, are cancelled, and servers restart, as a seed says.

They speak TCP, and QUIC where it is installed.

Promises
    1. An echo that comes to its end without an error is what was sent.
    2. What was sent on a stream that was closed well has been read by the other side, unless that was
       restarted; it is read whole or its reader gets an error.
    3. A call has the response that belongs to it, and a subscription all values in their order, or an error.
    4. Where no packet is lost and the server is not restarted, nothing of this has an error.
    5. Nobody waits forever, and nothing is left when the nodes are closed: no task, no socket, no connection,
       and no handler at work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from random import Random

from p2plib.errors import P2PError
from p2plib.identity.keys import SecretKey
from p2plib.protocol import rpc
from p2plib.protocol.conformance import pattern, read_all
from p2plib.protocol.connection import Connection
from p2plib.protocol.node import Node
from p2plib.protocol.stream import Stream
from tests.soak import calls
from tests.soak.worlds import HAS_QUIC, Place, World, demand

ECHO, KEEP = "/echo/1", "/keep/1"
NAME_BYTES = 8
SIZES = (10, 3000, 70_000, 300_000)
MAX_PAUSES = 1000
CLOSE_TIMEOUT_S = 100.0  # longer than anything here takes
TRANSPORTS = ("tcp", "quic-v1") if HAS_QUIC else ("tcp",)


async def _echo(stream: Stream, connection: Connection) -> None:
    stream.close_timeout_s = CLOSE_TIMEOUT_S
    while data := await stream.read():
        await stream.write(data)


@dataclass
class Server:
    """A peer that is restarted now and then, always with the same key.

    Attributes:
        transport: what it listens with.
        is_steady: whether it is never restarted.
        address: where it can be dialled now.
        starts: how often it was started.
        kept: what it read to the end, by its name.
    """

    place: Place
    secret: SecretKey
    transport: str = "tcp"
    is_steady: bool = False
    address: str = ""
    starts: int = 0
    kept: dict[bytes, bytes] = field(default_factory=dict)

    async def run(self, random: Random, world: World, is_over: asyncio.Event) -> None:
        """Lives, with some restarts in the beginning."""
        restarts = random.randrange(3)
        self.is_steady = not restarts
        for _ in range(restarts):
            await self._live(world, asyncio.sleep(random.uniform(1, 20) * world.pause_s))
        await self._live(world, is_over.wait())

    async def _live(self, world: World, life: Awaitable[object]) -> None:
        desk = calls.Desk(world.pause_s)
        handlers = {ECHO: _echo, KEEP: self._keep, calls.PROTOCOL: desk.service.handle}
        async with Node(self.secret, handlers) as node:
            self.starts += 1
            self.address = await self.place.listen(node, self.transport)
            await life
        demand(not node.connections, "a node that is closed has connections")
        demand(not desk.busy, "handlers of a node that is closed are at work")

    async def _keep(self, stream: Stream, connection: Connection) -> None:
        name = await stream.read_exactly(NAME_BYTES)
        self.kept[name] = await read_all(stream)


Promise = tuple[Server, int, bytes, bytes]  # where, how often that had been started, a name, and what


@dataclass
class Client:
    """A peer that uses servers.

    Attributes:
        promised: what must arrive, for the stream was closed well, and then the connection.
    """

    servers: list[Server]
    random: Random
    world: World
    promised: list[Promise] = field(default_factory=list)

    async def run(self) -> None:
        """Some visits, one after another or at once."""
        secret = SecretKey.from_seed(self.random.randbytes(32))
        async with Node(secret) as node, asyncio.TaskGroup() as group:
            for _ in range(self.random.randrange(1, 4)):
                visit = group.create_task(self._visit(node))
                await asyncio.sleep(self.random.uniform(0, 5) * self.world.pause_s)
                if self.random.random() < 0.15:
                    visit.cancel()
        demand(not node.connections, "a node that is closed has connections")

    async def _visit(self, node: Node) -> None:
        server = self.random.choice(self.servers)
        sent: list[Promise] = []
        with self._errors(server):
            connection = await node.dial(server.address)
            connection.muxed.close_timeout_s = CLOSE_TIMEOUT_S
            client = rpc.Client(connection, calls.PROTOCOL)
            async with connection, asyncio.TaskGroup() as group:
                for _ in range(self.random.randrange(1, 8)):
                    group.create_task(self._tried(server, self._something(client, server), sent))
            self.promised += sent

    def _something(self, client: rpc.Client, server: Server) -> Awaitable[Promise | None]:
        connection = client.connection
        match self.random.randrange(8):
            case 0 | 1:
                return self._echo(connection, server)
            case 2 | 3 | 4:
                return self._keep(connection, server)
            case 5:
                return self._break(connection)
            case 6:
                return calls.call(client, self.random, self.world.pause_s, CLOSE_TIMEOUT_S)
            case _:
                return calls.subscribe(client, self.random, CLOSE_TIMEOUT_S)

    async def _tried(self, server: Server, doing: Awaitable[Promise | None], sent: list[Promise]) -> None:
        with self._errors(server):
            promise = await doing
            if promise is not None:
                sent.append(promise)

    def _may_not_fail(self, server: Server) -> bool:
        return self.world.is_lossless and server.is_steady

    def _errors(self, server: Server) -> AbstractContextManager[None]:
        """Lets errors pass where there may be some."""
        return contextlib.nullcontext() if self._may_not_fail(server) else contextlib.suppress(P2PError)

    async def _echo(self, connection: Connection, server: Server) -> None:
        sent = pattern(self.random.choice(SIZES), self.random.randrange(250))
        stream, _ = await connection.open_stream(ECHO, timeout_s=CLOSE_TIMEOUT_S)

        async def write() -> None:
            with contextlib.suppress(P2PError):
                await stream.write(sent)
                await stream.close_write()

        async with stream, asyncio.TaskGroup() as group:
            group.create_task(write())
            got = await self._or_error(read_all(stream))
        demand(got is not None or not self._may_not_fail(server), "an echo had an error")
        demand(got is None or got == sent, f"of an echo of {len(sent)} bytes came {len(got or b'')}")

    async def _or_error(self, reading: Awaitable[bytes]) -> bytes | None:
        try:
            return await reading
        except P2PError:
            return None

    async def _keep(self, connection: Connection, server: Server) -> Promise:
        name, starts = self.random.randbytes(NAME_BYTES), server.starts
        data = pattern(self.random.choice(SIZES), self.random.randrange(250))
        stream, _ = await connection.open_stream(KEEP, timeout_s=CLOSE_TIMEOUT_S)
        stream.close_timeout_s = CLOSE_TIMEOUT_S
        async with stream:
            await stream.write(name + data)
        return server, starts, name, data

    async def _break(self, connection: Connection) -> None:
        stream, _ = await connection.open_stream(ECHO, timeout_s=CLOSE_TIMEOUT_S)
        await stream.write(bytes(self.random.choice(SIZES)))
        stream.reset()


async def nodes(world: World, random: Random) -> None:
    """One or two servers and some clients."""
    is_over = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as serving:
        servers, clients = [], []
        for number in range(random.randrange(1, 3)):
            place = await stack.enter_async_context(world.place(f"server{number}"))
            secret, transport = SecretKey.from_seed(random.randbytes(32)), random.choice(TRANSPORTS)
            servers.append(Server(place, secret, transport))
            serving.create_task(place.run(servers[-1].run(Random(random.random()), world, is_over)))
        while not all(server.address for server in servers):
            await asyncio.sleep(world.pause_s)
        async with asyncio.TaskGroup() as using:
            for number in range(random.randrange(1, 4)):
                place = await stack.enter_async_context(world.place(f"client{number}"))
                clients.append(Client(servers, Random(random.random()), world))
                using.create_task(place.run(clients[-1].run()))
        promised = [promise for client in clients for promise in client.promised]
        await _arrives(world, promised)
        is_over.set()


async def _arrives(world: World, promised: list[Promise]) -> None:
    """Demands that everything has arrived, once its reader had time, unless its server was restarted."""
    for server, starts, name, data in promised:
        pauses = 0
        while server.starts == starts and name not in server.kept:
            demand(pauses < MAX_PAUSES, f"{len(data)} bytes on a stream that was closed well never arrived")
            pauses += 1
            await asyncio.sleep(world.pause_s)
        if name in server.kept:
            demand(server.kept[name] == data, f"of {len(data)} bytes {len(server.kept[name])} arrived")
