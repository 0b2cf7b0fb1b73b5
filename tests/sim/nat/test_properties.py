"""The NAT machine under random traffic, against a model that only remembers what was sent, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.sim.nat.behaviour import Filtering, Hairpin, Mapping, NatBehaviour, Pooling, Ports
from p2plib.sim.nat.machine import Nat, Refused
from p2plib.sim.nat.ports import ports_to_try
from p2plib.sim.packet import Address, Flag
from tests.sim.nat.world import PUBLIC, PUBLIC_2

TIMEOUT_S = 30.0
PORTS = (1020, 1031)  # few, so that they run out and come back to others
INSIDES = [(f"10.0.0.{host}", port) for host in (1, 2, 3) for port in (1022, 4000, 4001)]
REMOTES = [(f"203.0.113.{host}", port) for host in (1, 2) for port in (53, 54)]

behaviours = st.builds(
    NatBehaviour,
    mapping=st.sampled_from(Mapping),
    filtering=st.sampled_from(Filtering),
    hairpin=st.sampled_from(Hairpin),
    pooling=st.sampled_from(Pooling),
    ports=st.sampled_from(Ports),
    keep_parity=st.booleans(),
    port_range=st.just(PORTS),
    udp_timeout_s=st.just(TIMEOUT_S),
    max_mappings=st.sampled_from([5, 1000]),
    ports_per_subscriber=st.sampled_from([None, 3]),
)
externals = st.builds(
    lambda host, port: (host, port), st.sampled_from([PUBLIC, PUBLIC_2]), st.integers(*PORTS)
)
steps = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 10, 29, 30]),
        st.sampled_from(["out", "out", "in", "in", "reboot"]),
        st.sampled_from(INSIDES),
        st.sampled_from(REMOTES),
        externals,
    ),
    max_size=40,
)


@dataclass(frozen=True)
class Sent:
    """One packet that went out: the whole of what the model knows."""

    at_s: float
    inside: Address
    remote: Address
    external: Address


def what_counts(mapping: Mapping, remote: Address) -> object:
    counts = {Mapping.ENDPOINT_INDEPENDENT: None, Mapping.ADDRESS_DEPENDENT: remote[0]}
    return counts.get(mapping, remote)


def matches(filtering: Filtering, sent_to: Address, remote: Address) -> bool:
    if filtering is Filtering.ENDPOINT_INDEPENDENT:
        return True
    if filtering is Filtering.ADDRESS_DEPENDENT:
        return sent_to[0] == remote[0]
    return sent_to == remote


def attempt(call: Callable[..., Address], *arguments: Any) -> tuple[Address | None, str]:
    """What a call of the machine returns, or the reason why it refuses."""
    try:
        return call(*arguments), ""
    except Refused as refusal:
        return None, refusal.reason


def check_out(
    box: Nat, sent: list[Sent], live: list[Sent], inside: Address, remote: Address, t: float
) -> None:
    mapping, quota = box.behaviour.mapping, box.behaviour.ports_per_subscriber
    own = {
        each.external
        for each in live
        if each.inside == inside and what_counts(mapping, each.remote) == what_counts(mapping, remote)
    }
    taken = {each.external for each in live}
    held = {each.external for each in live if each.inside[0] == inside[0]}
    size = PORTS[1] - PORTS[0] + 1
    external, reason = attempt(box.outbound, "udp", inside, remote, t)
    if external is None:
        assert not own, "a packet of a live mapping is never refused"
        true_reasons = {
            "NAT table full": len(taken) >= box.behaviour.max_mappings,
            "subscriber quota": quota is not None and len(held) >= quota,
            "no free port": any(
                sum(each[0] == host for each in taken) == size for host in (PUBLIC, PUBLIC_2)
            ),
        }
        assert true_reasons[reason]
        return
    assert {external} == own if own else external not in taken
    assert PORTS[0] <= external[1] <= PORTS[1]
    if box.behaviour.pooling is Pooling.PAIRED:
        assert {each[0] for each in held} <= {external[0]}
    sent.append(Sent(t, inside, remote, external))


def check_in(box: Nat, live: list[Sent], external: Address, remote: Address, t: float) -> None:
    here = [each for each in live if each.external == external]
    assert len({each.inside for each in here}) <= 1
    inside, reason = attempt(box.inbound, "udp", external, remote, t)
    if any(matches(box.behaviour.filtering, each.remote, remote) for each in here):
        assert inside == here[0].inside
    else:
        assert inside is None
        assert reason == ("filtered" if here else "no mapping")


@settings(max_examples=400)
@given(behaviours, steps, st.integers(0, 2**32))
def test_udp_is_what_a_list_of_sent_packets_says(
    behaviour: NatBehaviour, traffic: list[tuple[int, str, Address, Address, Address]], seed: int
) -> None:
    box = Nat([PUBLIC, PUBLIC_2], behaviour, rng=Random(seed))
    sent: list[Sent] = []
    t = 0.0
    for wait_s, what, inside, remote, external in traffic:
        t += wait_s
        live = [each for each in sent if t < each.at_s + TIMEOUT_S]
        if what == "reboot":
            box.reboot()
            sent.clear()
        elif what == "out":
            check_out(box, sent, live, inside, remote, t)
        else:
            check_in(box, live, external, remote, t)
    now = [each for each in sent if t < each.at_s + TIMEOUT_S]
    table = box.mappings(t)
    assert {(line.inside, line.external) for line in table} == {(each.inside, each.external) for each in now}
    assert len({line.external for line in table}) == len(table)
    for line in table:
        here = [each for each in now if each.external == line.external]
        assert set(line.remotes) == {each.remote for each in here}
        assert line.expires_s == max(each.at_s for each in here) + TIMEOUT_S


flags = st.sampled_from(
    [Flag.SYN, Flag.SYN | Flag.ACK, Flag.ACK, Flag.FIN | Flag.ACK, Flag.RST, Flag.RST | Flag.ACK]
)
calls = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 100, 239, 240, 7440]),
        st.sampled_from(["out", "in", "hairpin"]),
        st.sampled_from(["udp", "tcp"]),
        st.sampled_from(INSIDES),
        st.sampled_from(REMOTES),
        externals,
        flags,
    ),
    max_size=60,
)


@settings(max_examples=300)
@given(behaviours, calls, st.booleans(), st.sampled_from([4, 1000]))
def test_whatever_happens_no_address_is_shared_and_nothing_reaches_whom_it_should_not(
    behaviour: NatBehaviour, traffic: list[tuple[Any, ...]], refreshes: bool, max_sessions: int
) -> None:
    limited = replace(behaviour, refresh_on_inbound=refreshes, max_sessions=max_sessions)
    box = Nat([PUBLIC, PUBLIC_2], limited, rng=Random(1))
    t = 0.0
    for wait_s, what, kind, inside, remote, external, bits in traffic:
        t += wait_s
        before = {(line.kind, line.external): line for line in box.mappings(t)}
        sessions_before = {(line.kind, line.external): line.remotes for line in before.values()}
        counted = sum(box.refused.values())
        target = None
        try:
            if what == "out":
                box.outbound(kind, inside, remote, t, bits)
            elif what == "in":
                target = box.inbound(kind, external, remote, t, bits)
                assert before[kind, external].inside == target
            else:
                source, target = box.hairpin(kind, inside, external, t, bits)
                seen = {(line.kind, line.external): line.inside for line in box.mappings(t)}
                assert seen[kind, external] == target
                if limited.hairpin is Hairpin.EXTERNAL_SOURCE:
                    assert seen[kind, source] == inside
                else:
                    assert source == inside
        except Refused:
            assert sum(box.refused.values()) == counted + 1
            if what != "hairpin":
                after = {(line.kind, line.external): line.remotes for line in box.mappings(t)}
                assert after == sessions_before, "what is refused leaves nothing behind"
        table = box.mappings(t)
        assert len({(line.kind, line.external) for line in table}) == len(table) <= limited.max_mappings
        assert sum(len(line.remotes) for line in table) <= limited.max_sessions
        assert all(line.remotes and t < line.expires_s for line in table)
        if limited.ports_per_subscriber is not None:
            for host in {each[0] for each in INSIDES}:
                assert sum(line.inside[0] == host for line in table) <= limited.ports_per_subscriber
        if limited.mapping is Mapping.ENDPOINT_INDEPENDENT:
            assert len({(line.kind, line.inside) for line in table}) == len(table)


@settings(max_examples=200)
@given(
    behaviours,
    st.integers(0, 65_535),
    st.integers(0, 65_536),
    st.integers(1, 65_535),
    st.integers(0, 40),
    st.integers(0, 2**32),
)
def test_every_port_of_the_range_is_tried_and_none_outside_it(
    behaviour: NatBehaviour, wanted: int, last: int, low: int, size: int, seed: int
) -> None:
    high = min(65_535, low + size)
    tried = list(ports_to_try(replace(behaviour, port_range=(low, high)), wanted, last, Random(seed)))
    assert set(tried) == set(range(low, high + 1))
    same_side = [port for port in range(low, high + 1) if (port < 1024) == (wanted < 1024)]
    like = [port for port in same_side if port % 2 == wanted % 2]
    if behaviour.keep_parity:
        assert sorted(tried[: len(like)]) == like
        tried = tried[len(like) :]
    assert sorted(tried[: len(same_side)]) == same_side
    if behaviour.ports is Ports.PRESERVING and wanted in like:
        assert (
            next(iter(ports_to_try(replace(behaviour, port_range=(low, high)), wanted, last, None))) == wanted
        )
