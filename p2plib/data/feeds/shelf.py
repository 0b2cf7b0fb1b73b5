"""FeedShelf: the logs of many authors in one store, and a bell that rings when one of them grows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic

from p2plib.data.log.feed import Added, Feed
from p2plib.data.log.formats import C, E, LogFormat
from p2plib.data.stores.interfaces import OrderedStore
from p2plib.errors import NotFound, UsageError
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.protocol.buffers import Bell

MAX_FEEDS = 65_536  # a log that is followed costs memory here, even while it is empty


class FeedShelf(Generic[E, C]):
    """The logs that a peer keeps. Only what is followed is kept: a stranger can put nothing here.

    Args:
        store: where they are.
        entry_format: the format of all of them.
        max_feeds: how many may be followed.
    """

    def __init__(
        self, store: OrderedStore, entry_format: LogFormat[E, C], *, max_feeds: int = MAX_FEEDS
    ) -> None:
        self._store = store
        self._format = entry_format
        self._max_feeds = max_feeds
        self._feeds: dict[PublicKey, Feed[E, C]] = {}
        self._grown = Bell()

    def follow(self, author: PublicKey) -> Feed[E, C]:
        """The log of an author, which is kept from now on.

        Raises:
            UsageError: too many are followed.
            StoreCorrupt: the store holds no whole log of this author.
        """
        if author not in self._feeds:
            if len(self._feeds) >= self._max_feeds:
                raise UsageError(f"at most {self._max_feeds} logs are followed at a time")
            self._feeds[author] = Feed(self._store, author, self._format)
        return self._feeds[author]

    def feed(self, author: PublicKey) -> Feed[E, C]:
        """The log of an author that is followed.

        Raises:
            NotFound: it is not.
        """
        if author not in self._feeds:
            raise NotFound(f"the log of {author!r} is not kept here")
        return self._feeds[author]

    def authors(self) -> tuple[PublicKey, ...]:
        """Whose logs are followed."""
        return tuple(self._feeds)

    def take(self, author: PublicKey, raw: bytes) -> Added:
        """Takes in an entry of a log that is followed.

        Raises:
            NotFound: the log is not followed.
            InvalidEntry: the entry breaks a rule, or others are missing before it.
            Forked: it contradicts an entry that is there.
        """
        added = self.feed(author).add(raw)
        if added is Added.NEW:
            self.ring()
        return added

    def extend(self, author: PublicKey, raws: Iterable[bytes]) -> int:
        """Takes in many entries of a log that is followed, in their order; those before a bad one stay.

        Returns:
            How many were new.

        Raises:
            NotFound: the log is not followed.
            InvalidEntry: one breaks a rule, or others are missing before it.
            Forked: one contradicts an entry that is there.
        """
        feed = self.feed(author)
        before = len(feed)
        try:
            return feed.extend(raws)
        finally:
            if len(feed) != before:
                self.ring()

    def write(self, secret: SecretKey, content: C, timestamp_ms: int) -> E:
        """Appends to our own log, for a peer that was never restored from an old copy. For one that may have
        been, there is `p2plib.data.log.writer`.

        Raises:
            UsageError: others would refuse such an entry.
        """
        feed = self.follow(secret.public)
        entry = self._format.create(secret, feed.head, content, timestamp_ms)
        feed.add(entry.raw)
        self.ring()
        return entry

    def ring(self) -> None:
        """Wakes whatever waits for a log to grow; call it after one has grown in some other way."""
        self._grown.ring()

    async def wait(self) -> None:
        """Waits until one of the logs has grown."""
        await self._grown.wait()
