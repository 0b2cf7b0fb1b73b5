"""Entries out of order and from several peers: each is there once, in order, and the room has an end."""

from __future__ import annotations

import itertools
import json
import random

import pytest

from p2plib.data.log.intake import Intake
from p2plib.errors import Forked, InvalidEntry, UsageError
from tests.data.log.shelf import MAL, chain, open_feed

ENTRIES = chain(6)


@pytest.mark.fault("F115")
def test_any_order_of_arrival_gives_the_same_log() -> None:
    for order in itertools.permutations(range(5)):
        intake = Intake(open_feed())
        found = [entry.sequence for at in order for entry in intake.take(ENTRIES[at])]
        assert found == [1, 2, 3, 4, 5]
        assert intake.waiting == []


@pytest.mark.fault("F115")
@pytest.mark.parametrize("seed", range(5))
def test_three_peers_in_their_own_orders(seed: int) -> None:
    arrivals = ENTRIES * 3
    random.Random(seed).shuffle(arrivals)
    intake = Intake(open_feed())
    found = [entry.sequence for raw in arrivals for entry in intake.take(raw)]
    assert found == [1, 2, 3, 4, 5, 6]


def test_what_is_missing_can_be_asked_for() -> None:
    intake = Intake(open_feed())
    assert list(intake.missing) == []
    intake.take(ENTRIES[0])
    intake.take(ENTRIES[4])
    intake.take(ENTRIES[4])
    assert (intake.waiting, list(intake.missing)) == ([5], [2, 3, 4])


@pytest.mark.fault("F127")
def test_strangers_do_not_fill_the_room_and_authors_only_so_far() -> None:
    intake = Intake(open_feed(), max_waiting=3)
    value = json.loads(ENTRIES[2])
    value["timestamp"] += 1
    with pytest.raises(InvalidEntry, match=r"^signature"):
        intake.take(json.dumps(value).encode())
    with pytest.raises(InvalidEntry, match=r"^author"):
        intake.take(chain(3, secret=MAL)[2])
    with pytest.raises(InvalidEntry, match="3 may wait"):
        intake.take(ENTRIES[4])
    for at in (3, 2, 1):
        assert intake.take(ENTRIES[at]) == []
    assert len(intake.take(ENTRIES[0])) == 4
    assert len(intake.take(ENTRIES[4])) == 1


def test_no_room_at_all_is_no_room() -> None:
    with pytest.raises(UsageError):
        Intake(open_feed(), max_waiting=0)


@pytest.mark.fault("F110")
@pytest.mark.parametrize("at", [3, 4])
def test_two_that_wait_and_contradict_each_other_freeze_the_log(at: int) -> None:
    others = ENTRIES[:3] + chain(2, said="other", after=ENTRIES[:3])
    intake = Intake(open_feed())
    intake.take(ENTRIES[0])
    intake.take(ENTRIES[3])
    with pytest.raises(Forked):
        intake.take(others[at])
    assert intake.feed.fork.sequence == 4
    assert intake.waiting == []
    # Entries below the fork still come in, early ones too; those from it on do not.
    assert intake.take(ENTRIES[2]) == []
    assert [entry.sequence for entry in intake.take(ENTRIES[1])] == [2, 3]
    with pytest.raises(Forked):
        intake.take(ENTRIES[3])
    with pytest.raises(Forked):
        intake.take(ENTRIES[5])


def test_a_waiting_entry_that_contradicts_what_arrives() -> None:
    others = ENTRIES[:3] + chain(2, said="other", after=ENTRIES[:3])
    intake = Intake(open_feed())
    for raw in (*ENTRIES[:3], others[4]):
        intake.take(raw)
    with pytest.raises(Forked):
        intake.take(ENTRIES[3])
    assert (len(intake.feed), intake.feed.fork.sequence, intake.waiting) == (3, 4, [])


def test_what_came_by_another_way_is_forgotten() -> None:
    intake = Intake(open_feed())
    intake.take(ENTRIES[3])
    intake.feed.extend(ENTRIES[:5])
    assert [entry.sequence for entry in intake.take(ENTRIES[5])] == [6]
    assert intake.waiting == []
