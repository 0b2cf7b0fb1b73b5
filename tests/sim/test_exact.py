"""Arithmetic that is the same on every machine: near the true values, and the same to the last bit."""

from __future__ import annotations

import hashlib
import math
import random
from statistics import NormalDist

import pytest

from p2plib.sim import LogNormal, exact
from tests.sim.another_process import printed

# Linux's C library has other functions for processors without these; elsewhere this changes nothing.
OLD_PROCESSOR = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable"}


def test_the_functions_are_near_those_of_the_c_library() -> None:
    draws = random.Random(1)
    for _ in range(5000):
        x, y, z = 1.0 - draws.random(), draws.uniform(-50, 50), draws.uniform(-20, 20)
        for number in (x, 1e-300 * x, 1e300 * x):
            assert exact.log(number) == pytest.approx(math.log(number), rel=1e-15, abs=1e-17)
        assert exact.exp(y) == pytest.approx(math.exp(y), rel=1e-15)
        assert exact.cos(z) == pytest.approx(math.cos(z), abs=1e-15)


def test_they_are_right_where_their_parts_meet() -> None:
    assert (exact.log(1.0), exact.exp(0.0), exact.cos(0.0)) == (0.0, 1.0, 1.0)
    for near in (0.5, exact.SQRT_HALF, 1.0, 2.0):
        for x in (math.nextafter(near, 0.0), near, math.nextafter(near, 3.0)):
            assert exact.log(x) == pytest.approx(math.log(x), rel=1e-15)
    for quarter in range(-9, 10):
        for x in (quarter * math.pi / 4, math.nextafter(quarter * math.pi / 4, 99.0)):
            assert exact.cos(x) == pytest.approx(math.cos(x), abs=1e-15)
    assert [exact.power(0.5, times) for times in (0, 1, 10)] == [1.0, 0.5, 2.0**-10]


def digest() -> str:
    """Return a hash over all bits of many results."""
    draws, all_bits = random.Random(2), hashlib.sha256()
    for _ in range(5000):
        log, exp = exact.log(1.0 - draws.random()), exact.exp(draws.uniform(-5, 5))
        all_bits.update(repr((log, exp, exact.normal(draws), exact.power(draws.random(), 7))).encode())
    return all_bits.hexdigest()


def test_all_bits_are_the_same_on_every_machine_and_on_an_old_processor() -> None:
    program = "from tests.sim.test_exact import digest; print(digest())"
    assert printed(program, "0", **OLD_PROCESSOR) == digest()
    assert digest() == "5cc84e4785fd614092964f3c2fb6980c3f7b59306a0d4ec404c031cfee9236d7"


def latency_by_the_c_library(latency: LogNormal, draws: random.Random) -> float:
    sigma = math.log(latency.p95 / latency.median) / NormalDist().inv_cdf(0.95)
    return round(latency.median * math.exp(sigma * draws.gauss(0.0, 1.0)), 9)


@pytest.mark.parametrize("count", [1000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_no_latency_has_another_value_than_with_the_c_library(count: int) -> None:
    for latency in (LogNormal(0.04, 0.15), LogNormal(0.2, 3.0)):
        for seed in range(count):
            mine, theirs = random.Random(seed), random.Random(seed)
            assert latency.draw(mine) == latency_by_the_c_library(latency, theirs), (latency, seed)
            assert mine.random() == theirs.random()
