"""When a TCP receiver acknowledges: not each segment, but not late either. A machine.

It follows RFC 5681, 4.2 and RFC 9293, 3.8.6.3, with Linux's numbers.

Rules
    1. Two whole segments are acknowledged at once, and what is less after `DELAY_S` at the latest. If the
       application answers meanwhile, its bytes carry the acknowledgement.
    2. A sender that has just begun, or begins again after a pause, sends few segments and waits for each
       answer: the first `QUICK` segments are acknowledged at the moment at which they come.
    3. Segments out of order, and what fills a gap, are the business of `p2plib.sim.tcp.connection`: they are
       acknowledged one by one, for three of these say that something was lost.
"""

from __future__ import annotations

DELAY_S = 0.040  # Linux's TCP_DELACK_MIN; RFC 9293 allows up to 0.5 s
QUICK = 16  # Linux's TCP_MAX_QUICKACKS


class Acknowledger:
    """Says when the next acknowledgement is due.

    Args:
        mss: most bytes of a segment.

    Attributes:
        due_s: when an acknowledgement must have left; None while none is owed.
    """

    __slots__ = ("_bytes", "_last_s", "_quick", "_two", "due_s")

    def __init__(self, mss: int) -> None:
        self.due_s: float | None = None
        self._two = 2 * mss
        self._bytes = 0  # that came and were not acknowledged
        self._quick = QUICK
        self._last_s = 0.0

    def arrived(self, size: int, now_s: float, pause_s: float) -> bool:
        """Bytes came in order. Whether they are worth an acknowledgement of their own, at once.

        Args:
            size: how many.
            now_s: the time.
            pause_s: how long a silence makes the sender begin again: the retransmission time-out.
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

    def owe(self, now_s: float) -> None:
        """An acknowledgement is due now, though the application may put bytes to it."""
        self.due_s = now_s

    def sent(self) -> None:
        """One has left, by itself or with bytes."""
        self.due_s = None
        self._bytes = 0
