"""Echoes: telling what we have sent ourselves from what others say, on a group that gives us both.

Rules
    1. A multicast comes back to its own host, because another program there may be a member of the group. So
       one copy of each datagram is expected, within `ECHO_WITHIN_S`.
    2. Only a copy that is the same byte for byte, from our own address, counts as one. Two programs on a host
       that say the same each get two copies, and take one for the other's.
"""

from __future__ import annotations

from collections import deque

ECHO_WITHIN_S = 1.0


class Echoes:
    """The datagrams that are expected back."""

    def __init__(self) -> None:
        self._expected: dict[bytes, deque[float]] = {}  # until when, for each copy
        self._order: deque[tuple[float, bytes]] = deque()

    def sent(self, data: bytes, now: float) -> None:
        """Notes that a datagram has gone to the group."""
        self._forget(now)
        self._expected.setdefault(data, deque()).append(now + ECHO_WITHIN_S)
        self._order.append((now + ECHO_WITHIN_S, data))

    def takes(self, data: bytes, now: float) -> bool:
        """Whether a datagram from our own address is the copy of one of ours; each is taken once."""
        self._forget(now)
        copies = self._expected.get(data)
        if not copies:
            return False
        copies.popleft()
        return True

    def _forget(self, now: float) -> None:
        """Rule 1: what has not come back by now will not."""
        while self._order and self._order[0][0] < now:
            data = self._order.popleft()[1]
            copies = self._expected.get(data, deque())
            while copies and copies[0] < now:
                copies.popleft()
            if not copies:
                self._expected.pop(data, None)
