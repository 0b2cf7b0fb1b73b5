"""A walk: it only comes nearer, and it ends."""

from __future__ import annotations

import pytest

from p2plib.machine.addresses import Contact
from p2plib.population.machines import address_of
from p2plib.topology.ring.walk import Walk


@pytest.mark.fault("F075")
def test_a_walk_only_comes_nearer() -> None:
    walk = Walk(key=100, size=256, max_steps=10)
    walk.name([Contact(10, address_of(1))])
    first = walk.next()
    assert first is not None
    walk.name(
        [Contact(5, address_of(2)), Contact(101, address_of(3)), Contact(100, address_of(5))], by=first.id
    )
    assert walk.next() is None  # behind who named it, past the key, and the key itself
    walk.name([Contact(50, address_of(4)), Contact(40, address_of(6))], by=first.id)
    assert [member.id for member in (walk.next(), walk.next()) if member] == [50, 40]
    for i in range(20):
        walk.name([Contact(60 + i, address_of(10 + i))], by=50)
    asked = 3
    while walk.next():
        asked += 1
    assert asked == 10
