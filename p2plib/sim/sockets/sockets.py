"""What a transport shows of its socket: its addresses, and the options that make sense in here."""

from __future__ import annotations

import socket
from typing import Any

from p2plib.sim.capture.trace import shown
from p2plib.sim.packet import Address
from p2plib.sim.sockets.refused import SOCKETS, refuse


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
        """Set an option of a UDP socket; those of TCP are remembered."""
        if self.type == socket.SOCK_DGRAM:
            self._transport.endpoint.set_option(level, option, value)
        else:
            self._options[level, option] = value

    def getsockopt(self, level: int, option: int, buflen: int = 0) -> Any:
        """Return what `setsockopt` set, or the default."""
        if self.type == socket.SOCK_DGRAM:
            return self._transport.endpoint.get_option(level, option)
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
