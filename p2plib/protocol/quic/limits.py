"""What a peer may make a QUIC connection spend; the machine and the driver enforce it.

What a connection may cost
    Of what a peer sends and we have not read, it holds at most `memory_bytes` over all its streams, however
    the peer divides them; of what we write, as much again until the peer has acknowledged it. That is
    2 x 16 MiB, and about 4 KiB for each stream; a node, that times its connections.

What an honest peer may rely on
    1. As long as the windows of the streams that we do not read fit the budget together (64 of 256 KiB), the
       others go on. Past that, all of them wait until we read.
    2. When too much of what we wrote is not acknowledged, most of it because the peer does not read and so it
       cannot be sent, the stream that holds most of it is reset; a stream that is alone waits instead. One
       that holds no more than an equal share never is: 16 KiB if there are 1,024 of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.errors import UsageError


@dataclass(frozen=True, slots=True)
class QuicLimits:
    """What a peer may make us spend.

    Args:
        window_bytes: how much it may send on one stream before we have read it.
        memory_bytes: how much may wait in each direction over all streams, at least one window.
        max_streams: how many of its streams may be alive, on the wire or in our hands.
        idle_timeout_s: how long it may be silent before it counts as gone; it may ask for less.

    Raises:
        UsageError: one of them is not above zero, or no window fits the memory.
    """

    window_bytes: int = 256 * 1024
    memory_bytes: int = 16 * 1024 * 1024
    max_streams: int = 1024
    idle_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        if min(self.window_bytes, self.max_streams, self.idle_timeout_s) <= 0:
            raise UsageError("windows, the number of streams and times must be above zero")
        if self.memory_bytes < self.window_bytes:
            raise UsageError(f"{self.memory_bytes} bytes have no room for a window of {self.window_bytes}")
