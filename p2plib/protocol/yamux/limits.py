"""What a peer may make a yamux session spend; `p2plib.protocol.yamux.session` enforces it."""

from __future__ import annotations

from dataclasses import dataclass

INITIAL_WINDOW_BYTES = 256 * 1024  # on every stream, in each direction, before any window update


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may make us spend.

    Args:
        window_bytes: how much it may send on one stream before we have read it, at least 256 KiB.
        max_streams: how many of its streams may be alive.
        accept_backlog: how many of them may wait to be accepted.
        ack_backlog: how many of ours may wait for its acknowledgement; libp2p says 256.
        control_frames: how many pongs, and resets of streams that are too many, may wait to be sent besides a
            reset for each stream; at least the ack backlog of an honest peer.
        half_closed: how many streams that we have closed may wait for its FIN.
    """

    window_bytes: int = INITIAL_WINDOW_BYTES
    max_streams: int = 1024
    accept_backlog: int = 256
    ack_backlog: int = 256
    control_frames: int = 1024
    half_closed: int = 256
