"""Odds: how likely it is that two peers picked the same number. Pure functions.

The birthday problem: n peers each pick one of N numbers at random, knowing nothing of each other. The chance
that some two picked the same is

    exact        1 - (1 - 1/N)(1 - 2/N) ... (1 - (n-1)/N)
    approximate  1 - exp(-n(n-1) / 2N)

With N = 2**256 every intuition and most floating-point programs fail: 1 - tiny is 1, and the answer 0. The
product is computed as a sum of logarithms, without that subtraction, and every ratio of huge whole numbers is
divided as whole numbers first.

Vocabulary::

    n      how many peers pick, a whole number, for example 23
    space  N, how many numbers there are to pick from, a whole number, for example 365 or 2**256
"""

from __future__ import annotations

import math
from fractions import Fraction

from p2plib.errors import UsageError

_TERMS_SUMMED = (
    10_000  # up to here the logarithms are added one by one; beyond it, their integral and correction
)


def collision_exact(n: int, space: int) -> float:
    """The chance that of n picks from a space some two are equal.

    Exact but for floating-point rounding, to about twelve digits, for answers from 1e-300 up; below that, ask
    `log10_collision`.

    >>> round(collision_exact(23, 365), 4)
    0.5073

    Args:
        n: 0 or more.
        space: 1 or more; any size.

    Raises:
        UsageError: n is negative or the space is empty.
    """
    _check(n, space)
    if n > space:
        return 1.0
    return 0.0 - math.expm1(_log_all_different(n, space))  # and not -math.expm1(...), which makes 0 to -0


def collision_approx(n: int, space: int) -> float:
    """The usual approximation of the same, 1 - exp(-n(n-1) / 2N): good while n is small beside the space.

    >>> round(collision_approx(23, 365), 4)
    0.5

    Raises:
        UsageError: n is negative or the space is empty.
    """
    _check(n, space)
    return 0.0 - math.expm1(-_ratio(n * (n - 1), 2 * space))


def log10_collision(n: int, space: int) -> float:
    """The decimal logarithm of `collision_exact`, for chances too small for a float: -300 means one in
    10**300.

    Minus infinity when no two picks can be equal, that is for n below 2.
    """
    _check(n, space)
    if n < 2:
        return -math.inf
    chance = collision_exact(n, space)
    if chance > 1e-290:
        return math.log10(chance)
    return math.log10(n * (n - 1)) - math.log10(2 * space)  # so small that the approximation is exact


def people_for(probability: float, space: int) -> int:
    """How many picks it takes until a collision has at least this chance: the smallest such n.

    In spaces beyond about 2**100 a float cannot tell one n from the next; the answer is then right to about
    twelve digits.

    >>> people_for(0.5, 365)
    23

    Args:
        probability: above 0, below 1.
        space: 1 or more.

    Raises:
        UsageError: the probability is not between 0 and 1, or the space is empty.
    """
    if not 0 < probability < 1:
        raise UsageError(f"a probability between 0 and 1, not {probability}")
    _check(0, space)
    low, high = 1, 2  # a collision is less likely than asked at `low`, and at least as likely at `high`
    while collision_exact(high, space) < probability:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if collision_exact(middle, space) < probability:
            low = middle
        else:
            high = middle
    return high


def expected_picks(space: int) -> float:
    """How many picks it takes on average until one repeats an earlier one, about sqrt(pi·N/2) + 2/3.

    Ramanujan's expansion (Knuth, The Art of Computer Programming, section 1.2.11.3), good to a few parts in a
    thousand for N = 1 and ever better after it. From about N = 2**2047 on it is infinity: too large for a
    float.

    >>> round(expected_picks(365), 2)
    24.62
    """
    _check(0, space)
    try:
        root = math.exp((math.log(math.pi / 2) + math.log(space)) / 2)  # of spaces too large for a float, too
    except OverflowError:
        return math.inf
    return root + 2 / 3 + math.pi / (24 * root) - 4 / 135 * _ratio(1, space)


def _check(n: int, space: int) -> None:
    if n < 0 or space < 1:
        raise UsageError(f"n is 0 or more and the space 1 or more, not {n} and {space}")


def _ratio(a: int, b: int) -> float:
    """a / b for whole numbers of any size: infinity where it is too large for a float."""
    try:
        return a / b
    except OverflowError:
        return math.inf


def _log_all_different(n: int, space: int) -> float:
    """The natural logarithm of the chance that n picks are all different, for n up to the space."""
    if n <= _TERMS_SUMMED:
        return math.fsum(math.log1p(-_ratio(i, space)) for i in range(1, n))
    # Euler-Maclaurin for the sum of f(i) = log(1 - i/N), i = 0 ... n-1: the integral, minus half the last
    # term, plus a twelfth of the slopes' difference. What is left out is less than 1 / 360(N - n + 1)³, so
    # the last picks from a nearly exhausted space are left out too: by then a collision is certain to every
    # digit.
    u = Fraction(n, space)
    if u > Fraction(1, 2):
        return -math.inf
    integral = -_ratio(n * n, space) * _series(float(u))
    slopes = _ratio(1, space) - _ratio(1, space - n)
    return integral - math.log1p(-float(u)) / 2 + slopes / 12


def _series(u: float) -> float:
    """(u + (1-u)·log(1-u)) / u² as its power series 1/2 + u/6 + u²/12 + ..., which does not cancel; u up to
    1/2."""
    total, power, k = 0.0, 1.0, 2
    while True:
        term = power / (k * (k - 1))
        if total + term == total:
            return total
        total, power, k = total + term, power * u, k + 1
