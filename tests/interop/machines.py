"""The handshake and channel machines over a plain asyncio connection: the least that a foreign peer needs.

Whatever waits, waits for `TIMEOUT_S` at most.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from tests.interop.namespace import Namespace
from tests.interop.peers import ForeignPeer, PeerRefused

TIMEOUT_S = 10.0
PORT = 4001  # of our own listener: a namespace is a network of its own, so nobody else has it


class Handshake(Protocol):
    need_bytes: int

    @property
    def is_finished(self) -> bool: ...
    def to_send(self) -> bytes: ...
    def receive(self, data: bytes) -> None: ...


class Opener(Protocol):
    need_bytes: int
    has_ended: bool

    def receive(self, data: bytes) -> bytes: ...


async def shake_hands(machine: Handshake, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not machine.is_finished:
            writer.write(machine.to_send())
            machine.receive(await reader.readexactly(machine.need_bytes))
        writer.write(machine.to_send())


async def read(opener: Opener, reader: asyncio.StreamReader, size: int) -> bytes:
    """Read that many bytes of plaintext, or fewer when the other side says goodbye."""
    said = b""
    async with asyncio.timeout(TIMEOUT_S):
        while len(said) < size and not opener.has_ended:
            said += opener.receive(await reader.readexactly(opener.need_bytes))
    return said


async def serve_once(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]],
) -> Any:
    """Listen on `PORT`, talk with the first who calls, and return what came of it."""
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            done.set_result(await talk(reader, writer))
        except BaseException as error:
            done.set_exception(error)
        finally:
            writer.close()

    async with await asyncio.start_server(called, "127.0.0.1", PORT), asyncio.timeout(TIMEOUT_S):
        return await done


def called_by(
    net: Namespace, listen: Callable[..., Any], arguments: tuple[Any, ...], peer: ForeignPeer, **call: Any
) -> tuple[Any, Any]:
    """Run our listener in the namespace and have the peer dial it.

    Returns:
        What the listener returned, and what the peer's "dial" did; an error of either is raised, except for a
        refusal of the peer, which is returned.
    """
    deadline = time.monotonic() + TIMEOUT_S
    with ThreadPoolExecutor(1) as pool:
        listening = pool.submit(net.run_together, listen, *arguments)
        while True:
            try:
                answer: Any = peer.ask("dial", **call)
                break
            except PeerRefused as refused:
                answer = refused
                if "ECONNREFUSED" not in str(refused) or time.monotonic() > deadline or listening.done():
                    break
            time.sleep(0.05)
        return listening.result(), answer
