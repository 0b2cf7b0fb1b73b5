"""The routing table: who gets in, who stays, and who is nearest."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import UsageError
from p2plib.machine.addresses import Contact
from p2plib.population.machines import address_of
from p2plib.topology.kademlia.table import MAX_FAILURES, NO_LIMITS, Limits, RoutingTable, Verdict


def contact(ident: int, number: int | None = None) -> Contact:
    return Contact(ident, address_of(ident % 65_000 if number is None else number))


def filled(own_id: int, idents: list[int], k: int = 20, bits: int = 16) -> RoutingTable:
    table = RoutingTable(own_id, bits=bits, k=k)
    for ident in idents:
        table.answered(contact(ident), 0.0)
    return table


@given(
    st.integers(0, 65_535),
    st.lists(st.integers(0, 65_535), unique=True, max_size=60),
    st.integers(0, 65_535),
    st.integers(1, 70),
)
def test_the_closest_against_sorting(own: int, idents: list[int], target: int, count: int) -> None:
    table = RoutingTable(own, bits=16, k=60)
    for number, ident in enumerate(idents):
        table.answered(contact(ident, number), 0.0)
    judge = sorted((ident for ident in idents if ident != own), key=lambda ident: ident ^ target)
    assert [near.id for near in table.closest(target, count)] == judge[:count]
    for without in judge[:3]:
        others = [ident for ident in judge if ident != without]
        assert [near.id for near in table.closest(target, count, without=without)] == others[:count]
    assert len(table) == len(judge)


def test_in_place_of_who_is_left_out_the_next_one_is_named() -> None:
    table = filled(0, [1, 2, 4, 8])
    assert [near.id for near in table.closest(1, 2, without=1)] == [2, 4]
    assert [near.id for near in table.closest(1, 2, without=99)] == [1, 2]


def test_buckets_are_by_the_highest_bit_that_differs() -> None:
    table = filled(0b1000, [0b1001, 0b1010, 0b1011, 0b0000, 0b1111])
    held = [sorted(bucket.entries) for bucket in table.buckets[:4]]
    assert held == [[0b1001], [0b1010, 0b1011], [0b1111], [0b0000]]
    assert table.nearest_bucket == 0
    assert RoutingTable(1).nearest_bucket is None


@pytest.mark.fault("F074")
def test_a_living_old_contact_is_kept_and_the_newcomer_waits() -> None:
    table = filled(0, [0x8001, 0x8002], k=2)
    assert table.answered(contact(0x8003), 10.0) is Verdict.FULL
    oldest = table.oldest(0x8003)
    assert oldest is not None
    assert oldest.contact.id == 0x8001
    assert table.answered(contact(0x8001), 11.0) is Verdict.KNOWN  # it is there, and becomes the freshest
    assert list(table.bucket_of(0x8001).entries) == [0x8002, 0x8001]
    assert list(table.bucket_of(0x8001).spares) == [0x8003]


@pytest.mark.fault("F074")
def test_a_dead_old_contact_gives_its_place_to_who_waits() -> None:
    table = filled(0, [0x8001, 0x8002], k=2)
    table.answered(contact(0x8003), 10.0)
    assert table.failed(0x8001) == contact(0x8003)
    assert table.closest(0, 5) == [contact(0x8002)]  # the doubtful one is told to nobody
    assert table.closest(0, 5, doubtful=True) == [contact(0x8001), contact(0x8002)]
    assert table.answered(contact(0x8003), 11.0) is Verdict.ADDED
    assert list(table.bucket_of(0x8001).entries) == [0x8002, 0x8003]


def test_a_doubtful_one_that_answers_is_sound_again() -> None:
    table = filled(0, [0x8001, 0x8002], k=2)
    for _ in range(MAX_FAILURES - 1):
        assert table.failed(0x8001) is None
    assert table.answered(contact(0x8001), 5.0) is Verdict.KNOWN
    assert len(table.closest(0, 5)) == 2
    assert table.answered(contact(0x8003), 6.0) is Verdict.FULL


@pytest.mark.fault("F095")
def test_the_dead_are_forgotten_unless_everybody_looks_dead() -> None:
    table = filled(0, [0x8001, 0x8002])
    for _ in range(MAX_FAILURES):
        table.failed(0x8001)
    assert table.find(0x8001) is None
    for _ in range(3 * MAX_FAILURES):
        table.failed(0x8002)  # the last one: it may be our own link that is dead
    assert table.closest(0, 5, doubtful=True) == [contact(0x8002)]


@pytest.mark.slow
@pytest.mark.fault("F073")
def test_a_million_ids_from_one_network_get_two_places_in_a_bucket() -> None:
    table, rng = RoutingTable(0, bits=160), random.Random(1)
    for i in range(1_000_000):
        table.answered(Contact(rng.getrandbits(160), (f"203.0.113.{i % 256}", 1024 + i // 256)), i)
    assert len(table) <= 10
    assert len({entry.contact.address[0] for entry in table}) == len(table)
    assert max(len(bucket.entries) for bucket in table.buckets) == 2
    assert sum(len(bucket.spares) for bucket in table.buckets) == 0
    assert len(table._hosts) == len(table)
    assert len(table._networks) == 1
    assert table.answered(Contact(2**159, ("198.51.100.1", 1)), 0.0) is Verdict.ADDED  # honest ones have room


@pytest.mark.fault("F073")
def test_one_address_has_one_id_the_last_to_answer() -> None:
    table = filled(0, [0x8001])
    again = Contact(0x4001, contact(0x8001).address)
    assert table.answered(again, 1.0) is Verdict.ADDED
    assert [entry.contact for entry in table] == [again]
    elsewhere = Contact(0x2001, (again.address[0], 5))
    assert table.answered(elsewhere, 2.0) is Verdict.HOST_FULL


def test_a_restarted_peer_takes_its_own_place_in_a_full_bucket() -> None:
    table = filled(0, [0x8001, 0x8002], k=2)
    again = Contact(0x8007, contact(0x8001).address)
    assert table.answered(again, 1.0) is Verdict.ADDED
    assert list(table.bucket_of(0x8001).entries) == [0x8002, 0x8007]


def test_a_restarted_peer_takes_its_own_place_of_a_network_that_has_its_share() -> None:
    table = RoutingTable(0, bits=16, k=8)
    first, second, third = (Contact(0x8000 + i, (f"203.0.113.{i}", 4000)) for i in (1, 2, 3))
    assert table.answered(first, 0.0) is table.answered(second, 0.0) is Verdict.ADDED
    assert table.answered(third, 0.0) is Verdict.NETWORK_FULL
    again = Contact(0x8007, first.address)
    assert table.answered(again, 1.0) is Verdict.ADDED
    assert list(table.bucket_of(0x8001).entries) == [second.id, again.id]


@pytest.mark.fault("F099")
@pytest.mark.finding("T3")
@pytest.mark.parametrize(
    "limits", [Limits(1, None, None), Limits(None, 1, None), Limits(None, None, 1)], ids=str
)
def test_a_peer_that_was_restarted_on_another_port_does_not_take_a_second_place(limits: Limits) -> None:
    """What its host and its network may have is what it had itself."""
    table = RoutingTable(0, bits=16, limits=limits)
    old, new = (Contact(0x8001, ("192.0.2.1", port)) for port in (4000, 4001))
    table.answered(old, 0.0)
    assert table.may_enter(new) is Verdict.ID_TAKEN
    table.wait(new)
    table.wait(contact(0x8002))
    assert table.failed(old.id) == contact(0x8002)  # one response may have been lost
    assert table.may_enter(new) is Verdict.ID_TAKEN
    assert table.failed(old.id, is_gone=True) == new
    assert table.answered(new, 1.0) is Verdict.ADDED
    assert [entry.contact for entry in table] == [new]


def test_an_id_belongs_to_who_had_it_first_while_that_one_lives() -> None:
    table = filled(0x10, [0x8001])
    twin = contact(0x8001, 7)
    assert table.answered(twin, 1.0) is Verdict.ID_TAKEN
    assert table.answered(contact(0x10), 1.0) is Verdict.OWN_ID
    assert table.answered(contact(0x1_0000, 8), 1.0) is Verdict.OUT_OF_RANGE
    assert table.find(0x8001).contact == contact(0x8001)  # type: ignore[union-attr]
    table.failed(0x8001)
    assert table.answered(twin, 2.0) is Verdict.ID_TAKEN
    table.failed(0x8001, is_gone=True)
    assert table.answered(twin, 2.0) is Verdict.ADDED
    assert [entry.contact for entry in table] == [twin]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 12)), max_size=80))
def test_the_counts_stay_true(calls: list[tuple[int, int, int]]) -> None:
    """Whatever happens: no bucket over k, the limits kept, and the counters are what counting says."""
    table = RoutingTable(0, bits=6, k=2, limits=Limits(2, 2, 4))
    for what, ident, place in calls:
        if what == 0:
            table.failed(ident, is_gone=place % 2 == 0)
        else:
            table.answered(Contact(ident, (f"192.0.{place % 3}.{place % 5}", 1 + place)), 0.0)
        entries = list(table)
        addresses = [entry.contact.address for entry in entries]
        assert len(table) == len(set(addresses)) == len(entries)
        assert all(len(bucket.entries) <= 2 and len(bucket.spares) <= 2 for bucket in table.buckets)
        assert table._sound == sum(entry.failures == 0 for entry in entries)
        hosts = [address[0] for address in addresses]
        assert dict(table._hosts) == {host: hosts.count(host) for host in hosts}
        assert max(table._hosts.values(), default=0) <= 2
        assert max(table._networks.values(), default=0) <= 4
        filled = sum(1 << i for i, bucket in enumerate(table.buckets) if bucket.entries)
        assert table._filled == filled


def test_spares_are_the_last_k_who_came() -> None:
    table = filled(0, [0x8001], k=1)
    for ident in (0x8002, 0x8003, 0x8002, 0x8004):
        table.answered(contact(ident), 0.0)
    assert list(table.bucket_of(0x8001).spares) == [0x8004]
    assert RoutingTable(0, limits=NO_LIMITS).limits.per_host is None


def test_bounds() -> None:
    for wrong in (
        lambda: RoutingTable(1, bits=0),
        lambda: RoutingTable(4, bits=2),
        lambda: RoutingTable(0, k=0),
    ):
        with pytest.raises(UsageError):
            wrong()
