"""When a TCP receiver acknowledges: not every segment, but not too late either. A machine.

It follows RFC 5681, 4.2 and RFC 9293, 3.8.6.3, with Linux's numbers.

Rules
    1. Two full segments are acknowledged at once, anything less after `DELAY_S` at the latest. If the
       application answers in the meantime, its bytes carry the acknowledgement.
    2. A sender that has just begun, or begins again after a pause, sends few segments and waits for each
       acknowledgement: the first `QUICK` segments are acknowledged at the moment they arrive.
    3. Segments out of order, and segments that fill a gap, are acknowledged one by one, for three duplicates
       mean that something was lost: see `p2plib.sim.tcp.connection`.
"""

from __future__ import annotations

DELAY_S = 0.040  # Linux's TCP_DELACK_MIN; RFC 9293 allows up to 0.5 s
QUICK = 16  # Linux's TCP_MAX_QUICKACKS


class Acknowledger:
    """Decides when the next acknowledgement is due.

    Args:
        mss: the most bytes in a segment.

    Attributes:
        due_s: when an acknowledgement must have left; None while none is owed.
    """

    __slots__ = ("_bytes", "_last_s", "_quick", "_two", "due_s")

    def __init__(self, mss: int) -> None:
        self.due_s: float | None = None
        self._two = 2 * mss
        self._bytes = 0  # received and not acknowledged
        self._quick = QUICK
        self._last_s = 0.0

    def arrived(self, size: int, now_s: float, pause_s: float) -> bool:
        """Note bytes that arrived in order.

        Args:
            size: how many.
            now_s: the time.
            pause_s: the silence after which the sender begins again: the retransmission time-out.

        Returns:
            Whether they deserve an acknowledgement of their own, at once.
        """
        if now_s - self._last_s > pause_s:
            self._quick = QUICK
        self._last_s = now_s
        self._bytes += size
        if self._bytes >= self._two:
            return True
        if self._quick:
            self._quick -= 1
            self.due_s = now_s
        elif self.due_s is None:
            self.due_s = now_s + DELAY_S
        return False

    def sent(self) -> None:
        """Note that an acknowledgement has left, by itself or with bytes."""
        self.due_s = None
        self._bytes = 0
