"""Who is asked for what, and when the next one is: scripted peers, and time that the test says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.blocks.bitswap.events import BitswapLimits, BlockCame, NobodyHas, PeerBlamed
from p2plib.data.blocks.bitswap.messages import (
    BlockPresence,
    Payload,
    Presence,
    WantEntry,
    WantKind,
    payload_of,
)
from p2plib.data.blocks.bitswap.remote import MAX_LEFT_OVER
from p2plib.data.blocks.bitswap.wants import Wants
from p2plib.data.dag.block import Block, block_of
from p2plib.errors import UsageError
from p2plib.wire import multicodec

ONE, TWO, THREE = (block_of(word) for word in (b"one", b"two", b"three"))


def peers(*names: str, **limits: int) -> Wants:
    wants = Wants(BitswapLimits(**limits))  # type: ignore[arg-type]
    for name in names:
        wants.joined(name, 0.0)
    return wants


def heard(wants: Wants, name: str) -> list[tuple[str, Block]]:
    """What a peer hears now, in short."""
    blocks = {block.cid: block for block in (ONE, TWO, THREE)}
    lines, _ = wants.take_lines(name)
    return [(kind_of(line), blocks[line.cid]) for line in lines]


def kind_of(line: WantEntry) -> str:
    return "cancel" if line.is_cancel else line.kind.name.lower()


def has(wants: Wants, name: str, block: Block, now: float = 0.0) -> None:
    wants.presences(name, [BlockPresence(block.cid, Presence.HAVE)], now)


def lacks(wants: Wants, name: str, block: Block, now: float = 0.0) -> None:
    wants.presences(name, [BlockPresence(block.cid, Presence.DONT_HAVE)], now)


def sends(wants: Wants, name: str, block: Block, now: float = 0.0) -> None:
    wants.receive(name, payload_of(block.cid, block.data), now)


def test_one_is_asked_for_the_block_and_the_others_whether_they_have_it() -> None:
    wants = peers("ana", "ben", "cyn")
    wants.want(ONE.cid, 0.0)
    assert [heard(wants, name) for name in ("ana", "ben", "cyn")] == [
        [("block", ONE)],
        [("have", ONE)],
        [("have", ONE)],
    ]
    sends(wants, "ana", ONE)
    assert wants.events.popleft() == BlockCame(ONE, "ana")
    assert [heard(wants, name) for name in ("ana", "ben", "cyn")] == [
        [],
        [("cancel", ONE)],
        [("cancel", ONE)],
    ]
    assert len(wants) == 0
    assert wants.timer() is None


def test_a_peer_that_lacks_it_is_followed_by_one_that_has_it() -> None:
    wants = peers("ana", "ben", "cyn")
    wants.want(ONE.cid, 0.0)
    for name in ("ana", "ben", "cyn"):
        heard(wants, name)
    lacks(wants, "ben", ONE)
    has(wants, "cyn", ONE)
    lacks(wants, "ana", ONE)
    assert (heard(wants, "ben"), heard(wants, "cyn")) == ([], [("block", ONE)])
    assert not wants.events
    lacks(wants, "cyn", ONE)
    assert list(wants.events) == [NobodyHas(ONE.cid, 3)]
    assert wants.is_lacked(ONE.cid)
    has(wants, "ben", ONE)  # it got it later
    assert heard(wants, "ben") == [("block", ONE)]


def test_a_late_peer_is_followed_by_the_next_and_may_still_deliver() -> None:
    wants = peers("ana", "ben")
    wants.want(ONE.cid, 0.0)
    heard(wants, "ana"), heard(wants, "ben")
    assert wants.timer() == 1.0
    wants.handle_timer(0.9)
    assert heard(wants, "ben") == []
    wants.handle_timer(1.0)
    assert heard(wants, "ben") == [("block", ONE)]
    assert heard(wants, "ana") == []  # two are at work on it
    sends(wants, "ana", ONE, 1.1)
    assert wants.events.popleft() == BlockCame(ONE, "ana")
    assert heard(wants, "ben") == [("cancel", ONE)]
    sends(wants, "ben", ONE, 1.2)
    assert wants.peers["ben"].ledger.double_blocks == 1
    assert not wants.events


def test_a_third_one_is_asked_and_the_first_is_let_off() -> None:
    wants = peers("ana", "ben", "cyn")
    wants.want(ONE.cid, 0.0)
    for name in ("ana", "ben", "cyn"):
        heard(wants, name)
    wants.handle_timer(1.0)
    wants.handle_timer(2.0)
    assert [heard(wants, name) for name in ("ana", "ben", "cyn")] == [
        [("cancel", ONE)],
        [("block", ONE)],
        [("block", ONE)],
    ]


def test_nobody_else_is_there_so_the_same_is_asked_again() -> None:
    wants = peers("ana")
    wants.want(ONE.cid, 0.0)
    assert heard(wants, "ana") == [("block", ONE)]
    wants.handle_timer(1.0)
    assert wants.timer() == 6.0
    wants.handle_timer(6.0)
    assert heard(wants, "ana") == [("block", ONE)]


def test_in_a_session_the_supplier_is_asked_and_nobody_else() -> None:
    wants = peers("ana", "ben")
    session = wants.sessions.begin()
    wants.want(ONE.cid, 0.0, session=session)
    heard(wants, "ana"), heard(wants, "ben")
    sends(wants, "ana", ONE, 0.1)
    heard(wants, "ben")
    wants.want(TWO.cid, 0.2, session=session)
    assert (heard(wants, "ana"), heard(wants, "ben")) == ([("block", TWO)], [])
    lacks(wants, "ana", TWO, 0.3)
    assert heard(wants, "ben") == [("block", TWO)]
    wants.sessions.end(session)
    sends(wants, "ben", TWO, 0.4)


def test_a_peer_that_leaves_is_followed_by_the_next() -> None:
    wants = peers("ana", "ben")
    wants.want(ONE.cid, 0.0)
    heard(wants, "ben")
    wants.left("ana", 0.1)
    assert heard(wants, "ben") == [("block", ONE)]
    wants.left("ben", 0.2)
    assert wants.timer() is None
    wants.joined("cyn", 0.3)
    assert wants.take_lines("cyn") == ((WantEntry(ONE.cid, 1, WantKind.BLOCK, asks_dont_have=True),), True)
    wants.left("nobody", 0.4)


def test_a_peer_of_an_older_version_is_only_asked_for_blocks() -> None:
    wants = peers("ana")
    wants.joined("old", 0.0, speaks_have=False)
    wants.want(ONE.cid, 0.0)
    assert (heard(wants, "ana"), heard(wants, "old")) == ([("block", ONE)], [])
    lacks(wants, "ana", ONE)
    assert wants.take_lines("old")[0] == (WantEntry(ONE.cid, 1),)
    assert not wants.is_lacked(ONE.cid)


@pytest.mark.fault("F149")
def test_wrong_blocks_are_strikes_and_the_third_is_the_last() -> None:
    wants = peers("liar", "ben")
    wants.want(ONE.cid, 0.0)
    heard(wants, "liar"), heard(wants, "ben")
    has(wants, "liar", ONE)
    sends(wants, "liar", TWO, 0.1)
    assert heard(wants, "ben") == [("block", ONE)]  # at once, not when the liar is late
    sends(wants, "liar", TWO, 0.2)
    sends(wants, "liar", TWO, 0.3)
    sends(wants, "liar", ONE, 0.4)  # nobody looks at that any more
    blamed = [event for event in wants.events if isinstance(event, PeerBlamed)]
    assert [(each.peer, each.strikes, each.is_given_up) for each in blamed] == [
        ("liar", 1, False),
        ("liar", 2, False),
        ("liar", 3, True),
    ]
    assert len(blamed) == len(wants.events)
    wants.want(THREE.cid, 0.5)
    assert heard(wants, "liar") == []
    has(wants, "liar", THREE)
    lacks(wants, "ben", THREE)
    assert wants.is_lacked(THREE.cid)
    sends(wants, "ben", ONE, 0.6)
    assert BlockCame(ONE, "ben") in wants.events


@pytest.mark.fault("F149")
def test_a_peer_that_owes_nothing_is_not_even_hashed_for(monkeypatch: pytest.MonkeyPatch) -> None:
    wants = peers("ana")

    def no_hash(payload: Payload) -> Block:
        raise AssertionError("it was hashed")

    monkeypatch.setattr(Payload, "block", no_hash)
    for _ in range(MAX_LEFT_OVER):
        sends(wants, "ana", ONE)
    assert not wants.events
    sends(wants, "ana", ONE)
    assert wants.events.popleft() == PeerBlamed("ana", "it sent a block, and we wanted none of it", 1, False)
    assert wants.peers["ana"].ledger.came_bytes == 3 * (MAX_LEFT_OVER + 1)


def test_a_hash_function_that_we_lack_is_a_strike() -> None:
    wants = peers("ana")
    wants.want(ONE.cid, 0.0)
    heard(wants, "ana")
    wants.receive("ana", Payload(1, multicodec.RAW, 0x7777, b""), 0.1)
    assert wants.peers["ana"].ledger.strikes == 1


def test_a_small_block_may_come_where_we_only_asked() -> None:
    wants = peers("ana", "ben")
    wants.want(ONE.cid, 0.0)
    heard(wants, "ana"), heard(wants, "ben")
    sends(wants, "ben", ONE, 0.1)
    assert list(wants.events) == [BlockCame(ONE, "ben")]


def test_under_the_cid_that_was_asked_for() -> None:
    wants = peers("ana")
    old = block_of(b"one", multicodec.DAG_PB, version=0)
    wants.want(old.cid, 0.0)
    wants.take_lines("ana")
    sends(wants, "ana", ONE, 0.1)
    assert list(wants.events) == [BlockCame(old, "ana")]


def test_priorities_and_the_backlog() -> None:
    wants = peers("ana", max_active=2, max_window=1)
    wants.want(ONE.cid, 0.0)
    wants.want(TWO.cid, 0.0, priority=1)
    wants.want(THREE.cid, 0.0, priority=9)
    assert len(wants) == 3
    assert heard(wants, "ana") == [("block", ONE), ("have", TWO)]
    sends(wants, "ana", ONE, 0.1)
    assert heard(wants, "ana") == [("block", TWO), ("have", THREE)]  # three came out of the backlog after two
    wants.drop(TWO.cid, 0.2)
    assert heard(wants, "ana") == [("cancel", TWO), ("block", THREE)]
    wants.drop(THREE.cid, 0.2)
    assert (THREE.cid in wants, len(wants)) == (False, 0)
    with pytest.raises(UsageError, match="priority"):
        wants.want(ONE.cid, 0.0, priority=0)


def test_a_faster_peer_with_nothing_to_do_takes_over_at_the_end() -> None:
    wants = peers("fast", "slow")
    wants.want(ONE.cid, 0.0)
    heard(wants, "fast"), heard(wants, "slow")
    sends(wants, "fast", ONE, 0.05)
    heard(wants, "slow")
    wants.want(TWO.cid, 0.1)
    has(wants, "slow", TWO)
    lacks(wants, "fast", TWO, 0.1)
    assert ("block", TWO) in heard(wants, "slow")
    assert wants.timer() == pytest.approx(0.1 + 2 * 0.2)  # not a whole second
    heard(wants, "fast")


@given(
    st.lists(st.sampled_from(["honest", "lacks", "silent", "liar", "leaves"]), min_size=1, max_size=6),
    st.integers(1, 12),
)
def test_what_one_honest_peer_has_is_got(kinds: list[str], count: int) -> None:
    kinds = [*kinds, "honest"]
    blocks = [block_of(bytes([number, 7])) for number in range(count)]
    by_cid = {block.cid: block for block in blocks}
    wants = peers(*(f"{number}" for number in range(len(kinds))))
    for block in blocks:
        wants.want(block.cid, 0.0)
    now, got = 0.0, set()
    for _ in range(400):
        for number, kind in enumerate(kinds):
            name = f"{number}"
            if name not in wants.peers:
                continue
            remote = wants.peers[name]
            lines, _ = wants.take_lines(name)
            assert not (remote.is_given_up and lines)
            for line in lines:
                if line.is_cancel or name not in wants.peers:
                    continue
                if kind == "leaves":
                    wants.left(name, now)
                elif kind == "lacks":
                    lacks(wants, name, by_cid[line.cid], now)
                elif kind == "liar":
                    sends(wants, name, block_of(b"wrong"), now)
                elif kind == "honest" and line.kind is WantKind.BLOCK:
                    sends(wants, name, by_cid[line.cid], now)
                elif kind == "honest":
                    has(wants, name, by_cid[line.cid], now)
        got |= {event.block for event in wants.events if isinstance(event, BlockCame)}
        wants.events.clear()
        at = wants.timer()
        if at is None:
            break
        now = max(now, at)
        wants.handle_timer(now)
    assert got == set(blocks)
    assert len(wants) == 0
    assert now < 60
    assert all(not remote.owes for remote in wants.peers.values())


def test_a_small_block_that_comes_for_both_of_our_lines() -> None:
    """We asked whether it has the block, then for the block; the two crossed, and it answers both."""
    wants = peers("ana", "ben")
    wants.want(ONE.cid, 0.0)
    heard(wants, "ana"), heard(wants, "ben")
    wants.handle_timer(1.0)
    assert heard(wants, "ben") == [("block", ONE)]
    sends(wants, "ben", ONE, 1.1)
    sends(wants, "ben", ONE, 1.1)
    assert (wants.peers["ben"].ledger.double_blocks, wants.peers["ben"].ledger.strikes) == (1, 0)
    sends(wants, "ben", ONE, 1.2)
    assert wants.peers["ben"].ledger.strikes == 1


def test_what_was_on_its_way_when_a_peer_left_may_come_when_it_is_back() -> None:
    wants = peers("ana")
    wants.want(ONE.cid, 0.0)
    heard(wants, "ana")
    wants.left("ana", 0.1)
    wants.drop(ONE.cid, 0.2)
    wants.joined("ana", 0.3)
    sends(wants, "ana", ONE, 0.4)
    assert (wants.peers["ana"].ledger.double_blocks, wants.peers["ana"].ledger.strikes) == (1, 0)


def test_a_block_that_comes_while_its_want_is_in_the_backlog() -> None:
    """It was dropped and is wanted again, and the answer to the first want crosses our cancel."""
    wants = peers("ana", max_active=1)
    wants.want(ONE.cid, 0.0)
    heard(wants, "ana")
    wants.drop(ONE.cid, 0.0)
    wants.want(TWO.cid, 0.0)
    wants.want(ONE.cid, 0.0)
    sends(wants, "ana", ONE)
    assert list(wants.events) == [BlockCame(ONE, "ana")]
    assert (ONE.cid in wants, TWO.cid in wants, len(wants)) == (False, True, 1)
