"""Peer: any machine of this package on a UDP socket. A driver: thin, over asyncio alone.

    async with Peer.open(lambda address, now: Mesh(Contact(7, address), rng, now=now), "192.0.2.1") as peer:
        peer.call(peer.machine.join, [door])
        entered = await peer.wait(Entered, within_s=10)

Rules
    1. It does what `p2plib.machine.machine` asks of a driver, and nothing else: it gives the machine what
       arrives and wakes it when it wants to be woken; after either it sends what the machine has to send, and
       keeps its events until a call waits for them.
    2. A peer is of one family, that of its address (`p2plib.machine.addresses`, rule 1). On an IPv6 socket it
       can still be IPv4's: what the socket shows as ``::ffff:192.0.2.1`` is the IPv4 address, in both
       directions, so that one host is one host.
    3. An error that the operating system reports for a datagram that was sent (unreachable, too large) is
       counted in `failures` under its name, EHOSTUNREACH for example. It is never believed: anybody can forge
       it.
    4. A datagram that a full socket does not take at once is dropped and counted as "full": a machine that
       gets no response asks again.
    5. A destination that we cannot send to is not tried, only counted: one of the other family as
       EAFNOSUPPORT, a name or an impossible port as "no address". Nothing is ever looked up. What comes from
       such a place, from port 0 or from an address that is valid on one link only, is dropped and counted in
       the same way.
    6. The newest `MAX_UNREAD` events wait for a call that asks for them; those that are dropped are counted
       in `unread`.
    7. When the socket is gone, whether the block is over or the system took it, every call that waits raises
       `Closed`, and every later one does at once.
    8. What happens to the socket is logged at DEBUG and INFO, which Python shows only if it is told to.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import logging
import math
import socket
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from p2plib.errors import CannotListen, Closed, PeerTimeout, UsageError
from p2plib.machine.addresses import Address, given_address, is_ipv6
from p2plib.machine.awaited import Awaited
from p2plib.machine.fields import MAX_BYTES
from p2plib.machine.machine import Machine
from p2plib.machine.udp import TARGETS, Family, checked_public, family_of, own_handle, plain

MAX_UNREAD = 1024
# asyncio makes room for 256 KiB before it reads a datagram, which takes twice as long as reading it. A
# datagram that is cut off at this length is too long anyway, and no machine accepts it.
ROOM_BYTES = MAX_BYTES + 1
CLOSED = "this peer's socket is closed"

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Machine[Any])
E = TypeVar("E")


def _has_result(future: asyncio.Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _holds(condition: Callable[[], bool], future: asyncio.Future[Any]) -> bool:
    """Whether what a caller waits for is there; what the condition raises, it raises there."""
    try:
        return condition()
    except Exception as error:
        future.set_exception(error)
        return False


@dataclass(frozen=True, slots=True)
class PeerStats:
    """What a peer on a socket has counted so far.

    Args:
        address: where others reach it.
        sent: how many datagrams the socket has taken.
        received: how many datagrams have arrived.
        failures: what was not sent or was dropped unread, by reason (rules 3 to 5 of the module).
        ignored: what the machine dropped, by reason.
        unread: how many events were dropped (rule 6).
    """

    address: Address
    sent: int
    received: int
    failures: dict[str, int]
    ignored: dict[str, int]
    unread: int


class Peer(asyncio.DatagramProtocol, Generic[M]):
    """A machine on a socket; `open` makes it.

    Attributes:
        machine: the machine. Read from it what you like; use `call` for whatever makes it act.
        address: where others reach it, (host, port).
        bound: where its socket listens; the host is a wildcard if `open` was given one.
        awaited: the calls that wait for an outcome of the machine; see `outcome`.
        failures: what was not sent, and why (rules 3 to 5).
        unread: how many events were dropped (rule 6).
        sent: how many datagrams the socket has taken.
        received: how many datagrams have arrived.
    """

    def __init__(self, on_event: Callable[[Any], bool] | None = None) -> None:
        self.machine: M
        self.address: Address
        self.bound: Address
        self.awaited = Awaited()
        self.failures: Counter[str] = Counter()
        self.unread = self.sent = self.received = 0
        self._loop = asyncio.get_running_loop()
        self._on_event = on_event
        self._events: deque[Any] = deque()
        self._waiters: list[tuple[tuple[type, ...], Callable[[Any], bool], asyncio.Future[Any]]] = []
        self._conditions: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._transport: asyncio.DatagramTransport | None = None
        self._handle: socket.socket | None = None
        self._sendto: Callable[[bytes, Address], object]
        self._is_ipv6, self._target = False, TARGETS[Family.IPV4]  # the family of the socket, not of the peer
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at = math.inf

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        make: Callable[[Address, float], M],
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        public: Address | None = None,
        on_event: Callable[[Any], bool] | None = None,
        sock: socket.socket | None = None,
    ) -> AsyncIterator[Peer[M]]:
        """Opens a socket and puts a machine on it, for as long as the block runs.

        Args:
            make: makes the machine, given the address that others reach it at, and the time in seconds.
            host, port: where to listen, an IP address; port 0 lets the operating system choose.
            public: the address that others reach us at, if it differs from the socket's. Its family is the
                peer's (rule 2).
            on_event: called with each event first; it returns True if the event is dealt with and need not be
                kept.
            sock: a bound socket to use, which does not block and is closed in the end; host and port are then
                what it is bound to.

        Raises:
            CannotListen: the operating system does not let us.
            UsageError: the host is no IP address, or a wildcard while `public` is missing; `public` is no
                address of a peer, or of a family that the host does not receive from.
        """
        public = checked_public(host, port, public)
        peer = cls(on_event)
        where = {"local_addr": (host, port)} if sock is None else {"sock": sock}
        try:
            await peer._loop.create_datagram_endpoint(lambda: peer, **where)
        except OSError as error:
            raise CannotListen(f"cannot listen at {host}, port {port}: {error}") from error
        try:
            peer._begin(make, public)
            yield peer
        finally:
            await peer._end()

    # What the owner calls ---------------------------------------------------------------------------------

    def now(self) -> float:
        """The time that the machine is given, in seconds."""
        return self._loop.time()

    def call(self, what: Callable[..., E], *args: Any) -> E:
        """Calls a method of the machine, with the time as its last argument, and sends what it has to send.

        Raises:
            Closed: the block is over. Otherwise whatever the method raises.
        """
        self._is_there()
        try:
            return what(*args, self._loop.time())
        finally:
            self.flush()

    def flush(self) -> None:
        """Sends, reports events and sets the timer; needed only after calling the machine without `call`."""
        machine = self.machine
        for data, address in machine.to_send():
            self._send(data, address)
        for event in machine.events():
            self._happened(event)
        for condition, future in self._conditions:
            if not future.done() and _holds(condition, future):
                future.set_result(None)
        at = machine.timer()
        if at is None or self._transport is None:
            return
        if at < self._wake_at:  # one that is too early does no harm
            if self._wake is not None:
                self._wake.cancel()
            self._wake_at, self._wake = at, self._loop.call_at(at, self._woken)

    async def outcome(self, begin: Callable[..., Hashable], *args: Any) -> Any:
        """Calls a method of the machine that returns a number, and waits for the outcome with that number.

        The owner of the peer gives the outcome to `awaited`, in its `on_event`; it may come at once.

        Raises:
            Closed: the block is over, or ends while this waits.
            Exception: what the method raises, or what `awaited` was given.
        """
        self._is_there()
        return await self.awaited.wait(begin(*args, self._loop.time()), self.flush)

    def stats(self) -> PeerStats:
        """What was counted so far."""
        failures, ignored = dict(self.failures), dict(self.machine.ignored)
        return PeerStats(self.address, self.sent, self.received, failures, ignored, self.unread)

    async def wait(
        self, *kinds: type[E], where: Callable[[E], bool] = lambda event: True, within_s: float = 60.0
    ) -> E:
        """The first event of some classes that no call has taken yet; waits for one if need be.

        Args:
            kinds: the classes.
            where: says which events will do; by default, any.
            within_s: how long to wait, in seconds.

        Raises:
            PeerTimeout: there was none in that time.
            Closed: the block is over.
        """
        for event in self._events:
            if isinstance(event, kinds) and where(event):
                self._events.remove(event)
                return event
        self._is_there()
        future: asyncio.Future[E] = self._loop.create_future()
        waiter = (kinds, cast(Callable[[Any], bool], where), future)
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(within_s):
                return await future
        except asyncio.CancelledError:
            if _has_result(future):  # the event came in the instant in which we were cancelled
                self._events.appendleft(future.result())
            raise
        except TimeoutError:
            if _has_result(future):
                return future.result()
            names = " or ".join(kind.__name__ for kind in kinds)
            raise PeerTimeout(f"no {names} within {within_s:g} s") from None
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    async def until(self, condition: Callable[[], bool], within_s: float = 60.0) -> None:
        """Waits until a condition on the machine holds; it is checked after each datagram and timer.

        Raises:
            PeerTimeout: it did not hold within `within_s` seconds.
            Closed: the block is over.
        """
        if condition():
            return
        self._is_there()
        waiter = (condition, self._loop.create_future())
        self._conditions.append(waiter)
        try:
            async with asyncio.timeout(within_s):
                await waiter[1]
        except TimeoutError:
            raise PeerTimeout(f"the condition did not come to hold within {within_s:g} s") from None
        finally:
            self._conditions.remove(waiter)

    # What asyncio calls -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._handle = own_handle(transport)
        self._sendto = (self._handle or self._transport).sendto
        with contextlib.suppress(AttributeError):  # a simulated socket has no such thing
            self._transport.max_size = ROOM_BYTES  # type: ignore[attr-defined]

    def datagram_received(self, data: bytes, source: Any) -> None:
        """A datagram has arrived."""
        if self._transport is not None:
            self.received += 1
            address = plain(source) if self._is_ipv6 else source
            if not address[1] or "%" in address[0]:  # rule 5
                self.failures["no address"] += 1
                return
            if self._is_ipv6 and is_ipv6(address) != is_ipv6(self.address):  # rules 2 and 5
                self.failures[errno.errorcode[errno.EAFNOSUPPORT]] += 1
                return
            self.machine.receive(data, address, self._loop.time())
            self.flush()

    def error_received(self, error: Exception) -> None:
        """Rule 3."""
        number = getattr(error, "errno", None)
        name = errno.errorcode.get(number or 0, type(error).__name__)
        if name not in self.failures:
            log.debug("the first %s that the system reports: %s", name, error)
        self.failures[name] += 1

    def connection_lost(self, error: Exception | None) -> None:
        """The socket is gone: closed by us, or by the operating system. Rule 7."""
        if error is not None:
            log.info("the socket was closed by the system: %s", error)
        self._transport = None
        self.awaited.close(CLOSED)
        if self._handle is not None:
            self._handle.close()
        futures: list[asyncio.Future[Any]] = [future for _, _, future in self._waiters]
        futures += [future for _, future in self._conditions]
        for future in futures:
            if not future.done():
                future.set_exception(Closed(CLOSED))

    # ------------------------------------------------------------------------------------------------------

    def _begin(self, make: Callable[[Address, float], M], public: Address | None) -> None:
        assert self._transport is not None
        name = self._transport.get_extra_info("sockname")
        self.bound = plain(name)
        self.address = public or given_address(self.bound)
        self._is_ipv6 = ":" in name[0]
        self._target = TARGETS[family_of(self.address, name[0])]
        log.debug("a peer listens at %s, port %d; others reach it at %s, port %d", *self.bound, *self.address)
        self.machine = make(self.address, self._loop.time())
        self.flush()

    def _is_there(self) -> None:
        """Rule 7."""
        if self._transport is None:
            raise Closed(CLOSED)

    async def _end(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
        if self._transport is not None:
            self._transport.close()
        self.connection_lost(None)  # at once; a crashed host of a simulated internet would never call it
        await asyncio.sleep(0)  # after which the socket is closed

    def _send(self, data: bytes, address: Address) -> None:
        if self._transport is None:
            return
        try:
            self._sendto(data, self._target(address))
            self.sent += 1
        except BlockingIOError:
            self.failures["full"] += 1
        except (UsageError, TypeError, ValueError):
            self.failures["no address"] += 1
        except OSError as error:
            self.error_received(error)

    def _happened(self, event: Any) -> None:
        if self._on_event is not None and self._on_event(event):
            return
        for kinds, where, future in self._waiters:
            if (
                isinstance(event, kinds)
                and not future.done()
                and _holds(functools.partial(where, event), future)
            ):
                future.set_result(event)
                return
        self._events.append(event)
        if len(self._events) > MAX_UNREAD:
            self._events.popleft()
            self.unread += 1

    def _woken(self) -> None:
        self._wake, self._wake_at = None, math.inf
        if self._transport is not None:
            self.machine.on_timer(self._loop.time())
            self.flush()
