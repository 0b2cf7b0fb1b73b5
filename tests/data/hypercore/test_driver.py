"""Replication over streams: several peers at once, hang-ups, cancelling, and peers that keep us waiting."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from p2plib.data.hypercore import messages, rle
from p2plib.data.hypercore.core import Hypercore
from p2plib.data.hypercore.driver import SharedFeed
from p2plib.data.hypercore.messages import (
    BlockData,
    FeedMessage,
    FeedStatus,
    HaveBlocks,
    OpenFeed,
    UnhaveBlocks,
)
from p2plib.data.hypercore.remote import REGION_BLOCKS
from p2plib.errors import (
    HandshakeFailed,
    P2PError,
    PeerTimeout,
    SignatureError,
    StreamReset,
    Truncated,
    UsageError,
)
from p2plib.protocol.stream import MemoryStream, Stream, memory_pair
from p2plib.protocol.tcp import TcpListener, connect_tcp
from p2plib.sim import Internet
from tests.data.hypercore.feeds import AUTHOR, STRANGER, content, feed

KEY = AUTHOR.public


def run(main: Callable[[], Awaitable[Any]], limit_s: float = 1000.0) -> Any:
    """Runs a test in virtual time, in which a peer that keeps us waiting costs nothing."""
    return Internet(1).run(lambda net: main(), time_limit_s=limit_s)


def copy(*, everything: bool = True) -> SharedFeed:
    return SharedFeed(Hypercore(KEY), everything=everything)


def begin(feed: SharedFeed, stream: Stream, initiator: bool = True, **options: Any) -> asyncio.Task[Any]:
    return asyncio.ensure_future(
        feed.replicate(stream, initiator=initiator, **{"encrypted": False, **options})
    )


async def end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, P2PError):
            await task


@pytest.mark.parametrize("live", [False, True])
def test_a_copy_gets_all_of_a_feed(live: bool) -> None:
    async def main() -> None:
        left, right = memory_pair(limit_bytes=1000)
        author, ours = SharedFeed(feed(60)), copy()
        tasks = begin(author, left, False, live=live), begin(ours, right, live=live)
        if live:
            await ours.until(lambda core: core.count == 60)
            await end(*tasks)
        else:
            given, taken = await asyncio.gather(*tasks)
            assert (given.sent_blocks, taken.received_blocks) == (60, 60)
        assert ours.core.head == author.core.head
        assert left.is_closed
        assert right.is_closed

    run(main)


def test_a_block_is_fetched_when_it_is_asked_for() -> None:
    async def main() -> None:
        left, right = memory_pair()
        author, ours = SharedFeed(feed(60)), copy(everything=False)
        waiting = asyncio.ensure_future(ours.get(59))
        given_up = asyncio.ensure_future(ours.get(7))
        await asyncio.sleep(0)
        given_up.cancel()
        tasks = begin(author, left, False), begin(ours, right)
        assert await waiting == content(59)
        assert await asyncio.gather(ours.get(3), ours.get(3)) == [content(3), content(3)]
        assert await ours.get(3) == content(3)
        assert [block for block in range(60) if ours.core.has(block)] == [3, 59]
        assert len(ours.wishes) == 0
        await end(*tasks)

    run(main)


def test_what_is_appended_goes_on_from_copy_to_copy() -> None:
    async def main() -> None:
        one, two = memory_pair(), memory_pair()
        author, middle, far = SharedFeed(feed(3)), copy(), copy()
        tasks = [
            begin(author, one[0], False),
            begin(middle, one[1]),
            begin(middle, two[0], False),
            begin(far, two[1]),
        ]
        await far.until(lambda core: core.count == 3)
        assert author.append([content(3), content(4)]) == 3
        assert author.append([]) == 5
        await far.until(lambda core: core.count == 5)
        assert [far.core.get(block) for block in range(5)] == [content(block) for block in range(5)]
        await end(*tasks)

    run(main)


def test_no_block_is_fetched_twice_from_two_peers() -> None:
    async def main() -> None:
        pairs = [memory_pair() for _ in range(3)]
        ours = copy()
        givers = [begin(SharedFeed(feed(100)), pair[0], False, live=False) for pair in pairs]
        takers = [begin(ours, pair[1], live=False) for pair in pairs]
        stats = await asyncio.gather(*takers)
        await asyncio.gather(*givers)
        assert sum(each.received_blocks for each in stats) == ours.core.count == 100
        assert all(each.unasked == 0 for each in stats)
        assert all(each.received_blocks for each in stats)

    run(main)


def test_two_that_give_each_other_large_blocks_do_not_wait_for_each_other() -> None:
    async def main() -> None:
        blocks = [bytes([number]) * 50_000 for number in range(32)]
        whole = Hypercore.create(AUTHOR)
        whole.append(blocks)
        halves = [copy(), copy()]
        for number, block in enumerate(blocks):
            halves[number % 2].core.put(number, block, whole.prove(number))
        left, right = memory_pair(limit_bytes=1000)
        tasks = begin(halves[0], left, False), begin(halves[1], right)
        await asyncio.gather(*(half.until(lambda core: core.count == 32) for half in halves))
        await end(*tasks)

    run(main)


def test_encrypted() -> None:
    async def main() -> None:
        left, right = memory_pair(limit_bytes=1000)
        author, ours = SharedFeed(feed(60)), copy()
        options = {"encrypted": True, "live": False}
        await asyncio.gather(begin(author, left, False, **options), begin(ours, right, **options))
        assert ours.core.count == 60

    run(main)


@pytest.mark.fault("F042")
def test_a_handshake_that_does_not_come_or_does_not_hold() -> None:
    async def main() -> None:
        for said, error in (
            (b"", PeerTimeout),
            (b"\x05hello", HandshakeFailed),
            (b"\xff" * 9, HandshakeFailed),
        ):
            stream, ours = memory_pair()
            await stream.write(said)
            with pytest.raises(error):
                await copy().replicate(ours, initiator=False)
            assert ours.is_closed
            stream.reset()
        stream, ours = memory_pair()
        await stream.close_write()
        with pytest.raises(HandshakeFailed, match="hung up"):
            await copy().replicate(ours, initiator=True)
        await stream.close()

    run(main)


def test_another_feed_is_not_replicated() -> None:
    async def main() -> None:
        left, right = memory_pair()
        other = SharedFeed(feed(3, STRANGER))
        tasks = begin(other, left, False, encrypted=True), begin(copy(), right, encrypted=True)
        for task in tasks:
            with pytest.raises((PeerTimeout, StreamReset)):
                await task

    run(main, limit_s=60)


# Peers that do not do what they should


class Puppet:
    """The other end, played by the test: an author's peer that has five blocks.

    Args:
        stream: its end of the stream.
    """

    def __init__(self, stream: MemoryStream) -> None:
        self.stream = stream

    async def say(self, *said: FeedMessage) -> None:
        await self.stream.write(messages.encode_all(1, said))

    async def promise(self) -> None:
        have = HaveBlocks(0, REGION_BLOCKS, rle.encode(b"\xf8"))
        await self.say(OpenFeed(feed(5).discovery_key), have)


def answer(block: int) -> BlockData:
    proof = feed(5).prove(block)
    return BlockData(block, content(block), proof.nodes, proof.signature)


@pytest.mark.fault("F116")
def test_a_forger_is_left_and_what_it_owed_comes_from_another() -> None:
    async def main() -> None:
        (bad, bad_end), (good, good_end) = memory_pair(), memory_pair()
        ours, puppet = copy(), Puppet(bad)
        forged = begin(ours, bad_end)
        await puppet.promise()
        while not ours.wishes._asked:
            await asyncio.sleep(0)
        honest = [begin(SharedFeed(feed(5)), good, False), begin(ours, good_end)]
        await asyncio.sleep(1)
        assert ours.core.count == 0, "all five were asked for already"
        await puppet.say(answer(3), BlockData(2, b"forged", answer(2).nodes, answer(2).signature))
        with pytest.raises(SignatureError):
            await forged
        assert bad_end.is_closed
        await ours.until(lambda core: core.count == 5)
        assert ours.core.audit() == []
        await end(*honest)

    run(main)


def test_what_came_before_a_forgery_has_come() -> None:
    async def main() -> None:
        stream, ours = memory_pair()
        shared, puppet = copy(), Puppet(stream)
        waiting = asyncio.ensure_future(shared.get(3))
        task = begin(shared, ours)
        await puppet.promise()
        while not shared.wishes._asked:
            await asyncio.sleep(0)
        await puppet.say(answer(3), BlockData(2, b"forged", answer(2).nodes, answer(2).signature))
        with pytest.raises(SignatureError):
            await task
        assert await waiting == content(3)
        stream.reset()

    run(main, limit_s=10)


@pytest.mark.parametrize("block", [-1, 2**28])
def test_no_feed_has_such_a_block(block: int) -> None:
    with pytest.raises(UsageError):
        run(lambda: copy().get(block))


def test_a_peer_that_never_answers_is_left_and_another_is_asked() -> None:
    async def main() -> None:
        (bad, bad_end), (good, good_end) = memory_pair(), memory_pair()
        ours, puppet = copy(), Puppet(bad)
        slow = begin(ours, bad_end)
        await puppet.promise()
        while not ours.wishes._asked:
            await asyncio.sleep(0)
        honest = [begin(SharedFeed(feed(5)), good, False), begin(ours, good_end)]

        async def chatter() -> None:
            while True:
                await bad.write(messages.SIGN_OF_LIFE)
                await asyncio.sleep(3)

        chatting = asyncio.ensure_future(chatter())
        with pytest.raises(PeerTimeout, match="sent none of 5 blocks"):
            await slow
        await ours.until(lambda core: core.count == 5)
        await end(chatting, *honest)

    run(main)


def test_a_silent_peer_is_left() -> None:
    async def main() -> None:
        stream, ours = memory_pair()
        with pytest.raises(PeerTimeout, match="said nothing"):
            await copy().replicate(ours, initiator=True, encrypted=False)
        assert ours.is_closed
        await stream.close()

    run(main, limit_s=30)


def test_a_peer_that_takes_nothing_is_left() -> None:
    async def main() -> None:
        stream, ours = memory_pair(limit_bytes=10)
        author = SharedFeed(feed(5))
        task = begin(author, ours, False)

        async def chatter() -> None:
            while True:
                await stream.write(messages.SIGN_OF_LIFE)
                await asyncio.sleep(3)

        chatting = asyncio.ensure_future(chatter())
        with pytest.raises(PeerTimeout, match="taken nothing"):
            await task
        await end(chatting)
        stream.reset()

    run(main, limit_s=60)


@pytest.mark.parametrize("cut", [0, 1, 30])
def test_a_peer_that_hangs_up(cut: int) -> None:
    async def main() -> None:
        stream, ours = memory_pair()
        shared, puppet = copy(), Puppet(stream)
        task = begin(shared, ours)
        await puppet.promise()
        await stream.write(messages.encode(1, answer(3))[:cut])
        await stream.close_write()
        if cut:
            with pytest.raises(Truncated):
                await task
        else:
            await task
        assert shared.core.count == 0
        assert not shared.wishes._asked
        await stream.close()

    run(main)


def test_a_reset_is_told() -> None:
    async def main() -> None:
        stream, ours = memory_pair()
        task = begin(copy(), ours)
        await asyncio.sleep(0)
        stream.reset()
        with pytest.raises(P2PError):
            await task

    run(main)


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("turns", range(1, 13))
def test_cancelling_leaves_nothing(turns: int, encrypted: bool) -> None:
    async def main() -> None:
        left, right = memory_pair(limit_bytes=100)
        author, ours = SharedFeed(feed(60)), copy()
        tasks = begin(author, left, False, encrypted=encrypted), begin(ours, right, encrypted=encrypted)
        for _ in range(turns):
            await asyncio.sleep(0)
        tasks[1].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[1]
        assert right.is_closed
        assert not ours._sessions
        assert not ours.wishes._asked
        assert ours.core.audit() == []
        await end(tasks[0])
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_over_tcp_of_the_simulated_internet() -> None:
    async def main(net: Internet) -> None:
        author, ours = SharedFeed(feed(200)), copy()
        server, client = net.host("server"), net.host("client")

        async def give(stream: Stream) -> None:
            await author.replicate(stream, initiator=False, encrypted=False, live=False)

        async def listen() -> None:
            async with TcpListener(give, host="0.0.0.0", port=4001):
                await asyncio.sleep(60)

        async def take() -> None:
            stream = await connect_tcp(server.address, 4001)
            await ours.replicate(stream, initiator=True, encrypted=False, live=False)

        giving = server.start(listen)
        await asyncio.sleep(1)
        await client.run(take())
        assert ours.core.count == 200
        await giving

    Internet(2).run(main)


@pytest.mark.parametrize("refusal", [UnhaveBlocks(3), FeedStatus(False, True)])
def test_what_one_peer_takes_back_another_is_asked_for(refusal: FeedMessage) -> None:
    """The other one is live, and has nothing to say of itself."""

    async def main() -> None:
        (bad, bad_end), (good, good_end) = memory_pair(), memory_pair()
        ours, puppet = copy(everything=False), Puppet(bad)
        waiting = asyncio.ensure_future(ours.get(3))
        tasks = [begin(ours, bad_end)]
        await puppet.promise()
        while not ours.wishes._asked:
            await asyncio.sleep(0)
        tasks += [begin(SharedFeed(feed(5)), good, False), begin(ours, good_end)]
        await asyncio.sleep(1)
        await puppet.say(refusal)
        assert await waiting == content(3)
        await end(*tasks)

    run(main, limit_s=15)
