"""One replication, without a stream: two machines, and a peer that does everything wrong."""

from __future__ import annotations

import random as random_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.data.hypercore import machine, messages, rle, tree
from p2plib.data.hypercore.core import Hypercore
from p2plib.data.hypercore.machine import BlockStored, FeedClosed, FeedOpened, RemoteLength, Replication
from p2plib.data.hypercore.messages import (
    BlockData,
    CancelBlock,
    CloseFeed,
    FeedExtension,
    FeedMessage,
    FeedOptions,
    FeedStatus,
    HaveBlocks,
    OpenFeed,
    RequestBlock,
    UnhaveBlocks,
    WantBlocks,
)
from p2plib.data.hypercore.remote import REGION_BLOCKS
from p2plib.data.hypercore.wishes import Wishes
from p2plib.errors import (
    DecodeError,
    Forked,
    HandshakeFailed,
    InvalidEntry,
    PeerTimeout,
    RemoteError,
    SignatureError,
    Truncated,
    WouldFork,
)
from p2plib.protocol.framing import FrameDecoder
from tests.data.hypercore.feeds import AUTHOR, STRANGER, content, feed

KEY = AUTHOR.public
OPEN = OpenFeed(tree.discovery_key(KEY))


def sent(session: Replication, now: float = 0.0) -> list[FeedMessage]:
    """Everything that a machine has to say."""
    decoder, found = FrameDecoder(messages.FRAMES), list[FeedMessage]()
    while piece := session.to_send(now):
        decoder.receive(piece)
    while (payload := decoder.next_frame()) is not None:
        if payload:
            found.append(messages.decode(payload)[1])  # type: ignore[arg-type]
    return found


def tell(session: Replication, *said: FeedMessage, now: float = 0.0, channel: int = 7) -> None:
    session.receive(messages.encode_all(channel, said), now)


def copy_of(*, everything: bool = True, live: bool = True, core: Hypercore | None = None) -> Replication:
    """A copy that has heard from an author's peer that it has five blocks, and has asked for them."""
    core = core or Hypercore(KEY)
    session = Replication(core, 0.0, wishes=Wishes(core, everything=everything), live=live)
    assert sent(session) == [OpenFeed(core.discovery_key)]
    tell(session, OPEN)
    status = [FeedStatus(True, False)] if core.is_writable else []
    assert sent(session) == [*status, WantBlocks(0, REGION_BLOCKS)]
    return session


def asking_copy() -> Replication:
    session = copy_of()
    tell(session, HaveBlocks(0, REGION_BLOCKS, rle.encode(b"\xf8")))
    assert [m.block for m in sent(session) if isinstance(m, RequestBlock)] == [0, 1, 2, 3, 4]
    return session


def answer(block: int, blocks: int = 5) -> BlockData:
    proof = feed(blocks).prove(block)
    return BlockData(block, content(block), proof.nodes, proof.signature)


def giver(blocks: int = 5) -> Replication:
    session = Replication(feed(blocks), 0.0)
    tell(session, OPEN, WantBlocks(0, REGION_BLOCKS))
    return session


def run(left: Replication, right: Replication, random: random_module.Random | None = None) -> None:
    """Carries what two machines say to each other, cut anywhere, until both are silent."""
    while True:
        moved = False
        for one, other in ((left, right), (right, left)):
            data = b""
            while piece := one.to_send(0.0):
                data += piece
            moved = moved or bool(data)
            while data:
                size = random.randint(1, len(data)) if random else len(data)
                other.receive(data[:size], 0.0)
                data = data[size:]
        if not moved:
            return


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 50),
    st.sets(st.integers(0, 49)),
    st.sets(st.integers(0, 49)),
    st.randoms(use_true_random=False),
)
def test_two_copies_end_with_what_either_had(
    length: int, ours: set[int], theirs: set[int], random: random_module.Random
) -> None:
    author, cores = feed(length), []
    for has in (ours, theirs):
        core = Hypercore(KEY)
        for block in sorted(block for block in has if block < length):
            core.put(block, content(block), author.prove(block, core.digest(block)))
        cores.append(core)
    sessions = [Replication(core, 0.0, wishes=Wishes(core, everything=True)) for core in cores]
    run(*sessions, random)
    both = {block for block in ours | theirs if block < length}
    for core, session in zip(cores, sessions, strict=True):
        assert {block for block in range(length) if core.has(block)} == both
        assert core.audit() == []
        assert session.stats.unasked == 0
        assert session.is_content


def test_a_giver_and_a_taker_part_when_all_is_there() -> None:
    core = Hypercore(KEY)
    taker = Replication(core, 0.0, wishes=Wishes(core, everything=True), live=False)
    author = Replication(feed(40), 0.0, live=False)
    run(author, taker)
    assert core.count == 40
    assert taker.is_content
    taker.finish()
    run(author, taker)
    assert author.is_closed
    assert taker.is_closed
    assert taker.events[0] == FeedOpened()
    assert taker.events[-1] == FeedClosed()
    stored = [event.block for event in taker.events if isinstance(event, BlockStored)]
    assert sorted(stored) == list(range(40))


def test_what_is_appended_is_announced() -> None:
    session = giver(5)
    assert sent(session)[1:] == [
        FeedStatus(True, False),
        HaveBlocks(4),
        HaveBlocks(0, REGION_BLOCKS, rle.encode(b"\xf8")),
    ]
    session.core.append([b"five", b"six"])
    session.announce(5, 2)
    assert sent(session) == [HaveBlocks(5, 2)]


def test_an_empty_feed_says_that_it_has_nothing() -> None:
    core = Hypercore.create(AUTHOR)
    session = Replication(core, 0.0)
    tell(session, OPEN, WantBlocks(0, REGION_BLOCKS))
    assert sent(session)[2:] == [HaveBlocks(0, REGION_BLOCKS, b"")]


def test_wants_that_hypercore_does_not_answer_are_not_answered() -> None:
    session = Replication(feed(5), 0.0)
    tell(session, OPEN, WantBlocks(1, 8192), WantBlocks(0, 100))
    assert sent(session)[2:] == []


def test_a_request_is_answered_with_what_is_missing_alone() -> None:
    session = giver()
    sent(session)
    tell(
        session, RequestBlock(3), RequestBlock(3, digest=1), RequestBlock(1, wants_hash=True), RequestBlock(5)
    )
    full, short, hashed, missing = sent(session)
    assert full == answer(3)
    assert short == BlockData(3, content(3))
    assert isinstance(hashed, BlockData)
    assert hashed.value is None
    assert [node.index for node in hashed.nodes] == [2, 0, 5, 8]
    assert missing == UnhaveBlocks(5)
    assert (session.stats.sent_blocks, session.stats.refused) == (2, 1)


def test_a_byte_is_answered_with_its_block_or_with_the_guess() -> None:
    session = giver()
    sent(session)
    at = session.core.place(3)[0]
    tell(
        session,
        RequestBlock(0, byte_offset=at),
        RequestBlock(1, byte_offset=10**6),
        RequestBlock(4, at, True, 1),
    )
    found, guess, hashed = sent(session)
    assert found == answer(3)
    assert guess == answer(1)
    assert isinstance(hashed, BlockData)
    assert (hashed.block, hashed.value) == (3, None)


def test_a_cancelled_request_is_not_answered() -> None:
    session = giver()
    sent(session)
    tell(session, RequestBlock(3), RequestBlock(4), CancelBlock(3))
    assert sent(session) == [answer(4)]


def test_a_peer_that_does_not_give_does_not_answer() -> None:
    session = Replication(feed(5), 0.0, uploads=False)
    tell(session, OPEN, WantBlocks(0, REGION_BLOCKS), RequestBlock(3))
    assert sent(session)[1:] == [FeedStatus(False, False)]


@pytest.mark.fault("F115")
def test_a_block_that_comes_twice_is_kept_once() -> None:
    session = asking_copy()
    tell(session, answer(3), answer(3))
    assert session.stats.received_blocks == session.stats.unasked == 1
    assert [event for event in session.events if isinstance(event, BlockStored)] == [BlockStored(3)]


@pytest.mark.fault("F116")
@pytest.mark.parametrize("before", [0, 1, 4])
def test_a_forged_block_ends_it_before_and_after_true_ones(before: int) -> None:
    session = asking_copy()
    tell(session, *(answer(block) for block in range(before)))
    forged = BlockData(4, b"forged", answer(4).nodes, answer(4).signature)
    with pytest.raises(RemoteError):
        tell(session, forged)
    assert session.core.count == before
    session.release()
    assert not session.core.claims


@pytest.mark.fault("F116")
def test_a_proof_of_another_block_is_refused() -> None:
    other = answer(2)
    with pytest.raises((InvalidEntry, SignatureError)):
        tell(asking_copy(), BlockData(3, content(2), other.nodes, other.signature))


@pytest.mark.fault("F110")
def test_a_fork_of_the_author_is_told_from_a_forgery() -> None:
    session = asking_copy()
    tell(session, answer(0))
    other = Hypercore.create(AUTHOR)
    other.append([*(content(block) for block in range(4)), b"other"])
    proof = other.prove(4)
    with pytest.raises(Forked):
        tell(session, BlockData(4, b"other", proof.nodes, proof.signature))


def test_what_nobody_asked_for_is_dropped_and_a_flood_ends_it() -> None:
    session = copy_of(everything=False)
    for _ in range(machine.MAX_UNASKED):
        tell(session, answer(3))
    assert session.core.count == 0
    with pytest.raises(InvalidEntry):
        tell(session, answer(3))


def test_a_hash_where_a_block_was_asked_for_is_dropped() -> None:
    session = asking_copy()
    tell(session, BlockData(3, None, answer(3).nodes, answer(3).signature))
    assert session.stats.unasked == 1
    assert session.core.head is None


@pytest.mark.parametrize("said", [RequestBlock(1), WantBlocks(0, 8192)])
def test_a_flood_of_requests_ends_it(said: FeedMessage) -> None:
    session = giver()
    with pytest.raises(InvalidEntry, match="more than 1024 requests"):
        tell(session, *[said] * (machine.MAX_WAITING + 1))


def test_claims_cost_little_and_prove_nothing() -> None:
    session = copy_of()
    tell(session, HaveBlocks(0, 2**52), HaveBlocks(2**52, 2**52))
    assert session.core.length == 0
    assert session.events[-1] == RemoteLength(2**53)
    assert len([m for m in sent(session) if isinstance(m, RequestBlock)]) == machine.MAX_REQUESTS
    with pytest.raises(DecodeError):
        tell(session, HaveBlocks(0, REGION_BLOCKS, b"\xfd\xff\xff\xff\x7f"))


def test_a_block_that_they_lost_is_asked_for_elsewhere() -> None:
    session = asking_copy()
    tell(session, UnhaveBlocks(2, 3))
    assert session._wishes is not None
    remote = session.remote
    remote.set(3, 1)
    assert session._wishes.take(remote) == 3


def test_a_peer_that_stops_giving_owes_nothing() -> None:
    session = asking_copy()
    tell(session, FeedStatus(False, True))
    assert session._asked == {}
    tell(session, FeedStatus(True, True))
    assert len(sent(session)) == 5


def test_of_a_peer_that_gives_nothing_nothing_is_wanted() -> None:
    session = Replication(feed(5), 0.0, wishes=Wishes(feed(5)), live=False)
    tell(session, OPEN)
    assert not session.is_content, "it may say that it has more than we"
    tell(session, FeedStatus(False, True))
    assert session.is_content
    session.finish()
    assert not session.is_closed, "it still takes"
    tell(session, FeedStatus(False, False))
    assert session.is_closed


def test_acknowledgements_are_sent_to_those_that_want_them() -> None:
    session = asking_copy()
    tell(session, FeedOptions((), True), answer(3))
    assert sent(session) == [HaveBlocks(3, ack=True)]


def test_messages_about_something_else_are_skipped() -> None:
    session = asking_copy()
    session.receive(messages.encode(7, FeedExtension(0, b"x")), 0.0)
    session.receive(messages.encode(9, answer(3)), 0.0)
    session.receive(messages.encode(9, OpenFeed(bytes(32))), 0.0)
    session.receive(messages.encode(9, CloseFeed()), 0.0)
    assert session.stats.skipped == 4
    assert not session.is_closed


def test_a_feed_is_opened_once() -> None:
    with pytest.raises(DecodeError, match="opened twice"):
        tell(asking_copy(), OPEN)


def test_the_end_of_the_feed_and_of_the_stream() -> None:
    for said in (CloseFeed(), CloseFeed(OPEN.discovery_key)):
        session = asking_copy()
        tell(session, said, answer(3))
        assert session.is_closed
        assert session.core.count == 0
        assert sent(session) == [CloseFeed()]
        assert session.events[-1] == FeedClosed()
    session = asking_copy()
    session.end_of_stream()
    session.receive(messages.encode(7, answer(3))[:-1], 0.0)
    with pytest.raises(Truncated):
        session.end_of_stream()


def test_who_does_not_know_the_key_is_not_let_in() -> None:
    session = Replication(feed(5), 0.0, capability=b"c" * 32, remote_capability=b"r" * 32)
    assert sent(session) == [OpenFeed(OPEN.discovery_key, b"c" * 32)]
    with pytest.raises(HandshakeFailed):
        tell(session, OPEN)
    session = Replication(feed(5), 0.0, capability=b"c" * 32, remote_capability=b"r" * 32)
    with pytest.raises(HandshakeFailed):
        tell(session, OpenFeed(OPEN.discovery_key, b"c" * 32))
    session = Replication(feed(5), 0.0, capability=b"c" * 32, remote_capability=b"r" * 32)
    tell(session, OpenFeed(OPEN.discovery_key, b"r" * 32))
    assert session.is_open


# Time


def test_a_peer_that_never_answers_is_left() -> None:
    session = asking_copy()
    assert session.deadline == 10.0
    for now in (9.0, 19.0):
        session.receive(messages.SIGN_OF_LIFE, now)
        session.handle_timer(now)
    with pytest.raises(PeerTimeout, match="sent none of 5 blocks"):
        session.handle_timer(20.0)


def test_a_peer_that_answers_slowly_is_not_left() -> None:
    session = asking_copy()
    for block in range(5):
        tell(session, answer(block), now=15.0 * (block + 1))
        session.handle_timer(15.0 * (block + 1))
    assert session.core.count == 5


def test_a_peer_that_does_not_open_the_feed_is_left() -> None:
    session = Replication(Hypercore(KEY), 0.0)
    session.receive(messages.encode(1, OpenFeed(bytes(32))), 19.0)
    with pytest.raises(PeerTimeout, match="has not opened the feed"):
        session.handle_timer(20.0)


def test_a_silent_peer_is_left_and_we_are_not_silent() -> None:
    session = copy_of()
    assert session.to_send(9.9) == b""
    assert session.to_send(10.0) == messages.SIGN_OF_LIFE
    assert session.to_send(10.0) == b""
    session.handle_timer(19.9)
    with pytest.raises(PeerTimeout, match="said nothing"):
        session.handle_timer(20.0)


# An author that was restored from an old copy


@pytest.mark.fault("F111")
def test_an_author_restored_from_an_old_copy_fetches_before_it_appends() -> None:
    old = feed(3)
    session = copy_of(everything=False, core=old)
    tell(session, HaveBlocks(4))
    with pytest.raises(WouldFork):
        old.append(b"new")
    assert sent(session) == [RequestBlock(4, digest=old.digest(4))]
    tell(session, answer(4))
    assert old.append(b"new") == 5
    stranger = Hypercore(KEY)
    assert stranger.put(5, b"new", old.prove(5))


@pytest.mark.fault("F111")
def test_a_liar_holds_the_author_up_until_it_is_left() -> None:
    old = feed(3)
    session = copy_of(everything=False, core=old)
    tell(session, HaveBlocks(2**40))
    with pytest.raises(WouldFork):
        old.append(b"new")
    with pytest.raises(PeerTimeout):
        session.handle_timer(20.0)
    session.release()
    assert old.append(b"new") == 3
    session = copy_of(everything=False, core=old)
    tell(session, HaveBlocks(4))
    assert sent(session)
    tell(session, UnhaveBlocks(4))
    assert old.append(b"new") == 4


@pytest.mark.fault("F111")
@pytest.mark.parametrize("takes_back", [False, True])
def test_a_claim_that_is_not_shown_is_a_claim_for_20_seconds(takes_back: bool) -> None:
    """The liar goes on talking. No request of ours is open: it says nothing about the blocks there."""
    session = copy_of(everything=False, core=feed(3))
    claim = [HaveBlocks(2**40), *([UnhaveBlocks(0, 2**41), HaveBlocks(2**40)] if takes_back else [])]
    for now in range(20):
        tell(session, *claim, now=now)
        sent(session, now)
        session.handle_timer(now)
    with pytest.raises(PeerTimeout, match="our feed is longer"):
        session.handle_timer(20)


def test_a_peer_that_keeps_one_block_back_is_left_in_the_end() -> None:
    session = copy_of()
    tell(session, HaveBlocks(0, 50))
    for block in range(1, 32):
        sent(session, 10.0 * block)
        tell(session, answer(block, 50), now=10.0 * block)
        session.handle_timer(10.0 * block)
    with pytest.raises(PeerTimeout, match="kept back block 0"):
        session.handle_timer(320.0)


def test_a_peer_that_is_slow_hears_of_a_thousand_appends_at_once() -> None:
    session = giver(5)
    sent(session)
    for block in range(5, 1005):
        session.announce(block)
    session.announce(3)
    assert sent(session) == [HaveBlocks(5, 1000), HaveBlocks(3)]


def test_another_author_is_not_believed() -> None:
    other = Hypercore.create(STRANGER)
    other.append([content(block) for block in range(5)])
    proof = other.prove(3)
    with pytest.raises(SignatureError):
        tell(asking_copy(), BlockData(3, content(3), proof.nodes, proof.signature))


@settings(max_examples=150)
@given(st.lists(st.binary(max_size=40), max_size=6))
def test_any_bytes_are_read_or_refused(parts: list[bytes]) -> None:
    session = asking_copy()
    try:
        for part in parts:
            session.receive(part, 0.0)
    except RemoteError:
        pass
    session.release()
