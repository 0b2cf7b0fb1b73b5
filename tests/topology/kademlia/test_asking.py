"""Requests with purposes: sent, repeated, answered and given up."""

from __future__ import annotations

from p2plib.machine.addresses import Contact
from p2plib.machine.requests import FIRST_TIMEOUT_S
from p2plib.population.machines import address_of
from p2plib.topology.kademlia.asking import MAX_HOSTS, Check, Step
from p2plib.topology.kademlia.messages import Ping
from tests.topology.kademlia.network import Outbox

HERE, ELSEWHERE = address_of(1), address_of(2)


def test_a_response_belongs_to_the_purpose_of_its_request_and_to_its_address() -> None:
    outbox = Outbox(own_id=5)
    asker, purpose = outbox.asker, Step(1, Contact(7, HERE))
    transaction = asker.transaction()
    asker.ask(Ping(transaction, asker.own_id), HERE, purpose, 0.0)
    assert outbox.asked() == [(Ping(transaction, 5), HERE)]
    assert asker.answered(transaction, ELSEWHERE, 0.1) is None
    assert asker.answered(transaction ^ 1, HERE, 0.1) is None
    assert asker.answered(transaction, HERE, 0.1) is purpose
    assert asker.answered(transaction, HERE, 0.1) is None


def test_a_request_that_is_late_is_sent_again_and_then_given_up() -> None:
    outbox = Outbox(own_id=5)
    asker, purpose = outbox.asker, Step(1, Contact(7, HERE))
    request = Ping(asker.transaction(), asker.own_id)
    asker.ask(request, HERE, purpose, 0.0, tries=2)
    assert outbox.timers.first() == FIRST_TIMEOUT_S
    assert asker.late(request.transaction, FIRST_TIMEOUT_S) is None
    assert outbox.asked() == [(request, HERE), (request, HERE)]
    assert outbox.timers.first() == 3 * FIRST_TIMEOUT_S
    assert asker.late(request.transaction, 3 * FIRST_TIMEOUT_S) is purpose
    assert outbox.asked() == []
    assert asker.answered(request.transaction, HERE, 4.0) is purpose  # later than late, and told all the same


def test_of_many_hosts_those_asked_last_are_remembered_whenever_they_were_asked_first() -> None:
    """A host that is forgotten counts as a stranger, and its requests as a proof that strangers reach us."""
    outbox = Outbox()
    for number, host in enumerate([0, *range(MAX_HOSTS - 1), 0, MAX_HOSTS, MAX_HOSTS + 1]):
        now = number / 100
        outbox.asker.ask(Ping(number + 1, 0), address_of(host), Check(Contact(host, address_of(host))), now)
    for host in (0, MAX_HOSTS - 2, MAX_HOSTS + 1):
        assert outbox.asker.has_asked_lately(address_of(host)[0], now)
    assert not outbox.asker.has_asked_lately(address_of(1)[0], now)
