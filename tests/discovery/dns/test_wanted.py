"""Wanted records: the changes lead from what a zone has to what it should have, whatever is known of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.dns.updates import apply, update_packet
from p2plib.discovery.dns.wanted import MAX_CHANGES, WantedRecords
from p2plib.discovery.dns.zone import NOERROR, Zone
from p2plib.discovery.mdns.packets import decode, encode
from p2plib.discovery.mdns.records import A, RecordType, Txt
from p2plib.errors import UsageError
from tests.discovery.dns.world import a_zone, name, record

SEED, POOL = name("seed.p2p.test"), name("pool.p2p.test")


def hosts(*numbers: int) -> list[A]:
    return [A(f"198.18.{n // 250}.{n % 250 + 1}") for n in numbers]


def send(zone: Zone, records: WantedRecords) -> int:
    """Sends what is due until nothing is; returns how many changes that took."""
    count = 0
    for _ in range(10):
        changes, after = records.changes()
        if not changes:
            return count
        assert len(changes) <= MAX_CHANGES
        count += len(changes)
        packet = decode(encode(update_packet(zone.apex, changes, 1)))
        assert apply(zone, packet, 0.0, None) == NOERROR
        records.done(after)
    raise AssertionError("it does not come to an end")


def test_at_first_whole_sets_are_sent_and_then_differences() -> None:
    zone, records = a_zone([record("seed.p2p.test", "192.0.2.99")]), WantedRecords(60)
    records.want(SEED, RecordType.A, hosts(1, 2, 3))
    assert records.is_behind
    assert send(zone, records) == 4
    assert set(zone.data(SEED, RecordType.A)) == set(hosts(1, 2, 3)), "what was there before is gone"
    assert not records.is_behind
    records.want(SEED, RecordType.A, hosts(2, 3, 4))
    assert send(zone, records) == 2
    assert set(zone.data(SEED, RecordType.A)) == set(hosts(2, 3, 4))
    records.want(SEED, RecordType.A, [])
    send(zone, records)
    assert not zone.exists(SEED)
    assert not records.wanted


def test_a_large_set_takes_several_updates() -> None:
    zone, records = a_zone(), WantedRecords(60)
    records.want(SEED, RecordType.A, hosts(*range(950)))
    records.want(POOL, RecordType.A, hosts(1))
    send(zone, records)
    assert len(zone.data(SEED, RecordType.A)) == 950
    assert len(zone.data(POOL, RecordType.A)) == 1


@given(
    st.lists(
        st.tuples(st.sampled_from(["want", "send", "lose", "unsure"]), st.sets(st.integers(0, 9))),
        max_size=25,
    )
)
def test_the_zone_ends_up_as_wanted(steps: list[tuple[str, set[int]]]) -> None:
    zone, records = a_zone(), WantedRecords(60)
    wanted: set[int] = set()
    for step, numbers in steps:
        match step:
            case "want":
                wanted = numbers
                records.want(SEED, RecordType.A, hosts(*numbers))
            case "send":
                send(zone, records)
                assert set(zone.data(SEED, RecordType.A)) == set(hosts(*wanted))
            case "lose":  # the server was away, and came back with an old zone
                zone.remove(SEED)
                records.is_unsure()
            case _:
                records.is_unsure()
    send(zone, records)
    assert set(zone.data(SEED, RecordType.A)) == set(hosts(*wanted))


def test_a_word_that_comes_while_an_update_is_under_way_counts() -> None:
    records = WantedRecords(60)
    records.want(SEED, RecordType.A, hosts(1))
    _, after = records.changes()
    records.want(SEED, RecordType.A, hosts(2))
    records.done(after)
    assert records.is_behind
    assert len(records.changes()[0]) == 2


def test_data_of_another_type_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match="of one type"):
        WantedRecords(60).want(SEED, RecordType.A, [Txt((b"a",))])


@pytest.mark.parametrize("is_sure", [True, False])
def test_full_sets_replace_each_other(is_sure: bool) -> None:
    zone, records = a_zone(), WantedRecords(60)
    for first, count in ((0, 1000), (2000, 500), (3000, 800), (4000, 1000), (4500, 1000)):
        records.want(SEED, RecordType.A, hosts(*range(first, first + count)))
        send(zone, records)
        assert set(zone.data(SEED, RecordType.A)) == set(hosts(*range(first, first + count)))
        if not is_sure:
            records.is_unsure()


def test_long_data_takes_several_updates_that_each_fit_into_a_packet() -> None:
    zone, records = a_zone(), WantedRecords(60)
    texts = [Txt((b"%03d" % number + b"x" * 200,)) for number in range(900)]
    records.want(SEED, RecordType.TXT, texts)
    for number in range(300):
        records.want(name("a" * 60 + f".{'b' * 60}.{number}.p2p.test"), RecordType.TXT, texts[:1])
    changes, _ = records.changes()
    assert len(encode(update_packet(zone.apex, changes, 1))) < 61_000
    send(zone, records)
    assert set(zone.data(SEED, RecordType.TXT)) == set(texts)
    assert zone.names == 302


def test_data_that_cannot_be_written_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match="no address"):
        WantedRecords(60).want(SEED, RecordType.A, [A("ana.example.com")])
    with pytest.raises(UsageError, match="4096 is the most"):
        WantedRecords(60).want(SEED, RecordType.TXT, [Txt((b"x" * 255,) * 17)])
