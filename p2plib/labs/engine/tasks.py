"""What a lab asks for: tasks, their cases, and the mistakes that can be foreseen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from p2plib.errors import UsageError
from p2plib.labs.engine.words import alike

Probe = Callable[[Any], object]
Case = tuple[Any, ...] | Probe


class Wrong(Exception):
    """Raised by a probe: the reader's function did something that it must not.

    Args:
        what: what happened, as the middle of a sentence ("it accepted three bytes").
        hint: what to think of, without saying the answer; "" leaves it to the task's mistakes and hint.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        self.what, self.hint = what, hint
        super().__init__(what)


@dataclass(frozen=True)
class Mistake:
    """A wrong implementation that readers are likely to write, with the hint that helps then.

    Args:
        implementation: called like the reference. Its outcome in the failing case is compared with the
            reader's.
        hint: the middle of a sentence.
    """

    implementation: Callable[..., Any]
    hint: str


@dataclass(frozen=True)
class Task:
    """One thing that the reader writes.

    Args:
        name: the name of the function (or class) that the reader writes.
        reference: the library's; what an answer is compared with and replaced by. It must be importable by
            its own name, so that a kept function of the reader's may refer to it.
        cases: tuples of arguments, and probes; the easiest first, because the reader sees the first one that
            fails.
        mistakes: looked through in this order when a case fails.
        hint: shown when no mistake fits.
        same: compares an answer with the reference's; by default equal values of one type, floats to nine
            digits.
    """

    name: str
    reference: Callable[..., Any]
    cases: Sequence[Case]
    mistakes: Sequence[Mistake] = ()
    hint: str = ""
    same: Callable[[Any, Any], bool] = alike

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise UsageError(f"a task is named like the function that it asks for, not {self.name!r}")
        if not self.cases:
            raise UsageError(f"the task {self.name!r} has no cases, so any answer would be right")
        for case in self.cases:
            if not isinstance(case, tuple) and not callable(case):
                raise UsageError(
                    f"a case of {self.name!r} is neither a tuple of arguments nor a probe: {case!r}"
                )
