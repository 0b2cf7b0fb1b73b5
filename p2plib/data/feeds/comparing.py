"""The differences between the kinds of feed, found out by running all three.

Each function here writes feeds, hands parcels to readers, and reports what happened. Nothing is computed
from a formula: what the book says of bytes was counted on parcels that a reader took.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from p2plib.data.feeds.interface import ReplicatedFeed
from p2plib.data.feeds.kinds import KINDS, ChainFeed, TreeFeed, replicas
from p2plib.errors import Forked, NotFound, RemoteError, UsageError
from p2plib.identity.keys import SecretKey

WRITER = SecretKey.from_seed(bytes([7]) * 32)


@dataclass(frozen=True, slots=True)
class FeedCosts:
    """What one kind costs on the wire.

    Args:
        kind: which.
        next_bytes: the parcel of the last entry, for a reader that has all before it.
        alone_bytes: everything that a reader with nothing must take before it holds the last entry.
        whole_bytes: all parcels. Those of a tree are made for readers with nothing; hypercore's own exchange
            leaves out the nodes that a reader has.
    """

    kind: str
    next_bytes: int
    alone_bytes: int
    whole_bytes: int


def content(number: int, size_bytes: int) -> bytes:
    """The content of an entry in these comparisons: its number, filled up with dots."""
    return b"%d" % number + b"." * (size_bytes - len(b"%d" % number))


def written(kind: str, entries: int, content_bytes: int) -> tuple[ReplicatedFeed, ReplicatedFeed]:
    """A writer's replica with this many entries, and a reader's empty one."""
    feed, reader = replicas(kind, WRITER)
    for number in range(1, entries + 1):
        feed.append(content(number, content_bytes))
    return feed, reader


def parcels_until_held(feed: ReplicatedFeed, reader: ReplicatedFeed, number: int) -> int:
    """Hands a reader as few parcels as it takes to hold one entry: that one, or else all before it too.

    Returns:
        How many bytes those were.
    """
    only = feed.parcel(number)
    try:
        reader.receive(only)
        return len(only)
    except RemoteError:
        needed = [feed.parcel(each) for each in range(len(reader) + 1, number + 1)]
        for parcel in needed:
            reader.receive(parcel)
        return sum(map(len, needed))


def costs(kind: str, entries: int, content_bytes: int = 64) -> FeedCosts:
    """What one kind costs in bytes for a feed of this many entries."""
    feed, reader = written(kind, entries, content_bytes)
    alone = parcels_until_held(feed, reader, entries)
    assert content(entries, content_bytes) in list(reader.contents(1))[-1:]
    parcels = [len(feed.parcel(number)) for number in range(1, entries + 1)]
    return FeedCosts(kind, parcels[-1], alone, sum(parcels))


def fork_seen(kind: str) -> str:
    """What a reader says on getting two different second entries of one writer, from two copies of its key.

    Returns:
        The name of the error, and how many bytes of evidence it carries.
    """
    one, reader = written(kind, 1, 8)
    two, _ = written(kind, 1, 8)
    one.append(b"to ana")
    two.append(b"to ben")
    for number in (1, 2):
        reader.receive(one.parcel(number))
    try:
        reader.receive(two.parcel(2))
    except Forked as error:
        return f"Forked, with {len(error.proof)} bytes"
    except RemoteError as error:
        return type(error).__name__
    return "nothing"


def after_deletion(kind: str) -> str:
    """What becomes of the others when entry 2 of 3 is deleted, and a new reader comes."""
    feed, reader = written(kind, 3, 8)
    if isinstance(feed, ChainFeed):
        feed.log.erase(2)
    elif isinstance(feed, TreeFeed):
        feed.core.clear(1)
    else:
        return "impossible: later ones need it"
    taken = []
    for number in (1, 2, 3):
        try:
            reader.receive(feed.parcel(number))
            taken.append(str(number))
        except (NotFound, RemoteError):
            continue
    return f"a new reader takes {' and '.join(taken)}"


def who_writes(kind: str) -> str:
    """Whose entries the writer's own replica takes: a reader tries to add one."""
    feed, reader = written(kind, 1, 8)
    reader.receive(feed.parcel(1))
    try:
        reader.append(b"from a reader")
    except UsageError:
        return "one key"
    feed.receive(reader.parcel(2))
    return "anybody"


def needed_to_believe(kind: str, number: int) -> str:
    """What a reader with nothing must take before it holds one entry of a feed."""
    feed, reader = written(kind, number, 8)
    needed = parcels_until_held(feed, reader, number)
    return "that entry alone" if needed == len(feed.parcel(number)) else "all entries before it"


def differences(number: int = 20) -> dict[str, dict[str, str]]:
    """The answers of all kinds to the questions that one would ask before choosing, found out by trying.

    Args:
        number: of the entry that a reader wants to believe.

    Returns:
        For each question the answer of each kind.
    """
    tries: dict[str, Callable[[str], str]] = {
        "who can write": who_writes,
        "to believe an entry": lambda kind: needed_to_believe(kind, number),
        "two in one place": fork_seen,
        "entry 2 of 3 deleted": after_deletion,
    }
    return {question: {kind: find(kind) for kind in KINDS} for question, find in tries.items()}


def compare(entries: int = 1000, content_bytes: int = 64) -> list[FeedCosts]:
    """The costs of all kinds."""
    return [costs(kind, entries, content_bytes) for kind in KINDS]
