"""Getting in: bootstrap addresses that answer, that do not, and that answer late."""

from __future__ import annotations

import random
from typing import Any

import pytest

from p2plib.discovery.mainline.entrance import PROBE_TRIES, PROBES, Entrance
from p2plib.discovery.mainline.messages import FindNodeQuery
from p2plib.discovery.mainline.parts import DhtTimer
from p2plib.errors import UsageError
from p2plib.machine.addresses import Address
from p2plib.population.machines import address_of
from p2plib.topology.kademlia.asking import Probe
from p2plib.topology.kademlia.parts import Joined, JoinFailed
from tests.discovery.mainline.network import World
from tests.discovery.mainline.test_asking import outbox


class Gate:
    """An entrance alone: what it asked, and what it told."""

    def __init__(self) -> None:
        self.asker, self.sent, self.timers = outbox()
        self.told: list[Any] = []
        self.entered: list[float] = []
        entering = self.entered.append
        self.entrance = Entrance(self.asker, self.timers, random.Random(1), entering, self.told.append)

    def asked(self) -> list[Address]:
        asked = [address for _, address in self.sent]
        self.sent.clear()
        return asked


def test_the_first_answer_lets_us_in_and_the_rest_are_asked_all_the_same() -> None:
    gate, addresses = Gate(), [address_of(n) for n in range(PROBES + 4)]
    gate.entrance.start(addresses, 0.0)
    assert gate.asked() == addresses[:PROBES]
    gate.entrance.probed(Probe(addresses[0], 1), True, 1.0)
    assert gate.entered == [1.0]
    gate.entrance.probed(Probe(addresses[1], 1), True, 2.0)
    assert gate.entered == [1.0]
    assert gate.asked() == addresses[PROBES : PROBES + 2]


def test_all_have_failed_and_are_asked_again_until_no_time_is_left() -> None:
    gate, (ana, ben) = Gate(), [address_of(n) for n in range(2)]
    gate.entrance.start([ana, ben], 0.0, within_s=4.0)
    attempt, now = 1, 0.5
    for _ in range(20):
        gate.entrance.probed(Probe(ana, attempt), False, now)
        gate.entrance.probed(Probe(ben, attempt), False, now)
        if gate.told:
            break
        while DhtTimer.JOIN not in [timer for timer, _ in gate.timers.due(now)]:
            now += 0.1
        attempt += 1
        gate.entrance.again(now)
    assert gate.told == [JoinFailed((ana, ben))]
    assert 2 <= attempt <= 5
    assert now < 4.5


def test_an_answer_to_an_earlier_try_still_lets_us_in_but_its_failure_says_nothing() -> None:
    gate, (ana, ben) = Gate(), [address_of(n) for n in range(2)]
    gate.entrance.start([ana], 0.0)
    gate.entrance.start([ben], 1.0)
    gate.entrance.probed(Probe(ana, 1), False, 2.0)
    assert not gate.told
    gate.entrance.probed(Probe(ana, 1), True, 3.0)
    assert gate.entered == [3.0]


def test_no_address_is_an_error_at_once() -> None:
    with pytest.raises(UsageError):
        Gate().entrance.start([], 0.0)


def test_a_probe_is_find_node_for_our_own_id_and_is_repeated() -> None:
    world = World(1)
    node = world.add()
    world.call(1, "join", [("99.1.1.1", 4000)])
    world.crowd.run(60)
    assert world.crowd.sent[address_of(1)] == PROBE_TRIES
    assert world.told(1, JoinFailed)
    world.call(1, "join", [address_of(0)])
    world.crowd.run(10)
    assert world.told(1, Joined)
    assert len(node.table) == 1
    assert FindNodeQuery.METHOD == b"find_node"
