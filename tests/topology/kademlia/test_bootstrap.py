"""Getting in: through nobody, through a peer that refuses, and once only."""

from __future__ import annotations

import random

import pytest

from p2plib.errors import UsageError
from p2plib.topology.kademlia.parts import (
    GetDone,
    JoinFailed,
)
from tests.topology.kademlia.network import call, peer
from tests.topology.net import Net, address_of


def test_joining_through_nobody_says_so() -> None:
    world, rng = Net(), random.Random(1)
    lonely = peer(world, 0, rng)
    lonely.join([("192.0.2.1", 1), ("192.0.2.2", 1)], 0.0)
    world.flush(address_of(0))
    world.run(30.0)
    assert world.events(address_of(0), JoinFailed) == [JoinFailed((("192.0.2.1", 1), ("192.0.2.2", 1)))]
    with pytest.raises(UsageError, match="at least one address"):
        lonely.join([], 0.0)
    call(world, [lonely], 0, "get", 5)
    assert world.events(address_of(0), GetDone)[0].queries == 0
