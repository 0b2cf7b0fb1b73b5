"""Blocks exchanged live with ipfs-bitswap and @helia/bitswap, both ways: our driver, and messages by hand."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from p2plib.data.blocks.bitswap import messages
from p2plib.data.blocks.bitswap.driver import BlockExchange
from p2plib.data.blocks.bitswap.messages import (
    FRAMES,
    PROTOCOLS,
    BitswapMessage,
    BlockPresence,
    Presence,
    WantEntry,
    WantKind,
    payload_of,
)
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import Block, block_of
from p2plib.data.dag.walk import DagWalk, walk_store
from p2plib.errors import NotFound
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from p2plib.protocol.connection import Connection
from p2plib.protocol.framing import FramedStream
from p2plib.protocol.node import Node
from p2plib.protocol.stream import Stream
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from tests.data.blocks.bitswap.test_graphs import tree
from tests.interop import listening
from tests.interop.beside import beside
from tests.interop.namespace import Namespace
from tests.interop.peers import ForeignPeer, PeerRefused

pytestmark = pytest.mark.interop

OURS = SecretKey.from_seed(bytes([1]) * 32)
ADDRESS = f"/ip4/127.0.0.1/tcp/{listening.PORT}/p2p/{ids.peer_id(OURS.public)}"
MANY, SIZE = 150, 20_000
LARGE, LARGE_BYTES = 6, 1024 * 1024


IPFS, HELIA = "bitswap.mjs", "helia_bitswap.mjs"


@pytest.fixture(params=[IPFS, HELIA])
def js(request: pytest.FixtureRequest) -> Iterator[tuple[Namespace, ForeignPeer]]:
    with Namespace() as net, ForeignPeer(request.param, namespace=net) as peer:
        yield net, peer


@pytest.fixture
def importer() -> Iterator[tuple[Namespace, ForeignPeer]]:
    """The one that makes files and walks through graphs, too."""
    with Namespace() as net, ForeignPeer(IPFS, namespace=net) as peer:
        yield net, peer


def text(block: Block) -> str:
    return cids.to_text(block.cid)


def numbered(number: int, size: int) -> Block:
    """The block that the foreign peer gives this number."""
    unit = f"{number},".encode()
    return block_of((unit * (size // len(unit) + 1))[:size])


async def fetch(address: str, wanted: list[str], missing: str) -> dict[str, Any]:
    """Fetch blocks from a peer, and one that it does not have."""
    async with (
        asyncio.timeout(listening.TIMEOUT_S),
        Node(OURS) as node,
        BlockExchange(node, MemoryBlocks()) as exchange,
    ):
        await exchange.connect(address)
        await exchange.fetch_many(cids.parse_text(each) for each in wanted)
        found = hashlib.sha256()
        for each in wanted:
            found.update(await exchange.fetch(cids.parse_text(each)))
        try:
            await exchange.fetch(cids.parse_text(missing), waits_for_it=False)
        except NotFound as error:
            sentence = str(error)
        (ledger,) = exchange.machine.ledgers.values()
        return {
            "hash": found.hexdigest(),
            "missing": sentence,
            "useful": ledger.useful_blocks,
            "double": ledger.double_blocks,
            "strikes": ledger.strikes,
        }


@pytest.mark.parametrize(("count", "size"), [(MANY, SIZE), (MANY, 100), (LARGE, LARGE_BYTES)])
def test_we_fetch_from_them(js: tuple[Namespace, ForeignPeer], count: int, size: int) -> None:
    net, peer = js
    where = peer.ask("listen")
    wanted = peer.ask("fill", count=count, size=size)
    blocks = [numbered(number, size) for number in range(count)]
    assert wanted == [text(block) for block in blocks]
    nowhere = text(block_of(b"nobody has this"))
    found = net.run_together(fetch, where["address"], wanted, nowhere)
    assert found == {
        "hash": hashlib.sha256(b"".join(block.data for block in blocks)).hexdigest(),
        "missing": f"none of 1 peers has {nowhere}",
        "useful": count,
        "double": 0,
        "strikes": 0,
    }


async def serve(late: str) -> dict[str, Any]:
    """Be dialled, serve blocks, and add one more when somebody wants it; until the other side has gone."""
    store = MemoryBlocks()
    store.put([numbered(number, SIZE) for number in range(MANY)])
    store.put([numbered(number, LARGE_BYTES) for number in range(LARGE)])
    block = block_of(late.encode())
    async with (
        asyncio.timeout(listening.TIMEOUT_S),
        Node(OURS) as node,
        BlockExchange(node, store) as exchange,
    ):
        await node.listen(f"/ip4/127.0.0.1/tcp/{listening.PORT}")
        while not exchange.peers:
            await asyncio.sleep(0.01)
        (name,) = exchange.peers
        (connection,) = node.connections
        while all(want.cid != block.cid for want in exchange.machine.serving.wants_of(name)):
            await asyncio.sleep(0.01)
        exchange.add(block)
        while exchange.machine.has_message(name):
            await asyncio.sleep(0.01)
        ledger = exchange.machine.ledgers[name]
        await connection.wait_closed()
        return {"blocks": ledger.sent_blocks, "bytes": ledger.sent_bytes, "failures": dict(node.failures)}


def test_they_fetch_from_us(js: tuple[Namespace, ForeignPeer]) -> None:
    """Many blocks, large ones, one that we get later; one that they want no more is never sent."""
    net, peer = js
    peer.ask("listen")
    late, cancelled = "comes later", text(block_of(b"cancelled"))

    def theirs() -> dict[str, Any]:
        many = [text(numbered(number, SIZE)) for number in range(MANY)]
        large = [text(numbered(number, LARGE_BYTES)) for number in range(LARGE)]
        said = {"many": peer.ask("getMany", cids=many), "large": peer.ask("getMany", cids=large)}
        with pytest.raises(PeerRefused):
            peer.ask("get", cid=cancelled, milliseconds=300)
        peer.ask("begin", cid=text(block_of(late.encode())))
        said["late"] = peer.next_event()
        said["ledger"] = peer.ask("ledger")
        peer.ask("hangUp", address=ADDRESS)
        return said

    ours, dialled, said = listening.called_and_asked(net, serve, (late,), peer, theirs, address=ADDRESS)
    assert dialled == ids.peer_id(OURS.public)
    assert said["many"] == MANY * SIZE
    assert said["large"] == LARGE * LARGE_BYTES
    assert said["late"] == ("came", late)
    total = MANY * SIZE + LARGE * LARGE_BYTES + len(late)
    assert said["ledger"]["came"] == total
    assert (ours["blocks"], ours["bytes"]) == (MANY + LARGE + 1, total)


async def fetch_file(address: str, root: str) -> dict[str, Any]:
    """Fetch a graph whole, then once more, and what its file is."""
    async with (
        asyncio.timeout(listening.TIMEOUT_S),
        Node(OURS) as node,
        BlockExchange(node, MemoryBlocks()) as exchange,
    ):
        await exchange.connect(address)
        walk = await exchange.fetch_dag(cids.parse_text(root))
        (ledger,) = exchange.machine.ledgers.values()
        again = await exchange.fetch_dag(cids.parse_text(root))
        return {
            "visited": [walk.visited_blocks, again.visited_blocks],
            "useful": ledger.useful_blocks,
            "strikes": ledger.strikes,
            "leaves": hashlib.sha256(
                b"".join(
                    visit.data
                    for visit in walk_store(exchange.store, DagWalk(cids.parse_text(root)))
                    if visit.cid.codec == multicodec.RAW
                )
            ).hexdigest(),
        }


def test_we_fetch_a_file_that_they_imported(importer: tuple[Namespace, ForeignPeer]) -> None:
    net, peer = importer
    where = peer.ask("listen")
    size, chunk = 1_200_000, 4096
    made = peer.ask("importFile", size=size, chunk=chunk)
    assert made["blocks"] > 100
    found = net.run_together(fetch_file, where["address"], made["root"])
    assert (found["visited"], found["useful"]) == ([made["blocks"]] * 2, made["blocks"])
    assert found["strikes"] == 0
    file = b"".join(number.to_bytes(4, "big") for number in range(size // 4))
    assert found["leaves"] == hashlib.sha256(file).hexdigest()


async def serve_graph() -> int:
    """Be dialled, serve a graph, and say how many blocks were sent when the other side has gone."""
    _, blocks = tree(12, 3000)
    store = MemoryBlocks()
    store.put(blocks)
    async with (
        asyncio.timeout(listening.TIMEOUT_S),
        Node(OURS) as node,
        BlockExchange(node, store) as exchange,
    ):
        await node.listen(f"/ip4/127.0.0.1/tcp/{listening.PORT}")
        while not node.connections:
            await asyncio.sleep(0.01)
        (connection,) = node.connections
        await connection.wait_closed()
        return sum(ledger.sent_blocks for ledger in exchange.machine.ledgers.values())


def test_they_fetch_a_graph_of_ours(importer: tuple[Namespace, ForeignPeer]) -> None:
    net, peer = importer
    peer.ask("listen")
    root, blocks = tree(12, 3000)

    def theirs() -> int:
        count = peer.ask("walk", root=text(root))
        peer.ask("hangUp", address=ADDRESS)
        return count

    ours, _, count = listening.called_and_asked(net, serve_graph, (), peer, theirs, address=ADDRESS)
    assert count == len(blocks) == 157
    assert ours >= 157


class Script:
    """A peer that says by hand what a test wants it to say, and keeps what the other side said."""

    def __init__(self) -> None:
        self.said: list[BitswapMessage] = []
        self.connection: Connection

    async def take(self, stream: Stream, connection: Connection) -> None:
        async for raw in FramedStream(stream, FRAMES):
            self.said.append(messages.decode(raw))

    async def send(self, message: BitswapMessage) -> None:
        stream, _ = await self.connection.open_stream(*PROTOCOLS)
        async with stream:
            await stream.write(FRAMES.encode(messages.encode(message)))
            await stream.close_write()

    async def until(self, holds: Callable[[BitswapMessage], object]) -> BitswapMessage:
        """Waits for a message, and takes it away with all before it."""
        while True:
            for number, message in enumerate(self.said):
                if holds(message):
                    del self.said[: number + 1]
                    return message
            await asyncio.sleep(0.005)


async def ask(address: str, small: str, large: str, last: str, nowhere: str) -> dict[str, Any]:
    """Want-have and want-block, of what it has and lacks, each with its answer; then garbage."""
    script = Script()
    async with (
        asyncio.timeout(listening.TIMEOUT_S),
        Node(OURS, dict.fromkeys(PROTOCOLS, script.take)) as node,
    ):
        script.connection = await node.dial(address)
        found: dict[str, Any] = {}

        async def answered(name: str, entry: WantEntry) -> None:
            await script.send(BitswapMessage((entry,)))
            message = await script.until(lambda one: one.payload or one.presences)
            found[name] = [len(message.payload), *(int(each.presence) for each in message.presences)]

        small_cid, large_cid, last_cid, no_cid = map(cids.parse_text, (small, large, last, nowhere))
        await answered("have small", WantEntry(small_cid, kind=WantKind.HAVE))
        await answered("have large", WantEntry(large_cid, kind=WantKind.HAVE))
        await answered("large", WantEntry(large_cid))
        await answered("lacks", WantEntry(no_cid, asks_dont_have=True))
        old = block_of(b"old", multicodec.DAG_PB, version=0).cid
        await answered("version 0", WantEntry(old, asks_dont_have=True))
        stream, _ = await script.connection.open_stream(*PROTOCOLS)
        await stream.write(b"\x05\xff\xff\xff\xff\xff")
        await answered("after garbage", WantEntry(last_cid))
        stream.reset()
        return found


def test_their_answers_are_those_that_we_would_give(js: tuple[Namespace, ForeignPeer]) -> None:
    net, peer = js
    where = peer.ask("listen")
    # each once: @helia/bitswap does not send a block again so soon
    small, large, last, _ = (peer.ask("put", text=each) for each in ("hello", "x" * 100_000, "last", "old"))
    found = net.run_together(ask, where["address"], small, large, last, text(block_of(b"nowhere")))
    assert found == {
        "have small": [1],
        "have large": [0, int(Presence.HAVE)],
        "large": [1],
        "lacks": [0, int(Presence.DONT_HAVE)],
        "version 0": [1],  # wants match by multihash
        "after garbage": [1],
    }


async def deceive(wanted: str, cancels: bool) -> dict[str, Any]:
    """Be dialled by somebody that wants a block: send a wrong one, then say that we have it, then send it.

    Returns what it wanted, and what it cancelled then, if it ever does.
    """
    script, block = Script(), block_of(b"python has it")
    async with (
        asyncio.timeout(listening.TIMEOUT_S),
        Node(OURS, dict.fromkeys(PROTOCOLS, script.take)) as node,
    ):
        await node.listen(f"/ip4/127.0.0.1/tcp/{listening.PORT}")
        while not node.connections:
            await asyncio.sleep(0.005)
        (script.connection,) = node.connections
        message = await script.until(lambda one: one.wants)
        wants = [cids.to_text(want.cid) for want in message.wants]
        wrong = block_of(b"something else")
        await script.send(BitswapMessage(payload=(payload_of(wrong.cid, wrong.data),)))
        await script.send(BitswapMessage(presences=(BlockPresence(block.cid, Presence.HAVE),)))
        await asyncio.sleep(0.2)
        early = any(want.is_cancel for one in script.said for want in one.wants)
        await script.send(BitswapMessage(payload=(payload_of(block.cid, block.data),)))
        if cancels:
            end = await script.until(lambda one: any(want.is_cancel for want in one.wants))
            cancelled = [cids.to_text(each.cid) for each in end.wants]
        else:
            await script.connection.wait_closed()
            cancelled = [cids.to_text(each.cid) for one in script.said for each in one.wants]
        return {"wants": wants, "early": early, "cancelled": cancelled}


def test_a_wrong_block_first(js: tuple[Namespace, ForeignPeer], request: pytest.FixtureRequest) -> None:
    """@helia/bitswap means to cancel what has come, and leaves that line out of every message."""
    net, peer = js
    cancels = request.node.callspec.params["js"] == IPFS
    peer.ask("listen")
    wanted = text(block_of(b"python has it"))

    def theirs() -> Any:
        peer.ask("begin", cid=wanted)
        event = peer.next_event()
        wrong = peer.ask("has", cid=text(block_of(b"something else")))
        if not cancels:
            time.sleep(0.5)  # much longer than it collects lines
            peer.ask("hangUp", address=ADDRESS)
        return event, wrong

    ours, _, (event, wrong) = listening.called_and_asked(
        net, deceive, (wanted, cancels), peer, theirs, address=ADDRESS
    )
    assert event == ("came", "python has it")
    assert wrong is False
    assert ours == {"wants": [wanted], "early": False, "cancelled": [wanted] if cancels else []}


async def want_for_a_while(address: str, first: str, second: str) -> dict[str, Any]:
    """Want two blocks that nobody has, one of them only for a moment, until the other one comes."""
    async with (
        asyncio.timeout(listening.TIMEOUT_S),
        Node(OURS) as node,
        BlockExchange(node, MemoryBlocks()) as exchange,
    ):
        await exchange.connect(address)
        try:
            await exchange.fetch(cids.parse_text(first), timeout_s=3.0)
        except NotFound as error:
            sentence = str(error)
        data = await exchange.fetch(cids.parse_text(second), timeout_s=listening.TIMEOUT_S)
        (ledger,) = exchange.machine.ledgers.values()
        return {"sentence": sentence, "data": data.decode(), "blocks": ledger.came_blocks}


def test_a_late_block_and_one_that_we_cancelled(js: tuple[Namespace, ForeignPeer]) -> None:
    net, peer = js
    where = peer.ask("listen")
    first, second = (text(block_of(each)) for each in (b"first", b"second"))

    def theirs() -> list[str]:
        deadline = time.monotonic() + listening.TIMEOUT_S
        while (wants := peer.ask("wants")) != [second]:
            assert time.monotonic() < deadline, wants
            time.sleep(0.02)
        peer.ask("put", text="first")  # cancelled by now: it is not sent
        peer.ask("put", text="second")
        return wants

    ours, wants = beside(net, want_for_a_while, where["address"], first, second, theirs=theirs)
    assert wants == [second]
    assert ours == {"sentence": f"none of 1 peers has {first}", "data": "second", "blocks": 1}
