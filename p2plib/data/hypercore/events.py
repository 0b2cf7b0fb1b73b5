"""What happens in a replication: events, and what is counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FeedOpened:
    """Event: the other peer has the same feed, or wants it, and has proved that it knows its key."""


@dataclass(frozen=True, slots=True)
class RemoteLength:
    """Event: the other peer says that the feed is longer than it said before.

    Args:
        length: how many blocks. Nothing proves it yet.
    """

    length: int


@dataclass(frozen=True, slots=True)
class BlockStored:
    """Event: a block came, proved itself, and is kept.

    Args:
        block: its number.
    """

    block: int


@dataclass(frozen=True, slots=True)
class BlockRefused:
    """Event: a block that we had asked for will not come from this peer. Others are to be asked.

    Args:
        block: its number.
    """

    block: int


@dataclass(frozen=True, slots=True)
class FeedClosed:
    """Event: one of the two has said that there is nothing more about this feed."""


ReplicationEvent = FeedOpened | RemoteLength | BlockStored | BlockRefused | FeedClosed


@dataclass(slots=True)
class ReplicationStats:
    """What was counted in one replication.

    Args:
        sent_blocks: blocks that we sent.
        received_blocks: blocks that came and were kept.
        unasked: blocks that came and were not asked for.
        refused: requests for what we do not have.
        skipped: messages about other feeds, of extensions, or of unknown types.
    """

    sent_blocks: int = 0
    received_blocks: int = 0
    unasked: int = 0
    refused: int = 0
    skipped: int = 0
