"""TcpListener: a TCP socket that listens, as an operating system's kernel keeps it. A driver.

Rules
    1. `p2plib.sim.sockets.ports` decides which socket may have which address, and which listener gets a SYN.
    2. Connections are established by the kernel. The program takes them afterwards, with `accept`; until
       then at most *backlog* + 1 of them wait, and their bytes with them. Further ones get no answer, so
       that the other side tries again (Linux: `tcp_abort_on_overflow` is 0).
    3. Before `listen`, and after `close`, connections are refused.
    4. `close` resets the connections that nobody has accepted, and forgets the handshakes under way: their
       next segment finds no connection and is refused.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from p2plib.sim.clock.places import caller
from p2plib.sim.current import Incarnation
from p2plib.sim.packet import Address, Segment
from p2plib.sim.sockets.constants import SO_REUSEADDR, SO_REUSEPORT
from p2plib.sim.tcp.endpoint import TcpEndpoint

MAX_OPENING = 4096  # handshakes under way at one port: Linux's tcp_max_syn_backlog on a large machine
MAX_BACKLOG = 4096  # Linux's SOMAXCONN


class TcpListener:
    """A socket bound to an address, which listens there or is about to.

    Args:
        incarnation: the life of the host that it belongs to.
        local: where it listens; "0.0.0.0" and "::" stand for all of the host's addresses.
        options: what `setsockopt` has set, by (level, option); accepted connections inherit it.
        place: where it was made, in words; by default, the caller's line.
        instead_of: an endpoint that is bound there and gives up its address.

    Attributes:
        on_ready: called at once when a connection waits for `accept`.
        is_open: whether a holder still has it.

    Raises:
        OSError: EADDRINUSE.
    """

    def __init__(
        self,
        incarnation: Incarnation,
        local: Address,
        options: dict[tuple[int, int], Any] | None = None,
        place: str | None = None,
        instead_of: TcpEndpoint | None = None,
    ) -> None:
        self.incarnation, self.host = incarnation, incarnation.host
        self.family: int = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
        self.options = dict(options or {})
        self.place = caller() if place is None else place
        self.on_ready: Callable[[], None] | None = None
        self.is_open = True
        self._backlog = 0
        self._opening: dict[TcpEndpoint, None] = {}
        self._waiting: deque[TcpEndpoint] = deque()
        self._ports = incarnation.host.ports
        self.local: Address | None = None
        self.remote: Address | None = None
        if instead_of is not None:
            self._ports.release(instead_of, "tcp")
        self._ports.bind(self, "tcp", local)
        self._ports.endpoints[self] = None

    def what_it_is(self) -> str:
        """Describe what it is and where it was made, for an error."""
        port = None if self.local is None else self.local[1]
        return f"a TCP server at port {port}, made by {self.place}"

    def set_option(self, level: int, option: int, value: Any) -> None:
        """Set an option, for the connections to come."""
        self.options[level, option] = value

    def take_error(self) -> OSError | None:
        """Return None: nothing goes wrong with a listener."""
        return None

    # What arrives

    def receive_syn(self, local: Address, remote: Address, segment: Segment) -> None:
        """Begin a connection for a SYN that has arrived, if there is room."""
        if len(self._opening) < MAX_OPENING and len(self._waiting) <= self._backlog:
            endpoint = TcpEndpoint(self.incarnation, self.family, self.options, self.place)
            self._opening[endpoint] = None
            endpoint.accept(self, local, remote, segment)

    def established(self, endpoint: TcpEndpoint) -> None:
        """Note that a handshake is complete."""
        self._opening.pop(endpoint, None)
        self._waiting.append(endpoint)
        if self.on_ready is not None:
            self.on_ready()

    def failed(self, endpoint: TcpEndpoint) -> None:
        """Note that a handshake came to nothing."""
        self._opening.pop(endpoint, None)

    # What the holder does

    def listen(self, backlog: int = MAX_BACKLOG) -> None:
        """Listen for connections from now on.

        Args:
            backlog: how many connections may wait for `accept`.

        Raises:
            OSError: EADDRINUSE, another one listens there.
        """
        self._ports.listen(self)
        self._backlog = max(0, min(backlog, MAX_BACKLOG))

    @property
    def readable(self) -> bool:
        """Whether a connection waits for `accept`."""
        return bool(self._waiting)

    @property
    def writable(self) -> bool:
        """Return False: nothing is written to a listener."""
        return False

    def accept(self) -> TcpEndpoint | None:
        """Return the connection that has waited longest; None if there is none."""
        if not self._waiting:
            return None
        endpoint = self._waiting.popleft()
        endpoint.is_accepted()
        return endpoint

    def close(self) -> None:
        """Stop listening (rule 4). Connections that were accepted stay open."""
        if self.is_open:
            waiting, opening = list(self._waiting), list(self._opening)
            self.vanish()
            for endpoint in waiting:
                endpoint.abort()
            for endpoint in opening:
                endpoint.vanish()

    def vanish(self) -> None:
        """Disappear without a word: the machine has crashed."""
        self.is_open, self.on_ready = False, None
        self._waiting.clear()
        self._opening.clear()
        self._ports.endpoints.pop(self, None)
        self._ports.release(self, "tcp")


def server_options(
    family: int, reuse_address: bool | None = None, reuse_port: bool | None = None
) -> dict[tuple[int, int], Any]:
    """Return the options that asyncio sets on a server's socket: SO_REUSEADDR by default, and IPV6_V6ONLY."""
    options = {(socket.SOL_SOCKET, SO_REUSEADDR): int(reuse_address is None or reuse_address)}
    if reuse_port:
        options[socket.SOL_SOCKET, SO_REUSEPORT] = 1
    if family == socket.AF_INET6:
        options[socket.IPPROTO_IPV6, socket.IPV6_V6ONLY] = 1
    return options
