"""Which external port a NAT takes."""

from __future__ import annotations

from random import Random

import pytest

from p2plib.errors import UsageError
from p2plib.sim.nat.behaviour import (
    SYMMETRIC,
    Ports,
)
from p2plib.sim.nat.machine import Nat
from tests.sim.nat.world import (
    PUBLIC,
    SYN,
    W,
    X,
    Y,
    nat,
)


@pytest.mark.parametrize("ports", Ports)
@pytest.mark.parametrize("inside_port", [1, 53, 1022, 1023, 1024, 1025, 4000, 65_535])
def test_req_3a_and_4_range_and_parity(ports: Ports, inside_port: int) -> None:
    box = nat(ports=ports)
    for host in range(1, 50):
        port = box.outbound("udp", (f"10.0.0.{host}", inside_port), Y, 0)[1]
        assert (port < 1024) is (inside_port < 1024)
        assert port % 2 == inside_port % 2
        assert 1 <= port <= 65_535


def test_req_3a_and_4_give_way_before_a_packet_is_refused() -> None:
    box = nat(port_range=(1020, 1027))
    given = [box.outbound("udp", (f"10.0.0.{host}", 1024), Y, 0)[1] for host in range(8)]
    assert given == [1024, 1026, 1025, 1027, 1020, 1021, 1022, 1023]
    odd = nat(port_range=(1020, 1027))
    assert [odd.outbound("udp", (f"10.0.0.{host}", 7), Y, 0)[1] for host in range(4)] == [
        1021,
        1023,
        1020,
        1022,
    ]


def test_parity_is_kept_only_if_asked() -> None:
    box = nat(ports=Ports.SEQUENTIAL, keep_parity=False, port_range=(2000, 3000))
    assert [box.outbound("udp", (f"10.0.0.{host}", 4000), Y, 0)[1] for host in range(3)] == [2000, 2001, 2002]


def test_ports_preserving_collisions_and_wrapping() -> None:
    box = nat()
    assert box.outbound("udp", X, Y, 0) == (PUBLIC, 4000)
    assert box.outbound("udp", W, Y, 0) == (PUBLIC, 4002)
    assert box.outbound("tcp", W, Y, 0, SYN) == (PUBLIC, 4000)
    plain = nat(keep_parity=False)
    assert plain.outbound("udp", X, Y, 0) == (PUBLIC, 4000)
    assert plain.outbound("udp", W, Y, 0) == (PUBLIC, 4001)
    top = nat(keep_parity=False)
    assert [top.outbound("udp", (f"10.0.0.{host}", 65_535), Y, 0)[1] for host in range(3)] == [
        65_535,
        1024,
        1025,
    ]


def test_ports_sequential_go_on_from_the_last_one() -> None:
    box = nat(ports=Ports.SEQUENTIAL, port_range=(2000, 2005), keep_parity=False)
    assert [box.outbound("udp", (f"10.0.0.{host}", 4000), Y, host)[1] for host in range(4)] == [
        2000,
        2001,
        2002,
        2003,
    ]
    assert box.outbound("udp", ("10.0.0.9", 4000), Y, 121)[1] == 2004, "not those that have become free"
    assert box.outbound("udp", ("10.0.0.10", 4000), Y, 121)[1] == 2005
    assert box.outbound("udp", ("10.0.0.11", 4000), Y, 121)[1] == 2000


def test_ports_random_are_drawn_from_the_given_source_alone() -> None:
    def ports(seed: int) -> list[int]:
        box = nat(ports=Ports.RANDOM, rng=Random(seed))
        return [box.outbound("udp", (f"10.0.0.{host}", 4000), Y, 0)[1] for host in range(20)]

    assert ports(1) == ports(1) != ports(2)
    assert len(set(ports(1))) == 20
    steps = {later - earlier for earlier, later in zip(ports(1), ports(1)[1:], strict=False)}
    assert len(steps) > 10, "no pattern to guess from"
    with pytest.raises(UsageError, match="needs rng"):
        Nat([PUBLIC], SYMMETRIC)
