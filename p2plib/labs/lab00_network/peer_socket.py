"""Lab 0: a UDP socket to one peer, which keeps what arrives until somebody asks for it.

A thin driver: it knows the running event loop and nothing else. So it is the same on a simulated host and on
this machine's own network::

    async with await connect(("198.18.0.1", 4000)) as socket:
        socket.send(b"hello")
        data = await socket.receive()           # waits, forever if nothing comes

Rules:

* A datagram that arrives stays in the socket until it is received, however old it is by then.
* "Nobody listens there", which a system tells a connected socket, is counted and else treated as silence: it
  is unsigned, and a peer that restarts listens again in a second.
"""

from __future__ import annotations

import asyncio
from typing import Any

from p2plib.errors import Closed

MOST_WAITING = 1000  # datagrams that nobody has received yet; what comes on top is dropped and counted


class PeerSocket(asyncio.DatagramProtocol):
    """A UDP socket that speaks with one peer; made by `connect`.

    Attributes:
        sent: how many datagrams were sent.
        refused: how many times the system said that nobody listens there.
        dropped: how many datagrams came while too many were waiting.
    """

    def __init__(self) -> None:
        self.sent = self.refused = self.dropped = 0
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MOST_WAITING)
        self._transport: asyncio.DatagramTransport | None = None

    def send(self, data: bytes) -> None:
        """Send a datagram to the peer; whether it arrives is not known.

        Raises:
            Closed: the socket is closed.
        """
        if self._transport is None or self._transport.is_closing():
            raise Closed("the socket is closed")
        self.sent += 1
        self._transport.sendto(data)

    async def receive(self) -> bytes:
        """Return the oldest datagram that was not received yet; wait for one if there is none."""
        return await self._waiting.get()

    def close(self) -> None:
        """Close the socket; closing it twice does no harm."""
        if self._transport is not None:
            self._transport.close()

    async def __aenter__(self) -> PeerSocket:
        return self

    async def __aexit__(self, *error: object) -> None:
        self.close()

    # What asyncio calls

    def connection_made(self, transport: Any) -> None:
        """The socket is there."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """A datagram has come from the peer."""
        if self._waiting.full():
            self.dropped += 1
        else:
            self._waiting.put_nowait(data)

    def error_received(self, error: Exception) -> None:
        """Nobody listens there, says the system."""
        self.refused += 1


async def connect(address: tuple[str, int]) -> PeerSocket:
    """Open a socket to a peer; nothing is sent yet.

    Args:
        address: IP address (or, in the simulated internet, a host's name) and UDP port.
    """
    _, socket = await asyncio.get_running_loop().create_datagram_endpoint(PeerSocket, remote_addr=address)
    return socket
