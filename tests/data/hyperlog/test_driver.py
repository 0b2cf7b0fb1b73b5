"""The driver: over memory, over simulated links, cancelled at every await, with peers that lie or hang up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.data.hyperlog import messages, nodes
from p2plib.data.hyperlog.driver import replicate
from p2plib.data.hyperlog.graph import Hyperlog
from p2plib.data.hyperlog.messages import (
    HyperlogHandshake,
    HyperlogHave,
    HyperlogSend,
    HyperlogWant,
    SentHeads,
    SentWants,
)
from p2plib.errors import DecodeError, InvalidEntry, P2PError, PeerTimeout, StreamReset, Truncated
from p2plib.protocol.conformance import read_all
from p2plib.protocol.stream import Stream, memory_pair
from p2plib.protocol.tcp import TcpListener, TcpStream, connect_tcp
from p2plib.sim import Constant, Internet, Link
from tests.data.hyperlog.test_machine import grown, same


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


def test_both_ways_over_a_stream() -> None:
    async def main() -> None:
        a, b = grown("a", 200, 1), grown("b", 200, 2)
        near, far = memory_pair(limit_bytes=2000)
        ours, theirs = await asyncio.gather(replicate(near, a), replicate(far, b))
        assert same(a, b)
        assert ours.sent == theirs.received == 200

    asyncio.run(main())


def test_over_links_that_lose_packets() -> None:
    async def main(net: Any) -> None:
        a, b = grown("a", 100, 1), grown("b", 100, 2)
        host = net.host("bob")

        async def handler(stream: TcpStream) -> None:
            await replicate(stream, b)

        with host:
            async with TcpListener(handler, host=host.address, port=4001):
                with net.host("alice"):
                    await replicate(await connect_tcp(host.address, 4001), a)
        assert same(a, b)

    Internet(seed=3, link=Link(Constant(0.05), loss=0.02)).run(main)


def test_live_until_one_side_ends() -> None:
    async def main() -> None:
        a, b = grown("a", 5, 1), grown("b", 5, 2)
        near, far = memory_pair()
        synced = asyncio.Event()
        ours = asyncio.create_task(replicate(near, a, live=True, when_synced=synced.set))
        theirs = asyncio.create_task(replicate(far, b, live=True))
        await synced.wait()
        a.append(b"late")
        await settle()
        assert same(a, b)
        theirs.cancel()
        with pytest.raises(StreamReset):
            await ours
        with pytest.raises(asyncio.CancelledError):
            await theirs
        a.append(b"nobody listens any more")

    asyncio.run(main())


def test_three_replicas_live_in_a_line() -> None:
    async def main() -> None:
        a, b, c = grown("a", 5, 1), grown("b", 5, 2), grown("c", 5, 3)
        tasks = []
        for x, y in ((a, b), (b, c)):
            near, far = memory_pair()
            tasks += [asyncio.create_task(replicate(s, g, live=True)) for s, g in ((near, x), (far, y))]
        await settle()
        c.append(b"from the far end")
        await settle()
        assert same(a, b, c)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    asyncio.run(main())


async def against(
    *said: messages.HyperlogMessage | bytes, ends: bool = True, timeout_s: float = 1.0
) -> BaseException | None:
    """Replicate with a peer that says this; what came of it."""
    near, far = memory_pair()
    task = asyncio.create_task(replicate(near, Hyperlog("victim"), silence_timeout_s=timeout_s))
    await settle()
    for message in said:
        await far.write(message if isinstance(message, bytes) else messages.frame(message))
    if ends:
        await far.close_write()
    await asyncio.wait([task])
    far.reset()
    assert near.is_closed
    return task.exception()


ONE = nodes.make([], b"1", "liar", 1)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ([], Truncated),
        ([HyperlogHandshake()], Truncated),
        ([HyperlogHandshake(), HyperlogHave("liar", 2), SentHeads(), SentWants()], Truncated),
        ([b"\xff\xff\xff\xff\x7f"], DecodeError),
        ([b"\x80" * 20], DecodeError),
        ([b"\x00"], DecodeError),
        ([b"\x05\x00"], Truncated),
        ([SentWants()], DecodeError),
        ([HyperlogHandshake(), HyperlogSend(ONE, 1)], InvalidEntry),
        ([HyperlogHandshake(), SentHeads(), SentWants()], type(None)),
    ],
)
def test_a_peer_that_lies_or_hangs_up(said: list[Any], kind: type[BaseException]) -> None:
    assert isinstance(asyncio.run(against(*said)), kind)


def test_a_silent_peer() -> None:
    async def main(net: Any) -> None:
        error = await against(HyperlogHandshake(), ends=False, timeout_s=30)
        assert isinstance(error, PeerTimeout)
        assert asyncio.get_running_loop().time() >= 30

    Internet(seed=1).run(main)


def test_a_peer_that_has_everything_and_does_not_end() -> None:
    async def main(net: Any) -> None:
        assert await against(HyperlogHandshake(), SentHeads(), SentWants(), ends=False, timeout_s=30) is None
        assert asyncio.get_running_loop().time() <= 40

    Internet(seed=1).run(main)


def test_a_peer_that_breaks_the_stream_off() -> None:
    async def main() -> None:
        near, far = memory_pair()
        task = asyncio.create_task(replicate(near, grown("a", 50, 1)))
        await settle()
        far.reset()
        with pytest.raises(StreamReset):
            await task

    asyncio.run(main())


@pytest.mark.parametrize("lie", [SentHeads(), b"\xff\xff\xff\xff\x7f"])
def test_a_peer_that_lies_while_it_does_not_read(lie: Any) -> None:
    """We wait for room to write when the lie arrives."""

    async def main() -> None:
        near, far = memory_pair(limit_bytes=100)
        task = asyncio.create_task(replicate(near, grown("a", 500, 1)))
        for message in (HyperlogHandshake(), HyperlogWant("a", 0), SentHeads()):
            await far.write(messages.frame(message))
        await settle()
        await far.write(lie if isinstance(lie, bytes) else messages.frame(lie))
        with pytest.raises(DecodeError):
            await task
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_a_silent_peer_that_does_not_read() -> None:
    async def main(net: Any) -> None:
        near, far = memory_pair(limit_bytes=100)
        task = asyncio.create_task(replicate(near, grown("a", 500, 1)))
        for message in (HyperlogHandshake(), HyperlogWant("a", 0)):
            await far.write(messages.frame(message))
        with pytest.raises(PeerTimeout):
            await task

    Internet(seed=1).run(main)


class Counted(Stream):
    """Hands everything on, and cancels its task at the `at`-th await."""

    def __init__(self, below: Stream, at: int) -> None:
        super().__init__("counted")
        self.below, self.left = below, at
        self.task: asyncio.Task[Any] | None = None

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0 and self.task is not None:
            self.task.cancel()

    async def _read(self, max_bytes: int) -> bytes:
        self._count()
        return await self.below.read(max_bytes)

    async def _drain(self) -> None:
        self._count()
        await self.below.drain()

    def _send(self, data: bytes) -> None:
        self.below.send(data)

    def _end_writing(self) -> None:
        self.below._end_writing()

    async def _finish(self) -> None:
        self._count()
        await self.below.close()

    def _abort(self) -> None:
        self.below.reset()


def test_cancelled_at_every_await_leaves_whole_replicas() -> None:
    async def main(at: int) -> bool:
        a, b = grown("a", 6, 1), grown("b", 6, 2)
        near, far = memory_pair()
        counted = Counted(near, at)
        counted.task = asyncio.create_task(replicate(counted, a))
        other = asyncio.create_task(replicate(far, b))
        await asyncio.wait([counted.task, other])
        assert len(asyncio.all_tasks()) == 1
        for graph in (a, b):
            seen = set[str]()
            for node in graph.walk():
                assert seen.issuperset(node.links)
                seen.add(node.key)
        if not counted.task.cancelled():
            return True
        assert other.exception() is None or isinstance(other.exception(), P2PError)
        ours, theirs = memory_pair()
        await asyncio.gather(replicate(ours, a), replicate(theirs, b))
        assert same(a, b)
        return False

    at = 1
    while not asyncio.run(main(at)):
        at += 1
    assert at > 10


def test_nothing_is_written_after_the_end() -> None:
    async def main() -> None:
        near, far = memory_pair()
        task = asyncio.create_task(replicate(near, Hyperlog("a")))
        for message in (HyperlogHandshake(), SentHeads(), SentWants()):
            await far.write(messages.frame(message))
        said = await read_all(far)
        assert said == b"".join(map(messages.frame, (HyperlogHandshake(), SentHeads(), SentWants())))
        await far.close()
        await task

    asyncio.run(main())


@pytest.mark.parametrize("live", [False, True])
def test_a_peer_that_talks_forever_when_all_is_done(live: bool) -> None:
    """It is live, and we are not: it has 30 seconds to end."""

    async def main(net: Any) -> None:
        near, far = memory_pair()
        graph = Hyperlog("victim")
        task = asyncio.create_task(replicate(near, graph, live=live, silence_timeout_s=30))
        for message in (HyperlogHandshake(live=True), SentHeads(), SentWants()):
            await far.write(messages.frame(message))
        for seq in range(1, 11):
            await asyncio.sleep(9)
            if not task.done():
                node = nodes.make([], b"%d" % seq, "liar", seq)
                await far.write(messages.frame(HyperlogSend(node, seq)))
        assert task.done() is not live
        task.cancel()
        await asyncio.wait([task])
        assert graph.head_seq("liar") == (10 if live else 3)

    Internet(seed=1).run(main)


def test_a_live_peer_that_takes_nothing_is_left() -> None:
    async def main(net: Any) -> None:
        near, far = memory_pair(limit_bytes=200)
        graph = Hyperlog("a")
        task = asyncio.create_task(replicate(near, graph, live=True))
        for message in (HyperlogHandshake(live=True), SentHeads(), SentWants()):
            await far.write(messages.frame(message))
        await settle()
        for _ in range(9):
            graph.append(bytes(100))
        with pytest.raises(PeerTimeout, match="took nothing"):
            await task
        assert len(asyncio.all_tasks()) == 1

    Internet(seed=1).run(main, time_limit_s=100)
