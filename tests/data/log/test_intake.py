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


@pytest.mark.fault("F095", "F110", "F117")
@pytest.mark.parametrize("seed", range(12))
def test_replicas_that_talk_agree_whatever_the_author_signed(seed: int) -> None:
    """An author with up to three branches, and four replicas that heard some of them in any order.

    At a meeting each hands the other its proof and its entries. When nothing is new, their logs agree.
    """
    rng = random.Random(seed)
    branches = [chain(6)]
    for n in range(rng.randrange(3)):
        trunk = rng.choice(branches)
        at = rng.randrange(6)
        branches.append(trunk[:at] + chain(rng.randint(1, 3), said=f"branch {n}", after=trunk[:at]))
    replicas = [Intake(open_feed()) for _ in range(4)]
    for replica in replicas:
        heard = [raw for branch in branches for raw in branch if rng.random() < 0.7]
        deliver(replica, rng.sample(heard, len(heard)))
    for _ in range(12):
        one, other = rng.sample(replicas, 2)
        meet(one, other)
    for one, other in itertools.permutations(
        replicas, 2
    ):  # and in the end everybody has met everybody, twice
        meet(one, other)
    for one, other in itertools.permutations(replicas, 2):
        meet(one, other)
    assert len({replica.feed.head for replica in replicas}) == 1
    forks_at = {replica.feed.fork.sequence if replica.feed.fork else None for replica in replicas}
    assert len(forks_at) == 1


def deliver(replica: Intake, raws: list[bytes]) -> None:
    for raw in raws:
        try:
            replica.take(raw)
        except Forked:
            assert replica.feed.fork is not None


def meet(one: Intake, other: Intake) -> None:
    for giver, taker in ((one, other), (other, one)):
        if giver.feed.fork is not None:
            taker.feed.freeze(giver.feed.fork.raw)
        deliver(taker, [entry.raw for entry in giver.feed.entries()])
