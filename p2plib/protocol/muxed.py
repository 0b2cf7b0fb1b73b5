"""MuxedConnection: one connection that carries many streams. The interface.

What multiplexes may be yamux over one stream (`p2plib.protocol.yamux`), or QUIC, which brings streams of its
own (`p2plib.protocol.quic`). `p2plib.protocol.connection` puts names on the streams, whichever it is.

Rules
    1. Nothing is read and nothing sent before `start`, which `async with` calls. Whatever calls it must call
       `close` later; nothing is left running after that.
    2. Once the connection is over, whichever side ended it, every call that waits for a stream, a new one or
       a ping raises `Closed`, and so does every later one. Nothing is left waiting.
    3. Streams are independent: one that nobody reads stops none of the others.
"""

from __future__ import annotations

import abc
from typing import Self

from p2plib.protocol.stream import Stream

PING_TIMEOUT_S = 10.0


class MuxedConnection(abc.ABC):
    """Many streams over one connection; used with `async with`."""

    @property
    @abc.abstractmethod
    def remote(self) -> str:
        """What is at the other side, in words, for the sentences of errors."""

    @property
    @abc.abstractmethod
    def is_over(self) -> bool:
        """Whether nothing more goes over it."""

    @abc.abstractmethod
    async def open_stream(self) -> Stream:
        """A new stream. Waits while the other side allows no more of them.

        Raises:
            Closed: the connection is over, or one of the sides is going away.
        """

    @abc.abstractmethod
    async def accept_stream(self) -> Stream:
        """The next stream that the other side opened.

        Raises:
            Closed: the connection is over.
        """

    @abc.abstractmethod
    async def ping(self, *, timeout_s: float = PING_TIMEOUT_S) -> float:
        """The seconds that a ping to the other side and back takes; no stream is opened for it.

        Raises:
            PeerTimeout: no answer came in time.
            Closed: the connection is over.
        """

    @abc.abstractmethod
    def start(self) -> None:
        """Begins to work, as `async with` does; may be called twice."""

    @abc.abstractmethod
    async def wait_closed(self) -> None:
        """Waits until the connection is over, whichever side ended it."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Resets what is open, tells the other side, leaves nothing. Bounded in time; may be called twice."""

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
