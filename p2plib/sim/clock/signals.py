"""Signals inside the internet: a host's own, sent with `Host.signal`, and heard by `loop.add_signal_handler`.

Python's `signal.signal` stays the machine's: it is about the process that all hosts share.
"""

from __future__ import annotations

import inspect
import signal
from collections.abc import Callable
from typing import Any

from p2plib.sim.clock.handles import SimHandle
from p2plib.sim.current import current_host

NOT_TO_CATCH = {"SIGKILL", "SIGSTOP"}
IGNORED = {"SIGCHLD", "SIGURG", "SIGWINCH", "SIGCONT"}  # what POSIX does where there is no handler
PAUSING = {"SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"}


def name_of(number: int) -> str:
    """Return the name of a signal, such as "SIGTERM".

    Raises:
        TypeError: it is no number.
        ValueError: no signal has it.
    """
    if not isinstance(number, int):
        raise TypeError(f"sig must be an int, not {number!r}")
    try:
        return signal.Signals(number).name
    except ValueError:
        raise ValueError(f"invalid signal number {number}") from None


class SignalCalls:
    """The calls of an asyncio loop that are about signals."""

    def add_signal_handler(self, sig: int, callback: Callable[..., Any], *args: Any) -> None:
        """Call `callback(*args)` when the current host gets the signal *sig*; one handler for each.

        Raises:
            TypeError: *callback* is a coroutine, or *sig* no number.
            ValueError: no signal has this number.
            RuntimeError: this signal cannot be caught.
            UsageError: it is called on no host.
        """
        if inspect.iscoroutine(callback) or inspect.iscoroutinefunction(callback):
            raise TypeError("coroutines cannot be used with add_signal_handler()")
        if name_of(sig) in NOT_TO_CATCH:
            raise RuntimeError(f"sig {sig} cannot be caught")
        handle = SimHandle(callback, args, self, None)  # type: ignore[arg-type]  # a part of the loop
        current_host().incarnation.signals[sig] = handle

    def remove_signal_handler(self, sig: int) -> bool:
        """Take the handler of a signal away; whether there was one."""
        name_of(sig)
        return current_host().incarnation.signals.pop(sig, None) is not None
