"""Handing values on: in order, a few at a time, and what of it reaches the others."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from p2plib.machine.timers import Timers
from p2plib.population.machines import address_of
from p2plib.topology.kademlia.handover import AT_ONCE, STALLED_S, Handover
from p2plib.topology.kademlia.machine import Kademlia
from p2plib.topology.kademlia.messages import CODEC, Ping
from p2plib.topology.kademlia.parts import GetDone, Left, Mode, PutDone, Settings, Timer
from p2plib.topology.kademlia.searches import SearchKind
from p2plib.topology.kademlia.store import EXPIRE_S, Values, key_of
from tests.topology.kademlia.network import call, grown, outcome_of

pytestmark = pytest.mark.finding("T9")


class Started:
    """Stands for the searches: remembers what was started, and may end it at once."""

    def __init__(self, copies_at_once: int | None = None) -> None:
        self.searches: list[tuple[int, bytes, float]] = []
        self.copies_at_once, self.timers = copies_at_once, Timers[Timer]()
        self.handover = Handover(Values(0, 160), self, self.timers, self.told)  # type: ignore[arg-type]
        self.events: list[object] = []

    def told(self, event: object) -> None:
        self.events.append(event)

    def start(self, kind: SearchKind, key: int, now: float, value: bytes, lifetime_s: float) -> int:
        assert kind is SearchKind.HAND_ON
        self.searches.append((key, value, lifetime_s))
        if self.copies_at_once is not None:
            self.handover.over(self.copies_at_once, now)
        return len(self.searches)


def kept(started: Started, count: int) -> Iterator[tuple[int, bytes]]:
    """Puts so many values into the store of a peer, each kept for 100 seconds."""
    for number in range(count):
        value = b"value %d" % number
        assert started.handover._values.put(key_of(value), value, 100.0, 0.0)
        yield key_of(value), value


def test_a_few_at_a_time_until_all_are_handed_on() -> None:
    started = Started()
    values = list(kept(started, 20))
    started.handover.start({}, 40.0, is_leaving=True)
    assert started.searches == [(key, value, 60.0) for key, value in values[:AT_ONCE]]
    assert len(started.handover._values) == 0
    for number in range(20):
        assert started.events == []
        assert len(started.searches) == min(20, AT_ONCE + number)
        started.handover.over(number % 2, 41.0)  # nobody takes every second one
    assert started.events == [Left(20, 10)]


def test_values_of_our_own_go_with_a_whole_lifetime_and_what_expires_at_once_does_not_go() -> None:
    started = Started()
    ((key, value),) = kept(started, 1)
    started.handover.start({key: value, 7: b"own"}, 99.5, is_leaving=True)
    assert started.searches == [(key, value, EXPIRE_S), (7, b"own", EXPIRE_S)]


@pytest.mark.parametrize("copies", [0, 1])
def test_thousands_that_are_over_at_once(copies: int) -> None:
    started = Started(copies)
    count = len(list(kept(started, 3000)))
    started.handover.start({}, 1.0, is_leaving=True)
    assert started.events == [Left(count, count * copies)]


def test_whoever_only_becomes_a_client_tells_nobody_and_whoever_has_nothing_has_left_at_once() -> None:
    started = Started(1)
    list(kept(started, 3))
    started.handover.start({}, 1.0, is_leaving=False)
    assert started.events == []
    started.handover.start({}, 2.0, is_leaving=True)
    assert started.events == [Left(3, 3)]


def test_it_is_given_up_when_nobody_has_taken_a_value_for_long() -> None:
    started = Started()
    list(kept(started, 100))
    started.handover.start({}, 0.0, is_leaving=True)
    started.handover.over(1, 5.0)
    started.handover.over(0, 20.0)
    assert started.timers.first() == 5.0 + STALLED_S
    started.handover.stalled()
    assert started.events == [Left(100, 1)]
    asked = len(started.searches)
    started.handover.over(1, 40.0)  # those that were under way
    assert (len(started.searches), started.events) == (asked, [Left(100, 1)])


def test_whoever_leaves_when_all_others_are_gone_has_left_soon_however_much_it_keeps() -> None:
    """It took a tenth of a second a value: seven minutes for all that a peer may keep."""
    world, peers = grown(20)
    for number in range(500):
        value = b"value %d" % number
        assert peers[3].values.put(key_of(value), value, 80_000.0, world.now)
    for number in range(20):
        if number != 3:
            world.crash(address_of(number))
    call(world, peers, 3, "leave")
    world.run(STALLED_S + 1.0)
    assert world.heard(address_of(3), Left) == [Left(500, 0)]


def test_a_peer_in_mode_auto_is_no_server_while_it_leaves_and_is_one_again_when_it_joins() -> None:
    """A stranger that came made a server of it, and what it then kept was lost."""
    world, _ = grown(20)
    auto = Kademlia(1 << 159, random.Random(5), now=world.now, settings=Settings(k=8, mode=Mode.AUTO))
    here = world.add(auto, address_of(50))
    world.call(here, "join", [address_of(0)])
    world.run(30.0)
    world.call(here, "leave")
    auto.reachability.is_reachable = None  # as if no stranger had come so far
    for stranger in (60, 61):
        auto.receive(CODEC.encode(Ping(1, 7)), address_of(stranger), world.now)
    assert auto.asker.is_client
    world.run(30.0)
    assert world.heard(here, Left)
    assert auto.asker.is_client
    world.call(here, "join", [address_of(0)])
    assert not auto.asker.is_client


@pytest.mark.parametrize("takes_leave", [True, False])
def test_values_outlive_all_of_their_holders_if_these_take_their_leave(takes_leave: bool) -> None:
    """Every holder goes, one every five minutes, and the one that published it has gone first."""
    world, peers = grown(30)
    value = b"outlives them all"
    done = outcome_of(world, peers, 0, PutDone, "put", key_of(value), value)
    assert isinstance(done, PutDone)
    holders = [number for number, machine in enumerate(peers) if key_of(value) in machine.values]
    for number in dict.fromkeys((0, *holders)):
        if takes_leave:
            call(world, peers, number, "leave")
            world.run(10.0)
            ((left),) = world.heard(address_of(number), Left)
            assert left.handed_on == left.values >= 1
            assert len(peers[number].values) == 0
        world.crash(address_of(number))
        world.run(290.0)
    asks = next(number for number in range(1, 30) if number not in holders)
    peers[asks].values.take(world.now)
    done = outcome_of(world, peers, asks, GetDone, "get", key_of(value))
    assert isinstance(done, GetDone)
    assert (done.value == value) is takes_leave


def test_whoever_leaves_is_out_of_the_tables_of_its_neighbours_at_once() -> None:
    world, peers = grown(30)
    ident = peers[7].own_id
    call(world, peers, 7, "leave")
    world.run(5.0)
    near = sorted((one for one in peers if one is not peers[7]), key=lambda one: one.own_id ^ ident)[:8]
    assert not any(one.table.find(ident) for one in near)
    assert not any(one.table.forgotten for one in near)
