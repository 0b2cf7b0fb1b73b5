"""Where a soak runs: in the simulated internet with losses, or on loopback through a proxy that delays.

Both find, when a run is over, whatever it left: tasks, sockets, a program that still waits.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, nullcontext
from random import Random
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from p2plib.identity.keys import SecretKey
from p2plib.protocol.endpoints import endpoint
from p2plib.protocol.node import Node
from p2plib.protocol.tcp import TcpListener, TcpStream, connect_tcp
from p2plib.sim import Constant, Internet, Link
from p2plib.sim.host import Host
from tests.soak.proxy import Proxy

if TYPE_CHECKING:
    from p2plib.protocol.quic.driver import QuicConnection

HAS_QUIC = importlib.util.find_spec("aioquic") is not None
SECRETS = [SecretKey.from_seed(bytes([number]) * 32) for number in (1, 2)]
PATIENCE_S = 120.0  # on the real clock, for one seed, which takes a second or two
PORT = 4001
WAYS = {"tcp": "tcp/{}", "quic-v1": "udp/{}/quic-v1"}  # how addresses spell them
VIRTUAL_LIMIT_S = 7200.0

TcpPair = tuple[TcpStream, TcpStream]
QuicPair = tuple["QuicConnection", "QuicConnection"]
Run = Callable[[Coroutine[Any, Any, "QuicConnection"]], Awaitable["QuicConnection"]]


class Failed(AssertionError):
    """A seed broke a promise; the sentence says which."""


def demand(holds: bool, promise: str) -> None:
    """Raises Failed with the promise if it does not hold."""
    if not holds:
        raise Failed(promise)


T = TypeVar("T")


class Place(Protocol):
    """Where one peer runs.

    Attributes:
        host: its IP address.
    """

    host: str

    async def run(self, doing: Coroutine[Any, Any, T]) -> T:
        """Does something there."""

    async def listen(self, node: Node, transport: str) -> str:
        """Has a node listen there; gives the address at which others dial it.

        Args:
            node: which.
            transport: as `p2plib.protocol.endpoints.Endpoint` calls it.
        """


class World(Protocol):
    """What a scenario gets: connections, places for peers, and how long a short pause is.

    Attributes:
        pause_s: the longest pause between two things that a peer does, in seconds.
        is_lossless: whether every datagram arrives, and in time.
    """

    pause_s: float
    is_lossless: bool

    def connections(self) -> AbstractAsyncContextManager[Callable[[], Awaitable[TcpPair]]]:
        """Something that makes TCP connections, each as its two ends, as long as the block lasts."""

    def quic(self) -> AbstractAsyncContextManager[QuicPair]:
        """The two ends of a connection over QUIC, closed at the end of the block."""

    def place(self, name: str) -> AbstractAsyncContextManager[Place]:
        """A place for one more peer."""


Scenario = Callable[[World, Random], Awaitable[None]]


@asynccontextmanager
async def _accepted(
    listen: Callable[[Callable[[TcpStream], Awaitable[None]]], Awaitable[TcpListener]],
    connect: Callable[[TcpListener], Awaitable[TcpStream]],
) -> AsyncIterator[Callable[[], Awaitable[TcpPair]]]:
    arrived: asyncio.Queue[TcpStream] = asyncio.Queue()
    is_over = asyncio.Event()

    async def handler(stream: TcpStream) -> None:
        arrived.put_nowait(stream)
        await is_over.wait()

    async def pair() -> TcpPair:
        return await connect(listener), await arrived.get()

    listener = await listen(handler)
    try:
        yield pair
    finally:
        is_over.set()
        await listener.__aexit__()


@asynccontextmanager
async def _quic(there: AbstractContextManager[object], host: str, run: Run) -> AsyncIterator[QuicPair]:
    from p2plib.protocol.quic.sockets import QuicListener, dial

    arrived: asyncio.Queue[QuicConnection] = asyncio.Queue()
    is_over = asyncio.Event()

    async def handler(connection: QuicConnection) -> None:
        await connection.handshake(timeout_s=300)
        arrived.put_nowait(connection)
        await is_over.wait()

    with there:
        listener = await QuicListener(handler, SECRETS[1], host).__aenter__()
    try:
        async with await run(dial(SECRETS[0], *listener.address, timeout_s=300)) as near:
            yield near, await arrived.get()
    finally:
        is_over.set()
        await listener.__aexit__()


class _OnHost:
    """A host of the simulated internet."""

    def __init__(self, host: Host) -> None:
        self._host, self.host = host, host.address

    async def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return await self._host.run(doing)

    async def listen(self, node: Node, transport: str) -> str:
        return str(await node.listen(f"/ip4/{self._host.address}/{WAYS[transport].format(PORT)}"))


class _BehindProxy:
    """This machine; TCP goes through a proxy that stays when the node behind it is restarted."""

    host = "127.0.0.1"

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy

    async def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return await doing

    async def listen(self, node: Node, transport: str) -> str:
        address = await node.listen(f"/ip4/127.0.0.1/{WAYS[transport].format(0)}")
        if transport != "tcp":
            return str(address)
        place = endpoint(address)
        self._proxy.target = (place.host, place.port)
        return f"/ip4/127.0.0.1/tcp/{self._proxy.address[1]}/p2p/{node.peer_id}"


class Simulated:
    """Two hosts, and a link that loses and reorders packets and sends some twice."""

    pause_s = 0.5

    def __init__(self, net: Internet, *, is_lossless: bool) -> None:
        self.net, self.is_lossless = net, is_lossless
        self.ana, self.ben = net.host("ana"), net.host("ben")

    @asynccontextmanager
    async def place(self, name: str) -> AsyncIterator[Place]:
        """A host of its own."""
        yield _OnHost(self.net.host(name))

    def quic(self) -> AbstractAsyncContextManager[QuicPair]:
        """A connection that Ana makes to Ben."""
        return _quic(self.ben, self.ben.address, self.ana.run)

    def connections(self) -> AbstractAsyncContextManager[Callable[[], Awaitable[TcpPair]]]:
        """Connections that Ana makes to Ben."""

        async def listen(handler: Callable[[TcpStream], Awaitable[None]]) -> TcpListener:
            with self.ben:
                return await TcpListener(handler, self.ben.address).__aenter__()

        async def connect(listener: TcpListener) -> TcpStream:
            return await self.ana.run(connect_tcp(*listener.address, timeout_s=300))

        return _accepted(listen, connect)


class Loopback:
    """This machine's own sockets, with a proxy between them that delays and splits what it passes on."""

    pause_s = 0.005
    is_lossless = False  # a busy machine is late

    def __init__(self, random: Random) -> None:
        self._random = random

    @asynccontextmanager
    async def place(self, name: str) -> AsyncIterator[Place]:
        """A proxy of its own."""
        async with Proxy(self._random) as proxy:
            yield _BehindProxy(proxy)

    def quic(self) -> AbstractAsyncContextManager[QuicPair]:
        """A connection, without a proxy."""
        return _quic(nullcontext(), "127.0.0.1", asyncio.ensure_future)

    @asynccontextmanager
    async def connections(self) -> AsyncIterator[Callable[[], Awaitable[TcpPair]]]:
        """Connections through the proxy."""
        async with Proxy(self._random) as proxy:

            async def listen(handler: Callable[[TcpStream], Awaitable[None]]) -> TcpListener:
                listener = await TcpListener(handler).__aenter__()
                proxy.target = listener.address
                return listener

            async def connect(listener: TcpListener) -> TcpStream:
                return await connect_tcp(*proxy.address)

            async with _accepted(listen, connect) as pair:
                yield pair


def run_simulated(scenario: Scenario, seed: int) -> None:
    """Runs a scenario in the simulated internet, which itself finds deadlocks and what is left over."""
    random = Random(f"soak/{seed}")
    loss = random.choice((0.0, 0.005, 0.02))
    delay_s = random.choice((0.001, 0.02, 0.1))
    link = Link(Constant(delay_s), loss=loss, reorder=loss, duplicate=loss)

    async def main(net: Internet) -> None:
        await scenario(Simulated(net, is_lossless=not loss), random)

    Internet(seed, link=link).run(main, time_limit_s=VIRTUAL_LIMIT_S)


def run_on_loopback(scenario: Scenario, seed: int) -> None:
    """Runs a scenario over this machine's sockets."""
    random = Random(f"soak/{seed}")

    async def main() -> None:
        problems: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: problems.append(str(context)))
        before = _open_files()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await scenario(Loopback(random), random)
        except TimeoutError:
            waiting = [str(task.get_coro()) for task in asyncio.all_tasks() - {asyncio.current_task()}]
            raise Failed(f"somebody still waits after {PATIENCE_S:g} s, perhaps of {waiting}") from None
        for _ in range(3):  # asyncio closes a socket in the next round
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        demand(not left, f"tasks are left: {left}")
        demand(not problems, f"errors went to the loop: {problems}")
        demand(_open_files() <= before, "sockets are left")

    asyncio.run(main())


def _open_files() -> int:
    """How many files and sockets this process has open; 0 where the system does not say."""
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
