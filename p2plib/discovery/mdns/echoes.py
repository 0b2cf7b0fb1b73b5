"""Echoes: telling what we have sent ourselves from what others say, on a group that gives us both.

Rules
    1. A multicast comes back to its own host, because another program there may be a member of the group. So
       one copy of each datagram is expected, within `ECHO_WITHIN_S`.
    2. Only a copy that is the same byte for byte, from our own address, counts as one. Two programs on a host
       that say the same each get two copies, and take one for the other's.
"""

from __future__ import annotations

from collections import Counter, deque

ECHO_WITHIN_S = 1.0


class Echoes:
    """The datagrams that are expected back."""

    def __init__(self) -> None:
        self._expected: Counter[bytes] = Counter()
        self._until: deque[tuple[float, bytes]] = deque()

    def sent(self, data: bytes, now: float) -> None:
        """Notes that a datagram has gone to the group."""
        self._forget(now)
        self._expected[data] += 1
        self._until.append((now + ECHO_WITHIN_S, data))

    def takes(self, data: bytes, now: float) -> bool:
        """Whether a datagram from our own address is the copy of one of ours; each is taken once."""
        self._forget(now)
        if not self._expected[data]:
            del self._expected[data]
            return False
        self._expected[data] -= 1
        return True

    def _forget(self, now: float) -> None:
        while self._until and self._until[0][0] < now:
            data = self._until.popleft()[1]
            self._expected[data] -= 1
            if self._expected[data] <= 0:
                del self._expected[data]
