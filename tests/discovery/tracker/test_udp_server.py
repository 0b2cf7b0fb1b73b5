"""The rules of a UDP tracker: what is answered, what is dropped, and what a forged source gets."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.tracker import udp_messages as wire
from p2plib.discovery.tracker.announce import Announce, Announced, Counts, Event, TrackerFailure
from p2plib.discovery.tracker.core import TrackerCore
from p2plib.discovery.tracker.pace import Allowance
from p2plib.discovery.tracker.udp_server import UdpTracker
from p2plib.machine.addresses import Address
from tests.discovery.tracker import packets

ADA, BEN, VICTIM = ("192.0.2.1", 5001), ("192.0.2.2", 5002), ("198.51.100.9", 53)
HASH = packets.INFO_HASH


def tracker(**core: Any) -> UdpTracker:
    return UdpTracker(TrackerCore(random.Random(1), **core), random.Random(2))


def ask(machine: UdpTracker, data: bytes, address: Address, now: float = 0.0) -> Any:
    """What the tracker answers, decoded; None if it says nothing."""
    machine.receive(data, address, now)
    sent = machine.to_send()
    if not sent:
        return None
    [(answer, to)] = sent
    assert to == address
    return wire.decode_response(answer, ipv6=":" in address[0])


def connect(machine: UdpTracker, address: Address, now: float = 0.0) -> bytes:
    transaction, body = ask(machine, packets.CONNECT, address, now)
    assert transaction == 0xCAFE0001
    return body.connection_id  # type: ignore[no-any-return]


def announce_from(machine: UdpTracker, address: Address, now: float = 0.0, **changes: Any) -> Any:
    announce = Announce(HASH, address[0].encode().rjust(20), 6881, **changes)
    data = wire.encode_announce(connect(machine, address, now), 7, announce)
    transaction, body = ask(machine, data, address, now)
    assert transaction == 7
    return body


def test_two_peers_meet() -> None:
    machine = tracker(interval_s=1800)
    assert announce_from(machine, ADA, left=0, event=Event.STARTED) == Announced(1800, 1, 0)
    assert announce_from(machine, BEN) == Announced(1800, 1, 1, (("192.0.2.1", 6881),))
    assert announce_from(machine, ADA, left=0, event=Event.STOPPED, numwant=0) == Announced(1800, 0, 1)
    scrape = wire.encode_scrape(connect(machine, BEN), 8, [HASH, bytes(20)])
    assert ask(machine, scrape, BEN) == (8, wire.Scraped((Counts(0, 0, 1), Counts())))


def test_over_ipv6_with_ipv6() -> None:
    machine = tracker()
    one, two = ("2001:db8::1", 1), ("2001:db8::2", 2)
    announce_from(machine, ADA)
    announce_from(machine, one)
    assert announce_from(machine, two).peers == (("2001:db8::1", 6881),)


@pytest.mark.fault("F067")
def test_what_has_no_good_connection_id_gets_no_answer() -> None:
    machine = tracker()
    own = connect(machine, ADA)
    data = wire.encode_announce(own, 7, Announce(HASH, bytes(20), 6881))
    assert ask(machine, data, BEN) is None  # another host's
    assert ask(machine, packets.ANNOUNCE, ADA) is None  # made up
    assert ask(machine, packets.SCRAPE, ADA) is None
    assert ask(machine, data, ADA, 119.9) is not None
    assert ask(machine, data, (ADA[0], 9999), 119.9) is not None  # a NAT has changed the port
    assert ask(machine, data, ADA, 180.1) is None  # an old one
    assert machine.ignored == {"connection id": 4}
    assert set(machine.core.swarms.listed(HASH)) == {("192.0.2.1", 6881)}


@pytest.mark.fault("F067")
def test_short_and_senseless_packets_get_no_answer() -> None:
    machine = tracker()
    for data in (b"", b"x", packets.CONNECT[:-1], packets.ANNOUNCE[:97], packets.SCRAPE[:-1], bytes(98)):
        assert ask(machine, data, ADA) is None
    assert machine.ignored["malformed"] == 6


@pytest.mark.fault("F079")
def test_nothing_that_a_forged_source_can_ask_is_answered_with_more_than_it_sent() -> None:
    machine = tracker()
    for number in range(1, 200):
        announce_from(machine, (f"192.0.2.{number}", 5000))
    sent = received = 0
    for data in (packets.CONNECT, packets.CONNECT, packets.ANNOUNCE, packets.SCRAPE, packets.ERROR):
        machine.receive(data, VICTIM, 0.0)
        sent += len(data)
        received += sum(len(answer) for answer, _ in machine.to_send())
    assert received == 32 < sent
    assert VICTIM[0] not in {host for host, _ in machine.core.swarms.listed(HASH)}


def test_a_forger_cannot_shut_its_victim_out() -> None:
    machine = tracker(allowance=Allowance(burst=3, a_second=1))
    for _ in range(1000):
        machine.receive(packets.CONNECT, ADA, 0.0)
        machine.receive(packets.ANNOUNCE, ADA, 0.0)
    machine.to_send()
    assert isinstance(announce_from(machine, ADA), Announced)


def test_a_refusal_is_said_to_a_host_that_is_there() -> None:
    machine = tracker(allowance=Allowance(burst=1, a_second=1))
    announce_from(machine, ADA)
    assert announce_from(machine, ADA) == TrackerFailure("your host asks too often: 1 a second will do")
    assert isinstance(announce_from(machine, BEN), Announced)


@given(st.lists(st.binary(max_size=120), max_size=20))
def test_nothing_that_arrives_makes_it_raise(datagrams: list[bytes]) -> None:
    machine = tracker()
    own = connect(machine, ADA)
    for data in datagrams:
        for head in (b"", own, packets.CONNECT[:8], own + bytes.fromhex("00000001")):
            machine.receive(head + data, ADA, 1.0)
    assert machine.timer() is None
    machine.on_timer(1.0)
    assert machine.events() == []


def test_a_sender_on_one_link_is_ignored() -> None:
    machine = tracker()
    assert ask(machine, packets.CONNECT, ("fe80::1%eth0", 5001)) is None
    assert machine.ignored == {"link-local": 1}
