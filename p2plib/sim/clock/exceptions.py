"""What goes wrong in callbacks and programs: it goes to the handler of its host, or is noted for the end.

Each host has its own exception handler, as if it had its own loop, and so has the main program.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from p2plib.sim.current import CURRENT, Incarnation

Context = dict[str, Any]


class Raised(NamedTuple):
    """Something that went wrong in a callback or a program, as `call_exception_handler` received it.

    Args:
        incarnation: the life of the host on which it happened; None for the main program.
        context: asyncio's description of it: "message", "exception" and so on.
        at_s: when, in virtual seconds.
    """

    incarnation: Incarnation | None
    context: Context
    at_s: float


class ExceptionCalls:
    """The methods of an asyncio loop for exceptions.

    Attributes:
        raised: what handlers and programs raised in this run, in order.
    """

    now: float  # these two are the loop's
    tasks: weakref.WeakKeyDictionary[asyncio.Task[Any], Incarnation | None]

    def __init__(self) -> None:
        self.raised: list[Raised] = []
        self._exception_handler: Callable[[asyncio.AbstractEventLoop, Context], object] | None = None

    def handle_raised(self, context: Context) -> None:
        """Deal with what a callback raised. Ctrl-C goes on, an exit ends the programs of the current host.

        Args:
            context: asyncio's description of it, with the exception.
        """
        error = context["exception"]
        if isinstance(error, KeyboardInterrupt):
            raise error
        if isinstance(error, SystemExit):
            self.exit(error)
        else:
            self.call_exception_handler(context)

    def call_exception_handler(self, context: Context) -> None:
        """Note that a callback raised, or pass it to the handler that a program of that host has set."""
        incarnation = self._whose(context)
        handler = self._exception_handler if incarnation is None else incarnation.exception_handler
        if handler is None:
            self.default_exception_handler(context)
            return
        try:
            handler(self, context)  # type: ignore[arg-type]  # a part of the loop
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self.default_exception_handler(context)
            message = {"message": "the exception handler raised", "exception": error}
            self.default_exception_handler(message)

    def default_exception_handler(self, context: Context) -> None:
        """Note what was raised, and on which host; it is reported at the end of the run."""
        self.raised.append(Raised(self._whose(context), context, self.now))

    def _whose(self, context: Context) -> Incarnation | None:
        incarnation = CURRENT.get()
        task = context.get("task") or context.get("future")
        if incarnation is None and isinstance(task, asyncio.Task):
            incarnation = self.tasks.get(task)
        return incarnation

    def set_exception_handler(self, handler: Any) -> None:
        """Call `handler(loop, context)` when a callback raises; None goes back to noting it.

        Each host has its own handler, as if it had its own loop, and so has the main program.
        """
        if handler is not None and not callable(handler):
            raise TypeError(f"A callable object or None is expected, got {handler!r}")
        incarnation = CURRENT.get()
        if incarnation is None:
            self._exception_handler = handler
        else:
            incarnation.exception_handler = handler

    def get_exception_handler(self) -> Any:
        """Return what `set_exception_handler` set."""
        incarnation = CURRENT.get()
        return self._exception_handler if incarnation is None else incarnation.exception_handler

    def exit(self, end: SystemExit) -> None:
        """End the programs of the current host, one of which has called `sys.exit`: they are one process.

        Args:
            end: what `sys.exit` has raised.

        Raises:
            SystemExit: it was the main program.
        """
        incarnation = CURRENT.get()
        if incarnation is None:
            raise end
        if end.code not in (None, 0):
            self.call_exception_handler({"message": "a program exited", "exception": end})
        incarnation.host.exit()
