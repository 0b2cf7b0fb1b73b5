"""A pair of connected sockets within one host, as `socket.socketpair` makes them: no network, no time.

Rules:

* What is written to one end is there at the other at once. A stream keeps bytes, a pair of datagram sockets
  keeps messages.
* An end takes what fits into the other's buffer; a message that does not fit waits, bytes go in part.
* After one end is closed the other reads what is there, then the end; who writes gets EPIPE.
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from p2plib.sim.clock.places import caller
from p2plib.sim.current import Incarnation
from p2plib.sim.sockets.opened import Opened, Taken, fail, would_wait

ROOM_BYTES = 212_992  # of Linux: net.core.wmem_default


class PairEnd:
    """One end of a pair, as a kernel keeps it.

    Attributes:
        other: the other end.
        on_ready: called when there may be something to read or room to write.
    """

    local = remote = None

    def __init__(self, place: str) -> None:
        self.other = self
        self.options: dict[tuple[int, int], Any] = {}
        self.on_ready: Callable[[], None] | None = None
        self.place = place
        self.is_open, self.eof, self.shut = True, False, False
        self.waiting: deque[bytes] = deque()
        self.held_bytes = 0

    @property
    def readable(self) -> bool:
        """Whether something is there, or the end."""
        return bool(self.waiting) or self.eof

    @property
    def writable(self) -> bool:
        """Whether the other end has room, or is gone."""
        return not self.other.is_open or self.other.held_bytes < ROOM_BYTES

    def put(self, data: bytes) -> None:
        """Take what the other end has written."""
        self.waiting.append(data)
        self.held_bytes += len(data)
        self.ready()

    def ready(self) -> None:
        """Tell who holds it."""
        if self.on_ready is not None:
            self.on_ready()

    def take_error(self) -> OSError | None:
        """Return None: nothing goes wrong with a pair."""
        return None

    def what_it_is(self) -> str:
        """Return words for what it is and who made it."""
        return f"a pair of sockets, made by {self.place}"

    def shutdown_write(self) -> None:
        """Let the other end read the end of what was written."""
        self.shut = self.other.eof = True
        self.other.ready()

    def close(self) -> None:
        """Let go."""
        if self.is_open:
            self.is_open, self.on_ready = False, None
            self.waiting.clear()
            self.shutdown_write()


class OpenPair(Opened):
    """One end of a pair, open.

    Args:
        incarnation: the life of the host that it belongs to.
        family: AF_UNIX as a rule.
        type: SOCK_STREAM or SOCK_DGRAM.
        end: the end.
    """

    end: PairEnd

    def __init__(self, incarnation: Incarnation, family: int, type: int, end: PairEnd) -> None:
        super().__init__(incarnation, family, type, 0, end)

    def bind(self, address: Any) -> None:
        """Refuse: it has its peer."""
        raise fail(errno.EINVAL)

    def listen(self, backlog: int) -> None:
        """Refuse: it has its peer."""
        raise self._no_listener()

    def accept(self) -> Opened:
        """Refuse: it has its peer."""
        raise self._no_listener()

    def _no_listener(self) -> OSError:
        return fail(errno.EINVAL if self.type == socket.SOCK_STREAM else errno.EOPNOTSUPP)

    def connect(self, address: Any) -> None:
        """Refuse: it has its peer."""
        raise fail(errno.EISCONN)

    def name(self) -> Any:
        """Return "": a pair has no names."""
        return ""

    def peer(self) -> Any:
        """Return "": a pair has no names."""
        return ""

    def give(self, data: bytes, address: Any = None, ancillary: Any = ()) -> int:
        """Hand bytes, or one message, to the other end."""
        other = self.end.other
        if self.end.shut or (not other.is_open and self.type == socket.SOCK_STREAM):
            raise fail(errno.EPIPE)
        if not other.is_open:
            raise fail(errno.ECONNREFUSED)
        room = ROOM_BYTES - other.held_bytes
        if self.type == socket.SOCK_DGRAM:
            if len(data) > ROOM_BYTES:
                raise fail(errno.EMSGSIZE)
            room = room if len(data) <= room else 0
        if room <= 0:
            raise would_wait()
        data = data[:room]
        if data or self.type == socket.SOCK_DGRAM:
            other.put(data)
        return len(data)

    def take(self, size: int, flags: int) -> Taken:
        """Return bytes, or one message cut to *size*."""
        end, peek = self.end, bool(flags & socket.MSG_PEEK)
        if not end.waiting:
            if end.eof and self.type == socket.SOCK_STREAM:  # the end of messages is never told
                return b"", None, [], 0
            raise would_wait()
        if self.type == socket.SOCK_DGRAM:
            whole = end.waiting[0] if peek else end.waiting.popleft()
            data = whole[:size]
            taken = 0 if peek else len(whole)
        else:
            joined = b"".join(end.waiting)
            data, rest = joined[:size], joined[size:]
            taken = 0 if peek else len(data)
            if not peek:
                end.waiting = deque([rest] if rest else [])
        end.held_bytes -= taken
        if taken:
            end.other.ready()
        return data, None, [], 0

    def shutdown(self, how: int) -> None:
        """End a direction, or both."""
        if how in (socket.SHUT_WR, socket.SHUT_RDWR):
            self.end.shutdown_write()
        if how in (socket.SHUT_RD, socket.SHUT_RDWR):
            self.end.eof = True
            self.end.ready()


def pair(incarnation: Incarnation, family: int, type: int) -> tuple[OpenPair, OpenPair]:
    """Return the two ends of a new pair."""
    place = caller()
    one, other = PairEnd(place), PairEnd(place)
    one.other, other.other = other, one
    return OpenPair(incarnation, family, type, one), OpenPair(incarnation, family, type, other)
