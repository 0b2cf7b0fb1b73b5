"""Limits: how much a server may send to an address that has proved nothing. A machine part.

The source of a datagram can be forged, and an answer of DNS is larger than its question. So a server that
answers everybody multiplies a flood, and sends it to whomever the flooder has named. An asker that really is
where it says it is can show that by asking again over TCP. So:

Rules
    1. Each network (a /24, or a /48 of IPv6) has a budget of bytes that flows back at `BYTES_PER_S`, up to
       `BURST_BYTES`. A whole answer is taken from it.
    2. When it is empty, an answer is cut to nothing but "ask again over TCP", which is no larger than its
       question: what the flooder gains is gone. There are `SHORT_PER_S` of those a second; then silence.
    3. At most `MAX_NETWORKS` networks are remembered; the one not heard from for longest is forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum

from p2plib.machine.addresses import network_of

BYTES_PER_S = 2_000  # a dozen answers: a busy resolver keeps what it has heard, and asks once a minute
BURST_BYTES = 20_000
SHORT_PER_S = 50
MAX_NETWORKS = 10_000


class Allowed(Enum):
    """What a server may send."""

    WHOLE = "the whole answer"
    SHORT = "that the asker should come by TCP"
    NOTHING = "nothing"


@dataclass(slots=True)
class _Budget:
    since: float
    size_bytes: float
    shorts: float


class ReplyLimits:
    """The budgets of the networks that ask.

    Args:
        bytes_per_s: see rule 1.
        burst_bytes: see rule 1.
        short_per_s: see rule 2.
    """

    def __init__(
        self,
        bytes_per_s: float = BYTES_PER_S,
        burst_bytes: float = BURST_BYTES,
        short_per_s: float = SHORT_PER_S,
    ) -> None:
        self.bytes_per_s, self.burst_bytes, self.short_per_s = bytes_per_s, burst_bytes, short_per_s
        self._budgets: OrderedDict[bytes, _Budget] = OrderedDict()

    def __len__(self) -> int:
        """How many networks are remembered."""
        return len(self._budgets)

    def allowed(self, host: str, size_bytes: int, now: float) -> Allowed:
        """What may be sent to a host, and takes it from the budget.

        Args:
            host: where the question says that it comes from.
            size_bytes: of the whole answer.
            now: the time, in seconds.
        """
        network = network_of(host)
        budget = self._budgets.pop(network, None) or _Budget(now, self.burst_bytes, self.short_per_s)
        passed_s = now - budget.since
        budget.since = now
        budget.size_bytes = min(self.burst_bytes, budget.size_bytes + passed_s * self.bytes_per_s)
        budget.shorts = min(self.short_per_s, budget.shorts + passed_s * self.short_per_s)
        self._budgets[network] = budget
        if len(self._budgets) > MAX_NETWORKS:
            self._budgets.popitem(last=False)
        if budget.size_bytes >= size_bytes:
            budget.size_bytes -= size_bytes
            return Allowed.WHOLE
        if budget.shorts >= 1:
            budget.shorts -= 1
            return Allowed.SHORT
        return Allowed.NOTHING
