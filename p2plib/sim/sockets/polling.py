"""`select.select` and `select.poll` within a run: they report what is ready now, and refuse to wait.

HTTP clients check in this way whether a connection that they have kept is still open. Waiting would stop
every host.
"""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Iterable
from typing import Any

from p2plib.sim.sockets.opened import descriptor, is_simulated
from p2plib.sim.sockets.refused import refuse

WAITING = "waiting for it would stop every host; use loop.add_reader, or await loop.sock_recv and the like"
_IN, _OUT, _INVALID = (
    getattr(select, "POLLIN", 1),
    getattr(select, "POLLOUT", 4),
    getattr(select, "POLLNVAL", 32),
)


def number_of(thing: Any) -> int:
    """Return a descriptor: a number as it is, or that of an object with `fileno`."""
    number = thing if isinstance(thing, int) else thing.fileno()
    if number < 0:
        raise ValueError(f"file descriptor cannot be a negative integer ({number})")
    return int(number)


def look(
    real: Any, rlist: Iterable[Any], wlist: Iterable[Any], xlist: Iterable[Any], timeout: float | None = None
) -> tuple[list[Any], list[Any], list[Any]]:
    """Do what `select.select` does, if it need not wait.

    Args:
        real: the real `select.select`, for everything but simulated sockets.
        rlist: what is to be read.
        wlist: what is to be written to.
        xlist: what may be in an exceptional state; no simulated socket ever is.
        timeout: how long to wait, in seconds; 0 for not at all.

    Raises:
        Unsupported: nothing is ready, and it would have to wait.
    """
    lists = [list(rlist), list(wlist), list(xlist)]
    ours = [[thing for thing in things if is_simulated(number_of(thing))] for things in lists]
    theirs = [[thing for thing in things if not is_simulated(number_of(thing))] for things in lists]
    readable = [thing for thing in ours[0] if descriptor(number_of(thing)).readable]
    writable = [thing for thing in ours[1] if descriptor(number_of(thing)).writable]
    others: list[list[Any]] = [[], [], []] if not any(theirs) else [*map(list, real(*theirs, 0))]
    if not (readable or writable or any(others)) and timeout != 0:
        refuse("a call of select.select that has to wait", WAITING)
    return readable + others[0], writable + others[1], others[2]


class Poll:
    """What `select.poll()` returns within a run.

    Args:
        real: a real one, for everything but simulated sockets.
    """

    def __init__(self, real: Any) -> None:
        self._real = real
        self._masks: dict[int, int] = {}

    def register(self, fd: Any, eventmask: int = _IN | _OUT) -> None:
        """Add a descriptor to those that are polled."""
        if is_simulated(number_of(fd)):
            self._masks[number_of(fd)] = eventmask
        else:
            self._real.register(fd, eventmask)

    def modify(self, fd: Any, eventmask: int) -> None:
        """Change what a descriptor is polled for."""
        if is_simulated(number_of(fd)) and number_of(fd) not in self._masks:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        self.register(fd, eventmask)

    def unregister(self, fd: Any) -> None:
        """Remove a descriptor from those that are polled."""
        if is_simulated(number_of(fd)):
            del self._masks[number_of(fd)]
        else:
            self._real.unregister(fd)

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        """Return the descriptors that are ready, each with its events.

        Raises:
            Unsupported: none is ready, and it would have to wait.
        """
        if not self._masks:
            found: list[tuple[int, int]] = self._real.poll(timeout)
            return found
        ready = [(number, self._state(number, mask)) for number, mask in self._masks.items()]
        ready = [(number, state) for number, state in ready if state]
        ready += self._real.poll(0)
        if not ready and timeout != 0:
            refuse("a call of select.poll that has to wait", WAITING)
        return ready

    def _state(self, number: int, mask: int) -> int:
        try:
            opened = descriptor(number)
        except OSError:
            return int(_INVALID)
        readable = mask & _IN if opened.readable else 0
        return int(readable | (mask & _OUT if opened.writable else 0))
