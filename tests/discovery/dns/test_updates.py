"""Updates: all or nothing, what must hold first, what may be touched; dnspython writes some of them."""

from __future__ import annotations

from typing import Any

import pytest

from p2plib.discovery.dns import updates
from p2plib.discovery.dns.updates import (
    FORMERR,
    MAX_CHANGES,
    MAX_LEASE_S,
    MIN_LEASE_S,
    NOTAUTH,
    NOTZONE,
    NXRRSET,
    YXDOMAIN,
    YXRRSET,
    adding,
    apply,
    granted_lease_s,
    removing,
    removing_set,
    update_packet,
)
from p2plib.discovery.dns.zone import MAX_RECORDS, NOERROR, NXDOMAIN, REFUSED, Zone
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import DnsPacket, Question, decode, encode
from p2plib.discovery.mdns.records import A, Cname, Ns, OtherData, RecordType, ResourceRecord, Txt
from tests.discovery.dns.world import a_zone, name, record, swarm

APEX, SEED, LOCK = name("p2p.test"), name("seed.p2p.test"), name("lock.p2p.test")
ONE, TWO = A("192.0.2.1"), A("192.0.2.2")


def done(
    zone: Zone, *changes: ResourceRecord, needs: tuple[ResourceRecord, ...] = (), lease_s: int | None = None
) -> int:
    packet = update_packet(APEX, changes, 1, lease_s)
    packet = DnsPacket(packet.questions, needs, packet.authorities, packet.additionals, packet.flags, 1)
    return apply(zone, decode(encode(packet)), 0.0, lease_s)


def test_records_come_and_go() -> None:
    zone = a_zone()
    assert (
        done(zone, adding(SEED, ONE, 5), adding(SEED, TWO, 5), adding(SEED, Txt((b"id=abc",)), 5)) == NOERROR
    )
    assert zone.data(SEED, RecordType.A) == (ONE, TWO)
    assert done(zone, removing(SEED, ONE)) == NOERROR
    assert zone.data(SEED, RecordType.A) == (TWO,)
    assert done(zone, removing_set(SEED, RecordType.TXT)) == NOERROR
    assert zone.types(SEED) == (RecordType.A,)
    assert done(zone, removing_set(SEED)) == NOERROR
    assert not zone.exists(SEED)
    assert done(zone, removing_set(SEED), removing(SEED, ONE)) == NOERROR, "what is not there can be removed"


def test_order_counts() -> None:
    zone = a_zone([record("seed.p2p.test", "192.0.2.1")])
    assert done(zone, removing_set(SEED), adding(SEED, TWO, 5)) == NOERROR
    assert zone.data(SEED, RecordType.A) == (TWO,)


def test_dnspython_writes_updates_that_we_read() -> None:
    dns_update: Any = pytest.importorskip("dns.update")
    update = dns_update.UpdateMessage("p2p.test")
    update.delete("old")
    update.delete("seed", "TXT")
    update.delete("seed", "A", "192.0.2.1")
    update.add("seed", 5, "A", "192.0.2.2")
    update.add("_p2p._tcp", 5, "SRV", "10 5 7000 n11.p2p.test.")
    update.absent("lock")
    update.present("seed")
    zone = a_zone([record("seed.p2p.test", "192.0.2.1"), record("old.p2p.test", "192.0.2.9")])
    assert apply(zone, decode(update.to_wire()), 0.0, None) == NOERROR
    assert zone.data(SEED, RecordType.A) == (TWO,)
    assert not zone.exists(name("old.p2p.test"))
    assert len(zone.data(name("_p2p._tcp.p2p.test"), RecordType.SRV)) == 1


ABSENT = ResourceRecord(LOCK, OtherData(RecordType.ANY, b""), 0, 254)
NO_A = ResourceRecord(SEED, OtherData(RecordType.A, b""), 0, 254)
HAS_A = removing_set(SEED, RecordType.A)  # of class ANY without data: in this place it means "is there"
PRESENT = removing_set(SEED)
IS_ONE = ResourceRecord(SEED, ONE, 0)
IS_TWO = ResourceRecord(SEED, TWO, 0)


@pytest.mark.parametrize(
    ("needs", "empty", "full"),
    [
        ((ABSENT,), NOERROR, YXDOMAIN),
        ((NO_A,), NOERROR, YXRRSET),
        ((HAS_A,), NXRRSET, NOERROR),
        ((PRESENT,), NXDOMAIN, NOERROR),
        ((IS_ONE,), NXRRSET, NXRRSET),
        ((IS_ONE, IS_TWO), NXRRSET, NOERROR),
        ((ABSENT, HAS_A), NXRRSET, YXDOMAIN),
        ((record("example.com", "192.0.2.1", 0),), NOTZONE, NOTZONE),
        ((ResourceRecord(SEED, ONE, 5),), FORMERR, FORMERR),
        ((ResourceRecord(SEED, ONE, 0, 254),), FORMERR, FORMERR),
        ((ResourceRecord(SEED, ONE, 0, 3),), FORMERR, FORMERR),
    ],
)
def test_what_must_hold(needs: tuple[ResourceRecord, ...], empty: int, full: int) -> None:
    """RFC 2136, 2.4 and 3.2."""
    there = [
        record("seed.p2p.test", "192.0.2.1"),
        record("seed.p2p.test", "192.0.2.2"),
        record("lock.p2p.test", "192.0.2.3"),
    ]
    mark = name("mark.p2p.test")
    for zone, expected in ((a_zone(), empty), (a_zone(there), full)):
        assert done(zone, adding(mark, ONE, 5), needs=needs) == expected
        assert zone.exists(mark) == (expected == NOERROR), "all or nothing"


def test_the_lock_that_one_of_two_gets() -> None:
    zone = a_zone()
    codes = [done(zone, adding(LOCK, Txt((who,)), 5), needs=(ABSENT,)) for who in (b"ana", b"ben")]
    assert codes == [NOERROR, YXDOMAIN]
    assert zone.data(LOCK, RecordType.TXT) == (Txt((b"ana",)),)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (adding(name("example.com"), ONE, 5), NOTZONE),
        (adding(APEX, Ns(LOCK), 5), REFUSED),
        (adding(LOCK, Cname(SEED), 5), REFUSED),
        (removing_set(APEX, RecordType.NS), REFUSED),
        (ResourceRecord(SEED, OtherData(RecordType.A, b""), 5), FORMERR),
        (ResourceRecord(SEED, OtherData(RecordType.ANY, b"x"), 0, 255), FORMERR),
        (ResourceRecord(SEED, ONE, 0, 255), FORMERR),
        (ResourceRecord(SEED, ONE, 5, 254), FORMERR),
        (ResourceRecord(SEED, OtherData(RecordType.ANY, b""), 0, 254), FORMERR),
        (ResourceRecord(SEED, ONE, 5, 3), FORMERR),
    ],
)
def test_a_change_that_is_refused_takes_the_others_with_it(change: ResourceRecord, code: int) -> None:
    zone = a_zone()
    assert done(zone, adding(SEED, ONE, 5), change) == code
    assert not zone.exists(SEED)


def test_removing_all_of_the_apex_leaves_its_name_server() -> None:
    zone = a_zone([record("p2p.test", "192.0.2.1")])
    assert done(zone, removing_set(APEX)) == NOERROR
    assert zone.types(APEX) == (RecordType.NS, RecordType.SOA)


def test_the_zone_must_be_ours() -> None:
    def answer(*questions: Question) -> int:
        return apply(a_zone(), DnsPacket(questions, flags=5 << 11), 0.0, None)

    assert answer() == FORMERR
    assert answer(Question(APEX, RecordType.A)) == FORMERR
    assert answer(Question(APEX, RecordType.SOA), Question(APEX, RecordType.SOA)) == FORMERR
    assert answer(Question(DomainName.parse("example.com"), RecordType.SOA)) == NOTAUTH
    assert answer(Question(APEX, RecordType.SOA, 3)) == NOTAUTH
    assert answer(Question(APEX, RecordType.SOA)) == NOERROR


def test_what_does_not_fit_is_refused_as_a_whole() -> None:
    zone = a_zone(swarm(MAX_RECORDS - 1))
    assert done(zone, adding(SEED, ONE, 5), adding(SEED, TWO, 5)) == REFUSED
    assert len(zone.data(SEED, RecordType.A)) == MAX_RECORDS - 1
    many = [adding(LOCK, A(f"198.18.{n // 250}.{n % 250 + 1}"), 5) for n in range(MAX_CHANGES + 1)]
    assert done(zone, *many) == REFUSED
    assert done(zone, *many[:-1]) == NOERROR


def test_leases_are_bounded() -> None:
    assert [granted_lease_s(asked) for asked in (None, 0, 300, 10**9)] == [
        None,
        MIN_LEASE_S,
        300,
        MAX_LEASE_S,
    ]
    zone = a_zone()
    assert done(zone, adding(SEED, ONE, 5), lease_s=100) == NOERROR
    assert zone.next_end() == 100


def test_a_full_set_may_be_replaced_whole() -> None:
    zone = a_zone(swarm(MAX_RECORDS))
    new = [adding(SEED, A(f"192.0.2.{n}"), 5) for n in range(200)]
    assert done(zone, removing_set(SEED), *new) == NOERROR
    assert len(zone.data(SEED, RecordType.A)) == 200
    more = [adding(SEED, A(f"198.51.100.{n}"), 5) for n in range(200)]
    assert done(zone, *[removing(SEED, each.data) for each in new[:100]], *more) == NOERROR
    assert len(zone.data(SEED, RecordType.A)) == 300


def test_there_must_be_room_at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    zone = a_zone(swarm(MAX_RECORDS))
    assert done(zone, adding(SEED, ONE, 5), removing_set(SEED)) == REFUSED, "for a moment it is too much"
    assert len(zone.data(SEED, RecordType.A)) == MAX_RECORDS
    monkeypatch.setattr(updates, "MAX_NAMES", 3)
    assert done(zone, adding(LOCK, ONE, 5)) == NOERROR
    assert done(zone, adding(name("a.p2p.test"), ONE, 5)) == REFUSED
    assert done(zone, removing_set(LOCK), adding(name("a.p2p.test"), ONE, 5)) == NOERROR
    monkeypatch.setattr(updates, "MAX_IN_ALL", zone.records)
    assert done(zone, adding(LOCK, ONE, 5)) == REFUSED
    assert done(zone, adding(name("a.p2p.test"), ONE, 9)) == NOERROR


def test_what_is_too_long_is_refused() -> None:
    zone = a_zone()
    assert done(zone, adding(SEED, ONE, 5), adding(SEED, Txt((b"x" * 255,) * 17), 5)) == REFUSED
    assert not zone.exists(SEED)


def test_what_is_added_to_an_alias_is_passed_over() -> None:
    """RFC 2136, 3.4.2.2."""
    zone = a_zone([record("lock.p2p.test", Cname(SEED))])
    assert done(zone, adding(LOCK, ONE, 5), adding(SEED, ONE, 5)) == NOERROR
    assert zone.types(LOCK) == (RecordType.CNAME,)
    assert zone.data(SEED, RecordType.A) == (ONE,)
