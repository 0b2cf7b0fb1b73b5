"""The cache: how long what others say holds, and that nobody can fill it."""

from __future__ import annotations

import random

from p2plib.discovery.mdns.cache import MAX_OF_SENDER, MAX_RECORDS, MAX_TTL_S, Change, RecordCache
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import Question
from p2plib.discovery.mdns.records import A, RecordType, ResourceRecord

ANA = DomainName.parse("ana.local")
BEN = "192.168.1.2"


def address(last: int, ttl_s: int = 120, name: DomainName = ANA, *, flush: bool = False) -> ResourceRecord:
    return ResourceRecord(name, A(f"192.168.1.{last}"), ttl_s, cache_flush=flush)


def known(cache: RecordCache, now: float) -> list[str]:
    return [str(entry.record.data) for entry in cache.answers(Question(ANA, RecordType.A), now)]


def test_a_record_holds_for_its_time_and_is_young_again_when_it_is_heard_again() -> None:
    cache = RecordCache()
    assert cache.hear(address(7), BEN, 0.0)[0] is Change.NEW
    assert len(known(cache, 119.9)) == 1
    assert not known(cache, 120.0)
    change, entry = cache.hear(address(7), BEN, 100.0)
    assert change is Change.RENEWED
    assert entry is not None
    assert entry.remaining_s(150.0) == 70.0
    assert known(cache, 219.0)


def test_a_goodbye_takes_a_second() -> None:
    """RFC 6762, section 10.1."""
    cache = RecordCache()
    cache.hear(address(7), BEN, 0.0)
    assert cache.hear(address(7, 0), BEN, 10.0)[0] is Change.LEAVING
    assert known(cache, 10.9)
    assert not known(cache, 11.0)
    assert cache.hear(address(8, 0), BEN, 10.0) == (Change.NOTHING, None)


def test_a_goodbye_that_is_contradicted_within_the_second() -> None:
    cache = RecordCache()
    cache.hear(address(7), BEN, 0.0)
    cache.hear(address(7, 0), BEN, 10.0)
    cache.hear(address(7), BEN, 10.5)
    assert known(cache, 100.0)


def test_the_cache_flush_bit_spares_what_came_in_the_same_burst() -> None:
    """RFC 6762, section 10.2."""
    cache = RecordCache()
    cache.hear(address(1), BEN, 0.0)
    cache.hear(address(2), BEN, 9.5)
    new = address(3, flush=True)
    going = cache.flush([new], 10.0)
    cache.hear(new, BEN, 10.0)
    assert [str(entry.record.data) for entry in going] == ["A(host='192.168.1.1')"]
    assert len(known(cache, 10.9)) == 3
    assert len(known(cache, 11.0)) == 2


def test_flushing_spares_other_sets_and_what_the_packet_says_again() -> None:
    cache = RecordCache()
    cache.hear(address(1), BEN, 0.0)
    cache.hear(address(1, name=DomainName.parse("ben.local")), BEN, 0.0)
    again = address(1, flush=True)
    (going,) = cache.flush([again], 10.0)
    cache.hear(again, BEN, 10.0)
    assert (going.is_leaving, going.expires_at) == (False, 130.0)
    assert len(cache.answers(Question(DomainName.parse("ben.local"), RecordType.A), 100.0)) == 1
    assert not cache.flush([ResourceRecord(ANA, A("192.168.1.9"), 120, rclass=3, cache_flush=True)], 20.0)
    assert not cache.flush([address(9)], 20.0)  # without the bit


def test_known_answers_are_those_with_more_than_half_of_their_time_left() -> None:
    """RFC 6762, section 7.1."""
    cache = RecordCache()
    cache.hear(address(7, 120, flush=True), BEN, 0.0)
    question = Question(ANA, RecordType.A)
    assert [(record.ttl_s, record.cache_flush) for record in cache.known_answers(question, 59.0)] == [
        (61, False)
    ]
    assert cache.known_answers(question, 60.0) == []


def test_refreshing_at_80_85_90_and_95_per_cent() -> None:
    """RFC 6762, section 5.2."""
    cache, rng = RecordCache(), random.Random(1)
    _, entry = cache.hear(address(7, 100), BEN, 1000.0)
    assert entry is not None
    for share in (80, 85, 90, 95):
        at = entry.refresh_at(rng)
        assert at is not None
        assert 1000 + share <= at <= 1000 + share + 2
        entry.refreshes += 1
    assert entry.refresh_at(rng) is None


def test_what_is_leaving_is_not_asked_for() -> None:
    cache, rng = RecordCache(), random.Random(1)
    _, entry = cache.hear(address(7, 100), BEN, 0.0)
    assert entry is not None
    cache.hear(address(7, 0), BEN, 10.0)
    assert entry.refresh_at(rng) is None
    cache.hear(address(7, 100), BEN, 10.5)
    assert entry.refresh_at(rng) is not None
    cache.flush([address(8, flush=True)], 20.0)
    assert entry.refresh_at(rng) is None


def test_a_time_longer_than_a_day_is_a_day() -> None:
    cache = RecordCache()
    _, entry = cache.hear(address(7, 2**31), BEN, 0.0)
    assert entry is not None
    assert entry.expires_at == MAX_TTL_S


def test_a_sender_that_says_too_much_pushes_out_what_it_has_said_itself() -> None:
    cache = RecordCache()
    cache.hear(address(1), BEN, 0.0)
    for number in range(2 * MAX_OF_SENDER):
        cache.hear(address(2, name=DomainName.parse(f"mal{number}.local")), "192.168.1.66", 0.0)
    assert len(cache) == MAX_OF_SENDER + 1
    assert known(cache, 1.0)


def test_when_all_is_full_whoever_has_said_the_most_makes_room() -> None:
    cache = RecordCache()
    cache.hear(address(1), BEN, 0.0)
    for sender in range(12):
        for number in range(MAX_OF_SENDER):
            cache.hear(address(2, name=DomainName.parse(f"{sender}-{number}.local")), f"10.0.0.{sender}", 0.0)
    assert len(cache) == MAX_RECORDS
    assert known(cache, 1.0)


def test_removing() -> None:
    cache = RecordCache()
    _, entry = cache.hear(address(1), BEN, 0.0)
    assert entry is not None
    assert cache.get(entry.number) is entry
    cache.remove(entry)
    cache.remove(entry)
    assert (len(cache), cache.get(entry.number), known(cache, 0.0)) == (0, None, [])


def test_what_is_pushed_out_is_told() -> None:
    gone: list[str] = []
    cache = RecordCache(lambda entry: gone.append(str(entry.record.name)))
    for number in range(MAX_OF_SENDER + 2):
        cache.hear(address(1, name=DomainName.parse(f"{number}.local")), BEN, 0.0)
    assert gone == ["0.local.", "1.local."]
