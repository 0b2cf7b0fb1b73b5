"""Lab 0: small worlds in which a reader's functions are tried, and what goes wrong there in words.

A world is a simulated internet of Ana, who asks, and Ben, who answers, each a host. What a reader's function
leaves behind, waits for without end or raises in a handler comes out as a `Wrong` that says so.

A peer by script answers as its script says::

    def late(place: int, number: int) -> list[Reply]:   # to every ping: (seconds later, datagram)
        return [(2.5, encode_ping(PONG, number))]
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from p2plib.errors import Deadlock, DecodeError, Leak, TimeLimit, Unsupported
from p2plib.labs.engine.tasks import Wrong
from p2plib.labs.lab00_network.peer_socket import PeerSocket, connect
from p2plib.labs.lab00_network.wire import PING, PONG, decode_ping, encode_ping
from p2plib.sim import Host, Internet, Link

PORT = 4000
LIMIT_S, MOST_EVENTS = 3600.0, 200_000  # enough for every probe, and a second or two of a real machine

Reply = tuple[float, bytes]
Script = Callable[[int, int], list[Reply]]
Main = Callable[[Internet], Awaitable[Any]]


class Scripted(asyncio.DatagramProtocol):
    """A peer that answers pings as a script says.

    Args:
        script: from the place of a ping among those heard, from 0, and its number to the replies.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.heard: list[int] = []
        self.timers: list[asyncio.TimerHandle] = []

    def connection_made(self, transport: Any) -> None:
        """The socket is there."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """A ping has come."""
        try:
            kind, number = decode_ping(data)
        except DecodeError:
            return
        if kind != PING:
            return
        self.heard.append(number)
        loop = asyncio.get_running_loop()
        for delay, reply in self.script(len(self.heard) - 1, number):
            self.timers.append(loop.call_later(delay, self.transport.sendto, reply, addr))

    def close(self) -> None:
        """Close the socket and forget what was to be said."""
        for timer in self.timers:
            timer.cancel()
        self.transport.close()


def at_once(place: int, number: int) -> list[Reply]:
    """A script: the right answer, at once."""
    return [(0.0, encode_ping(PONG, number))]


async def serve(host: Host, protocol: Callable[[], Any], port: int = PORT) -> Any:
    """Open a UDP socket on a host for a protocol; return the protocol."""
    with host:
        _, made = await asyncio.get_running_loop().create_datagram_endpoint(
            protocol, local_addr=("0.0.0.0", port)
        )
    return made


async def asked(called: Any, name: str) -> Any:
    """Await what a reader's async function gave; `Wrong` if it is not async."""
    if not inspect.isawaitable(called):
        raise Wrong(f"{name} gave its answer without being awaited", "write async def, and await inside")
    return await called


def world(main: Main, *, seed: int = 1, link: Link | None = None) -> tuple[Any, Internet]:
    """Run something in a simulated internet of two hosts, "ana" and "ben".

    Args:
        main: the program; it is given the internet.
        seed: of the internet.
        link: between the two; 40 ms one way without loss by default.

    Returns:
        What the program returned, and the internet with its trace.

    Raises:
        Wrong: somebody waits forever, blocks the loop, or leaves something behind.
        NotImplementedError: the reader's function is not written yet. Anything else that the program raises.
    """
    net = Internet(seed, link=link or Link(latency=0.04), max_events=MOST_EVENTS)
    net.host("ana")
    net.host("ben")
    try:
        return net.run(main, time_limit_s=LIMIT_S), net
    except Exception as error:
        # What a handler raised comes first: what the program then missed is its consequence.
        in_handlers = [raised.context.get("exception") for raised in net.loop.raised]
        raise _in_words(error, next(filter(None, in_handlers), None)) from None


def _in_words(error: Exception, in_handler: Any) -> Exception:
    """What is to be said when a run has failed: a `Wrong`, or the error itself."""
    for blocking in (in_handler, error):
        if isinstance(blocking, Unsupported):
            return _blocking(blocking)
    if isinstance(in_handler, NotImplementedError):
        return in_handler
    if isinstance(in_handler, DecodeError):
        hint = "catch DecodeError and return: garbage from a stranger is no reason to stop"
        return Wrong("garbage made datagram_received raise DecodeError", hint)
    if isinstance(in_handler, asyncio.CancelledError):
        hint = "await what you cancel: await asyncio.gather(*tasks, return_exceptions=True)"
        return Wrong("a task was cancelled, and its gather was never awaited", hint)
    if in_handler is not None:
        what = f"it raised {type(in_handler).__name__} in a callback, where nobody catches it"
        return Wrong(f"{what}: {in_handler}")
    if isinstance(error, Deadlock):
        hint = "a datagram may be lost: put asyncio.timeout(timeout_s) around what waits"
        return Wrong("it waits forever for a datagram that never comes", hint)
    if isinstance(error, TimeLimit):
        hint = "every loop that sends or waits needs an end"
        return Wrong("it was still going after an hour of virtual time", hint)
    if isinstance(error, Leak):
        hint = "await what you start, and close what you open"
        return Wrong("it left a task, a timer or a socket behind", hint)
    return error


def _blocking(error: Unsupported) -> Wrong:
    if "time.sleep" in str(error):
        return Wrong("it called time.sleep", "that stops every peer at once; await asyncio.sleep(seconds)")
    return Wrong(
        "it asked for something that a simulated internet does not have", "the running loop is all you need"
    )


async def with_socket(net: Internet, script: Script, use: Callable[[PeerSocket], Any]) -> Any:
    """Let Ben answer by a script, and Ana use a socket to him."""
    ana, ben = net.hosts["ana"], net.hosts["ben"]
    scripted = await serve(ben, lambda: Scripted(script))

    async def on_ana() -> Any:
        async with await connect((ben.address, PORT)) as socket:
            return await use(socket)

    try:
        return await ana.run(on_ana())
    finally:
        scripted.close()


def sent_at(net: Internet, host: str = "ana") -> list[float]:
    """When a host sent its packets, in virtual seconds."""
    return [packet.sent_s for packet in net.trace if packet.sender == host]
