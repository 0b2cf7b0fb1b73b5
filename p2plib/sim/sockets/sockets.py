"""What a transport shows of its socket: its addresses, and the options that make sense in here."""

from __future__ import annotations

import socket
from typing import Any

from p2plib.sim.capture.trace import shown
from p2plib.sim.packet import Address
from p2plib.sim.sockets.refused import SOCKETS, refuse

_JOINS = {
    (socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP),
    (socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP),
}
_LEAVES = {
    (socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP),
    (socket.IPPROTO_IPV6, socket.IPV6_LEAVE_GROUP),
}


class SimSocket:
    """The socket behind a simulated transport, as `get_extra_info("socket")` gives it.

    Args:
        transport: whose socket it is.
        local: its own address.
        remote: its peer's; None if it has none.
        udp: whether it sends datagrams.
    """

    def __init__(self, transport: Any, local: Address, remote: Address | None, *, udp: bool) -> None:
        self._transport, self._local, self._remote = transport, local, remote
        self.family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
        self.type = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
        self.proto = socket.IPPROTO_UDP if udp else socket.IPPROTO_TCP
        self._options: dict[tuple[int, int], Any] = {}

    def getsockname(self) -> Any:
        """Return its own address."""
        return shown(self._local)

    def getpeername(self) -> Any:
        """Return its peer's address."""
        if self._remote is None:
            raise OSError(107, "Transport endpoint is not connected")
        return shown(self._remote)

    def fileno(self) -> int:
        """Return -1: there is no file descriptor."""
        return -1

    def setsockopt(self, level: int, option: int, value: Any, optlen: int | None = None) -> None:
        """Join or leave a multicast group; other options are remembered and have no effect."""
        if (level, option) in _JOINS:
            self._transport._fabric.join_group(self._transport, _group(value))
        elif (level, option) in _LEAVES:
            self._transport._fabric.leave_group(self._transport, _group(value))
        else:
            self._options[level, option] = value

    def getsockopt(self, level: int, option: int, buflen: int = 0) -> Any:
        """Return what `setsockopt` set; 0 where nothing was."""
        return self._options.get((level, option), 0)

    def setblocking(self, flag: bool) -> None:
        """Do nothing: no call of a simulated socket blocks."""

    def gettimeout(self) -> float:
        """Return 0: no call of a simulated socket blocks."""
        return 0.0

    def __getattr__(self, name: str) -> Any:
        if name in (
            "send",
            "sendto",
            "sendall",
            "recv",
            "recvfrom",
            "recv_into",
            "bind",
            "connect",
            "accept",
            "dup",
        ):
            refuse(f"socket.{name}", SOCKETS)
        raise AttributeError(name)


def _group(request: bytes) -> str:
    """Return the multicast address of a request to join, RFC 3678's `ip_mreq` or `ipv6_mreq`."""
    if len(request) == 20:
        return socket.inet_ntop(socket.AF_INET6, request[:16])
    return socket.inet_ntop(socket.AF_INET, request[:4])
