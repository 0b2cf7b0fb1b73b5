"""Caches: for how long, how much, and what is given out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.dns.cache import MAX_NEGATIVE_S, AnswerCache


def test_an_answer_is_kept_for_as_long_as_it_says() -> None:
    cache: AnswerCache[str] = AnswerCache()
    cache.put("q", "a", 60, 100.0)
    assert cache.get("q", 130.0) == ("a", 30.0)
    assert cache.get("q", 160.0) is None
    assert cache.get("other", 130.0) is None
    assert (cache.hits, cache.misses) == (1, 2)


@pytest.mark.fault("F065")
def test_a_time_of_zero_and_one_of_years_are_clamped() -> None:
    cache: AnswerCache[str] = AnswerCache()
    cache.put("zero", "a", 0, 0.0)
    cache.put("years", "a", 10**8, 0.0)
    cache.put("nothing", "a", 10**8, 0.0, is_negative=True)
    left = {question: cache.get(question, 0.0) for question in ("zero", "years", "nothing")}
    assert left == {"zero": ("a", 1), "years": ("a", 3600), "nothing": ("a", MAX_NEGATIVE_S)}


def test_a_cache_that_keeps_nothing() -> None:
    cache: AnswerCache[str] = AnswerCache(min_s=0, max_s=0)
    cache.put("q", "a", 60, 0.0)
    assert cache.get("q", 0.0) is None


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 50), st.integers(0, 5)), max_size=80))
def test_it_never_holds_more_than_it_may_or_gives_out_what_is_over(puts: list[tuple[int, int, int]]) -> None:
    cache: AnswerCache[int] = AnswerCache(capacity=5)
    now, ends = 0.0, {}
    for question, ttl_s, passed_s in puts:
        now += passed_s
        cache.put(question, question, ttl_s, now)
        ends[question] = now + max(1, ttl_s)
        assert len(cache) <= 5
        for asked in range(21):
            found = cache.get(asked, now)
            assert found is None or found == (asked, ends[asked] - now)
            assert found is None or found[1] > 0
    assert len(cache._ends) <= len(puts)


def test_the_one_that_ends_first_goes() -> None:
    cache: AnswerCache[int] = AnswerCache(capacity=2)
    for question, ttl_s in ((1, 50), (2, 10), (3, 30)):
        cache.put(question, question, ttl_s, 0.0)
    assert [question for question in (1, 2, 3) if cache.get(question, 0.0)] == [1, 3]
