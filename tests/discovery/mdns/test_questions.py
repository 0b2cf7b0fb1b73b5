"""Questions: how often they are asked, and what makes one unnecessary."""

from __future__ import annotations

import random

from p2plib.discovery.mdns.cache import RecordCache
from p2plib.discovery.mdns.packets import Question
from p2plib.discovery.mdns.questions import (
    LONGEST_INTERVAL_S,
    Interest,
    first_time,
    knows_more,
    names_behind,
)
from p2plib.discovery.mdns.records import RecordType
from tests.discovery.mdns.segment import CHAT, Segment, chat_at, who_chats


def test_twice_as_long_each_time_and_an_hour_at_most() -> None:
    """RFC 6762, section 5.2."""
    interest = Interest(1, who_chats(), 0.0)
    times = []
    for _ in range(15):
        interest.step(interest.next_at)
        times.append(interest.next_at)
    assert times[:5] == [1, 3, 7, 15, 31]
    assert times[-1] - times[-2] == LONGEST_INTERVAL_S


def test_the_first_waits_for_20_to_120_ms() -> None:
    rng = random.Random(1)
    assert all(10.02 <= first_time(rng, 10.0) <= 10.12 for _ in range(100))


def test_what_another_has_asked_within_a_second_counts() -> None:
    interest = Interest(1, who_chats(), 0.0)
    assert not interest.is_asked_by_another(0.0)
    interest.heard_at = 5.0
    assert interest.is_asked_by_another(6.0)
    assert not interest.is_asked_by_another(6.1)


def test_an_asker_that_knows_more_does_not_ask_for_us() -> None:
    """RFC 6762, section 7.3."""
    host = Segment().host(7)
    pointer, other, *_ = chat_at(host).records("ana")
    cache = RecordCache()
    assert knows_more([pointer], who_chats(), cache, [], 0.0)
    assert not knows_more([other], who_chats(), cache, [], 0.0)  # of another name
    assert not knows_more([pointer], who_chats(), cache, [pointer], 0.0)  # our own
    cache.hear(pointer, host.host, 0.0)
    assert not knows_more([pointer], who_chats(), cache, [], 0.0)


def test_the_names_behind_an_answer() -> None:
    host = Segment().host(7)
    cache, records = RecordCache(), chat_at(host).records("ana")
    for record in records:
        cache.hear(record, host.host, 0.0)
    instance, name = records[2].name, records[-1].name
    assert names_behind([who_chats()], cache, 0.0) == {instance, name}
    assert names_behind([who_chats()], cache, 130.0) == {instance}  # the host is not known any more
    assert names_behind([Question(instance, RecordType.SRV)], cache, 0.0) == set()
    assert records[0].name == CHAT
