"""Peers that lie about ids, addresses and each other: what they may not bring about."""

from __future__ import annotations

import random

import pytest

from p2plib.machine.addresses import Address, Contact
from p2plib.population.machines import address_of
from p2plib.topology.kademlia import messages as wire
from p2plib.topology.kademlia.checks import HOLDER_TRIES
from p2plib.topology.kademlia.machine import Kademlia
from p2plib.topology.kademlia.parts import Settings
from p2plib.topology.kademlia.reachability import MAX_PASSED_ON
from p2plib.topology.kademlia.store import Validator

KEY = 1 << 200  # of more bits than the ids of the network
ANY_VALUE = Settings(k=8, validator=Validator(lambda key, value, bits: True, lambda one, other: True))


def knowing(*idents: int, settings: Settings = ANY_VALUE) -> Kademlia:
    """A peer with the id 5 that knows some others, each at the address of its id."""
    own = Kademlia(5, random.Random(1), settings=settings, address=address_of(5))
    for ident in idents:
        own.checks.answered(Contact(ident, address_of(ident)), 0.0)
    return own


def heard(own: Kademlia, message: object, source: Address, now: float) -> None:
    own.receive(wire.CODEC.encode(message), source, now)


def sent(own: Kademlia) -> list[tuple[object, Address]]:
    return [(wire.CODEC.decode(data), address) for data, address in own.to_send()]


def wake(own: Kademlia, until: float) -> None:
    """Lets time pass."""
    while (at := own.timer()) is not None and at <= until:
        own.on_timer(at)


def test_an_id_or_a_key_that_is_too_long_is_dropped_in_whatever_request_it_is() -> None:
    """A dial-back for such a peer was sent, and when no response came, the timer raised an IndexError."""
    own = knowing(6)
    token = own.tokens.give(address_of(6), 0.0)
    for request in (
        wire.FindNode(1, 6, KEY),
        wire.FindValue(2, 6, KEY),
        wire.Store(3, 6, token, KEY, 80_000, b"x"),
        wire.DialBackFor(4, 6, Contact(KEY, address_of(9))),
    ):
        heard(own, request, address_of(6), 0.0)
    wake(own, 7200.0)
    assert own.ignored == {"id out of range": 4}
    assert len(own.values) == 0


@pytest.mark.finding("T6")
def test_contacts_whose_responses_are_late_do_not_raise_the_limit_on_what_is_passed_on() -> None:
    own = knowing(6)
    for number in range(5):  # the same wish, and a response after it was given up, several times
        heard(own, wire.DialBack(1, 7, 1), address_of(7), 100.0 * number)
        (request,) = [one for one, _ in sent(own) if isinstance(one, wire.DialBackFor)]
        wake(own, 100.0 * number + 50)
        sent(own)
        heard(own, wire.Pong(request.transaction, 6), address_of(6), 100.0 * number + 50)
    for number in range(50):
        heard(own, wire.DialBack(1, 1000 + number, 1), address_of(1000 + number), 600.0)
    assert sum(isinstance(one, wire.DialBackFor) for one, _ in sent(own)) == MAX_PASSED_ON


@pytest.mark.finding("T8")
def test_a_contact_that_has_us_ask_a_victim_sends_as_many_bytes_as_the_victim_gets() -> None:
    own, victim = knowing(6), Contact(7, address_of(7))
    request = wire.DialBackFor(1, 6, victim)
    heard(own, request, address_of(6), 0.0)
    got = [data for data, to in own.to_send() if to == victim.address]
    wake(own, 60.0)
    got += [data for data, to in own.to_send() if to == victim.address]
    assert len(got) == 1
    assert len(got[0]) <= len(wire.CODEC.encode(request))


@pytest.mark.finding("T3")
@pytest.mark.parametrize("lives", [True, False])
def test_one_lost_response_does_not_give_the_id_of_a_living_peer_to_whoever_claims_it(lives: bool) -> None:
    """Whatever the lost response was to, the peer is asked as often as any whose id is claimed."""
    own, thief = knowing(6, 7), address_of(99)
    now, tries = 0.0, 0

    def others_answer() -> None:
        nonlocal tries
        for request, to in sent(own):
            if isinstance(request, wire.Ping):
                is_holder = to == address_of(6)
                tries += is_holder
                if not is_holder or (lives and tries == HOLDER_TRIES):
                    heard(own, wire.Pong(request.transaction, 6), to, now)

    heard(own, wire.Ping(1, 6), thief, now)
    for request, to in sent(own):
        if isinstance(request, wire.Ping):
            heard(own, wire.Pong(request.transaction, 6), to, now)  # it is there, so the thief waits
    own.find(6, now)
    wake(own, 30.0)  # the requests of this search are lost
    entry = own.table.find(6)
    assert entry is not None
    assert entry.failures == 1
    sent(own)
    now = 30.0
    heard(own, wire.Ping(2, 6), thief, now)
    others_answer()
    while (at := own.timer()) is not None and at < 60.0:
        now = at
        own.on_timer(now)
        others_answer()
    assert tries == HOLDER_TRIES
    entry = own.table.find(6)
    assert entry is not None
    assert entry.contact.address == (address_of(6) if lives else thief)
