"""Fingers: which are looked up, and which are kept."""

from __future__ import annotations

import random

from p2plib.machine.addresses import Contact
from p2plib.population.machines import address_of
from p2plib.topology.ring.core import Core
from p2plib.topology.ring.fingers import Fingers
from p2plib.topology.ring.neighbours import Neighbourhood
from p2plib.topology.ring.parts import RingSettings

OWN = Contact(10, address_of(0))


def at(ident: int) -> Contact:
    return Contact(ident, address_of(ident))


def fingers() -> tuple[Core, Neighbourhood, Fingers]:
    core = Core(OWN, random.Random(1), RingSettings(bits=6, r=3))
    neighbours = Neighbourhood(core)
    return core, neighbours, Fingers(core, neighbours)


def test_only_those_beyond_the_first_successor_are_looked_up_and_the_farthest_first() -> None:
    _, neighbours, table = fingers()
    assert list(table.to_look_up()) == []  # alone
    neighbours.set_successors([at(15)])
    assert list(table.to_look_up()) == [(5, 42), (4, 26), (3, 18)]
    neighbours.set_successors([at(14)])
    assert list(table.to_look_up()) == [
        (5, 42),
        (4, 26),
        (3, 18),
    ]  # the successor owns 14, finger 2's key
    neighbours.set_successors([at(13)])
    assert list(table.to_look_up()) == [(5, 42), (4, 26), (3, 18), (2, 14)]


def test_a_finger_that_became_the_successor_is_forgotten_when_its_turn_comes() -> None:
    """Not before: the searches for the farther ones still go through it."""
    _, neighbours, table = fingers()
    neighbours.set_successors([at(20)])
    table.table = {4: at(40), 3: at(20), 0: at(11)}
    turns = table.to_look_up()
    assert next(turns) == (5, 42)
    assert next(turns) == (4, 26)
    assert set(table.table) == {4, 3, 0}
    assert list(turns) == []
    assert set(table.table) == {4}


def test_what_was_found_is_kept_and_remembered_and_we_are_no_finger_of_ours() -> None:
    core, _, table = fingers()
    table.found(5, at(50))
    table.found(4, at(50))
    assert table.table == {5: at(50), 4: at(50)}
    assert at(50).address in core.known
    table.found(4, OWN)
    assert table.table == {5: at(50)}
    table.found(3, OWN)
    table.drop(at(50))
    table.drop(at(51))
    assert table.table == {}
