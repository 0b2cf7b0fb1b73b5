"""What a descriptor stands for: an open socket of a host, which several descriptors may share.

POSIX calls it the open file description. A program sees a number, or a `socket.socket` that holds one; behind
it is one of these, and behind that the kernel's own object: a UDP endpoint, a TCP endpoint or a listener.

Rules:

* Descriptors are numbered in one sequence for the whole internet, from `FIRST_DESCRIPTOR` up: far from those
  of the real machine, never used twice, and the same in every run. A host knows only its own.
* The kernel's object is closed with its last descriptor. A descriptor whose socket object nothing refers to
  any more is closed, as by Python's own sockets.
* No call here waits. One that would have to raises `BlockingIOError`; the caller decides what that means.
* `on_ready` of the kernel's object wakes what watches the descriptors (`p2plib.sim.sockets.readiness`).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from p2plib.errors import HostDown
from p2plib.sim.current import CURRENT, Incarnation, current_host

if TYPE_CHECKING:
    from p2plib.sim.sockets.readiness import Watch

FIRST_DESCRIPTOR = 1_000_000
Taken = tuple[bytes, Any, list[tuple[int, int, bytes]], int]  # data, sender, ancillary data, flags


def fail(number: int) -> OSError:
    """Return the operating system's error with this number."""
    return OSError(number, os.strerror(number))


def would_wait() -> BlockingIOError:
    """Return the error of a non-blocking call that would have to wait."""
    return BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def current_incarnation() -> Incarnation:
    """Return the life of the current host, which must be up.

    Raises:
        UsageError: the calling code runs on no host.
        HostDown: its host has crashed or was stopped.
    """
    host = current_host()
    incarnation = CURRENT.get()
    if incarnation is None or not incarnation.alive:
        raise HostDown(f"{host.name} is down")
    return incarnation


class Opened:
    """An open socket; a subclass for each kind implements its calls.

    Args:
        incarnation: the life of the host that it belongs to.
        family: AF_INET, AF_INET6 or, for pairs, AF_UNIX.
        type: SOCK_STREAM or SOCK_DGRAM.
        proto: the protocol's number, as the program gave it.
        end: the kernel's object.

    Attributes:
        transport: the asyncio transport that holds it; None while a program does.
        watches: the callbacks for when it is readable or writable, by descriptor.
    """

    def __init__(self, incarnation: Incarnation, family: int, type: int, proto: int, end: Any) -> None:
        self.incarnation, self.loop = incarnation, incarnation.host.net.loop
        self.family, self.type, self.proto = family, type, proto
        self.transport: Any = None
        self.watches: dict[int, Watch] = {}
        self._numbers: dict[int, None] = {}
        self._hold(end)

    def _hold(self, end: Any) -> None:
        self.end = end

    # Descriptors

    def new_descriptor(self) -> int:
        """Return a new descriptor for this socket."""
        number = self.loop.next_descriptor()
        self._numbers[number] = None
        self.incarnation.descriptors[number] = self
        return int(number)

    def close_descriptor(self, number: int) -> None:
        """Close one descriptor; with the last, the socket is closed."""
        self.unwatch(number)
        self.incarnation.descriptors.pop(number, None)
        if self._numbers.pop(number, number) is None and not self._numbers and self.incarnation.alive:
            self.end.close()

    def watch(self, number: int, watch: Watch) -> None:
        """Let *watch* look whenever there may be something to read or room to write."""
        self.watches[number] = watch
        self.end.on_ready = self.wake

    def unwatch(self, number: int) -> None:
        """Stop watching this descriptor."""
        if self.watches.pop(number, None) is not None and not self.watches and self.transport is None:
            self.end.on_ready = None

    def wake(self) -> None:
        """Let all that watch it look."""
        for watch in list(self.watches.values()):
            watch.look()

    # What a program calls, implemented by each kind of socket

    def bind(self, address: Any) -> None:
        """Bind it to a local address."""
        raise NotImplementedError

    def listen(self, backlog: int) -> None:
        """Listen for connections from now on."""
        raise NotImplementedError

    def accept(self) -> Opened:
        """Return the connection that has waited longest."""
        raise NotImplementedError

    def connect(self, address: Any) -> None:
        """Connect to a peer, or begin to."""
        raise NotImplementedError

    def name(self) -> Any:
        """Return its own address, as `getsockname` does."""
        raise NotImplementedError

    def peer(self) -> Any:
        """Return its peer's address, as `getpeername` does."""
        raise NotImplementedError

    def give(self, data: bytes, address: Any = None, ancillary: Iterable[Any] = ()) -> int:
        """Hand data to the kernel, and return how many bytes it took."""
        raise NotImplementedError

    def take(self, size: int, flags: int) -> Taken:
        """Return data that has arrived, *size* bytes at most."""
        raise NotImplementedError

    def shutdown(self, how: int) -> None:
        """Shut down one direction, or both."""
        raise NotImplementedError

    # What it is

    @property
    def options(self) -> dict[tuple[int, int], Any]:
        """What `setsockopt` has set, by level and option."""
        return self.end.options  # type: ignore[no-any-return]

    def set_option(self, key: tuple[int, int], value: int | bytes) -> None:
        """Set an option."""
        self.end.set_option(*key, value)

    @property
    def readable(self) -> bool:
        """Whether reading from it would not have to wait."""
        return bool(self.end.readable)

    @property
    def writable(self) -> bool:
        """Whether writing to it would not have to wait."""
        return bool(self.end.writable)

    @property
    def listening(self) -> bool:
        """Whether it listens for connections."""
        return False

    def take_error(self) -> OSError | None:
        """Return the pending error (SO_ERROR) and clear it; None if there is none."""
        error: OSError | None = self.end.take_error()
        return error

    def _raise_error(self) -> None:
        if (error := self.take_error()) is not None:
            raise error


def descriptor(number: int) -> Opened:
    """Return what a descriptor of the current host stands for.

    Raises:
        OSError: EBADF, it stands for nothing, or no longer.
    """
    incarnation = CURRENT.get()
    found: Opened | None = None if incarnation is None else incarnation.descriptors.get(number)
    if found is None:
        raise fail(errno.EBADF)
    return found


def is_simulated(number: int) -> bool:
    """Whether a descriptor's number is one of the simulated internet's."""
    return number >= FIRST_DESCRIPTOR
