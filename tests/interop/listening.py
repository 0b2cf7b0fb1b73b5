"""Being dialled by a foreign peer: a listener of ours in its namespace, and the peer told to dial it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import TcpListener
from tests.interop.namespace import Namespace
from tests.interop.peers import ForeignPeer, PeerRefused

TIMEOUT_S = 100.0  # less than a call may take, so that what hangs says where
PORT = 4001  # a namespace is a network of its own, so nobody else has it


async def serve_once(talk: Callable[[Stream], Awaitable[Any]]) -> Any:
    """Listen on `PORT`, talk with the first who calls, and return what came of it."""
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def handler(stream: Stream) -> None:
        try:
            done.set_result(await talk(stream))
        except BaseException as error:
            done.set_exception(error)

    async with TcpListener(handler, port=PORT), asyncio.timeout(TIMEOUT_S):
        return await done


def called_by(
    net: Namespace, listen: Callable[..., Any], arguments: tuple[Any, ...], peer: ForeignPeer, **call: Any
) -> tuple[Any, Any]:
    """Run our listener in the namespace and have the peer dial it, as soon as it is there.

    Returns:
        What the listener returned, and what the peer's "dial" returned, or its `PeerRefused`.
    """
    ours, answer, _ = called_and_asked(net, listen, arguments, peer, lambda: None, **call)
    return ours, answer


def called_and_asked(
    net: Namespace,
    listen: Callable[..., Any],
    arguments: tuple[Any, ...],
    peer: ForeignPeer,
    talk: Callable[[], Any],
    **call: Any,
) -> tuple[Any, Any, Any]:
    """The same, and then ask the peer more while our listener serves it.

    Returns:
        What the listener returned, what "dial" returned, and what `talk` returned.
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
        said = talk()
        return listening.result(), answer, said
