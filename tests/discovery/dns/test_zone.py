"""Zones: what is answered, dealt, leased, and how much fits."""

from __future__ import annotations

from collections import Counter

import pytest

from p2plib.discovery.dns import zone as zones
from p2plib.discovery.dns.deck import chi_square
from p2plib.discovery.dns.zone import (
    MAX_ALIASES,
    MAX_DATA_BYTES,
    MAX_NAMES,
    MAX_RECORDS,
    NOERROR,
    NXDOMAIN,
    REFUSED,
    Zone,
)
from p2plib.discovery.mdns.packets import Question
from p2plib.discovery.mdns.records import (
    A,
    Cname,
    Ns,
    OtherData,
    Rdata,
    RecordType,
    ResourceRecord,
    Soa,
    Srv,
    Txt,
)
from p2plib.errors import UsageError
from tests.discovery.dns.world import a_zone, name, record, service, swarm, text


def asked(zone: Zone, owner: str, number: int = RecordType.A, now: float = 0.0) -> list[str]:
    answer = zone.answer(Question(name(owner), number), now)
    return sorted(str(each) for each in answer.answers)


def rcode(zone: Zone, owner: str, number: int = RecordType.A) -> int:
    return zone.answer(Question(name(owner), number), 0.0).rcode


def test_what_is_there_is_answered_in_any_case() -> None:
    zone = a_zone([record("seed.p2p.test", "192.0.2.7", 30)])
    assert asked(zone, "SEED.p2p.TEST") == ["SEED.p2p.TEST. 30 A 192.0.2.7"] or asked(zone, "SEED.p2p.test")
    answer = zone.answer(Question(name("seed.p2p.test"), RecordType.A), 0.0)
    assert (answer.rcode, answer.authorities) == (NOERROR, ())


def test_what_is_not_there_comes_with_the_start_of_the_zone() -> None:
    zone = a_zone([record("a.b.p2p.test", "192.0.2.7")])
    assert rcode(zone, "nobody.p2p.test") == NXDOMAIN
    assert rcode(zone, "b.p2p.test") == NOERROR, "a name above another one exists, without records"
    assert rcode(zone, "a.b.p2p.test", RecordType.TXT) == NOERROR
    for owner in ("nobody.p2p.test", "b.p2p.test"):
        (soa,) = zone.answer(Question(name(owner), RecordType.A), 0.0).authorities
        assert isinstance(soa.data, Soa)
    zone.remove(name("a.b.p2p.test"))
    assert rcode(zone, "b.p2p.test") == NXDOMAIN


@pytest.mark.parametrize("owner", ["example.com", "test", "xp2p.test", "."])
def test_other_zones_are_somebody_elses(owner: str) -> None:
    assert rcode(a_zone(), owner) == REFUSED


def test_another_class_is_refused() -> None:
    assert a_zone().answer(Question(name("p2p.test"), RecordType.SOA, 3), 0.0).rcode == REFUSED


def test_the_apex_has_a_start_and_a_name_server_that_stay() -> None:
    zone = a_zone()
    assert len(asked(zone, "p2p.test", RecordType.SOA)) == 1
    assert len(asked(zone, "p2p.test", RecordType.NS)) == 1
    assert zone.remove(name("p2p.test")) == 0
    assert isinstance(zone.data(zone.apex, RecordType.NS)[0], Ns)
    with pytest.raises(UsageError, match="does not belong"):
        zone.add(zone.soa, 0.0)


def test_a_part_of_the_zone_is_not_given_away() -> None:
    with pytest.raises(UsageError, match="does not belong"):
        a_zone([record("sub.p2p.test", Ns(name("ns.example.com")))])


@pytest.mark.parametrize("number", [41, 249, 251, 252, 253, 254])
def test_the_whole_zone_is_not_for_everybody(number: int) -> None:
    assert rcode(a_zone(swarm(3)), "p2p.test", number) == REFUSED


def test_a_bit_of_multicast_dns_makes_another_class() -> None:
    question = Question(name("seed.p2p.test"), RecordType.A, wants_unicast=True)
    assert a_zone(swarm(3)).answer(question, 0.0).rcode == REFUSED


# Aliases --------------------------------------------------------------------------------------------------


def alias(owner: str, target: str) -> ResourceRecord:
    return record(owner, Cname(name(target)))


def test_an_alias_is_answered_with_what_it_stands_for() -> None:
    """RFC 1034, 4.3.2; the name at the end decides whether there is anything (RFC 6604)."""
    zone = a_zone([
        alias("www.p2p.test", "seed.p2p.test"), record("seed.p2p.test", "192.0.2.7"),
        alias("far.p2p.test", "example.com"), alias("gone.p2p.test", "nobody.p2p.test"),
    ])  # fmt: skip
    www = ["seed.p2p.test. 60 A 192.0.2.7", "www.p2p.test. 60 CNAME seed.p2p.test."]
    assert asked(zone, "www.p2p.test") == www
    assert asked(zone, "www.p2p.test", RecordType.CNAME) == www[1:]
    assert asked(zone, "www.p2p.test", RecordType.ANY) == www[1:]
    assert asked(zone, "www.p2p.test", RecordType.TXT) == www[1:]
    assert zone.answer(Question(name("www.p2p.test"), RecordType.TXT), 0.0).authorities == (zone.soa,)
    far = zone.answer(Question(name("far.p2p.test"), RecordType.A), 0.0)
    assert (far.rcode, len(far.answers), far.authorities) == (NOERROR, 1, ())
    gone = zone.answer(Question(name("gone.p2p.test"), RecordType.A), 0.0)
    assert (gone.rcode, len(gone.answers), gone.authorities) == (NXDOMAIN, 1, (zone.soa,))


def test_aliases_in_a_circle_come_to_an_end() -> None:
    zone = a_zone([alias("a.p2p.test", "b.p2p.test"), alias("b.p2p.test", "a.p2p.test")])
    assert len(asked(zone, "a.p2p.test")) == 2
    zone = a_zone([alias(f"n{n}.p2p.test", f"n{n + 1}.p2p.test") for n in range(100)])
    assert len(asked(zone, "n0.p2p.test")) == MAX_ALIASES
    assert len(asked(a_zone([alias("x.p2p.test", "x.p2p.test")]), "x.p2p.test")) == 1


def test_an_alias_stands_alone() -> None:
    zone = a_zone([alias("www.p2p.test", "seed.p2p.test"), record("seed.p2p.test", "192.0.2.7")])
    assert not zone.add(alias("www.p2p.test", "seed.p2p.test"), 0.0)
    for refused in (
        record("www.p2p.test", "192.0.2.8"),
        alias("www.p2p.test", "pool.p2p.test"),
        alias("seed.p2p.test", "pool.p2p.test"),
        alias("p2p.test", "pool.p2p.test"),
    ):
        with pytest.raises(UsageError, match="stands alone"):
            zone.add(refused, 0.0)


def test_the_serial_number_goes_up_with_each_change() -> None:
    zone = a_zone()
    before = zone.serial
    seed = record("seed.p2p.test", "192.0.2.7")
    assert zone.add(seed, 0.0)
    assert not zone.add(seed, 0.0)
    assert zone.serial == before + 1
    zone.remove(seed.name, RecordType.A, A("192.0.2.9"))
    assert zone.serial == before + 1
    zone.remove(seed.name)
    assert zone.serial == before + 2


@pytest.mark.fault("F065")
def test_a_large_set_is_dealt_fairly() -> None:
    zone = a_zone(swarm(40), hand=4)
    question = Question(name("seed.p2p.test"), RecordType.A)
    firsts: Counter[str] = Counter(dict.fromkeys(asked(a_zone(swarm(40), hand=40), "seed.p2p.test"), 0))
    for turn in range(8_000):
        answer = zone.answer(question, 0.0)
        assert len(set(answer.answers)) == 4
        if turn % 4 == 0:
            firsts[str(answer.answers[0])] += 1
    assert len(firsts) == 40
    assert chi_square(firsts.values()) < 72.1, "39 degrees of freedom: one fair run in a thousand is beyond"


def test_a_lease_ends_unless_it_is_renewed() -> None:
    zone = a_zone()
    seed = record("seed.p2p.test", "192.0.2.7")
    zone.add(seed, 0.0, lease_s=100)
    assert zone.next_end() == 100
    zone.add(seed, 50.0, lease_s=100)
    assert zone.expire(120.0) == 0
    assert asked(zone, "seed.p2p.test", now=149.0)
    assert not asked(zone, "seed.p2p.test", now=150.0)
    assert zone.next_end() is None
    zone.add(seed, 200.0, lease_s=100)
    zone.add(seed, 210.0)
    assert zone.expire(400.0) == 0, "it was added again, to stay"


def test_nothing_is_handed_out_for_longer_than_its_lease() -> None:
    zone = a_zone(max_ttl_s=60)
    zone.add(record("seed.p2p.test", "192.0.2.7", 3600), 0.0, lease_s=100)
    times = {now: asked(zone, "seed.p2p.test", now=now)[0].split()[1] for now in (0.0, 70.0, 99.5)}
    assert times == {0.0: "60", 70.0: "30", 99.5: "1"}


def test_renewing_takes_no_memory() -> None:
    zone = a_zone()
    for second in range(5_000):
        zone.add(record("seed.p2p.test", "192.0.2.7"), float(second), lease_s=3600)
    assert len(zone._leases) < 200
    assert zone.expire(8_598.0) == 0
    assert zone.expire(8_599.0) == 1


def test_a_time_of_zero_stays_zero() -> None:
    assert asked(a_zone([record("seed.p2p.test", "192.0.2.7", 0)]), "seed.p2p.test")[0].split()[1] == "0"


def test_the_hosts_of_a_service_go_along() -> None:
    zone = a_zone([
        service("_chat._udp.p2p.test", 4001, "ana.p2p.test"),
        service("_chat._udp.p2p.test", 4002, "ben.example.com"),
        record("ana.p2p.test", "192.0.2.7"),
        record("ana.p2p.test", "2001:db8::7"),
    ])  # fmt: skip
    answer = zone.answer(Question(name("_chat._udp.p2p.test"), RecordType.SRV), 0.0)
    assert sum(isinstance(each.data, Srv) for each in answer.answers) == 2
    assert [str(each.name) for each in answer.additionals] == ["ana.p2p.test."] * 2


def test_a_question_for_everything_gets_the_smallest_set() -> None:
    zone = a_zone([*swarm(20), text("seed.p2p.test", b"one")])
    assert asked(zone, "seed.p2p.test", RecordType.ANY) == ["seed.p2p.test. 60 TXT 'one'"]


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    zone = a_zone(swarm(MAX_RECORDS))
    with pytest.raises(UsageError, match="no room"):
        zone.add(record("seed.p2p.test", "192.0.2.7"), 0.0)
    monkeypatch.setattr("p2plib.discovery.dns.zone.MAX_NAMES", 2)
    assert MAX_NAMES > 2
    assert zone.names == 2
    with pytest.raises(UsageError, match="no room"):
        zone.add(record("more.p2p.test", "192.0.2.7"), 0.0)
    zone.remove(name("seed.p2p.test"))
    zone.add(record("more.p2p.test", "192.0.2.7"), 0.0)


def test_all_records_can_be_listed() -> None:
    zone = a_zone(
        [record("seed.p2p.test", "192.0.2.7"), record("www.p2p.test", Cname(name("seed.p2p.test")))]
    )
    assert [each.type for each in zone] == [RecordType.SOA, RecordType.NS, RecordType.A, RecordType.CNAME]


def test_settings_that_cannot_be() -> None:
    for wrong in ({"hand": 0}, {"hand": MAX_RECORDS + 1}, {"max_ttl_s": -1}):
        with pytest.raises(UsageError):
            a_zone(**wrong)


def test_what_is_too_much_together_or_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no room"):
        a_zone([text("seed.p2p.test", *[b"x" * 255] * (MAX_DATA_BYTES // 256), b"")])
    with pytest.raises(UsageError, match="no room"):
        a_zone([record("seed.p2p.test", OtherData(99, bytes(MAX_DATA_BYTES + 1)))])
    monkeypatch.setattr(zones, "MAX_IN_ALL", 5)
    zone = a_zone(swarm(4))
    assert zone.records == 5
    with pytest.raises(UsageError, match="no room"):
        zone.add(record("more.p2p.test", "192.0.2.7"), 0.0)
    assert not zone.add(swarm(1)[0], 0.0), "what is there may be said again"
    assert zone.remove(name("seed.p2p.test")) == 4
    assert zone.records == 1


@pytest.mark.parametrize("data", [A("ana.example.com"), Txt((b"x" * 256,)), Txt(())])
def test_what_cannot_be_written_is_the_owners_mistake_at_once(data: Rdata) -> None:
    zone = a_zone()
    with pytest.raises(UsageError):
        zone.add(record("seed.p2p.test", data), 0.0)
    assert not zone.exists(name("seed.p2p.test"))
