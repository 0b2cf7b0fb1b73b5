"""MuxedConnection: one connection that carries many streams. The interface.

What multiplexes may be yamux over one stream (`p2plib.protocol.yamux`), or QUIC, which brings streams of its
own (`p2plib.protocol.quic`). `p2plib.protocol.connection` puts names on the streams, whichever it is.

Rules
    1. `start`, which `async with` calls, begins the work (QUIC's has begun with its handshake). Whatever
       calls it must call `close` later; nothing is left running after that.
    2. Once the connection is over, whichever side ended it, every call that waits for a stream, a new one or
       a ping raises `Closed`, and so does every later one. Nothing is left waiting. But streams that were
       there before the other side ended it are still accepted: they may be whole.
    3. Streams are independent: one that nobody reads stops none of the others.
    4. A stream that breaks before the other side had ended it says so through `when_broken`, if just then no
       `read` or `write` waits that would say it. One that the other side had ended (FIN) does not: what it
       sent is complete, and may still be read.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Self

from p2plib.protocol.stream import Stream

PING_TIMEOUT_S = 10.0


class MuxedStream(Stream):
    """One of the streams of a connection; `open_stream` and `accept_stream` make them.

    Attributes:
        when_broken: called once, by rule 4; not when we closed the connection ourselves. It may call nothing
            of the stream.
    """

    when_broken: Callable[[], object] | None = None

    def _tell_broken(self) -> None:
        """For implementations: the stream broke before the other side had ended it."""
        when_broken, self.when_broken = self.when_broken, None
        if when_broken is not None and not self._is_reading and not self._is_writing:
            when_broken()


class MuxedConnection(abc.ABC):
    """Many streams over one connection; used with `async with`.

    Attributes:
        heard_at: when anything last came from the other side, in seconds of the loop's clock.
    """

    heard_at: float = 0.0

    @property
    @abc.abstractmethod
    def remote(self) -> str:
        """What is at the other side, in words, for the sentences of errors."""

    @property
    @abc.abstractmethod
    def is_over(self) -> bool:
        """Whether nothing more goes over it."""

    @property
    @abc.abstractmethod
    def is_idle(self) -> bool:
        """Whether no stream is open on it, ours or theirs, and none waits to be accepted."""

    @abc.abstractmethod
    async def open_stream(self) -> MuxedStream:
        """A new stream. Waits while the other side allows no more of them. It may learn of the stream only
        with its first bytes.

        Raises:
            Closed: the connection is over, or one of the sides is going away.
        """

    @abc.abstractmethod
    async def accept_stream(self) -> MuxedStream:
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
    async def close(self, reason: str = "") -> None:
        """Resets what is open, tells the other side, leaves nothing. Bounded in time; may be called twice.

        Args:
            reason: why, for the sentences of errors that our own calls raise from now on; "" if there is
                nothing to say.
        """

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
