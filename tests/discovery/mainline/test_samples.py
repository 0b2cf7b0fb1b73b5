"""Samples: some info_hashes, the same ones for a while."""

from __future__ import annotations

import random

import pytest

from p2plib.discovery.mainline.samples import MAX_INTERVAL_S, MAX_SAMPLES, Sample, Samples
from p2plib.discovery.mainline.storage import PEER_EXPIRE_S, PeerStorage
from p2plib.errors import UsageError


def stored(count: int) -> PeerStorage:
    storage = PeerStorage(0)
    for number in range(count):
        storage.announce(number.to_bytes(20, "big"), (f"30.0.{number % 256}.1", 6881), 0.0)
    return storage


def test_a_small_store_is_given_whole_and_there_is_no_need_to_wait() -> None:
    assert Samples(stored(0), random.Random(1)).sample(0.0) == Sample(0, 0, ())
    sample = Samples(stored(MAX_SAMPLES), random.Random(1)).sample(0.0)
    assert (sample.interval_s, sample.num, len(sample.info_hashes)) == (0, MAX_SAMPLES, MAX_SAMPLES)


def test_the_same_sample_until_the_interval_is_over() -> None:
    storage = stored(300)
    samples = Samples(storage, random.Random(1), interval_s=60)
    first = samples.sample(0.0)
    assert (first.interval_s, first.num) == (60, 300)
    assert len(set(first.info_hashes)) == MAX_SAMPLES
    assert set(first.info_hashes) <= set(storage.info_hashes())
    later = samples.sample(59.5)
    assert later == Sample(1, 300, first.info_hashes)
    assert samples.sample(0.5).interval_s == 60
    storage.announce(b"n" * 20, ("40.0.0.1", 6881), 59.6)
    assert samples.sample(59.7).num == 301
    second = samples.sample(60.0)
    assert second.info_hashes != first.info_hashes
    assert second.interval_s == 60


def test_what_has_expired_is_not_in_a_new_sample() -> None:
    samples = Samples(stored(30), random.Random(1))
    assert samples.sample(PEER_EXPIRE_S) == Sample(0, 0, ())


def test_patient_indexers_see_all() -> None:
    samples, seen = Samples(stored(100), random.Random(3), interval_s=10), set()
    for turn in range(60):
        seen |= set(samples.sample(turn * 10.0).info_hashes)
    assert len(seen) == 100


def test_an_interval_is_six_hours_at_most() -> None:
    for interval_s in (-1, MAX_INTERVAL_S + 1):
        with pytest.raises(UsageError):
            Samples(stored(0), random.Random(1), interval_s=interval_s)
    assert Samples(stored(30), random.Random(1), interval_s=MAX_INTERVAL_S).sample(0.0).interval_s == 21_600
