"""Signals inside the internet: a host's own, sent with `Host.signal`.

They reach handlers set with `loop.add_signal_handler`, and those that a program on a host has set with
`signal.signal`. (A handler runs as a callback of the loop: what it raises does not come out of the program's
own code.) For the main program `signal.signal` is the process's own, and so are `os.kill`, `signal.alarm` and
the rest of the module for every program.
"""

from __future__ import annotations

import errno
import inspect
import signal
from asyncio import _get_running_loop
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from p2plib.sim.clock.handles import SimHandle
from p2plib.sim.clock.stand_ins import StandIns
from p2plib.sim.current import CURRENT, Incarnation, current_host

NOT_TO_CATCH = {"SIGKILL", "SIGSTOP"}
IGNORED = {"SIGCHLD", "SIGURG", "SIGWINCH", "SIGCONT"}  # what POSIX does where there is no handler
PAUSING = {"SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"}


def name_of(number: int) -> str:
    """Return the name of a signal, such as "SIGTERM".

    Raises:
        TypeError: it is not a number.
        ValueError: no signal has this number.
    """
    if not isinstance(number, int):
        raise TypeError(f"sig must be an int, not {number!r}")
    try:
        return signal.Signals(number).name
    except ValueError:
        raise ValueError(f"invalid signal number {number}") from None


class SignalCalls:
    """The methods of an asyncio loop for signals."""

    def add_signal_handler(self, sig: int, callback: Callable[..., Any], *args: Any) -> None:
        """Call `callback(*args)` when the current host gets the signal *sig*; each signal has one handler.

        Raises:
            TypeError: *callback* is a coroutine, or *sig* is not a number.
            ValueError: no signal has this number.
            RuntimeError: this signal cannot be caught.
            UsageError: the calling code runs on no host.
        """
        if inspect.iscoroutine(callback) or inspect.iscoroutinefunction(callback):
            raise TypeError("coroutines cannot be used with add_signal_handler()")
        if name_of(sig) in NOT_TO_CATCH:
            raise RuntimeError(f"sig {sig} cannot be caught")
        handle = SimHandle(callback, args, self, None)  # type: ignore[arg-type]  # a part of the loop
        current_host().incarnation.signals[sig] = handle

    def remove_signal_handler(self, sig: int) -> bool:
        """Remove the handler of a signal, and return whether there was one."""
        name_of(sig)
        return current_host().incarnation.signals.pop(sig, None) is not None


# The module `signal`

_real: dict[str, Any] = {name: getattr(signal, name) for name in ("signal", "getsignal", "raise_signal")}


def _here() -> Incarnation | None:
    """Return the life of the host whose program calls; None outside of any."""
    return CURRENT.get() if isinstance(_get_running_loop(), SignalCalls) else None


def _ignore(number: int, frame: None) -> None:
    """The handler that SIG_IGN stands for."""


def _without_arguments(call: Callable[[], Any], number: int, frame: None) -> None:
    call()


def _signal(signalnum: int, handler: Any, /) -> Any:
    incarnation, loop = _here(), _get_running_loop()
    if incarnation is None:
        return _real["signal"](signalnum, handler)
    if not callable(handler) and handler not in (signal.SIG_DFL, signal.SIG_IGN):
        raise TypeError("signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object")
    if name_of(signalnum) in NOT_TO_CATCH:
        raise OSError(errno.EINVAL, "Invalid argument")
    before = _getsignal(signalnum)
    if handler in (signal.SIG_DFL, signal.default_int_handler):
        incarnation.signals.pop(signalnum, None)
    else:
        told = _ignore if handler == signal.SIG_IGN else handler
        handle = SimHandle(told, (signalnum, None), loop, None)  # type: ignore[arg-type]  # ours: see `_here`
        incarnation.signals[signalnum] = handle
    return before


def _getsignal(signalnum: int, /) -> Any:
    incarnation = _here()
    if incarnation is None:
        return _real["getsignal"](signalnum)
    handle = incarnation.signals.get(signalnum)
    if handle is None:
        return signal.default_int_handler if name_of(signalnum) == "SIGINT" else signal.SIG_DFL
    if handle._args != (signalnum, None):  # of `add_signal_handler`; put back, it works again
        return partial(_without_arguments, partial(handle._callback, *handle._args))
    return signal.SIG_IGN if handle._callback is _ignore else handle._callback


def _raise_signal(signalnum: int, /) -> None:
    incarnation = _here()
    if incarnation is None:
        _real["raise_signal"](signalnum)
    else:
        incarnation.host.signal(signalnum)


def _put_in(stand_ins: StandIns) -> None:
    for name, stand_in in (("signal", _signal), ("getsignal", _getsignal), ("raise_signal", _raise_signal)):
        stand_ins.put_in(signal, name, stand_in)


_stand_ins = StandIns(_put_in)


def signals_of_hosts() -> AbstractContextManager[None]:
    """Give each host its own signals in the module `signal`, too, for as long as the block lasts."""
    return _stand_ins.in_place()
