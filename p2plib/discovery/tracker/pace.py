"""Pace: how often one host may ask. A pure part.

Each host has a bucket of tokens that fills slowly; each question takes one. So a burst is fine, and in the
long run a host gets so many a second and no more.

Rules
    1. A bucket belongs to an owner: a host of IPv4, a /64 of IPv6 (`owner_of`). Every home with IPv6 has
       2**64 hosts at least, and would have as many buckets.
    2. Only a host that has proven its address is paced. If anybody could empty a bucket with a forged source,
       pacing would be a way to shut others out.
    3. At most `MAX_HOSTS` buckets are kept. The one that was used longest ago is forgotten first, by when it
       is usually full again.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from p2plib.machine.addresses import packed_host

MAX_HOSTS = 65_536


IPV6_OWNER_BYTES = 8  # a /64 is the smallest network of IPv6, so it is what everybody has


@functools.lru_cache(maxsize=65_536)
def owner_of(host: str) -> str:
    """Whose a host is, as far as its address tells: all hosts of one owner share what one may have.

    Args:
        host: an IP address.
    """
    raw = packed_host(host)
    return host if len(raw) == 4 else raw[:IPV6_OWNER_BYTES].hex()


@dataclass(frozen=True, slots=True)
class Allowance:
    """How often a host may ask.

    Args:
        burst: how many times at once.
        a_second: how many times a second in the long run.
    """

    burst: float = 200.0
    a_second: float = 20.0


DEFAULT_ALLOWANCE = Allowance()


class Pace:
    """The buckets of all hosts.

    Args:
        allowance: see `Allowance`.
    """

    def __init__(self, allowance: Allowance = DEFAULT_ALLOWANCE) -> None:
        self.allowance = allowance
        self._buckets: dict[str, tuple[float, float]] = {}  # tokens, and when there were so many

    def allows(self, host: str, now: float) -> bool:
        """Takes a token from a host's bucket; returns whether there was one.

        Args:
            host: an IP address.
            now: the time, in seconds.
        """
        allowance, buckets, owner = self.allowance, self._buckets, owner_of(host)
        tokens, at = buckets.pop(owner, (allowance.burst, now))
        tokens = min(allowance.burst, tokens + (now - at) * allowance.a_second)
        allowed = tokens >= 1.0
        buckets[owner] = (tokens - 1.0 if allowed else tokens), now
        if len(buckets) > MAX_HOSTS:
            del buckets[next(iter(buckets))]
        return allowed
