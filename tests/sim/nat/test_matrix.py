"""Who reaches whom: what `can_connect` predicts against what two machines do, for all 9 x 9 pairs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from random import Random

import pytest

from p2plib.sim.nat.behaviour import (
    FULL_CONE,
    PORT_RESTRICTED_CONE,
    RESTRICTED_CONE,
    SYMMETRIC,
    Filtering,
    Mapping,
    NatBehaviour,
    Ports,
    Way,
    can_connect,
)
from p2plib.sim.nat.machine import Nat, Refused
from p2plib.sim.packet import Address

THIRD_PARTY = ("192.0.2.1", 3478)
ALL = [(mapping, filtering) for mapping in Mapping for filtering in Filtering]


@dataclass
class Side:
    """A host behind a NAT, the address at which the third party saw it, and from where it has heard."""

    nat: Nat
    inside: Address = ("10.0.0.1", 4000)
    heard: list[Address] = field(default_factory=list)
    observed: Address = ("", 0)

    def ask(self) -> None:
        self.observed = self.nat.outbound("udp", self.inside, THIRD_PARTY, 0)
        assert self.nat.inbound("udp", self.observed, THIRD_PARTY, 0) == self.inside

    def send(self, peer: Side, destination: Address) -> None:
        source = self.nat.outbound("udp", self.inside, destination, 1)
        try:
            assert peer.nat.inbound("udp", destination, source, 1) == peer.inside
        except Refused:
            return
        if source not in peer.heard:
            peer.heard.append(source)


def sides(a: NatBehaviour, b: NatBehaviour) -> tuple[Side, Side]:
    pair = Side(Nat(["198.51.100.1"], a, rng=Random(1))), Side(Nat(["198.51.100.2"], b, rng=Random(2)))
    for side in pair:
        side.ask()
    return pair


def calls(a: NatBehaviour, b: NatBehaviour) -> bool:
    """Whether a reaches b though b has sent it nothing, and hears b's answer."""
    caller, callee = sides(a, b)
    caller.send(callee, callee.observed)
    for source in callee.heard:
        callee.send(caller, source)
    return bool(caller.heard)


def punches(a: NatBehaviour, b: NatBehaviour) -> bool:
    """Whether each hears the other when both send to the observed address, and answer whatever they hear."""
    one, other = sides(a, b)
    for _ in range(4):
        for sender, receiver in ((one, other), (other, one)):
            for destination in (receiver.observed, *sender.heard):
                sender.send(receiver, destination)
    return bool(one.heard) and bool(other.heard)


def what_happens(a: NatBehaviour, b: NatBehaviour) -> Way:
    if calls(a, b) or calls(b, a):
        return Way.DIRECT
    return Way.PUNCH if punches(a, b) else Way.RELAY


@pytest.mark.parametrize("ports", Ports)
@pytest.mark.parametrize("b", ALL, ids=lambda pair: f"{pair[0].value}, {pair[1].value} filter")
@pytest.mark.parametrize("a", ALL, ids=lambda pair: f"{pair[0].value}, {pair[1].value} filter")
def test_the_prediction_is_what_happens(
    a: tuple[Mapping, Filtering], b: tuple[Mapping, Filtering], ports: Ports
) -> None:
    left, right = NatBehaviour(*a, ports=ports), NatBehaviour(*b, ports=ports)
    assert can_connect(left, right) is what_happens(left, right)
    assert can_connect(right, left) is can_connect(left, right)


def test_how_many_pairs_there_are_of_each_way() -> None:
    """Counted by hand, in ordered pairs.

    Direct: the one that keeps its address and filters nothing, with all nine (17); the two that filter
    nothing but change their address, among themselves (4) and with the three that filter by IP address (12),
    but not with those that filter by port, who cannot know where the answer will come from. Punch: the two
    that keep their address and filter, among themselves (4), and the one of them that filters by IP address
    with the four that filter and change theirs (8). Relay: the rest.
    """
    ways = Counter(can_connect(NatBehaviour(*a), NatBehaviour(*b)) for a, b in product(ALL, ALL))
    assert ways == {Way.DIRECT: 33, Way.PUNCH: 12, Way.RELAY: 36}


@pytest.mark.fault("F085")
def test_the_old_names() -> None:
    """The table that is in every text on hole punching; symmetric on both sides needs a relay."""
    names = [FULL_CONE, RESTRICTED_CONE, PORT_RESTRICTED_CONE, SYMMETRIC]
    table = [[can_connect(a, b).value for b in names] for a in names]
    assert table == [
        ["direct", "direct", "direct", "direct"],
        ["direct", "punch", "punch", "punch"],
        ["direct", "punch", "punch", "relay"],
        ["direct", "punch", "relay", "relay"],
    ]
    assert [[what_happens(a, b).value for b in names] for a in names] == table


@pytest.mark.fault("F085")
def test_symmetric_on_both_sides_never_meets_however_often_it_tries() -> None:
    one, other = sides(SYMMETRIC, SYMMETRIC)
    for _ in range(50):
        one.send(other, other.observed)
        other.send(one, one.observed)
    assert one.heard == other.heard == []
    assert one.nat.refused == other.nat.refused == {"filtered": 50}


def test_two_carriers_above_two_home_routers_are_as_good_as_the_worse_level() -> None:
    """Four machines: the home router's filter and the carrier's both have to be open."""
    home = [Nat([f"100.64.0.{n}"], PORT_RESTRICTED_CONE) for n in (1, 2)]
    carrier = [Nat([f"198.51.100.{n}"], FULL_CONE) for n in (1, 2)]
    inside = ("10.0.0.1", 4000)

    def out(n: int, remote: Address) -> Address:
        return carrier[n].outbound("udp", home[n].outbound("udp", inside, remote, 0), remote, 0)

    def arrives(n: int, external: Address, remote: Address) -> bool:
        try:
            return home[n].inbound("udp", carrier[n].inbound("udp", external, remote, 0), remote, 0) == inside
        except Refused:
            return False

    observed = [out(n, THIRD_PARTY) for n in (0, 1)]
    assert not arrives(1, observed[1], out(0, observed[1]))
    assert arrives(0, observed[0], out(1, observed[0]))
    assert arrives(1, observed[1], out(0, observed[1]))
