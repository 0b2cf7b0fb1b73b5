"""A soak of streams: two sides write, read, close, reset and are cancelled as a seed says.

Promises, for each direction
    1. What is read is the beginning of what was written.
    2. An end is read only if the other side ended its writing, and only after everything that it wrote.
    3. A side that closed well has been read to its end by another that read on, if nobody reset anything.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from p2plib.errors import Closed
from p2plib.protocol import secure
from p2plib.protocol.conformance import pattern
from p2plib.protocol.muxed import MuxedConnection
from p2plib.protocol.stream import Stream
from p2plib.protocol.yamux.driver import YamuxConnection
from tests.soak.worlds import HAS_QUIC, SECRETS, TcpPair, World, demand

CLOSE_TIMEOUT_S = 1000.0  # longer than anything here takes: a close that is cut short promises nothing
SIZES = (1, 100, 5000, 70_000, 250_000)
ENDINGS = ("reads to the end", "reads to the end", "closes early", "closes early", "resets", "is cancelled")

Pair = tuple[Stream, Stream]


@dataclass
class Plan:
    """What one side will do.

    Args:
        writes: sizes, in bytes.
        ending: one of `ENDINGS`.
        after: resets or is cancelled after so many pauses.
        read_bytes: how much it reads at a time.
        is_slow: whether it pauses before each read.
    """

    writes: list[int]
    ending: str
    after: float
    read_bytes: int
    is_slow: bool

    @classmethod
    def draw(cls, random: Random) -> Plan:
        """Any plan."""
        return cls(
            [random.choice(SIZES) for _ in range(random.randrange(6))],
            random.choice(ENDINGS),
            random.uniform(0, 8),
            random.choice((500, 10_000, 65_536)),
            random.random() < 0.4,
        )


@dataclass
class Side:
    """One end of a stream, and what has happened to it."""

    stream: Stream
    plan: Plan
    seed: int
    sent: int = 0
    got: bytearray = field(default_factory=bytearray)
    has_ended_writing = False
    has_read_end = False
    has_closed_well = False

    async def act(self, world: World) -> None:
        """Follows the plan."""
        task = asyncio.ensure_future(self._live(world))
        if self.plan.ending == "is cancelled":
            await asyncio.wait([task], timeout=self.plan.after * world.pause_s)
            task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    async def _live(self, world: World) -> None:
        stream, plan = self.stream, self.plan
        stream.close_timeout_s = CLOSE_TIMEOUT_S
        async with stream, asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(world))
            if plan.ending == "resets":
                writing = group.create_task(self._write(world))
                await asyncio.sleep(plan.after * world.pause_s)
                stream.reset()
                await asyncio.wait([reading, writing])
            else:
                await self._write(world)
                if plan.ending == "reads to the end":
                    await asyncio.wait([reading])
                await stream.close()
                self.has_closed_well = True

    async def _write(self, world: World) -> None:
        data = pattern(sum(self.plan.writes), self.seed)
        try:
            for size in self.plan.writes:
                await self.stream.write(data[self.sent : self.sent + size])
                self.sent += size
                await asyncio.sleep(world.pause_s * (size % 7) / 7)
            self.has_ended_writing = True
            await self.stream.close_write()
        except Closed:  # the other side is gone, or we reset it: what it said before may still be read
            self.has_ended_writing = True

    async def _read(self, world: World) -> None:
        try:
            while part := await self.stream.read(self.plan.read_bytes):
                self.got += part
                if self.plan.is_slow:
                    await asyncio.sleep(world.pause_s * len(part) / 65_536)
            self.has_read_end = True
        except Closed:
            pass


def judge(writer: Side, reader: Side, *, is_cut: bool) -> None:
    """Demands the promises of one direction.

    Args:
        is_cut: whether what carries the stream was given up meanwhile.
    """
    what = f"{writer.stream}, {writer.plan}, to {reader.plan}"
    written = pattern(sum(writer.plan.writes), writer.seed)
    demand(written.startswith(bytes(reader.got)), f"changed bytes arrived: {what}")
    if reader.has_read_end:
        demand(writer.has_ended_writing, f"an end was read and nobody had ended: {what}")
        demand(len(reader.got) >= writer.sent, f"an end after {len(reader.got)} of {writer.sent}: {what}")
    nobody_reset = not is_cut and {writer.plan.ending, reader.plan.ending} <= set(ENDINGS[:4])
    if nobody_reset and writer.has_closed_well and reader.plan.ending == "reads to the end":
        promise = f"closed well, and {len(reader.got)} of {writer.sent} bytes arrived: {what}"
        demand(reader.has_read_end and len(reader.got) == writer.sent, promise)


@asynccontextmanager
async def _tcp(below: TcpPair, count: int) -> AsyncIterator[list[Pair]]:
    yield [below]


@asynccontextmanager
async def _noise(below: TcpPair, count: int) -> AsyncIterator[list[Pair]]:
    near, far = await asyncio.gather(
        secure.noise(below[0], SECRETS[0], initiator=True, timeout_s=300),
        secure.noise(below[1], SECRETS[1], initiator=False, timeout_s=300),
    )
    yield [(near, far)]


@asynccontextmanager
async def _yamux(below: TcpPair, count: int) -> AsyncIterator[list[Pair]]:
    async with (
        _noise(below, 1) as [(near, far)],
        YamuxConnection(near, is_client=True) as client,
        YamuxConnection(far, is_client=False) as server,
    ):
        yield await _opened(client, server, count)


async def _opened(near: MuxedConnection, far: MuxedConnection, count: int) -> list[Pair]:
    """Streams that one side opened, or the other."""
    pairs: list[Pair] = []
    for number in range(count):
        opens, takes = (near, far) if number % 2 else (far, near)
        ours = await opens.open_stream()
        await ours.write(b"x")  # QUIC tells the other side with the first byte
        theirs = await takes.accept_stream()
        await theirs.read_exactly(1)
        pairs.append((ours, theirs) if number % 2 else (theirs, ours))
    return pairs


LAYERS: dict[str, Callable[[TcpPair, int], AbstractAsyncContextManager[list[Pair]]]] = {
    "tcp": _tcp,
    "noise": _noise,
    "yamux": _yamux,
}
CHOICES = [*LAYERS, "quic"] if HAS_QUIC else [*LAYERS]


async def streams(world: World, random: Random) -> None:
    """Some connections at once, over one layer each; one in eight is cut in the middle."""
    async with world.connections() as connect, asyncio.TaskGroup() as group:
        for _ in range(random.randrange(1, 4)):
            layer = random.choice(CHOICES)
            below = None if layer == "quic" else await connect()
            group.create_task(_connection(world, layer, below, Random(random.random())))


async def _connection(world: World, layer: str, below: TcpPair | None, random: Random) -> None:
    count = random.randrange(1, 9)
    if below is None:
        async with world.quic() as (near, far):
            await _lives(world, await _opened(near, far, count), random.choice((near, far)).abort, random)
        return
    try:
        async with LAYERS[layer](below, count) as pairs:
            await _lives(world, pairs, random.choice(below).reset, random)
    finally:
        for end in below:
            end.reset()


async def _lives(world: World, pairs: list[Pair], cut: Callable[[], object], random: Random) -> None:
    """All that happens on the streams of one connection."""
    cut_after = random.uniform(0, 8) if random.random() < 1 / 8 else None
    sides = [tuple(Side(end, Plan.draw(random), random.randrange(250)) for end in pair) for pair in pairs]
    with contextlib.ExitStack() as stack:
        if cut_after is not None:
            cutting = asyncio.get_running_loop().call_later(cut_after * world.pause_s, cut)
            stack.callback(cutting.cancel)
        await asyncio.gather(*(side.act(world) for pair in sides for side in pair))
    for one, other in sides:
        judge(one, other, is_cut=cut_after is not None)
        judge(other, one, is_cut=cut_after is not None)
