"""Events are values: equal when they say the same, and not to be changed."""

from __future__ import annotations

import dataclasses

import pytest

from p2plib.data.hypercore.events import BlockStored, FeedClosed, FeedOpened, RemoteLength, ReplicationStats


def test_events_are_values() -> None:
    assert BlockStored(3) == BlockStored(3) != BlockStored(4)
    assert FeedOpened() == FeedOpened()
    assert len({FeedOpened(), FeedClosed(), RemoteLength(3), RemoteLength(3)}) == 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        BlockStored(3).block = 4  # type: ignore[misc]


def test_counting_begins_at_nothing() -> None:
    assert set(dataclasses.astuple(ReplicationStats())) == {0}
