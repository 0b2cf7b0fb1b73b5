"""Chance inside a run: a source of randomness for each host, even for code that uses Python's own modules.

Code that was not written for a simulation draws from the module `random`, from `os.urandom`, or has `uuid`
and `tempfile` draw for it. Inside a run each host has its own sources, and so has the main program: what one
host draws does not change what others draw. Code outside the run, in other threads, draws from the real thing
even while a run goes on.

Rules:

* `random._inst`, on which all functions of the module work, gets a class that finds out whose draw it is, for
  as long as any internet runs. So `from random import choice` is covered too, whenever it was done. Python
  binds five of them in C, though: `random`, `getrandbits`, `seed`, `getstate` and `setstate`, if imported by
  name before the run, work on one generator for the whole run: seeded, but not one for each host.
* A generator without a seed (`Random()`, `random.seed()`) is seeded from the current host's `os.urandom`, and
  that draws from the host's `random`, as `secrets`, `SystemRandom` and `uuid4` do.
* `uuid1` is made from the host's wall clock and a hardware address that belongs to its IP address.
"""

from __future__ import annotations

import os
import random
import tempfile
import uuid
from asyncio import _get_running_loop
from functools import wraps
from ipaddress import ip_address
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

from p2plib.sim.clock.loop import SimLoop
from p2plib.sim.clock.stand_ins import StandIns
from p2plib.sim.current import CURRENT

if TYPE_CHECKING:
    from collections.abc import Callable

_Raw: Any = Random.__base__  # the generator in C under Python's `Random`
_shared: Any = random._inst  # what the functions of the module work on
_outside = Random()  # stands in for it where no internet runs, in other threads

GREGORIAN_100NS = 0x01B21DD213814000  # RFC 4122, 4.1.4: from 15 October 1582 to the Unix epoch
LOCAL_NODE = (
    0x02_00_00_00_00_00  # no manufacturer gives such an address: its "locally administered" bit is set
)


class Chance:
    """The sources that Python's own modules use for one host, or for the main program.

    Args:
        seed: the seed of the module `random` for it.
        node: its hardware address, as `uuid.getnode` returns it.
    """

    def __init__(self, seed: str, node: int = LOCAL_NODE) -> None:
        self.random, self.node = Random(seed), node
        self.last_uuid1 = 0  # the time in the last of them, in 100 ns: no two may have the same


class HasChance(Protocol):
    """A host, or the loop for the main program."""

    @property
    def random(self) -> Random:
        """The generator from which `os.urandom` draws."""

    @property
    def chance(self) -> Chance:
        """The sources of the other modules."""


def node_of(address: str) -> int:
    """Return the hardware address of a host that has this IP address: "198.18.0.1" has 02:00:c6:12:00:01."""
    return LOCAL_NODE | int(ip_address(address)) & 0xFFFF_FFFF


def _here() -> HasChance | None:
    """Return whose draw it is; None outside of every run."""
    loop: Any = _get_running_loop()
    if not isinstance(loop, SimLoop):
        return None
    incarnation = CURRENT.get()
    return loop if incarnation is None else incarnation.host  # type: ignore[return-value]


def _source() -> Random:
    here = _here()
    return _outside if here is None else here.chance.random


class _EachHostsOwn(Random):
    """The class of the module's generator while an internet runs."""

    __slots__ = ()

    def random(self) -> float:
        return _source().random()

    def getrandbits(self, k: int, /) -> int:
        return _source().getrandbits(k)

    def seed(self, a: Any = None, version: int = 2) -> None:
        _source().seed(a, version)

    def getstate(self) -> tuple[Any, ...]:
        return _source().getstate()

    def setstate(self, state: tuple[Any, ...]) -> None:
        _source().setstate(state)

    @property
    def gauss_next(self) -> float | None:  # the second of a pair, which `gauss` keeps for the next call
        return _source().gauss_next  # type: ignore[attr-defined,no-any-return]

    @gauss_next.setter
    def gauss_next(self, value: float | None) -> None:
        _source().gauss_next = value  # type: ignore[attr-defined]


_BOUND_IN_C = ("random", "getrandbits", "seed", "getstate", "setstate")
_real_seed = Random.seed
_real_urandom, _real_getrandom = os.urandom, getattr(os, "getrandom", None)
_real_uuid1, _real_getnode = uuid.uuid1, uuid.getnode
_real_uuid1_in_c: Any = uuid._generate_time_safe  # type: ignore[attr-defined]  # None on some systems
_real_names_rng: Any = tempfile._RandomNameSequence.rng  # type: ignore[attr-defined]


@wraps(_real_seed)
def _seed(self: Random, a: Any = None, version: int = 2) -> None:
    if a is None and _here() is not None:
        a = int.from_bytes(simulated_urandom(32))
    _real_seed(self, a, version)


def simulated_urandom(size: int, /) -> bytes:
    """Stand in for `os.urandom` during a run."""
    here = _here()
    return _real_urandom(size) if here is None else here.random.randbytes(size)


def _getrandom(size: int, flags: int = 0) -> bytes:
    assert _real_getrandom is not None
    here = _here()
    return _real_getrandom(size, flags) if here is None else here.random.randbytes(size)


def _getnode() -> int:
    here = _here()
    return _real_getnode() if here is None else here.chance.node


def _uuid1_of(wall_ns: Callable[[], int]) -> Callable[..., uuid.UUID]:
    @wraps(_real_uuid1)
    def uuid1(node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
        here = _here()
        if here is None:
            return _real_uuid1(node, clock_seq)
        chance = here.chance
        when = chance.last_uuid1 = max(wall_ns() // 100 + GREGORIAN_100NS, chance.last_uuid1 + 1)
        sequence = chance.random.getrandbits(14) if clock_seq is None else clock_seq & 0x3FFF
        parts = (when & 0xFFFF_FFFF, when >> 32 & 0xFFFF, when >> 48 & 0x0FFF, sequence >> 8, sequence & 0xFF)
        return uuid.UUID(fields=(*parts, chance.node if node is None else node), version=1)

    return uuid1


def _in_c(uuid1: Callable[[], uuid.UUID]) -> Callable[[], tuple[bytes, int | None]]:
    return lambda: _real_uuid1_in_c() if _here() is None else (uuid1().bytes, None)


def _names_rng(self: Any) -> Random:
    return _real_names_rng.fget(self) if _here() is None else _source()


def put_in(stand_ins: StandIns, wall_ns: Callable[[], int]) -> None:
    """Let Python's own modules draw from the sources of the current host.

    Args:
        stand_ins: what takes them out again.
        wall_ns: returns the time on the current host's wall clock, in nanoseconds of the Unix epoch.
    """
    _outside.setstate(_shared.getstate())
    _shared.__class__ = _EachHostsOwn
    stand_ins.afterwards(_share_again)
    for name in _BOUND_IN_C:
        stand_ins.put_in(random, name, getattr(_shared, name))
    stand_ins.put_in(Random, "seed", _seed)
    stand_ins.put_in(os, "urandom", simulated_urandom)
    stand_ins.put_in(random, "_urandom", simulated_urandom)
    if _real_getrandom is not None:
        stand_ins.put_in(os, "getrandom", _getrandom)
    uuid1 = _uuid1_of(wall_ns)
    stand_ins.put_in(uuid, "getnode", _getnode)
    stand_ins.put_in(uuid, "uuid1", uuid1)
    if _real_uuid1_in_c is not None:  # what `uuid1` calls that was imported by name before
        stand_ins.put_in(uuid, "_generate_time_safe", _in_c(uuid1))
    stand_ins.put_in(tempfile._RandomNameSequence, "rng", property(_names_rng))  # type: ignore[attr-defined]


def _share_again() -> None:
    """Let the module's functions work on its own generator; numbers drawn outside meanwhile stay drawn."""
    _shared.__class__ = Random
    _shared.setstate(_outside.getstate())


def state_of(seed: str) -> Any:
    """Return the state of a fresh generator with this seed, for `swap`."""
    return _Raw.getstate(Random(seed))


def swap(state: Any) -> Any:
    """Set the state of what was imported by name before the run (see the rules), and return the old one."""
    before = _Raw.getstate(_shared)
    _Raw.setstate(_shared, state)
    return before
