"""A pair of connected sockets within one host, as `socket.socketpair` makes them: no network, no time.

Rules:

* What is written to one end is at the other at once. A pair of streams carries bytes, a pair of datagram
  sockets messages.
* An end takes what fits into the other's buffer: of bytes a part, but a message whole or not at all.
* After one end is closed, the other reads what is left, then the end of the stream; writing raises EPIPE.
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from p2plib.sim.clock.places import caller
from p2plib.sim.current import Incarnation
from p2plib.sim.packet import Address
from p2plib.sim.sockets.constants import AF_UNIX, MSG_ERRQUEUE, MSG_PEEK
from p2plib.sim.sockets.opened import Opened, Taken, fail, would_wait

ROOM_BYTES = 212_992  # of Linux: net.core.wmem_default


class PairEnd:
    """One end of a pair, as a kernel keeps it; an asyncio transport may hold it like a TCP endpoint.

    Args:
        incarnation: the life of the host that it belongs to.
        keeps_messages: whether it carries messages, not bytes.
        place: where it was made, in words.

    Attributes:
        other: the other end.
        on_ready: called when there may be something to read or room to write, after what is being done.
    """

    def __init__(self, incarnation: Incarnation, keeps_messages: bool, place: str) -> None:
        self.incarnation, self.host, self.family = incarnation, incarnation.host, AF_UNIX
        self.local: Address | None = None  # it has no names
        self.remote: Address | None = None
        self.other = self
        self.options: dict[tuple[int, int], Any] = {}
        self.on_ready: Callable[[], None] | None = None
        self.place = place
        self.is_open, self.eof, self.shut = True, False, False
        self.waiting: deque[bytes] = deque()
        self.held_bytes = 0
        self._keeps_messages, self._ready_is_due = keeps_messages, False
        self.host.ports.endpoints[self] = None

    @property
    def readable(self) -> bool:
        """Whether there is something to read, or the end."""
        return bool(self.waiting) or self.eof

    @property
    def writable(self) -> bool:
        """Whether the other end has room, or is closed."""
        return not self.other.is_open or self.other.held_bytes < ROOM_BYTES

    @property
    def at_eof(self) -> bool:
        """Whether everything that will ever come has been read; messages have no such end."""
        return self.eof and not self.waiting and not self._keeps_messages

    def take_error(self) -> OSError | None:
        """Return None: nothing goes wrong with a pair."""
        return None

    def set_option(self, level: int, option: int, value: Any) -> None:
        """Remember an option; a pair's buffers keep their size.

        Raises:
            OSError: EOPNOTSUPP for any option but those of SOL_SOCKET.
        """
        if level != socket.SOL_SOCKET:
            raise fail(errno.EOPNOTSUPP)
        self.options[level, option] = value

    def what_it_is(self) -> str:
        """Describe what it is and where it was made, for an error."""
        return f"one end of a pair of sockets, made by {self.place}"

    def write(self, data: bytes | memoryview) -> int:
        """Pass bytes, or one message, to the other end; return how many bytes it took, 0 if it has no room.

        Raises:
            OSError: EPIPE, ECONNREFUSED, EMSGSIZE.
        """
        other = self.other
        if self.shut or (not other.is_open and not self._keeps_messages):
            raise fail(errno.EPIPE)
        if not other.is_open:
            self.waiting.clear()  # Linux drops what the other end had sent
            raise fail(errno.ECONNREFUSED)
        room = ROOM_BYTES - other.held_bytes
        if self._keeps_messages:
            if len(data) > ROOM_BYTES:
                raise fail(errno.EMSGSIZE)
            room = room if len(data) <= room else 0
        content = bytes(data[: max(room, 0)])
        if content or (self._keeps_messages and not data):
            other.waiting.append(content)
            other.held_bytes += len(content)
            other.ready()
        return len(content)

    def read(self, size: int, *, peek: bool = False) -> bytes:
        """Return bytes, or one message cut to *size*; b"" if there are none, now or ever."""
        if not self.waiting:
            return b""
        if self._keeps_messages:
            whole = self.waiting[0]
            data, rest = whole[:size], []
            if not peek:
                self.waiting.popleft()
        else:
            whole = b"".join(self.waiting)
            data, rest = whole[:size], [whole[size:]] if len(whole) > size else []
            if not peek:
                self.waiting = deque(rest)
        if not peek:
            self.held_bytes -= len(whole) - sum(map(len, rest))
            self.other.ready()
        return data

    def ready(self) -> None:
        """Call `on_ready`, after what is being done now."""
        if self.on_ready is not None and not self._ready_is_due:
            self._ready_is_due = True
            loop = self.host.net.loop
            loop.schedule(loop.now, self._call_on_ready, None)

    def _call_on_ready(self, _: None) -> None:
        self._ready_is_due = False
        if self.on_ready is not None and self.incarnation.alive:
            self.on_ready()

    def shutdown_write(self) -> None:
        """Let the other end read the end of what was written."""
        self.shut = self.other.eof = True
        self.other.ready()

    def close(self) -> None:
        """Close it for the holder."""
        if self.is_open:
            self.vanish()
            self.shutdown_write()

    abort = close

    def vanish(self) -> None:
        """Disappear without a word: the machine has crashed."""
        self.is_open, self.on_ready = False, None
        self.host.ports.endpoints.pop(self, None)


class OpenPair(Opened):
    """An open socket that is one end of a pair.

    Args:
        incarnation: the life of the host that it belongs to.
        family: AF_UNIX as a rule.
        type: SOCK_STREAM or SOCK_DGRAM.
        end: the end as the kernel keeps it.
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
        """Pass bytes, or one message, to the other end."""
        taken = self.end.write(data)
        if not taken and data:
            raise would_wait()
        return taken

    def take(self, size: int, flags: int) -> Taken:
        """Return bytes, or one message cut to *size*."""
        if flags & MSG_ERRQUEUE:
            raise would_wait()
        end = self.end
        if not end.waiting and not end.at_eof:
            raise would_wait()
        return end.read(size, peek=bool(flags & MSG_PEEK)), None, [], 0

    def shutdown(self, how: int) -> None:
        """Shut down one direction, or both."""
        if how in (socket.SHUT_WR, socket.SHUT_RDWR):
            self.end.shutdown_write()
        if how in (socket.SHUT_RD, socket.SHUT_RDWR):
            self.end.eof = True
            self.end.ready()


def pair(incarnation: Incarnation, family: int, type: int) -> tuple[OpenPair, OpenPair]:
    """Return the two ends of a new pair."""
    place, keeps_messages = caller(), type == socket.SOCK_DGRAM
    one, other = (PairEnd(incarnation, keeps_messages, place) for _ in range(2))
    one.other, other.other = other, one
    return OpenPair(incarnation, family, type, one), OpenPair(incarnation, family, type, other)
