"""Who is blamed, and who is not: blocks that cross what we say, again and again, late, and under two CIDs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.blocks.bitswap import messages
from p2plib.data.blocks.bitswap.events import BitswapLimits, BlockCame, PeerBlamed
from p2plib.data.blocks.bitswap.machine import Bitswap
from p2plib.data.blocks.bitswap.messages import BitswapMessage, payload_of
from p2plib.data.blocks.bitswap.remote import MAX_CANCELLED, MAX_FORGOTTEN
from p2plib.data.blocks.bitswap.wants import Wants
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import Block, block_of
from p2plib.errors import UsageError
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash
from tests.data.blocks.bitswap.test_wants import ONE, TWO, has, heard, lacks, peers, sends

pytestmark = pytest.mark.fault("F149")


def strikes(wants: Wants) -> dict[str, int]:
    return {name: remote.ledger.strikes for name, remote in wants.peers.items()}


def test_wanted_again_before_the_first_answer_came() -> None:
    """The block answers our first line, and once more the one that follows the cancel."""
    wants = peers("ana")
    for _ in range(3):
        wants.want(ONE.cid, 0.0)
        assert heard(wants, "ana") == [("block", ONE)]
        wants.drop(ONE.cid, 0.1)
        assert heard(wants, "ana") == [("cancel", ONE)]
    wants.want(ONE.cid, 0.2)
    heard(wants, "ana")
    for _ in range(4):
        sends(wants, "ana", ONE, 0.3)
    assert (strikes(wants), wants.peers["ana"].ledger.double_blocks) == ({"ana": 0}, 3)
    sends(wants, "ana", ONE, 0.4)  # that is no answer to anything
    assert strikes(wants) == {"ana": 1}


def test_wanted_again_before_the_cancel_was_sent() -> None:
    """Others must hear of it again, and a second cancel must not take the first one's place."""
    wants = peers("ana", "ben")
    wants.want(ONE.cid, 0.0)
    heard(wants, "ana"), heard(wants, "ben")
    wants.drop(ONE.cid, 0.1)
    wants.want(ONE.cid, 0.1)
    assert (heard(wants, "ana"), heard(wants, "ben")) == ([("block", ONE)], [("have", ONE)])
    lacks(wants, "ana", ONE, 0.2)
    lacks(wants, "ben", ONE, 0.2)
    assert wants.is_lacked(ONE.cid)
    wants.drop(ONE.cid, 0.3)
    wants.want(ONE.cid, 0.3)
    wants.drop(ONE.cid, 0.3)
    assert (heard(wants, "ana"), heard(wants, "ben")) == ([("cancel", ONE)], [("cancel", ONE)])


def test_a_peer_that_is_far_behind_with_small_blocks() -> None:
    """It is asked whether it has thousands of them, another one sends them all, and it answers later."""
    wants = peers("near", "far", first_spares=10**6)
    wants.peers["far"].has_answered = True
    blocks = [block_of(number.to_bytes(4, "big")) for number in range(3 * MAX_CANCELLED)]
    for block in blocks:
        wants.want(block.cid, 0.0)
        wants.take_lines("near"), wants.take_lines("far")
        sends(wants, "near", block, 0.01)
        wants.take_lines("far")
    for block in blocks:
        sends(wants, "far", block, 9.0)
    assert strikes(wants) == {"near": 0, "far": 0}
    assert wants.peers["far"].ledger.double_blocks == len(blocks)
    sends(wants, "far", ONE, 9.0)
    assert strikes(wants) == {"near": 0, "far": 1}


def test_what_is_remembered_has_a_bound() -> None:
    wants = peers("near", "far", first_spares=10**6)
    far = wants.peers["far"]
    far.has_answered = True
    for number in range(MAX_CANCELLED + MAX_FORGOTTEN + 500):
        block = block_of(number.to_bytes(4, "big"))
        wants.want(block.cid, 0.0)
        wants.take_lines("near"), wants.take_lines("far")
        sends(wants, "near", block, 0.01)
        wants.take_lines("far")
    allowed = 0
    while not far.ledger.strikes:
        sends(wants, "far", ONE, 1.0)
        allowed += 1
    assert allowed == MAX_FORGOTTEN + 1


def test_a_slow_peer_that_alone_has_it_is_not_asked_while_it_sends() -> None:
    wants = peers("ana")
    wants.want(ONE.cid, 0.0)
    assert heard(wants, "ana") == [("block", ONE)]
    now = 0.0
    while now < 60:
        now += 1.0
        wants.peers["ana"].heard_at = now
        wants.handle_timer(now)
        assert heard(wants, "ana") == []
    assert wants.timer() == now + 5.0
    wants.handle_timer(now + 5.0)
    assert heard(wants, "ana") == [("block", ONE)]  # it fell silent
    sends(wants, "ana", ONE, now + 6.0)
    sends(wants, "ana", ONE, now + 7.0)
    assert strikes(wants) == {"ana": 0}


def test_asked_again_and_again_and_it_answers_all_of_it_in_the_end() -> None:
    wants = peers("ana")
    wants.want(ONE.cid, 0.0)
    times, now = 0, 0.0
    while times < 6:
        times += heard(wants, "ana") == [("block", ONE)]
        now = max(now, wants.timer() or 0.0)
        wants.handle_timer(now)
    for _ in range(6):
        sends(wants, "ana", ONE, now)
    assert strikes(wants) == {"ana": 0}


def test_back_again_twice_while_three_copies_are_under_way() -> None:
    wants = peers("ana")
    wants.want(ONE.cid, 0.0)
    for _ in range(2):
        heard(wants, "ana")
        wants.left("ana", 0.1)
        wants.joined("ana", 0.2)
    heard(wants, "ana")
    for _ in range(3):
        sends(wants, "ana", ONE, 0.3)
    assert strikes(wants) == {"ana": 0}
    sends(wants, "ana", ONE, 0.4)
    assert strikes(wants) == {"ana": 1}


def test_one_hash_under_two_cids() -> None:
    """Either answer is for both, under whichever CID it comes; the second one is a double."""
    wants = peers("ana", "ben")
    other = Cid(1, multicodec.DAG_CBOR, ONE.cid.multihash)
    wants.want(ONE.cid, 0.0)
    wants.want(other, 0.0)
    assert (len(wants), other in wants) == (1, True)
    heard(wants, "ana"), heard(wants, "ben")
    wants.receive("ana", payload_of(other, ONE.data), 0.1)
    assert list(wants.events) == [BlockCame(ONE, "ana")]
    wants.receive("ben", payload_of(ONE.cid, ONE.data), 0.1)
    assert strikes(wants) == {"ana": 0, "ben": 0}


@pytest.mark.parametrize(("code", "size"), [(multicodec.KECCAK_256, 32), (multicodec.BLAKE3, 64)])
def test_a_hash_that_we_cannot_check_blames_nobody(code: int, size: int) -> None:
    machine = Bitswap(MemoryBlocks())
    with pytest.raises(UsageError, match="cannot check"):
        machine.want(Cid(1, multicodec.RAW, Multihash(code, bytes(size))), 0.0)


def test_version_1_0_sends_only_what_it_can_name() -> None:
    sha, blake = block_of(b"x" * 2000), block_of(b"y" * 2000, function=multicodec.BLAKE3)
    both = BitswapMessage(payload=tuple(payload_of(each.cid, each.data) for each in (sha, blake)))
    (sent,) = messages.decode(messages.encode(both, messages.V1_0)).payload
    assert sent.data == sha.data
    assert len(messages.decode(messages.encode(both, messages.V1_1)).payload) == 2


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["want", "drop", "send", "answer", "time", "leave", "lack"]),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    max_size=60,
)


@given(STEPS)
def test_an_honest_peer_is_never_blamed(steps: list[tuple[str, int, int]]) -> None:
    """It answers each line once, at any time, in any order, whatever we wanted meanwhile."""
    blocks = [block_of(bytes([number])) for number in range(4)]
    wants = Wants(BitswapLimits(max_copies=2, max_window=2, max_active=3))
    for number in range(3):
        wants.joined(f"{number}", 0.0)
    by_cid = {block.cid: block for block in blocks}
    pending: dict[str, list[Block]] = {f"{number}": [] for number in range(3)}
    now = 0.0
    for what, number, which in steps:
        name, block = f"{number}", blocks[which]
        now += 0.1
        match what:
            case "want":
                wants.want(block.cid, now)
            case "drop":
                wants.drop(block.cid, now)
            case "send":
                lines, _ = wants.take_lines(name)
                pending[name] += [by_cid[line.cid] for line in lines if not line.is_cancel]
            case "answer" if pending[name]:
                sends(wants, name, pending[name].pop(which % len(pending[name])), now)
            case "lack":
                lacks(wants, name, block, now)
            case "leave":
                wants.left(name, now)
                wants.joined(name, now)
            case _:
                now = max(now, wants.timer() or now)
                wants.handle_timer(now)
    assert not [event for event in wants.events if isinstance(event, PeerBlamed)]


def test_a_list_that_is_said_anew_says_all_of_it() -> None:
    """As when a peer was restarted."""
    machine = Bitswap(MemoryBlocks())
    machine.joined("ana", 0.0)
    machine.want(ONE.cid, 0.0)
    machine.want(TWO.cid, 0.0)
    machine.next_message("ana")
    assert machine.next_message("ana") is None
    machine.relist("ana", 0.1)
    message = machine.next_message("ana")
    assert message is not None
    assert message.is_full
    assert {line.cid for line in message.wants} == {ONE.cid, TWO.cid}
    machine.relist("nobody", 0.2)
    assert machine.peers == ("ana",)


def test_presences_again_and_again_cost_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is open is not gone through for a peer that says nothing new, or of one block alone."""
    wants = peers("ana", "ben")
    blocks = [block_of(number.to_bytes(4, "big")) for number in range(500)]
    for block in blocks:
        wants.want(block.cid, 0.0)
        wants.take_lines("ana"), wants.take_lines("ben")
    for block in blocks:
        lacks(wants, "ana", block)
        lacks(wants, "ben", block)
    looked = 0
    best = Wants._best

    def counted(self: Wants, *arguments: object) -> object:
        nonlocal looked
        looked += 1
        return best(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Wants, "_best", counted)
    for _ in range(50):
        lacks(wants, "ana", blocks[7])
    assert looked == 0
    for _ in range(50):
        has(wants, "ana", blocks[7])
        wants.take_lines("ana")
        lacks(wants, "ana", blocks[7])
    assert looked < 50 * 600
