"""What a peer may make a QUIC connection spend; `p2plib.protocol.quic.machine` enforces it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may make us spend.

    However it divides them, a peer makes us hold at most `unread_bytes` of what it sent and we have not read.
    So that many streams may stand still at full windows before the others wait for them as well, it should be
    many windows: 32 by default.

    Args:
        window_bytes: how much it may send on one stream before we have read it.
        unread_bytes: the same, over all streams of the connection.
        max_streams: how many of its streams may be alive, on the wire or in our hands.
        idle_timeout_s: how long it may be silent before it counts as gone; it may ask for less.
    """

    window_bytes: int = 256 * 1024
    unread_bytes: int = 8 * 1024 * 1024
    max_streams: int = 1024
    idle_timeout_s: float = 60.0
