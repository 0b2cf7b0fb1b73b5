"""One run of a small internet, for tests of its loop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from p2plib.sim import Internet

Main = Callable[[Internet], Coroutine[Any, Any, Any]]


def run(main: Main, **named: Any) -> Any:
    return Internet(seed=1, **named).run(main)


def fail() -> None:
    raise ZeroDivisionError
