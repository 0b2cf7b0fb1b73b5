"""What comes after a lookup: who is asked to keep something, and what is said about it."""

from __future__ import annotations

from typing import Any

import pytest

from p2plib.discovery.mainline import krpc
from p2plib.discovery.mainline.deliveries import Announcement, Item
from p2plib.discovery.mainline.items import checked_immutable, sign_item
from p2plib.discovery.mainline.messages import (
    AnnounceQuery,
    GetPeersQuery,
    GetQuery,
    KrpcError,
    KrpcResponse,
    PutQuery,
)
from p2plib.discovery.mainline.parts import DhtStored
from p2plib.identity.keys import SecretKey
from p2plib.topology.kademlia.asking import Copy
from tests.discovery.mainline.network import said
from tests.discovery.mainline.test_machine import KEY, meet, node, other

SECRET = SecretKey.from_seed(bytes(32))
NODES = [other(number) for number in (3, 4, 5)]


def looked_up(kind: Any, begin: Any, tokens: dict[int, bytes]) -> tuple[Any, list[Any]]:
    """A machine whose lookup is over, and what it sends then; only some of the nodes gave a token."""
    machine = node()
    for contact in NODES:
        meet(machine, contact)
    begin(machine)
    for query, address in said(machine):
        assert isinstance(query, kind)
        at = [contact.address for contact in NODES].index(address)
        response = KrpcResponse(query.transaction, NODES[at].id, nodes=(), token=tokens.get(at))
        machine.receive(krpc.encode(response), address, 1.1)
    return machine, said(machine)


def test_only_nodes_that_gave_a_token_are_asked_and_each_is_shown_its_own() -> None:
    tokens = {0: b"t0", 2: b"t2"}
    machine, sent = looked_up(GetPeersQuery, lambda m: m.announce(KEY, 7000, 1.0), tokens)
    assert {(query.token, address) for query, address in sent} == {
        (b"t0", NODES[0].address),
        (b"t2", NODES[2].address),
    }
    assert all(isinstance(query, AnnounceQuery) and query.port == 7000 for query, _ in sent)
    (first, at), (second, there) = sent
    machine.receive(krpc.encode(KrpcResponse(first.transaction, _id_at(at))), at, 1.2)
    assert not machine.events()
    machine.receive(krpc.encode(KrpcError(second.transaction, 202, "full")), there, 1.3)
    (done,) = machine.events()
    assert done == DhtStored(done.number, KEY, 1, 2, 3, 202, "full")
    assert done.target == KEY.to_bytes(20, "big")


def _id_at(address: Any) -> int:
    return next(contact.id for contact in NODES if contact.address == address)


@pytest.mark.fault("F160")
def test_a_refusal_is_shown_without_what_would_write_elsewhere_on_a_screen() -> None:
    machine, ((query, address),) = looked_up(GetPeersQuery, lambda m: m.announce(KEY, 1, 1.0), {0: b"t"})
    refusal = KrpcError(query.transaction, 202, "full\n2026 all is well\x1b[2J \u202e")
    machine.receive(krpc.encode(refusal), address, 1.2)
    (done,) = machine.events()
    assert done.sentence == "full\ufffd2026 all is well\ufffd[2J \ufffd"


def test_nobody_gave_a_token() -> None:
    machine, sent = looked_up(GetPeersQuery, lambda m: m.announce(KEY, 7000, 1.0), {})
    assert not sent
    (done,) = machine.events()
    assert (done.copies, done.asked) == (0, 0)


def test_an_item_is_put_as_it_is() -> None:
    item = sign_item(SECRET, {b"x": 1}, 4, b"salt")
    _, sent = looked_up(GetQuery, lambda m: m.put(item, 1.0, 3), {0: b"t0"})
    ((query, _),) = sent
    assert isinstance(query, PutQuery)
    assert (query.value, query.key, query.salt) == ({b"x": 1}, SECRET.public.raw, b"salt")
    assert (query.seq, query.signature, query.cas) == (4, item.signature, 3)


def test_what_another_version_has_overtaken_is_not_put_again() -> None:
    item = sign_item(SECRET, b"x", 4)
    machine, ((query, address),) = looked_up(GetQuery, lambda m: m.put(item, 1.0), {1: b"t"})
    assert machine.deliveries.ours
    machine.receive(krpc.encode(KrpcError(query.transaction, 302, "old")), address, 1.2)
    assert not machine.deliveries.ours
    (done,) = machine.events()
    assert (done.code, done.copies) == (302, 0)


def test_a_version_that_we_have_replaced_ourselves_does_not_take_the_new_one_with_it() -> None:
    older, newer = sign_item(SECRET, b"x", 4), sign_item(SECRET, b"y", 5)
    machine, ((query, address),) = looked_up(GetQuery, lambda m: m.put(older, 1.0), {1: b"t"})
    machine.put(newer, 1.15)
    machine.receive(krpc.encode(KrpcError(query.transaction, 302, "old")), address, 1.2)
    assert [goods.item for goods in machine.deliveries.ours.values() if isinstance(goods, Item)] == [newer]


def test_after_the_first_time_an_item_replaces_any_version() -> None:
    machine = node()
    item = sign_item(SECRET, b"x", 4)
    machine.put(item, 0.0, 3)
    key = int.from_bytes(item.target, "big")
    assert machine.deliveries.ours[key] == Item(item, 3)
    machine.deliveries.publish_again(key, 3600.0)
    assert machine.deliveries.ours[key] == Item(item)
    machine.withdraw(key)
    machine.deliveries.publish_again(key, 7200.0)
    assert not machine.deliveries.ours


@pytest.mark.parametrize("is_late", [False, True])
def test_a_node_that_does_not_answer_is_asked_twice(is_late: bool) -> None:
    machine, sent = looked_up(GetPeersQuery, lambda m: m.announce(KEY, 7000, 1.0), {0: b"t0"})
    ((query, address),) = sent
    again: list[Any] = []
    for _ in range(40):
        at = machine.timer()
        if at is None or at > 30:
            break
        machine.on_timer(at)
        again += [m for m, to in said(machine) if isinstance(m, AnnounceQuery)]
    assert again == [query]
    (done,) = [event for event in machine.events() if isinstance(event, DhtStored)]
    assert (done.copies, done.asked) == (0, 1)
    if is_late:  # it was stored after all, which changes nothing
        machine.receive(krpc.encode(KrpcResponse(query.transaction, NODES[0].id)), address, 31.0)
        assert not [event for event in machine.events() if isinstance(event, DhtStored)]


def test_a_compare_and_swap_is_sent_only_once() -> None:
    item = sign_item(SECRET, b"x", 4)
    machine, sent = looked_up(GetQuery, lambda m: m.put(item, 1.0, 3), {0: b"t0"})
    puts = len(sent)
    for _ in range(40):
        at = machine.timer()
        if at is None or at > 30:
            break
        machine.on_timer(at)
        puts += sum(isinstance(query, PutQuery) for query, _ in said(machine))
    assert puts == 1  # a second copy would be refused by a node that had taken the first


def test_a_node_counts_once_whatever_it_says_afterwards() -> None:
    machine, sent = looked_up(GetPeersQuery, lambda m: m.announce(KEY, 7000, 1.0), {0: b"t", 1: b"t"})
    assert len(sent) == 2
    (number,) = machine.deliveries._under_way
    for is_kept in (False, True, True):
        machine.deliveries.over(Copy(number, NODES[0]), is_kept)
    machine.deliveries.over(Copy(number, NODES[1]), True)
    (done,) = machine.events()
    assert (done.copies, done.asked) == (1, 2)


def test_keys() -> None:
    item = checked_immutable(b"x")
    assert Item(item).key == int.from_bytes(item.target, "big")
    assert Announcement(KEY, 1).key == KEY
