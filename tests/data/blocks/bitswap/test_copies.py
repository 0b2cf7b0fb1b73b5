"""What comes twice has a bound: the budget by itself, and in worlds of near, far, slow and silent peers."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.blocks.bitswap.copies import Copies
from p2plib.data.blocks.bitswap.driver import BlockExchange
from p2plib.data.blocks.bitswap.events import BitswapLimits
from p2plib.data.blocks.bitswap.messages import PROTOCOLS, Presence, WantKind, payload_of
from p2plib.data.blocks.bitswap.wants import Wants
from p2plib.data.dag.block import block_of
from p2plib.protocol.connection import Connection
from p2plib.protocol.stream import Stream
from p2plib.protocol.tasks import end_tasks
from p2plib.sim import Constant, Link
from p2plib.wire import varint
from tests.data.blocks.bitswap.test_driver import totals
from tests.data.blocks.bitswap.test_wants import ONE, TWO, heard, lacks, peers, sends
from tests.data.blocks.bitswap.worlds import Puppet, World, in_a_world, says_nothing, some_blocks

KEYS = [block_of(bytes([number])).cid.multihash for number in range(8)]
BLOCK, HAVE = WantKind.BLOCK, WantKind.HAVE


def budget(first: int = 4, per_spare: int = 2) -> Copies:
    return Copies(BitswapLimits(first_spares=first, blocks_per_spare=per_spare))


def test_one_request_is_free_and_all_other_lines_are_spare() -> None:
    copies = budget()
    copies.ask(KEYS[0], "ana", HAVE, 0.0)
    copies.ask(KEYS[0], "ben", BLOCK, 0.0)
    assert copies.held == 1
    copies.ask(KEYS[0], "cyn", BLOCK, 0.0)
    copies.ask(KEYS[0], "cyn", BLOCK, 0.0)  # the same line again
    assert copies.held == 2
    copies.deliver(KEYS[0], "cyn", 100)
    assert (copies.held, copies.spent, copies.came) == (0, 2, 1)


def test_when_it_is_used_up_only_the_first_request_is_possible() -> None:
    copies = budget(first=2)
    for name in ("ana", "ben", "cyn"):
        assert copies.may_ask(KEYS[0], BLOCK)
        copies.ask(KEYS[0], name, BLOCK, 0.0)
    assert copies.is_used_up
    assert not copies.may_ask(KEYS[0], BLOCK)
    assert copies.may_ask(KEYS[1], BLOCK)
    assert not copies.may_ask(KEYS[1], HAVE)


def test_questions_leave_half_of_it() -> None:
    copies = budget(first=4)
    for name in ("ana", "ben"):
        assert copies.may_ask(KEYS[0], HAVE)
        copies.ask(KEYS[0], name, HAVE, 0.0)
    assert not copies.may_ask(KEYS[0], HAVE)
    assert copies.may_ask(KEYS[0], BLOCK)


def test_a_word_ends_a_question_and_only_no_ends_a_request() -> None:
    copies = budget()
    for name in ("ana", "ben"):
        copies.ask(KEYS[0], name, HAVE, 0.0)
        copies.ask(KEYS[0], name, BLOCK, 0.0)
    assert copies.held == 3
    copies.answered(KEYS[0], "ana", Presence.HAVE)
    assert copies.held == 2
    copies.answered(KEYS[0], "ben", Presence.DONT_HAVE)
    assert copies.held == 0
    copies.answered(KEYS[1], "ben", Presence.HAVE)  # that was no question


def test_a_question_about_a_large_block_costs_nothing_in_the_end() -> None:
    copies = budget()
    copies.ask(KEYS[0], "ana", BLOCK, 0.0)
    copies.ask(KEYS[0], "ben", HAVE, 0.0)
    copies.ask(KEYS[0], "cyn", BLOCK, 0.0)
    copies.deliver(KEYS[0], "ana", copies.limits.inline_bytes + 1)
    assert (copies.held, copies.spent) == (0, 1)


def test_what_a_silent_peer_holds_is_given_back_and_what_came_is_not() -> None:
    copies = budget()
    for key in KEYS[:3]:
        copies.ask(key, "silent", BLOCK, 1.0)
        copies.ask(key, "ana", BLOCK, 1.5)
    for key in KEYS[:2]:
        copies.deliver(key, "ana", 5000)
    assert (copies.held, copies.spent) == (1, 2)
    assert copies.silent_at("silent", 0.0, 0.0, 2.0) == 3.0
    assert copies.silent_at("silent", 2.0, 0.0, 2.0) == 4.0
    assert copies.silent_at("silent", 99.0, 0.0, 2.0) == 1.0 + copies.limits.max_timeout_s + 2.0
    assert copies.silent_at("silent", 99.0, 90.0, 2.0) == 101.0
    assert copies.silent_at("nobody", 0.0, 0.0, 2.0) == float("inf")
    copies.doubled("silent")
    copies.forget("silent")
    copies.forget("nobody")
    assert (copies.held, copies.spent) == (0, 1)
    assert copies.silent_at("silent", 0.0, 0.0, 2.0) == float("inf")
    copies.doubled("silent")  # after it was silent: nothing to keep


def test_what_was_asked_again_or_dropped_is_held_once_or_not() -> None:
    copies = budget()
    copies.ask(KEYS[0], "ana", BLOCK, 0.0)
    copies.ask(KEYS[0], "ben", BLOCK, 0.0)
    assert copies.is_asked(KEYS[0], "ana")
    copies.end_request(KEYS[0], "ana")
    assert not copies.is_asked(KEYS[0], "ana")
    assert copies.held == 0
    copies.ask(KEYS[0], "ana", BLOCK, 6.0)
    assert copies.held == 1
    copies.drop(KEYS[0])
    assert (copies.held, copies.spent) == (0, 0)


def test_a_peer_is_silent_since_it_got_the_oldest_line_that_is_not_over() -> None:
    copies = budget()
    copies.ask(KEYS[0], "ana", BLOCK, 1.0)
    copies.ask(KEYS[1], "ana", BLOCK, 2.0)
    assert copies.silent_at("ana", 0.0, 0.0, 3.0) == 4.0
    copies.deliver(KEYS[0], "ana", 100)
    copies.deliver(KEYS[1], "ana", 100)
    copies.ask(KEYS[2], "ana", BLOCK, 50.0)
    assert copies.silent_at("ana", 2.5, 0.0, 3.0) == 53.0


# The side that wants, with time that the test says.


def test_words_doubles_and_drops_are_told_to_the_budget() -> None:
    wants = peers("ana", "ben", "cyn")
    copies = wants.copies
    wants.want(ONE.cid, 0.0)
    for name in ("ana", "ben", "cyn"):
        heard(wants, name)
    assert copies.held == 2
    lacks(wants, "cyn", ONE)
    assert copies.held == 1
    sends(wants, "ana", ONE, 0.1)
    assert (copies.held, copies.spent) == (0, 1)
    sends(wants, "ben", ONE, 0.1)
    wants.left("ben", 0.2)
    assert copies.spent == 1  # that one did come
    wants.want(TWO.cid, 0.3)
    assert copies.held == 1
    wants.drop(TWO.cid, 0.4)
    assert (copies.held, copies.spent) == (0, 1)


def late_with_two(has_answered: bool) -> Wants:
    """A peer is late with two blocks, another can be asked, and one line may be spare."""
    wants = peers("ana", first_spares=1, blocks_per_spare=10**6)
    wants.peers["ana"].has_answered = has_answered
    for block in (ONE, TWO):
        wants.want(block.cid, 0.0)
    wants.joined("old", 0.5, speaks_have=False)
    heard(wants, "ana"), heard(wants, "old")
    assert wants.timer() == 1.0
    wants.handle_timer(1.0)
    return wants


def test_with_nothing_left_a_block_waits_until_its_peer_is_silent() -> None:
    wants = late_with_two(has_answered=True)
    assert heard(wants, "old") == [("block", ONE)]
    assert wants.copies.is_used_up
    wants.peers["old"].ask(ONE.cid.multihash, 1.5)  # so that it is not late before
    assert wants.timer() == 2.0
    wants.handle_timer(2.0)
    assert heard(wants, "old") == [("block", TWO)]


def test_a_peer_that_never_answered_is_silent_when_it_is_late() -> None:
    wants = late_with_two(has_answered=False)
    assert heard(wants, "old") == [("block", ONE), ("block", TWO)]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["block", "have", "yes", "no", "deliver", "double", "drop"]),
        st.integers(0, 7),
        st.sampled_from("abc"),
    ),
    max_size=150,
)


@given(STEPS)
def test_doubles_never_exceed_what_is_allowed(steps: list[tuple[str, int, str]]) -> None:
    """Whatever answers come, in any order, each line brings at most one block."""
    copies = budget(first=3, per_spare=2)
    lines: dict[tuple[int, str, WantKind], bool] = {}  # those that may bring a block, and whether it is there
    doubles = 0
    for what, number, name in steps:
        key = KEYS[number]
        asked = [one for one in lines if one[:2] == (number, name)]
        match what:
            case "block" | "have":
                kind = WantKind[what.upper()]
                if (number, name, kind) not in lines and copies.may_ask(key, kind):
                    copies.ask(key, name, kind, 0.0)
                    lines[number, name, kind] = False
            case "yes" | "no":
                presence = Presence.HAVE if what == "yes" else Presence.DONT_HAVE
                over = [one for one in asked if not lines[one] and (what == "no" or one[2] is HAVE)]
                if over:
                    copies.answered(key, name, presence)
                for one in over:
                    del lines[one]
            case "deliver" if asked and not any(lines[one] for one in asked):
                copies.deliver(key, name, 10)
                del lines[min(asked, key=lambda one: one[2])]
                for one in [one for one in lines if one[0] == number]:
                    lines[one] = True
            case "double":
                for one in [one for one in asked if lines[one]][:1]:
                    copies.doubled(name)
                    del lines[one]
                    doubles += 1
        assert doubles <= copies.spent <= copies.allowed
        assert copies.held + copies.spent <= copies.allowed


# In the simulated internet: 20 peers, 10 ms to 1.5 s away.


def doubled(seed: int, size: int, silent: int = 0, bytes_per_s: float = 2e6) -> tuple[int, int, float]:
    """Fetch 300 blocks: how many came twice, how many may, and the seconds that it took."""
    random = Random(seed)
    blocks = some_blocks(300, size, seed)
    far = [0.01 * 150 ** random.random() for _ in range(20)]
    found: list[tuple[int, int, float]] = []

    async def scene(world: World) -> None:
        for number in range(20):
            if number < silent:
                await world.puppet(f"peer{number}", Puppet(says_nothing))
            else:
                await world.honest(f"peer{number}", blocks)

        async def use(exchange: BlockExchange) -> None:
            clock = asyncio.get_running_loop().time
            began = clock()
            await exchange.fetch_many(block.cid for block in blocks)
            took_s = clock() - began
            await asyncio.sleep(60)  # whatever is still on its way
            assert totals(exchange).strikes == 0
            copies = exchange.machine.wants.copies
            assert copies.held == 0
            found.append((totals(exchange).double_blocks, copies.allowed, took_s))

        for number, round_trip_s in enumerate(far):
            link = Link(Constant(round_trip_s / 2), bytes_per_s=bytes_per_s)
            world.net.set_link(world.client, world.hosts[f"peer{number}"], link)
        await world.fetching(use)

    in_a_world(scene, seed=seed)
    return found[0]


def check(seed: int, size: int, silent: int, bytes_per_s: float, most_s: float) -> None:
    """No more come twice than may, and nobody waits for those that are slow or silent."""
    came_twice, allowed, took_s = doubled(seed, size, silent, bytes_per_s)
    assert allowed == 32 + 300 // 16
    assert came_twice <= allowed
    assert took_s < most_s


@pytest.mark.parametrize("silent", [0, 8])
def test_small_blocks_of_peers_near_and_far(silent: int) -> None:
    check(7, 100, silent, 2e6, 3)


@pytest.mark.slow
@pytest.mark.parametrize(("bytes_per_s", "most_s"), [(2e6, 2), (1e5, 10)])
def test_large_blocks_of_peers_near_and_far(bytes_per_s: float, most_s: float) -> None:
    check(7, 20_000, 0, bytes_per_s, most_s)


@pytest.mark.slow
def test_peers_near_and_far_in_many_worlds() -> None:
    for seed in range(6):
        check(seed, 100, 0, 2e6, 2)


class Dripping(Puppet):
    """Sends no block, but always one more byte of a long message."""

    def __init__(self) -> None:
        super().__init__(says_nothing)
        self.dripping: asyncio.Task[None] | None = None

    async def take(self, stream: Stream, connection: Connection) -> None:
        if self.dripping is None:
            self.dripping = asyncio.create_task(self._drip(connection))
        await super().take(stream, connection)

    async def _drip(self, connection: Connection) -> None:
        there, _ = await connection.open_stream(*PROTOCOLS)
        await there.write(varint.encode(1024 * 1024) + bytes(2000))
        for _ in range(200):
            await asyncio.sleep(0.5)
            await there.write(b"\0")


def test_nobody_keeps_the_budget_or_a_block_with_chatter() -> None:
    blocks, limits = some_blocks(100, 5000), BitswapLimits()
    drips = [Dripping() for _ in range(5)]
    took: list[float] = []

    async def scene(world: World) -> None:
        for number, dripping in enumerate(drips):
            await world.puppet(f"drip{number}", dripping)
            near = Link(Constant(0.005), bytes_per_s=2e6)
            world.net.set_link(world.client, world.hosts[f"drip{number}"], near)
        for number in range(4):
            await world.honest(f"honest{number}", blocks)

        async def use(exchange: BlockExchange) -> None:
            clock = asyncio.get_running_loop().time
            began = clock()
            await exchange.fetch_many(block.cid for block in blocks)
            took.append(clock() - began)
            await asyncio.sleep(limits.max_timeout_s)
            tasks = [dripping.dripping for dripping in drips if dripping.dripping is not None]
            assert len(tasks) == len(drips)
            await end_tasks(*tasks)

        await world.fetching(use)

    in_a_world(scene)
    assert took[0] < 2 * limits.max_timeout_s


def test_a_block_that_a_lively_peer_keeps_back_is_asked_of_another() -> None:
    """Nothing is left of the budget, and what it sends besides is not what we wait for."""
    limits = BitswapLimits(first_spares=1, blocks_per_spare=1000, max_window=1)
    wants = Wants(limits)
    kept, *others = some_blocks(60, 5000)
    wants.copies.spent = 1
    wants.joined("ana", 0.0)
    wants.want(kept.cid, 0.0)
    wants.take_lines("ana")
    wants.joined("ben", 0.0)
    for number, other in enumerate(others):
        now = 0.5 * number
        wants.handle_timer(now)
        wants.want(other.cid, now)
        wants.take_lines("ana")
        wants.peers["ana"].listed[other.cid.multihash] = 1
        wants.receive("ana", payload_of(other.cid, other.data), now)
        if kept.cid.multihash in wants.peers["ben"].owes:
            break
    assert limits.max_timeout_s <= now <= limits.first_timeout_s + limits.max_timeout_s + 1
