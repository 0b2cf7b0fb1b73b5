"""What peers get, in which order, and what they cannot make us keep."""

from __future__ import annotations

import pytest

from p2plib.data.blocks.bitswap.events import BitswapLimits
from p2plib.data.blocks.bitswap.messages import (
    BitswapMessage,
    BlockPresence,
    Presence,
    WantEntry,
    WantKind,
    payload_of,
)
from p2plib.data.blocks.bitswap.remote import Ledger
from p2plib.data.blocks.bitswap.serving import Serving
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import Block, block_of
from p2plib.errors import StoreCorrupt
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import identity

SMALL, LARGE = block_of(b"small"), block_of(bytes(5000))
NONE = block_of(b"nobody has this")


def serving(*blocks: Block, **limits: int) -> Serving:
    store = MemoryBlocks()
    store.put(blocks)
    found = Serving(store, BitswapLimits(**limits))  # type: ignore[arg-type]
    found.joined("ana")
    return found


def want(*lines: WantEntry, full: bool = False) -> BitswapMessage:
    return BitswapMessage(lines, full)


def have(block: Block) -> WantEntry:
    return WantEntry(block.cid, kind=WantKind.HAVE, asks_dont_have=True)


def test_a_block_is_sent_and_the_want_is_over() -> None:
    side = serving(LARGE)
    side.receive("ana", want(WantEntry(LARGE.cid)))
    assert side.has_answers("ana")
    assert side.take_answers("ana") == ((payload_of(LARGE.cid, LARGE.data),), (), 0)
    assert not side.has_answers("ana")
    assert side.wants_of("ana") == ()


def test_who_only_asks_gets_a_small_block_and_word_of_a_large_one() -> None:
    side = serving(SMALL, LARGE)
    side.receive("ana", want(have(SMALL), have(LARGE), have(NONE)))
    payload, presences, _ = side.take_answers("ana")
    assert payload == (payload_of(SMALL.cid, SMALL.data),)
    assert presences == (
        BlockPresence(LARGE.cid, Presence.HAVE),
        BlockPresence(NONE.cid, Presence.DONT_HAVE),
    )
    assert [line.cid for line in side.wants_of("ana")] == [NONE.cid]  # kept, in case that we get it


def test_silence_about_what_we_lack_unless_asked() -> None:
    side = serving()
    side.receive("ana", want(WantEntry(NONE.cid)))
    assert not side.has_answers("ana")
    assert side.stored([NONE.cid]) == []  # it is not in the store
    side.store.put([NONE])
    assert side.stored([NONE.cid, SMALL.cid]) == ["ana"]
    assert side.take_answers("ana")[0] == (payload_of(NONE.cid, NONE.data),)


def test_a_cancel_and_a_full_list() -> None:
    side = serving(SMALL, LARGE)
    side.receive("ana", want(WantEntry(SMALL.cid), WantEntry(LARGE.cid)))
    side.receive("ana", want(WantEntry(LARGE.cid, is_cancel=True), WantEntry(NONE.cid, is_cancel=True)))
    assert [line.cid for line in side.wants_of("ana")] == [SMALL.cid]
    side.receive("ana", want(WantEntry(LARGE.cid), full=True))
    assert [payload.data for payload in side.take_answers("ana")[0]] == [LARGE.data]
    side.left("ana")
    assert side.wants_of("ana") == ()


def test_the_block_goes_under_the_cid_that_was_asked_for() -> None:
    side = serving(SMALL)
    old = block_of(SMALL.data, multicodec.DAG_PB, version=0).cid
    side.receive("ana", want(WantEntry(old)))
    assert side.take_answers("ana")[0] == (payload_of(old, SMALL.data),)


def test_who_wants_the_block_is_not_answered_that_we_have_it() -> None:
    side = serving(LARGE)
    side.receive("ana", want(have(LARGE), WantEntry(LARGE.cid), have(LARGE)))
    payload, presences, _ = side.take_answers("ana")
    assert (len(payload), presences) == (1, ())


def test_the_highest_priority_first_a_message_at_a_time() -> None:
    blocks = [block_of(bytes([number]) * 1000) for number in range(6)]
    side = serving(*blocks, message_bytes=2500)
    side.receive("ana", want(*(WantEntry(block.cid, number % 3) for number, block in enumerate(blocks))))
    order = []
    while side.has_answers("ana"):
        payload, _, pending = side.take_answers("ana")
        order.append(([each.data[0] for each in payload], pending))
    assert order == [([2, 5], 4000), ([1, 4], 2000), ([0, 3], 0)]


def test_a_block_larger_than_a_message_goes_alone() -> None:
    large, other = block_of(bytes(9000)), block_of(b"x" * 600)
    side = serving(large, other, message_bytes=1000)
    side.receive("ana", want(WantEntry(large.cid, 2), WantEntry(other.cid, 1)))
    assert [len(side.take_answers("ana")[0]) for _ in range(2)] == [1, 1]


@pytest.mark.fault("F149")
def test_a_flood_of_wants_is_bounded() -> None:
    side = serving(LARGE, max_wants_kept=10)
    lacked = [block_of(number.to_bytes(4, "big")) for number in range(5000)]
    for at in range(0, 5000, 1000):
        side.receive("ana", want(*(have(block) for block in lacked[at : at + 1000])))
    side.receive("ana", want(WantEntry(LARGE.cid)))
    assert len(side.wants_of("ana")) == 10
    assert side.dropped == 4991
    _, presences, _ = side.take_answers("ana")
    assert len(presences) == 10
    assert {each.presence for each in presences} == {Presence.DONT_HAVE}
    side.receive("ana", want(WantEntry(lacked[0].cid, is_cancel=True), WantEntry(LARGE.cid)))
    assert len(side.take_answers("ana")[0]) == 1


def test_many_answers_take_several_messages() -> None:
    blocks = [block_of(number.to_bytes(2, "big") * 600) for number in range(1000)]
    side = serving(*blocks, max_wants_kept=5000)
    lacked = [block_of(number.to_bytes(4, "big")) for number in range(1000)]
    side.receive("ana", want(*(have(block) for block in [*blocks, *lacked])))
    counts = []
    while side.has_answers("ana"):
        counts.append(len(side.take_answers("ana")[1]))
    assert counts == [1024, 976]


class SpoiltStore(MemoryBlocks):
    def get(self, cid: Cid) -> bytes:
        raise StoreCorrupt("it was changed", "/blocks")


def test_a_block_that_is_spoilt_or_removed_meanwhile() -> None:
    store = SpoiltStore()
    store.put([LARGE])
    side = Serving(store)
    side.joined("ana", Ledger())
    store.size = lambda cid: 5000  # type: ignore[method-assign]
    side.receive("ana", want(WantEntry(LARGE.cid, asks_dont_have=True)))
    assert side.take_answers("ana") == ((), (BlockPresence(LARGE.cid, Presence.DONT_HAVE),), 0)
    assert not side.has_answers("ana")
    gone = serving(LARGE)
    gone.receive("ana", want(WantEntry(LARGE.cid)))
    gone.store.remove(LARGE.cid)
    assert gone.take_answers("ana") == ((), (), 0)
    assert not gone.has_answers("ana")


def test_nobody_is_sent_what_a_cid_holds_itself() -> None:
    side = serving()
    side.receive("ana", want(WantEntry(Cid(1, multicodec.RAW, identity(b"held")), asks_dont_have=True)))
    assert side.take_answers("ana")[0] == ()
