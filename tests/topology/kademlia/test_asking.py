"""Requests with purposes: sent, repeated, answered and given up."""

from __future__ import annotations

from p2plib.machine.addresses import Contact
from p2plib.machine.requests import FIRST_TIMEOUT_S
from p2plib.population.machines import address_of
from p2plib.topology.kademlia.asking import Step
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
