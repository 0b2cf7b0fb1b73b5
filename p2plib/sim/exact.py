"""Logarithm, exponential and cosine that are the same on every machine. Pure.

The functions of `math` are the C library's, which differ in their last bits from system to system, and on one
system from processor to processor. What a run draws or decides with them would differ, too. Addition,
subtraction, multiplication, division and the square root do not: IEEE 754 fixes their results to the last
bit. So these functions are made of them alone, with their sums in a fixed order.

Rules:

* The results are within a few units in the last place of the true ones: a relative error of about 1e-15, and
  for the cosine an absolute error of 1e-15.
* Constants that need more digits than a float has come in two parts: a high one that ends in zeros, so that
  its product with a small whole number is exact, and the rest.
"""

from __future__ import annotations

from math import frexp, ldexp, sqrt  # these three are exact
from random import Random

SQRT_HALF = 0.7071067811865476
LN2_HIGH, LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
QUARTER_TURN_HIGH, QUARTER_TURN_LOW = 1.57079632673412561417, 6.07710050650619224932e-11  # pi / 2
TURN = 6.283185307179586  # 2 pi

_LOG_TERMS = tuple(1.0 / n for n in range(21, 0, -2))  # of the series of artanh: s, s**3 / 3, s**5 / 5 ...


def _factors(last: int, step: int) -> tuple[float, ...]:
    """1/last!, 1/(last - step)! and so on: what a Taylor series needs, the smallest first."""
    found = [1]
    for n in range(1, last + 1):
        found.append(found[-1] * n)
    return tuple(1.0 / found[n] for n in range(last, -1, -step))


_EXP_TERMS = _factors(14, 1)
_COS_TERMS = tuple(term if place % 2 == 0 else -term for place, term in enumerate(_factors(16, 2)))
_SIN_TERMS = tuple(term if place % 2 == 0 else -term for place, term in enumerate(_factors(17, 2)))


def log(x: float) -> float:
    """Return the natural logarithm of *x*, a number above 0."""
    fraction, exponent = frexp(x)
    if fraction < SQRT_HALF:
        fraction, exponent = fraction * 2.0, exponent - 1
    s = (fraction - 1.0) / (fraction + 1.0)  # log((1 + s) / (1 - s)) = 2 artanh(s)
    return exponent * LN2_HIGH + (exponent * LN2_LOW + 2.0 * s * _polynomial(_LOG_TERMS, s * s))


def exp(x: float) -> float:
    """Return e to the power of *x*, a number from -700 to 700."""
    doublings = round(x / (LN2_HIGH + LN2_LOW))
    rest = (x - doublings * LN2_HIGH) - doublings * LN2_LOW
    return ldexp(_polynomial(_EXP_TERMS, rest), doublings)


def cos(x: float) -> float:
    """Return the cosine of *x*, an angle in radians of at most a few turns."""
    quarters = round(x / (QUARTER_TURN_HIGH + QUARTER_TURN_LOW))
    rest = (x - quarters * QUARTER_TURN_HIGH) - quarters * QUARTER_TURN_LOW
    if quarters % 2 == 0:
        found = _polynomial(_COS_TERMS, rest * rest)
        return found if quarters % 4 == 0 else -found
    found = rest * _polynomial(_SIN_TERMS, rest * rest)
    return -found if quarters % 4 == 1 else found


def power(base: float, times: int) -> float:
    """Return *base* to the power of *times*, a whole number from 0 up."""
    found = 1.0
    for _ in range(times):
        found *= base
    return found


def normal(random: Random) -> float:
    """Return a draw from the normal distribution with mean 0 and standard deviation 1, from two of *random*.

    It is the first of the pair of Box and Muller (1958), as Python's `Random.gauss` returns it, too.
    """
    angle = random.random() * TURN
    return cos(angle) * sqrt(-2.0 * log(1.0 - random.random()))


def _polynomial(factors: tuple[float, ...], x: float) -> float:
    """Return the value of a polynomial; the factor of the highest power comes first."""
    found = 0.0
    for factor in factors:
        found = found * x + factor
    return found
