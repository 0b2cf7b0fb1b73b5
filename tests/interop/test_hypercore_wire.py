"""Replication with npm's hypercore 9 over TCP: both roles, in part, live, and with a liar between."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.data.hypercore import driver, messages
from p2plib.data.hypercore.core import Hypercore
from p2plib.data.hypercore.driver import SharedFeed
from p2plib.data.hypercore.messages import BlockData, FeedMessage
from p2plib.data.hypercore.secure import FeedHandshake
from p2plib.errors import P2PError
from p2plib.protocol.framing import FrameDecoder
from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import connect_tcp
from tests.data.hypercore.feeds import AUTHOR, content, feed
from tests.interop import listening
from tests.interop.namespace import Namespace
from tests.interop.peers import ForeignPeer

pytestmark = pytest.mark.interop

SEED, KEY = AUTHOR.expose_seed().hex(), AUTHOR.public.hex()
MODES = pytest.mark.parametrize("plain", [True, False], ids=["plain", "encrypted"])


def contents(first: int, end: int) -> list[str]:
    return [content(block).hex() for block in range(first, end)]


class Counting:
    """Counts what goes over a stream, in both directions."""

    def __init__(self, stream: Stream) -> None:
        self.received = self.sent = 0
        read, send = stream._read, stream._send

        async def counted_read(max_bytes: int) -> bytes:
            data = await read(max_bytes)
            self.received += len(data)
            return data

        def counted_send(data: bytes) -> None:
            self.sent += len(data)
            send(data)

        stream._read, stream._send = counted_read, counted_send  # type: ignore[method-assign]


# We dial them


async def fetch_all(port: int, plain: bool, length: int) -> dict[str, Any]:
    shared = SharedFeed(Hypercore(AUTHOR.public), everything=True)
    stream = await connect_tcp("127.0.0.1", port)
    stats = await shared.replicate(stream, initiator=True, encrypted=not plain, live=False)
    core = shared.core
    return {
        "received": stats.received_blocks,
        "right": [core.get(block) for block in range(core.length)] == [content(b) for b in range(length)],
        "head": core.head == feed(length).head,
    }


def is_hang_up(reason: str | None) -> bool:
    """Whether a stream of theirs ended because we had gone, and not for what we had said.

    How the end of a connection looks to them depends on whether something of theirs was still under way.
    """
    return reason is None or any(
        word in reason
        for word in ("ECONNRESET", "EPIPE", "ended by the other party", "premature", "after end")
    )


@MODES
@pytest.mark.parametrize("length", [1, 40, 3000])
def test_we_fetch_all_of_theirs(plain: bool, length: int) -> None:
    with Namespace() as net, ForeignPeer("hypercore.js", namespace=net) as peer:
        peer.ask("open", name="feed", seed=SEED)
        peer.ask("append", name="feed", contents=contents(0, length))
        port = peer.ask("listen", name="feed", plain=plain, live=False)["port"]
        answer = net.run_together(fetch_all, port, plain, length)
        assert answer == {"received": length, "right": True, "head": True}
        event, data = peer.next_event()
        assert event == "closed"
        assert is_hang_up(data["reason"]), data


async def fetch_some(port: int, plain: bool, blocks: list[int]) -> dict[str, Any]:
    shared = SharedFeed(Hypercore(AUTHOR.public))
    stream = await connect_tcp("127.0.0.1", port)
    count = Counting(stream)
    task = asyncio.ensure_future(shared.replicate(stream, initiator=True, encrypted=not plain))
    found = await asyncio.gather(*(shared.get(block) for block in blocks))
    task.cancel()
    await asyncio.wait([task])
    return {
        "right": found == [content(block % 50) for block in blocks],
        "here": shared.core.count,
        "length": shared.core.length,
        "received": count.received,
    }


@MODES
def test_we_fetch_a_few_of_many(plain: bool) -> None:
    """Five blocks of 20,000: some kilobytes, not the half megabyte of all of them."""
    with Namespace() as net, ForeignPeer("hypercore.js", namespace=net) as peer:
        peer.ask("open", name="feed", seed=SEED)
        peer.ask("append", name="feed", contents=[content(block % 50).hex() for block in range(20_000)])
        port = peer.ask("listen", name="feed", plain=plain)["port"]
        answer = net.run_together(fetch_some, port, plain, [17, 19_999, 4096, 4097, 12_345])
        received = answer.pop("received")
        assert answer == {"right": True, "here": 5, "length": 20_000}
        assert received < 6000


async def follow(port: int, plain: bool, length: int) -> dict[str, Any]:
    shared = SharedFeed(Hypercore(AUTHOR.public), everything=True)
    stream = await connect_tcp("127.0.0.1", port)
    task = asyncio.ensure_future(shared.replicate(stream, initiator=True, encrypted=not plain))
    async with asyncio.timeout(listening.TIMEOUT_S):
        await shared.until(lambda core: core.count == length)
    task.cancel()
    await asyncio.wait([task])
    return {"head": shared.core.head == feed(length).head}


@MODES
def test_we_follow_a_feed_that_they_append_to(plain: bool) -> None:
    with Namespace() as net, ForeignPeer("hypercore.js", namespace=net) as peer:
        peer.ask("open", name="feed", seed=SEED)
        peer.ask("append", name="feed", contents=contents(0, 3))
        port = peer.ask("listen", name="feed", plain=plain)["port"]
        peer.ask("appendLater", name="feed", batches=[contents(3, 4), contents(4, 11)])
        assert net.run_together(follow, port, plain, 11) == {"head": True}


# They dial us


async def serve(plain: bool, length: int, later: int, live: bool) -> dict[str, Any]:
    shared = SharedFeed(feed(length))

    async def talk(stream: Stream) -> dict[str, Any]:
        count = Counting(stream)
        task = asyncio.ensure_future(
            shared.replicate(stream, initiator=False, encrypted=not plain, live=live)
        )
        for block in range(length, length + later):
            shared.append(content(block))
            await asyncio.sleep(0)
        try:
            stats = await task
        except P2PError as error:
            return {"error": str(error), "sent": count.sent}
        return {"blocks": stats.sent_blocks, "sent": count.sent}

    result: dict[str, Any] = await listening.serve_once(talk)
    return result


@MODES
@pytest.mark.parametrize("length", [1, 40, 3000])
def test_they_fetch_all_of_ours(plain: bool, length: int) -> None:
    with Namespace() as net, ForeignPeer("hypercore.js", namespace=net) as peer:
        peer.ask("open", name="copy", key=KEY)
        ours, _ = listening.called_by(
            net,
            serve,
            (plain, length, 0, False),
            peer,
            name="copy",
            port=listening.PORT,
            plain=plain,
            live=False,
        )
        assert ours["blocks"] == length
        assert peer.next_event() == ("sync", length)
        event, data = peer.next_event()
        assert event == "closed"
        assert is_hang_up(data["reason"]), data
        assert peer.ask("audit", name="copy") == {"valid": length, "invalid": 0}


async def take(plain: bool) -> dict[str, Any]:
    shared = SharedFeed(Hypercore(AUTHOR.public), everything=True)

    async def talk(stream: Stream) -> dict[str, Any]:
        stats = await shared.replicate(stream, initiator=False, encrypted=not plain, live=False)
        return {"received": stats.received_blocks, "head": shared.core.head == feed(40).head}

    result: dict[str, Any] = await listening.serve_once(talk)
    return result


@MODES
def test_they_dial_and_give(plain: bool) -> None:
    with Namespace() as net, ForeignPeer("hypercore.js", namespace=net) as peer:
        peer.ask("open", name="feed", seed=SEED)
        peer.ask("append", name="feed", contents=contents(0, 40))
        ours, _ = listening.called_by(
            net, take, (plain,), peer, name="feed", port=listening.PORT, plain=plain, live=False
        )
        assert ours == {"received": 40, "head": True}
        event, data = peer.next_event()
        assert event == "closed"
        assert is_hang_up(data["reason"]), data


async def give(port: int, plain: bool) -> dict[str, Any]:
    shared = SharedFeed(feed(40))
    stream = await connect_tcp("127.0.0.1", port)
    stats = await shared.replicate(stream, initiator=True, encrypted=not plain, live=False)
    return {"sent": stats.sent_blocks}


@MODES
def test_we_dial_and_give(plain: bool) -> None:
    with Namespace() as net, ForeignPeer("hypercore.js", namespace=net) as peer:
        peer.ask("open", name="copy", key=KEY)
        port = peer.ask("listen", name="copy", plain=plain, live=False)["port"]
        assert net.run_together(give, port, plain) == {"sent": 40}
        assert peer.next_event() == ("sync", 40)
        assert peer.ask("audit", name="copy") == {"valid": 40, "invalid": 0}


def test_they_find_the_block_of_a_byte() -> None:
    with Namespace() as net, ForeignPeer("hypercore.js", namespace=net) as peer:
        peer.ask("open", name="copy", key=KEY, sparse=True)
        core = feed(500)
        bytes_ = [core.place(block)[0] + 2 for block in (333, 3, 499)]

        def talk() -> Any:
            found = [peer.ask("seek", name="copy", byte=byte) for byte in bytes_]
            peer.ask("close", name="copy")
            return found

        ours, _, theirs = listening.called_and_asked(
            net, serve, (False, 500, 0, True), peer, talk, name="copy", port=listening.PORT
        )
        assert theirs == [[333, 2], [3, 2], [499, 2]]
        assert ours["blocks"] == 0


@MODES
def test_they_fetch_a_few_of_many(plain: bool) -> None:
    with Namespace() as net, ForeignPeer("hypercore.js", namespace=net) as peer:
        peer.ask("open", name="copy", key=KEY, sparse=True)

        def talk() -> Any:
            found = peer.ask("gets", name="copy", blocks=[17, 1999, 512])
            state = peer.ask("state", name="copy")
            peer.ask("close", name="copy")
            return found, state["here"], state["length"]

        ours, _, theirs = listening.called_and_asked(
            net, serve, (plain, 2000, 0, True), peer, talk, name="copy", port=listening.PORT, plain=plain
        )
        assert theirs == ([content(17).hex(), content(1999).hex(), content(512).hex()], 3, 2000)
        assert ours["blocks"] == 3
        assert ours["sent"] < 8000 + sum(len(content(block)) for block in (17, 1999, 512))


@MODES
def test_they_follow_a_feed_that_we_append_to(plain: bool) -> None:
    with Namespace() as net, ForeignPeer("hypercore.js", namespace=net) as peer:
        peer.ask("open", name="copy", key=KEY, sparse=True)

        def talk() -> Any:
            assert peer.ask("update", name="copy", length=9) >= 9
            found = peer.ask("gets", name="copy", blocks=[0, 8, 11])
            peer.ask("close", name="copy")
            return found

        _, _, theirs = listening.called_and_asked(
            net, serve, (plain, 3, 9, True), peer, talk, name="copy", port=listening.PORT, plain=plain
        )
        assert theirs == [content(block).hex() for block in (0, 8, 11)]


# Who does not know the key, and who changes what is encrypted


async def without_key(port: int) -> dict[str, Any]:
    """Knows the name of the feed alone, and shows a capability that it drew."""
    copy = Hypercore(AUTHOR.public)
    stream = await connect_tcp("127.0.0.1", port)
    machine = FeedHandshake(initiator=True)
    channel = await driver._shake_hands(stream, machine)
    await stream.write(channel.encrypt(messages.encode(1, messages.OpenFeed(copy.discovery_key, bytes(32)))))
    received = b""
    async with asyncio.timeout(listening.TIMEOUT_S), stream:
        while data := await stream.read():
            received += channel.decrypt(data)
    return {"data": b"block" in received}


def test_they_send_nothing_to_who_does_not_know_the_key() -> None:
    with Namespace() as net, ForeignPeer("hypercore.js", namespace=net) as peer:
        peer.ask("open", name="feed", seed=SEED)
        peer.ask("append", name="feed", contents=contents(0, 5))
        port = peer.ask("listen", name="feed")["port"]
        assert net.run_together(without_key, port) == {"data": False}
        event, data = peer.next_event()
        assert (event, data["reason"]) == ("closed", "Invalid remote channel capability")


async def flip(length: int) -> dict[str, Any]:
    """Serves over an encrypted stream, of which somebody flips a bit in each piece after the fifth."""
    shared = SharedFeed(feed(length))

    async def talk(stream: Stream) -> dict[str, Any]:
        send, pieces = stream._send, 0

        def flipping_send(data: bytes) -> None:
            nonlocal pieces
            pieces += 1
            send(data[:-1] + bytes([data[-1] ^ 1]) if pieces > 5 else data)

        stream._send = flipping_send  # type: ignore[method-assign]
        try:
            await shared.replicate(stream, initiator=False)
        except P2PError as error:
            return {"ended": type(error).__name__}
        return {"ended": ""}

    result: dict[str, Any] = await listening.serve_once(talk)
    return result


def test_a_bit_that_is_flipped_on_the_way_is_noticed_where_it_is_signed() -> None:
    with Namespace() as net, ForeignPeer("hypercore.js", namespace=net) as peer:
        peer.ask("open", name="copy", key=KEY)
        listening.called_by(net, flip, (5,), peer, name="copy", port=listening.PORT)
        event, data = peer.next_event()
        assert event == "closed"
        assert data["reason"]
        assert peer.ask("audit", name="copy")["invalid"] == 0


# A liar between


def forge(kind: str, message: FeedMessage) -> FeedMessage | None:
    """What the liar makes of a message on its way; None for cutting the stream.

    The first block comes with nodes and a signature, whichever it is.
    """
    if not isinstance(message, BlockData):
        return message
    if kind == "block":
        return BlockData(message.block, b"forged", message.nodes, message.signature)
    if kind == "place":
        return BlockData(message.block, content((message.block + 1) % 5), message.nodes, message.signature)
    if kind == "signature":
        return BlockData(message.block, message.value, message.nodes, bytes(64))
    if kind == "proof":
        first, *rest = message.nodes
        wrong = type(first)(first.index, bytes(32), first.size)
        return BlockData(message.block, message.value, (wrong, *rest), message.signature)
    return None


class Lying:
    """A stream that passes on what we send, forged."""

    def __init__(self, stream: Stream, kind: str) -> None:
        send, decoder = stream._send, FrameDecoder(messages.FRAMES)

        def lying_send(data: bytes) -> None:
            decoder.receive(data)
            while (payload := decoder.next_frame()) is not None:
                channel, message = messages.decode(payload)
                assert not isinstance(message, messages.Unassigned | messages.FeedExtension)
                if (said := forge(kind, message)) is None:
                    send(messages.encode(channel, message)[:20])
                    stream.reset()
                    return
                send(messages.encode(channel, said))

        stream._send = lying_send  # type: ignore[method-assign]


async def lie(kind: str) -> dict[str, Any]:
    shared = SharedFeed(feed(5))

    async def talk(stream: Stream) -> dict[str, Any]:
        Lying(stream, kind)
        try:
            await shared.replicate(stream, initiator=False, encrypted=False)
        except P2PError as error:
            return {"ended": type(error).__name__}
        return {"ended": ""}

    result: dict[str, Any] = await listening.serve_once(talk)
    return result


@pytest.mark.fault("F116")
@pytest.mark.parametrize("kind", ["block", "place", "signature", "proof", "cut"])
def test_they_notice_a_liar(kind: str) -> None:
    with Namespace() as net, ForeignPeer("hypercore.js", namespace=net) as peer:
        peer.ask("open", name="copy", key=KEY)
        _, _ = listening.called_by(net, lie, (kind,), peer, name="copy", port=listening.PORT, plain=True)
        event, data = peer.next_event()
        assert event == "closed"
        if kind == "cut":
            assert is_hang_up(data["reason"]), data
        else:
            assert data["reason"] == "Remote signature could not be verified"
        assert peer.ask("audit", name="copy")["invalid"] == 0
        assert peer.ask("state", name="copy")["here"] == 0


class LyingPeer:
    """A stream of which we read forged what they send."""

    def __init__(self, stream: Stream, kind: str) -> None:
        self.kind, self.read, self.is_cut = kind, stream._read, False
        self.decoder, self.forged = FrameDecoder(messages.FRAMES), bytearray()
        stream._read = self.lying_read  # type: ignore[method-assign]

    async def lying_read(self, max_bytes: int) -> bytes:
        while not self.forged and not self.is_cut and (data := await self.read(max_bytes)):
            self.decoder.receive(data)
            while not self.is_cut and (payload := self.decoder.next_frame()) is not None:
                channel, message = messages.decode(payload)
                assert not isinstance(message, messages.Unassigned | messages.FeedExtension)
                said = forge(self.kind, message)
                self.is_cut = said is None
                self.forged += messages.encode(channel, said or message)[: 20 if self.is_cut else None]
        data = bytes(self.forged)
        self.forged.clear()
        return data


async def fetch_through_liar(port: int, kind: str) -> dict[str, Any]:
    shared = SharedFeed(Hypercore(AUTHOR.public), everything=True)
    stream = await connect_tcp("127.0.0.1", port)
    LyingPeer(stream, kind)
    try:
        await shared.replicate(stream, initiator=True, encrypted=False)
    except P2PError as error:
        return {"error": type(error).__name__, "audit": shared.core.audit(), "here": shared.core.count}
    return {"error": None}


@pytest.mark.fault("F116")
@pytest.mark.parametrize("kind", ["block", "place", "signature", "proof", "cut"])
def test_we_notice_a_liar(kind: str) -> None:
    with Namespace() as net, ForeignPeer("hypercore.js", namespace=net) as peer:
        peer.ask("open", name="feed", seed=SEED)
        peer.ask("append", name="feed", contents=contents(0, 5))
        port = peer.ask("listen", name="feed", plain=True)["port"]
        answer = net.run_together(fetch_through_liar, port, kind)
        error = "Truncated" if kind == "cut" else "SignatureError"
        assert answer == {"error": error, "audit": [], "here": 0}
