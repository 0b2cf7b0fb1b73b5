"""Lab 1, task 1: how soon two names collide. References, mistakes and probes.

Vocabulary::

    draw   takes nothing and gives one peer's name, a number; `Dice` is a draw whose numbers are known
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from p2plib.identity.odds import collision_approx, collision_exact
from p2plib.labs.engine.tasks import Mistake, Task, Wrong

Draw = Callable[[], int]

COMPARISONS_PER_DRAW = (
    4  # a set needs one now and then; a search through all that came before needs thousands
)
MANY_DRAWS = 2000


class Dice:
    """A draw that gives known numbers in their order, for checking.

    Args:
        numbers: what the calls will give; one call more raises `Exhausted`.
    """

    def __init__(self, *numbers: int) -> None:
        self.numbers, self.thrown = numbers, 0

    def __call__(self) -> int:
        if self.thrown == len(self.numbers):
            raise Exhausted(f"a draw after number {self.thrown}: there had already been a collision")
        self.thrown += 1
        return self.numbers[self.thrown - 1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dice) and self.numbers == other.numbers

    def __repr__(self) -> str:
        return f"Dice{self.numbers}"


class Exhausted(Exception):
    """More was drawn than needed."""


class _Face(int):
    """A number that counts how often it is compared."""

    comparisons = 0

    def __eq__(self, other: object) -> bool:
        _Face.comparisons += 1
        if _Face.comparisons > MANY_DRAWS * COMPARISONS_PER_DRAW:
            raise _TooMany
        return int(self) == other

    def __hash__(self) -> int:
        return hash(int(self))


class _TooMany(BaseException):
    """Not an Exception, so that no `except Exception` of a reader's holds it."""


def first_collision(draw: Draw) -> int:
    """How many peers have drawn a name when two of them hold the same.

    Args:
        draw: takes nothing, gives one peer's name.

    Returns:
        The number of draws, the colliding one included. It is not called once more than that.
    """
    taken: set[int] = set()
    while (name := draw()) not in taken:
        taken.add(name)
    return len(taken) + 1


def _without_the_last(draw: Draw) -> int:
    return first_collision(draw) - 1


def _until_the_first_returns(draw: Draw) -> int:
    first, count = draw(), 2
    while draw() != first:
        count += 1
    return count


def _until_two_in_a_row(draw: Draw) -> int:
    before, count = draw(), 2
    while (name := draw()) != before:
        before, count = name, count + 1
    return count


def _which_number(draw: Draw) -> int:
    taken: set[int] = set()
    while (name := draw()) not in taken:
        taken.add(name)
    return name


def _stops_at_zero(draw: Draw) -> int:
    taken: set[int] = set()
    while (name := draw()) and name not in taken:
        taken.add(name)
    return len(taken) + 1


def _draws_twice(draw: Draw) -> int:
    """Calls draw() in the test and again in the body."""
    taken: set[int] = set()
    while draw() not in taken:
        taken.add(draw())
    return len(taken) + 1


def _keeps_its_budget(yours: Callable[[Draw], int]) -> None:
    _Face.comparisons = 0
    faces: Iterable[int] = [*map(_Face, range(1, MANY_DRAWS)), _Face(1)]
    try:
        count = yours(Dice(*faces))
    except _TooMany:
        raise Wrong(
            f"{MANY_DRAWS:,} draws took more than {MANY_DRAWS * COMPARISONS_PER_DRAW:,} comparisons",
            "a list is searched from its start at every draw; a set finds a name in one step",
        ) from None
    if count != MANY_DRAWS:
        raise Wrong(f"{MANY_DRAWS:,} draws, of which the last repeats the first, gave {count}")


FIRST_COLLISION = Task(
    "first_collision",
    first_collision,
    cases=[(Dice(7, 9, 5, 9, 9, 7, 7),), (Dice(0, 3, 0),), (Dice(4, 4),), _keeps_its_budget],
    mistakes=[
        Mistake(_without_the_last, "the peer whose draw collides is a peer too: count it"),
        Mistake(
            _until_two_in_a_row, "any two peers may collide, even if they did not draw one after the other"
        ),
        Mistake(_until_the_first_returns, "that waits for one particular name; any pair will do"),
        Mistake(_which_number, "that is the name that came twice; return how many had drawn by then"),
        Mistake(_stops_at_zero, "0 is a name like any other, but Python treats it as false"),
        Mistake(
            _draws_twice, "every call of draw() is another peer: call it once a round and keep the answer"
        ),
    ],
    hint="remember every name drawn so far, and stop at the first that is already among them",
)


def _n_squared(n: int, space: int) -> float:
    return -math.expm1(-n * n / (2 * space))


def _every_pair_twice(n: int, space: int) -> float:
    return -math.expm1(-n * (n - 1) / space)


def _chance_of_none(n: int, space: int) -> float:
    return math.exp(-n * (n - 1) / (2 * space))


def _negative(n: int, space: int) -> float:
    return math.expm1(-n * (n - 1) / (2 * space))


def _other_sign(n: int, space: int) -> float:
    return 1 - math.exp(min(700, n * (n - 1) / (2 * space)))


def _expected_pairs(n: int, space: int) -> float:
    return n * (n - 1) / (2 * space)


def _one_target(n: int, space: int) -> float:
    return -math.expm1(n * math.log1p(-1 / space)) if space > 1 else 1.0


def _whole_division(n: int, space: int) -> float:
    return -math.expm1(-float(n * (n - 1) // (2 * space)))


def _divided_then_multiplied(n: int, space: int) -> float:
    """n(n-1)/2*space: Python divides by 2 and multiplies by the space."""
    return -math.expm1(-n * (n - 1) / 2 * space)


def _one_minus_exp(n: int, space: int) -> float:
    return 1 - math.exp(-n * (n - 1) / (2 * space))


def _agree(got: object, expected: float) -> bool:
    """To nine digits, however small: the tolerance that other tasks have would take 0 for 1e-58."""
    return type(got) in (int, float) and math.isclose(got, expected, rel_tol=1e-9)  # type: ignore[arg-type]


COLLISION_CHANCE = Task(
    "collision_chance",
    collision_approx,
    cases=[(23, 365), (2, 4), (1, 365), (0, 365), (100, 365), (10**9, 2**64), (10**9, 2**251)],
    mistakes=[
        Mistake(
            _one_minus_exp,
            "the formula is right and floats are not: 1 - (nearly 1) loses all digits; look at math.expm1",
        ),
        Mistake(_n_squared, "n peers form n(n-1)/2 pairs: nobody is paired with himself"),
        Mistake(_every_pair_twice, "each pair was counted twice"),
        Mistake(_chance_of_none, "that is the chance that all are different"),
        Mistake(_negative, "expm1(x) is exp(x) - 1: the wanted 1 - exp(x) is its negative"),
        Mistake(_other_sign, "the exponent is negative: more pairs make it less likely that all differ"),
        Mistake(_expected_pairs, "that is the expected number of equal pairs, which can exceed 1"),
        Mistake(_one_target, "that is the chance of hitting one particular name; any pair will do"),
        Mistake(collision_exact, "that is the exact chance; return the bound, 1 - exp(-n(n-1) / 2N)"),
        Mistake(_whole_division, "// rounds down to a whole number; / does not"),
        Mistake(_divided_then_multiplied, "a / 2 * b is (a / 2) * b: put 2 * space in brackets"),
    ],
    hint="it is 1 - exp(-n(n-1) / 2N), with N the size of the space",
    same=_agree,
)
