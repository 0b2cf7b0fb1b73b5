"""What the tests with foreign nodes of the Mainline DHT share: where ours are, waiting, and single queries.

Everything of one test runs in one function inside a private namespace: our nodes, libtorrent's, and Node as a
child. Each has an address of its own in the loopback network, as hosts of the internet have, so the rules
about addresses are on.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from p2plib.discovery.mainline import krpc
from p2plib.discovery.mainline.driver import MainlineNode
from p2plib.discovery.mainline.messages import AnyKrpc, KrpcError, KrpcResponse
from p2plib.errors import NotFound, PeerTimeout
from p2plib.identity.keys import SecretKey
from p2plib.machine.addresses import Address
from tests.interop.namespace import Namespace

OURS, THEIRS = SecretKey.from_seed(bytes([1]) * 32), SecretKey.from_seed(bytes([2]) * 32)
SALT = b"pictures"
PORT = 6881
PATIENCE_S = 60.0
INSIDE_S = 300.0


def host_of(number: int) -> str:
    """An address of the loopback network, in a /16 of its own."""
    return f"127.{number}.0.{number}"


def in_namespace(function: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    with Namespace() as net:
        said: dict[str, Any] = net.run_together(function, timeout_s=INSIDE_S)
    return said


async def until(found: Callable[[], Awaitable[Any]]) -> Any:
    """What a call returns, as soon as it returns something: others need a moment to hear of what is new."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(NotFound, PeerTimeout):
                if result := await found():
                    return result
            await asyncio.sleep(0.05)


def our_node(number: int) -> AbstractAsyncContextManager[MainlineNode]:
    """A node of ours, with the settings that it has anywhere."""
    return MainlineNode.open(random.Random(number), host_of(number), PORT)


async def peers_of(node: MainlineNode, info_hash: bytes) -> list[Address]:
    return sorted({peer.address async for peer in node.get_peers(info_hash)})


def topic(name: str) -> bytes:
    return hashlib.sha1(name.encode()).digest()


class Asker:
    """Sends single queries from a socket of its own, and waits for what is answered."""

    def __init__(self, host: str) -> None:
        self.host = host

    async def __aenter__(self) -> Asker:
        loop = asyncio.get_running_loop()
        self._heard: asyncio.Queue[bytes] = asyncio.Queue()
        heard = self._heard

        class Ear(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, address: Any) -> None:
                heard.put_nowait(data)

        self._transport, _ = await loop.create_datagram_endpoint(Ear, local_addr=(self.host, 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    async def ask(self, query: AnyKrpc | bytes, address: Address) -> KrpcResponse | KrpcError:
        data = query if isinstance(query, bytes) else krpc.encode(query)
        async with asyncio.timeout(PATIENCE_S):
            self._transport.sendto(data, address)
            while True:
                answer = krpc.decode(await self._heard.get())
                if isinstance(answer, KrpcResponse | KrpcError):  # and no ping that asks who we are
                    return answer

    async def code(self, query: AnyKrpc | bytes, address: Address) -> int | None:
        """The code of the error that is answered; None if it is no error."""
        answer = await self.ask(query, address)
        return answer.code if isinstance(answer, KrpcError) else None
