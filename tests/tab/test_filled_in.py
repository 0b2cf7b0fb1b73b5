"""What a browser's Python is given gives what CPython gives."""

from __future__ import annotations

import hashlib
import random

import pytest

from tests.tab.loading import loaded

filled_in = loaded("filled_in")


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes have 32 bits."""
    monkeypatch.setattr(filled_in.sys, "maxsize", 2**31 - 1)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("population", [range(2**32), range(7, 2**40, 3), range(2**33, 5, -2), range(100)])
@pytest.mark.parametrize("k", [0, 1, 5, 6, 90])
def test_a_sample_is_the_one_that_python_draws(population: range, k: int) -> None:
    ours, theirs = random.Random(k), random.Random(k)
    assert filled_in.sample(ours, population, k) == theirs.sample(population, k)
    assert ours.random() == theirs.random()


@pytest.mark.usefixtures("narrow")
def test_what_a_sample_refuses() -> None:
    with pytest.raises(ValueError, match="Sample larger than population"):
        filled_in.sample(random.Random(1), range(3), 4)
    assert len(filled_in.sample(random.Random(1), ["a", "b"], 3, counts=[2, 2])) == 3


@pytest.mark.parametrize("size", [None, 1, 20, 64, 65, 200])
def test_pbkdf2(size: int | None) -> None:
    for name in ("sha1", "sha256", "sha512"):
        ours = filled_in.pbkdf2_hmac(name, b"password", b"salt", 7, size)
        assert ours == hashlib.pbkdf2_hmac(name, b"password", b"salt", 7, size)


def test_input_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="write the value into the cell"):
        filled_in.no_input("Name? ")
