"""An open UDP socket: what each call of a `socket.socket` does with the kernel's endpoint.

Rules:

* A datagram that is longer than what the program asked for is cut, and the rest is lost (MSG_TRUNC says so).
* With IP_PKTINFO or IPV6_RECVPKTINFO, the ancillary data of `recvmsg` has the address that a datagram was
  sent to. The same data passed to `sendmsg` choose the address that it is sent from.
* With MSG_ERRQUEUE, datagrams that were refused come back (`p2plib.sim.sockets.error_queue`).
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable
from typing import Any

from p2plib.sim.current import Incarnation
from p2plib.sim.sockets.constants import (
    IP_PKTINFO,
    IPV6_PKTINFO,
    IPV6_RECVPKTINFO,
    MSG_ERRQUEUE,
    MSG_PEEK,
    MSG_TRUNC,
)
from p2plib.sim.sockets.datagrams import LARGEST_BYTES, UdpEndpoint
from p2plib.sim.sockets.error_queue import told_with
from p2plib.sim.sockets.kernel import CARD_INDEX, LOOPBACK_INDEX, is_on
from p2plib.sim.sockets.names import MAPPED, is_loopback
from p2plib.sim.sockets.opened import Opened, Taken, fail, would_wait

_FOUR, _SIX = (socket.IPPROTO_IP, IP_PKTINFO), (socket.IPPROTO_IPV6, IPV6_PKTINFO)


class OpenDatagrams(Opened):
    """An open UDP socket.

    Args:
        incarnation: the life of the host that it belongs to.
        family: AF_INET or AF_INET6.
        proto: the protocol's number, as the program gave it.
        end: the endpoint; a new one by default.
    """

    end: UdpEndpoint

    def __init__(
        self, incarnation: Incarnation, family: int, proto: int = 0, end: UdpEndpoint | None = None
    ) -> None:
        super().__init__(
            incarnation, family, socket.SOCK_DGRAM, proto, end or UdpEndpoint(incarnation, family)
        )
        self._may_write = True

    def bind(self, address: Any) -> None:
        """Bind it to a local address."""
        self.end.bind(address)

    def set_option(self, key: tuple[int, int], value: int | bytes) -> None:
        """Set an option; the endpoint may take another path because of it."""
        self.end.set_option(*key, value)

    def listen(self, backlog: int) -> None:
        """Refuse: datagrams have no connections."""
        raise fail(errno.EOPNOTSUPP)

    def accept(self) -> Opened:
        """Refuse: datagrams have no connections."""
        raise fail(errno.EOPNOTSUPP)

    def connect(self, address: Any) -> None:
        """Speak with one peer alone from now on."""
        self.end.connect(address)

    def name(self) -> Any:
        """Return its own address, as `getsockname` does."""
        return self.end.sockname()

    def peer(self) -> Any:
        """Return its peer's address, as `getpeername` does."""
        if self.end.remote is None:
            raise fail(errno.ENOTCONN)
        return self.end.shown(self.end.remote)

    def give(self, data: bytes, address: Any = None, ancillary: Iterable[Any] = ()) -> int:
        """Send a datagram, and return its length."""
        if not self._may_write:
            raise fail(errno.EPIPE)
        end = self.end
        path = None if ancillary else end.paths.get(address)
        if path is not None and len(data) <= LARGEST_BYTES:
            self._raise_error()
            path.send(data)
            return len(data)
        end.send(data, address, _address_in(ancillary))
        if not ancillary and (path := end.path_to(address)) is not None:
            end.paths[address] = path  # the next one goes the same way
        return len(data)

    def take(self, size: int, flags: int) -> Taken:
        """Return the next datagram, cut to *size*, with its sender's address."""
        if flags & MSG_ERRQUEUE:
            return self._refusal(size)
        self._raise_error()
        got = self.end.peek() if flags & MSG_PEEK else self.end.receive()
        if got is None:
            raise would_wait()
        data, sender = got
        told = MSG_TRUNC if len(data) > size else 0
        return data[:size], sender, self._told_with(self.end.arrived_at), told

    def _refusal(self, size: int) -> Taken:
        refusal = self.end.take_refusal()
        if refusal is None:
            raise would_wait()
        data, destination = refusal
        ancillary = [told_with(self.family, destination)]
        return data[:size], self.end.shown(destination), ancillary, MSG_ERRQUEUE

    def _told_with(self, at: str) -> list[tuple[int, int, bytes]]:
        index = LOOPBACK_INDEX if is_loopback(at) else CARD_INDEX
        if is_on(self.end, socket.IPPROTO_IPV6, IPV6_RECVPKTINFO):
            whole = at if ":" in at else MAPPED + at
            return [(*_SIX, socket.inet_pton(socket.AF_INET6, whole) + struct.pack("I", index))]
        if is_on(self.end, *_FOUR) and ":" not in at:
            raw = socket.inet_aton(at)
            return [(*_FOUR, struct.pack("i", index) + raw + raw)]
        return []

    def shutdown(self, how: int) -> None:
        """Shut down sending; shutting down receiving has no effect on UDP on Linux."""
        if how in (socket.SHUT_WR, socket.SHUT_RDWR):
            self._may_write = False  # on Linux even if the call then fails
        if self.end.remote is None:
            raise fail(errno.ENOTCONN)


def _address_in(ancillary: Iterable[Any]) -> str | None:
    """Return the source address that ancillary data name; None if they name none."""
    for level, kind, data in ancillary:
        raw = bytes(data)
        if (level, kind) == _FOUR and len(raw) >= 12:
            return socket.inet_ntoa(raw[4:8])
        if (level, kind) == _SIX and len(raw) >= 16:
            return socket.inet_ntop(socket.AF_INET6, raw[:16]).removeprefix(MAPPED)
    return None
