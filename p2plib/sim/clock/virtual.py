"""Time and chance inside a run: what Python's own modules return to code in the internet.

Code that was not written for a simulation asks the machine for the time and for random bytes. While an
internet runs, it gets the virtual time and bytes drawn from the seed, each host its own; other threads, such
as a notebook's, get the machine's as usual.

Rules:

* `time.time` is the wall clock of the current host, and so are `localtime`, `gmtime`, `ctime`, `asctime` and
  `strftime` without a time. `monotonic` and `perf_counter` are the virtual clock, which no host can set.
* `time.sleep` is refused: it would stop every host at once.
* What is drawn at random comes from `p2plib.sim.clock.chance`: by the module `random`, `Random()`,
  `SystemRandom`, `os.urandom`, `secrets`, `uuid1`, `uuid4` and the names of `tempfile`.

* The following stay real. `REAL` says why, or what to do instead.
    - datetime.now, datetime.utcnow (but not `datetime.today` and `date.today`, which ask `time.time`);
    - functions of time and os held by Python's own modules, a class or a default argument;
    - random, getrandbits, seed, getstate, setstate, imported by name from random before the run;
    - Random() without a seed, made before the run;
    - time.process_time, time.thread_time, time.get_clock_info;
    - the time zone;
    - os.getpid, threading.get_ident, id, hash;
    - ssl.RAND_bytes, numpy.random without a seed, libsodium;
    - os.uname, platform.node;
    - files, environment variables, logging's relativeCreated;
    - threading.Thread.

The handbook's own library takes time and randomness as arguments.
"""

from __future__ import annotations

import os
import time
from asyncio import _get_running_loop
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from p2plib.sim.clock import chance
from p2plib.sim.clock.by_name import ImportedByName
from p2plib.sim.clock.stand_ins import StandIns
from p2plib.sim.current import CURRENT
from p2plib.sim.sockets.calls import NetworkLoop
from p2plib.sim.sockets.refused import refuse

REAL = {
    "datetime.now, datetime.utcnow": "they ask the machine in C, and a class put in their place would break "
    "isinstance and pickling; datetime.fromtimestamp(time.time()) is virtual",
    "functions of time and os held by Python's own modules, a class or a default argument": "they stay the "
    "real ones: instead of `def wait(clock=time.monotonic)` write `clock=None` and look it up inside",
    "random, getrandbits, seed, getstate, setstate, imported by name from random before the run": "they are "
    "seeded, but one for the whole run and not one for each host; write `random.random()`",
    "Random() without a seed, made before the run": "it already has a seed, from the machine; some libraries "
    "make one when they are imported",
    "time.process_time, time.thread_time, time.get_clock_info": "the processor's time is not part of a run",
    "the time zone": "`time.localtime` uses the machine's; TZ=UTC repeats everywhere",
    "os.getpid, threading.get_ident, id, hash": "they belong to the process; PYTHONHASHSEED=0 repeats the "
    "order of sets",
    "ssl.RAND_bytes, numpy.random without a seed, libsodium": "they draw in C; give them a seed or a key",
    "os.uname, platform.node": "they return the machine's name; `socket.gethostname` returns the host's",
    "files, environment variables, logging's relativeCreated": "they are the machine's; a host's own files "
    "are in `host.disk`",
    "threading.Thread": "a thread that a program starts itself runs at the machine's pace, on its clock, and "
    "no network is open to it; use asyncio.to_thread",
}
"""What stays real for code in the internet, and for each item why, or what to do instead."""

_NAMES = (
    "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "clock_gettime",
    "clock_gettime_ns", "localtime", "gmtime", "ctime", "asctime", "strftime", "sleep",
)  # fmt: skip
_real: dict[str, Any] = {name: getattr(time, name) for name in _NAMES if hasattr(time, name)}
_WALL = getattr(time, "CLOCK_REALTIME", None)
_STEADY = tuple(
    getattr(time, f"CLOCK_{name}")
    for name in ("MONOTONIC", "MONOTONIC_RAW", "BOOTTIME", "UPTIME_RAW")
    if hasattr(time, f"CLOCK_{name}")
)


def _here() -> NetworkLoop | None:
    loop = _get_running_loop()
    return loop if isinstance(loop, NetworkLoop) else None


def _wall_s(loop: NetworkLoop) -> float:
    incarnation = CURRENT.get()
    return loop.began_s + loop.now + (incarnation.host.clock_ahead_s if incarnation is not None else 0.0)


def _wall_ns() -> int:
    loop = _here()
    return _real["time_ns"]() if loop is None else round(_wall_s(loop) * 1e9)


def _clock(name: str, virtual: Callable[[NetworkLoop], Any]) -> Callable[[], Any]:
    real = _real[name]

    def clock() -> Any:
        loop = _get_running_loop()
        return virtual(loop) if isinstance(loop, NetworkLoop) else real()

    clock.__name__ = name
    return clock


def _of_now(name: str) -> Callable[..., Any]:
    """Return a function that converts a number of seconds as *name* does; without a number, the time now."""
    real = _real[name]

    def told(seconds: float | None = None, /) -> Any:
        loop = _here() if seconds is None else None
        return real(seconds) if loop is None else real(_wall_s(loop))

    told.__name__ = name
    return told


def _asctime(*moment: Any) -> Any:
    return _real["asctime"](*(moment or (_virtual["localtime"](),)))


def _strftime(form: str, /, *moment: Any) -> Any:
    return _real["strftime"](form, *(moment or (_virtual["localtime"](),)))


def _clock_gettime(which: int, /) -> Any:
    loop = _here()
    if loop is None or (which != _WALL and which not in _STEADY):
        return _real["clock_gettime"](which)
    return _wall_s(loop) if which == _WALL else loop.now


def _clock_gettime_ns(which: int, /) -> Any:
    if _here() is None or (which != _WALL and which not in _STEADY):
        return _real["clock_gettime_ns"](which)
    return round(_clock_gettime(which) * 1e9)


def _sleep(seconds: float, /) -> None:
    if _here() is not None:
        refuse("time.sleep", "it would stop every host at once; use `await asyncio.sleep`")
    _real["sleep"](seconds)


_virtual: dict[str, Any] = {
    "time": _clock("time", _wall_s),
    "time_ns": _wall_ns,
    "monotonic": _clock("monotonic", lambda loop: loop.now),
    "monotonic_ns": _clock("monotonic_ns", lambda loop: round(loop.now * 1e9)),
    "perf_counter": _clock("perf_counter", lambda loop: loop.now),
    "perf_counter_ns": _clock("perf_counter_ns", lambda loop: round(loop.now * 1e9)),
    "clock_gettime": _clock_gettime,
    "clock_gettime_ns": _clock_gettime_ns,
    "localtime": _of_now("localtime"),
    "gmtime": _of_now("gmtime"),
    "ctime": _of_now("ctime"),
    "asctime": _asctime,
    "strftime": _strftime,
    "sleep": _sleep,
}


_by_name = ImportedByName(
    {real: _virtual[name] for name, real in _real.items()} | {os.urandom: chance.simulated_urandom}
)


def _put_in(stand_ins: StandIns) -> None:
    for name in _real:
        stand_ins.put_in(time, name, _virtual[name])
    _by_name.put_in(stand_ins)
    chance.put_in(stand_ins, _wall_ns)


_stand_ins = StandIns(_put_in)


@contextmanager
def virtual_time_and_chance(loop: NetworkLoop) -> Iterator[None]:
    """Answer code that runs in *loop* from its virtual clock and its seed, for as long as the block lasts."""
    with _stand_ins.in_place():
        before = chance.swap(loop.imported_by_name)
        try:
            yield
        finally:
            loop.imported_by_name = chance.swap(before)
