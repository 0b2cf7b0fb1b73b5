"""What was put during the sweeps and addings under way, and what of it is durable."""

from __future__ import annotations

import pytest

from p2plib.data.blocks.recent import PutCall, RecentPuts
from p2plib.data.dag.block import Block, block_of
from p2plib.wire import multicodec

ONE, TWO = block_of(b"one"), block_of(b"two")
HASH, OTHER_HASH = ONE.cid.multihash, TWO.cid.multihash
INSIDE = block_of(b"inside", function=multicodec.IDENTITY)


def put(recent: RecentPuts, *blocks: Block, durable: bool = True) -> None:
    call = PutCall()
    assert tuple(recent.noted(blocks, call)) == blocks
    call.is_durable = durable


def test_nothing_is_kept_while_nothing_is_under_way() -> None:
    recent = RecentPuts()
    put(recent, ONE)
    assert len(recent) == 0
    assert not recent.is_durable(HASH)


def test_a_block_is_recent_as_soon_as_it_is_drawn_and_durable_when_its_put_has_returned() -> None:
    recent = RecentPuts()
    number, call = recent.begin_sweep(), PutCall()
    source = recent.noted([ONE, INSIDE, TWO], call)
    assert next(source) is ONE
    assert recent.is_recent(HASH, number)
    assert not recent.is_recent(OTHER_HASH, number)
    assert list(source) == [INSIDE, TWO]
    assert len(recent) == 2
    assert not recent.is_durable(HASH)
    call.is_durable = True
    assert recent.is_durable(HASH)
    assert recent.is_durable(OTHER_HASH)
    recent.end(number)
    assert len(recent) == 0


@pytest.mark.parametrize("last", [True, False])
def test_the_last_put_of_a_block_says_whether_it_is_durable(last: bool) -> None:
    """A later one may have replaced a damaged copy, and nobody has waited for that."""
    recent = RecentPuts()
    recent.begin_adding()
    put(recent, ONE, durable=not last)
    put(recent, ONE, durable=last)
    assert recent.is_durable(HASH) is last


def test_a_removed_block_is_not_durable_but_stays_recent() -> None:
    """The put that drew it may write it after the removal, from a group in memory, and without a sync."""
    recent = RecentPuts()
    number, call = recent.begin_sweep(), PutCall()
    list(recent.noted([ONE, TWO], call))
    recent.forget_durable(HASH)
    recent.forget_durable(INSIDE.cid.multihash)
    call.is_durable = True
    assert recent.is_recent(HASH, number)
    assert not recent.is_durable(HASH)
    assert recent.is_durable(OTHER_HASH)
    assert len(recent) == 2


def test_what_came_before_a_sweep_is_recent_for_it_only_during_an_older_adding() -> None:
    recent = RecentPuts()
    older = recent.begin_sweep()
    put(recent, ONE)
    younger = recent.begin_sweep()
    assert recent.is_recent(HASH, older)
    assert not recent.is_recent(HASH, younger)
    adding = recent.begin_adding()
    put(recent, TWO)
    last = recent.begin_sweep()
    assert recent.is_recent(OTHER_HASH, last)
    assert not recent.is_recent(HASH, last)
    recent.end(adding)
    assert not recent.is_recent(OTHER_HASH, last)
    for number in (older, younger):
        recent.end(number)
    assert len(recent) == 0


def test_a_block_that_is_put_again_is_as_young_as_its_last_put() -> None:
    recent = RecentPuts()
    older = recent.begin_adding()
    put(recent, ONE, TWO)
    younger = recent.begin_adding()
    put(recent, ONE)
    recent.forget_durable(ONE.cid.multihash)
    recent.end(older)
    assert len(recent) == 1
    assert recent.is_recent(HASH, 99)
    recent.end(younger)
    assert len(recent) == 0


def test_only_what_has_begun_can_end() -> None:
    with pytest.raises(ValueError, match="not in list"):
        RecentPuts().end(1)
