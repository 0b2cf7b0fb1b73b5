"""The sending half of a TCP connection: what to send, when to send it again, how much at once. A machine.

It follows RFC 9293 (the protocol), RFC 6298 (retransmission timer), RFC 5681 and 6582 (congestion control,
"NewReno", with the byte counting of RFC 3465) and RFC 6928 (initial window). `p2plib.sim.tcp.hystart` ends
the first slow start in time. `p2plib.sim.tcp.connection` feeds it acknowledgements and asks it for pieces.

Rules
    1. Every byte stays in the buffer until it is acknowledged.
    2. No more is under way than the receiver's window and the congestion window allow.
    3. One timer. It runs while something is under way, and while something waits that the window keeps back.
       When it rings and something is under way, everything from the first unacknowledged byte is sent again,
       one segment at first (go-back-N). When it rings and nothing is, one byte is sent in spite of the window
       (a probe), for the news that the window is open again may have been lost.
    4. Each ring doubles the time to the next, until a segment that was sent once only has been timed (Karn).
    5. Three duplicate acknowledgements say that a segment was lost and later ones were not: it alone is sent
       again, at once. Further losses of the same window come to light one each round trip; if that takes
       longer than the time-out, rule 3 repairs the rest (RFC 6582, 4, "impatient").
    6. A small segment waits only if the window cut it short (RFC 9293, 3.8.6.2.1). There is no Nagle
       algorithm, as asyncio turns it off on real sockets (TCP_NODELAY).
    7. The buffer is twice the congestion window, as Linux sizes it automatically, and at least `SEND_BUFFER`.
       So one window can be in flight while the application writes the next.

Vocabulary::

    position     where something is in the stream: the SYN has 0, the first byte 1, the FIN comes after the
                 last byte. On the wire it is added to the initial sequence number, modulo 2**32.
    una          the first position that is not acknowledged (SND.UNA)
    nxt          the next position to send; goes back to `una` when the timer rings
    sent         the position after everything that was ever sent (SND.NXT)
    end          the position after the last byte that was written
    edge         the first position that the receiver has no room for (SND.UNA + SND.WND)
    in flight    from `una` to `sent`
"""

from __future__ import annotations

from typing import NamedTuple

from p2plib.sim.tcp.hystart import CARE, AckTrain

INITIAL_RTO_S = 1.0  # RFC 6298, 2.1
RTO_AFTER_LOST_SYN_S = 3.0  # RFC 6298, 5.7
RTO_MARGIN_S = 0.2  # at least this much above the mean round trip, as Linux; RFC 6298, 2.4 has 1 s in all
MAX_RTO_S = 120.0  # as Linux; RFC 6298, 2.5 asks for 60 s or more
MAX_RINGS = 30  # doubled so often, any time-out exceeds MAX_RTO_S; probes ring forever
NO_LOSS_YET = 1 << 62  # "arbitrarily high" (RFC 5681, 3.1): slow start until the first loss
DUPLICATES = 3  # RFC 5681, 3.2
INITIAL_SEGMENTS = 10  # RFC 6928, for a segment of the usual size
SLOW_START_SEGMENTS = 2  # RFC 3465, 2.2: the most that one acknowledgement widens the window by
SEND_BUFFER = 87_040  # what Linux gives a connection when it opens
MAX_SEND_BUFFER = 4_194_304  # Linux's tcp_wmem


class Piece(NamedTuple):
    """Something to put into one segment: the SYN (`position` 0), or bytes, the FIN, or both."""

    position: int
    data: bytes
    fin: bool
    last: bool  # nothing waits behind it


class Sender:
    """The sending half. It starts with a SYN to send, and sends nothing behind it before that is
    acknowledged.

    Args:
        mss: most bytes of a segment.
    """

    def __init__(self, mss: int) -> None:
        self.mss = mss
        self.una = self.nxt = self.sent = 0
        self.end = 1
        self.eof = False
        self.buffer_size: int | None = None  # most bytes to keep; None for rule 7
        self.tries = 0  # rings of the timer since there was news
        self.timer_s: float | None = None
        self._buffer = bytearray()  # the bytes from max(una, 1) to end
        self._edge = 1
        self._widest = 0  # the largest window that was ever announced
        self._probe = False
        self._is_limited = False  # the congestion window was used up when something was sent last
        self._grown = 0  # bytes acknowledged towards the next step of congestion avoidance
        self._probed = 0  # the position after the last probe, which may lie beyond `sent`
        self._congestion_window = INITIAL_SEGMENTS * mss
        self._threshold = NO_LOSS_YET
        self._duplicates = 0
        self._recovering = self._partial = False  # in fast recovery; and it was acknowledged in part
        self._recover = 0  # no second fast retransmit for what was sent up to here (RFC 6582, 3.2)
        self._resend = False
        self._timed: tuple[int, float] | None = None  # a position under way and when it left
        self._mean_s: float | None = None  # SRTT
        self._deviation_s = 0.0  # RTTVAR
        self._shortest_s = MAX_RTO_S
        self._train = AckTrain()
        self._base_rto_s = self.rto_s = INITIAL_RTO_S  # before and after it was doubled
        self._rings = 0  # how often that was

    # What the application does

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes to the buffer."""
        self._buffer += data
        self.end += len(data)

    @property
    def room(self) -> int:
        """How many bytes the buffer has room for (rule 7); below 0 if it is overfull."""
        size = self.buffer_size
        if size is None:
            size = min(max(SEND_BUFFER, 2 * self._congestion_window), MAX_SEND_BUFFER)
        return size - len(self._buffer)

    @property
    def unsent_bytes(self) -> int:
        """Bytes that were written and never sent."""
        return self.end - min(max(self.sent, 1), self.end)

    @property
    def unacknowledged_bytes(self) -> int:
        """Bytes in the buffer: sent or not, not acknowledged."""
        return len(self._buffer)

    @property
    def fin_is_acknowledged(self) -> bool:
        """Whether everything has arrived, the FIN too."""
        return self.eof and self.una > self.end

    @property
    def round_trip_s(self) -> float:
        """The average round trip in seconds; the initial time-out until one is measured."""
        return INITIAL_RTO_S if self._mean_s is None else self._mean_s

    def _set_rto(self, rings: int) -> None:
        self._rings = rings
        self.rto_s = min(self._base_rto_s * (1 << rings), MAX_RTO_S)

    # What is sent

    @property
    def has_work(self) -> bool:
        """Whether `next_piece` may have something; if not, there is no need to ask."""
        return self._resend or self.nxt < self.end + self.eof or self.nxt == 0

    def whole_segments(self, now_s: float) -> list[bytes]:
        """Return the bytes of all full segments that may be sent now, from `nxt` on, but not the very last.

        It does the same as calling `next_piece` many times.
        """
        start, mss = self.nxt, self.mss
        usable = min(self._edge, self.una + self._congestion_window, self.end - 1)
        if usable - start < mss or not self.una or self._resend or self._probe:
            return []
        stop = start + (usable - start) // mss * mss
        first = max(self.una, 1)
        with memoryview(self._buffer) as view:
            data = [bytes(view[at : at + mss]) for at in range(start - first, stop - first, mss)]
        self._passed(stop, now_s)
        return data

    def next_piece(self, now_s: float) -> Piece | None:
        """The next thing to send now, if there is any. Call it until it says None."""
        if self._resend:
            self._resend = False
            size = min(self.mss, self.sent - self.una, self.end - self.una)
            return self._piece(self.una, size, self.una + size == self.end and self.sent > self.end)
        if self.nxt == 0:
            self._passed(1, now_s)
            return Piece(0, b"", False, True)
        piece = self._fresh_piece(now_s) if self.una else None
        if piece is None:
            self._is_limited = self.sent - self.una + self.mss > self._congestion_window
            if self.timer_s is None and self.una and self.nxt < self.end + self.eof:
                self.timer_s = now_s + self.rto_s  # rule 3: the window keeps something back
        return piece

    def _fresh_piece(self, now_s: float) -> Piece | None:
        usable = min(self._edge, self.una + self._congestion_window) - self.nxt
        wanted = min(self.mss, self.end - self.nxt)
        if wanted < 0 or (wanted == 0 and not self.eof):
            return None
        size = max(0, min(wanted, usable))
        if self._probe:
            self._probe = False
            if usable < 1:
                fin = wanted == 0
                self._probed = self.nxt + 1
                return self._piece(self.nxt, 0 if fin else 1, fin)
        elif size < wanted and 2 * size < self._widest:
            return None  # rule 6
        fin = self.eof and self.nxt + size == self.end and usable > size
        if not size and not fin:
            return None
        piece = self._piece(self.nxt, size, fin)
        self._passed(self.nxt + size + fin, now_s)
        return piece

    def _piece(self, position: int, size: int, fin: bool) -> Piece:
        start = position - max(self.una, 1)
        with memoryview(self._buffer) as view:
            return Piece(position, bytes(view[start : start + size]), fin, position + size == self.end)

    def _passed(self, position: int, now_s: float) -> None:
        """Everything before *position* is being sent."""
        if position > self.sent and self._timed is None and self.nxt >= self.sent:
            self._timed = (self.nxt, now_s)
        self.nxt = position
        self.sent = max(self.sent, position)
        if self.timer_s is None:
            self.timer_s = now_s + self.rto_s  # RFC 6298, 5.1

    def repeat_syn(self) -> None:
        """The SYN is to be sent again, for the other side has sent one that does not know of it."""
        self.nxt = 0
        self._timed = None

    # What comes back

    def may_acknowledge(self, position: int) -> bool:
        """Whether an acknowledgement of everything before *position* can be meant (RFC 5961, 5)."""
        return self.una - self._widest <= position <= max(self.sent, self._probed)

    def acknowledge(self, position: int, now_s: float) -> None:
        """Everything before *position* has arrived, which is news."""
        acked = position - self.una
        if self.una == 0 and self.tries:
            self._base_rto_s = RTO_AFTER_LOST_SYN_S
            self._set_rto(0)
        if self._timed and position > self._timed[0]:
            self._measure(now_s - self._timed[1])
        del self._buffer[: min(position, self.end) - max(self.una, 1)]
        first, self.una = self.una == 0, position
        if self.nxt < position:
            self.nxt, self.sent = position, max(self.sent, position)
        self.tries = 0
        if self._recovering and position < self._recover:  # RFC 6582, 3.2: a partial acknowledgement
            self._resend = True
            self._congestion_window = max(self._congestion_window - acked, 0) + self.mss
            if self._partial:
                return  # the timer runs on: a time-out repairs many losses sooner than one a round trip
            self._partial = True
        elif self._recovering:
            self._recovering = self._resend = False
            self._congestion_window = self._threshold
            self._duplicates = 0
        else:
            self._duplicates = 0
            if self._is_limited and not first:
                self._grow(acked, now_s)
        self.timer_s = None if position == self.sent else now_s + self.rto_s  # RFC 6298, 5.2 and 5.3

    def duplicate(self) -> None:
        """An acknowledgement came that acknowledges nothing new while something is in flight."""
        self._duplicates += 1
        if self._recovering:
            self._congestion_window += self.mss  # RFC 5681, 3.2, step 4: another one has left the network
        elif self._duplicates == DUPLICATES and self.una >= self._recover:
            self._halve()
            self._congestion_window = self._threshold + DUPLICATES * self.mss
            self._recovering, self._resend, self._partial = True, True, False
            self._recover = self.sent
            self._timed = None

    def answered(self) -> None:
        """The receiver lives, though it has no room yet: probes may go on forever (RFC 9293, 3.8.6.1)."""
        if self.una == self.sent:
            self.tries = 0

    def changes_window(self, position: int, window: int) -> bool:
        """Whether this is news about the receiver's room."""
        return position + window != self._edge

    def set_window(self, position: int, window: int) -> None:
        """The receiver has room for *window* bytes from *position* on."""
        if position + window > self._edge and self.una == self.sent and self.timer_s is not None:
            self.timer_s, self._probe = None, False
            self._set_rto(0)  # it rang for probes; there was no loss
        self._edge = position + window
        self._widest = max(self._widest, window)

    def on_timer(self, now_s: float) -> None:
        """The timer rings (rule 3)."""
        if self.una == self.sent:
            self._probe = True
        else:
            if self.una and not self._recovering:  # not for a SYN, and once for a loss
                self._halve()
            self._congestion_window = self.mss  # RFC 5681, 3.1: the loss window
            self._duplicates, self._recovering, self._resend = 0, False, False
            self._recover = self.sent + 1  # and one: what is sent again in vain is answered with duplicates
            self._timed = None  # Karn: nobody could tell which of two the answer is for
            self.nxt = self.una
        self.tries += 1
        self._set_rto(min(self._rings + 1, MAX_RINGS))  # RFC 6298, 5.5
        self.timer_s = now_s + self.rto_s

    def stop(self) -> None:
        """Nothing more will be sent, and the buffer is let go."""
        self.timer_s = None
        self._buffer.clear()
        self.end = self.nxt = self.sent = max(self.una, 1)

    def _halve(self) -> None:
        self._threshold = max((self.sent - self.una) // 2, 2 * self.mss)  # RFC 5681, (4)

    def _grow(self, acked: int, now_s: float) -> None:
        """RFC 5681, 3.1, by bytes (RFC 3465), for one acknowledgement stands for two segments."""
        if self._congestion_window < self._threshold:
            more = min(acked, SLOW_START_SEGMENTS * self.mss)
            if self._threshold == NO_LOSS_YET:
                if self._train.fills_the_way(now_s, self._shortest_s):
                    self._threshold = self._congestion_window
                elif self._train.is_careful:
                    more //= CARE
            self._congestion_window += more
        else:
            self._grown += acked
            if self._grown >= self._congestion_window:
                self._grown -= self._congestion_window
                self._congestion_window += self.mss

    def _measure(self, round_trip_s: float) -> None:
        """RFC 6298, 2.2 and 2.3."""
        self._timed = None
        self._shortest_s = min(self._shortest_s, round_trip_s)
        if self._mean_s is None:
            self._mean_s, self._deviation_s = round_trip_s, round_trip_s / 2
        else:
            self._deviation_s += (abs(self._mean_s - round_trip_s) - self._deviation_s) / 4
            self._mean_s += (round_trip_s - self._mean_s) / 8
        self._base_rto_s = self._mean_s + max(RTO_MARGIN_S, 4 * self._deviation_s)
        self._set_rto(0)
