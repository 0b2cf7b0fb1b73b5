"""Searches: how they end when peers are dead."""

from __future__ import annotations

import random

from p2plib.machine.addresses import Contact
from p2plib.population.machines import address_of
from p2plib.topology.ring import messages as wire
from p2plib.topology.ring.core import Core
from p2plib.topology.ring.fingers import Fingers
from p2plib.topology.ring.neighbours import Neighbourhood
from p2plib.topology.ring.parts import (
    FindDone,
    FindFailed,
    IdTaken,
    Probe,
    RingSettings,
)
from p2plib.topology.ring.searches import Found, GaveUp, Outcome, Searches, SearchKind, Taken
from tests.topology.ring.network import founded


def test_a_search_that_nobody_answers_says_so() -> None:
    world, peers = founded([10, 20, 30, 40, 50, 60], settings=RingSettings(bits=8, r=1))
    world.run(5.0)
    for number in range(1, 6):
        world.crash(address_of(number))
    number = peers[0].find(45, world.now)
    world.flush(address_of(0))
    world.run(30.0)
    assert [e.number for e in world.heard(address_of(0), FindFailed)] == [number]


def test_where_all_before_the_key_are_dead_the_successors_beyond_it_own_it() -> None:
    """The last living peer before the key does not know yet that its next successors are dead."""
    world, peers = founded([10, 20, 30, 40, 50, 60], settings=RingSettings(bits=8, r=4))
    world.run(35.0)
    for number in (2, 3):
        world.crash(address_of(number))
    number = peers[5].find(45, world.now)
    world.flush(address_of(5))
    world.run(20.0)
    (done,) = [e for e in world.heard(address_of(5), FindDone) if e.number == number]
    assert [owner.id for owner in done.owners][:2] == [50, 60]
    assert done.timeouts == 2


def own_searches() -> tuple[Core, Neighbourhood, Searches, list[Outcome]]:
    """The searches of one peer, and what they told of their ends."""
    core = Core(Contact(10, address_of(10)), random.Random(1), RingSettings(bits=8, r=3))
    neighbours, ended = Neighbourhood(core), list[Outcome]()
    searches = Searches(core, neighbours, None, lambda outcome, now: ended.append(outcome))
    return core, neighbours, searches, ended


def test_a_search_for_a_key_next_to_us_asks_nobody() -> None:
    core, neighbours, searches, ended = own_searches()
    neighbours.set_successors([Contact(50, address_of(50))])
    assert searches.start(SearchKind.FIND, 40, 0.0) == 1
    (found,) = ended
    assert isinstance(found, Found)
    assert (found.search.kind, found.owners) == (SearchKind.FIND, (Contact(50, address_of(50)),))
    assert found.by == core.own
    assert core.to_send() == []


def test_a_search_at_addresses_tries_one_after_the_other_and_gives_up() -> None:
    core, _, searches, ended = own_searches()
    searches.start_at([address_of(1), address_of(2)], SearchKind.JOIN, 10, 0.0)
    (asked,) = {address for _, address in core.to_send()}
    assert asked == address_of(1)
    searches.not_answered(Probe(1), 1.0)
    (asked,) = {address for _, address in core.to_send()}
    assert asked == address_of(2)
    assert not ended
    searches.not_answered(Probe(1), 2.0)
    assert [type(outcome) for outcome in ended] == [GaveUp]
    searches.not_answered(Probe(1), 3.0)  # it is over
    searches.answered(1, Contact(2, address_of(2)), wire.Owner(1, 2, (core.own,)), 3.0)
    assert len(ended) == 1


def test_what_a_step_is_answered_with() -> None:
    core, neighbours, searches, ended = own_searches()
    near, far, owner = (Contact(i, address_of(i)) for i in (20, 80, 120))
    neighbours.set_successors([near])
    number = searches.start(SearchKind.FIND, 100, 0.0)
    searches.answered(number, near, wire.Nearer(1, 20, (far,), ()), 0.1)
    assert [address for _, address in core.to_send()] == [near.address, far.address]
    searches.answered(number, far, wire.Owner(1, 80, (owner,)), 0.2)
    (found,) = ended
    assert isinstance(found, Found)
    assert (found.owners, found.by, found.search.walk.hops) == ((owner,), far, 2)
    number = searches.start(SearchKind.FIND, 100, 1.0)
    searches.answered(number, near, wire.Refused(1, 20, b"not a member"), 1.1)  # and nobody else is known
    assert core.ignored == {"useless response": 1}
    assert [type(outcome) for outcome in ended] == [Found, GaveUp]
    number = searches.start(SearchKind.JOIN, 100, 2.0)
    searches.answered(number, near, wire.Refused(1, 20, wire.ID_TAKEN), 2.1)
    assert isinstance(ended[-1], Taken)
    assert ended[-1].address == near.address
    searches.answered(number, near, wire.Owner(1, 20, (owner,)), 2.2)  # it is over
    assert len(ended) == 3
    assert core.events() == []  # a join may be tried again, and its owner is told by the machine


def test_a_liar_that_calls_our_id_taken_does_not_end_a_search_for_a_key() -> None:
    core, neighbours, searches, ended = own_searches()
    near, next_one = Contact(20, address_of(20)), Contact(30, address_of(30))
    neighbours.set_successors([near, next_one])
    number = searches.start(SearchKind.FIND, 100, 0.0)
    asked = next_one  # the nearest before the key
    searches.answered(number, asked, wire.Refused(1, 30, wire.ID_TAKEN), 0.1)
    assert core.events() == [IdTaken(asked.address)]
    assert not ended
    searches.answered(number, near, wire.Owner(1, 20, (next_one,)), 0.2)
    assert [type(outcome) for outcome in ended] == [Found]


def test_of_two_links_with_one_id_the_first_is_named_first_whatever_the_hash_seed() -> None:
    """A set would put them in the order of their hashes, which differs from one run of Python to the next."""
    core, neighbours, _, _ = own_searches()
    twins = [Contact(50, (f"192.0.2.{i}", 4000)) for i in range(1, 9)]
    neighbours.successors = twins
    searches = Searches(core, neighbours, Fingers(core, neighbours), lambda outcome, now: None)
    assert list(searches.preceding(100)) == twins
