"""The NAT machine and TCP: RFC 5382, requirement by requirement, and the three phases of a session.

Not testable here: REQ-6 (no application gateways) and REQ-9, REQ-10 (no ICMP). REQ-4's ICMP answer after six
seconds is one that this machine never gives, as REQ-4a allows.
"""

from __future__ import annotations

import pytest

from p2plib.sim.nat.behaviour import CARRIER_GRADE, PORT_RESTRICTED_CONE, Filtering, Mapping, NatBehaviour
from p2plib.sim.nat.machine import Nat
from p2plib.sim.packet import Address, Flag
from tests.sim.nat.world import (
    AD_MAP,
    APD_FILTER,
    APD_MAP,
    EI_FILTER,
    EI_MAP,
    PUBLIC,
    SYN,
    Y_OTHER_PORT,
    W,
    X,
    Y,
    Z,
    nat,
    refusal,
)

ACK, FIN, RST = Flag.ACK, Flag.FIN, Flag.RST
IN, OUT = "in", "out"


def exchange(box: Nat, *steps: tuple[float, str, Flag]) -> Address:
    """Passes segments between X and Y through the NAT, each at its time; returns the external address."""
    external = (PUBLIC, 4000)
    for now_s, direction, flags in steps:
        if direction == OUT:
            external = box.outbound("tcp", X, Y, now_s, flags)
        else:
            assert box.inbound("tcp", external, Y, now_s, flags) == X
    return external


def ends(box: Nat) -> float:
    """When the only mapping of this NAT expires."""
    return box.mappings(0)[0].expires_s


HANDSHAKE = ((0.0, OUT, SYN), (0.1, IN, SYN | ACK), (0.2, OUT, ACK))


@pytest.mark.parametrize(
    ("steps", "expires_s"),
    [
        (HANDSHAKE[:1], 240),
        (HANDSHAKE[:2], 0.1 + 7440),
        (HANDSHAKE, 0.2 + 7440),
        ((*HANDSHAKE, (50, IN, ACK)), 50 + 7440),  # inbound counts too: idle is idle on both sides
        ((*HANDSHAKE, (50, OUT, FIN | ACK)), 50 + 7440),  # half closed is still open
        ((*HANDSHAKE, (50, OUT, FIN | ACK), (60, OUT, FIN | ACK)), 60 + 7440),
        ((*HANDSHAKE, (50, OUT, FIN | ACK), (99, IN, FIN | ACK)), 99 + 240),
        ((*HANDSHAKE, (50, IN, FIN | ACK), (99, OUT, FIN | ACK)), 99 + 240),
        ((*HANDSHAKE, (50, OUT, FIN | ACK), (99, IN, FIN | ACK), (100, OUT, ACK)), 99 + 240),
        ((*HANDSHAKE, (50, OUT, FIN | ACK), (99, IN, FIN | ACK), (100, IN, RST)), 99 + 240),
        ((*HANDSHAKE, (70, IN, RST)), 70 + 240),
        ((*HANDSHAKE, (70, OUT, RST | ACK)), 70 + 240),
        ((*HANDSHAKE, (70, IN, RST), (80, OUT, ACK)), 80 + 7440),  # the RST was forged
        ((*HANDSHAKE, (50, OUT, FIN), (99, IN, FIN), (110, OUT, SYN)), 110 + 240),  # the ports again
        ((*HANDSHAKE, (50, OUT, FIN), (99, IN, FIN), (110, OUT, SYN), (111, IN, SYN | ACK)), 111 + 7440),
        (((0, OUT, SYN), (3, OUT, SYN)), 3 + 240),  # nobody answers
        (((0, OUT, SYN), (1, IN, RST | ACK)), 1 + 240),  # nobody listens
        (((0, OUT, SYN), (1, IN, SYN)), 1 + 7440),  # simultaneous open
        (((0, OUT, SYN), (5, IN, ACK)), 5 + 240),  # a stray segment opens nothing
    ],
)
def test_req_5_time_outs_by_phase(steps: tuple[tuple[float, str, Flag], ...], expires_s: float) -> None:
    box = nat(filtering=APD_FILTER)
    external = exchange(box, *steps)
    assert ends(box) == expires_s
    assert box.inbound("tcp", external, Y, expires_s - 0.001) == X
    gone = nat(filtering=APD_FILTER)
    exchange(gone, *steps)
    with refusal(gone, "no mapping"):
        gone.inbound("tcp", external, Y, expires_s)


def test_req_5_the_defaults_and_others() -> None:
    assert (NatBehaviour().tcp_established_s, NatBehaviour().tcp_transitory_s) == (7440, 240)
    box = nat(tcp_established_s=300, tcp_transitory_s=20)
    exchange(box, HANDSHAKE[0])
    assert ends(box) == 20
    exchange(box, *HANDSHAKE)
    assert ends(box) == 300.2


@pytest.mark.parametrize(
    ("mapping", "second", "same"),
    [
        (EI_MAP, Z, True),
        (AD_MAP, Y_OTHER_PORT, True),
        (AD_MAP, Z, False),
        (APD_MAP, Y, True),
        (APD_MAP, Y_OTHER_PORT, False),
    ],
)
def test_req_1_mapping(mapping: Mapping, second: Address, same: bool) -> None:
    box = nat(mapping=mapping)
    first = box.outbound("tcp", X, Y, 0, SYN)
    assert (box.outbound("tcp", X, second, 1, SYN) == first) is same


@pytest.mark.parametrize("mapping", Mapping)
def test_req_2_a_connection_from_outside_where_the_filter_permits_it(mapping: Mapping) -> None:
    box = nat(mapping=mapping, filtering=EI_FILTER)
    external = box.outbound("tcp", X, Y, 0, SYN)
    assert box.inbound("tcp", external, Z, 1, SYN) == X
    assert box.outbound("tcp", X, Z, 1.1, SYN | ACK) == external, "answered from where it came in"
    assert box.inbound("tcp", external, Z, 1.2, ACK) == X
    assert box.outbound("tcp", X, Z, 5000, ACK) == external, "and it is established"
    assert {line.external for line in box.mappings(5000)} == {external}


@pytest.mark.parametrize("mapping", [AD_MAP, APD_MAP])
def test_req_2_when_a_connection_that_came_in_is_over_rule_1_holds_again(mapping: Mapping) -> None:
    box = nat(mapping=mapping, filtering=EI_FILTER)
    external = exchange(box, *HANDSHAKE)
    box.inbound("tcp", external, Z, 1, SYN)
    with refusal(box, "no connection"):
        box.outbound("tcp", X, Z, 241, ACK)
    assert box.outbound("tcp", X, Z, 242, SYN) != external


def test_req_2_two_connections_from_one_third_party_are_kept_apart() -> None:
    box = nat(mapping=AD_MAP, filtering=EI_FILTER)
    external = exchange(box, *HANDSHAKE)
    box.inbound("tcp", external, Z, 1, SYN)
    other = box.outbound("tcp", X, (Z[0], 99), 2, SYN)
    assert other != external
    assert box.outbound("tcp", X, Z, 3, SYN | ACK) == external
    assert box.outbound("tcp", X, (Z[0], 99), 4, ACK) == other


def test_req_2_a_caller_at_two_mappings_is_answered_from_the_later() -> None:
    box = nat(mapping=APD_MAP, filtering=EI_FILTER)
    first = exchange(box, *HANDSHAKE)
    second = box.outbound("tcp", X, Y_OTHER_PORT, 100, SYN)
    box.inbound("tcp", first, Z, 1, SYN)
    box.inbound("tcp", second, Z, 101, SYN)
    assert len(box.mappings(250)) == 2  # what came in at the first is over
    assert box.outbound("tcp", X, Z, 251, SYN | ACK) == second


def test_a_stray_segment_from_a_third_party_makes_no_session() -> None:
    box = nat(filtering=EI_FILTER)
    external = exchange(box, *HANDSHAKE)
    for flags in (ACK, RST, FIN | ACK):
        assert box.inbound("tcp", external, Z, 1, flags) == X
    assert box.mappings(1)[0].remotes == (Y,)


def test_a_mapping_lives_as_long_as_its_longest_session() -> None:
    box = nat()
    external = exchange(box, *HANDSHAKE)
    box.outbound("tcp", X, Z, 10, SYN)
    box.inbound("tcp", external, Z, 10, SYN | ACK)
    assert ends(box) == 10 + 7440
    box.inbound("tcp", external, Z, 20, RST)
    assert ends(box) == 0.2 + 7440
    assert box.inbound("tcp", external, Y, 7000, ACK) == X


def test_memory_of_connections_that_came_in_is_given_back() -> None:
    box = nat(mapping=APD_MAP, filtering=EI_FILTER, max_sessions=10)
    external = exchange(box, *HANDSHAKE)
    for start in range(0, 7000, 300):
        for port in range(1, 10):
            box.inbound("tcp", external, (Z[0], start + port), start, SYN)
    with refusal(box, "NAT table full"):
        box.inbound("tcp", external, (Z[0], 9), 6900, SYN)
    assert len(box._came_in) <= 10
    assert len(box.mappings(7200)[0].remotes) == 1
    assert [list(entry.sessions) for entry in box._by_external.values()] == [[Y[0]]]
    assert box._came_in == {}
    box.inbound("tcp", external, Z, 7210, SYN)
    assert box.mappings(20_000) == ()
    assert box._came_in == {}


@pytest.mark.parametrize("direction", [IN, OUT])
def test_req_2_simultaneous_open(direction: str) -> None:
    """Both send a SYN; one is dropped at a NAT that has not yet seen its own side's, and that is enough."""
    a, b = nat("198.51.100.1", filtering=APD_FILTER), nat("198.51.100.2", filtering=APD_FILTER)
    of_a, of_b = a.outbound("tcp", X, Z, 0, SYN), b.outbound("tcp", W, Z, 0, SYN)
    if direction == IN:
        a, b, of_a, of_b = b, a, of_b, of_a
    inside_a, inside_b = a.mappings(0)[0].inside, b.mappings(0)[0].inside
    assert a.outbound("tcp", inside_a, of_b, 1, SYN) == of_a
    with refusal(b, "filtered"):
        b.inbound("tcp", of_b, of_a, 1.05, SYN)
    assert b.outbound("tcp", inside_b, of_a, 1.06, SYN) == of_b
    assert a.inbound("tcp", of_a, of_b, 1.1, SYN) == inside_a
    assert a.outbound("tcp", inside_a, of_b, 1.11, SYN | ACK) == of_a
    assert b.inbound("tcp", of_b, of_a, 1.15, SYN | ACK) == inside_b
    assert [line.expires_s for line in (a.mappings(1.2)[0], b.mappings(1.2)[0])] == [1.11 + 7440, 1.15 + 7440]


@pytest.mark.parametrize("filtering", Filtering)
def test_req_3_filtering(filtering: Filtering) -> None:
    box = nat(filtering=filtering)
    external = exchange(box, *HANDSHAKE)
    admitted = {EI_FILTER: [Y_OTHER_PORT, Z], APD_FILTER: []}.get(filtering, [Y_OTHER_PORT])
    for remote in (Y_OTHER_PORT, Z):
        if remote in admitted:
            assert box.inbound("tcp", external, remote, 1, SYN) == X
        else:
            with refusal(box, "filtered"):
                box.inbound("tcp", external, remote, 1, SYN)


def test_req_4_an_unsolicited_syn_changes_nothing() -> None:
    """So that the inside's own SYN within six seconds, and the stranger's second one, find a clean table."""
    box = nat(filtering=APD_FILTER)
    external = exchange(box, *HANDSHAKE)
    before = box.mappings(1)
    with refusal(box, "filtered"):
        box.inbound("tcp", external, Z, 1, SYN)
    assert box.mappings(1) == before
    assert box.outbound("tcp", X, Z, 6.9, SYN) == external
    assert box.inbound("tcp", external, Z, 7, SYN) == X


def test_req_7_no_overloading() -> None:
    box = nat(port_range=(2000, 2001))
    assert {box.outbound("tcp", inside, Y, 0, SYN)[1] for inside in (X, W)} == {2000, 2001}
    with refusal(box, "no free port"):
        box.outbound("tcp", ("10.0.0.3", 4000), Z, 0, SYN)


def test_req_8_hairpin() -> None:
    box = nat(preset=PORT_RESTRICTED_CONE)
    of_x, of_w = box.outbound("tcp", X, Y, 0, SYN), box.outbound("tcp", W, Y, 0, SYN)
    with refusal(box, "filtered"):
        box.hairpin("tcp", X, of_w, 1, SYN)
    assert box.hairpin("tcp", W, of_x, 1, SYN) == (of_w, X)
    assert box.hairpin("tcp", X, of_w, 1, SYN | ACK) == (of_x, W)
    assert box.hairpin("tcp", W, of_x, 7000, ACK) == (of_w, X)


def test_only_a_syn_begins_a_connection() -> None:
    box = nat()
    for flags in (ACK, FIN | ACK, RST, Flag(0)):
        with refusal(box, "no connection"):
            box.outbound("tcp", X, Y, 0, flags)
    assert box.mappings(0) == ()
    exchange(box, *HANDSHAKE)
    with refusal(box, "no connection"):
        box.outbound("tcp", X, Z, 1, ACK)
    assert box.outbound("tcp", X, Y, 1, ACK) == (PUBLIC, 4000)


def test_a_reboot_cuts_connections() -> None:
    box = nat()
    exchange(box, *HANDSHAKE)
    box.reboot()
    with refusal(box, "no connection"):
        box.outbound("tcp", X, Y, 1, ACK)


def test_a_flood_of_syns_stays_within_the_table() -> None:
    box = nat(preset=CARRIER_GRADE, max_sessions=100)
    external = box.outbound("tcp", X, Y, 0, SYN)
    for port in range(1, 100):
        box.inbound("tcp", external, (Z[0], port), 1, SYN)
    with refusal(box, "NAT table full"):
        box.inbound("tcp", external, (Z[0], 100), 1, SYN)
    assert box.inbound("tcp", external, Y, 1, SYN | ACK) == X, "whoever has a session goes on"
    assert box.inbound("tcp", external, (Z[0], 100), 241, SYN) == X


@pytest.mark.parametrize("refreshes", [False, True])
def test_udp_answers_are_mapped_like_any_other_packet(refreshes: bool) -> None:
    """Rule 6 is for TCP: RFC 4787 defines mapping by what the inside sends, and knows no connections."""
    box = nat(mapping=APD_MAP, filtering=EI_FILTER, refresh_on_inbound=refreshes)
    external = box.outbound("udp", X, Y, 0)
    assert box.inbound("udp", external, Z, 1) == X
    assert box.outbound("udp", X, Z, 2) != external
