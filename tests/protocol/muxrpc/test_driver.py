"""Whole connections: goodbye, hang-ups, lies, floods, cancellation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.errors import CallFailed, Closed, DecodeError, P2PError, PeerTimeout, RemoteError, StreamReset
from p2plib.identity.keys import SecretKey
from p2plib.protocol import secure
from p2plib.protocol.conformance import read_all
from p2plib.protocol.muxrpc import driver, frames
from p2plib.protocol.muxrpc.driver import Muxrpc
from p2plib.protocol.muxrpc.frames import Frame
from p2plib.protocol.stream import MemoryStream, memory_pair
from p2plib.sim import Internet
from tests.protocol.muxrpc.pairs import Offered, connected, settle

CALL: Any = {"name": ["wait"], "args": []}


def test_calls_both_ways_at_once() -> None:
    async def main() -> None:
        a, b = memory_pair()
        async with Muxrpc(a, Offered().methods) as near:
            far = Muxrpc(b, Offered().methods)
            far.start()
            sums = await asyncio.gather(*(rpc.call("add", n, n) for n in range(40) for rpc in (near, far)))
            assert sums == [2 * n for n in range(40) for _ in range(2)]
            closing = asyncio.create_task(far.close())
            await near.wait_closed()
            await closing

    asyncio.run(main())


def test_over_the_box_stream() -> None:
    async def main() -> None:
        alice, bob = (SecretKey.from_seed(bytes([number]) * 32) for number in (1, 2))
        a, b = memory_pair()
        near_stream, far_stream = await asyncio.gather(
            secure.shs_client(a, alice, bob.public), secure.shs_server(b, bob)
        )
        async with Muxrpc(near_stream) as near:
            far = Muxrpc(far_stream, Offered().methods)
            far.start()
            assert (near.remote_key, far.remote_key) == (bob.public, alice.public)
            large = await near.call("large", 100_000)  # in 25 boxes
            assert large == bytes(100_000)
            async with near.source("numbers.count", 3000) as stream:
                assert len([value async for value in stream]) == 3000
            closing = asyncio.create_task(far.close())
            await near.wait_closed()
            await closing

    asyncio.run(main())


def test_goodbye_from_either_side() -> None:
    async def main() -> None:
        async with connected() as (near, far):
            waits = asyncio.create_task(near.call("wait"))
            stream = near.duplex("echo")
            await settle()
            await far.close()
            with pytest.raises(Closed, match="goodbye"):
                await waits
            with pytest.raises(Closed, match="goodbye"):
                await anext(stream)
            await near.wait_closed()
            with pytest.raises(Closed):
                await near.call("add", 1, 2)
            with pytest.raises(Closed):
                near.source("numbers.count", 1)
            await near.close()
            await near.close()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_close_while_the_other_side_talks() -> None:
    async def main() -> None:
        offered = Offered()
        async with connected(offered.methods, limit_bytes=500) as (near, far):
            stream = near.source("numbers.count", 10**9)
            assert await anext(stream) == 0
            await near.close()
            assert offered.cancelled == ["count"]
            await far.wait_closed()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


async def stranger(*sent: Frame | bytes, **options: Any) -> tuple[Muxrpc, MemoryStream]:
    """A connection of ours whose other side is this test."""
    a, b = memory_pair()
    rpc = Muxrpc(a, Offered().methods, **options)
    rpc.start()
    for one in sent:
        await b.write(one if isinstance(one, bytes) else frames.encode(one))
    await settle()
    return rpc, b


@pytest.mark.parametrize(
    "lie",
    ["02 ffffffff 00000001", "02 00000003 00000001 7b7b7b", "f2 00000004 00000001 74727565",
     "01 00000000 00000001", "01 00000001 00000001 ff", "02 00000004 80000000 74727565"],
)  # fmt: skip
def test_a_lie_ends_the_connection_for_everybody_on_it(lie: str) -> None:
    async def main() -> None:
        rpc, other = await stranger(Frame(1, CALL))
        waits = asyncio.create_task(rpc.call("x"))
        await settle()
        await other.write(bytes.fromhex(lie))
        with pytest.raises(DecodeError):
            await waits
        with pytest.raises(DecodeError):
            await rpc.call("x")
        with pytest.raises(StreamReset):
            await read_all(other)
        await rpc.close()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_a_hang_up_is_told_to_whatever_waits() -> None:
    async def main(how: str) -> None:
        rpc, other = await stranger()
        waits = asyncio.create_task(rpc.call("x"))
        stream = rpc.source("y")
        await settle()
        if how == "reset":
            other.reset()
        else:
            await other.write(b"\x02\x00" if how == "cut" else b"")
            await other.close_write()
        for waiting in (waits, anext(stream)):
            with pytest.raises(P2PError):
                await waiting
        assert rpc.is_over
        await rpc.close()
        other.reset()
        assert len(asyncio.all_tasks()) == 1

    for how in ("end", "reset", "cut"):
        asyncio.run(main(how))


def test_calls_whose_answers_are_not_read_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "BACKLOG_BYTES", 200_000)

    async def main() -> None:
        rpc, other = await stranger()
        raw = b"".join(
            frames.encode(Frame(number, {"name": ["no"], "args": []})) for number in range(1, 5000)
        )
        writing = asyncio.create_task(other.write(raw))
        with pytest.raises(StreamReset):
            await writing
        with pytest.raises(RemoteError, match="does not read"):
            await rpc.call("x")
        await rpc.close()

    asyncio.run(main())


def test_a_peer_that_answers_goodbye_with_silence() -> None:
    async def main(net: Any) -> None:
        rpc, other = await stranger(Frame(1, CALL))
        begun = asyncio.get_running_loop().time()
        await rpc.close()
        assert asyncio.get_running_loop().time() - begun <= 11
        other.reset()
        assert len(asyncio.all_tasks()) == 1

    Internet(seed=1).run(main)


def test_a_peer_that_says_goodbye_and_reads_no_more() -> None:
    async def main(net: Any) -> None:
        a, b = memory_pair(limit_bytes=1000)
        rpc = Muxrpc(a, Offered().methods)
        rpc.start()
        await b.write(frames.encode(Frame(1, {"name": ["large"], "args": [50_000], "type": "async"})))
        await settle()
        await b.write(frames.GOODBYE)
        async with asyncio.timeout(60):
            await rpc.wait_closed()
        with pytest.raises(PeerTimeout, match="said goodbye, and does not read"):
            await rpc.call("add", 1, 2)
        begun = asyncio.get_running_loop().time()
        await rpc.close()
        assert asyncio.get_running_loop().time() == begun
        assert len(asyncio.all_tasks()) == 1

    Internet(seed=1).run(main)


def test_many_open_calls_are_refused_and_the_rest_lives() -> None:
    async def main() -> None:
        async with connected(max_calls=3) as (near, _):
            waiting = [asyncio.create_task(near.call("wait")) for _ in range(3)]
            await settle()
            with pytest.raises(CallFailed, match="at most 3 calls"):
                await near.call("add", 1, 2)
            for task in waiting:
                task.cancel()

    asyncio.run(main())


def test_strays_do_not_disturb() -> None:
    async def main() -> None:
        rpc, other = await stranger(*[Frame(-number, True) for number in range(1, 50)])
        assert rpc.machine.strays == 49
        assert not rpc.is_over
        other.reset()
        await rpc.close()

    asyncio.run(main())


def test_cancelled_at_every_turn() -> None:
    """A client that is cancelled after n turns of the loop, for every n until it is through."""

    async def client(near: Muxrpc) -> None:
        async with near:
            await near.call("add", 1, 2)
            async with near.source("numbers.count", 5) as stream:
                async for _ in stream:
                    pass
            async with near.duplex("echo") as stream:
                await stream.send(1)
                await anext(stream)

    async def main(net: Any) -> bool:
        a, b = memory_pair()
        offered = Offered()
        far = Muxrpc(b, offered.methods)
        far.start()
        task = asyncio.create_task(client(Muxrpc(a)))
        await settle(turns)
        task.cancel()
        await asyncio.wait([task])
        await far.close()
        assert len(asyncio.all_tasks()) == 1
        assert far.failures == {}
        return not task.cancelled()

    turns = 0
    while not Internet(seed=1).run(main):
        turns += 1
    assert turns > 10
