"""Kademlia's machines while peers come and go, and the crowd that they live in."""

from __future__ import annotations

import dataclasses
import math
import random
from statistics import fmean

import pytest

from p2plib.errors import UsageError
from p2plib.machine.addresses import network_of
from p2plib.population.kademlia_churn import CHURN, ChurningKademlia
from p2plib.population.machines import Crowd, address_of
from p2plib.topology.kademlia.machine import Kademlia
from p2plib.topology.kademlia.parts import FindDone, Joined


@pytest.mark.slow
@pytest.mark.fault("F081")
def test_half_of_all_leave_within_a_minute() -> None:
    """The floor: 97 of 100 lookups right and 97 of 100 values found, none of them in four seconds or more."""
    network = ChurningKademlia(120, None, seed=1, values=20)
    network.halve(60.0)
    assert len(network.at) == 60
    done = network.run(60.0, every_s=0.5)
    assert done.finds > 50
    assert done.found / done.finds >= 0.97
    assert done.got / done.gets >= 0.97
    assert fmean(done.timeouts) > 0.5  # they did meet the dead
    assert max(done.find_s) < 4.0


@pytest.mark.slow
@pytest.mark.fault("F081")
@pytest.mark.parametrize(("minutes", "floor"), [(5.0, 0.98), (1.4, 0.95)])
def test_sessions_of_a_median(minutes: float, floor: float) -> None:
    """Sixty peers; as many as there are have come anew by the end of the short sessions."""
    network = ChurningKademlia(60, 60 * minutes, seed=2, values=20)
    network.wait(60.0)
    done = network.run(120.0)
    expected = 60 * 120 * math.log(2) / (60 * minutes)
    assert done.arrivals == pytest.approx(expected, rel=0.5)
    assert len(network.at) == 60
    assert done.found / done.finds >= floor
    assert done.got / done.gets >= floor


@pytest.mark.slow
def test_without_republishing_values_die_with_their_holders() -> None:
    never = dataclasses.replace(CHURN, republish_s=1e6)
    network = ChurningKademlia(40, 60.0, seed=3, settings=never, values=20)
    network.wait(300.0)  # half of all stay a minute: of eight holders 1 in 32 is left
    done = network.run(60.0)
    assert done.found / done.finds > 0.9
    assert done.got / done.gets < 0.6


def test_when_nearly_all_vanish_in_a_second_the_figures_say_so() -> None:
    """Six of sixty are left, who hardly know one another: many lookups end at somebody else."""
    network = ChurningKademlia(60, None, seed=1, values=5)
    network.halve(1.0, part=0.9)
    done = network.run(20.0)
    assert done.finds >= 5
    assert done.found / done.finds < 0.7
    assert fmean(done.timeouts) > 4


def test_the_same_seed_gives_the_same_run() -> None:
    told: list[tuple[int, int]] = []
    runs = [
        ChurningKademlia(20, 120.0, seed=4, values=3).run(10.0, progress=lambda a, b: told.append((a, b)))
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert told[-1] == (10, 10)
    with pytest.raises(UsageError):
        ChurningKademlia(1, 60.0)
    with pytest.raises(UsageError):
        ChurningKademlia(5, 0.0)


def test_a_crowd_carries_datagrams_and_loses_what_it_is_told_to() -> None:
    outcomes = []
    for loss in (0.0, 1.0):
        crowd: Crowd[Kademlia] = Crowd(1, loss=loss)
        ana, ben = (crowd.add(Kademlia(i, random.Random(i)), address_of(i)) for i in (1, 2))
        crowd.call(ana, "join", [ben])
        crowd.run(1.0, until=lambda crowd=crowd, ana=ana: bool(crowd.machines[ana].table.find(2)))  # type: ignore[misc]
        outcomes.append((round(crowd.now, 1), len(crowd.machines[ana].table)))
        crowd.run(1.0)
        assert (Joined(1) in crowd.events(ana)) is (loss == 0.0)
        assert crowd.events(ana) == []
    assert outcomes[1] == (1.0, 0)
    assert outcomes[0][1] == 1
    assert 0.04 <= outcomes[0][0] <= 0.16
    crowd.crash(ben)
    assert crowd.call(ana, "find", 7) == 1
    crowd.run(60.0)
    assert [type(event) for event in crowd.events(ana) if isinstance(event, FindDone)] == [FindDone]
    with pytest.raises(UsageError, match=r"there is a machine at 16\.0\.1\.1"):
        crowd.add(Kademlia(3, random.Random(3)), ana)


def test_addresses_are_of_different_owners() -> None:
    some = [address_of(number)[0] for number in (0, 1, 255, 256, 65_535, 65_536, 4_194_303)]
    assert len({network_of(host) for host in some}) == len(some)
    with pytest.raises(UsageError):
        address_of(4_194_304)
