"""From a raw stream to a connection: what is negotiated, by when, and with whom."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from p2plib.errors import (
    Closed,
    DecodeError,
    EndOfStream,
    HandshakeFailed,
    NoCommonProtocol,
    P2PError,
    PeerTimeout,
    StreamReset,
)
from p2plib.protocol import multistream, ping
from p2plib.protocol.conformance import read_all
from p2plib.protocol.connection import LINGER_S, MAX_HANDLERS, Connection, StreamHandler, upgrade
from p2plib.protocol.stream import Stream, memory_pair
from p2plib.sim import Internet
from tests.protocol.nodes import ALICE, BOB, ECHO, echo, two_nodes


@pytest.mark.parametrize("offers", [(True, True), (True, False), (False, True), (False, False)])
def test_the_muxer_is_named_early_or_negotiated(offers: tuple[bool, bool]) -> None:
    async def main() -> None:
        a, b = memory_pair(limit_bytes=100)
        near, far = await asyncio.gather(
            upgrade(a, ALICE, is_client=True, expected=BOB.public, offers_early_muxer=offers[0]),
            upgrade(b, BOB, is_client=False, handlers={ECHO: echo}, offers_early_muxer=offers[1]),
        )
        assert near.has_early_muxer == far.has_early_muxer == all(offers)
        async with near, far:
            lazy = await near.propose_stream(ECHO)
            async with lazy:
                await lazy.write(b"x" * 1000)
                assert await lazy.read_exactly(1000) == b"x" * 1000

    asyncio.run(main())


@pytest.mark.fault("F052")
@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"\x13/multistream/1.0.0\n\x03na\n", NoCommonProtocol),
        (b"\x13/multistream/1.0.0\n\x11/plaintext/2.0.0\n", DecodeError),
        (b"\x0eGET / HTTP/1.1\n", DecodeError),
        (b"", EndOfStream),
        (b"\x13/multistream/1.0.0\n\x07/noise\n", HandshakeFailed),
        (b"\x13/multistream/1.0.0\n\x07/noise\n\xff\xff" + bytes(70_000), HandshakeFailed),
    ],
)
def test_whoever_is_no_libp2p_peer(said: bytes, error: type[P2PError]) -> None:
    async def main() -> None:
        a, b = memory_pair(limit_bytes=100_000)
        await b.write(said)
        await b.close_write()
        with pytest.raises(error):
            await upgrade(a, ALICE, is_client=True)
        with pytest.raises(StreamReset):
            await read_all(b)

    asyncio.run(main())


@pytest.mark.fault("F040")
@pytest.mark.parametrize("is_client", [True, False])
@pytest.mark.parametrize("said", [b"", b"\x13/multi", b"\x13/multistream/1.0.0\n\x07/noise\n\x00"])
def test_the_deadline_is_one_for_everything(is_client: bool, said: bytes) -> None:
    async def main() -> None:
        a, b = memory_pair()
        await b.write(said)
        with pytest.raises(PeerTimeout):
            await upgrade(a, ALICE, is_client=is_client, timeout_s=0.02)
        with pytest.raises(StreamReset):
            await read_all(b)

    asyncio.run(main())


def test_handlers_that_fail_and_protocols_that_are_not_there() -> None:
    async def breaks(stream: Stream, connection: Connection) -> None:
        raise KeyError("ours")

    async def main() -> None:
        seen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context["exception"]))
        async with two_nodes() as (alice, bob):
            bob.handlers["/breaks/1"] = breaks
            async with await alice.dial(bob.addresses[0]) as connection:
                stream = await connection.propose_stream("/breaks/1")
                with pytest.raises(StreamReset):
                    await stream.read()
                with pytest.raises(NoCommonProtocol, match="speaks none of /none/1, /none/2"):
                    await connection.open_stream("/none/1", "/none/2")
                (back,) = bob.connections
                assert await ping.ping(connection) > 0
                assert back.failures["KeyError"] == 1
                assert [repr(error) for error in seen] == ["KeyError('ours')"]

    asyncio.run(main())


@pytest.mark.fault("F040")
def test_a_stream_on_which_nothing_is_agreed_is_reset() -> None:
    async def main() -> None:
        async with two_nodes() as (alice, bob), await alice.dial(bob.addresses[0]) as connection:
            assert await ping.ping(connection) > 0
            (back,) = bob.connections
            back.negotiation_timeout_s = 0.02
            stream = await connection.muxed.open_stream()
            await stream.write(multistream.encode(multistream.HEADER))
            with pytest.raises(StreamReset):
                await read_all(stream)
            assert back.failures == {"PeerTimeout": 1}

    asyncio.run(main())


@asynccontextmanager
async def two_connections(
    handlers: dict[str, StreamHandler], max_handlers: int = MAX_HANDLERS
) -> AsyncIterator[tuple[Connection, Connection]]:
    """Alice's side and Bob's, who has handlers."""
    a, b = memory_pair()
    near, bob = await asyncio.gather(upgrade(a, ALICE, is_client=True), upgrade(b, BOB, is_client=False))
    far = Connection(bob.muxed, bob.remote_key, is_client=False, handlers=handlers, max_handlers=max_handlers)
    before = asyncio.all_tasks()
    async with near, far:
        yield near, far
    assert asyncio.all_tasks() == before


class Worker:
    """A handler that reads a byte, works until it is told to end, and then cleans up; it keeps count."""

    def __init__(self) -> None:
        self.running = self.most = self.cancelled = self.finished = 0
        self.may_end = asyncio.Event()
        self.may_clean_up = asyncio.Event()
        self.may_clean_up.set()

    async def __call__(self, stream: Stream, connection: Connection) -> None:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await stream.read(1)
            await self.may_end.wait()
            self.finished += 1
        except asyncio.CancelledError:
            self.cancelled += 1
            await self.may_clean_up.wait()
            raise
        finally:
            self.running -= 1


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(100):
        while not is_so():
            await asyncio.sleep(0)


@pytest.mark.finding("K1")
def test_rapid_resets_start_no_more_work_than_may_be_done_at_once() -> None:
    async def main() -> None:
        worker = Worker()
        worker.may_clean_up.clear()  # so slow that all of it would pile up
        async with two_connections({"/job/1": worker}, max_handlers=20) as (near, far):
            for _ in range(200):
                stream = await near.propose_stream("/job/1")
                await stream.write(b"x")
                await near.muxed.ping()
                stream.reset()
            await near.muxed.ping()
            assert worker.most <= 20
            assert worker.cancelled > 0
            worker.may_clean_up.set()
            await until(lambda: not worker.running)
            async with (await near.open_stream("/job/1"))[0] as stream:  # it works again
                await stream.write(b"x")
                worker.may_end.set()
                assert await stream.read() == b""
            assert worker.finished == 1
            assert far.failures["StreamReset"] >= worker.cancelled

    asyncio.run(main())


@pytest.mark.finding("K1")
def test_whoever_works_for_a_stream_that_was_reset_is_stopped() -> None:
    async def main() -> None:
        worker = Worker()
        async with two_connections({"/job/1": worker}) as (near, far):
            for is_ended in (True, False):
                stream, _ = await near.open_stream("/job/1")
                await stream.write(b"x")
                if is_ended:  # its request is whole: to reset it now only means to want no response
                    await stream.close_write()
                await near.muxed.ping()
                stream.reset()
                await near.muxed.ping()
                await until(lambda: worker.running == 1)
            assert (worker.cancelled, worker.finished) == (1, 0)
            assert far.failures == {"StreamReset": 1}
            worker.may_end.set()
            await until(lambda: worker.finished == 1)

    asyncio.run(main())


@pytest.mark.finding("K1")
def test_whoever_works_for_a_peer_that_has_gone_is_stopped() -> None:
    async def main() -> None:
        worker, over = Worker(), asyncio.Event()
        async with two_connections({"/job/1": worker}) as (near, far):
            far.when_over = over.set
            for _ in range(5):
                await (await near.open_stream("/job/1"))[0].write(b"x")
            await near.muxed.ping()
            await near.close()
            await asyncio.wait_for(far.wait_closed(), 100)
            assert (worker.cancelled, worker.running) == (5, 0)
            assert over.is_set()

    asyncio.run(main())


def test_what_a_peer_had_said_whole_is_served_when_it_has_gone() -> None:
    async def main() -> None:
        worker = Worker()
        async with two_connections({"/job/1": worker}) as (near, far):
            stream, _ = await near.open_stream("/job/1")
            async with stream:
                await stream.write(b"x")
            await near.close()
            await far.muxed.wait_closed()
            worker.may_end.set()
            await asyncio.wait_for(far.wait_closed(), 100)
            assert (worker.cancelled, worker.finished) == (0, 1)

    asyncio.run(main())


def test_but_not_forever() -> None:
    async def main(net: Any) -> None:
        worker = Worker()
        async with two_connections({"/job/1": worker}) as (near, far):
            stream, _ = await near.open_stream("/job/1")
            async with stream:
                await stream.write(b"x")
            await near.close()
            await far.muxed.wait_closed()
            began = net.time
            await far.wait_closed()
            assert net.time - began == pytest.approx(LINGER_S, abs=0.1)
            assert (worker.cancelled, worker.running) == (1, 0)

    Internet(seed=1).run(main)


@pytest.mark.parametrize("count", [1, 2])
def test_handlers_may_close_their_own_connection(count: int) -> None:
    went_on: list[str] = []

    async def ends_it(stream: Stream, connection: Connection) -> None:
        await connection.close("that was all")
        went_on.append("to its end")

    async def main() -> None:
        async with two_connections({"/end/1": ends_it}) as (near, far):
            for _ in range(count):
                await (await near.propose_stream("/end/1")).write(b"x")
            await asyncio.wait_for(near.wait_closed(), 100)
            await asyncio.wait_for(far.wait_closed(), 100)
            assert went_on
            with pytest.raises(Closed, match="that was all"):
                await far.open_stream("/x/1")

    asyncio.run(main())


def test_a_connection_that_is_closed_before_it_began_leaves_nothing() -> None:
    async def main() -> None:
        a, b = memory_pair()
        near, far = await asyncio.gather(upgrade(a, ALICE, is_client=True), upgrade(b, BOB, is_client=False))
        await near.close()
        with pytest.raises(StreamReset):
            await read_all(b)
        with pytest.raises(Closed):
            await near.open_stream("/x/1")
        await far.close()

    asyncio.run(main())


@pytest.mark.fault("F051")
def test_a_handler_whose_own_time_out_has_just_run_out_is_ended_too() -> None:
    """On a machine that was busy or asleep many timers are due at once. A time-out has a handler cancelled,
    and takes that back when the handler comes to it."""
    bounds: list[asyncio.Timeout] = []

    async def patient(stream: Stream, connection: Connection) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None) as bound:
                    bounds.append(bound)
                    await asyncio.Event().wait()

    async def main() -> None:
        async with two_connections({"/patient/1": patient}) as (near, far):
            await near.open_stream("/patient/1")
            await until(lambda: bool(bounds))
            bounds[0].reschedule(0)
            await asyncio.sleep(0)
            async with asyncio.timeout(100):
                await far.close()

    asyncio.run(main())
