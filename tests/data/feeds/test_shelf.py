"""A shelf of logs: what is followed is kept, and whoever waits hears of it."""

from __future__ import annotations

import asyncio

import pytest

from p2plib.data.feeds.shelf import FeedShelf
from p2plib.data.log.feed import Added
from p2plib.data.log.validate import ClassicFormat
from p2plib.data.stores.memory import MemoryStore
from p2plib.errors import Forked, InvalidEntry, NotFound, UsageError
from tests.data.feeds.peers import ANA, BEN, EVE, shelf, written


def test_only_what_is_followed_is_kept() -> None:
    source, reader = written(2), shelf()
    first = source.feed(ANA.public).entry(1)
    with pytest.raises(NotFound):
        reader.take(ANA.public, first.raw)
    reader.follow(ANA.public)
    assert reader.take(ANA.public, first.raw) is Added.NEW
    assert reader.take(ANA.public, first.raw) is Added.KNOWN
    reader.follow(BEN.public)
    with pytest.raises(InvalidEntry, match="author"):
        reader.take(BEN.public, first.raw)
    assert reader.authors() == (ANA.public, BEN.public)


def test_a_shelf_takes_up_again_what_its_store_holds() -> None:
    store = MemoryStore()
    first = FeedShelf(store, ClassicFormat())
    first.write(ANA, {"type": "post"}, 1)
    again = FeedShelf(store, ClassicFormat())
    assert len(again.follow(ANA.public)) == 1
    assert again.write(ANA, {"type": "post"}, 2).sequence == 2


def test_followed_logs_are_bounded() -> None:
    small = FeedShelf(MemoryStore(), ClassicFormat(), max_feeds=2)
    for key in (ANA, BEN, ANA):
        small.follow(key.public)
    with pytest.raises(UsageError, match="at most 2"):
        small.follow(EVE.public)


def test_a_fork_is_noticed() -> None:
    reader = shelf()
    reader.follow(ANA.public)
    reader.take(ANA.public, written(1, text="one").feed(ANA.public).entry(1).raw)
    with pytest.raises(Forked):
        reader.take(ANA.public, written(1, text="other").feed(ANA.public).entry(1).raw)
    assert reader.feed(ANA.public).fork is not None


def test_whoever_waits_is_woken() -> None:
    async def main() -> None:
        filled = shelf()
        waiting = asyncio.create_task(filled.wait())
        await asyncio.sleep(0)
        filled.write(ANA, {"type": "post"}, 1)
        await waiting

    asyncio.run(main())


def test_many_at_once_and_those_before_a_bad_one_stay() -> None:
    source, reader = written(5), shelf()
    raws = [source.feed(ANA.public).entry(number).raw for number in (1, 2, 3)]
    reader.follow(ANA.public)
    assert reader.extend(ANA.public, raws[:2]) == 2
    assert reader.extend(ANA.public, raws[:2]) == 0
    with pytest.raises(InvalidEntry):
        reader.extend(ANA.public, [raws[2], b"{}", source.feed(ANA.public).entry(4).raw])
    assert len(reader.feed(ANA.public)) == 3
