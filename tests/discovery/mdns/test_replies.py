"""Replies: what waits, for how long, and what makes it unnecessary."""

from __future__ import annotations

import random

import pytest

from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.records import A, ResourceRecord
from p2plib.discovery.mdns.replies import DEFENCE_GAP_S, Replies, is_known, shared_delay

RECORD = ResourceRecord(DomainName.parse("ana.local"), A("192.168.1.7"), 120)
OTHER = ResourceRecord(DomainName.parse("ben.local"), A("192.168.1.8"), 120)


def with_ttl(ttl_s: int) -> ResourceRecord:
    return ResourceRecord(RECORD.name, RECORD.data, ttl_s)


def test_the_earlier_time_counts() -> None:
    replies = Replies()
    replies.plan(RECORD, 5.0, 0.0, "cho")
    replies.plan(RECORD, 3.0, 0.0, "dan")
    replies.plan(OTHER, 4.0, 0.0, "dan")
    assert replies.first() == 3.0
    assert replies.due(3.5) == [RECORD]
    assert replies.due(4.0) == [OTHER]
    assert replies.first() is None


@pytest.mark.fault("F062")
def test_once_a_second_and_for_defence_four_times() -> None:
    replies = Replies()
    replies.said([RECORD], 10.0)
    replies.plan(RECORD, 10.2, 10.2, "cho")
    assert replies.first() == 11.0
    replies.plan(RECORD, 10.2, 10.2, "dan", DEFENCE_GAP_S)
    assert replies.first() == 10.25
    assert not replies.may_go(RECORD, 10.9)
    assert replies.may_go(RECORD, 11.0)
    assert replies.said_within(RECORD, 5.0, 14.0)
    assert not replies.said_within(RECORD, 5.0, 16.0)


@pytest.mark.fault("F062")
def test_what_the_only_asker_knows_is_not_said() -> None:
    replies = Replies()
    replies.plan(RECORD, 1.0, 0.0, "cho")
    replies.known([with_ttl(59)], "cho")  # less than half of its time is left
    replies.known([with_ttl(60)], "dan")  # somebody else
    assert replies.first() == 1.0
    replies.known([with_ttl(60)], "cho")
    assert replies.first() is None
    assert replies.suppressed == {"known": 1}


def test_what_two_have_asked_for_is_said_even_if_one_knows_it() -> None:
    replies = Replies()
    replies.plan(RECORD, 1.0, 0.0, "cho")
    replies.plan(RECORD, 1.0, 0.0, "dan")
    replies.known([RECORD], "cho")
    assert replies.due(1.0) == [RECORD]


@pytest.mark.fault("F062")
def test_what_another_has_just_said_is_not_said_again() -> None:
    """RFC 6762, section 7.4."""
    replies = Replies()
    replies.plan(RECORD, 1.0, 0.0, "cho")
    replies.heard(with_ttl(119))
    assert replies.first() == 1.0
    replies.heard(with_ttl(120))
    assert replies.first() is None
    assert replies.suppressed == {"said by another": 1}


def test_forgetting() -> None:
    replies = Replies()
    replies.said([RECORD], 0.0)
    replies.plan(RECORD, 1.0, 0.0, "cho")
    replies.forget([RECORD])
    assert replies.first() is None
    assert replies.may_go(RECORD, 0.0)


def test_delays() -> None:
    """RFC 6762, sections 6 and 7.2."""
    rng = random.Random(1)
    assert all(0.02 <= shared_delay(rng, False) <= 0.12 for _ in range(100))
    assert all(0.4 <= shared_delay(rng, True) <= 0.5 for _ in range(100))


def test_what_counts_as_known() -> None:
    assert is_known(RECORD, with_ttl(60))
    assert not is_known(RECORD, with_ttl(59))
    assert not is_known(RECORD, OTHER)
