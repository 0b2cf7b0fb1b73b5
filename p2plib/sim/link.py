"""Links: how long a packet takes, and what may happen to it on the way.

Rules:

* The *latency* between two hosts is a property of the two. It is drawn once from the link's distribution, the
  same in both directions, and depends on the seed and their names alone: a host more changes nothing for the
  others. *Jitter* is drawn anew for every packet.
* The draws of a packet come from its sender's own source of randomness, a fixed number of them for every
  packet. So whether one packet is lost does not change what happens to the next.
* Jitter lets datagrams overtake one another, while the segments of a TCP connection wait for one another, as
  on most real paths, which keep one flow in order. `reorder` lets either overtake.
* A datagram larger than the MTU travels in fragments, and is lost when one of them is.
* A corrupted datagram arrives with one bit flipped, as if the checksum had missed it. A corrupted TCP segment
  is dropped, as a checksum would have it.

Vocabulary: *latency* one way, in seconds; *loss*, *duplicate*, *reorder*, *corrupt* probabilities for each
packet; *mtu* the largest IP packet in bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Protocol

from p2plib.errors import UsageError
from p2plib.sim import exact

MTU_BYTES = 1500  # Ethernet's, and what most paths of the internet carry
QUEUE_BYTES = 256 * 1024  # a home router's buffer: a fifth of a second at 10 Mbit/s
NORMAL_P95 = 1.6448536269514715  # below it lie 95 % of a normal distribution with mean 0 and deviation 1
REORDERED_BY_S = 0.05  # how much later a held-back packet arrives, at most


class Latency(Protocol):
    """Where the one-way latency of a pair of hosts is drawn from."""

    def draw(self, random: Random) -> float:
        """Return one latency in seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """Every pair has the same latency.

    Args:
        seconds: the latency, 0 or more.
    """

    seconds: float

    def __post_init__(self) -> None:
        _need(self.seconds >= 0, f"a latency is 0 or more seconds, not {self.seconds}")

    def draw(self, random: Random) -> float:
        """Return the constant."""
        return self.seconds


@dataclass(frozen=True, slots=True)
class Uniform:
    """Latencies between two bounds, all equally likely.

    Args:
        least: the lower bound in seconds.
        most: the upper bound in seconds.
    """

    least: float
    most: float

    def __post_init__(self) -> None:
        _need(0 <= self.least <= self.most, f"0 <= least <= most, not {self.least} and {self.most}")

    def draw(self, random: Random) -> float:
        """Return a latency between the bounds."""
        return random.uniform(self.least, self.most)


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Latencies as one measures them between strangers: most are near the median, and some are much longer.

    Args:
        median: half of all pairs are nearer than this, in seconds.
        p95: nineteen pairs of twenty are nearer than this, in seconds.
    """

    median: float
    p95: float

    def __post_init__(self) -> None:
        _need(0 < self.median <= self.p95, f"0 < median <= p95, not {self.median} and {self.p95}")

    def draw(self, random: Random) -> float:
        """Return a latency; its logarithm is normally distributed."""
        return round(self.median * exact.exp(_sigma(self) * exact.normal(random)), 9)  # whole nanoseconds


@lru_cache
def _sigma(latency: LogNormal) -> float:
    """Return the standard deviation of the logarithm."""
    return exact.log(latency.p95 / latency.median) / NORMAL_P95


@dataclass(frozen=True, slots=True)
class Measured:
    """Latencies that follow quantiles somebody measured, with straight lines between them.

    Args:
        quantiles: latencies in seconds at equal steps of probability from 0 to 1, rising; at least two.
    """

    quantiles: Sequence[float]

    def __post_init__(self) -> None:
        q = self.quantiles
        rising = all(a <= b for a, b in pairwise(q))
        _need(len(q) >= 2 and q[0] >= 0 and rising, "two or more rising quantiles, none below 0")

    def draw(self, random: Random) -> float:
        """Return a latency at a random quantile."""
        place = random.random() * (len(self.quantiles) - 1)
        step = int(place)
        low, high = self.quantiles[step], self.quantiles[step + 1]
        return low + (high - low) * (place - step)


@dataclass(frozen=True, slots=True)
class Link:
    """What happens to packets between two hosts; one object may serve any number of pairs.

    Args:
        latency: one-way latency: a number of seconds for all pairs alike, or a distribution of it.
        jitter_s: up to this much is added to every packet, evenly distributed, in seconds.
        loss: probability that a packet is lost (each fragment of a large datagram by itself).
        duplicate: probability that it arrives twice.
        reorder: probability that it is held back and others overtake it, TCP segments too.
        corrupt: probability that one of its bits is flipped.
        bytes_per_s: what each direction of each pair carries; None for no limit.
        queue_bytes: what waits at most when that is exceeded; more is dropped ("queue full").
        mtu: the largest IP packet in bytes.

    Raises:
        UsageError: a probability is not from 0 to 1, or a size or time is too small.
    """

    latency: Latency | float = field(default_factory=lambda: LogNormal(0.040, 0.150))
    jitter_s: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    corrupt: float = 0.0
    bytes_per_s: float | None = None
    queue_bytes: int = QUEUE_BYTES
    mtu: int = MTU_BYTES

    def __post_init__(self) -> None:
        for name in ("loss", "duplicate", "reorder", "corrupt"):
            chance = getattr(self, name)
            _need(0 <= chance <= 1, f"{name} is a probability from 0 to 1, not {chance}")
        _need(self.jitter_s >= 0, f"jitter is 0 or more seconds, not {self.jitter_s}")
        _need(self.bytes_per_s is None or self.bytes_per_s > 0, "a bandwidth is more than 0 bytes per second")
        _need(self.mtu >= 576, f"every path of the internet carries 576 bytes (RFC 791), so not {self.mtu}")
        if isinstance(self.latency, int | float):
            object.__setattr__(self, "latency", Constant(float(self.latency)))

    @property
    def is_plain(self) -> bool:
        """Whether all that this link does is delay packets, and by so little that none overtakes a timer."""
        return not (self.loss or self.duplicate or self.reorder or self.corrupt or self.bytes_per_s)

    def between(self, seed: int, one: str, other: str) -> float:
        """Return the latency of a pair of hosts in seconds: the same each time, and both ways."""
        assert not isinstance(self.latency, int | float)
        low, high = (one, other) if one < other else (other, one)
        return self.latency.draw(Random(f"{seed}/latency/{low}/{high}"))


class Bottleneck:
    """A pipe of limited bandwidth with a queue before it, first come, first served.

    Args:
        bytes_per_s: what it carries.
        queue_bytes: what may wait before it.
    """

    __slots__ = ("bytes_per_s", "free_at", "queue_bytes")

    def __init__(self, bytes_per_s: float, queue_bytes: int = QUEUE_BYTES) -> None:
        _need(bytes_per_s > 0, f"a bandwidth is more than 0 bytes per second, not {bytes_per_s}")
        self.bytes_per_s, self.queue_bytes, self.free_at = bytes_per_s, queue_bytes, 0.0

    def through(self, size_bytes: int, now: float) -> float | None:
        """Send a packet into the pipe.

        Returns:
            When its last byte is out, in virtual seconds; None if the queue is full and it is dropped.
        """
        begins = max(now, self.free_at)
        if round((begins - now) * self.bytes_per_s) > self.queue_bytes:
            return None
        self.free_at = begins + size_bytes / self.bytes_per_s
        return self.free_at


def _need(holds: bool, rule: str) -> None:
    if not holds:
        raise UsageError(rule)
