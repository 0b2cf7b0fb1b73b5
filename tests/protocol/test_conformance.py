"""The conformance suite notices streams that are broken on purpose.

They are in memory, and time is virtual, so that no pause of the machine is taken for one of theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from p2plib.protocol import conformance
from p2plib.protocol.conformance import NotConforming, check_stream
from p2plib.protocol.stream import MemoryStream, Stream, _Pipe, memory_pair
from p2plib.sim import Internet


@pytest.fixture(autouse=True)
def _no_kernel_is_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "QUIET_S", 0.003)


class Broken(MemoryStream):
    """The base of broken streams: a stream in memory that is not."""


class LosesBytes(Broken):
    """check_bytes_arrive"""

    def _send(self, data: bytes) -> None:
        super()._send(data[:-1] if len(data) == 1000 else data)


class SwapsBytes(Broken):
    """check_bytes_arrive"""

    async def _read(self, max_bytes: int) -> bytes:
        data = await super()._read(max_bytes)
        return data[::-1] if len(data) == 2 else data


class WritesOnlyWhileRead(Broken):
    """check_both_ways_at_once"""

    async def write(self, data: bytes) -> None:
        if len(data) > 500_000:
            while not self._in.buffer:
                await asyncio.sleep(0.001)
        await super().write(data)


class GivesTooMuch(Broken):
    """check_pieces"""

    async def _read(self, max_bytes: int) -> bytes:
        return await super()._read(max(max_bytes, 20))


class EndsWhenEmpty(Broken):
    """check_bytes_arrive"""

    async def _read(self, max_bytes: int) -> bytes:
        return self._in.buffer.take(max_bytes) if not self._in.buffer else await super()._read(max_bytes)


class ReadersMeet(Broken):
    """check_read_waits"""

    async def read(self, max_bytes: int = 65_536) -> bytes:
        self._is_reading = False
        return await super().read(max_bytes)


class EmptyWriteEnds(Broken):
    """check_read_waits"""

    async def write(self, data: bytes) -> None:
        if not data:
            self._out.end()
        await super().write(data)


class NeverEnds(Broken):
    """check_both_ways_at_once"""

    def _end_writing(self) -> None:
        pass


class EndsOnce(Broken):
    """check_half_close"""

    async def _read(self, max_bytes: int) -> bytes:
        data = await super()._read(max_bytes)
        if not data:
            self._in.has_ended = False
        return data


class EndsBothWays(Broken):
    """check_half_close"""

    def _end_writing(self) -> None:
        self._out.end()
        self._in.end()


class WritesAfterTheEnd(Broken):
    """check_half_close"""

    def _check_writable(self) -> None:
        self._check_open()


class NeverFull(Broken):
    """check_back_pressure"""

    async def _drain(self) -> None:
        await asyncio.sleep(0)


class HandsOverInParts(Broken):
    """check_back_pressure"""

    async def write(self, data: bytes) -> None:
        for at in range(0, len(data), 1000):
            await super().write(data[at : at + 1000])


class TakesBeforeItWaits(Broken):
    """check_cancelled_read"""

    async def _read(self, max_bytes: int) -> bytes:
        data = await super()._read(max_bytes)
        if data == b"x":
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return data


class ResetLooksLikeAnEnd(Broken):
    """check_reset"""

    def _abort(self) -> None:
        self._in.stop_reading()
        self._out.buffer.clear()
        self._out.end()


class ResetIsDeaf(Broken):
    """check_reset_wakes_the_other_side"""

    def _abort(self) -> None:
        self._in.is_broken = self._out.is_broken = True
        self._in.buffer.clear()
        self._out.buffer.clear()
        self._in.changed.ring()


class ResetLeavesOurWriter(Broken):
    """check_reset_wakes_our_own_writer"""

    async def _drain(self) -> None:
        while len(self._out.buffer) >= self._out.limit_bytes and not self._gone:
            await asyncio.sleep(0.001)
        while self._gone:
            await asyncio.sleep(0.001)


class CloseLosesBytes(Broken):
    """check_close"""

    async def _finish(self) -> None:
        self._abort()


class CloseLeavesOurReader(Broken):
    """check_close"""

    async def _finish(self) -> None:
        pass


class PeerGoesOn(Broken):
    """check_writing_to_a_peer_that_has_closed"""

    def _is_alone(self) -> bool:
        return self._out.is_broken and self._in.has_ended

    async def _drain(self) -> None:
        if not self._is_alone():
            await super()._drain()

    def _send(self, data: bytes) -> None:
        if not self._is_alone():
            super()._send(data)


class BreaksAtAWord(Broken):
    """check_close_while_the_other_side_talks"""

    at_least_bytes = 1

    async def _drain(self) -> None:
        if self._out.is_broken and self._in.has_ended and len(self._in.buffer) >= self.at_least_bytes:
            self._in.stop_reading()
        await super()._drain()


class BreaksAtAWordWhenMuchIsLeft(BreaksAtAWord, Broken):
    """check_close_of_much_while_the_other_side_talks"""

    at_least_bytes = 10_000


class BreaksWhenUnread(Broken):
    """check_close_with_bytes_unread"""

    at_least_bytes = 1

    async def _finish(self) -> None:
        if len(self._in.buffer) >= 60_000 and len(self._out.buffer) >= self.at_least_bytes:
            self._out.stop_reading()
        await super()._finish()


class BreaksWhenUnreadAndMuchIsLeft(BreaksWhenUnread, Broken):
    """check_close_of_much_with_bytes_unread"""

    at_least_bytes = 10_000


class ClosesWhenRead(Broken):
    """check_close_is_bounded"""

    async def close(self) -> None:
        await self.close_write()
        while len(self._out.buffer) > 60_000:
            await asyncio.sleep(0.001)
        await super().close()


class ClosesAfterTheOther(Broken):
    """check_both_close_at_once"""

    async def close(self) -> None:
        while self._has_ended_writing and not self._gone and self._in.has_ended:
            await asyncio.sleep(0.001)
        await super().close()


class ClosesWhenItsBytesAreRead(Broken):
    """check_both_close_with_bytes_unread"""

    async def _finish(self) -> None:
        while len(self._out.buffer) >= 60_000 and len(self._in.buffer) >= 60_000:
            await asyncio.sleep(0.001)
        await super()._finish()


class ErrorsEndWell(Broken):
    """check_context_manager_with_an_error"""

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class BlockStaysOpen(Broken):
    """check_context_manager"""

    async def __aexit__(self, *_: object) -> None:
        return


class LeavesATask(Broken):
    """check_bytes_arrive"""

    async def _read(self, max_bytes: int) -> bytes:
        self.task = asyncio.ensure_future(asyncio.sleep(3600))
        return await super()._read(max_bytes)


class CancelledIsOpen(Broken):
    """cancelled_at_every_step"""

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is not asyncio.CancelledError:
            await super().__aexit__(kind, error, trace)


def broken_pair(kind: type[Broken]) -> Callable[[], Any]:
    @asynccontextmanager
    async def make_pair() -> AsyncIterator[tuple[Stream, Stream]]:
        there, back = _Pipe(65_536), _Pipe(65_536)
        yield kind("right", back, there), kind("left", there, back)

    return make_pair


@pytest.mark.parametrize("kind", Broken.__subclasses__(), ids=lambda kind: kind.__name__)
def test_the_suite_notices(kind: type[Broken]) -> None:
    async def main(net: Internet) -> None:
        await check_stream(broken_pair(kind), timeout_s=0.5)

    with pytest.raises(NotConforming) as caught:
        Internet(1).run(main)
    assert str(caught.value).startswith(kind.__doc__ or "?"), str(caught.value)


def test_every_check_notices_something() -> None:
    noticed = {kind.__doc__ for kind in Broken.__subclasses__()}
    assert noticed == {check.__name__ for check in conformance.CHECKS} | {"cancelled_at_every_step"}


def test_the_time_limit_is_for_each_pair() -> None:
    """On a busy machine, and for streams that take a handshake, all of them together take minutes."""
    made = 0

    @asynccontextmanager
    async def slowly() -> AsyncIterator[tuple[Stream, Stream]]:
        nonlocal made
        made += 1
        await asyncio.sleep(4)
        a, b = memory_pair()
        yield a, b
        a.reset()
        b.reset()

    async def main(net: Internet) -> None:
        await check_stream(slowly, timeout_s=5)

    Internet(1).run(main)
    assert made > 2 * len(conformance.CHECKS) + 3, "it was cancelled at several steps"
