"""The end of tasks that a driver has started: none is left running, however its block is left."""

from __future__ import annotations

import asyncio
from typing import Any


async def end_tasks(*tasks: asyncio.Future[Any]) -> None:
    """Cancels tasks and waits until they have ended, even if it is cancelled itself meanwhile.

    Args:
        tasks: those to end; one that is over already is well. What they raise is dropped: ask them for their
            results before, or afterwards.

    Raises:
        asyncio.CancelledError: it was cancelled while it waited; the tasks have ended all the same.
    """
    for task in tasks:
        task.cancel()
    interrupted: asyncio.CancelledError | None = None
    while not all(task.done() for task in tasks):
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError as error:
            interrupted = error
    for task in tasks:
        if not task.cancelled():
            task.exception()
    if interrupted is not None:
        raise interrupted
