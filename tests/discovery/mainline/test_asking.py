"""The queries under way: transactions, and which response belongs to which."""

from __future__ import annotations

import random

from p2plib.discovery.mainline import krpc
from p2plib.discovery.mainline.asking import KrpcAsker
from p2plib.discovery.mainline.messages import FindNodeQuery, PingQuery
from p2plib.discovery.mainline.parts import DhtTimer
from p2plib.machine.addresses import Address, Contact
from p2plib.machine.requests import Requests
from p2plib.machine.timers import Timers
from p2plib.topology.kademlia.asking import Check, Probe

THERE: Address = ("192.0.2.1", 4000)


def outbox(is_read_only: bool = False) -> tuple[KrpcAsker, list[tuple[bytes, Address]], Timers[DhtTimer]]:
    timers: Timers[DhtTimer] = Timers()
    sent: list[tuple[bytes, Address]] = []
    requests = Requests(random.Random(1), timers, DhtTimer.REQUEST)
    return KrpcAsker(7, requests, lambda *each: sent.append(each), is_read_only), sent, timers


def test_a_query_carries_our_id_and_a_transaction_that_finds_its_purpose() -> None:
    asker, sent, _ = outbox()
    probe = Probe(THERE, 1)
    asker.ask(FindNodeQuery, THERE, probe, 0.0, target=5)
    ((data, address),) = sent
    query = krpc.decode(data)
    assert isinstance(query, FindNodeQuery)
    assert (query.sender, query.target, query.version, address) == (7, 5, b"P2\x00\x01", THERE)
    assert not query.is_read_only
    assert asker.answered(query.transaction, ("192.0.2.1", 4001), 0.1) is None
    for other in (query.transaction[:-1], bytes(1) + query.transaction, b""):
        assert asker.answered(other, THERE, 0.1) is None
    assert asker.answered(query.transaction, THERE, 0.1) is probe
    assert asker.answered(query.transaction, THERE, 0.1) is None


def test_transactions_are_never_the_same_and_cannot_be_guessed() -> None:
    asker, sent, _ = outbox()
    for _ in range(1000):
        asker.ask(PingQuery, THERE, Probe(THERE, 1), 0.0)
    transactions = {krpc.decode(data).transaction for data, _ in sent}
    assert len(transactions) == 1000
    assert {len(each) for each in transactions} == {8}
    assert len({each[0] for each in transactions}) > 200


def test_a_check_is_a_ping_that_is_sent_again() -> None:
    asker, sent, timers = outbox(is_read_only=True)
    check = Check(Contact(5, THERE))
    asker.ping(check, 0.0, 2)
    for timer, about in timers.due(1.0):
        assert timer is DhtTimer.REQUEST
        assert asker.late(about, 1.0) is None
    assert [krpc.decode(data) for data, _ in sent] == [krpc.decode(sent[0][0])] * 2
    assert getattr(krpc.decode(sent[0][0]), "is_read_only")  # noqa: B009 (it may be any message)
    for _, about in timers.due(4.0):
        assert asker.late(about, 4.0) is check
