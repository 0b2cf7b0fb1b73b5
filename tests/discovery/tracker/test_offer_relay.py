"""The rules of a WebSocket tracker, as a machine: who gets what, and what nobody can do to others."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.tracker import offer_relay
from p2plib.discovery.tracker.announce import Counts, Event
from p2plib.discovery.tracker.core import TrackerCore
from p2plib.discovery.tracker.offer_relay import OfferRelay
from p2plib.discovery.tracker.offers import (
    AnswerCarried,
    Offer,
    OfferCarried,
    OffersAnnounce,
    OffersAnnounced,
    OffersFailure,
    OffersScrape,
    OffersScraped,
    decode_from_tracker,
    encode,
)
from p2plib.discovery.tracker.pace import Allowance
from p2plib.discovery.tracker.swarms import SwarmLimits
from p2plib.errors import Refusal

HASH, OTHER = bytes(range(200, 220)), bytes(20)
OFFERS = tuple(Offer(bytes([number]) * 20, f"sdp {number}") for number in range(10))


def name(socket: int) -> bytes:
    return f"peer on socket {socket:5}".encode()


class Sockets:
    """A relay, and what each socket has been sent."""

    def __init__(self, count: int, **core: Any) -> None:
        self.relay = OfferRelay(TrackerCore(random.Random(1), **core), random.Random(2))
        for socket in range(count):
            self.relay.opened(socket, f"192.0.2.{socket}")

    def say(self, socket: int, message: Any) -> list[tuple[int, Any]]:
        text = message if isinstance(message, str) else encode(message)
        self.relay.receive(socket, text, 0.0)
        return [(to, decode_from_tracker(sent)) for sent, to in self.relay.to_send()]

    def announce(self, socket: int, offers: int = 0, **fields: Any) -> list[tuple[int, Any]]:
        return self.say(socket, OffersAnnounce(HASH, name(socket), OFFERS[:offers], **fields))


def test_an_offer_and_its_answer() -> None:
    sockets = Sockets(2)
    assert sockets.announce(0, left=0) == [(0, OffersAnnounced(HASH, 120, 1, 0))]
    answer, carried = sockets.announce(1, 1)
    assert answer == (1, OffersAnnounced(HASH, 120, 1, 1))
    assert carried == (0, OfferCarried(HASH, name(1), OFFERS[0]))
    said = sockets.say(0, AnswerCarried(HASH, name(0), OFFERS[0].offer_id, "yes", name(1)))
    assert said == [(1, AnswerCarried(HASH, name(0), OFFERS[0].offer_id, "yes"))]
    assert sockets.relay.carried == {"offer": 1, "answer": 1}


def test_each_offer_goes_to_another_peer_and_to_no_more_than_there_are() -> None:
    sockets = Sockets(5)
    for socket in range(4):
        sockets.announce(socket)
    carried = sockets.announce(4, 10)[1:]
    assert sorted(to for to, _ in carried) == [0, 1, 2, 3]
    assert len({message.offer.offer_id for _, message in carried}) == 4


def test_who_gets_an_offer_is_drawn() -> None:
    sockets = Sockets(5)
    for socket in range(5):
        sockets.announce(socket)
    assert {to for _ in range(60) for to, _ in sockets.announce(4, 1)[1:]} == {0, 1, 2, 3}


def test_counts_are_shared_with_peers_that_have_addresses() -> None:
    sockets = Sockets(2)
    swarms = sockets.relay.core.swarms
    swarms.announce(HASH, ("192.0.2.9", 1), bytes(20), 0, Event.STARTED, 0.0)
    assert sockets.announce(0)[0][1] == OffersAnnounced(HASH, 120, 1, 1)
    assert sockets.announce(0, left=0, event=Event.COMPLETED)[0][1] == OffersAnnounced(HASH, 120, 2, 0)
    [(_, scraped)] = sockets.say(1, OffersScrape((HASH, OTHER)))
    assert scraped == OffersScraped({HASH: Counts(2, 1, 0), OTHER: Counts()})
    sockets.announce(0, event=Event.STOPPED)
    assert swarms.counts(HASH) == Counts(1, 1, 0)


def test_a_socket_that_closes_takes_its_peer_along() -> None:
    sockets = Sockets(2)
    sockets.announce(0)
    sockets.relay.closed(0)
    sockets.relay.closed(0)
    assert len(sockets.relay.core.swarms) == 0
    assert sockets.announce(1, 1) == [(1, OffersAnnounced(HASH, 120, 0, 1))]


@pytest.mark.fault("F068")
def test_nobody_takes_the_id_of_another() -> None:
    sockets = Sockets(3)
    sockets.announce(0)
    assert sockets.say(1, OffersAnnounce(HASH, name(0))) == [
        (1, OffersFailure("another open socket has this peer_id", HASH))
    ]
    sockets.announce(1)
    assert sockets.say(1, OffersAnnounce(HASH, name(7))) == [
        (1, OffersFailure("this socket has named another peer_id before", HASH))
    ]
    sockets.relay.closed(0)
    assert sockets.say(2, OffersAnnounce(HASH, name(0)))[0][1] == OffersAnnounced(HASH, 120, 0, 2)


@pytest.mark.fault("F068")
def test_an_answer_goes_only_where_it_was_asked_for_and_once() -> None:
    sockets = Sockets(3)
    for socket in range(3):
        sockets.announce(socket)
    to, _ = sockets.announce(0, 1)[1]
    other = 3 - to
    offer_id = OFFERS[0].offer_id
    nothing = OffersFailure("you were given no such offer, or have answered it", HASH)
    assert sockets.say(other, AnswerCarried(HASH, name(other), offer_id, "me!", name(0))) == [
        (other, nothing)
    ]
    assert len(sockets.say(to, AnswerCarried(HASH, name(to), offer_id, "yes", name(0)))) == 1
    assert sockets.say(to, AnswerCarried(HASH, name(to), offer_id, "again", name(0))) == [(to, nothing)]
    impostor = sockets.say(other, AnswerCarried(HASH, name(to), offer_id, "me!", name(0)))
    assert isinstance(impostor[0][1], OffersFailure)
    assert sockets.relay.carried == {"offer": 1, "answer": 1}


def test_an_answer_to_a_peer_that_has_left() -> None:
    sockets = Sockets(2)
    sockets.announce(0)
    sockets.announce(1, 1)
    sockets.relay.closed(1)
    said = sockets.say(0, AnswerCarried(HASH, name(0), OFFERS[0].offer_id, "yes", name(1)))
    assert said == [(0, OffersFailure("the peer that offered has left", HASH))]


@pytest.mark.fault("F068")
def test_a_flood_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offer_relay, "MAX_SWARMS_OF_SOCKET", 3)
    monkeypatch.setattr(offer_relay, "MAX_SOCKETS_OF_HOST", 2)
    sockets = Sockets(1, allowance=Allowance(10, 1), limits=SwarmLimits(swarms=2))
    for number in range(2):
        assert isinstance(
            sockets.say(0, OffersAnnounce(bytes([number]) * 20, name(0)))[0][1], OffersAnnounced
        )
    assert "no room" in sockets.say(0, OffersAnnounce(b"c" * 20, name(0)))[0][1].sentence
    for _ in range(8):
        sockets.announce(0)
    assert "too often" in sockets.announce(0)[0][1].sentence
    sockets.relay.opened(8, "192.0.2.0")
    with pytest.raises(Refusal, match="2 sockets"):
        sockets.relay.opened(9, "192.0.2.0")
    sockets.relay.closed(8)
    sockets.relay.opened(9, "192.0.2.0")


def test_one_socket_is_in_so_many_swarms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offer_relay, "MAX_SWARMS_OF_SOCKET", 3)
    sockets = Sockets(1)
    said = [sockets.say(0, OffersAnnounce(bytes([number]) * 20, name(0)))[0][1] for number in range(4)]
    assert isinstance(said[3], OffersFailure)


def test_old_offers_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offer_relay, "MAX_OPEN_OFFERS", 3)
    sockets = Sockets(2)
    sockets.announce(0)
    for number in range(5):
        sockets.say(1, OffersAnnounce(HASH, name(1), (OFFERS[number],)))
    answers = [
        sockets.say(0, AnswerCarried(HASH, name(0), OFFERS[number].offer_id, "yes", name(1)))[0][0]
        for number in range(5)
    ]
    assert answers == [0, 0, 1, 1, 1]  # the first two are failures, to the one that answers


def test_what_is_senseless_is_said_and_the_socket_stays() -> None:
    sockets = Sockets(1)
    [(to, failure)] = sockets.say(0, '{"action":"announce","info_hash":"abc"}')
    assert (to, failure.info_hash) == (0, b"")
    assert "20 characters" in failure.sentence
    assert sockets.relay.ignored == {"malformed": 1}
    assert len(sockets.announce(0)) == 1


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 3)), max_size=40))
def test_counts_and_members_stay_true(steps: list[tuple[int, int, int]]) -> None:
    sockets = Sockets(4)
    for socket, doing, offers in steps:
        if doing == 0:
            sockets.relay.closed(socket)
            sockets.relay.opened(socket, f"192.0.2.{socket}")
        elif doing == 1:
            sockets.announce(socket, event=Event.STOPPED)
        else:
            sockets.announce(socket, offers, left=doing - 2)
        present = sockets.relay._present.get(HASH, {})
        counts = sockets.relay.core.swarms.counts(HASH)
        assert counts.seeders + counts.leechers == len(present)
        assert counts.seeders == sum(one.is_seeder[HASH] for one in present.values())
    for socket in range(4):
        sockets.relay.closed(socket)
    assert len(sockets.relay.core.swarms) == 0
    assert not sockets.relay._owners
