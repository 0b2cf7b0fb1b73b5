"""Limits: what a flood gets, what a victim of forged questions gets, and what an honest lookup gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.mainline.limits import (
    ALL_QUESTIONS_BURST,
    ALL_QUESTIONS_S,
    EXCESS_BURST,
    EXCESS_S,
    MAX_HOSTS,
    QUESTIONS_BURST,
    QUESTIONS_S,
    VERIFIED_S,
    Bucket,
    Limits,
)

VICTIM = "203.0.113.7"


def test_a_bucket_by_hand() -> None:
    bucket = Bucket(rate_s=2.0, burst=3.0)
    assert [bucket.take(1, 10.0) for _ in range(4)] == [True, True, True, False]
    assert not bucket.take(1, 10.4)
    assert bucket.take(1, 10.5)
    assert not bucket.take(1, 10.5)
    assert [bucket.take(1, 100.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.take(0, 100.0)
    assert bucket.take(-5, 100.0)
    assert not bucket.take(1, 100.0)  # what is less than none does not fill it
    stepped = Bucket(rate_s=2.0, burst=2.0)
    assert stepped.take(1, 100.0)
    assert stepped.take(1, 0.0)  # a clock that steps back takes nothing away
    assert not stepped.take(1, 99.0)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 10)), max_size=60))
def test_a_bucket_never_gives_more_than_it_may(draws: list[tuple[float, float]]) -> None:
    bucket, now, given_units = Bucket(2.0, 7.0), 0.0, 0.0
    for pause, units in draws:
        now += pause
        given_units += units if bucket.take(units, now) else 0.0
        assert given_units <= 7.0 + 2.0 * now + 1e-6


def test_a_host_that_floods_is_not_looked_at_and_others_are() -> None:
    limits = Limits()
    looked_at = sum(limits.may_ask(VICTIM, step / 1000) for step in range(10_000))
    assert looked_at == pytest.approx(QUESTIONS_BURST + 10 * QUESTIONS_S, abs=1)
    assert limits.refused["host"] == 10_000 - looked_at
    assert limits.may_ask("203.0.113.8", 10.0)


def test_all_hosts_together_have_a_limit_and_memory_is_flat() -> None:
    limits = Limits()
    hosts = [f"{20 + n // 65_536}.{n // 256 % 256}.{n % 256}.1" for n in range(20_000)]
    looked_at = sum(limits.may_ask(host, step / 10_000) for step, host in enumerate(hosts))
    assert looked_at == pytest.approx(ALL_QUESTIONS_BURST + 2 * ALL_QUESTIONS_S, abs=2)
    assert limits.refused["all"] == 20_000 - looked_at
    assert len(limits) == MAX_HOSTS


def test_a_host_that_is_heard_again_is_not_forgotten() -> None:
    limits = Limits()
    limits.verified(VICTIM, 0.0)
    for number in range(3 * MAX_HOSTS):
        limits.may_answer(f"{20 + number // 65_536}.{number // 256 % 256}.{number % 256}.1", 0, 1, 0.0)
        if number % 1000 == 0:
            assert limits.may_answer(VICTIM, 0, 10_000, 0.0)


@pytest.mark.fault("F079")
def test_forged_questions_bring_their_victim_little() -> None:
    """A minute of a thousand forged questions a second, 64 bytes each, for responses of 600."""
    limits, sent, asked = Limits(), 0, 0
    for step in range(60_000):
        now = step / 1000
        asked += 64
        if limits.may_ask(VICTIM, now) and limits.may_answer(VICTIM, 64, 600, now):
            sent += 600
    excess = EXCESS_BURST + 60 * EXCESS_S
    assert sent <= excess * 600 / (600 - 64) + 600
    assert sent < asked / 100  # the attacker would do better by sending to its victim itself


@pytest.mark.fault("F079")
@pytest.mark.fault("F079")
def test_in_ipv6_all_addresses_of_a_victims_link_have_one_share() -> None:
    limits, got = Limits(), 0
    for number in range(10_000):
        victim = f"2001:db8:7:9::{number:x}"
        if limits.may_ask(victim, number / 1000) and limits.may_answer(victim, 90, 1300, number / 1000):
            got += 1300
    assert got < 15_000
    assert len(limits) == 1
    assert limits.may_ask("2001:db8:7:a::1", 10.0)


def test_an_honest_asker_gets_its_responses() -> None:
    limits = Limits()
    for step in range(6):  # a lookup and a put, and the next one: six questions within a second
        assert limits.may_ask(VICTIM, step / 6)
        assert limits.may_answer(VICTIM, 90, 700, step / 6)
    limits.verified(VICTIM, 1.0)
    for step in range(100):
        assert limits.may_answer(VICTIM, 90, 700, 1 + step / 10)
    assert not all(limits.may_answer(VICTIM, 90, 700, 1 + VERIFIED_S) for _ in range(20))
    assert limits.refused["amplification"] > 0


def test_a_response_that_is_no_longer_than_its_question_is_always_sent() -> None:
    limits = Limits()
    assert all(limits.may_answer(VICTIM, 100, 100, 0.0) for _ in range(1000))


def test_our_own_machine_is_not_limited_or_remembered() -> None:
    limits = Limits()
    for host in ("127.0.0.1", "127.3.0.3", "::1"):
        assert all(limits.may_ask(host, 0.0) for _ in range(5_000))
        assert all(limits.may_answer(host, 60, 1000, 0.0) for _ in range(100))
        limits.verified(host, 0.0)
    assert len(limits) == 0


def test_limits_can_be_set() -> None:
    limits = Limits(questions_s=1.0, all_questions_s=2.0, excess_s=50.0)
    assert sum(limits.may_ask(VICTIM, 0.0) for _ in range(100)) == 4  # all hosts together
    assert limits.refused == {"host": 95, "all": 1}
    assert sum(limits.may_answer("203.0.113.9", 0, 100, 0.0) for _ in range(100)) == 4
