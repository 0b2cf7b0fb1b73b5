"""Wishes: nothing is asked for twice, nothing is forgotten."""

from __future__ import annotations

import pytest

from p2plib.data.hypercore.core import Hypercore
from p2plib.data.hypercore.remote import REGION_BLOCKS, RemoteBlocks
from p2plib.data.hypercore.wishes import Wishes
from tests.data.hypercore.feeds import AUTHOR, content, feed


def remote_with(*blocks: int) -> RemoteBlocks:
    remote = RemoteBlocks()
    remote.ask(0)
    for block in blocks:
        remote.set(block, 1)
    return remote


def test_no_block_is_asked_for_twice_at_a_time() -> None:
    wishes = Wishes(Hypercore(AUTHOR.public), everything=True)
    one, two = remote_with(0, 1, 2), remote_with(1, 2, 3)
    assert [wishes.take(one), wishes.take(two), wishes.take(one), wishes.take(two)] == [0, 1, 2, 3]
    assert wishes.take(one) is wishes.take(two) is None
    wishes.release(2)
    assert wishes.take(two) == 2


def test_what_is_here_is_not_wanted() -> None:
    copy, author = Hypercore(AUTHOR.public), feed(5)
    wishes, remote = Wishes(copy), remote_with(0, 1)
    wishes.add(1)
    wishes.add(4)
    assert len(wishes) == 2
    assert wishes.leaves(remote)
    assert wishes.take(remote) == 1
    copy.put(1, content(1), author.prove(1))
    wishes.release(1)
    wishes.add(1)
    assert len(wishes) == 1
    assert wishes.take(remote) is None
    assert wishes.leaves(remote), "block 4 may still come"
    wishes.drop(4)
    assert not wishes.leaves(remote)


def test_which_regions_a_peer_is_asked_about() -> None:
    wishes, remote = Wishes(Hypercore(AUTHOR.public)), remote_with(3 * REGION_BLOCKS + 1)
    assert wishes.unknown(remote) == []
    wishes.add(2 * REGION_BLOCKS + 5)
    wishes.add(9 * REGION_BLOCKS)
    assert wishes.unknown(remote) == [2 * REGION_BLOCKS]
    wishes.everything = True
    assert wishes.unknown(remote) == [0, REGION_BLOCKS, 2 * REGION_BLOCKS, 3 * REGION_BLOCKS]


def test_an_author_wants_its_own_newest_block_back() -> None:
    wishes = Wishes(feed(5))
    assert wishes.take(remote_with(4)) is None
    assert wishes.take(remote_with(7, 8)) == 8
    assert wishes.unknown(remote_with(8)) == [0]


@pytest.mark.fault("F129")
def test_a_block_that_nobody_has_does_not_make_the_others_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    copy, remote, looks = Hypercore(AUTHOR.public), RemoteBlocks(), list[int]()
    wishes = Wishes(copy, everything=True)
    remote.ask(0)
    remote.set(1, 3000)
    has = remote.has
    monkeypatch.setattr(remote, "has", lambda block: looks.append(block) or has(block))
    for block in range(1, 3001):
        assert wishes.take(remote) == block
        copy.storage.bits.set_block(block)
        wishes.release(block)
    assert len(looks) == 3000
