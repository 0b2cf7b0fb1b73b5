"""A program of ours and a foreign one beside each other in a namespace, each finding the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.interop.namespace import Namespace

LOOK_S = 0.02


def over(net: Namespace) -> str:
    """The path of a file that is not there until the foreign side has seen what it wanted."""
    return str(net.home / "over")


async def until_over(path: str) -> None:
    """Waits in our program, which the foreign one may still be looking for, until that file is there."""
    while not Path(path).exists():
        await asyncio.sleep(LOOK_S)


def beside(
    net: Namespace, ours: Callable[..., Any], *arguments: Any, theirs: Callable[[], Any]
) -> tuple[Any, Any]:
    """Run a function of ours in the namespace, and meanwhile talk to a foreign program.

    Args:
        net: the namespace.
        ours: as for `Namespace.run_together`. If it awaits `until_over`, it stays until `theirs` returns.
        arguments: its arguments.
        theirs: what is done meanwhile, in this thread.

    Returns:
        What each of them returned.
    """
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(net.run_together, ours, *arguments)
        try:
            said = theirs()
        finally:
            Path(over(net)).touch()
        return running.result(), said
