"""What a yamux session tells, what its peer may cost, and which numbers of streams were used.

Parts of `p2plib.protocol.yamux.session`, which says how they are used.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from p2plib.errors import DecodeError
from p2plib.protocol.yamux.substream import INITIAL_WINDOW_BYTES

MAX_SKIPPED = 128  # numbers that were left out and may still come: peers open streams from many threads


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may cost us.

    Args:
        window_bytes: how much it may send on one stream before we have read it, at least 256 KiB.
        max_streams: how many of its streams may be alive.
        accept_backlog: how many of them may wait to be accepted.
        ack_backlog: how many of ours may wait for its acknowledgement; libp2p says 256.
        control_frames: how many answers may wait to be sent.
        half_open: how many streams that we have closed may wait for its end.
    """

    window_bytes: int = INITIAL_WINDOW_BYTES
    max_streams: int = 1024
    accept_backlog: int = 256
    ack_backlog: int = 256
    control_frames: int = 1024
    half_open: int = 256


OPENED, READABLE, ENDED, RESET, WRITABLE = "opened", "readable", "ended", "reset", "writable"
PONG, WENT_AWAY = "pong", "went away"


@dataclass(frozen=True, slots=True)
class Event:
    """What the other side did.

    Args:
        what: `OPENED`, `READABLE`, `ENDED`, `RESET` or `WRITABLE` for a stream; `PONG`, `WENT_AWAY` for all.
        stream: the stream's number, or 0.
        value: bytes that came or may now be sent; the value of a ping; the reason of a go away.
    """

    what: str
    stream: int = 0
    value: int = 0


class Numbers:
    """Which numbers the other side has used for its streams. Few are remembered, however it counts.

    Args:
        first: its first number, 1 or 2; it goes on in steps of two.
    """

    def __init__(self, first: int) -> None:
        self._first = first
        self._highest = 0
        self._skipped: OrderedDict[int, None] = OrderedDict()

    @property
    def skipped(self) -> int:
        """How many were left out and may still come."""
        return len(self._skipped)

    def was_used(self, number: int) -> bool:
        """Whether a stream had this number, or may have had."""
        return number <= self._highest and number not in self._skipped

    def use(self, number: int) -> None:
        """A stream has this number now.

        Raises:
            DecodeError: one had it before.
        """
        if self.was_used(number):
            raise DecodeError(f"stream {number} was opened before")
        if number <= self._highest:
            self._skipped.pop(number)
            return
        begin = self._highest + 2 if self._highest else self._first
        for skipped in range(max(begin, number - 2 * MAX_SKIPPED), number, 2):
            self._skipped[skipped] = None
        self._highest = number
        while len(self._skipped) > MAX_SKIPPED:
            self._skipped.popitem(last=False)
