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
