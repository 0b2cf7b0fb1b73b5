"""A program of ours and a foreign one beside each other in a namespace, each finding the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.interop.namespace import Namespace

TIMEOUT_S = 40.0


def beside(
    net: Namespace, ours: Callable[..., Any], *arguments: Any, theirs: Callable[[], Any]
) -> tuple[Any, Any]:
    """Run a function of ours in the namespace, and meanwhile talk to a foreign program.

    Args:
        net: the namespace.
        ours: as for `Namespace.run_together`.
        arguments: its arguments.
        theirs: what is done meanwhile, in this thread.

    Returns:
        What each of them returned.
    """
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(lambda: net.run_together(ours, *arguments, timeout_s=TIMEOUT_S))
        said = theirs()
        return running.result(), said
