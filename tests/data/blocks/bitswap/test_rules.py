"""Single rules of both sides that the other tests pass by: each of these was broken once, unnoticed."""

from __future__ import annotations

import pytest

from p2plib.data.blocks.bitswap.events import NobodyHas
from p2plib.data.blocks.bitswap.messages import BlockPresence, Presence, WantEntry, WantKind
from p2plib.data.blocks.bitswap.remote import FIRST_WINDOW, RemotePeer
from p2plib.data.blocks.bitswap.sessions import MAX_UNLED
from p2plib.data.dag.block import block_of
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import identity
from tests.data.blocks.bitswap.test_remote import BLOCKS, KEYS, peer, send
from tests.data.blocks.bitswap.test_serving import LARGE, NONE, SMALL, have, serving, want
from tests.data.blocks.bitswap.test_wants import ONE, TWO, has, heard, lacks, peers, sends


def test_a_late_peer_that_leaves_is_not_waited_for() -> None:
    wants = peers("ana", "ben")
    wants.want(ONE.cid, 0.0)
    heard(wants, "ana"), heard(wants, "ben")
    wants.handle_timer(1.0)
    wants.left("ana", 1.1)
    assert wants.timer() == pytest.approx(2.0)  # when ben is late
    wants.handle_timer(2.0)
    assert wants.timer() == pytest.approx(7.0)  # when he is asked again


def test_a_late_peer_has_room_for_something_else_when_it_is_tried_again() -> None:
    wants = peers("ana", max_window=1)
    wants.want(ONE.cid, 0.0)
    heard(wants, "ana")
    wants.handle_timer(1.0)
    assert not wants.peers["ana"].has_room
    wants.handle_timer(6.0)
    assert heard(wants, "ana") == [("block", ONE)]
    assert list(wants.peers["ana"].owes) == [ONE.cid.multihash]
    assert not wants.peers["ana"].owes[ONE.cid.multihash].is_late


def test_a_newcomer_is_not_asked_about_what_is_under_way() -> None:
    wants = peers("ana")
    wants.want(ONE.cid, 0.0)
    heard(wants, "ana")
    wants.joined("ben", 0.1)
    assert heard(wants, "ben") == []
    wants.handle_timer(1.0)
    assert heard(wants, "ben") == [("block", ONE)]


def test_everybody_is_asked_about_the_first_blocks_of_a_session_alone() -> None:
    wants = peers("ana", "ben")
    session = wants.sessions.begin()
    for number in range(3 * MAX_UNLED):
        wants.want(block_of(bytes([number])).cid, 0.0, session=session)
    both = [wants.take_lines(name)[0] for name in ("ana", "ben")]
    blocks = sum(line.kind is WantKind.BLOCK for lines in both for line in lines)
    probes = sum(line.kind is WantKind.HAVE for lines in both for line in lines)
    assert blocks == 2 * FIRST_WINDOW
    assert probes == MAX_UNLED


def test_a_supplier_that_left_leads_a_session_no_more() -> None:
    wants = peers("ana", "ben")
    session = wants.sessions.begin()
    wants.want(ONE.cid, 0.0, session=session)
    heard(wants, "ana"), heard(wants, "ben")
    sends(wants, "ana", ONE, 0.1)
    heard(wants, "ben")
    wants.left("ana", 0.2)
    wants.joined("cyn", 0.2)
    wants.take_lines("cyn")
    wants.want(TWO.cid, 0.3, session=session)
    said = sorted(kind for name in ("ben", "cyn") for kind, _ in heard(wants, name))
    assert said == ["block", "have"]  # as if nothing were known


def test_our_list_is_repeated_as_it_stands() -> None:
    """To a peer that begins anew: for the blocks that it owes, and word of the others."""
    wants = peers("ana", "ben")
    for block in (ONE, TWO):
        wants.want(block.cid, 0.0)
    first = {name: heard(wants, name) for name in ("ana", "ben")}
    wants.heard_full("ana")
    assert heard(wants, "ana") == []  # that was its first one
    wants.heard_full("ana")
    assert sorted(heard(wants, "ana"), key=repr) == sorted(first["ana"], key=repr)
    wants.drop(ONE.cid, 0.1)
    wants.heard_full("ana")
    said = heard(wants, "ana")
    assert ("cancel", ONE) in said
    assert [block for kind, block in said if kind != "cancel"] == [TWO]


def test_a_peer_that_was_far_away_is_given_time_and_few_blocks() -> None:
    far = RemotePeer("far", True, peer().limits, round_trip_s=0.4)
    assert far.window == FIRST_WINDOW // 4
    assert far.timeout_s == pytest.approx(1.2)
    farther = RemotePeer("farther", True, peer().limits, round_trip_s=30.0)
    assert (farther.window, farther.timeout_s) == (1, 10.0)


def test_a_block_that_was_late_opens_no_window() -> None:
    remote = peer()
    remote.ask(KEYS[0], 0.0)
    remote.miss([KEYS[0]])
    remote.deliver(KEYS[0], 5.0)
    assert (remote.window, remote.misses) == (FIRST_WINDOW // 2, 0)


def test_what_was_forgotten_of_a_former_peer_is_still_allowed() -> None:
    before, between, after = peer(), peer(), peer()
    before._forgotten = 2
    send(before, 3)
    between.succeeds(before)
    after.succeeds(between)
    assert [after.may_send(KEYS[number]) for number in (3, 4, 5, 6)] == [True, True, True, False]


def test_a_cancel_and_a_new_line_are_two_answers() -> None:
    remote = peer()
    send(remote, 0)
    remote.cancel(KEYS[0], BLOCKS[0].cid)
    remote.take_entries(9)
    send(remote, 0)
    assert [remote.may_send(KEYS[0]) for _ in range(3)] == [True, True, False]


@pytest.mark.fault("F149")
def test_what_is_dropped_is_answered_within_bounds() -> None:
    """Of the answers that a peer does not take, no more are kept than of its wants."""
    side = serving(max_wants_kept=5)
    for number in range(100):
        side.receive("ana", want(have(block_of(bytes([number])))))
    customer = side._customers["ana"]
    assert (len(customer.wants), len(customer.lacking)) == (5, 5)
    side.receive("ana", want(full=True))
    assert (len(customer.wants), len(customer.lacking)) == (0, 0)


def test_asked_again_when_we_have_it_we_do_not_say_that_we_lack_it() -> None:
    side = serving()
    side.receive("ana", want(have(NONE)))
    side.store.put([NONE])
    assert side.stored([NONE.cid]) == ["ana"]
    payload, presences, _ = side.take_answers("ana")
    assert (len(payload), presences) == (1, ())
    side.store.remove(NONE.cid)
    side.receive("ana", want(WantEntry(NONE.cid)))
    side.store.put([NONE])
    side.receive("ana", want(WantEntry(NONE.cid, asks_dont_have=True)))
    side.store.remove(NONE.cid)
    side.receive("ana", want(WantEntry(NONE.cid, asks_dont_have=True)))
    assert side.take_answers("ana")[1] == (BlockPresence(NONE.cid, Presence.DONT_HAVE),)


def test_an_empty_block_is_sent() -> None:
    empty = block_of(b"")
    side = serving(empty)
    side.receive("ana", want(have(empty)))
    payload, presences, _ = side.take_answers("ana")
    assert ([each.data for each in payload], presences) == ([b""], ())


def test_what_a_cid_holds_itself_is_lacked() -> None:
    held = Cid(1, multicodec.RAW, identity(b"held"))
    side = serving()
    side.receive("ana", want(WantEntry(held, asks_dont_have=True)))
    assert side.take_answers("ana") == ((), (BlockPresence(held, Presence.DONT_HAVE),), 0)


def test_a_want_that_is_said_again_takes_its_new_place() -> None:
    side = serving(SMALL, LARGE)
    side.receive("ana", want(WantEntry(SMALL.cid), WantEntry(LARGE.cid), WantEntry(SMALL.cid)))
    assert [line.cid for line in side.wants_of("ana")] == [LARGE.cid, SMALL.cid]
    assert [each.data for each in side.take_answers("ana")[0]] == [LARGE.data, SMALL.data]


def test_it_is_said_once_that_nobody_has_it_until_somebody_comes() -> None:
    wants = peers("ana")
    wants.want(ONE.cid, 0.0)
    heard(wants, "ana")
    for _ in range(3):
        lacks(wants, "ana", ONE)
    assert list(wants.events) == [NobodyHas(ONE.cid, 1)]
    wants.joined("ben", 0.1)
    wants.take_lines("ben")
    assert not wants.is_lacked(ONE.cid)
    lacks(wants, "ben", ONE, 0.2)
    assert list(wants.events) == [NobodyHas(ONE.cid, 1), NobodyHas(ONE.cid, 2)]
    has(wants, "ben", ONE, 0.3)
    assert not wants.is_lacked(ONE.cid)
