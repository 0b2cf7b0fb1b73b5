"""TcpListener: a TCP socket that listens, as an operating system's kernel keeps it. A driver.

Rules
    1. An address belongs to one listener at a time, and one that listens at all addresses has each of them.
    2. Connections are established by the kernel. The program takes them afterwards, with `accept`; until
       then they wait, at most *backlog* and one, and their bytes with them. Further ones get no answer, so
       that the other side tries again (Linux: `tcp_abort_on_overflow` is 0).
    3. Before `listen`, and after `close`, whoever dials is refused.
    4. `close` resets the connections that nobody has accepted, and forgets the handshakes under way: their
       next segment finds nobody and is refused.
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from p2plib.sim.clock.places import caller
from p2plib.sim.current import Incarnation
from p2plib.sim.packet import Address, Segment
from p2plib.sim.tcp.endpoint import TcpEndpoint
from p2plib.sim.tcp.states import refusal

MAX_OPENING = 4096  # handshakes under way at one port: Linux's tcp_max_syn_backlog on a large machine
MAX_BACKLOG = 4096  # Linux's SOMAXCONN


class TcpListener:
    """A socket bound to an address, at which it listens or will.

    Args:
        incarnation: the life of the host that it belongs to.
        local: where it listens; "0.0.0.0" and "::" stand for all of the host's addresses.
        options: what `setsockopt` has set, by (level, option); accepted connections inherit it.
        place: who made it, in words; by default, the caller.

    Attributes:
        on_ready: called at once when a connection waits for `accept`.
        is_open: whether a holder still has it.

    Raises:
        OSError: EADDRINUSE.
    """

    remote = None
    writable = False

    def __init__(
        self,
        incarnation: Incarnation,
        local: Address,
        options: dict[tuple[int, int], Any] | None = None,
        place: str | None = None,
    ) -> None:
        self.incarnation, self.host, self.local = incarnation, incarnation.host, local
        self.family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
        self.options = dict(options or {})
        self.place = caller() if place is None else place
        self.on_ready: Callable[[], None] | None = None
        self.is_open = True
        self._backlog: int | None = None
        self._opening: dict[TcpEndpoint, None] = {}
        self._waiting: deque[TcpEndpoint] = deque()
        self._check_free()
        self.host.listening[local] = self

    def _check_free(self) -> None:
        """Rule 1."""
        ip, port = self.local
        for other, other_port in self.host.listening:
            same_family = (":" in ip) == (":" in other)
            if port == other_port and (ip == other or (same_family and {ip, other} & {"0.0.0.0", "::"})):
                raise OSError(
                    errno.EADDRINUSE, f"Address already in use: {self.host.name} listens at {other}:{port}"
                )

    def what_it_is(self) -> str:
        """Return words for what it is and who made it."""
        return f"a TCP server at port {self.local[1]}, made by {self.place}"

    def take_error(self) -> OSError | None:
        """Return None: nothing goes wrong with a listener."""
        return None

    # What arrives

    def receive_syn(self, local: Address, remote: Address, segment: Segment) -> None:
        """Begins a connection, or refuses it before `listen`."""
        if self._backlog is None:
            self.host.send_segment(local, remote, refusal(segment))
        elif len(self._opening) < MAX_OPENING and len(self._waiting) <= self._backlog:
            endpoint = TcpEndpoint(self.incarnation, self.family, self.options, self.place)
            self._opening[endpoint] = None
            endpoint.accept(self, local, remote, segment)

    def established(self, endpoint: TcpEndpoint) -> None:
        """A handshake is over."""
        self._opening.pop(endpoint, None)
        self._waiting.append(endpoint)
        if self.on_ready is not None:
            self.on_ready()

    def failed(self, endpoint: TcpEndpoint) -> None:
        """A handshake came to nothing."""
        self._opening.pop(endpoint, None)

    # What the holder does

    def listen(self, backlog: int = MAX_BACKLOG) -> None:
        """Answers whoever dials, from now on."""
        self._backlog = max(0, min(backlog, MAX_BACKLOG))

    @property
    def is_listening(self) -> bool:
        """Whether `listen` was called."""
        return self._backlog is not None

    @property
    def readable(self) -> bool:
        """Whether a connection waits for `accept`."""
        return bool(self._waiting)

    def accept(self) -> TcpEndpoint | None:
        """Return the connection that has waited longest; None if there is none."""
        return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """Listens no more (rule 4). Connections that were accepted stay open."""
        if self.is_open:
            waiting, opening = list(self._waiting), list(self._opening)
            self.vanish()
            for endpoint in waiting:
                endpoint.abort()
            for endpoint in opening:
                endpoint.vanish()

    def vanish(self) -> None:
        """Be gone without a word: the machine has crashed."""
        self.is_open, self.on_ready, self._backlog = False, None, None
        self._waiting.clear()
        self._opening.clear()
        if self.host.listening.get(self.local) is self:
            del self.host.listening[self.local]
