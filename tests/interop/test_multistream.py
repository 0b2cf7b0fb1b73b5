"""multistream-select with npm's module of that name, live, in both roles."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.errors import NoCommonProtocol, P2PError
from p2plib.protocol import multistream
from p2plib.protocol.conformance import read_all
from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import TcpListener, connect_tcp
from tests.interop import listening
from tests.interop.namespace import Namespace
from tests.interop.peers import ForeignPeer, PeerRefused

pytestmark = pytest.mark.interop

SPOKEN = ["/chat/1.0.0", "/echo/1.0.0"]


async def echoed(stream: Stream) -> str:
    await stream.write(b"hello")
    await stream.close_write()
    return (await read_all(stream)).decode()


async def dial(port: int) -> dict[str, Any]:
    """Everything that we ask of their listener."""
    async with asyncio.timeout(listening.TIMEOUT_S):
        async with await connect_tcp("127.0.0.1", port) as stream:
            second = await multistream.select(stream, ["/none/1", "/echo/1.0.0"]), await echoed(stream)
        async with await connect_tcp("127.0.0.1", port) as stream:
            lazy = await echoed(multistream.propose(stream, "/chat/1.0.0"))
        listed = await multistream.list_protocols(await connect_tcp("127.0.0.1", port))
        try:
            await multistream.select(await connect_tcp("127.0.0.1", port), ["/none/1"])
        except NoCommonProtocol as error:
            return {"second": second, "lazy": lazy, "listed": listed, "refused": str(error)}
    raise AssertionError("they took a protocol that they do not speak")


def test_we_propose_and_they_answer() -> None:
    with Namespace() as net, ForeignPeer("multistream.js", namespace=net) as peer:
        port = peer.ask("listen", protocols=SPOKEN)["port"]
        assert net.run_together(dial, port) == {
            "second": ["/echo/1.0.0", "hello"],
            "lazy": "hello",
            "listed": SPOKEN,
            "refused": "the other side speaks none of /none/1",
        }
        assert peer.next_event() == ("selected", "/echo/1.0.0")
        assert peer.next_event() == ("selected", "/chat/1.0.0")


async def listen(connections: int) -> list[str]:
    """Answer so many connections; say what was agreed on, or how it failed."""
    agreed: list[str] = []
    over = asyncio.Event()

    async def handler(stream: Stream) -> None:
        try:
            agreed.append(await multistream.answer(stream, SPOKEN))
            await stream.write(await read_all(stream))
        except P2PError as error:
            agreed.append(type(error).__name__)
        if len(agreed) == connections:
            over.set()

    async with asyncio.timeout(listening.TIMEOUT_S), TcpListener(handler, port=listening.PORT):
        await over.wait()
        await asyncio.sleep(0)
        return agreed


def test_they_propose_and_we_answer() -> None:
    here = {"port": listening.PORT}
    with Namespace() as net, ForeignPeer("multistream.js", namespace=net) as peer:

        def talk() -> list[str]:
            with pytest.raises(PeerRefused, match="protocol selection failed"):
                peer.ask("dial", **here, protocols=["/none/1"], hex="00")
            names: list[str] = peer.ask("list", **here)
            return names

        ours, theirs, names = listening.called_and_asked(
            net, listen, (3,), peer, talk, **here, protocols=["/none/1", "/chat/1.0.0"], hex="00ff80"
        )
        assert theirs == {"protocol": "/chat/1.0.0", "answer": "00ff80"}
        assert names == SPOKEN
        assert ours[0] == "/chat/1.0.0"
        assert set(ours[1:]) <= {"EndOfStream", "StreamReset"}
