"""Searches among machines: values that change, and what is of no use."""

from __future__ import annotations

from p2plib.topology.kademlia.parts import (
    GetDone,
    PutDone,
    Settings,
)
from p2plib.topology.kademlia.store import Validator
from tests.topology.kademlia.network import grown, outcome_of


def test_a_rule_of_ones_own_lets_values_change() -> None:
    """The better of two values wins everywhere, whoever has the older one."""
    newer = Validator(valid=lambda key, value, bits: len(value) > 1, better=lambda new, old: new[0] > old[0])
    world, peers = grown(20, Settings(k=4, validator=newer), seed=10)
    outcome_of(world, peers, 0, PutDone, "put", 7, b"1 old")
    outcome_of(world, peers, 3, PutDone, "put", 7, b"2 new")
    outcome_of(world, peers, 5, PutDone, "put", 7, b"1 replayed")
    holders = [p for p in peers if 7 in p.values]
    holders[0].values._kept[7].data = b"1 old"
    asking = next(i for i, p in enumerate(peers) if 7 not in p.values)
    for number in (asking, peers.index(holders[0])):  # and whoever keeps the older one asks the others, too
        done = outcome_of(world, peers, number, GetDone, "get", 7)
        assert isinstance(done, GetDone)
        assert done.value == b"2 new"
