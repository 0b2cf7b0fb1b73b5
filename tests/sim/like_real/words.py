"""How a case says what it observed: values that are the same whenever the behaviour is.

Rules:

* An error is its class and its errno's name, never its text.
* A port of the range from which a system chooses is "ephemeral", as no two systems choose alike; cases use
  ports below it.
* Bytes are shown as text, long ones by their length.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

SOON_S = 0.05  # what is under way on a segment has arrived by then
TURNS = 10  # of the loop meanwhile, however long it stands still on a busy machine
PATIENCE_S = 20.0  # what has not happened by then does not happen
FIRST_EPHEMERAL_PORT = 32_768  # Linux chooses from here on
LONG_BYTES = 40

KINDS: tuple[tuple[Callable[[Any], bool], str], ...] = (  # what an object is, whatever its class is called
    (lambda value: isinstance(value, socket.socket), "socket"),
    (lambda value: isinstance(value, asyncio.AbstractServer), "server"),
    (lambda value: isinstance(value, asyncio.BaseTransport) and hasattr(value, "sendto"), "datagrams"),
    (lambda value: isinstance(value, asyncio.BaseTransport), "transport"),
)
GAI_NAMES = {getattr(socket, name): name for name in dir(socket) if name.startswith("EAI_")}


def plain(value: Any) -> Any:
    """Turn a value into what JSON can carry and what is the same on every run."""
    if isinstance(value, BaseException):
        return error_name(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        return data.decode("latin-1") if len(data) <= LONG_BYTES else f"{len(data)} bytes"
    if isinstance(value, tuple) and len(value) in (2, 4) and isinstance(value[0], str):
        ip, port, *more = value
        return [ip, "ephemeral" if isinstance(port, int) and port >= FIRST_EPHEMERAL_PORT else port, *more]
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)  # of socket's IntEnums the number
    if value is None or isinstance(value, (str, bool, float)):
        return value
    return next((word for is_one, word in KINDS if is_one(value)), type(value).__name__)


def error_name(error: BaseException) -> str:
    """Name an error by its class and, where it has one, its errno."""
    name = type(error).__name__
    if isinstance(error, ssl.SSLError):
        return f"{name} {error.reason}"
    if isinstance(error, socket.gaierror):
        return f"{name} {GAI_NAMES.get(error.errno or 0, error.errno)}"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{name} {errno.errorcode.get(error.errno, error.errno)}"
    return name


def tried(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call a function; return what it returned, or the name of what it raised."""
    try:
        return plain(function(*arguments, **named))
    except Exception as error:
        return error_name(error)


async def awaited(awaitable: Awaitable[Any], within_s: float = PATIENCE_S) -> Any:
    """Await something; return its result, the name of what it raised, or that it does not come."""
    try:
        return plain(await asyncio.wait_for(awaitable, within_s))
    except TimeoutError as error:
        return "nothing comes" if error.errno is None else error_name(error)
    except Exception as error:
        return error_name(error)


async def soon() -> None:
    """Wait until what is under way has arrived."""
    for _ in range(TURNS):
        await asyncio.sleep(SOON_S / TURNS)


def udp(ip: str | None = None, port: int = 0, *options: tuple[int, int, Any]) -> Any:
    """Open a UDP socket that does not block; bound, if an IP address is given.

    Args:
        ip: the address to bind; its look says the family.
        port: the port to bind.
        options: what to set before binding: level, option and value.
    """
    return _opened(socket.SOCK_DGRAM, ip, port, options)


def tcp(ip: str | None = None, port: int = 0, *options: tuple[int, int, Any]) -> Any:
    """Open a TCP socket that does not block; as `udp`."""
    return _opened(socket.SOCK_STREAM, ip, port, options)


def _opened(kind: int, ip: str | None, port: int, options: tuple[tuple[int, int, Any], ...]) -> Any:
    one = socket.socket(socket.AF_INET6 if ip and ":" in ip else socket.AF_INET, kind)
    one.setblocking(False)
    try:
        for option in options:
            one.setsockopt(*option)
        if ip is not None:
            one.bind((ip, port))
    except BaseException:
        one.close()
        raise
    return one


def bound(kind: Callable[..., Any], ip: str, port: int, *options: tuple[int, int, Any]) -> str:
    """Try to bind one more socket and close it again; "free", or the error's name.

    Args:
        kind: `udp` or `tcp`.
        ip: the address.
        port: the port.
        options: what to set before.
    """
    try:
        kind(ip, port, *options).close()
    except OSError as error:
        return error_name(error)
    return "free"


async def heard(one: Any) -> list[Any]:
    """Return the datagrams that a UDP socket has by soon, each with its sender."""
    await soon()
    return drained(one)


def drained(one: Any) -> list[Any]:
    """Take what a socket has to be read now: datagrams with their senders, and an error where one waits."""
    found: list[Any] = []
    while True:
        try:
            found.append(plain(one.recvfrom(65_536)))
        except BlockingIOError:
            return found
        except OSError as error:
            found.append(error_name(error))


async def joined(
    address: tuple[str, int], *, server_ip: str | None = None, at: Any = None
) -> tuple[Any, Any, Any]:
    """Return a listening socket, a client's and the server's end of a connection, none of which block.

    Args:
        address: where to listen and connect to.
        server_ip: where to listen, if it is another address.
        at: the machine that listens; by default this one.
    """
    loop = asyncio.get_running_loop()
    reuse = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if at is None:
        listening = tcp(server_ip or address[0], address[1], reuse)
        listening.listen()
    else:
        with at:
            listening = tcp(server_ip or address[0], address[1], reuse)
            listening.listen()
    client = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM)
    client.setblocking(False)
    await loop.sock_connect(client, address)
    server, _ = await loop.sock_accept(listening)
    return listening, client, server


class Ear(asyncio.DatagramProtocol):
    """A datagram protocol that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.told.append("made")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.told.append(plain([data, addr]))

    def error_received(self, exc: Exception) -> None:
        self.told.append(error_name(exc))

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(["lost", plain(exc)])


class Line(asyncio.Protocol):
    """A stream protocol that writes down what it is told; data that come in pieces are one entry.

    Args:
        keep_open: what `eof_received` returns.
    """

    def __init__(self, *, keep_open: bool = False) -> None:
        self.told: list[Any] = []
        self.transport: Any = None
        self.keep_open = keep_open

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        if self.told and isinstance(self.told[-1], bytes):
            self.told[-1] += data
        else:
            self.told.append(data)

    def eof_received(self) -> bool:
        self.told.append("end")
        return self.keep_open

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(["lost", plain(exc)])
