"""A NAT's table: its limits, what is refused, and what it shows."""

from __future__ import annotations

import pytest

from p2plib.errors import P2PError, UsageError
from p2plib.sim.nat.behaviour import (
    CARRIER_GRADE,
    PORT_RESTRICTED_CONE,
    Ports,
)
from p2plib.sim.nat.machine import Nat, Refused
from tests.sim.nat.world import (
    APD_FILTER,
    EI_FILTER,
    PUBLIC,
    PUBLIC_2,
    SYN,
    X_OTHER_PORT,
    Y_OTHER_PORT,
    W,
    X,
    Y,
    Z,
    nat,
    passes,
    refusal,
)


def test_a_full_table_refuses_and_forgets_nothing() -> None:
    box = nat(max_mappings=2)
    of_x, of_w = box.outbound("udp", X, Y, 0), box.outbound("udp", W, Y, 60)
    before = box.mappings(60)
    with refusal(box, "NAT table full"):
        box.outbound("udp", X_OTHER_PORT, Y, 61)
    assert box.mappings(61) == before
    assert passes(box, of_x, Y, 61)
    assert passes(box, of_w, Y, 61)
    assert box.outbound("udp", X, Z, 61) == of_x, "a mapping that is there takes further remotes"
    assert box.outbound("udp", W, Y, 62) == of_w
    box.outbound("udp", X_OTHER_PORT, Y, 181)
    assert [line.inside for line in box.mappings(181)] == [W, X_OTHER_PORT]


def test_a_table_full_of_sessions_refuses_further_remotes() -> None:
    box = nat(max_sessions=3)
    for port in (1, 2, 3):
        box.outbound("udp", X, ("203.0.113.1", port), port)
    with refusal(box, "NAT table full"):
        box.outbound("udp", X, ("203.0.113.1", 4), 50)
    with refusal(box, "NAT table full"):
        box.outbound("udp", W, Y, 50)
    assert len(box.mappings(50)) == 1
    box.outbound("udp", X, ("203.0.113.1", 2), 51)
    box.outbound("udp", X, ("203.0.113.1", 4), 121)  # the first one has expired, the second was refreshed
    assert [port for _, port in box.mappings(121)[0].remotes] == [2, 3, 4]
    with refusal(box, "NAT table full"):
        box.outbound("udp", W, Y, 121)


def test_a_session_that_comes_back_takes_its_old_place() -> None:
    box = nat(max_sessions=3)
    for now_s in range(0, 3000, 75):
        box.outbound("udp", X, Z, now_s)
        if now_s % 150 == 0:
            box.outbound("udp", X, Y, now_s)  # dead for 30 seconds by then
    assert box._sessions == 2
    box.outbound("udp", X, Y_OTHER_PORT, 2930)


def test_what_is_refused_uses_no_port_up() -> None:
    box = nat(max_sessions=1, ports=Ports.SEQUENTIAL, port_range=(2000, 3000), keep_parity=False)
    assert box.outbound("udp", X, Y, 0)[1] == 2000
    for now_s in range(5):
        with refusal(box, "NAT table full"):
            box.outbound("udp", W, Y, now_s)
    assert box.outbound("udp", W, Y, 120)[1] == 2001


def test_third_parties_that_are_let_in_take_no_room_unless_they_refresh() -> None:
    box = nat(filtering=EI_FILTER)
    external = box.outbound("udp", X, Y, 0)
    for port in range(1, 100):
        assert passes(box, external, (Z[0], port), 1)
    assert box._sessions == 1
    assert box.mappings(1)[0].remotes == (Y,)


def test_a_mapping_that_expires_gives_its_sessions_back() -> None:
    box = nat(max_sessions=3)
    for start in range(0, 5000, 500):
        for port in (1, 2, 3):
            box.outbound("udp", X, ("203.0.113.1", port), start)


def test_rfc_6888_req_4_a_quota_for_each_subscriber() -> None:
    box = nat(preset=CARRIER_GRADE, ports_per_subscriber=3)
    for port in (1, 2):
        box.outbound("udp", ("100.64.0.1", port), Y, 0)
    box.outbound("tcp", ("100.64.0.1", 1), Y, 99, SYN)
    with refusal(box, "subscriber quota"):
        box.outbound("udp", ("100.64.0.1", 3), Y, 100)
    box.outbound("udp", ("100.64.0.1", 1), Z, 100)  # the same mapping
    assert box.outbound("udp", ("100.64.0.2", 1), Y, 100)[1] >= 1024, "the neighbours do not notice"
    box.outbound("udp", ("100.64.0.1", 3), Y, 300)  # port 2 has expired
    with refusal(box, "subscriber quota"):
        box.outbound("udp", ("100.64.0.1", 4), Y, 300)


@pytest.mark.fault("F086")
def test_a_reboot_forgets_all_and_the_hole_is_punched_anew() -> None:
    box = nat(filtering=APD_FILTER)
    before = box.outbound("udp", X, Y, 0)
    box.reboot()
    with refusal(box, "no mapping"):
        box.inbound("udp", before, Y, 1)
    assert box.mappings(1) == ()
    assert box.outbound("udp", X, Y, 2) == before
    assert passes(box, before, Y, 3)
    box.reboot([PUBLIC_2])
    after = box.outbound("udp", X, Y, 4)
    assert after == (PUBLIC_2, 4000)
    assert not passes(box, before, Y, 5)
    assert passes(box, after, Y, 5)
    assert box.refused["no mapping"] == 2, "what was refused stays counted"


def test_the_table_can_be_read() -> None:
    box = nat()
    box.outbound("udp", X, Y, 0)
    box.outbound("udp", X, Z, 5)
    box.outbound("tcp", W, Y, 6, SYN)
    first, second = box.mappings(7)
    assert (first.kind, first.inside, first.external) == ("udp", X, (PUBLIC, 4000))
    assert (first.remotes, first.expires_s) == ((Y, Z), 125)
    assert (second.kind, second.inside, second.external) == ("tcp", W, (PUBLIC, 4000))
    assert (second.remotes, second.expires_s) == ((Y,), 246)


def test_two_machines_in_a_row_are_carrier_grade_nat() -> None:
    home = nat("100.64.0.7", preset=PORT_RESTRICTED_CONE)
    carrier = nat(preset=CARRIER_GRADE)

    def out(remote: tuple[str, int], now_s: float) -> tuple[str, int]:
        return carrier.outbound("udp", home.outbound("udp", X, remote, now_s), remote, now_s)

    def back(external: tuple[str, int], remote: tuple[str, int], now_s: float) -> tuple[str, int]:
        return home.inbound("udp", carrier.inbound("udp", external, remote, now_s), remote, now_s)

    external = out(Y, 0)
    assert external[0] == PUBLIC
    assert external[1] != 4000
    assert out(Z, 0) == external
    assert back(external, Y, 1) == X
    with refusal(home, "filtered"):  # the carrier lets it in, the home router does not
        back(external, Y_OTHER_PORT, 1)
    with refusal(home, "no mapping"):  # the shorter time-out of the two counts
        back(external, Y, 120)
    assert carrier.mappings(120)[0].inside == ("100.64.0.7", 4000)
    with refusal(carrier, "no mapping"):
        back(external, Y, 300)


def test_external_addresses_that_cannot_be() -> None:
    for external in ([], [PUBLIC, PUBLIC], PUBLIC):
        with pytest.raises(UsageError, match="external IP addresses"):
            Nat(external)
    assert issubclass(Refused, P2PError)
