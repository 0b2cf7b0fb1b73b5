"""NAT behaviour tested against RFC 4787's tables of cases, and its requirements one by one.

Not testable on a machine that knows addresses alone: REQ-7 (an outer network that uses the inner one's
numbers: which network an address belongs to is the simulator's business), REQ-10 (there are no application
gateways here), REQ-12 and REQ-13 (no ICMP, no sizes) and REQ-14 (no fragments).
"""

from __future__ import annotations

from random import Random

import pytest

from p2plib.errors import UsageError
from p2plib.sim.nat.behaviour import (
    CARRIER_GRADE,
    SYMMETRIC,
    Filtering,
    Hairpin,
    Mapping,
    NatBehaviour,
    Pooling,
    Ports,
)
from tests.sim.nat.world import (
    AD_FILTER,
    AD_MAP,
    APD_FILTER,
    APD_MAP,
    EI_FILTER,
    EI_MAP,
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

# Section 4.1: does X:x keep the external address that it had for Y1:y1 when it sends to Y2:y2?
MAPPING_CASES = [
    (EI_MAP, Y, True),
    (EI_MAP, Y_OTHER_PORT, True),
    (EI_MAP, Z, True),
    (AD_MAP, Y, True),
    (AD_MAP, Y_OTHER_PORT, True),
    (AD_MAP, Z, False),
    (APD_MAP, Y, True),
    (APD_MAP, Y_OTHER_PORT, False),
    (APD_MAP, Z, False),
]


@pytest.mark.parametrize("ports", Ports)
@pytest.mark.parametrize(("mapping", "second", "same"), MAPPING_CASES)
def test_section_4_1_mapping(mapping: Mapping, second: tuple[str, int], same: bool, ports: Ports) -> None:
    box = nat(mapping=mapping, ports=ports)
    first = box.outbound("udp", X, Y, 0)
    assert (box.outbound("udp", X, second, 1) == first) is same
    assert box.outbound("udp", X, Y, 2) == first, "and the first remote still sees what it saw"
    assert len({box.outbound("udp", inside, Y, 3) for inside in (X, X_OTHER_PORT, W)}) == 3


# Section 5: X:x has sent to Y:y; may this remote send to it?
FILTER_CASES = [
    (EI_FILTER, Y, True),
    (EI_FILTER, Y_OTHER_PORT, True),
    (EI_FILTER, Z, True),
    (AD_FILTER, Y, True),
    (AD_FILTER, Y_OTHER_PORT, True),
    (AD_FILTER, Z, False),
    (APD_FILTER, Y, True),
    (APD_FILTER, Y_OTHER_PORT, False),
    (APD_FILTER, Z, False),
]


@pytest.mark.parametrize("mapping", Mapping)
@pytest.mark.parametrize(("filtering", "remote", "admitted"), FILTER_CASES)
def test_section_5_filtering(
    filtering: Filtering, remote: tuple[str, int], admitted: bool, mapping: Mapping
) -> None:
    box = nat(mapping=mapping, filtering=filtering)
    external = box.outbound("udp", X, Y, 0)
    if admitted:
        assert box.inbound("udp", external, remote, 1) == X
    else:
        with refusal(box, "filtered"):
            box.inbound("udp", external, remote, 1)


@pytest.mark.parametrize("filtering", Filtering)
def test_nothing_comes_in_where_nobody_has_sent(filtering: Filtering) -> None:
    box = nat(filtering=filtering)
    with refusal(box, "no mapping"):
        box.inbound("udp", (PUBLIC, 4000), Y, 0)
    host, port = box.outbound("udp", X, Y, 0)
    for external in ((host, port + 1), (PUBLIC_2, port)):
        with refusal(box, "no mapping"):
            box.inbound("udp", external, Y, 0)
    with refusal(box, "no mapping"):
        box.inbound("tcp", (host, port), Y, 0)


def test_the_opening_belongs_to_the_mapping_that_made_it() -> None:
    box = nat(mapping=APD_MAP, filtering=AD_FILTER)
    for_y, for_z = box.outbound("udp", X, Y, 0), box.outbound("udp", X, Z, 0)
    assert passes(box, for_y, Y)
    assert passes(box, for_z, Z)
    assert not passes(box, for_y, Z)
    assert not passes(box, for_z, Y)


def test_what_comes_in_opens_for_nobody() -> None:
    """A filter asks to whom the inside has sent, not from whom it has heard."""
    box = nat(filtering=AD_FILTER, refresh_on_inbound=True)
    external = box.outbound("udp", X, Y, 0)
    box.inbound("udp", external, Y_OTHER_PORT, 119)
    assert box.mappings(130)[0].remotes == (Y_OTHER_PORT,)
    assert not passes(box, external, Y, 130)
    assert not passes(box, external, Y_OTHER_PORT, 130)


def test_req_1_the_default_mapping_is_endpoint_independent() -> None:
    assert NatBehaviour().mapping is EI_MAP
    assert NatBehaviour().filtering in (EI_FILTER, AD_FILTER)  # REQ-8
    assert NatBehaviour().hairpin is Hairpin.EXTERNAL_SOURCE  # REQ-9a


def test_req_2_pooling_paired_and_arbitrary() -> None:
    insides = [(f"10.0.0.{host}", port) for host in (1, 2, 3) for port in (4000, 4001, 4002)]
    paired, arbitrary = nat(PUBLIC, PUBLIC_2), nat(PUBLIC, PUBLIC_2, pooling=Pooling.ARBITRARY)
    used = {inside: paired.outbound("udp", inside, Y, 0)[0] for inside in insides}
    for host in (1, 2, 3):
        assert len({external for inside, external in used.items() if inside[0] == f"10.0.0.{host}"}) == 1
    assert set(used.values()) == {PUBLIC, PUBLIC_2}
    assert [arbitrary.outbound("udp", inside, Y, 0)[0] for inside in insides[:4]] == [PUBLIC, PUBLIC_2] * 2
    assert paired.outbound("tcp", insides[0], Y, 500, SYN)[0] == used[insides[0]], "also when all has expired"


@pytest.mark.parametrize("ports", Ports)
def test_req_3_no_port_is_overloaded(ports: Ports) -> None:
    box = nat(ports=ports, port_range=(2000, 2009))
    given = [box.outbound("udp", (f"10.0.0.{host}", 4000), Y, 0) for host in range(10)]
    assert sorted(port for _, port in given) == list(range(2000, 2010))
    with refusal(box, "no free port"):
        box.outbound("udp", ("10.0.0.99", 4000), Y, 0)
    assert len(box.mappings(0)) == 10
    assert box.outbound("tcp", X, Y, 0, SYN)[0] == PUBLIC, "UDP and TCP have ports of their own"
    assert box.outbound("udp", ("10.0.0.99", 4000), Y, 120)[0] == PUBLIC, "expired ports come back"


@pytest.mark.fault("F086")
@pytest.mark.parametrize("timeout_s", [30.0, 120.0, 300.0])
def test_req_5_a_mapping_expires_to_the_second(timeout_s: float) -> None:
    box = nat(udp_timeout_s=timeout_s, ports=Ports.SEQUENTIAL)
    external = box.outbound("udp", X, Y, 1000)
    assert box.mappings(1000)[0].expires_s == 1000 + timeout_s
    assert passes(box, external, Y, 1000 + timeout_s - 0.001)
    with refusal(box, "no mapping"):
        box.inbound("udp", external, Y, 1000 + timeout_s)
    assert box.mappings(1000 + timeout_s) == ()
    assert box.outbound("udp", X, Y, 1000 + timeout_s) != external, "a new mapping, at the next port"


def test_req_5_the_default_is_the_least_that_is_allowed() -> None:
    assert NatBehaviour().udp_timeout_s == 120
    assert CARRIER_GRADE.udp_timeout_s == 300


def test_req_6_outbound_packets_refresh() -> None:
    box = nat()
    external = box.outbound("udp", X, Y, 0)
    for now_s in range(119, 1000, 119):
        assert box.outbound("udp", X, Y, now_s) == external
    assert passes(box, external, Y, 952 + 119)
    assert not passes(box, external, Y, 952 + 120)


@pytest.mark.parametrize(("refreshes", "alive"), [(False, False), (True, True)])
def test_req_6a_inbound_packets_refresh_if_asked(refreshes: bool, alive: bool) -> None:
    box = nat(refresh_on_inbound=refreshes)
    external = box.outbound("udp", X, Y, 0)
    assert passes(box, external, Y, 100)
    assert passes(box, external, Y, 150) is alive


@pytest.mark.parametrize(("refreshes", "alive"), [(False, False), (True, True)])
def test_req_6a_a_third_party_keeps_an_unfiltered_mapping_alive_if_inbound_refreshes(
    refreshes: bool, alive: bool
) -> None:
    box = nat(filtering=EI_FILTER, refresh_on_inbound=refreshes)
    external = box.outbound("udp", X, Y, 0)
    assert passes(box, external, Z, 100)
    assert passes(box, external, Z, 150) is alive


def test_a_refused_packet_refreshes_nothing() -> None:
    box = nat(refresh_on_inbound=True)
    external = box.outbound("udp", X, Y, 0)
    assert not passes(box, external, Z, 100)
    assert not passes(box, external, Y, 120)


@pytest.mark.fault("F086")
@pytest.mark.parametrize("filtering", [AD_FILTER, APD_FILTER])
def test_each_session_has_its_own_timer(filtering: Filtering) -> None:
    """Speaking to the rendezvous server does not keep the hole to the peer open."""
    box = nat(filtering=filtering, udp_timeout_s=30.0)
    external = box.outbound("udp", X, Y, 0)
    box.outbound("udp", X, Z, 0)
    for now_s in (25, 50, 75):
        assert box.outbound("udp", X, Y, now_s) == external
    assert passes(box, external, Y, 80)
    with refusal(box, "filtered"):
        box.inbound("udp", external, Z, 80)
    assert box.mappings(80)[0].remotes == (Y,)
    assert box.outbound("udp", X, Z, 81) == external, "the mapping itself was never lost"
    assert passes(box, external, Z, 82)


@pytest.mark.fault("F086")
def test_a_keepalive_below_the_time_out_keeps_the_mapping() -> None:
    kept, lost = nat(udp_timeout_s=30.0), nat(udp_timeout_s=30.0)
    for now_s in range(0, 601, 25):
        external = kept.outbound("udp", X, Y, now_s)
        assert passes(kept, external, Y, now_s + 24.9)
    external = lost.outbound("udp", X, Y, 0)
    assert not passes(lost, external, Y, 30)


# Section 6


def test_section_6_hairpin_with_external_source() -> None:
    box = nat(hairpin=Hairpin.EXTERNAL_SOURCE)
    of_x, of_w = box.outbound("udp", X, Y, 0), box.outbound("udp", W, Y, 0)
    with refusal(box, "filtered"):  # W has not sent to X yet
        box.hairpin("udp", X, of_w, 1)
    assert box.hairpin("udp", W, of_x, 2) == (of_w, X), "X's packet has opened X's side"
    assert box.hairpin("udp", X, of_w, 3) == (of_x, W)


def test_section_6_hairpin_with_internal_source() -> None:
    box = nat(hairpin=Hairpin.INTERNAL_SOURCE, filtering=EI_FILTER)
    of_w = box.outbound("udp", W, Y, 0)
    assert box.hairpin("udp", X, of_w, 1) == (X, W)


def test_section_6_no_hairpin() -> None:
    box = nat(hairpin=Hairpin.NONE, filtering=EI_FILTER)
    of_w = box.outbound("udp", W, Y, 0)
    with refusal(box, "no hairpin"):
        box.hairpin("udp", X, of_w, 1)
    assert [line.inside for line in box.mappings(1)] == [W]


def test_section_6_to_oneself_and_to_nobody() -> None:
    box = nat()
    of_x = box.outbound("udp", X, Y, 0)
    assert box.hairpin("udp", X, of_x, 1) == (of_x, X)
    with refusal(box, "no mapping"):
        box.hairpin("udp", X, (PUBLIC, 9), 1)


def test_hairpin_and_outbound_are_not_mistaken_for_each_other() -> None:
    box = nat(PUBLIC, PUBLIC_2)
    with pytest.raises(UsageError, match="own"):
        box.outbound("udp", X, (PUBLIC_2, 5), 0)
    with pytest.raises(UsageError, match="not this NAT's"):
        box.hairpin("udp", X, Y, 0)


def test_req_11_the_same_calls_give_the_same_answers() -> None:
    def run() -> list[tuple[str, int]]:
        box = nat(preset=SYMMETRIC, rng=Random(7))
        return [box.outbound("udp", X, ("203.0.113.1", port), port) for port in range(1, 300)]

    assert run() == run()
