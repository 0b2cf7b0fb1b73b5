"""Limits: how much of what strangers ask a node answers. Machine parts.

A response of a DHT is several times as long as its question, and the source of a datagram can be forged. So
an attacker writes a victim's address on small questions, and nodes everywhere send the victim long responses
(F079). A node cannot see that a source is forged. It can see to it that nobody gets much.

Rules
    1. A host has `QUESTIONS_S` questions a second, after a first `QUESTIONS_BURST`; all hosts together have
       `ALL_QUESTIONS_S`. What is beyond is not answered, not even with an error.
    2. A host that has not shown that it reads what we send gets few bytes beyond those that it sent:
       `EXCESS_S` a second, after a first `EXCESS_BURST`. It shows it by a token of ours, or by a response to
       a question of ours. It is believed for ten minutes, as long as a token.
    3. Hosts of our own machine are not limited: many nodes share one such address, and nobody else can write
       from there.
    4. The addresses of one /64 in IPv6 count as one host: whoever has one of them has them all.
    5. What is remembered of hosts is bounded: `MAX_HOSTS` of them, and the one longest unheard goes.

Vocabulary::

    bucket      holds up to so many units, and fills at so many a second (a token bucket, but of other tokens)
    excess      the bytes of a response beyond those of its question
    verified    a host that has shown that it reads what we send it
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from p2plib.machine.addresses import Scope, packed_host, scope_of

QUESTIONS_S, QUESTIONS_BURST = 10.0, 50.0  # a lookup asks each node once or twice; libtorrent's limit is 5
ALL_QUESTIONS_S, ALL_QUESTIONS_BURST = 1_000.0, 2_000.0  # a node of the real DHT gets some tens a second
EXCESS_S, EXCESS_BURST = 500.0, 4_000.0  # ten long responses at once, then one a second
VERIFIED_S = 600.0
MAX_HOSTS = 4096
IPV6_HOST_BYTES = 8  # a /64 is one link


class Bucket:
    """Fills by itself, and is drawn from.

    Args:
        rate_s: how many units flow in a second.
        burst: how many it holds; it begins full.
    """

    __slots__ = ("_at", "_level", "burst", "rate_s")

    def __init__(self, rate_s: float, burst: float) -> None:
        self.rate_s, self.burst = rate_s, burst
        self._level, self._at = burst, float("-inf")

    def take(self, units: float, now: float) -> bool:
        """Takes that many units out, if there are as many, and returns whether there were.

        Args:
            units: how many; none or less is always there.
            now: the time, in seconds.
        """
        if now > self._at:
            self._level = min(self.burst, self._level + (now - self._at) * self.rate_s)
            self._at = now
        if units > self._level:
            return False
        self._level -= max(units, 0.0)
        return True


@dataclass(slots=True)
class _Host:
    questions: Bucket
    excess: Bucket
    verified_until: float = float("-inf")


class Limits:
    """What a node answers, and what it does not.

    Args:
        questions_s: for one host. Rule 1.
        all_questions_s: for all together. Rule 1.
        excess_s: in bytes. Rule 2.

    Attributes:
        refused: how many questions were not answered, by reason: "host", "all", "amplification".
    """

    def __init__(
        self,
        *,
        questions_s: float = QUESTIONS_S,
        all_questions_s: float = ALL_QUESTIONS_S,
        excess_s: float = EXCESS_S,
    ) -> None:
        self._scale = questions_s / QUESTIONS_S, excess_s / EXCESS_S
        self._all = Bucket(all_questions_s, ALL_QUESTIONS_BURST * all_questions_s / ALL_QUESTIONS_S)
        self._hosts: dict[bytes, _Host] = {}  # the longest unheard first
        self.refused: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many hosts are remembered."""
        return len(self._hosts)

    def may_ask(self, host: str, now: float) -> bool:
        """Whether a question that has just come from a host is looked at. Rule 1.

        Args:
            host: its source, which may be forged.
            now: the time, in seconds.
        """
        if scope_of(host) is Scope.MACHINE:
            return True
        if not self._of(host).questions.take(1.0, now):
            self.refused["host"] += 1
            return False
        if not self._all.take(1.0, now):
            self.refused["all"] += 1
            return False
        return True

    def may_answer(self, host: str, question_bytes: int, response_bytes: int, now: float) -> bool:
        """Whether a response may be sent to a host. Rule 2.

        Args:
            host: where it would go.
            question_bytes: the size of the datagram that it answers.
            response_bytes: its own size.
            now: the time, in seconds.
        """
        if scope_of(host) is Scope.MACHINE:
            return True
        known = self._of(host)
        if now < known.verified_until or known.excess.take(response_bytes - question_bytes, now):
            return True
        self.refused["amplification"] += 1
        return False

    def verified(self, host: str, now: float) -> None:
        """Notes that a host has shown us something that only it can have read. Rule 2.

        Args:
            host: the host.
            now: the time, in seconds.
        """
        if scope_of(host) is not Scope.MACHINE:
            self._of(host).verified_until = now + VERIFIED_S

    def _of(self, host: str) -> _Host:
        """What is known of a host, which is now the one that was heard last. Rules 4 and 5."""
        key = packed_host(host)[:IPV6_HOST_BYTES]
        known = self._hosts.pop(key, None)
        if known is None:
            questions, excess = self._scale
            known = _Host(
                Bucket(QUESTIONS_S * questions, QUESTIONS_BURST * questions),
                Bucket(EXCESS_S * excess, EXCESS_BURST * excess),
            )
            if len(self._hosts) >= MAX_HOSTS:
                del self._hosts[next(iter(self._hosts))]
        self._hosts[key] = known
        return known
