"""What every `Stream` must do, as a suite that anybody can run over an implementation of their own.

::

    async def make_pair():                # an async context manager: a fresh pair, taken down at the end
        yield left, right
    await check_stream(asynccontextmanager(make_pair))

Each check takes a fresh pair, and is run in both directions. What breaks a rule of `p2plib.protocol.stream`
raises `NotConforming`, with the name of the check and what happened. Nothing here waits for long: a wait that
should end has `timeout_s`, and one that should not is watched until nothing moves any more.

The idea is trio's `check_two_way_stream`; the rules are ours.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from p2plib.errors import Closed, StreamReset, Truncated, UsageError
from p2plib.protocol.stream import PIECE_BYTES, READ_BYTES, Stream

Pair = tuple[Stream, Stream]
MakePair = Callable[[], AbstractAsyncContextManager[Pair]]
T = TypeVar("T")

TIMEOUT_S = 60.0
QUIET_S = 0.05  # real streams need the kernel to move bytes; a simulated one spends no time on this
QUIET_TURNS = 10  # of the loop in that time, at least, however long a busy machine keeps it waiting
PAUSE = 1 / 40  # of QUIET_S: between two words of a peer that talks, or two reads of a slow one
PATIENCE_S = 3600.0  # the close_timeout_s of a stream whose close must come to its end by itself
MUCH_BYTES = 1_000_000  # more than a peer that does not read has room for
MAX_HELD_BYTES = 32 * 1024 * 1024  # what a writer may get rid of unread; Linux takes 6 MiB for one socket
MAX_STEPS = 400  # of the event loop, for one scenario that is cancelled at each of them


class NotConforming(AssertionError):
    """A stream broke a rule; the sentence begins with the name of the check."""


def demand(holds: bool, rule: str) -> None:
    """Raises NotConforming with the rule if it does not hold."""
    if not holds:
        raise NotConforming(rule)


def pattern(size_bytes: int, seed: int = 0) -> bytes:
    """Bytes that show when some are lost, doubled or swapped: their period fits no buffer."""
    period = bytes((seed + i * i) % 251 for i in range(1009))
    return (period * (size_bytes // len(period) + 1))[:size_bytes]


async def read_all(stream: Stream, max_bytes: int = READ_BYTES) -> bytes:
    """Everything up to the end."""
    parts = []
    while part := await stream.read(max_bytes):
        demand(len(part) <= max_bytes, f"a read of at most {max_bytes} bytes gave {len(part)}")
        parts.append(part)
    return b"".join(parts)


async def raises(kind: type[Exception], doing: Awaitable[Any], what: str) -> None:
    """Demands that something raises an error of this kind."""
    try:
        result = await doing
    except kind:
        return
    except Exception as error:
        raise NotConforming(f"{what} raised {error!r}, not {kind.__name__}") from error
    raise NotConforming(f"{what} gave {str(result)[:60]!r} and should have raised {kind.__name__}")


async def still_waits(task: asyncio.Task[Any], what: str) -> None:
    """Demands that a task is waiting, after everything else had its chance."""
    await _quiet(task)
    demand(not task.done(), f"{what} did not wait: {task!r}")


async def _quiet(task: asyncio.Task[Any]) -> None:
    """Lets everything else go on until a task is done, or for a while."""
    for _ in range(QUIET_TURNS):
        await asyncio.wait([task], timeout=QUIET_S / QUIET_TURNS)


async def _write_until_blocked(writer: Stream, written: list[int]) -> None:
    while True:
        await writer.write(pattern(PIECE_BYTES))
        written[0] += PIECE_BYTES
        demand(written[0] <= MAX_HELD_BYTES, f"no back-pressure: {written[0]} bytes were taken, nobody read")


async def blocked_writer(writer: Stream) -> tuple[asyncio.Task[None], list[int]]:
    """A task that writes until it waits, with the count of bytes that it got rid of."""
    written, before = [0], -1
    task = asyncio.ensure_future(_write_until_blocked(writer, written))
    while written[0] != before and not task.done():
        before = written[0]
        await _quiet(task)
    if task.done():
        await task
    return task, written


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancels a task and waits for its end, whatever that is."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()


async def check_bytes_arrive(a: Stream, b: Stream) -> None:
    for size in (1, 2, 1000, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 300_000):
        sent = pattern(size, size)
        writing = asyncio.ensure_future(a.write(sent))
        got = await b.read_exactly(size)
        await writing
        demand(got == sent, f"{size} bytes arrived changed")
    demand(await b.read_exactly(0) == b"", "reading no bytes gave some")


async def check_both_ways_at_once(a: Stream, b: Stream) -> None:
    async def write(stream: Stream, data: bytes) -> None:
        await stream.write(data)
        await stream.close_write()

    first, second = pattern(700_000, 1), pattern(700_000, 2)
    got = await asyncio.gather(read_all(a), read_all(b), write(a, first), write(b, second))
    demand((got[0], got[1]) == (second, first), "two peers that write at once did not get each other's bytes")


async def check_pieces(a: Stream, b: Stream) -> None:
    sent = pattern(2000)

    async def write() -> None:
        for at in range(0, len(sent), 13):
            await a.write(sent[at : at + 13])
            await a.write(b"")
        await a.close_write()

    got, _ = await asyncio.gather(read_all(b, 7), write())
    demand(got == sent, "small pieces did not arrive as they were written")


async def check_read_waits(a: Stream, b: Stream) -> None:
    reading = asyncio.ensure_future(b.read(10))
    await a.write(b"")
    await still_waits(reading, "a read from a stream on which nothing was written")
    await raises(UsageError, b.read(10), "a second reader")
    await a.write(b"x")
    demand(await reading == b"x", "a waiting reader did not get what was written")
    for wrong in (0, -1):
        await raises(UsageError, b.read(wrong), f"read({wrong})")
    await raises(UsageError, a.write("text"), "writing text")  # type: ignore[arg-type]
    demand(bool(a.remote) and bool(b.remote), "a stream does not say what is at its other side")


async def check_half_close(a: Stream, b: Stream) -> None:
    await a.write(b"question")
    await a.close_write()
    await a.close_write()
    await raises(Closed, a.write(b"more"), "writing after close_write")
    demand(await read_all(b) == b"question", "what was written before close_write did not arrive")
    demand(await b.read() == b"", "the end of a stream was read once and then no more")
    reading = asyncio.ensure_future(a.read_exactly(6))
    await still_waits(reading, "the other direction, after close_write,")
    await b.write(b"answer")
    demand(await reading == b"answer", "close_write closed the other direction as well")
    await raises(Truncated, b.read_exactly(1), "read_exactly at the end")
    await b.close_write()
    demand(await a.read() == b"", "the second half did not end")


async def check_back_pressure(a: Stream, b: Stream) -> None:
    for read_bytes in (1000, 70_000, 500_000):
        writing, written = await blocked_writer(a)
        await raises(UsageError, a.write(b"x"), "a second writer")
        part = await b.read_exactly(min(read_bytes, written[0]))
        await _quiet(writing)
        await cancelled(writing)
        await a.write(b"")  # which waits for nothing, however full it is
        reading = asyncio.ensure_future(b.read_exactly(written[0] + 5 - len(part)))
        await a.write(b"after")
        got = part + await reading
        wanted = pattern(PIECE_BYTES) * (written[0] // PIECE_BYTES) + b"after"
        demand(got == wanted, "a cancelled write was handed over in part, or a blocked one lost bytes")


async def check_cancelled_read(a: Stream, b: Stream) -> None:
    for steps in range(8):
        reading = asyncio.ensure_future(b.read())
        await still_waits(reading, "a read")
        await a.write(b"x")
        for _ in range(steps):
            await asyncio.sleep(0)
        await cancelled(reading)
        got = b"" if reading.cancelled() else reading.result()
        demand((got or await b.read()) == b"x", "a cancelled read took bytes with it")


async def check_reset(a: Stream, b: Stream) -> None:
    await a.write(b"half a mess")
    reading = asyncio.ensure_future(a.read())
    await still_waits(reading, "a read")
    a.reset()
    a.reset()
    await raises(Closed, reading, "our reader, when we reset,")
    await raises(StreamReset, read_all(b), "reading a stream that was reset")
    await raises(Closed, a.read(), "reading what we reset")
    await raises(Closed, a.write(b"x"), "writing what we reset")
    await raises(StreamReset, _write_until_blocked(b, [0]), "writing to a peer that reset")
    await a.close()


async def check_reset_wakes_the_other_side(a: Stream, b: Stream) -> None:
    writing, _ = await blocked_writer(b)
    reading = asyncio.ensure_future(read_all(b))
    await still_waits(reading, "a read")
    a.reset()
    await raises(StreamReset, reading, "the other side's reader")
    await raises(StreamReset, writing, "the other side's writer")


async def check_reset_wakes_our_own_writer(a: Stream, b: Stream) -> None:
    writing, _ = await blocked_writer(a)
    a.reset()
    await raises(Closed, writing, "our writer, when we reset,")


async def check_close(a: Stream, b: Stream) -> None:
    reading = asyncio.ensure_future(a.read())
    await still_waits(reading, "a read")
    await a.write(pattern(1000))
    closing = asyncio.ensure_future(a.close())
    await raises(Closed, reading, "our reader, when we closed,")
    demand(await read_all(b) == pattern(1000), "what was written before close did not arrive whole")
    await b.close()
    await closing
    await a.close()
    a.reset()
    demand(a.is_closed, "a closed stream says that it is open")
    await raises(Closed, a.read(), "reading what we closed")
    await raises(Closed, a.write(b"x"), "writing what we closed")


async def check_writing_to_a_peer_that_has_closed(a: Stream, b: Stream) -> None:
    a.close_timeout_s = QUIET_S  # it may wait this long for the other side to end, which goes on
    await a.close()
    await raises(StreamReset, _write_until_blocked(b, [0]), "writing to a peer that has closed")


async def _talk(talker: Stream) -> None:
    """Says something now and then, as long as anybody listens."""
    with contextlib.suppress(StreamReset, Closed):
        while True:
            await talker.write(b"meanwhile")
            await asyncio.sleep(PAUSE * QUIET_S)


async def _closes_whole(a: Stream, b: Stream, size_bytes: int, talking: asyncio.Task[None]) -> None:
    """Demands that what we wrote before close arrives at a peer that talks, and reads late and slowly."""
    a.close_timeout_s = PATIENCE_S
    sent = pattern(size_bytes)

    async def write_and_close() -> None:
        await a.write(sent)
        await a.close()

    closing = asyncio.ensure_future(write_and_close())
    await asyncio.sleep(QUIET_S)
    got = b""
    try:
        while part := await b.read():
            got += part
            await asyncio.sleep(PAUSE * QUIET_S)
    except StreamReset as error:
        raise NotConforming(f"a close while the other side talked looked like a reset: {error}") from error
    finally:
        await cancelled(talking)
    demand(got == sent, f"of {size_bytes} bytes before a close, {len(got)} arrived: the other side talked")
    await b.close()  # no reset: a lost RST is not sent again
    await closing


async def check_close_while_the_other_side_talks(a: Stream, b: Stream) -> None:
    await _closes_whole(a, b, 1000, asyncio.ensure_future(_talk(b)))


async def check_close_of_much_while_the_other_side_talks(a: Stream, b: Stream) -> None:
    await _closes_whole(a, b, MUCH_BYTES, asyncio.ensure_future(_talk(b)))


async def check_close_with_bytes_unread(a: Stream, b: Stream) -> None:
    talking, _ = await blocked_writer(b)
    await _closes_whole(a, b, 1000, talking)


async def check_close_of_much_with_bytes_unread(a: Stream, b: Stream) -> None:
    talking, _ = await blocked_writer(b)
    await _closes_whole(a, b, MUCH_BYTES, talking)


async def check_close_is_bounded(a: Stream, b: Stream) -> None:
    writing, _ = await blocked_writer(a)
    a.close_timeout_s = QUIET_S
    await a.close()
    await raises(Closed, writing, "our writer, when we closed,")


async def check_both_close_at_once(a: Stream, b: Stream) -> None:
    await asyncio.gather(a.close_write(), b.close_write())
    demand(list(await asyncio.gather(a.read(), b.read())) == [b"", b""], "two ends at once were not read")
    await asyncio.gather(a.close(), b.close())
    await raises(Closed, a.read(), "reading after both had closed")


async def check_both_close_with_bytes_unread(a: Stream, b: Stream) -> None:
    for stream in (a, b):
        writing, _ = await blocked_writer(stream)
        await cancelled(writing)
        stream.close_timeout_s = PATIENCE_S
    closing = asyncio.ensure_future(a.close())
    await _quiet(closing)
    await asyncio.gather(closing, b.close())  # neither waits for the other to read


async def check_context_manager(a: Stream, b: Stream) -> None:
    async def write() -> None:
        async with a:
            await a.write(b"whole")
        demand(a.is_closed, "leaving the block did not close the stream")

    writing = asyncio.ensure_future(write())
    demand(await read_all(b) == b"whole", "leaving the block lost what was written")
    await b.close()
    await writing


async def check_context_manager_with_an_error(a: Stream, b: Stream) -> None:
    async def fails() -> None:
        async with a:
            await a.write(b"half")
            raise KeyError

    await raises(KeyError, fails(), "an error in the block")
    await raises(StreamReset, read_all(b), "reading what an error had cut off")


CHECKS = [value for name, value in list(globals().items()) if name.startswith("check_")]


async def _scenario(a: Stream, b: Stream) -> None:
    async def answer() -> None:
        async with b:
            await b.write(await read_all(b))

    async with asyncio.TaskGroup() as group:
        group.create_task(answer())
        async with a:
            await a.write(pattern(100_000))
            await a.close_write()
            await read_all(a)


async def _cancelled_after(make_pair: MakePair, steps: int) -> bool:
    """Request and response, cancelled after some steps of the loop; whether they were over before."""
    async with make_pair() as (a, b):
        task = asyncio.ensure_future(_scenario(a, b))
        for _ in range(steps):
            await asyncio.sleep(0)
        is_over = task.done()
        await cancelled(task)
        demand(a.is_closed or not steps, "a stream was open after its block was cancelled")
    return is_over


async def _run(name: str, checking: Awaitable[T], timeout_s: float) -> T:
    before = asyncio.all_tasks()
    try:
        async with asyncio.timeout(timeout_s):
            result = await checking
    except TimeoutError:
        raise NotConforming(f"{name}: still waiting after {timeout_s:g} s") from None
    except NotConforming as error:
        raise NotConforming(f"{name}: {error}") from error
    except Exception as error:
        raise NotConforming(f"{name}: raised {error!r}") from error
    finally:
        left = asyncio.all_tasks() - before
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
    demand(not left, f"{name}: left {len(left)} tasks behind")
    return result


async def check_stream(make_pair: MakePair, *, timeout_s: float = TIMEOUT_S) -> None:
    """Runs every check over fresh pairs, in both directions.

    Args:
        make_pair: called for each check; gives an async context manager of two connected streams. What it
            starts must be gone when the block is left.
        timeout_s: how long a check may take on this machine, with one pair.

    Raises:
        NotConforming: at the first rule that is broken.
    """
    for check in CHECKS:
        for turned in (False, True):

            async def scenario(check: Any = check, turned: bool = turned) -> None:
                async with make_pair() as (a, b):
                    await (check(b, a) if turned else check(a, b))

            await _run(check.__name__, scenario(), timeout_s)
    for steps in range(MAX_STEPS):
        if await _run("cancelled_at_every_step", _cancelled_after(make_pair, steps), timeout_s):
            return
