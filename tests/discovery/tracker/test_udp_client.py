"""Asking over UDP: the order of packets, lateness, restarts, and everything that a forger may send."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.tracker import udp_messages as wire
from p2plib.discovery.tracker.announce import Announce, Announced, Counts, TrackerFailure
from p2plib.discovery.tracker.core import TrackerCore
from p2plib.discovery.tracker.udp_client import ID_LIFE_S, TRIES, UdpAnswered, UdpAsker, UdpUnanswered
from p2plib.discovery.tracker.udp_server import UdpTracker
from p2plib.errors import UsageError
from p2plib.machine.addresses import Address
from tests.discovery.tracker import packets

TRACKER, OWN, FORGER = ("192.0.2.80", 6969), ("192.0.2.1", 5001), ("192.0.2.66", 6969)
ANNOUNCE = Announce(packets.INFO_HASH, packets.PEER_ID, 6881)


def pair(seed: int = 1) -> tuple[UdpAsker, UdpTracker]:
    server = UdpTracker(TrackerCore(random.Random(seed)), random.Random(seed))
    return UdpAsker(TRACKER, random.Random(seed)), server


def carry(client: UdpAsker, server: UdpTracker, now: float) -> int:
    """Carries packets until nobody has any; returns how many the client sent."""
    count = 0
    while packets_out := client.to_send():
        for data, to in packets_out:
            assert to == TRACKER
            count += 1
            server.receive(data, OWN, now)
        for data, to in server.to_send():
            assert to == OWN
            client.receive(data, TRACKER, now)
    return count


def test_a_connect_and_then_what_was_asked() -> None:
    client, server = pair()
    number = client.announce(ANNOUNCE, 0.0)
    assert carry(client, server, 0.0) == 2
    assert client.events() == [UdpAnswered(number, Announced(1800, 0, 1))]
    assert client.timer() is None


def test_one_connection_id_serves_for_a_minute() -> None:
    client, server = pair()
    client.announce(ANNOUNCE, 0.0)
    scrape = client.scrape((packets.INFO_HASH,), 0.0)
    assert carry(client, server, 0.0) == 3  # one connect for both
    assert client.events()[1] == UdpAnswered(scrape, wire.Scraped((Counts(0, 0, 1),)))
    client.announce(ANNOUNCE, ID_LIFE_S - 0.1)
    assert carry(client, server, ID_LIFE_S - 0.1) == 1
    client.announce(ANNOUNCE, ID_LIFE_S + 0.1)
    assert carry(client, server, ID_LIFE_S + 0.1) == 2


def test_what_is_lost_is_sent_again_and_given_up_in_the_end() -> None:
    client, _ = pair()
    number = client.announce(ANNOUNCE, 0.0)
    sent, now = [(0.0, client.to_send())], 0.0
    while (at := client.timer()) is not None:
        now = at
        client.on_timer(now)
        if out := client.to_send():
            sent.append((now, out))
    assert client.events() == [UdpUnanswered(number)]
    assert [at for at, _ in sent] == [0.0, 1.0, 3.0]
    assert len({bytes(out[0][0]) for _, out in sent}) == 1  # the same packet, TRIES times
    assert len(sent) == TRIES
    assert now == 7.0


def test_a_tracker_that_was_restarted_is_asked_for_a_new_connection_id() -> None:
    client, server = pair()
    client.announce(ANNOUNCE, 0.0)
    carry(client, server, 0.0)
    client.events()
    again = UdpTracker(TrackerCore(random.Random(9)), random.Random(9))
    number = client.announce(ANNOUNCE, 10.0)
    carry(client, again, 10.0)
    assert again.ignored == {"connection id": 1}
    while (at := client.timer()) is not None:
        client.on_timer(at)
        carry(client, again, at)
    assert client.events() == [UdpAnswered(number, Announced(1800, 0, 1))]


def test_a_silent_tracker_is_tried_with_a_second_id_and_no_third() -> None:
    client, server = pair()
    client.announce(ANNOUNCE, 0.0)
    carry(client, server, 0.0)
    client.events()
    number, now = client.announce(ANNOUNCE, 1.0), 1.0
    while (at := client.timer()) is not None:
        now = at
        client.on_timer(now)
    assert client.events() == [UdpUnanswered(number)]
    assert now < 30.0


@pytest.mark.fault("F067")
def test_a_forged_response_counts_for_nothing_before_and_after_the_true_one() -> None:
    client, server = pair()
    number = client.announce(ANNOUNCE, 0.0)
    [(connect, _)] = client.to_send()
    transaction = int.from_bytes(connect[12:], "big")
    forged = wire.encode_connected(transaction, b"forged!!")
    client.receive(forged, FORGER, 0.0)  # the right transaction from another address
    client.receive(wire.encode_connected(transaction ^ 1, b"forged!!"), TRACKER, 0.0)  # a guess
    client.receive(forged[:15], TRACKER, 0.0)
    assert client.to_send() == []
    server.receive(connect, OWN, 0.0)
    [(connected, _)] = server.to_send()
    client.receive(connected, TRACKER, 0.0)
    client.receive(connected, TRACKER, 0.0)  # a repeat
    client.receive(forged, TRACKER, 0.0)  # too late
    carry(client, server, 0.0)
    assert [type(event) for event in client.events()] == [UdpAnswered]
    assert client.ignored == {"not awaited": 4, "malformed": 1}
    assert number == 1


def test_an_error_ends_its_request_alone() -> None:
    client, server = pair()
    first, second = client.announce(ANNOUNCE, 0.0), client.scrape((packets.INFO_HASH,), 0.0)
    server.receive(client.to_send()[0][0], OWN, 0.0)
    client.receive(server.to_send()[0][0], TRACKER, 0.0)
    [(announce, _), (scrape, _)] = client.to_send()
    client.receive(wire.encode_failure(int.from_bytes(announce[12:16], "big"), "go away"), TRACKER, 0.0)
    server.receive(scrape, OWN, 0.0)
    client.receive(server.to_send()[0][0], TRACKER, 0.0)
    assert client.events() == [
        UdpAnswered(first, TrackerFailure("go away")), UdpAnswered(second, wire.Scraped((Counts(),))),
    ]  # fmt: skip


def test_an_error_to_the_connect_ends_all_that_wait_for_it() -> None:
    client, _ = pair()
    numbers = [client.announce(ANNOUNCE, 0.0), client.announce(ANNOUNCE, 0.0)]
    [(connect, _)] = client.to_send()
    client.receive(wire.encode_failure(int.from_bytes(connect[12:], "big"), "closed"), TRACKER, 0.0)
    assert client.events() == [UdpAnswered(number, TrackerFailure("closed")) for number in numbers]
    client.announce(ANNOUNCE, 1.0)
    assert len(client.to_send()) == 1  # and another may be begun


@pytest.mark.parametrize("answer", ["connected", "scraped"])
def test_an_answer_to_another_question_is_none(answer: str) -> None:
    client, server = pair()
    number = client.announce(ANNOUNCE, 0.0)
    server.receive(client.to_send()[0][0], OWN, 0.0)
    client.receive(server.to_send()[0][0], TRACKER, 0.0)
    [(announce, _)] = client.to_send()
    transaction = int.from_bytes(announce[12:16], "big")
    lie = wire.encode_connected(transaction, bytes(8)) if answer == "connected" else None
    client.receive(lie or wire.encode_scraped(transaction, [Counts()]), TRACKER, 0.0)
    assert client.events() == [UdpUnanswered(number)]


def test_a_late_response_settles_what_was_tried_again_and_only_once() -> None:
    client, server = pair()
    client.announce(ANNOUNCE, 0.0)
    carry(client, server, 0.0)
    client.events()
    number = client.announce(ANNOUNCE, 1.0)
    [(late, _)] = client.to_send()
    at = 1.0
    while not any(len(data) == 16 for data, _ in client.to_send()):  # until it asks for another connection id
        at = client.timer() or at
        client.on_timer(at)
    server.receive(late, OWN, at)
    client.receive(server.to_send()[0][0], TRACKER, at)
    assert client.events() == [UdpAnswered(number, Announced(1800, 0, 1))]
    while (when := client.timer()) is not None:
        client.on_timer(when)
        carry(client, server, when)
    assert client.events() == []


def test_a_tracker_that_answers_connects_alone_is_given_up() -> None:
    client, server = pair()
    number, now, connects = client.announce(ANNOUNCE, 0.0), 0.0, 0
    while (client.timer() is not None or client._outgoing) and connects < 10:
        for data, _ in client.to_send():
            if len(data) == 16:
                connects += 1
                server.receive(data, OWN, now)
                client.receive(server.to_send()[0][0], TRACKER, now)
        if (at := client.timer()) is not None:
            now = at
            client.on_timer(now)
    assert client.events() == [UdpUnanswered(number)]
    assert connects == 2
    assert now < 30.0


def test_what_cannot_be_sent_is_the_callers_mistake() -> None:
    client, _ = pair()
    for changes in ({"info_hash": b"x"}, {"peer_id": b""}, {"port": 0}, {"left": -1}, {"numwant": -1},
                    {"key": 2**32}):  # fmt: skip
        fields: dict[str, Any] = {"info_hash": bytes(20), "peer_id": bytes(20), "port": 1, **changes}
        with pytest.raises(UsageError):
            client.announce(Announce(**fields), 0.0)
    for hashes in ((), (bytes(20),) * 75, (b"x",)):
        with pytest.raises(UsageError):
            client.scrape(hashes, 0.0)
    assert client.to_send() == []


@given(st.lists(st.tuples(st.binary(max_size=60), st.booleans()), max_size=20))
def test_nothing_that_arrives_makes_it_raise(datagrams: list[tuple[bytes, bool]]) -> None:
    client, _ = pair()
    client.announce(ANNOUNCE, 0.0)
    transaction = client.to_send()[0][0][12:]
    where: list[Address] = [TRACKER, FORGER]
    for data, forged in datagrams:
        client.receive(data, where[forged], 0.0)
        client.receive(data[:4] + transaction + data[4:], where[forged], 0.0)
