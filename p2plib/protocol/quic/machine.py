"""aioquic's connection, with what a libp2p peer needs of it. A machine.

aioquic writes RFC 9000 to 9002 as a machine without I/O, and so well that nobody here writes them again: give
it datagrams and the time, ask it for datagrams, the next timer and events. `Machine` is that, and does five
things differently::

    reading    aioquic lets a peer send more as soon as bytes have *arrived*. Here they must have been *read*,
               on the stream and over all of them. So a slow reader makes its writer slow.
    streams    aioquic lets a peer open another stream when one has ended on the wire. Here we must be done
               with it, too. So a peer that opens and resets them makes us work no more than other peers do.
    resets     aioquic keeps what was written on a stream until the other side has acknowledged that it was
               reset. Here it goes at once. So nobody keeps it by being silent.
    identity   a server asks its client for a certificate, and each side must have sent exactly one.
    versions   version 1 (RFC 9000) alone, which is what `/quic-v1` in an address says.

That needs names that aioquic keeps private. They are used in this module alone, and its tests fail with a
version of aioquic that has changed them.

Vocabulary::

    stream_id   0, 4, 8... opened by the client; 1, 5, 9... by the server; libp2p opens no one-way streams
    held        what of our bytes is kept: to be sent, or to be sent again should it not be acknowledged
    consumed    what of the peer's bytes we have read, or will never read
    released    a stream of the peer's that we are done with
"""

from __future__ import annotations

import collections
import logging
from typing import TYPE_CHECKING

from p2plib.errors import HandshakeFailed, LocalError
from p2plib.identity.keys import SecretKey
from p2plib.protocol.quic import certificate
from p2plib.protocol.quic.limits import QuicLimits

if TYPE_CHECKING:
    from aioquic.quic import events
    from aioquic.quic.configuration import QuicConfiguration
    from aioquic.quic.connection import QuicConnection
    from aioquic.quic.packet_builder import QuicPacketBuilder
    from aioquic.quic.recovery import QuicPacketSpace
    from aioquic.quic.stream import QuicStream as Substream
else:
    try:
        from aioquic.quic import events
        from aioquic.quic.connection import QuicConnection
    except ModuleNotFoundError:  # `configure` says it in a sentence, and nothing is made without that
        events, QuicConnection = None, object

__all__ = ["ALPN", "ID_BYTES", "MIN_INITIAL_BYTES", "Machine", "configure", "events"]

ALPN = "libp2p"
BAD_CERTIFICATE = 0x100 + 42  # TLS's alert "bad_certificate", as QUIC numbers alerts (RFC 9001, 4.8)
MIN_INITIAL_BYTES = 1200  # of the datagram that opens a connection (RFC 9000, 14.1)
ID_BYTES = 8  # of the connection ids that we choose
_QUIET = logging.NullHandler()  # aioquic warns of every peer that breaks a rule; a program can still log it
_CRYPTO_FRAME = 0x06
_LIMIT_FRAME_BYTES = 1 + 8  # a type and a number
_STREAM_LIMIT_FRAME_BYTES = 1 + 8 + 8
_MAX_STREAM_DATA = 0x11


def configure(identity: SecretKey, *, is_client: bool, limits: QuicLimits | None = None) -> QuicConfiguration:
    """What all connections of a peer's in one role have in common, with a new certificate in it.

    Args:
        identity: who we are.
        is_client: whether they are connections that we make.
        limits: what a peer may cost us.

    Raises:
        LocalError: aioquic is not installed.
    """
    try:
        from aioquic.quic.configuration import QuicConfiguration
        from aioquic.quic.packet import QuicProtocolVersion
    except ModuleNotFoundError:
        raise LocalError("QUIC needs aioquic: pip install 'p2plib[quic]'") from None
    import ssl

    logging.getLogger("quic").addHandler(_QUIET)
    limits = limits or QuicLimits()
    key, made = certificate.make(identity)
    return QuicConfiguration(
        is_client=is_client,
        alpn_protocols=[ALPN],
        certificate=made,
        private_key=key,
        connection_id_length=ID_BYTES,
        idle_timeout=limits.idle_timeout_s,
        max_data=limits.memory_bytes,
        max_stream_data=limits.window_bytes,
        supported_versions=[QuicProtocolVersion.VERSION_1],
        verify_mode=ssl.CERT_NONE,  # by an authority, that is: `certificate.verify` looks at it
    )


class Machine(QuicConnection):
    """One side of a QUIC connection.

    Args:
        configuration: of `configure`.
        limits: the same that it was made with.
        original_id: for a server, the id by which the client called the connection at first.
        retry_id: for a server, the one that it gave the client in a Retry, if it sent one.
    """

    def __init__(
        self,
        configuration: QuicConfiguration,
        limits: QuicLimits | None = None,
        *,
        original_id: bytes | None = None,
        retry_id: bytes | None = None,
    ) -> None:
        super().__init__(
            configuration=configuration,
            original_destination_connection_id=original_id,
            retry_source_connection_id=retry_id,
        )
        self.limits = limits or QuicLimits()
        self._consumed: collections.Counter[int] = collections.Counter()  # by stream
        self._consumed_bytes = 0
        self._released: set[int] = set()  # but aioquic has not forgotten them yet
        self._over = 0  # streams of the other side that are over for both of us
        self._streams_granted = self.limits.max_streams
        self._local_max_streams_bidi.value = self._local_max_streams_bidi.sent = self._streams_granted
        self._local_max_streams_uni.value = self._local_max_streams_uni.sent = 0

    # The state of the connection.

    @property
    def why_over(self) -> str | None:
        """Why it is over, "" if nobody said; None while it is not. aioquic's own event comes later."""
        return None if self._close_event is None else self._close_event.reason_phrase

    @property
    def idle_timeout_s(self) -> float:
        """How long the other side may be silent before it counts as gone: the shorter of what both want."""
        return float(self._idle_timeout())

    @property
    def has_proved_its_address(self) -> bool:
        """Whether the other side receives at the address that it sends from, or may have forged it."""
        return bool(self._network_paths) and self._network_paths[0].is_validated

    def peer_certificate(self) -> bytes:
        """The one certificate that the other side sent, DER; it has shown that it holds the key of it.

        Raises:
            HandshakeFailed: it sent none, or several.
        """
        from cryptography.hazmat.primitives.serialization import Encoding

        if self.tls._peer_certificate is None or self.tls._peer_certificate_chain:
            raise HandshakeFailed("a libp2p peer sends one certificate, and no chain")
        return self.tls._peer_certificate.public_bytes(Encoding.DER)

    def refuse(self) -> None:
        """Ends the connection because of the other side's certificate; it is not told what was wrong."""
        self.close(error_code=BAD_CERTIFICATE, frame_type=_CRYPTO_FRAME)

    # Streams, as the driver asks for them.

    def is_theirs(self, stream_id: int) -> bool:
        """Whether the other side opens streams of this number."""
        return stream_id % 2 == (1 if self._is_client else 0)

    def is_new(self, stream_id: int) -> bool:
        """Whether a stream that the driver does not know is one that it should get to know."""
        return self.is_theirs(stream_id) and stream_id not in self._released

    @property
    def can_open(self) -> bool:
        """Whether the other side lets us open a stream."""
        return self.get_next_available_stream_id() // 4 < self._remote_max_streams_bidi

    def open(self) -> int:
        """Opens a stream; the other side learns of it with what is written first."""
        stream_id = self.get_next_available_stream_id()
        self.send_stream_data(stream_id, b"")
        return stream_id

    def unsent(self, stream_id: int, written: int) -> int:
        """How many of the `written` bytes of a stream are still to be sent for the first time."""
        stream = self._streams.get(stream_id)
        if stream is None or stream.sender._reset_error_code is not None:
            return 0
        return written - stream.sender.highest_offset

    def held(self, stream_id: int) -> int:
        """How many of our bytes are held for a stream."""
        stream = self._streams.get(stream_id)
        return 0 if stream is None else len(stream.sender._buffer)

    def held_by_stream(self) -> dict[int, int]:
        """The same for all streams, those included that the driver is done with."""
        return {stream_id: len(stream.sender._buffer) for stream_id, stream in self._streams.items()}

    def has_sent_all(self, stream_id: int) -> bool:
        """Whether nothing of a stream waits to be sent, its end included."""
        stream = self._streams.get(stream_id)
        return stream is None or stream.sender.buffer_is_empty

    def has_delivered_all(self, stream_id: int) -> bool:
        """Whether the other side has acknowledged a stream with its end, or will get no more of it."""
        stream = self._streams.get(stream_id)
        return stream is None or stream.sender.is_finished or stream.sender._reset_error_code is not None

    @property
    def is_delivering(self) -> bool:
        """Whether the other side has yet to acknowledge something of a stream that ended well."""
        return any(
            stream.sender._buffer_fin is not None
            and stream.sender._reset_error_code is None
            and not stream.sender.is_finished
            for stream in self._streams.values()
        )

    def consume(self, stream_id: int, size_bytes: int) -> None:
        """Some bytes of a stream were read, or never will be: the other side may send as many more."""
        self._consumed[stream_id] += size_bytes
        self._consumed_bytes += size_bytes

    def consume_rest(self, stream_id: int, received_bytes: int | None = None) -> None:
        """The other side reset a stream: what had not been received of it will not come.

        Args:
            received_bytes: what had; None if all that had was consumed.
        """
        received_bytes = self._consumed[stream_id] if received_bytes is None else received_bytes
        self.consume(stream_id, self._streams[stream_id].receiver.highest_offset - received_bytes)

    def release(self, stream_id: int) -> None:
        """We are done with a stream."""
        self._released.add(stream_id)

    # What aioquic does differently.

    def reset_stream(self, stream_id: int, error_code: int) -> None:
        """Gives up sending on a stream, and frees what waits there, which aioquic would keep until the other
        side has acknowledged the reset."""
        super().reset_stream(stream_id, error_code)
        stream = self._streams.get(stream_id)
        if stream is not None and stream.sender._reset_error_code is not None:
            stream.sender._buffer.clear()

    def _initialize(self, peer_cid: bytes) -> None:
        super()._initialize(peer_cid)
        self.tls._request_client_certificate = not self._is_client

    def _write_connection_limits(self, builder: QuicPacketBuilder, space: QuicPacketSpace) -> None:
        for stream_id in [each for each in self._released if each not in self._streams]:
            self._released.discard(stream_id)
            self._consumed.pop(stream_id, None)
            self._over += self.is_theirs(stream_id)
        data, streams = self._local_max_data, self._local_max_streams_bidi
        data.value = _raised(data.value, data.used, self._consumed_bytes + self.limits.memory_bytes)
        # Not `streams.value`, which aioquic has raised for each that ended on the wire.
        self._streams_granted = _raised(
            self._streams_granted, streams.used, self._over + self.limits.max_streams
        )
        streams.value = self._streams_granted
        for limit in (data, streams):
            if limit.value != limit.sent:
                buffer = builder.start_frame(
                    limit.frame_type,
                    capacity=_LIMIT_FRAME_BYTES,
                    handler=self._on_connection_limit_delivery,
                    handler_args=(limit,),
                )
                buffer.push_uint_var(limit.value)
                limit.sent = limit.value

    def _write_stream_limits(
        self, builder: QuicPacketBuilder, space: QuicPacketSpace, stream: Substream
    ) -> None:
        if stream.receiver.is_finished:
            return
        stream_id = stream.stream_id
        assert stream_id is not None  # only the streams of the handshake have none
        stream.max_stream_data_local = _raised(
            stream.max_stream_data_local,
            stream.receiver.highest_offset,
            self._consumed[stream_id] + self.limits.window_bytes,
        )
        if stream.max_stream_data_local_sent != stream.max_stream_data_local:
            buffer = builder.start_frame(
                _MAX_STREAM_DATA,
                capacity=_STREAM_LIMIT_FRAME_BYTES,
                handler=self._on_max_stream_data_delivery,
                handler_args=(stream,),
            )
            buffer.push_uint_var(stream_id)
            buffer.push_uint_var(stream.max_stream_data_local)
            stream.max_stream_data_local_sent = stream.max_stream_data_local


def _raised(granted: int, used: int, allowed: int) -> int:
    """What the other side is granted in all, from now on: all that it is allowed, once that would more than
    double what it has left. So it hears of it now and then, and before it has to wait."""
    return allowed if allowed - granted > granted - used else granted
