"""The receiving half of a TCP connection: bytes into order, and how much room to announce. A machine.

It follows RFC 9293, 3.10.7.4 (what is acceptable) and 3.8.6.2.2 (when to announce more room).

Rules
    1. What lies beyond the window is cut off; so what is kept, in order or not, never exceeds the capacity.
    2. The right edge of the window never moves back. It moves on when it can by a whole segment or by half
       the capacity, not for every byte that the application reads.
    3. While nobody reads, bytes are held and the window shrinks with each of them, to 0 in the end.
    4. The capacity grows with what the application takes in a round trip (as on Linux, "dynamic right
       sizing"), so that the window never limits an application that reads as fast as bytes arrive.

Vocabulary: positions as in `p2plib.sim.tcp.send`; `nxt` is the next position that is expected (RCV.NXT),
`edge` the first one beyond the window (RCV.NXT + RCV.WND).
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque

GROWTH = 4  # slow start doubles what comes in the next round trip, and half of the room is on its way back
MAX_CAPACITY = 6_291_456  # Linux's tcp_rmem


class Receiver:
    """The receiving half, from the byte behind the SYN on.

    Args:
        capacity: the most bytes to keep, at first.
        mss: most bytes of a segment.
    """

    def __init__(self, capacity: int, mss: int) -> None:
        self.nxt = 1
        self.edge = 1 + capacity
        self.reading = True
        self.finished = False  # everything has come, the FIN too
        self.capacity = capacity
        self.grows = True
        self._taken, self._since_s = 0, 0.0  # bytes that the application has fetched since then
        self._step = min(mss, max(1, capacity // 2))
        self._held: deque[bytes] = deque()  # in order, for the application
        self.held_bytes = 0
        self._later: list[tuple[int, bytes]] = []  # behind a gap, sorted, without overlaps
        self._fin: int | None = None

    @property
    def has_gap(self) -> bool:
        """Whether bytes wait for others before them."""
        return bool(self._later)

    @property
    def out_of_order_bytes(self) -> int:
        """Bytes that wait for others before them."""
        return sum(len(data) for _, data in self._later)

    def accepts(self, position: int, length: int) -> bool:
        """Whether a segment may be looked at. *length* counts SYN and FIN too.

        RFC 9293's table would also refuse a segment right at the edge. A probe of a closed window lies there,
        and so do acknowledgements of a sender that has filled the window; 3.10.7.4 makes an allowance.
        """
        return position <= self.edge and (position + length > self.nxt or position == self.nxt)

    def receive(self, position: int, data: bytes, fin: bool) -> bool:
        """Take the bytes of an acceptable segment; return whether everything has come now, the FIN too."""
        if fin and self._fin is None and position + len(data) < self.edge:
            self._fin = position + len(data)
        limit = self.edge if self._fin is None else min(self.edge, self._fin)
        skip = max(0, self.nxt - position)
        if skip or position + len(data) > limit:
            data, position = data[skip : max(skip, limit - position)], position + skip
        if data and position == self.nxt and not self._later:
            self._hold(data)
        elif data:
            self._insert(position, data)
            while self._later and self._later[0][0] == self.nxt:
                self._hold(self._later.pop(0)[1])
        if self._fin != self.nxt or self.finished:
            return False
        self.nxt += 1
        self.finished = True
        return True

    def read(self) -> bytes:
        """What the application may have now; nothing while it does not read."""
        if not self.reading or not self._held:
            return b""
        data = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self.drop()
        return data

    def take(self, size: int, now_s: float, round_trip_s: float) -> bytes:
        """Return the next bytes that are held, *size* at most, for an application to read (rule 4)."""
        taken, left, held = [], size, self._held
        while held and left >= len(held[0]):
            taken.append(held.popleft())
            left -= len(taken[-1])
        if held and left > 0:
            taken.append(held[0][:left])
            held[0] = held[0][left:]
        data = taken[0] if len(taken) == 1 else b"".join(taken)
        self.held_bytes -= len(data)
        self._taken += len(data)
        if now_s - self._since_s >= round_trip_s:
            if self.grows:
                self.capacity = max(self.capacity, min(GROWTH * self._taken, MAX_CAPACITY))
            self._taken, self._since_s = 0, now_s
        return data

    def take_next(self, data: bytes) -> bool:
        """Hold bytes that begin at `nxt`, if there is no gap and room for all; return whether it did."""
        if self._later or self._fin is not None or self.nxt + len(data) > self.edge:
            return False
        self._hold(data)
        return True

    def set_capacity(self, capacity: int, *, is_known: bool) -> None:
        """Fix the capacity; *is_known* says whether another one has been announced to the sender."""
        self.capacity, self.grows = capacity, False
        self._step = min(self._step, max(1, capacity // 2))
        if not is_known:
            self.edge = self.nxt + capacity

    def drop(self) -> None:
        """Let go of what is held."""
        self._held.clear()
        self.held_bytes = 0

    def window(self) -> int:
        """The window to announce, in bytes (rule 2)."""
        self.edge = max(self.edge, self._edge_possible()) if self.window_may_grow else self.edge
        return max(0, self.edge - self.nxt)

    @property
    def window_may_grow(self) -> bool:
        """Whether there is news for the sender about the room."""
        return not self.finished and self._edge_possible() - self.edge >= self._step

    @property
    def window_doubles(self) -> bool:
        """Whether the window has doubled since it was announced: worth a segment of its own, as on Linux."""
        return self.window_may_grow and self._edge_possible() - self.nxt >= 2 * (self.edge - self.nxt)

    def _edge_possible(self) -> int:
        return self.nxt + self.capacity - self.held_bytes

    def _hold(self, data: bytes) -> None:
        self._held.append(data)
        self.held_bytes += len(data)
        self.nxt += len(data)

    def _insert(self, position: int, data: bytes) -> None:
        """Keep the parts that are not there yet."""
        at = bisect_left(self._later, (position,))
        if at:
            before, there = self._later[at - 1]
            skip = max(0, before + len(there) - position)
            position, data = position + skip, data[skip:]
        while data and at < len(self._later) and self._later[at][0] < position + len(data):
            start, there = self._later[at]
            if start > position:
                self._later.insert(at, (position, data[: start - position]))
                at += 1
            data = data[start + len(there) - position :]
            position = start + len(there)
            at += 1
        if data:
            self._later.insert(at, (position, data))
