"""Swarms: who is listed, for how long, how many fit; and against a model of sets."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.discovery.tracker import compact
from p2plib.discovery.tracker.announce import Counts, Event
from p2plib.discovery.tracker.swarms import SwarmLimits, Swarms
from p2plib.errors import Refusal
from p2plib.machine.addresses import Address

HASH, OTHER = bytes(range(20)), bytes(range(20, 40))


def swarms(**limits: int) -> Swarms:
    return Swarms(random.Random(1), interval_s=100, limits=SwarmLimits(**limits))


def peer(number: int) -> Address:
    return f"198.51.{number >> 8}.{number & 255}", 6881


def name(number: int) -> bytes:
    return number.to_bytes(20, "big")


def told(store: Swarms, number: int, count: int, *, left: int = 1, now: float = 0.0) -> set[Address]:
    """What a peer is told when it announces."""
    swarm, own = store.announce(HASH, peer(number), name(number), left, Event.STARTED, now)
    packed = store.some_peers(swarm, count, but=own)
    assert len(packed) == len(set(packed))
    return set(compact.unpack(b"".join(packed)))


def test_a_peer_is_told_of_the_others_and_not_of_itself() -> None:
    store = swarms()
    assert told(store, 1, 50) == set()
    assert told(store, 2, 50) == {peer(1)}
    assert told(store, 1, 50) == {peer(2)}
    assert told(store, 3, 50) == {peer(1), peer(2)}
    assert len(told(store, 3, 1)) == 1
    assert told(store, 3, 0) == set()


def test_counts_of_a_life() -> None:
    store = swarms()
    store.announce(HASH, peer(1), name(1), 0, Event.STARTED, 0)
    store.announce(HASH, peer(2), name(2), 9, Event.STARTED, 0)
    assert store.counts(HASH) == Counts(seeders=1, completed=0, leechers=1)
    store.announce(HASH, peer(2), name(2), 0, Event.COMPLETED, 1)
    assert store.counts(HASH) == Counts(seeders=2, completed=1, leechers=0)
    store.announce(HASH, peer(2), name(2), 0, Event.COMPLETED, 2)  # said twice, counted once
    assert store.counts(HASH) == Counts(seeders=2, completed=1, leechers=0)
    store.announce(HASH, peer(1), name(1), 0, Event.STOPPED, 3)
    assert store.counts(HASH) == Counts(seeders=1, completed=1, leechers=0)
    assert store.counts(OTHER) == Counts()


def test_the_last_one_out_takes_the_swarm_along() -> None:
    store = swarms()
    told(store, 1, 0)
    store.announce(HASH, peer(1), name(1), 1, Event.STOPPED, 0)
    assert (len(store), store.peers, store._places) == (0, 0, Counter())


def test_nobody_stops_a_neighbour() -> None:
    """Behind one NAT two peers have one host, and a peer can name any port."""
    store = swarms()
    told(store, 1, 0)
    store.announce(HASH, peer(1), name(2), 1, Event.STOPPED, 0)
    assert set(store.listed(HASH)) == {peer(1)}


def test_who_falls_silent_is_taken_off() -> None:
    store = swarms()
    assert store.expiry_s == 260
    told(store, 1, 0, now=0)
    told(store, 2, 0, now=100)
    assert store.expire(259.9) == 0
    told(store, 1, 0, now=259.9)
    assert store.expire(360) == 1
    assert set(store.listed(HASH)) == {peer(1)}
    assert store.expire(1000) == 1
    assert len(store) == 0


def test_ipv4_and_ipv6_are_told_apart() -> None:
    store = swarms()
    six = "2001:db8::1", 6881
    told(store, 1, 0)
    swarm, own = store.announce(HASH, six, name(9), 1, Event.STARTED, 0)
    assert store.some_peers(swarm, 10, ipv6=True, but=own) == []
    assert store.some_peers(swarm, 10, ipv6=False) == [compact.pack_peer(peer(1))]
    assert store.counts(HASH).leechers == 2


def test_a_flood_of_swarms_finds_it_full_and_harms_nobody() -> None:
    store = swarms(swarms=10)
    told(store, 1, 0)
    for number in range(9):
        store.announce(name(100 + number), peer(2), name(2), 1, Event.STARTED, 0)
    with pytest.raises(Refusal, match="another swarm"):
        store.announce(name(999), peer(2), name(2), 1, Event.STARTED, 0)
    assert told(store, 3, 10) == {peer(1)}  # the swarm that was there goes on, and still grows
    assert len(store) == 10


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [({"peers": 3}, "another peer"), ({"peers_of_swarm": 3}, "another peer"),
     ({"ports_of_host": 3}, "3 ports"), ({"places_of_host": 3}, "3 places")],
)  # fmt: skip
def test_one_host_cannot_crowd_out_the_rest(limits: dict[str, int], sentence: str) -> None:
    store = swarms(**limits)
    for number in range(3):
        store.announce(HASH, ("192.0.2.1", 6000 + number), name(number), 1, Event.STARTED, 0)
    with pytest.raises(Refusal, match=sentence):
        store.announce(HASH, ("192.0.2.1", 7000), name(9), 1, Event.STARTED, 0)
    store.announce(HASH, ("192.0.2.1", 6001), name(1), 0, Event.COMPLETED, 1)  # one that is there is kept
    if "host" in next(iter(limits)):
        told(store, 5, 0)
    store.announce(HASH, ("192.0.2.1", 6001), name(1), 0, Event.STOPPED, 1)
    store.announce(HASH, ("192.0.2.1", 7000), name(9), 1, Event.STARTED, 0)


@pytest.mark.parametrize("limit", ["ports_of_host", "places_of_host"])
def test_a_home_with_ipv6_counts_as_one_host(limit: str) -> None:
    store = swarms(**{limit: 3})
    for number in range(3):
        store.announce(HASH, (f"2001:db8:1:2::{number:x}", 6000), name(number), 1, Event.STARTED, 0)
    with pytest.raises(Refusal, match=r"has 3 ports|in 3 places"):
        store.announce(HASH, ("2001:db8:1:2::99", 6000), name(9), 1, Event.STARTED, 0)
    store.announce(HASH, ("2001:db8:1:3::99", 6000), name(9), 1, Event.STARTED, 0)
    store.expire(10**6)
    assert len(store) == 0
    assert not store._places


def test_a_swarm_that_could_not_be_entered_is_not_left_behind() -> None:
    store = swarms(places_of_host=1)
    told(store, 1, 0)
    with pytest.raises(Refusal):
        store.announce(OTHER, peer(1), name(1), 1, Event.STARTED, 0)
    assert len(store) == 1


def test_each_peer_is_as_likely_as_any_other() -> None:
    """Chi-square over which peers a stranger is told of: 39 degrees of freedom, 0.1 % at 72.1."""
    store = swarms()
    for number in range(40):
        told(store, number, 0)
    seen: Counter[Address] = Counter()
    for _ in range(400):
        seen.update(told(store, 99, 10) - {peer(99)})
    expected = sum(seen.values()) / 40
    assert sum((seen[peer(n)] - expected) ** 2 / expected for n in range(40)) < 10 * 72.1  # runs come in tens


STEPS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 1), st.sampled_from(Event), st.integers(0, 60)), max_size=60
)


@settings(max_examples=60)
@given(STEPS)
def test_against_a_model(steps: list[tuple[int, int, Event, int]]) -> None:
    """A dict of when each peer was last heard says the same."""
    store, model, now = swarms(), dict[int, tuple[int, float]](), 0.0
    for number, left, event, pause in steps:
        now += pause
        store.expire(now)
        model = {one: value for one, value in model.items() if value[1] + store.expiry_s > now}
        swarm, own = store.announce(HASH, peer(number), name(number), left, event, now)
        if event is Event.STOPPED:
            model.pop(number, None)
        else:
            model[number] = left, now
        assert set(store.listed(HASH)) == {peer(one) for one in model}
        others = {peer(one) for one in model if one != number}
        packed = store.some_peers(swarm, 50, but=own)
        assert set(compact.unpack(b"".join(packed))) == others
        assert len(packed) == len(others)
        counts = store.counts(HASH)
        assert counts.seeders == sum(not left for left, _ in model.values())
        assert counts.seeders + counts.leechers == len(model)
        for row in store._swarms[HASH].rows if HASH in store._swarms else ():
            assert [one.place for one in row.listed] == list(range(len(row)))
            assert [one.packed for one in row.listed] == row.packed
