"""Announce: what a peer says to a tracker and what it hears, whatever carries it. Values.

Specification: BEP 3 (what an announce says), BEP 48 (what a scrape says). HTTP, UDP and WebSocket put the
same values into different bytes; their codecs are `http_messages`, `udp_messages` and `offers`.

Vocabulary::

    info_hash   which swarm: 20 bytes, a topic of `p2plib.discovery.source`
    peer_id     20 bytes that a peer draws when it starts
    seeder      a peer that has everything: nothing is left
    leecher     one that still lacks something
    numwant     how many other peers to name, at most
    interval    after how many seconds the tracker wants to hear from us again
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from p2plib.errors import UsageError
from p2plib.machine.addresses import MAX_PORT, Address

HASH_BYTES = PEER_ID_BYTES = 20
DEFAULT_NUMWANT = 50  # BEP 3
MAX_NUMWANT = (
    200  # 200 IPv4 peers and a header are 1,220 bytes: a response that passes everywhere as one packet
)
MAX_SCRAPED = 74  # BEP 15: about as many hashes fit into one packet
DEFAULT_INTERVAL_S = 1800  # half an hour, as most trackers have it
# A tracker that says 0 would have us ask without pause, and one that says a year would have us vanish.
MIN_INTERVAL_S, MAX_INTERVAL_S = 60, 2 * 3600
UNKNOWN_LEFT = 2**63 - 1  # what a peer says that does not yet know how much there is
MAX_SENTENCE_BYTES = 512  # of a failure or a warning


class Event(IntEnum):
    """Why a peer announces; the numbers are those of BEP 15."""

    UPDATE = 0  # the interval is over: still here
    COMPLETED = 1
    STARTED = 2
    STOPPED = 3


@dataclass(slots=True)
class Announce:
    """A peer says that it is in a swarm, or that it is not any more.

    Args:
        info_hash: which swarm, 20 bytes.
        peer_id: 20 bytes.
        port: where it listens, 1 to 65535; its host is the one that the tracker sees.
        left: how many bytes it still lacks; 0 makes it a seeder.
        uploaded: how many bytes it has sent to others since it started, as it says.
        downloaded: how many it has received.
        event: why it says so.
        numwant: how many peers it wants to hear of, at most; None for the tracker's default.
        key: 32 random bits by which a tracker may know a peer again whose host has changed.
    """

    info_hash: bytes
    peer_id: bytes
    port: int
    left: int = UNKNOWN_LEFT
    uploaded: int = 0
    downloaded: int = 0
    event: Event = Event.UPDATE
    numwant: int | None = None
    key: int = 0


@dataclass(slots=True)
class Announced:
    """What a tracker responds to an announce.

    Args:
        interval_s: when to announce again, in seconds, as the tracker says it; see `clamped`.
        seeders: how many peers have everything.
        leechers: how many lack something.
        peers: some of them; what may be believed of that is decided by `p2plib.discovery.tracker.client`.
        min_interval_s: never announce more often than this; 0 if it was not said.
        own_host: where the tracker sees us (BEP 24); "" if it was not said.
        warning: a sentence for people; "" if there is none.
    """

    interval_s: int
    seeders: int
    leechers: int
    peers: tuple[Address, ...] = ()
    min_interval_s: int = 0
    own_host: str = ""
    warning: str = ""


@dataclass(slots=True)
class TrackerFailure:
    """A tracker refuses.

    Args:
        sentence: why, for people.
    """

    sentence: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What a scrape says of one swarm.

    Args:
        seeders: how many peers have everything.
        completed: how often somebody has said that they had just got everything.
        leechers: how many peers lack something.
    """

    seeders: int = 0
    completed: int = 0
    leechers: int = 0


@dataclass(slots=True)
class Scrape:
    """A question for the counts of swarms, without becoming part of them.

    Args:
        info_hashes: which swarms, 20 bytes each.
    """

    info_hashes: tuple[bytes, ...] = field(default_factory=tuple)


def clamped(interval_s: int, min_interval_s: int = 0) -> int:
    """After how many seconds to announce again, whatever a tracker says."""
    return max(MIN_INTERVAL_S, min(MAX_INTERVAL_S, max(interval_s, min_interval_s)))


def checked_announce(announce: Announce) -> Announce:
    """The announce, if it can be sent.

    Raises:
        UsageError: a hash or an id is not 20 bytes, or a number is outside of its range.
    """
    for name, raw in (("an info_hash", announce.info_hash), ("a peer_id", announce.peer_id)):
        if len(raw) != HASH_BYTES:
            raise UsageError(f"{name} is {HASH_BYTES} bytes, and this has {len(raw)}")
    if not 1 <= announce.port <= MAX_PORT:
        raise UsageError(f"a port is 1 to {MAX_PORT}, not {announce.port}")
    for name, number in (
        ("left", announce.left), ("uploaded", announce.uploaded), ("downloaded", announce.downloaded),
    ):  # fmt: skip
        if not 0 <= number < 2**63:
            raise UsageError(f"{name} is a number of bytes from 0 to 2**63 - 1, not {number}")
    if announce.numwant is not None and not 0 <= announce.numwant < 2**31:
        raise UsageError(f"numwant is 0 to 2**31 - 1, or None, not {announce.numwant}")
    if not 0 <= announce.key < 2**32:
        raise UsageError(f"a key is 32 bits, not {announce.key:#x}")
    return announce


def checked_hashes(info_hashes: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The hashes, if they can be asked for in one scrape.

    Raises:
        UsageError: there are none or more than `MAX_SCRAPED`, or one is not 20 bytes.
    """
    if not 1 <= len(info_hashes) <= MAX_SCRAPED:
        raise UsageError(f"a scrape asks for 1 to {MAX_SCRAPED} hashes, not {len(info_hashes)}")
    for raw in info_hashes:
        if len(raw) != HASH_BYTES:
            raise UsageError(f"an info_hash is {HASH_BYTES} bytes, and this has {len(raw)}")
    return info_hashes
