"""TrackerServer: a whole tracker, with HTTP and WebSocket on one port and UDP on another. A driver.

::

    async with TrackerServer(random.SystemRandom()) as tracker:
        print(tracker.urls)     # ['http://127.0.0.1:41080/announce', 'udp://127.0.0.1:41081', 'ws://...']

It serves one family, that of its host. For both, run two servers that share a `TrackerCore`.
"""

from __future__ import annotations

import contextlib
import random
from typing import Self

from p2plib.discovery.tracker.core import TrackerCore
from p2plib.discovery.tracker.offer_relay import OfferRelay
from p2plib.discovery.tracker.udp_server import UdpTracker
from p2plib.errors import UsageError
from p2plib.machine.addresses import Address, packed_host
from p2plib.machine.peer import Peer
from p2plib.machine.udp import WILDCARDS

# A peer on all addresses of a machine has to say by which of them others know it. A tracker never says who it
# is, so of this only the family counts.
ANY_OF_FAMILY = {4: "127.0.0.1", 16: "::1"}


class TrackerServer:
    """A tracker; used with `async with`.

    Args:
        rng: see `p2plib.machine.machine`.
        host: where to listen, an IP address.
        http_port: for HTTP and WebSocket; 0 lets the operating system choose, None is for no HTTP.
        udp_port: for UDP, in the same way.
        core: what it answers from; by default one of its own.
        with_websocket: whether WebSockets are served.

    Attributes:
        core: see above.
        relay: what carries offers and answers.
        http_address: where HTTP listens; None if it does not.
        udp_address: where UDP listens; None if it does not.
        udp: the driver of UDP, with its counters; None if there is none.
    """

    def __init__(
        self,
        rng: random.Random,
        host: str = "127.0.0.1",
        *,
        http_port: int | None = 0,
        udp_port: int | None = 0,
        core: TrackerCore | None = None,
        with_websocket: bool = True,
    ) -> None:
        if http_port is None and udp_port is None:
            raise UsageError("a tracker listens on HTTP or UDP at least")
        self._rng, self._host, self._http_port, self._udp_port = rng, host, http_port, udp_port
        self.core = TrackerCore(rng) if core is None else core
        self.relay = OfferRelay(self.core, rng)
        self._with_websocket = with_websocket
        self.http_address: Address | None = None
        self.udp_address: Address | None = None
        self.udp: Peer[UdpTracker] | None = None
        self._parts = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as parts:
            if self._http_port is not None:
                from p2plib.discovery.tracker.http_server import HttpTracker  # aiohttp takes long to import

                relay = self.relay if self._with_websocket else None
                http = await parts.enter_async_context(
                    HttpTracker(self.core, relay, self._host, self._http_port)
                )
                self.http_address = http.address
            if self._udp_port is not None:
                raw = packed_host(self._host)
                public = (ANY_OF_FAMILY[len(raw)], self._udp_port or 1) if raw in WILDCARDS else None
                opened = Peer.open(self._machine, self._host, self._udp_port, public=public)
                self.udp = await parts.enter_async_context(opened)
                self.udp_address = self.udp.bound
            self._parts = parts.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._parts.aclose()

    @property
    def urls(self) -> list[str]:
        """Where peers find it, for each way that it listens."""
        found = []
        if self.http_address is not None:
            found.append(f"http://{_written(self.http_address)}/announce")
        if self.udp_address is not None:
            found.append(f"udp://{_written(self.udp_address)}")
        if self.http_address is not None and self._with_websocket:
            found.append(f"ws://{_written(self.http_address)}")
        return found

    def _machine(self, address: Address, now: float) -> UdpTracker:
        return UdpTracker(self.core, self._rng)


def _written(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
