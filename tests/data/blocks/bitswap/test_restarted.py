"""We crash and come back under the same key: nobody is blamed for what we had asked for before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from p2plib.data.blocks.bitswap.driver import BlockExchange
from p2plib.data.blocks.bitswap.events import PeerBlamed
from p2plib.data.blocks.bitswap.messages import Payload
from p2plib.data.blocks.bitswap.remote import MAX_LEFT_OVER, MAX_LEFT_OVER_BYTES
from p2plib.data.blocks.bitswap.wants import Wants
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import Block
from p2plib.protocol.node import Node
from p2plib.sim import Constant, Link
from p2plib.wire import multicodec
from tests.data.blocks.bitswap.test_driver import totals
from tests.data.blocks.bitswap.test_wants import ONE, TWO, has, heard, peers, sends
from tests.data.blocks.bitswap.worlds import World, in_a_world, key_of, some_blocks

pytestmark = pytest.mark.fault("F149")


def crash_and_come_back(
    first: list[Block], second: list[Block], after_s: float, size_per_s: float
) -> tuple[int, int, list[PeerBlamed]]:
    """Vanish while some blocks are fetched, and fetch others of the same peer in the next life.

    Returns:
        How many blocks came that this life did not ask for, how many useful ones, and who was blamed.
    """
    found: list[tuple[int, int, list[PeerBlamed]]] = []

    async def scene(world: World) -> None:
        await world.honest("server", [*first, *second])

        async def live(use: Callable[[BlockExchange], Awaitable[None]]) -> None:
            async with Node(key_of("client")) as node, BlockExchange(node, MemoryBlocks()) as exchange:
                await exchange.connect(world.addresses[0])
                await use(exchange)

        async def before(exchange: BlockExchange) -> None:
            await exchange.fetch_many(block.cid for block in first)

        async def afterwards(exchange: BlockExchange) -> None:
            async with asyncio.timeout(60):
                await exchange.fetch_many(block.cid for block in second)
            await asyncio.sleep(30)
            total = totals(exchange)
            found.append((total.unasked_blocks, total.useful_blocks, list(exchange.blamed)))

        one, other = world.net.host("one life"), world.net.host("another life")
        task = one.start(partial(live, before))
        server = world.exchanges["server"]
        while not any(ledger.sent_blocks for ledger in server.machine.ledgers.values()):
            await asyncio.sleep(0.001)
        await asyncio.sleep(after_s)
        world.net.cut([one], [*world.hosts.values(), other])  # all that others see of a crash
        await other.run(live(afterwards))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    in_a_world(scene, link=Link(Constant(0.04), bytes_per_s=size_per_s))
    return found[0]


@pytest.mark.parametrize("after_s", [0.0, 0.1, 2.0])
@pytest.mark.parametrize(("size", "size_per_s"), [(200, 1e5), (60_000, 1e6), (300_000, 1e6)])
def test_an_honest_peer_goes_on_with_what_we_wanted_before(
    after_s: float, size: int, size_per_s: float
) -> None:
    first, second = some_blocks(60, size), some_blocks(5, size, seed=9)
    _, useful, blamed = crash_and_come_back(first, second, after_s, size_per_s)
    assert (useful, blamed) == (5, [])


def test_what_is_left_over_does_come() -> None:
    """Else the test above would prove nothing."""
    first, second = some_blocks(60, 60_000), some_blocks(5, 60_000, seed=9)
    unasked, _, _ = crash_and_come_back(first, second, 0.0, 1e6)
    assert unasked > 2


# One peer, and time that the test says.


def blamed(wants: Wants) -> list[PeerBlamed]:
    return [event for event in wants.events if isinstance(event, PeerBlamed)]


def test_what_is_left_over_is_forgiven_when_the_first_answer_comes_and_no_more_after() -> None:
    wants = peers("ana", "ben")
    wants.want(ONE.cid, 0.0)
    heard(wants, "ana"), heard(wants, "ben")
    sends(wants, "ana", TWO, 0.1)
    assert heard(wants, "ben") == [("block", ONE)]  # at once: it may have been for this
    sends(wants, "ana", ONE, 0.2)
    assert wants.timer() is None
    wants.handle_timer(100.0)
    assert (blamed(wants), wants.peers["ana"].ledger.unasked_blocks) == ([], 1)
    wants.want(TWO.cid, 101.0)
    wants.drop(TWO.cid, 101.0)
    sends(wants, "ana", TWO, 101.0)
    assert [each.strikes for each in blamed(wants)] == [1]


def test_without_any_answer_it_was_no_leftover() -> None:
    """Even when we want nothing any more."""
    wants = peers("liar", "ben")
    wants.want(ONE.cid, 0.0)
    heard(wants, "liar"), heard(wants, "ben")
    for _ in range(4):
        sends(wants, "liar", TWO, 0.1)
    sends(wants, "ben", ONE, 0.2)
    assert wants.timer() == 10.0
    wants.handle_timer(9.9)
    assert not blamed(wants)
    wants.handle_timer(10.0)
    (event,) = blamed(wants)
    assert (event.peer, event.strikes, event.is_given_up) == ("liar", 4, True)
    assert "4 blocks that we did not ask for" in event.reason
    assert wants.timer() is None


def test_nobody_is_judged_by_silence_whom_we_asked_nothing() -> None:
    wants = peers("ana")
    sends(wants, "ana", TWO, 0.1)
    assert wants.timer() is None
    wants.handle_timer(100.0)
    assert not blamed(wants)


def test_a_peer_of_an_older_version_is_not_judged_by_silence() -> None:
    wants = peers()
    wants.joined("old", 0.0, speaks_have=False)
    wants.want(ONE.cid, 0.0)
    wants.take_lines("old")
    sends(wants, "old", TWO, 0.1)
    for _ in range(4):
        wants.handle_timer(wants.timer() or 0.0)
    assert not blamed(wants)


def test_what_is_left_over_has_a_bound() -> None:
    wants = peers("ana")
    size = 1024 * 1024
    for number in range(MAX_LEFT_OVER_BYTES // size + 1):
        assert not blamed(wants), number
        wants.receive("ana", Payload(1, multicodec.RAW, multicodec.SHA2_256, bytes(size)), 0.1)
    assert len(blamed(wants)) == 1
    assert wants.peers["ana"].ledger.unasked_bytes == MAX_LEFT_OVER_BYTES
    few = peers("ana")
    for _ in range(MAX_LEFT_OVER):
        sends(few, "ana", TWO, 0.1)
    assert not blamed(few)
    sends(few, "ana", TWO, 0.1)
    assert len(blamed(few)) == 1


def test_to_come_back_brings_no_new_allowance() -> None:
    wants = peers("ana")
    wants.want(ONE.cid, 0.0)
    heard(wants, "ana")
    has(wants, "ana", ONE, 0.1)
    ledger = wants.peers["ana"].ledger
    wants.left("ana", 0.2)
    wants.joined("ana", 0.3, ledger=ledger)
    sends(wants, "ana", TWO, 0.4)
    assert ledger.strikes == 1
