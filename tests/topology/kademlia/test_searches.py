"""Searches: what each step asks, what a response means, when one has ended; and among machines."""

from __future__ import annotations

import pytest

from p2plib.errors import UsageError
from p2plib.machine.addresses import Address, Contact
from p2plib.population.machines import address_of
from p2plib.topology.kademlia import messages as wire
from p2plib.topology.kademlia.asking import Step
from p2plib.topology.kademlia.density import Density
from p2plib.topology.kademlia.parts import GetDone, PutDone, Settings, Timer
from p2plib.topology.kademlia.searches import STORING, Search, Searches, SearchKind
from p2plib.topology.kademlia.store import Validator, key_of
from p2plib.topology.kademlia.table import RoutingTable
from tests.topology.kademlia.network import Outbox, grown, outcome_of

BITS = 8
VALUE = b"a value"
KEY = key_of(VALUE, BITS)
OWN_ID = KEY ^ 0x80
NEAR = [Contact(KEY ^ distance, address_of(distance)) for distance in (2, 4, 8)]


class Searching:
    """A peer that knows those of `NEAR`, and has begun a search for a key."""

    def __init__(self, kind: SearchKind, settings: Settings, value: bytes | None = None) -> None:
        self.outbox, self.ended, self.ignored = Outbox(OWN_ID), list[Search](), list[str]()
        table = RoutingTable(OWN_ID, bits=BITS, k=settings.k)
        for contact in NEAR:
            table.answered(contact, 0.0)
        self.searches = Searches(
            settings,
            table,
            Density(table, self.outbox.told.append),
            self.outbox.asker,
            self.outbox.timers,
            lambda search, now: self.ended.append(search),
            self.ignored.append,
        )
        self.number = self.searches.start(kind, KEY, 0.0, value)

    def nodes(self, contact: Contact, *named: Contact) -> None:
        response = wire.Nodes(1, contact.id, b"token", named)
        self.searches.answered(Step(self.number, contact), response, 1.0)

    def found(self, contact: Contact, value: bytes) -> None:
        self.searches.answered(Step(self.number, contact), wire.Found(1, contact.id, value), 1.0)


@pytest.mark.parametrize("kind", SearchKind)
def test_each_step_asks_for_what_the_search_is_for(kind: SearchKind) -> None:
    searching = Searching(kind, Settings(bits=BITS, k=3, alpha=2))
    asked = searching.outbox.asked()
    assert [address for _, address in asked] == [contact.address for contact in NEAR[:2]]
    for message, _ in asked:
        if kind is SearchKind.GET:
            assert message == wire.FindValue(message.transaction, OWN_ID, KEY)
        else:
            assert message == wire.FindNode(message.transaction, OWN_ID, KEY)
    assert searching.outbox.awaited() == [Step(searching.number, contact) for contact in NEAR[:2]]


def test_it_goes_on_with_whom_it_is_told_of_and_ends_once() -> None:
    searching = Searching(SearchKind.FIND, Settings(bits=BITS, k=5))
    searching.outbox.asked()
    nearer, too_long = Contact(KEY ^ 1, address_of(9)), Contact(1 << BITS, address_of(10))
    searching.nodes(NEAR[0], too_long, nearer)
    assert [address for _, address in searching.outbox.asked()] == [nearer.address]
    searching.searches.failed(Step(searching.number, NEAR[1]), 1.0)
    searching.nodes(nearer)
    assert searching.ended == []
    searching.nodes(NEAR[2])
    (search,) = searching.ended
    assert len(searching.searches) == 0
    assert search.lookup.closest == [nearer, NEAR[0], NEAR[2]]
    assert search.tokens == {contact.id: b"token" for contact in (nearer, NEAR[0], NEAR[2])}
    searching.searches.failed(Step(searching.number, NEAR[1]), 2.0)  # late, and under another id
    searching.nodes(NEAR[1])
    assert searching.ended == [search]
    assert searching.outbox.asked() == []


def test_a_hedged_search_asks_one_more_when_a_response_is_slow() -> None:
    searching = Searching(SearchKind.GET, Settings(bits=BITS, k=5, alpha=1, hedged=True))
    timers, addresses = searching.outbox.timers, []
    now = 0.0
    for _ in range(3):
        addresses += [address for _, address in searching.outbox.asked()]
        now += searching.outbox.asker.slow_s(addresses[-1])
        assert [about for timer, about in timers.due(now) if timer is Timer.HEDGE] == [searching.number]
        searching.searches.slow(searching.number, now)
    assert addresses == [contact.address for contact in NEAR]
    assert searching.outbox.asked() == []  # nobody else is known
    searching.found(NEAR[1], VALUE)
    assert [search.value for search in searching.ended] == [VALUE]
    searching.searches.slow(searching.number, 9.0)  # it has ended


def test_a_hedge_is_called_off_when_the_search_ends() -> None:
    searching = Searching(SearchKind.GET, Settings(bits=BITS, k=5, alpha=1, hedged=True))
    searching.found(NEAR[0], VALUE)
    assert [timer for timer, _ in searching.outbox.timers.due(100.0) if timer is Timer.HEDGE] == []


def test_a_get_ends_with_the_first_valid_value() -> None:
    searching = Searching(SearchKind.GET, Settings(bits=BITS, k=3))
    searching.found(NEAR[0], b"forged")
    assert searching.ended == []
    assert searching.ignored == ["useless response"]
    searching.found(NEAR[1], VALUE)
    (search,) = searching.ended
    assert search.value == VALUE
    assert (search.lookup.queries, search.lookup.failures) == (3, 1)


def test_where_values_can_change_all_are_asked_and_the_best_counts() -> None:
    newer = Validator(valid=lambda key, value, bits: True, better=lambda new, old: new > old)
    searching = Searching(SearchKind.GET, Settings(bits=BITS, k=3, validator=newer), b"2 kept")
    for contact, value in zip(NEAR, (b"1 old", b"3 new", b"2 same"), strict=True):
        assert searching.ended == []
        searching.found(contact, value)
    assert [search.value for search in searching.ended] == [b"3 new"]


def test_what_answers_no_step_is_of_no_use() -> None:
    searching = Searching(SearchKind.FIND, Settings(bits=BITS, k=3))
    for contact, response in zip(
        NEAR, (wire.Found(1, 1, VALUE), wire.Pong(1, 1), wire.Refused(1, 1, wire.ID_TAKEN)), strict=True
    ):
        searching.searches.answered(Step(searching.number, contact), response, 1.0)
    assert searching.ignored == ["useless response"] * 3
    assert [search.lookup.failures for search in searching.ended] == [3]
    with pytest.raises(UsageError, match="a target is"):
        searching.searches.start(SearchKind.FIND, 1 << BITS, 0.0)


def test_a_rule_of_ones_own_lets_values_change() -> None:
    """The better of two values wins everywhere, whoever has the older one."""
    newer = Validator(valid=lambda key, value, bits: len(value) > 1, better=lambda new, old: new[0] > old[0])
    world, peers = grown(20, Settings(k=4, validator=newer), seed=10)
    outcome_of(world, peers, 0, PutDone, "put", 7, b"1 old")
    outcome_of(world, peers, 3, PutDone, "put", 7, b"2 new")
    outcome_of(world, peers, 5, PutDone, "put", 7, b"1 replayed")
    holders = [p for p in peers if 7 in p.values]
    holders[0].values._kept[7].data = b"1 old"
    asking = next(i for i, p in enumerate(peers) if 7 not in p.values)
    for number in (asking, peers.index(holders[0])):  # and whoever keeps the older one asks the others, too
        done = outcome_of(world, peers, number, GetDone, "get", 7)
        assert isinstance(done, GetDone)
        assert done.value == b"2 new"


@pytest.mark.parametrize("way", ["there", "back"])
def test_in_a_small_network_no_living_peer_is_left_out_of_a_put_because_a_datagram_was_lost(way: str) -> None:
    world, peers = grown(5)
    lost: list[Address] = []

    def cut(source: Address, target: Address) -> bool:
        other = target if way == "there" else source
        is_first = other != address_of(0) and other not in lost
        lost.extend([other] * is_first)
        return is_first

    world.cut = cut
    done = outcome_of(world, peers, 0, PutDone, "put", key_of(VALUE), VALUE)
    assert sorted(lost) == [address_of(number) for number in range(1, 5)]
    assert done == PutDone(done.number, key_of(VALUE), 5, 5, here=1)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", SearchKind)
def test_those_that_failed_are_asked_once_more_if_fewer_than_k_are_there_to_store(kind: SearchKind) -> None:
    for k in (2, 3):
        searching = Searching(kind, Settings(bits=BITS, k=k), VALUE)
        for contact in NEAR[:k]:
            searching.outbox.asked()
            searching.searches.failed(Step(searching.number, contact), 1.0)
        left = [contact for contact in NEAR[:k] if kind in STORING]
        assert [address for _, address in searching.outbox.asked()] == [contact.address for contact in left]
        for contact in left:
            assert searching.ended == []
            searching.searches.failed(Step(searching.number, contact), 2.0)
        (search,) = searching.ended
        assert (search.lookup.queries, search.lookup.failures) == (k, k)


def test_a_search_that_found_k_peers_asks_nobody_twice() -> None:
    searching = Searching(SearchKind.PUT, Settings(bits=BITS, k=2), VALUE)
    searching.searches.failed(Step(searching.number, NEAR[0]), 1.0)
    searching.nodes(NEAR[1], NEAR[2])
    searching.outbox.asked()
    searching.nodes(NEAR[2])
    assert len(searching.ended) == 1
    assert searching.outbox.asked() == []
