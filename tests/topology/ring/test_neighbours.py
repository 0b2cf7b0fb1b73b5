"""Neighbours: which peers they are, and which keys that makes ours."""

from __future__ import annotations

import random

from p2plib.machine.addresses import Contact
from p2plib.population.machines import address_of
from p2plib.topology.ring.core import Core
from p2plib.topology.ring.messages import MAX_OWNERS, MAX_SUCCESSORS
from p2plib.topology.ring.neighbours import Neighbourhood, as_list, from_list
from p2plib.topology.ring.parts import (
    Lost,
    RingSettings,
    Timer,
)

OWN = Contact(100, address_of(0))


def at(*idents: int) -> list[Contact]:
    return [Contact(ident, address_of(ident)) for ident in idents]


def place(r: int = 3) -> tuple[Core, Neighbourhood]:
    core = Core(OWN, random.Random(1), RingSettings(bits=8, r=r))
    return core, Neighbourhood(core)


def test_successors_are_in_order_and_at_most_r() -> None:
    core, neighbours = place()
    neighbours.set_successors(at(110, 200, 5, 50))
    assert neighbours.successors == at(110, 200, 5)
    assert neighbours.first == at(110)[0]
    assert list(core.known) == [contact.address for contact in at(110, 200, 5)]
    neighbours.set_successors(at(110, 105, 120))  # goes back
    assert neighbours.successors == at(110)
    neighbours.set_successors([*at(110), OWN, *at(120)])  # comes round to us
    assert neighbours.successors == at(110)
    twin = Contact(110, address_of(1))
    neighbours.set_successors([*at(110), twin, *at(120)])  # one id, two addresses
    assert neighbours.successors == at(110)
    neighbours.set_successors([])
    assert neighbours.first is None


def test_which_keys_lie_next_to_us() -> None:
    _, neighbours = place()
    assert neighbours.owners(7) == (OWN,)  # a ring of one owns everything
    neighbours.set_successors(at(110, 200))
    neighbours.predecessor = at(90)[0]
    for key in (91, 100):
        assert neighbours.owners(key) == (OWN, *at(110, 200))
    for key in (101, 110):
        assert neighbours.owners(key) == tuple(at(110, 200))
    for key in (90, 111, 255, 0):
        assert neighbours.owners(key) == ()
    assert neighbours.beyond(110) == tuple(at(110, 200))
    assert neighbours.beyond(111) == tuple(at(200))
    assert neighbours.beyond(201) == ()
    neighbours.predecessor = None
    assert neighbours.owners(99) == ()


def test_no_more_are_named_than_a_message_holds() -> None:
    _, neighbours = place(r=MAX_SUCCESSORS)
    neighbours.set_successors(at(*range(101, 101 + MAX_SUCCESSORS)))
    assert len(neighbours.owners(100)) == len(neighbours.owners(101)) == MAX_SUCCESSORS
    assert len(neighbours.beyond(101)) == MAX_OWNERS


def test_the_last_successor_that_dies_takes_the_ring_with_it() -> None:
    core, neighbours = place()
    neighbours.set_successors(at(110, 200))
    neighbours.predecessor = at(200)[0]
    neighbours.drop(at(200)[0], now=5.0)
    assert (neighbours.successors, neighbours.predecessor) == (at(110), None)
    assert (core.timers.first(), core.events()) == (5.0, [])
    neighbours.drop(at(200)[0], now=6.0)  # a stranger by now
    assert core.timers.first() == 5.0
    neighbours.drop(at(110)[0], now=7.0)
    assert core.events() == [Lost()]
    assert [timer for timer, _ in core.timers.due(7.0)] == [Timer.STABILISE, Timer.CHECK]
    assert at(110)[0].address in core.known


def test_a_contact_that_may_be_missing_is_a_list_of_one_or_none() -> None:
    for contact in (None, OWN):
        assert from_list(as_list(contact)) == contact
    assert (as_list(None), as_list(OWN)) == ((), (OWN,))
