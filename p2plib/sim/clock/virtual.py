"""Time and chance inside a run: what `time`, `random` and `os.urandom` tell code in the internet.

Code that was not written for a simulation asks the machine for the time and for random bytes. While an
internet runs, it is answered from the virtual clock and from the seed; other threads, a notebook's own among
them, are answered by the machine as ever.

Rules:

* `time.time` is the wall clock of the current host, `time.monotonic` and `time.perf_counter` are the virtual
  clock, which no host can set. `time.sleep` is refused: it would stop every host at once.
* `os.urandom`, and with it `secrets` and `uuid4`, draws from the current host's `random`. The module `random`
  is seeded for the run, and put back afterwards.
* What was taken out of its module before (`from time import monotonic`), and code in C (`datetime.now`,
  libsodium's random bytes), is beyond this. The handbook's own library takes time and randomness as
  arguments.
"""

from __future__ import annotations

import os
import random
import threading
import time
from asyncio import _get_running_loop
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from p2plib.sim.current import CURRENT
from p2plib.sim.sockets.calls import NetworkLoop
from p2plib.sim.sockets.refused import refuse

_real = {
    name: getattr(time, name)
    for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep")
}
_real_urandom = os.urandom
_lock = threading.Lock()
_active = 0


def _wall_s(loop: NetworkLoop) -> float:
    incarnation = CURRENT.get()
    return loop.began_s + loop.now + (incarnation.host.clock_ahead_s if incarnation is not None else 0.0)


def _clock(name: str, virtual: Callable[[NetworkLoop], Any]) -> Callable[[], Any]:
    real = _real[name]

    def clock() -> Any:
        loop = _get_running_loop()
        return virtual(loop) if isinstance(loop, NetworkLoop) else real()

    clock.__name__ = name
    return clock


def _sleep(seconds: float) -> None:
    if isinstance(_get_running_loop(), NetworkLoop):
        refuse("time.sleep", "it would stop every host at once; use `await asyncio.sleep`")
    _real["sleep"](seconds)


def _urandom(size: int) -> bytes:
    loop = _get_running_loop()
    if not isinstance(loop, NetworkLoop):
        return _real_urandom(size)
    incarnation = CURRENT.get()
    return (loop.random if incarnation is None else incarnation.host.random).randbytes(size)


_virtual: dict[str, Any] = {
    "time": _clock("time", _wall_s),
    "time_ns": _clock("time_ns", lambda loop: round(_wall_s(loop) * 1e9)),
    "monotonic": _clock("monotonic", lambda loop: loop.now),
    "monotonic_ns": _clock("monotonic_ns", lambda loop: round(loop.now * 1e9)),
    "perf_counter": _clock("perf_counter", lambda loop: loop.now),
    "perf_counter_ns": _clock("perf_counter_ns", lambda loop: round(loop.now * 1e9)),
    "sleep": _sleep,
}


def _install(functions: dict[str, Any], urandom: Any) -> None:
    for name, function in functions.items():
        setattr(time, name, function)
    os.urandom = urandom
    random._urandom = urandom  # type: ignore[attr-defined]


@contextmanager
def virtual_time_and_chance(loop: NetworkLoop) -> Iterator[None]:
    """Answer code that runs in *loop* from its virtual clock and its seed, for as long as the block lasts."""
    global _active
    with _lock:
        _active += 1
        if _active == 1:
            _install(_virtual, _urandom)
    state = random.getstate()
    random.setstate(loop.random_state)
    try:
        yield
    finally:
        loop.random_state = random.getstate()
        random.setstate(state)
        with _lock:
            _active -= 1
            if _active == 0:
                _install(_real, _real_urandom)
