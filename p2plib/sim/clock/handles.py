"""What `call_soon` and `call_later` of the simulated loop return: a callback with its context."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from p2plib.sim.clock.loop import SimLoop


class SimHandle(asyncio.Handle):
    """A callback for now: asyncio's handle, without what its debug mode needs."""

    __slots__ = ()

    def __init__(
        self,
        callback: Callable[..., object],
        args: Any,
        loop: SimLoop,
        context: contextvars.Context | None,
    ) -> None:
        self._callback = callback
        self._args = args
        self._loop = loop
        self._cancelled = False
        self._context = contextvars.copy_context() if context is None else context
        self._source_traceback = None
        self._repr = None


class SimTimer(SimHandle, asyncio.TimerHandle):
    """A callback for later. The loop sets its time; an initialiser here would cost a tenth of a timer."""

    __slots__ = ()
    _when: float
    _scheduled: bool
