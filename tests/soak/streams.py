"""A soak of streams: two sides write, read, close, reset and are cancelled as a seed says.

Promises, for each direction
    1. What is read is the beginning of what was written.
    2. An end is read only if the other side ended its writing, and only after everything that it wrote.
    3. A side that closed well has been read to its end by another that read on, if nobody reset anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from p2plib.errors import Closed
from p2plib.identity.keys import SecretKey
from p2plib.protocol import secure
from p2plib.protocol.conformance import pattern
from p2plib.protocol.stream import Stream
from p2plib.protocol.yamux.driver import YamuxConnection
from tests.soak.worlds import TcpPair, World, demand

CLOSE_TIMEOUT_S = 1000.0  # longer than anything here takes: a close that is cut short promises nothing
SIZES = (1, 100, 5000, 70_000, 250_000)
SECRETS = [SecretKey.from_seed(bytes([number]) * 32) for number in (1, 2)]
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
        pairs: list[Pair] = []
        for number in range(count):
            opens, takes = (client, server) if number % 2 else (server, client)
            ours = await opens.open_stream()
            theirs = await takes.accept_stream()
            pairs.append((ours, theirs) if number % 2 else (theirs, ours))
        yield pairs


LAYERS: dict[str, Callable[[TcpPair, int], AbstractAsyncContextManager[list[Pair]]]] = {
    "tcp": _tcp,
    "noise": _noise,
    "yamux": _yamux,
}


async def streams(world: World, random: Random) -> None:
    """Some connections at once, over one layer each; one in eight is cut in the middle."""

    async def connection(below: TcpPair, random: Random) -> None:
        layer, count = random.choice(list(LAYERS)), random.randrange(1, 9)
        cut_after = random.uniform(0, 8) if random.random() < 1 / 8 else None
        try:
            async with LAYERS[layer](below, count) as pairs, AsyncExitStack() as stack:
                if cut_after is not None:
                    cutting = asyncio.get_running_loop().call_later(
                        cut_after * world.pause_s, random.choice(below).reset
                    )
                    stack.callback(cutting.cancel)
                sides = [
                    tuple(Side(end, Plan.draw(random), random.randrange(250)) for end in pair)
                    for pair in pairs
                ]
                await asyncio.gather(*(side.act(world) for pair in sides for side in pair))
            for one, other in sides:
                judge(one, other, is_cut=cut_after is not None)
                judge(other, one, is_cut=cut_after is not None)
        finally:
            for end in below:
                end.reset()

    async with world.connections() as connect, asyncio.TaskGroup() as group:
        for _ in range(random.randrange(1, 4)):
            group.create_task(connection(await connect(), Random(random.random())))
