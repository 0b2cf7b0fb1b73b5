"""One stream of a QUIC connection. A driver, with the rules of `p2plib.protocol.quic.driver`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from p2plib.errors import StreamReset
from p2plib.protocol.buffers import Bell, Chunks
from p2plib.protocol.muxed import MuxedStream
from p2plib.protocol.stream import LIMIT_BYTES, PIECE_BYTES

if TYPE_CHECKING:
    from p2plib.protocol.quic.driver import QuicConnection

RESET_CODE = 0  # libp2p gives no meaning to the numbers


class QuicStream(MuxedStream):
    """One of the streams of a connection; `open_stream` and `accept_stream` make them."""

    def __init__(self, connection: QuicConnection, stream_id: int) -> None:
        super().__init__(f"stream {stream_id} of {connection.remote}")
        self.connection = connection
        self.stream_id = stream_id
        self.changed = Bell()
        self._machine = connection.machine
        self._incoming = Chunks()
        self._received_bytes = 0
        self._written_bytes = 0
        self._has_ended = False  # the other side has sent everything
        self._was_reset = False  # it gave up sending
        self._was_stopped = False  # it does not read any more
        self._is_deaf = False  # we do not

    # What the connection tells it.

    def receive(self, data: bytes, has_ended: bool) -> None:
        """The next bytes of the other side, and whether nothing follows."""
        self._received_bytes += len(data)
        self._has_ended = has_ended
        if self._is_deaf:
            self._machine.consume(self.stream_id, len(data))
        else:
            self._incoming.append(data)
        self.changed.ring()

    def receive_reset(self) -> None:
        """The other side gave up sending."""
        self._machine.consume_rest(self.stream_id, self._received_bytes)
        self._was_reset = True
        self.broke()

    def receive_stop(self) -> None:
        """The other side reads no more."""
        self._was_stopped = True
        self.changed.ring()

    def broke(self) -> None:
        """Wakes whatever waits, and what works for it unless the other side had sent everything before."""
        self.changed.ring()
        if not self._has_ended:
            self._tell_broken()

    def may_be_forgotten(self) -> bool:
        """Rule 5, for a stream that was closed: whether nothing more has to be said on it."""
        if self._has_ended or self._was_reset:
            return True
        if self._machine.has_delivered_all(self.stream_id):
            self._stop_reading()
            return True
        return False

    @property
    def unsent_bytes(self) -> int:
        """How much of it waits to be sent."""
        return self._machine.unsent(self.stream_id, self._written_bytes)

    def _holds_all(self) -> bool:
        """Whether the next piece would be too much for the whole connection."""
        return self._machine.held(self.stream_id) + PIECE_BYTES > self.connection.room

    def break_off(self) -> None:
        """The other side does not read, or acknowledge, and it holds too much."""
        self._go_deaf()
        self._stop_reading()
        self._machine.reset_stream(self.stream_id, RESET_CODE)
        self._was_reset = self._was_stopped = True
        self.broke()

    def leave(self) -> None:
        """The connection is being closed: what was ended well is still delivered, all else is given up."""
        self._go_deaf()
        if not self._has_ended_writing:
            self._machine.reset_stream(self.stream_id, RESET_CODE)
        self.changed.ring()

    # What `Stream` asks of it.

    async def _read(self, max_bytes: int) -> bytes:
        while not self._incoming:
            if self._has_ended and not self._is_deaf:  # else what had come was thrown away
                return b""
            self.connection.check_for_streams()
            if self._was_reset:
                raise StreamReset(f"{self.remote} was reset")
            await self.changed.wait()
            self._check_open()
        data = self._incoming.take(max_bytes)
        self._machine.consume(self.stream_id, len(data))
        self.connection.wake()
        return data

    async def _drain(self) -> None:
        self._check_sendable()
        while self.unsent_bytes >= LIMIT_BYTES or self._holds_all():
            await self._wait_for_sending()
            self._check_writable()
            self._check_sendable()

    def _send(self, data: bytes) -> None:
        self._check_sendable()
        self._machine.send_stream_data(self.stream_id, data)
        self._written_bytes += len(data)
        self.connection.wake()
        self.connection.check_memory(len(data))

    def _end_writing(self) -> None:
        if not self._was_stopped and not self.connection.is_over:
            self._machine.send_stream_data(self.stream_id, b"", end_stream=True)
            self.connection.wake()

    async def _finish(self) -> None:
        self._go_deaf()
        self.changed.ring()
        self.connection.wake()
        while not self._machine.has_sent_all(self.stream_id) and not self.connection.is_over:
            await self._wait_for_sending()
        self.connection.let_go(self)

    def _abort(self) -> None:
        self._go_deaf()
        self._stop_reading()
        self._machine.reset_stream(self.stream_id, RESET_CODE)
        self.changed.ring()
        self.connection.wake()
        self.connection.forget(self)

    def _check_sendable(self) -> None:
        self.connection.check_for_streams()
        if self._was_stopped:
            raise StreamReset(f"{self.remote} was reset: the other side reads no more")

    async def _wait_for_sending(self) -> None:
        self.connection.sending[self] = None
        await self.changed.wait()

    def _go_deaf(self) -> None:
        self._is_deaf = True
        self._machine.consume(self.stream_id, len(self._incoming))
        self._incoming.clear()

    def _stop_reading(self) -> None:
        if not (self._has_ended or self._was_reset):
            self._machine.stop_stream(self.stream_id, RESET_CODE)
