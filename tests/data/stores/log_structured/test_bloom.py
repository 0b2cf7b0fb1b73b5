"""Bloom filters: never a wrong no, and as many wrong yeses as the formula says."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.stores.log_structured.bloom import BloomFilter, best_hashes, expected
from p2plib.errors import DecodeError, UsageError


@given(st.lists(st.binary(max_size=20), max_size=50), st.integers(0, 20))
def test_what_was_put_in_is_never_denied(keys: list[bytes], bits_per_key: int) -> None:
    made = BloomFilter.of(keys, bits_per_key)
    again = BloomFilter.decode(made.encode())
    assert all(again.may_have(key) for key in keys)


@pytest.mark.parametrize("bits_per_key", [2, 5, 10, 15])
def test_the_formula(bits_per_key: int) -> None:
    rng = Random(1)
    made = BloomFilter.of([rng.randbytes(8) for _ in range(5000)], bits_per_key)
    wrong = sum(made.may_have(rng.randbytes(9)) for _ in range(20_000)) / 20_000
    assert abs(wrong - expected(bits_per_key)) < 0.15 * expected(bits_per_key) + 0.0005


def test_published_numbers() -> None:
    """RocksDB's and LevelDB's texts: 10 bits a key, about 1 % wrong."""
    assert best_hashes(10) == 7
    assert expected(10) == pytest.approx(0.00819, abs=1e-5)
    assert expected(8, 2) == pytest.approx(0.0489, abs=1e-4)  # Fan et al. 2000, table of m/n = 8
    assert expected(8, 5) == pytest.approx(0.0217, abs=1e-4)
    assert expected(0) == 1.0


def test_no_bits_know_nothing() -> None:
    assert BloomFilter.of([b"a"], 0).may_have(b"b")
    assert BloomFilter.of([], 10).may_have(b"b")


def test_keys_that_pass_one_salt_do_not_pass_another() -> None:
    keys = [b"%d" % number for number in range(1000)]
    known, secret = BloomFilter.of(keys, 10, b"known"), BloomFilter.of(keys, 10, b"secret")
    passing = [key for key in (b"x%d" % number for number in range(20_000)) if known.may_have(key)]
    assert len(passing) > 100
    assert sum(map(secret.may_have, passing)) < 0.05 * len(passing)
    assert BloomFilter.decode(secret.encode(), b"secret").may_have(b"7")


def test_what_is_no_filter() -> None:
    for raw in (b"", b"\0abc", b"\x1f"):
        with pytest.raises(DecodeError):
            BloomFilter.decode(raw)
    with pytest.raises(UsageError):
        BloomFilter.of([], -1)
