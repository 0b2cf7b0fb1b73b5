"""Getting in: through nobody, through a peer that refuses, and once only."""

from __future__ import annotations

import random

import pytest

from p2plib.errors import UsageError
from p2plib.population.machines import Crowd, address_of
from p2plib.topology.kademlia.asking import Probe
from p2plib.topology.kademlia.bootstrap import FIRST_PAUSE_S, MAX_PAUSE_S, PROBE_TRIES, PROBES, Bootstrap
from p2plib.topology.kademlia.messages import FindNode
from p2plib.topology.kademlia.parts import GetDone, Joined, JoinFailed, Timer
from tests.topology.kademlia.network import Outbox, call, grown, peer


def test_joining_through_nobody_says_so() -> None:
    world, rng = Crowd(random.Random(1)), random.Random(1)
    lonely = peer(world, 0, rng)
    lonely.join([("192.0.2.1", 1), ("192.0.2.2", 1)], 0.0)
    world.flush(address_of(0))
    world.run(30.0)
    assert world.heard(address_of(0), JoinFailed) == [JoinFailed((("192.0.2.1", 1), ("192.0.2.2", 1)))]
    with pytest.raises(UsageError, match="at least one bootstrap address"):
        lonely.join([], 0.0)
    call(world, [lonely], 0, "get", 5)
    assert world.heard(address_of(0), GetDone)[0].queries == 0


def test_whoever_gives_up_joining_and_joins_again_is_given_the_whole_time_again() -> None:
    world = Crowd(random.Random(1))
    lonely = peer(world, 0, random.Random(1))
    for _ in range(2):
        lonely.join([("192.0.2.1", 1)], world.now)
        world.flush(address_of(0))
        world.run(5.0)
        assert not world.heard(address_of(0), JoinFailed)
    world.run(5.0)
    assert len(world.heard(address_of(0), JoinFailed)) == 1


ANA, BEN = address_of(1), address_of(2)


def started() -> tuple[Outbox, list[float], Bootstrap]:
    outbox, entered = Outbox(own_id=5), list[float]()
    bootstrap = Bootstrap(outbox.asker, outbox.timers, random.Random(1), entered.append, outbox.told.append)
    bootstrap.start([ANA, BEN, ANA], 0.0)
    return outbox, entered, bootstrap


def test_each_address_is_asked_once_for_the_peers_near_us() -> None:
    outbox, _, _ = started()
    asked = outbox.asked()
    assert [address for _, address in asked] == [ANA, BEN]
    for message, _ in asked:
        assert isinstance(message, FindNode)
        assert (message.sender, message.target) == (5, 5)
    assert outbox.awaited() == [Probe(ANA, 1), Probe(BEN, 1)]
    assert {request.tries_left for request in outbox.requests._awaited.values()} == {PROBE_TRIES - 1}


def test_the_first_that_welcomes_us_lets_us_in_and_nobody_after_it() -> None:
    outbox, entered, bootstrap = started()
    bootstrap.probed(Probe(ANA, 1), False, 1.0)
    assert entered == []
    bootstrap.probed(Probe(BEN, 1), True, 2.0)
    bootstrap.probed(Probe(ANA, 1), True, 3.0)  # late
    assert entered == [2.0]
    assert outbox.told == []
    bootstrap.start([ANA], 4.0)  # once more
    bootstrap.probed(Probe(ANA, 2), True, 5.0)
    assert entered == [2.0, 5.0]


def test_when_all_have_refused_or_failed_joining_has_failed() -> None:
    outbox, entered, bootstrap = started()
    bootstrap.probed(Probe(ANA, 1), False, 1.0)
    assert outbox.told == []
    bootstrap.probed(Probe(BEN, 1), False, 2.0)
    assert outbox.told == [JoinFailed((ANA, BEN))]
    assert entered == []
    with pytest.raises(UsageError, match="at least one bootstrap address"):
        bootstrap.start([], 3.0)


def test_what_fails_of_a_join_before_does_not_end_the_new_one() -> None:
    outbox, entered, bootstrap = started()
    bootstrap.start([ANA], 5.0)  # whoever waited for the first has given up
    bootstrap.probed(Probe(ANA, 1), False, 7.0)
    assert outbox.told == []
    bootstrap.probed(Probe(ANA, 2), False, 12.0)
    assert outbox.told == [JoinFailed((ANA,))]
    bootstrap.probed(Probe(ANA, 2), False, 13.0)  # a refusal that is late
    assert outbox.told == [JoinFailed((ANA,))]
    bootstrap.probed(Probe(ANA, 1), True, 14.0)
    assert entered == [14.0]


def test_many_addresses_are_asked_a_few_at_a_time_and_all_of_them_in_the_end() -> None:
    outbox, entered, bootstrap = started()
    many = [address_of(number) for number in range(PROBES + 3)]
    outbox.asked()
    bootstrap.start(many, 0.0)
    assert [address for _, address in outbox.asked()] == many[:PROBES]
    bootstrap.probed(Probe(many[1], 2), False, 1.0)
    bootstrap.probed(Probe(many[0], 2), True, 2.0)  # it lets us in, and the others are asked all the same
    assert entered == [2.0]
    assert [address for _, address in outbox.asked()] == many[PROBES : PROBES + 2]
    for address in many[2:]:
        bootstrap.probed(Probe(address, 2), False, 3.0)
    assert [address for _, address in outbox.asked()] == many[PROBES + 2 :]
    assert outbox.told == []


def pauses(within_s: float) -> list[float]:
    """How long a peer that nobody answers waits before each try after the first; every try fails at once."""
    outbox = Outbox(own_id=5)
    bootstrap = Bootstrap(outbox.asker, outbox.timers, random.Random(1), lambda now: None, outbox.told.append)
    now, slept = 0.0, list[float]()
    bootstrap.start([ANA], now, within_s)
    while True:
        bootstrap.probed(Probe(ANA, len(slept) + 1), False, now)
        if outbox.told:
            assert outbox.told == [JoinFailed((ANA,))]
            assert (Timer.JOIN, 0) not in outbox.timers._when
            return slept
        at = outbox.timers._when[Timer.JOIN, 0]
        slept.append(at - now)
        assert [timer for timer, _ in outbox.timers.due(at)].count(Timer.JOIN) == 1
        now = at
        bootstrap.again(now)


def test_when_all_fail_they_are_asked_again_after_pauses_that_grow() -> None:
    assert pauses(0.0) == pauses(0.9 * FIRST_PAUSE_S) == []
    slept = pauses(600.0)
    for number, pause_s in enumerate(slept):
        whole_s = min(FIRST_PAUSE_S * 2**number, MAX_PAUSE_S)
        assert whole_s / 2 <= pause_s <= whole_s
    assert slept[-1] > MAX_PAUSE_S / 2
    assert 540.0 <= sum(slept) <= 600.0
    assert len(set(slept)) == len(slept)


def test_a_response_that_comes_in_the_pause_lets_us_in_and_no_further_try_begins() -> None:
    outbox, entered, bootstrap = started()
    bootstrap.start([ANA], 0.0, 60.0)
    bootstrap.probed(Probe(ANA, 2), False, 7.0)
    assert (Timer.JOIN, 0) in outbox.timers._when
    bootstrap.probed(Probe(ANA, 2), True, 7.2)  # it was only late
    assert entered == [7.2]
    assert (Timer.JOIN, 0) not in outbox.timers._when


def test_a_peer_whose_bootstrap_comes_up_later_is_let_in() -> None:
    world, peers = grown(4)
    peers.append(peer(world, 4, random.Random(9)))
    down = world.cut
    world.cut = lambda source, target: address_of(4) in (source, target)
    peers[4].join([address_of(0), address_of(1)], world.now, within_s=60.0)
    world.flush(address_of(4))
    world.run(20.0)
    assert not world.heard(address_of(4), JoinFailed)
    world.cut = down
    world.run(20.0)
    assert len(world.heard(address_of(4), Joined)) == 1
    assert len(peers[4].table) == 4
