"""Scuttlebutt's own peer (secret-stack with ssb-db and ssb-blobs), live: histories and blobs both ways."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest

from p2plib.data.feeds import blobs, history
from p2plib.data.feeds.blobs import BlobExchange
from p2plib.data.feeds.history import ClassicShelf, HistoryOptions
from p2plib.data.feeds.shelf import FeedShelf
from p2plib.data.log.validate import ClassicFormat
from p2plib.data.stores.blobs.ids import key_of_ssb_blob_id, ssb_blob_id
from p2plib.data.stores.blobs.memory import MemoryContent
from p2plib.data.stores.memory import MemoryStore
from p2plib.errors import CallFailed, HandshakeFailed
from p2plib.identity import ids
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.protocol import secure
from p2plib.protocol.muxrpc import methods
from p2plib.protocol.muxrpc.driver import Muxrpc
from p2plib.protocol.muxrpc.methods import MuxrpcMethod
from p2plib.protocol.scuttlebutt.secret_handshake import MAIN_NETWORK
from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import TcpListener, connect_tcp
from tests.interop import listening
from tests.interop.namespace import Namespace
from tests.interop.peers import ForeignPeer
from tests.protocol import stranger

pytestmark = pytest.mark.interop

OURS, THEIRS, STRANGER = (SecretKey.from_seed(bytes([number]) * 32) for number in (11, 12, 13))
PORT = 18_008
POSTS = ["one", "zwei ü", "three 🐚", '\u2028 and <tags> & "quotes"', ""]


def content(text: str) -> dict[str, Any]:
    return {"type": "post", "text": text, "n": [1.5, 1e21, -0.0, 0], "10": 1, "9": {}}


@asynccontextmanager
async def calling(
    network: bytes = MAIN_NETWORK,
    server: PublicKey = THEIRS.public,
    offered: dict[str, MuxrpcMethod] | None = None,
) -> Any:
    """A connection of ours to the sbot."""
    stream = await connect_tcp("127.0.0.1", PORT)
    secured = await secure.shs_client(stream, OURS, server, network=network)
    async with asyncio.timeout(listening.TIMEOUT_S), Muxrpc(secured, offered) as rpc:
        yield rpc


def shelf() -> ClassicShelf:
    return FeedShelf(MemoryStore(), ClassicFormat())


def started(peer: ForeignPeer, posts: list[str] = POSTS) -> list[str]:
    """The sbot runs, and has published; the ids of its messages."""
    answer = peer.ask("start", seed=THEIRS.expose_seed().hex(), port=PORT)
    assert answer == {"id": ids.ssb_feed_id(THEIRS.public)}
    return [peer.ask("publish", content=content(text)) for text in posts]


def base64_key(key: PublicKey) -> str:
    return base64.b64encode(key.raw).decode()


# We ask them


async def take_their_history() -> dict[str, Any]:
    """In two connections: the first two entries, then the rest."""
    ours, counts = shelf(), []
    for limit in (2, None):
        async with calling() as rpc:
            counts.append(await history.fetch(rpc, ours, THEIRS.public, limit=limit))
    feed = ours.feed(THEIRS.public)
    return {"counts": counts, "ids": [feed.id_at(number) for number in range(1, len(feed) + 1)]}


def test_we_take_their_history_and_go_on_where_we_stopped() -> None:
    with Namespace() as net, ForeignPeer("sbot.js", namespace=net) as peer:
        published = started(peer)
        assert net.run_together(take_their_history) == {"counts": [2, 3], "ids": published}


async def ask_around() -> dict[str, Any]:
    """What a stranger may, and what not."""
    said: dict[str, Any] = {}
    async with calling() as rpc:
        manifest = await rpc.call("manifest")
        said["manifest"] = manifest["createHistoryStream"]
        for name in ("whoami", "nosuch", "publish"):
            try:
                await rpc.call(name)
            except CallFailed as failed:
                said[name] = str(failed)
        stranger = rpc.source("createHistoryStream", HistoryOptions(STRANGER.public).encode())
        said["of a stranger"] = [item async for item in stranger]
        items = rpc.source("createHistoryStream", HistoryOptions(THEIRS.public, 2, 2).encode())
        said["from 2, at most 2"] = [item["key"] async for item in items]
        said["strays"] = rpc.machine.strays
    return said


def test_what_a_stranger_may_ask() -> None:
    with Namespace() as net, ForeignPeer("sbot.js", namespace=net) as peer:
        published = started(peer)
        said = net.run_together(ask_around)
        assert said["manifest"] == "source"
        for name in ("whoami", "nosuch", "publish"):
            assert said[name] == f"Error: method:{name} is not in list of allowed methods"
        assert said["of a stranger"] == []
        assert said["from 2, at most 2"] == published[1:3]
        assert said["strays"] == 0


async def dial_wrongly(network: str, server: str) -> str:
    try:
        async with calling(bytes.fromhex(network), PublicKey(bytes.fromhex(server))):
            return "connected"
    except HandshakeFailed as failed:
        return str(failed)


@pytest.mark.fault("F043")
def test_another_network_and_another_key() -> None:
    with Namespace() as net, ForeignPeer("sbot.js", namespace=net) as peer:
        started(peer, [])
        for network, server in ((bytes(32), THEIRS.public), (MAIN_NETWORK, STRANGER.public)):
            assert "hung up" in net.run_together(dial_wrongly, network.hex(), server.hex())
        assert net.run_together(dial_wrongly, MAIN_NETWORK.hex(), THEIRS.public.hex()) == "connected"


async def follow_live() -> list[str]:
    """What they have, and one message that they publish while we listen."""
    ours = shelf()
    async with calling() as rpc:
        following = asyncio.create_task(history.fetch(rpc, ours, THEIRS.public, live=True))
        feed = ours.follow(THEIRS.public)
        while len(feed) < 2:
            await ours.wait()
        following.cancel()
        await asyncio.wait([following])
    return [feed.id_at(number) for number in range(1, len(feed) + 1)]


def test_we_hear_of_what_they_publish_later() -> None:
    with Namespace() as net, ForeignPeer("sbot.js", namespace=net) as peer, ThreadPoolExecutor(1) as pool:
        published = started(peer, ["before"])
        following = pool.submit(net.run_together, follow_live)
        assert peer.next_event()[0] == "connected"
        published.append(peer.ask("publish", content=content("after")))
        assert following.result() == published


# The cells of three pages: the handshake, the messages, and muxrpc between them
PAGES = ["scuttlebutt", "../data/logs", "../data/feeds"]
LAST_LINES = """
import sys

host, port, network, server, seed = sys.argv[1:]
network, server, seed = map(bytes.fromhex, (network, server, seed))
me, signing = sodium.crypto_sign_seed_keypair(seed)
fresh = os.urandom(32)
one = prove(network, sodium.crypto_scalarmult_base(fresh))
sock = socket.create_connection((host, int(port)), 10)
sock.sendall(one)
two = take(sock, 64)
theirs = believe(network, two)
box, *agreed = introduce(network, signing, server, fresh, theirs)
sock.sendall(box)
shared = check_server(take(sock, 80), network, signing, server, theirs, *agreed)
sending, receiving = [sha256(shared, server), two[:24]], [sha256(shared, me), one[:24]]
heard = b""


def send(data):
    raw, sending[1] = seal_body(*sending, data)
    sock.sendall(raw)


def take_plain(size):
    global heard
    while len(heard) < size:
        key, nonce = receiving
        head = sodium.crypto_secretbox_open(take(sock, 34), nonce, key)
        body = head[2:] + take(sock, int.from_bytes(head[:2], "big"))
        receiving[1] = count_up(count_up(nonce))
        heard += sodium.crypto_secretbox_open(body, count_up(nonce), key)
    data, heard = heard[:size], heard[size:]
    return data


author = f"@{base64.b64encode(server).decode()}.ed25519"
before = None
for message in ask_history(send, take_plain, author):
    check(message, before)
    before = message
sock.close()
print(before["sequence"], id_of(before))
"""


async def as_a_stranger() -> str:
    arguments = MAIN_NETWORK.hex(), THEIRS.public.hex(), STRANGER.expose_seed().hex()
    return await stranger.call(PAGES, LAST_LINES, "127.0.0.1", PORT, *arguments)


def test_the_stranger_of_the_pages_takes_their_history() -> None:
    """Handshake, box stream, muxrpc and the judging of messages, all from pages, with nothing of ours."""
    with Namespace() as net, ForeignPeer("sbot.js", namespace=net) as peer:
        published = started(peer, [])
        for text in ("one", "zwei ü", "three"):
            published.append(peer.ask("publish", content={"type": "post", "text": text}))
        assert net.run_together(as_a_stranger) == f"3 {published[-1]}"


# They ask us


async def serve(posts: list[str], connections: int) -> dict[str, Any]:
    """Answer so many connections from our log."""
    ours = shelf()
    for number, text in enumerate(posts):
        ours.write(OURS, content(text), 1_500_000_000_000 + number)
    ended = asyncio.Event()
    callers, failures, left = list[str](), list[Any](), connections

    async def whoami(rpc: Muxrpc) -> Any:
        return {"id": ids.ssb_feed_id(OURS.public)}

    offered = {history.NAME: history.serve(ours), "whoami": methods.asynchronous(whoami)}

    async def handler(stream: Stream) -> None:
        nonlocal left
        secured = await secure.shs_server(stream, OURS)
        async with Muxrpc(secured, offered) as rpc:
            assert isinstance(rpc.remote_key, PublicKey)
            callers.append(ids.ssb_feed_id(rpc.remote_key))
            await rpc.wait_closed()
            failures.append([rpc.failures, rpc.machine.strays])
        left -= 1
        if not left:
            ended.set()

    async with TcpListener(handler, port=listening.PORT), asyncio.timeout(listening.TIMEOUT_S):
        await ended.wait()
    feed = ours.feed(OURS.public) if posts else ours.follow(OURS.public)
    numbers = range(1, len(feed) + 1)
    return {"callers": callers, "ids": [feed.id_at(n) for n in numbers], "failures": failures}


def test_they_take_our_history() -> None:
    mine = ids.ssb_feed_id(OURS.public)
    with Namespace() as net, ForeignPeer("sbot.js", namespace=net) as peer:
        started(peer, [])
        to = {"port": listening.PORT, "key": base64_key(OURS.public)}

        def more() -> list[Any]:
            again = peer.ask("dial", **to, options={"id": mine, "seq": 4, "keys": False})
            return [again, peer.ask("log", id=mine)]

        first_call = to | {"options": {"id": mine, "limit": 3}}
        ours, first, (again, log) = listening.called_and_asked(
            net, serve, (POSTS, 2), peer, more, **first_call
        )
        assert (first, again) == ({"added": 3}, {"added": 2})
        assert log == ours["ids"]
        assert ours["callers"] == [ids.ssb_feed_id(THEIRS.public)] * 2
        assert ours["failures"] == [[{}, 0], [{}, 0]]


# Blobs

PICTURE = bytes(range(256)) * 700  # 175 KiB: three pieces


async def trade_blobs(theirs: str, ours: str) -> dict[str, Any]:
    """Fetch one of theirs by asking, another by wanting; and let them fetch one of ours."""
    store = MemoryContent()
    with store.write() as writer:
        writer.write(bytes.fromhex(ours))
        writer.finish()
    exchange, served = BlobExchange(store), asyncio.Event()
    offered = exchange.methods()

    async def give(rpc: Muxrpc, asked: Any) -> AsyncIterator[Any]:
        async for piece in offered["blobs.get"].handler(rpc, asked):
            yield piece
        served.set()

    said: dict[str, Any] = {}
    async with calling(offered=offered | {"blobs.get": methods.source(give, is_public=True)}) as rpc:
        said["has"] = await rpc.call("blobs.has", theirs)
        said["size"] = (await blobs.get(rpc, store, theirs)).size_bytes
        with store.read(key_of_ssb_blob_id(theirs)) as reader:
            said["sha256"] = hashlib.sha256(reader.read_all()).hexdigest()
        store.remove(key_of_ssb_blob_id(theirs))
        for what, id, most in (("missing", ssb_blob_id("00" * 32), 1000), ("too large", theirs, 1000)):
            try:
                await blobs.get(rpc, store, id, max_bytes=most)
            except CallFailed as failed:
                said[what] = failed.sentence[:21]
        exchanging = asyncio.create_task(exchange.exchange(rpc))
        said["wanted"] = (await exchange.want(theirs)).size_bytes
        await served.wait()
        said["failures"] = [rpc.failures, exchange.failures]
    await exchanging
    return said


@pytest.mark.fault("F118")
def test_blobs_both_ways() -> None:
    ours = b"ours, " * 20_000
    with Namespace() as net, ForeignPeer("sbot.js", namespace=net) as peer, ThreadPoolExecutor(1) as pool:
        started(peer, [])
        theirs = peer.ask("addBlob", hex=PICTURE.hex())
        trading = pool.submit(net.run_together, trade_blobs, theirs, ours.hex())
        assert peer.next_event()[0] == "connected"
        mine = ssb_blob_id(hashlib.sha256(ours).hexdigest())
        assert peer.ask("want", id=mine) is True
        assert bytes.fromhex(peer.ask("blob", id=mine)) == ours
        assert trading.result() == {
            "has": True,
            "size": len(PICTURE),
            "sha256": hashlib.sha256(PICTURE).hexdigest(),
            "missing": "stat failed",
            "too large": "incorrect file length",
            "wanted": len(PICTURE),
            "failures": [{}, 0],
        }
