"""A crowd of machines: what passes between them, what is cut off, what was told, and what a crash leaves."""

from __future__ import annotations

import random
from enum import Enum

import pytest

from p2plib.errors import UsageError
from p2plib.machine.addresses import Address
from p2plib.machine.machine import Base
from p2plib.population.machines import MAX_ADDRESSES, Crowd, address_of

ANA, BEN = address_of(1), address_of(2)


class Timer(Enum):
    """What a teller wakes for."""

    WAKE = "it was told to"


class Teller(Base[object, Timer]):
    """It tells what arrives, and when it wakes."""

    def receive(self, data: bytes, address: Address, now: float) -> None:
        self._tell((data, address))

    def on_timer(self, now: float) -> None:
        for _ in self.timers.due(now):
            self._tell(now)

    def say(self, data: bytes, address: Address, now: float) -> float:
        self._send(data, address)
        return now

    def wake_at(self, at: float, now: float) -> None:
        self.timers.set(Timer.WAKE, at)


def two(seed: int | random.Random = 1, **how: float) -> Crowd[Teller]:
    crowd: Crowd[Teller] = Crowd(seed, **how)  # type: ignore[arg-type]
    for address in (ANA, BEN):
        assert crowd.add(Teller(), address) == address
    return crowd


def test_what_is_said_arrives_after_the_delay_and_is_counted_by_sender() -> None:
    crowd = two(delay_s=(0.5, 0.5))
    assert crowd.call(ANA, "say", b"hello", BEN) == 0.0
    crowd.run(0.4)
    assert (crowd.now, crowd.heard(BEN, tuple)) == (0.4, [])
    crowd.machines[ANA].say(b"again", BEN, crowd.now)
    crowd.flush(ANA)
    crowd.run(10.0, until=lambda: bool(crowd.heard(BEN, tuple)))
    assert crowd.now == 0.5
    crowd.run(10.0)
    assert crowd.heard(BEN, tuple) == [(b"hello", ANA), (b"again", ANA)]
    assert (crowd.sent, crowd.datagrams) == ({ANA: 2}, 2)


def test_it_is_over_before_it_begins_if_the_condition_holds() -> None:
    crowd = two()
    crowd.call(ANA, "wake_at", 0.0)
    crowd.run(5.0, until=lambda: True)
    assert (crowd.now, crowd.events(ANA)) == (0.0, [])


def test_what_was_told_is_read_by_kind_and_taken_once() -> None:
    crowd = two(delay_s=(0.1, 0.1))
    crowd.call(ANA, "wake_at", 1.0)
    crowd.call(BEN, "say", b"hello", ANA)
    crowd.run(2.0)
    assert crowd.heard(ANA, float) == crowd.heard(ANA, float) == [1.0]
    assert crowd.events(ANA) == [(b"hello", BEN), 1.0]
    assert crowd.events(ANA) == crowd.heard(ANA, object) == []


def test_a_cut_lets_nothing_pass_that_way_and_takes_no_delay_from_the_others() -> None:
    crowd = two()
    crowd.cut = lambda source, target: source == ANA
    for address, other in ((ANA, BEN), (BEN, ANA)):
        crowd.call(address, "say", b"hello", other)
    crowd.run(1.0)
    assert (crowd.heard(ANA, tuple), crowd.heard(BEN, tuple)) == ([(b"hello", BEN)], [])
    assert crowd.datagrams == 2
    crowd.cut = lambda source, target: False
    crowd.call(ANA, "say", b"hello", BEN)
    crowd.run(1.0)
    assert crowd.heard(BEN, tuple) == [(b"hello", ANA)]


def test_a_crash_is_silent_and_leaves_what_was_told() -> None:
    crowd = two()
    crowd.call(ANA, "say", b"hello", BEN)
    crowd.run(1.0)
    crowd.call(BEN, "wake_at", 5.0)
    crowd.crash(BEN)
    crowd.call(ANA, "say", b"are you there?", BEN)
    crowd.run(10.0)
    assert crowd.heard(BEN, object) == [(b"hello", ANA)]
    crowd.add(Teller(), BEN)
    crowd.call(ANA, "say", b"welcome", BEN)
    crowd.run(1.0)
    assert crowd.heard(BEN, tuple)[1:] == [(b"welcome", ANA)]


def test_one_seed_one_run_and_whoever_has_a_source_of_chance_may_give_it() -> None:
    def arrivals(seed: int | random.Random) -> list[float]:
        crowd, times = two(seed, loss=0.3), list[float]()
        for _ in range(30):
            crowd.call(ANA, "say", b"hello", BEN)
        while crowd._heap:
            crowd.run(10.0, until=lambda: len(crowd.heard(BEN, tuple)) > len(times))
            times.append(crowd.now)
        return times

    assert arrivals(5) == arrivals(5) != arrivals(6)
    assert arrivals(random.Random(5)) == arrivals(random.Random(5))
    assert arrivals(random.Random("5 crowd")) == arrivals(5)


def test_what_is_refused() -> None:
    crowd = two()
    with pytest.raises(UsageError, match=r"there is a machine at 16\.0\.1\.1"):
        crowd.add(Teller(), ANA)
    for number in (-1, MAX_ADDRESSES):
        with pytest.raises(UsageError, match="the number of an address is 0 to"):
            address_of(number)
    assert len({address_of(number)[0].rsplit(".", 1)[0] for number in range(70_000)}) == 70_000
