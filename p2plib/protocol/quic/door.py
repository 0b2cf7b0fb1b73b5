"""The door of a QUIC listener: what becomes of a datagram that belongs to no connection. A machine.

    datagram  →  an `Opening`, of which a connection is made
              →  a datagram to answer with: other versions, or "prove your address first" (a Retry)
              →  nothing, which costs nothing

Rules
    1. Only a datagram of at least 1,200 bytes is answered, and with fewer bytes than it had (RFC 9000, 8.1
       and 14.1): by forging somebody's address, nobody gets us to send them more than it sent itself.
    2. A peer that asks for another version is told ours (RFC 9000, 6). Being told is never answered: two
       listeners would tell each other forever.
    3. Where an address must be proved, a handshake begins once a token has come back that was sent there
       (RFC 9000, 8.1.2). Tokens are good for half a minute and one address.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from p2plib.protocol.quic.machine import ID_BYTES, MIN_INITIAL_BYTES

_LONG_HEADER = 0x80
_IDS_AT = 5  # after the first byte and the version, in a long header (RFC 8999, 5.1)


@dataclass(frozen=True, slots=True)
class Opening:
    """The first datagram of a connection.

    Args:
        arrived_at: the id of ours that the other side chose for the connection until it hears one from us.
        original_id: the one that it had chosen before a Retry; the same if there was none.
        is_proved: whether it has shown by a Retry that it receives at its address.
    """

    arrived_at: bytes
    original_id: bytes
    is_proved: bool


def destination_id(data: bytes) -> bytes:
    """The id of the connection that a datagram is for; b"" if it says none (RFC 8999)."""
    if data[:1] < bytes([_LONG_HEADER]):
        return data[1 : 1 + ID_BYTES]
    size = data[_IDS_AT] if len(data) > _IDS_AT else 0
    return data[_IDS_AT + 1 : _IDS_AT + 1 + size]


class Door:
    """One listener's; it remembers nothing but the key of its tokens."""

    def __init__(self) -> None:
        from aioquic.quic.retry import QuicRetryTokenHandler

        self._tokens = QuicRetryTokenHandler()

    def receive(
        self, data: bytes, address: tuple[Any, ...], now: float, *, must_prove: bool
    ) -> Opening | bytes | None:
        """What becomes of a datagram that belongs to no connection.

        Args:
            data: the datagram.
            address: where it says it came from.
            now: the time, in seconds.
            must_prove: whether addresses have to be proved at the moment (rule 3).
        """
        from aioquic._buffer import Buffer
        from aioquic.quic.packet import (
            QuicPacketType,
            QuicProtocolVersion,
            encode_quic_version_negotiation,
            pull_quic_header,
        )

        if len(data) < MIN_INITIAL_BYTES or data[0] < _LONG_HEADER:
            return None
        try:
            header = pull_quic_header(Buffer(data=data), host_cid_length=ID_BYTES)
        except ValueError:
            return None
        if header.packet_type == QuicPacketType.VERSION_NEGOTIATION:
            return None
        if header.version != QuicProtocolVersion.VERSION_1:
            return encode_quic_version_negotiation(
                source_cid=header.destination_cid,
                destination_cid=header.source_cid,
                supported_versions=[QuicProtocolVersion.VERSION_1],
            )
        if header.packet_type != QuicPacketType.INITIAL or len(header.destination_cid) < ID_BYTES:
            return None  # RFC 9000, 7.2: a client chooses at least eight bytes
        original_id = self._proved(header.token, header.destination_cid, address, now)
        if original_id is not None:
            return Opening(header.destination_cid, original_id, True)
        if must_prove:
            return self._retry(header.destination_cid, header.source_cid, address, now)
        return Opening(header.destination_cid, header.destination_cid, False)

    def _proved(self, token: bytes, arrived_at: bytes, address: tuple[Any, ...], now: float) -> bytes | None:
        """The id before the Retry that a token is of; None if we did not send it there, or long ago."""
        try:
            return self._tokens.validate_token(
                address=address, destination_cid=arrived_at, token=token, now=now
            )
        except ValueError:
            return None

    def _retry(self, arrived_at: bytes, source_id: bytes, address: tuple[Any, ...], now: float) -> bytes:
        from aioquic.quic.packet import QuicProtocolVersion, encode_quic_retry

        ours = os.urandom(ID_BYTES)
        token = self._tokens.create_token(
            address=address,
            original_destination_connection_id=arrived_at,
            retry_source_connection_id=ours,
            now=now,
        )
        return encode_quic_retry(
            version=QuicProtocolVersion.VERSION_1,
            source_cid=ours,
            destination_cid=source_id,
            original_destination_cid=arrived_at,
            retry_token=token,
        )
