"""Churn: how long peers stay, which of a bucket's are still there, and what that does to lookups. With numpy.

Sessions have heavy tails: most peers leave soon, and a few stay for days. Then *the longer a peer has been
here, the longer it will stay* (Maymounkov and Mazières 2002, figure 3, from measurements of Gnutella), and
Kademlia's rule to keep the oldest contacts is a prediction. If sessions were exponential, age would say
nothing, and all the rule would gain is protection from floods.

Vocabulary::

    session   the time from coming to leaving, in seconds; `median_s` is its median
    shape     of Pareto (Lomax) sessions: the smaller, the heavier the tail; None for exponential ones
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from p2plib.errors import UsageError
from p2plib.topology.arrays import np

Array = Any
Policy = Literal["oldest", "newest", "random"]


def sessions(count: int, median_s: float, shape: float | None, rng: Any) -> Array:
    """How long newcomers stay.

    Args:
        count: how many newcomers.
        median_s: the median of their sessions.
        shape: above 1; None for exponential sessions.
        rng: a numpy generator.
    """
    if shape is None:
        return rng.exponential(median_s / math.log(2), size=count)
    if shape <= 1:
        raise UsageError("sessions with a shape of 1 or less have no mean: choose a larger one")
    return rng.pareto(shape, size=count) * (median_s / (2 ** (1 / shape) - 1))


def here_now(count: int, median_s: float, shape: float | None, rng: Any) -> tuple[Array, Array]:
    """(age, time left) of random peers that are here now: such peers have longer sessions than newcomers.

    At a random moment, a session is met with a chance in proportion to its length, and the moment can be
    anywhere in it.
    """
    if shape is None:
        length = rng.gamma(2.0, median_s / math.log(2), size=count)
    else:  # the length-biased Lomax: a ratio of two gamma variables, of shapes 2 and shape - 1
        ratio = rng.gamma(2.0, size=count) / rng.gamma(shape - 1, size=count)
        length = ratio * (median_s / (2 ** (1 / shape) - 1))
    age = length * rng.random(count)
    return age, length - age


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a policy makes of buckets.

    Args:
        alive: the fraction of entries that are alive.
        stays: the fraction of those that are still alive an hour later.
        age_s: the median age of the living entries.
    """

    alive: float
    stays: float
    age_s: float


def uptime_rule(
    policy: Policy,
    *,
    k: int = 20,
    median_s: float = 3600.0,
    shape: float | None = 1.5,
    buckets: int = 2000,
    arrivals: int = 400,
    every_s: float = 120.0,
    seed: int = 0,
) -> Bucket:
    """What many buckets of k hold in the end, when each hears of a random peer every `every_s`.

    Args:
        policy: "oldest" puts a newcomer in the place of a dead entry if there is one, and otherwise forgets
            it; "newest" puts it in the place of the entry put in longest ago; "random" in any place.
        k, buckets, arrivals, every_s: sizes.
        median_s, shape: those of the sessions.
        seed: for everything random.
    """
    rng = np.random.default_rng(seed)
    born, ends = np.zeros((buckets, k)), np.zeros((buckets, k))
    age, left = here_now(buckets * k, median_s, shape, rng)
    born[:], ends[:] = -age.reshape(buckets, k), left.reshape(buckets, k)
    rows, now = np.arange(buckets), 0.0
    for turn in range(arrivals):
        now += every_s
        age, left = here_now(buckets, median_s, shape, rng)
        if policy == "oldest":
            place = ends.argmin(axis=1)  # a dead one, if there is any
            changed = ends[rows, place] <= now
        elif policy == "newest":
            place, changed = np.full(buckets, turn % k), np.ones(buckets, dtype=bool)
        else:
            place, changed = rng.integers(0, k, size=buckets), np.ones(buckets, dtype=bool)
        born[rows[changed], place[changed]] = now - age[changed]
        ends[rows[changed], place[changed]] = now + left[changed]
    alive = ends > now
    stays = (ends > now + 3600.0) & alive
    return Bucket(float(alive.mean()), float(stays.sum() / alive.sum()), float(np.median(now - born[alive])))


def dead_fraction(
    median_s: float, heard_s: float, *, shape: float | None = None, samples: int = 200_000, seed: int = 0
) -> float:
    """The fraction of all contacts in tables that are dead.

    Args:
        median_s, shape: those of the sessions.
        heard_s: contacts were last heard from at any time up to so many seconds ago. With frequent lookups
            that is much less than the hour between refreshes.
        samples: how many contacts to draw.
        seed: for everything random.
    """
    rng = np.random.default_rng(seed)
    _, left = here_now(samples, median_s, shape, rng)
    return float((left < heard_s * rng.random(samples)).mean())
