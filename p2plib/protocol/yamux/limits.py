"""What a peer may make a yamux session spend; `p2plib.protocol.yamux.session` enforces it.

What a connection may cost
    Windows bound what one stream holds, and yamux promises 256 KiB on each from its first moment. A thousand
    streams that nobody reads would be 256 MiB, so a connection has one budget over all its streams,
    `memory_bytes`: for what has come and is not read, and as much again for what waits to be sent.

    It costs at most 2 x `memory_bytes` (32 MiB) and about 1 KiB for each stream; a node, that times its
    connections.

What an honest peer may rely on
    1. While the windows of its streams fit the budget together (64 streams of 256 KiB), it notices nothing.
    2. Past that, only what really waits counts. When it is too much, the stream that holds most of it is
       reset. So one that holds no more than an equal share never is: 16 KiB if there are 1,024 of them.
    3. The connection itself is read all the time, and a stream that the other side reads is written to all
       the time, however many there are that it does not read. So the two sides never wait for each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.errors import UsageError

INITIAL_WINDOW_BYTES = 256 * 1024  # on every stream, in each direction, before any window update
MAX_WINDOW_BYTES = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may make us spend.

    Args:
        window_bytes: how much it may send on one stream before we have read it, at least 256 KiB; a stream
            with which all windows would no longer fit `memory_bytes` gets just that.
        memory_bytes: how much may wait in each direction over all streams, at least one window.
        max_streams: how many of its streams may be alive, or be worked for by us.
        accept_backlog: how many of them may wait to be accepted.
        ack_backlog: how many of ours may wait for its acknowledgement; libp2p says 256.
        control_frames: how many pongs, and resets of streams that are too many, may wait to be sent besides a
            reset for each stream; at least the ack backlog of an honest peer.
        half_closed: how many streams that we have closed may wait for its FIN.
    """

    window_bytes: int = INITIAL_WINDOW_BYTES
    memory_bytes: int = 16 * 1024 * 1024
    max_streams: int = 1024
    accept_backlog: int = 256
    ack_backlog: int = 256
    control_frames: int = 1024
    half_closed: int = 256

    def __post_init__(self) -> None:
        if not INITIAL_WINDOW_BYTES <= self.window_bytes <= MAX_WINDOW_BYTES:
            raise UsageError("a window is 256 KiB to 4 GiB - 1 byte")
        if self.memory_bytes < self.window_bytes:
            raise UsageError("a connection needs memory for at least one window")
