"""Lab 8: peers that pass a log on, some of which lie, and a reader that fetches it from one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.labs.lab08_content.entries import HEAD_BYTES, SIGNATURE_BYTES, link, sealed

MOST_REQUESTS = 200  # then the reader gives this peer up
Peer = Callable[[Sequence[bytes], int, int, Random], list[bytes]]
Accept = Callable[[PublicKey, list[bytes], list[bytes]], tuple[list[bytes], tuple[bytes, bytes] | None]]
Missing = Callable[[dict[bytes, int], dict[bytes, int]], list[tuple[bytes, int, int]]]


def honest(log: Sequence[bytes], first: int, last: int, rng: Random) -> list[bytes]:
    """Sends what was asked for."""
    return list(log[first - 1 : last])


def omits(log: Sequence[bytes], first: int, last: int, rng: Random) -> list[bytes]:
    """Leaves one entry in three out."""
    return [entry for entry in honest(log, first, last, rng) if rng.random() < 2 / 3]


def reorders(log: Sequence[bytes], first: int, last: int, rng: Random) -> list[bytes]:
    """Sends them in any order."""
    found = honest(log, first, last, rng)
    return rng.sample(found, len(found))


def repeats(log: Sequence[bytes], first: int, last: int, rng: Random) -> list[bytes]:
    """Sends everything three times, and what came before as well."""
    return honest(log, 1, last, rng) * 3


def forges(log: Sequence[bytes], first: int, last: int, rng: Random) -> list[bytes]:
    """Sends a changed copy before and after each entry."""
    found = []
    for entry in honest(log, first, last, rng):
        copy = entry[:HEAD_BYTES] + b"buy my coins" + entry[-SIGNATURE_BYTES:]
        found += [copy, entry, copy]
    return found


def liars(forker: SecretKey) -> dict[str, Peer]:
    """All kinds of peers, by what they do; the last one has the author's key."""

    def forks(log: Sequence[bytes], first: int, last: int, rng: Random) -> list[bytes]:
        other = sealed(forker, link(log[: last - 1]), last, b"I never said that")
        return [*honest(log, first, last, rng), other]

    return {
        "honest": honest,
        "omits": omits,
        "reorders": reorders,
        "repeats": repeats,
        "forges": forges,
        "forks": forks,
    }


def fetched(
    author: PublicKey, whole: Sequence[bytes], peer: Peer, missing: Missing, accept: Accept, rng: Random
) -> tuple[list[bytes], int, tuple[bytes, bytes] | None]:
    """What a reader that has nothing gets of a log from one peer.

    Args:
        author: of the log.
        whole: what the peer has.
        peer: what it sends.
        missing: what the reader asks for.
        accept: what the reader believes.
        rng: for the peer.

    Returns:
        The reader's log, how many entries were sent, and the fork if there was one.
    """
    log: list[bytes] = []
    sent = 0
    for _ in range(MOST_REQUESTS):
        wanted = missing({author.raw: len(log)}, {author.raw: len(whole)})
        if not wanted:
            break
        [(_, first, last)] = wanted
        entries = peer(whole, first, last, rng)
        sent += len(entries)
        log, fork = accept(author, log, entries)
        if fork:
            return log, sent, fork
    return log, sent, None
