"""Doors: which are asked, and when."""

from __future__ import annotations

import math
import random

from p2plib.machine.doors import LONGEST, MAX_LOST, Doors
from p2plib.population.machines import address_of


def test_doors_and_pauses() -> None:
    doors = Doors(random.Random(1), 10.0)
    assert doors.chosen() == []
    doors.given([address_of(1), address_of(2)])
    pauses = [doors.pause_s() for _ in range(12)]
    for i, pause_s in enumerate(pauses):
        whole_s = 10.0 * min(2**i, LONGEST)
        assert whole_s / 2 <= pause_s <= whole_s
    doors.alone()
    assert doors.pause_s() <= 1.0
    for i in range(20):
        doors.silent(address_of(100 + i))
    doors.silent(address_of(105))
    assert len(doors.lost) == MAX_LOST
    assert [*doors.lost][-2:] == [address_of(119), address_of(105)]
    kinds = {tuple(address in doors.lost for address in doors.chosen()) for _ in range(20)}
    assert kinds == {(False, True)}


def test_doors_that_are_never_asked_draw_nothing() -> None:
    rng = random.Random(1)
    assert Doors(rng, math.inf).pause_s() == math.inf
    assert rng.random() == random.Random(1).random()
