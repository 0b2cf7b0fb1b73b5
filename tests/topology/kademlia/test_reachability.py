"""Whether strangers reach a peer: what shows it, what a test of it asks, and what peers do for each other."""

from __future__ import annotations

import random

import pytest

from p2plib.machine.addresses import Address, Contact
from p2plib.population.machines import address_of
from p2plib.topology.kademlia import messages as wire
from p2plib.topology.kademlia.asking import Check, PassOn, Reach
from p2plib.topology.kademlia.checks import MAX_CHECKS, Checks
from p2plib.topology.kademlia.parts import Timer
from p2plib.topology.kademlia.reachability import (
    DIAL_BACKS,
    KEEP_OPEN_S,
    MAX_PASSED_ON,
    TEST_S,
    VOTE_S,
    VOTERS,
    Reachability,
)
from p2plib.topology.kademlia.table import RoutingTable
from tests.topology.kademlia.network import Outbox

pytestmark = pytest.mark.finding("T6")

STRANGER = ("203.0.113.9", 4000)
OWN = ("192.168.0.2", 5000)
OUTER = ("198.51.100.1", 5000)


def contact(ident: int) -> Contact:
    return Contact(ident, address_of(ident))


class Testing:
    """A peer with the id 0 that knows as many others as wished: 1, 2, 3 and so on."""

    __test__ = False

    def __init__(self, known: int = 4, own: Address | None = OWN) -> None:
        self.outbox, self.decided = Outbox(), list[tuple[bool | None, float]]()
        self.table = RoutingTable(0, bits=8)
        for ident in range(1, known + 1):
            self.table.answered(contact(ident), 0.0)
        asker, timers = self.outbox.asker, self.outbox.timers
        checks = Checks(self.table, asker, 900.0, self.outbox.told.append, lambda reason: None)
        self.reach = Reachability(
            self.table, asker, checks, timers, random.Random(1), own, lambda *what: self.decided.append(what)
        )

    def tested(self, passed_on: int = DIAL_BACKS, now: float = 0.0) -> None:
        """A test begins, and so many of those that are asked say that they have passed the wish on."""
        self.reach.test(now)
        for number, purpose in enumerate(self.outbox.awaited()[-DIAL_BACKS:]):
            assert isinstance(purpose, Reach)
            self.reach.passed_on(purpose, number < passed_on)

    def ends(self, now: float = TEST_S) -> list[tuple[bool | None, float]]:
        """What was decided by the time that the test is over."""
        for timer, about in self.outbox.timers.due(now):
            if timer is Timer.REACH:
                self.reach.over(about, now)
        return self.decided


def test_the_outer_address_is_what_most_networks_say() -> None:
    reach = Testing().reach
    assert reach.outer is None
    reach.told(OUTER, address_of(1), 0.0)
    assert reach.outer == OUTER
    for port in range(20):  # a liar with a whole network has one vote
        reach.told(("192.0.2.6", 4000 + port), ("203.0.113.7", 4000 + port), 0.0)
    assert reach.outer is None
    reach.told(OUTER, address_of(2), 0.0)
    assert reach.outer == OUTER


def test_behind_a_nat_with_a_port_for_everybody_there_is_no_outer_address() -> None:
    reach = Testing().reach
    for number in range(VOTERS):
        reach.told((OUTER[0], 5000 + number), address_of(number), 0.0)
    assert reach.outer is None


def test_an_address_that_changes_is_believed_after_a_while() -> None:
    reach, moved = Testing().reach, ("198.51.100.2", 5000)
    for number in range(VOTERS):
        reach.told(OUTER, address_of(number), 0.0)
    for number in range(100):
        reach.told(moved, address_of(100 + number), 0.5 * VOTE_S)  # all at once: one vote a second
    assert reach.outer == OUTER
    for number in range(VOTERS):
        reach.told(moved, address_of(100 + number), (1 + number) * VOTE_S)
    assert reach.outer == moved


def test_a_request_of_a_stranger_shows_that_strangers_reach_us() -> None:
    testing = Testing()
    testing.reach.requested(STRANGER, 5.0)
    testing.reach.requested(STRANGER, 6.0)
    assert testing.decided == [(True, 5.0)]
    assert (testing.reach.is_reachable, testing.reach.reached) == (True, 6.0)


def test_a_request_of_a_host_that_was_asked_shows_nothing_until_nats_have_forgotten() -> None:
    testing = Testing()
    testing.outbox.asker.ask(wire.Ping(1, 0), STRANGER, Check(contact(9)), 0.0)
    testing.reach.requested((STRANGER[0], 4999), 599.0)  # another port of it: some NATs let in all
    assert (testing.decided, testing.reach.is_reachable) == ([], None)
    testing.reach.requested(STRANGER, 600.0)
    assert testing.reach.is_reachable


def test_a_test_asks_contacts_for_dial_backs_and_a_stranger_ends_it() -> None:
    testing = Testing()
    testing.outbox.asker.is_client = 1
    testing.tested()
    asked = testing.outbox.asked()
    assert len({address for _, address in asked}) == len(asked) == DIAL_BACKS
    assert all(isinstance(message, wire.DialBack) and message.is_client for message, _ in asked)
    testing.reach.requested(STRANGER, 1.0)
    assert testing.ends() == [(True, 1.0)]


@pytest.mark.parametrize("passed_on", [0, 1, DIAL_BACKS])
@pytest.mark.parametrize("friends", [0, 1])
def test_when_nobody_comes_it_is_not_reached_if_somebody_was_sent_who_had_not_been_asked(
    passed_on: int, friends: int
) -> None:
    testing = Testing()
    testing.tested(passed_on)
    for _ in range(friends):
        testing.reach.requested(testing.outbox.asked()[0][1], 1.0)
    verdict = False if passed_on and not friends else None
    assert testing.ends(TEST_S - 0.1) == []
    assert testing.ends() == [(verdict, TEST_S)]
    assert testing.reach.is_reachable is verdict
    assert testing.ends(100.0) == [(verdict, TEST_S)]


def test_a_server_that_is_tested_again_may_turn_out_to_be_reached_no_more() -> None:
    testing = Testing()
    testing.reach.requested(STRANGER, 1.0)
    testing.tested(now=10.0)
    testing.reach.requested(STRANGER, 11.0)
    assert testing.ends(20.0) == [(True, 1.0), (True, 11.0)]
    testing.tested(now=30.0)
    assert testing.ends(30.0 + TEST_S)[2:] == [(False, 30.0 + TEST_S)]
    assert not testing.reach.is_reachable


@pytest.mark.parametrize(
    ("own", "outer", "is_kept_open"), [(OWN, OUTER, True), (OWN, OWN, False), (None, OUTER, False)]
)
def test_behind_a_nat_something_is_said_before_it_forgets(
    own: Address | None, outer: Address, is_kept_open: bool
) -> None:
    testing = Testing(own=own)
    testing.reach.told(outer, address_of(1), 0.0)
    testing.reach.requested(STRANGER, 0.0)
    for number in range(1, 4):
        due = [timer for timer, _ in testing.outbox.timers.due(number * KEEP_OPEN_S)]
        if Timer.KEEP_OPEN in due:
            testing.reach.keep_open(number * KEEP_OPEN_S)
        asked = [type(message) for message, _ in testing.outbox.asked()]
        assert asked == ([wire.Ping] if is_kept_open else [])


def test_a_nat_is_kept_open_though_voters_do_not_agree_for_a_while() -> None:
    testing = Testing()
    testing.reach.requested(STRANGER, 0.0)
    testing.reach.told(OUTER, address_of(1), 0.0)
    testing.reach.told(OWN, address_of(2), 0.0)  # a liar
    for number in range(1, 4):
        assert Timer.KEEP_OPEN in [timer for timer, _ in testing.outbox.timers.due(number * KEEP_OPEN_S)]
        testing.reach.keep_open(number * KEEP_OPEN_S)
        assert [type(message) for message, _ in testing.outbox.asked()] == [wire.Ping]
        testing.reach.told(OUTER, address_of(2 + number), number * KEEP_OPEN_S)


@pytest.mark.parametrize("is_told_first", [False, True])
def test_a_neighbour_behind_our_nat_shows_nothing_once_our_outer_address_is_known(
    is_told_first: bool,
) -> None:
    testing, neighbour = Testing(), ("192.168.0.3", 4000)
    if is_told_first:
        testing.reach.told(OUTER, address_of(1), 0.0)
        testing.reach.requested(neighbour, 1.0)
        assert testing.decided == []
    else:
        testing.reach.requested(neighbour, 1.0)
        assert testing.decided == [(True, 1.0)]  # in a network of our site alone it is so
        testing.reach.told((OWN[0], 5001), neighbour, 2.0)
        assert testing.reach.is_reachable
        testing.reach.told(OUTER, address_of(1), 3.0)
        testing.reach.told(OUTER, address_of(2), 3.0)
        assert testing.outbox.timers.first() == 3.0  # it is to be tested
    assert testing.reach.is_reachable is None
    testing.reach.requested(STRANGER, 4.0)
    assert testing.reach.is_reachable


def test_with_one_contact_it_is_asked_for_all_and_with_none_the_test_says_nothing() -> None:
    alone, testing = Testing(0), Testing(1)
    testing.tested()
    assert [address for _, address in testing.outbox.asked()] == [address_of(1)] * DIAL_BACKS
    alone.reach.test(1.0)
    assert alone.outbox.asked() == []
    assert alone.ends(1.0) == [(None, 1.0)]


def test_a_wish_is_passed_on_to_a_contact_in_another_network() -> None:
    testing, asks = Testing(2), Contact(77, (address_of(1)[0], 4999))
    assert testing.reach.pass_on(asks, 0.0)
    ((message, address),) = testing.outbox.asked()
    assert (message.contact, address) == (asks, address_of(2))
    assert testing.outbox.awaited() == [PassOn(contact(2), message.transaction)]
    assert not Testing(0).reach.pass_on(asks, 0.0)
    assert not Testing(1).reach.pass_on(asks, 0.0)


def test_a_flood_of_wishes_is_passed_on_a_little_only() -> None:
    testing = Testing()
    done = [testing.reach.pass_on(contact(100 + number), 0.0) for number in range(50)]
    assert done == [True] * MAX_PASSED_ON + [False] * (50 - MAX_PASSED_ON)
    testing.reach.was_passed_on(testing.outbox.awaited()[0])
    testing.reach.was_passed_on(testing.outbox.awaited()[0])  # its response was late
    assert testing.reach.pass_on(contact(90), 0.0)
    assert not testing.reach.pass_on(contact(91), 0.0)


@pytest.mark.finding("T8")
def test_only_a_contact_of_ours_has_us_ask_another_and_only_where_a_peer_can_be() -> None:
    testing, victim = Testing(), Contact(77, STRANGER)
    dial_back = testing.reach.dial_back
    assert not dial_back(victim, contact(99), 0.0)
    assert not dial_back(victim, Contact(1, address_of(99)), 0.0)
    assert not dial_back(Contact(77, (STRANGER[0], 53)), contact(1), 0.0)
    assert not dial_back(Contact(77, ("127.0.0.1", 4000)), contact(1), 0.0)
    assert testing.outbox.asked() == []
    assert dial_back(victim, contact(1), 0.0)
    assert not dial_back(victim, contact(2), 0.0)  # it has not answered yet
    ((message, address),) = testing.outbox.asked()
    assert (type(message), address) == (wire.Ping, STRANGER)
    for number in range(300):
        dial_back(Contact(100 + number, address_of(100 + number)), contact(1), 0.0)
    assert len(testing.outbox.asked()) == MAX_CHECKS - 1
