"""TCP as a `Stream`, and listening for it. A driver: thin, over asyncio alone.

Rules
    1. At most `limit_bytes` of what arrived wait in memory; beyond that the socket is not read, and TCP's own
       window makes the other side wait.
    2. A stream is reset by a TCP reset (RST), so that the other side can tell it from an end.
    3. A socket that is closed while bytes of the other side are unread, or still come, is reset by the
       kernel, which then drops what it has not sent yet. So `close` ends our writing, reads and throws away
       what comes until the other side ends too, and only then closes. If that takes too long, but the kernel
       has all that we wrote, the socket is closed all the same: a silent peer that reads late gets it.
    4. What a connection's handler raises because of its peer is counted by name in `failures`; anything else
       is a bug of ours and goes to the loop's exception handler.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Self

from p2plib.errors import CannotListen, Closed, PeerTimeout, RemoteError, StreamReset, Unreachable, UsageError
from p2plib.protocol.buffers import Bell, Chunks
from p2plib.protocol.interfaces import interface_addresses
from p2plib.protocol.stream import Stream

CONNECT_TIMEOUT_S = 10.0
LIMIT_BYTES = 262_144  # what asyncio takes from a socket at once: with less it would pause after every chunk
MAX_CONNECTIONS = 4096  # of one listener; past it a connection is reset as soon as it is accepted
WILDCARDS = ("0.0.0.0", "::")  # all interfaces of one family
_LINGER_NOT = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: closing sends RST

Handler = Callable[["TcpStream"], Awaitable[None]]


class _Wire(asyncio.Protocol):
    """What asyncio tells us about one socket."""

    def __init__(self, limit_bytes: int, made: Callable[[_Wire], None] | None = None) -> None:
        self.limit_bytes = limit_bytes
        self.incoming = Chunks()
        self.has_ended = False
        self.is_lost = False
        self.is_full = False  # the transport asked us to pause writing
        self.is_paused = False  # we asked the transport to pause reading
        self.is_discarding = False  # nobody will read what comes
        self.changed = Bell()
        self._made = made
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        with contextlib.suppress(OSError, AttributeError):  # a simulated socket may have no such option
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._made is not None:
            self._made(self)

    def data_received(self, data: bytes) -> None:
        if self.is_discarding:
            return
        self.incoming.append(data)
        if len(self.incoming) >= self.limit_bytes and not self.is_paused:
            self.is_paused = True
            self.transport.pause_reading()
        self.changed.ring()

    def discard(self) -> None:
        """Throws away what came and what comes, and wakes the reader."""
        self.is_discarding = True
        self.incoming.clear()
        self.resume_reading()
        self.changed.ring()

    def resume_reading(self) -> None:
        if self.is_paused and len(self.incoming) < self.limit_bytes:
            self.is_paused = False
            self.transport.resume_reading()

    def eof_received(self) -> bool:
        self.has_ended = True
        self.changed.ring()
        return True  # we may still write

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False
        self.changed.ring()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = True
        self.changed.ring()


class TcpStream(Stream):
    """A TCP connection; `connect_tcp` and `TcpListener` make them."""

    def __init__(self, wire: _Wire) -> None:
        self._wire = wire
        self._transport = wire.transport
        self._lingers = False  # `close` waits for the other side to end
        super().__init__(_spell(wire.transport.get_extra_info("peername")))

    @property
    def local_address(self) -> tuple[str, int]:
        """Our end of the connection."""
        host, port = self._transport.get_extra_info("sockname")[:2]
        return host, port

    @property
    def remote_address(self) -> tuple[str, int]:
        """The other end of the connection; Closed if it had gone before we could see who it was."""
        name = self._transport.get_extra_info("peername")
        if not name:
            raise Closed("the other end was gone before we could see who it was")
        host, port = name[:2]
        return host, port

    async def _read(self, max_bytes: int) -> bytes:
        wire = self._wire
        while not wire.incoming and not wire.has_ended and not wire.is_lost:
            await wire.changed.wait()
            self._check_open()
        data = wire.incoming.take(max_bytes)
        wire.resume_reading()
        if data or wire.has_ended:
            return data
        raise StreamReset(f"the connection to {self.remote} broke")

    async def _drain(self) -> None:
        while self._wire.is_full and not self._wire.is_lost:
            await self._wire.changed.wait()
            self._check_writable()
        self._check_not_lost()

    def _send(self, data: bytes) -> None:
        self._check_not_lost()
        self._transport.write(data)

    def _check_not_lost(self) -> None:
        if self._wire.is_lost or self._transport.is_closing():
            raise StreamReset(f"the connection to {self.remote} broke")

    def _end_writing(self) -> None:
        if not self._wire.is_lost and not self._transport.is_closing():
            with contextlib.suppress(OSError):  # the other side may be gone by now
                self._transport.write_eof()

    async def _finish(self) -> None:
        wire = self._wire
        self._lingers = True
        wire.discard()
        while not wire.has_ended and not wire.is_lost:
            await wire.changed.wait()
        self._transport.close()
        while not wire.is_lost:
            await wire.changed.wait()

    def _abort(self) -> None:
        self._wire.discard()
        if self._wire.is_lost:
            return
        if self._lingers and not self._transport.get_write_buffer_size():
            self._transport.close()  # the kernel has everything, our end too, and sends it without us
            return
        with contextlib.suppress(OSError, AttributeError):
            self._transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT
            )
        self._transport.abort()


def _spell(address: tuple[str, int] | None) -> str:
    if not address:
        return "a peer that has gone"
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _check_port(port: int) -> None:
    if not 0 <= port < 65_536:
        raise UsageError(f"a port is 0 to 65535, not {port}")


async def connect_tcp(
    host: str,
    port: int,
    *,
    family: int = socket.AF_UNSPEC,
    timeout_s: float = CONNECT_TIMEOUT_S,
    limit_bytes: int = LIMIT_BYTES,
) -> TcpStream:
    """A connection to an address.

    Args:
        host: an address, or a name to look up.
        port: 0 to 65535.
        family: `socket.AF_INET` or `socket.AF_INET6` if only one of them will do; 0 if either will.
        timeout_s: for the look-up and the connection together, in seconds.
        limit_bytes: rule 1.

    Raises:
        Unreachable: refused, no route, no such host, or this machine has no socket left; it says which.
        PeerTimeout: nobody answered in time.
        UsageError: there is no such port.
    """
    _check_port(port)
    loop = asyncio.get_running_loop()
    where = _spell((host, port))
    try:
        async with asyncio.timeout(timeout_s):
            _, wire = await loop.create_connection(lambda: _Wire(limit_bytes), host, port, family=family)
    except TimeoutError:
        raise PeerTimeout(f"{where} did not take our connection within {timeout_s:g} s") from None
    except (OSError, ValueError) as error:  # the look-up raises ValueError for what cannot be a name
        raise Unreachable(f"no connection to {where}: {error}") from error
    return TcpStream(wire)


async def _accept_no_more(server: asyncio.Server) -> None:
    """asyncio loses a connection that it has accepted and not announced yet when its server is closed, and
    leaves its socket open. So accepting ends first, and those are announced, to be reset."""
    loop = asyncio.get_running_loop()
    for listening in server.sockets:
        # A loop that listens without a reader, as Windows' and the simulated one do, says so.
        with contextlib.suppress(RuntimeError, NotImplementedError):
            loop.remove_reader(listening.fileno())
    for _ in range(3):  # to make its transport, to announce it, to close its socket
        await asyncio.sleep(0)


class TcpListener:
    """Takes connections and gives each to a handler, in a task of its own; used with `async with`.

    Args:
        handler: called with each stream, which is closed after it (reset, if it raised).
        host, port: where to listen; port 0 lets the machine choose.
        family: `socket.AF_INET` or `socket.AF_INET6` if only one of them will do; 0 if either will.
        max_connections: how many may be open at a time.
        limit_bytes: rule 1.

    When the block is left, it stops listening, cancels the handlers and waits for them.
    """

    def __init__(
        self,
        handler: Handler,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        family: int = socket.AF_UNSPEC,
        max_connections: int = MAX_CONNECTIONS,
        limit_bytes: int = LIMIT_BYTES,
    ) -> None:
        self.failures: collections.Counter[str] = collections.Counter()
        self._handler = handler
        self._host = host
        self._port = port
        self._family = family
        self._max_connections = max_connections
        self._limit_bytes = limit_bytes
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, with the port that was chosen; Closed when it does not."""
        return self._bound()[0]

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Where others reach it: as `address`, but for "0.0.0.0" and "::" the addresses of this machine's
        interfaces, as they are now. Closed when it does not listen."""
        found: list[tuple[str, int]] = []
        for host, port in self._bound():
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            hosts = interface_addresses(family) if host in WILDCARDS else [host]
            found += [(each, port) for each in hosts]
        return tuple(found)

    def _bound(self) -> list[tuple[str, int]]:
        if self._server is None:
            raise Closed("this listener is not open")
        return [each.getsockname()[:2] for each in self._server.sockets]

    @property
    def connections(self) -> int:
        """How many connections are being handled."""
        return len(self._tasks)

    async def __aenter__(self) -> Self:
        _check_port(self._port)
        where = _spell((self._host, self._port))
        try:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: _Wire(self._limit_bytes, self._accept),
                self._host,
                self._port,
                family=self._family,
                start_serving=False,  # it waits in that, and a caller cancelled there loses the server
            )
            if not self._server.sockets:  # asyncio takes this for a family that is missing
                raise CannotListen(f"cannot listen at {where}: no socket can be made (too many open files?)")
            await self._server.start_serving()
        except BaseException as error:
            await self._stop()
            if isinstance(error, (OSError, ValueError)):  # as in `connect_tcp`
                raise CannotListen(f"cannot listen at {where}: {error}") from error
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            try:
                await _accept_no_more(server)
            finally:
                server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _accept(self, wire: _Wire) -> None:
        stream = TcpStream(wire)
        if self._server is None or len(self._tasks) >= self._max_connections:
            self.failures["too many connections"] += 1
            stream.reset()
            return
        task = asyncio.get_running_loop().create_task(self._serve(stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, stream: TcpStream) -> None:
        try:
            async with stream:
                await self._handler(stream)
        except (RemoteError, Closed, PeerTimeout) as error:
            self.failures[type(error).__name__] += 1
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"the handler of {stream.remote} raised", "exception": error}
            )
