"""What is known of one peer: its time-out, its window, its list of our wants, and what may still come."""

from __future__ import annotations

import pytest

from p2plib.data.blocks.bitswap.events import BitswapLimits
from p2plib.data.blocks.bitswap.messages import WantEntry
from p2plib.data.blocks.bitswap.remote import MAX_CANCELLED, RemotePeer
from p2plib.data.dag.block import block_of

BLOCKS = [block_of(bytes([number])) for number in range(20)]
KEYS = [block.cid.multihash for block in BLOCKS]
FOREVER = float("inf")


def peer(**options: float) -> RemotePeer:
    return RemotePeer("ana", True, BitswapLimits(**options))  # type: ignore[arg-type]


def send(remote: RemotePeer, number: int) -> None:
    remote.tell(KEYS[number], WantEntry(BLOCKS[number].cid))
    remote.take_entries(100)


def test_the_time_out_is_that_of_tcp() -> None:
    remote = peer()
    assert (remote.timeout_s, remote.latency_s) == (1.0, 1.0)  # nothing is known
    remote.ask(KEYS[0], 0.0)
    remote.deliver(KEYS[0], 0.4)
    assert remote.latency_s == 0.4
    assert remote.timeout_s == pytest.approx(0.4 + 4 * 0.2)
    remote.ask(KEYS[1], 1.0)
    remote.deliver(KEYS[1], 1.8)
    assert remote.latency_s == pytest.approx(7 / 8 * 0.4 + 0.8 / 8)
    assert remote.timeout_s == pytest.approx(0.45 + 4 * (3 / 4 * 0.2 + 0.4 / 4))
    for number in range(2, 20):
        remote.ask(KEYS[number], 2.0)
        remote.deliver(KEYS[number], 2.001)
    assert remote.timeout_s >= 0.2


def test_a_miss_doubles_the_time_out_and_halves_the_window() -> None:
    remote = peer()
    for number in range(3):
        remote.ask(KEYS[number], 0.0)
    assert remote.overdue(0.9, FOREVER) == []
    assert remote.overdue(1.0, FOREVER) == KEYS[:3]
    assert remote.overdue(0.5, 0.5) == KEYS[:3]
    remote.miss(KEYS[:3])
    assert (remote.timeout_s, remote.window, remote.misses, remote.ledger.late) == (2.0, 4, 1, 3)
    assert remote.overdue(100.0, FOREVER) == []
    assert remote.next_late_at(FOREVER) == FOREVER
    for _ in range(9):
        remote.miss([])
    assert (remote.timeout_s, remote.window) == (10.0, 1)
    remote.deliver(KEYS[0], 3.0)
    assert (remote.misses, remote.window) == (0, 1)


def test_the_time_out_counts_from_the_last_block() -> None:
    remote = peer()
    for number in range(4):
        remote.ask(KEYS[number], 0.0)
    remote.deliver(KEYS[0], 0.9)
    assert remote.next_late_at(FOREVER) == pytest.approx(0.9 + remote.timeout_s)
    assert not remote.overdue(1.5, FOREVER)


def test_the_window_opens_with_each_block_in_time() -> None:
    remote = peer(max_window=10)
    for number in range(8):
        assert remote.has_room
        remote.ask(KEYS[number], 0.0)
    assert not remote.has_room
    for number in range(8):
        remote.deliver(KEYS[number], 0.1)
    assert remote.window == 10
    assert remote.is_idle


def test_what_was_never_sent_needs_no_cancel() -> None:
    remote = peer()
    remote.tell(KEYS[0], WantEntry(BLOCKS[0].cid))
    assert remote.knows(KEYS[0])
    remote.cancel(KEYS[0], BLOCKS[0].cid)
    assert not remote.outbox
    assert remote.expects_nothing
    send(remote, 1)
    assert not remote.expects_nothing
    remote.cancel(KEYS[1], BLOCKS[1].cid)
    assert remote.take_entries(9) == (WantEntry(BLOCKS[1].cid, 0, is_cancel=True),)
    assert not remote.knows(KEYS[1])
    assert not remote.expects_nothing  # it may have crossed our cancel
    assert remote.may_send(KEYS[1])
    assert not remote.may_send(KEYS[1])
    assert remote.expects_nothing


def test_what_was_cancelled_is_remembered_within_bounds() -> None:
    remote = peer()
    for number in range(MAX_CANCELLED + 10):
        block = block_of(number.to_bytes(4, "big"))
        remote.tell(block.cid.multihash, WantEntry(block.cid))
        remote.take_entries(100)
        remote.cancel(block.cid.multihash, block.cid)
    assert remote.may_send(block_of(MAX_CANCELLED.to_bytes(4, "big")).cid.multihash)
    for number in range(10):  # of the oldest only the number is known
        assert remote.may_send(block_of(number.to_bytes(4, "big")).cid.multihash)
    assert not remote.may_send(KEYS[0])


def test_lines_are_taken_in_portions() -> None:
    remote = peer()
    for key, block in zip(KEYS, BLOCKS, strict=True):
        remote.tell(key, WantEntry(block.cid))
    assert [len(remote.take_entries(8)) for _ in range(4)] == [8, 8, 4, 0]


def test_given_up() -> None:
    remote = peer()
    send(remote, 0)
    remote.ask(KEYS[0], 0.0)
    remote.give_up()
    assert not remote.has_room
    assert remote.expects_nothing
    assert not remote.outbox
