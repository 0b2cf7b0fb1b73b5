"""Readiness: `loop.add_reader` and `add_writer`, and the `loop.sock_*` calls, on simulated sockets.

Rules:

* As with a selector, a callback is called again and again for as long as its socket is ready (level-
  triggered): once in each round, after everything else that was to be done.
* It runs in the context in which it was added, and so on its host. When the host crashes, or the descriptor
  is closed, it is never called again.
* There is one reader and one writer for each descriptor. `loop.sock_recv` and the like are readers and
  writers, too, and replace what was there before.
* However a `sock_*` call ends, cancelled or not, it leaves no reader or writer behind.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from p2plib.sim.clock.handles import SimHandle
from p2plib.sim.clock.loop import SimLoop
from p2plib.sim.sockets.opened import Opened, descriptor, is_simulated
from p2plib.sim.sockets.refused import DESCRIPTORS, refuse
from p2plib.sim.sockets.sockets import SimSocket

if TYPE_CHECKING:
    from p2plib.sim.internet import Internet

T = TypeVar("T")
READER, WRITER = 0, 1


class Watch:
    """The callbacks of one descriptor: its reader and its writer.

    Args:
        loop: the loop that calls them.
        opened: what the descriptor stands for.
        number: the descriptor.
    """

    __slots__ = ("_due", "handles", "loop", "number", "opened")

    def __init__(self, loop: SimLoop, opened: Opened, number: int) -> None:
        self.loop, self.opened, self.number = loop, opened, number
        self.handles: list[SimHandle | None] = [None, None]
        self._due = False
        opened.watch(number, self)

    def _is_ready(self, side: int) -> bool:
        return self.handles[side] is not None and (
            self.opened.readable if side == READER else self.opened.writable
        )

    def look(self) -> None:
        """Schedule the callbacks whose socket is ready, after what is being done now."""
        if not self._due and (self._is_ready(READER) or self._is_ready(WRITER)):
            self._due = True
            self.loop.schedule(self.loop.now, self._call, None)

    def _call(self, _: None) -> None:
        self._due = False
        ready = [handle for side, handle in enumerate(self.handles) if handle and self._is_ready(side)]
        for handle in ready:
            self.loop._run_handle(handle)
        if self.opened.incarnation.alive and self.opened.watches.get(self.number) is self:
            self.look()

    def put(self, side: int, handle: SimHandle | None) -> bool:
        """Set the callback of one side, None for no callback; return whether there was one."""
        before, self.handles[side] = self.handles[side], handle
        if before is not None:
            before.cancel()
        if handle is not None:
            self.look()
        elif not any(self.handles):
            self.opened.unwatch(self.number)
        return before is not None


class ReadinessCalls(SimLoop):
    """The methods of a loop for a program's own sockets.

    Attributes:
        net: the internet.
    """

    net: Internet

    # Readers and writers

    def _add(self, call: str, side: int, fd: Any, callback: Callable[..., object], args: Any) -> None:
        number = _number(fd)
        if not is_simulated(number):
            refuse(f"{call} of a real file descriptor", DESCRIPTORS)
        opened = fd.opened if isinstance(fd, SimSocket) else descriptor(number)
        _check_free(fd, opened)
        self._watch(side, number, opened, SimHandle(callback, args, self, None))

    def _watch(self, side: int, number: int, opened: Opened, handle: SimHandle) -> Watch:
        watch = opened.watches.get(number) or Watch(self, opened, number)
        watch.put(side, handle)
        return watch

    def _remove(self, side: int, fd: Any) -> bool:
        number = _number(fd)
        try:
            opened = fd.opened if isinstance(fd, SimSocket) else descriptor(number)
        except OSError:
            return False
        _check_free(fd, opened)
        watch = opened.watches.get(number)
        return watch is not None and watch.put(side, None)

    def add_reader(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:  # type: ignore[override]
        """Call `callback(*args)` whenever a socket, or its descriptor, can be read from."""
        self._add("add_reader", READER, fd, callback, args)

    def add_writer(self, fd: Any, callback: Callable[..., object], *args: Any) -> None:  # type: ignore[override]
        """Call `callback(*args)` whenever a socket, or its descriptor, can be written to."""
        self._add("add_writer", WRITER, fd, callback, args)

    def remove_reader(self, fd: Any) -> bool:
        """Remove the reader of a socket or descriptor; return whether there was one."""
        return self._remove(READER, fd)

    def remove_writer(self, fd: Any) -> bool:
        """Remove the writer of a socket or descriptor; return whether there was one."""
        return self._remove(WRITER, fd)

    # loop.sock_*

    async def _when(self, side: int, sock: SimSocket, attempt: Callable[[], T]) -> T:
        """Return what *attempt* returns once it need not wait."""
        try:
            return attempt()
        except BlockingIOError:
            pass
        future = self.create_future()

        def again() -> None:
            if future.done():
                return
            try:
                future.set_result(attempt())
            except BlockingIOError:
                pass
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                future.set_exception(error)

        handle = SimHandle(again, (), self, None)
        watch = self._watch(side, sock.fileno(), sock.opened, handle)
        try:
            found: T = await future
            return found
        finally:
            if watch.handles[side] is handle:
                watch.put(side, None)

    async def sock_recv(self, sock: Any, nbytes: int) -> bytes:
        """Receive data from a socket, *nbytes* at most."""
        own = _checked("sock_recv", sock)
        return await self._when(READER, own, lambda: own.recv(nbytes))

    async def sock_recv_into(self, sock: Any, buf: Any) -> int:
        """Receive data into a buffer; return how many bytes."""
        own = _checked("sock_recv_into", sock)
        return await self._when(READER, own, lambda: own.recv_into(buf))

    async def sock_recvfrom(self, sock: Any, bufsize: int) -> tuple[bytes, Any]:
        """Receive a datagram; return it with its sender's address."""
        own = _checked("sock_recvfrom", sock)
        return await self._when(READER, own, lambda: own.recvfrom(bufsize))

    async def sock_recvfrom_into(self, sock: Any, buf: Any, nbytes: int = 0) -> tuple[int, Any]:
        """Receive a datagram into a buffer; return how many bytes, and the sender's address."""
        own = _checked("sock_recvfrom_into", sock)
        return await self._when(READER, own, lambda: own.recvfrom_into(buf, nbytes))

    async def sock_sendall(self, sock: Any, data: Any) -> None:
        """Send all of the data."""
        own = _checked("sock_sendall", sock)
        rest = bytes(memoryview(data))
        while rest:
            part = rest
            rest = part[await self._when(WRITER, own, lambda part=part: own.send(part)) :]  # type: ignore[misc]

    async def sock_sendto(self, sock: Any, data: Any, address: Any) -> int:
        """Send a datagram to an address."""
        own = _checked("sock_sendto", sock)
        return await self._when(WRITER, own, lambda: own.sendto(data, address))

    async def sock_connect(self, sock: Any, address: Any) -> None:
        """Connect a socket to an address."""
        own = _checked("sock_connect", sock)
        if own.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
            names = self.net.names
            found = await names.ensure_resolved(address, family=own.family, type=own.type, proto=own.proto)
            address = found[0][4]
        try:
            own.connect(address)
        except BlockingIOError:
            await self._when(WRITER, own, lambda: _connected(own, address))

    async def sock_accept(self, sock: Any) -> tuple[SimSocket, Any]:
        """Accept the next connection of a listening socket; return its socket and its peer's address."""
        own = _checked("sock_accept", sock)
        accepted, address = await self._when(READER, own, own.accept)
        accepted.setblocking(False)
        return accepted, address


def _connected(sock: SimSocket, address: Any) -> None:
    """Raise what made a connection fail; BlockingIOError while it is not established."""
    if not sock.opened.writable:
        raise BlockingIOError
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, f"Connect call failed {address}")


def _checked(call: str, sock: Any) -> SimSocket:
    """Return a socket that the loop can use.

    Raises:
        ValueError: it blocks; asyncio checks this only in debug mode, and would hang otherwise.
    """
    if not isinstance(sock, SimSocket):
        refuse(f"{call} of a socket made outside the run", "make the socket on a host, within the run")
    if sock.gettimeout() != 0:
        raise ValueError("the socket must be non-blocking")
    return sock


def _check_free(fd: Any, opened: Opened) -> None:
    """Raise, as asyncio does, if a transport has the descriptor."""
    if opened.transport is not None and not opened.transport.is_closing():
        raise RuntimeError(f"File descriptor {fd!r} is used by transport {opened.transport!r}")


def _number(fd: Any) -> int:
    """Return a descriptor: a number as it is, or that of an object with `fileno`."""
    if isinstance(fd, int):
        number = fd
    elif hasattr(fd, "fileno"):
        number = fd.fileno()
    else:
        raise ValueError(f"Invalid file object: {fd!r}")
    if number < 0:
        raise ValueError(f"Invalid file descriptor: {number}")
    return int(number)
