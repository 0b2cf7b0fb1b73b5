"""A log whose contents can be forgotten: headers in a chain that stays, contents beside it that may go.

The headers are a `Feed` of `p2plib.data.log.entry`. This class keeps the contents, each checked against the
hash that its author signed, and follows the author's requests to erase.

Rules
    1. A content is taken only if its header is in the log and has its hash and size.
    2. An entry that `erases` another asks every replica to forget that one's content. Whoever takes in the
       header forgets, and from then on refuses the content, whoever sends it: replication does not bring it
       back. `erase` does the same on this replica alone.
    3. Headers come first and contents after them. So a new replica knows what was erased before it could
       ask for it, and `wanted` does not name it.
    4. What was erased stays so, through restarts and crashes: a mark is written in the same batch in which
       the content is deleted.

What this cannot do: make a stranger forget. A replica that ignores the request keeps what it has, and can
prove what it was, for its salt and content still have the signed hash. Erasing is asked for, and those who
follow these rules comply.

Keys in the store, each after "content/" and the author's 32 bytes::

    p ‖ sequence (8 bytes)   the payload: salt ‖ content
    x ‖ sequence (8 bytes)   nothing: this content was erased
    a                        the number (8 bytes) up to which requests to erase have been followed
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from p2plib.data.log import entry
from p2plib.data.log.entry import SALT_BYTES, HashedContent, HashedEntry
from p2plib.data.log.feed import BATCH_ENTRIES, ErasedEntry, Feed
from p2plib.data.log.writer import Writer
from p2plib.data.stores.interfaces import Change, Delete, OrderedStore, Put
from p2plib.errors import InvalidEntry, NotFound

HeaderFeed = Feed[HashedEntry, HashedContent]


class ErasableLog:
    """One author's headers with their contents.

    Args:
        feed: the headers.
        store: where the contents are kept; it may be the feed's own.
    """

    def __init__(self, feed: HeaderFeed, store: OrderedStore) -> None:
        self.feed = feed
        self._store = store
        self._prefix = b"content/" + feed.author.raw
        self._follow()

    def extend(self, raws: Iterable[bytes]) -> int:
        """Take in headers, and follow the requests to erase among them.

        Args:
            raws: as received, in the order of their numbers.

        Returns:
            How many were new.

        Raises:
            InvalidEntry: as `Feed.extend`.
            Forked: as `Feed.extend`.
        """
        try:
            return self.feed.extend(raws)
        finally:
            self._follow()

    def append(
        self,
        writer: Writer[HashedEntry, HashedContent],
        content: bytes,
        *,
        timestamp_ms: int,
        random: Callable[[int], bytes],
        erases: int = 0,
    ) -> HashedEntry:
        """Say something in our own log.

        Args:
            writer: of the same feed.
            content: any bytes.
            timestamp_ms: the time that the entry gives, in milliseconds since 1970.
            random: gives that many random bytes, for the salt.
            erases: the number of an entry whose content all replicas are asked to forget; 0 for none.

        Raises:
            WouldFork: as `Writer.append`.
            UsageError: the content is too large, or there is no such earlier entry.
        """
        payload = entry.payload(content, random(SALT_BYTES))
        # First what the header will vouch for, then the header. What a crash leaves alone, `_follow` removes.
        self._store.write((Put(self._key(b"p", len(self.feed) + 1), payload),))
        made = writer.append(HashedContent(payload, erases), timestamp_ms=timestamp_ms)
        self._follow()
        return made

    def content(self, sequence: int) -> bytes:
        """What an entry says.

        Raises:
            NotFound: there is no such entry, its content is not here, or it was erased.
        """
        return self.payload(sequence)[SALT_BYTES:]

    def payload(self, sequence: int) -> bytes:
        """Salt and content of an entry, to be passed on.

        Raises:
            NotFound: as `content`.
        """
        self.feed.id_at(sequence)
        if self.is_erased(sequence):
            raise NotFound(f"the content of entry {sequence} was erased")
        return self._store.get(self._key(b"p", sequence))

    def is_erased(self, sequence: int) -> bool:
        """Whether the content of an entry was erased, and will not be taken again."""
        return self._has(self._key(b"x", sequence))

    def offer(self, sequence: int, payload: bytes) -> bool:
        """Take in a content that a peer sent.

        Args:
            sequence: of which entry.
            payload: salt and content as received; any size.

        Returns:
            Whether it is here now; False if that content was erased.

        Raises:
            InvalidEntry: it is not what the author signed for.
            NotFound: the entry's header is not here.
        """
        header = self.feed.entry(sequence)
        if not header.has_payload(payload):
            raise InvalidEntry(f"content: not what the author signed in entry {sequence}")
        if self.is_erased(sequence):
            return False
        self._store.write((Put(self._key(b"p", sequence), payload),))
        return True

    def wanted(self) -> Iterator[int]:
        """The numbers of the entries whose contents are neither here nor erased, rising."""
        for sequence in range(1, len(self.feed) + 1):
            if not self._has(self._key(b"p", sequence)) and not self.is_erased(sequence):
                yield sequence

    def erase(self, sequence: int) -> None:
        """Forget a content on this replica alone. Repeating it does nothing.

        Raises:
            NotFound: there is no such entry.
        """
        self.feed.id_at(sequence)
        self._store.write(self._forgetting(sequence))

    # Requests of the author

    def _follow(self) -> None:
        """Forgets what the entries that are new since the last time ask to be forgotten."""
        done = int.from_bytes(self._get(self._prefix + b"a"), "big")
        batch: list[Change] = []
        for each in self.feed.entries(done + 1):
            if isinstance(each, ErasedEntry):
                continue
            payload = self._get(self._key(b"p", each.sequence))
            if payload and not each.has_payload(payload):
                batch.append(Delete(self._key(b"p", each.sequence)))
            if each.erases:
                batch += self._forgetting(each.erases)
            if len(batch) >= BATCH_ENTRIES:
                self._store.write((*batch, self._followed(each.sequence)))
                batch = []
        if len(self.feed) > done:
            self._store.write((*batch, self._followed(len(self.feed))))

    def _followed(self, sequence: int) -> Change:
        return Put(self._prefix + b"a", sequence.to_bytes(8, "big"))

    def _forgetting(self, sequence: int) -> list[Change]:
        return [Delete(self._key(b"p", sequence)), Put(self._key(b"x", sequence), b"")]

    def _key(self, kind: bytes, sequence: int) -> bytes:
        return self._prefix + kind + sequence.to_bytes(8, "big")

    def _has(self, key: bytes) -> bool:
        return any(found == key for found, _ in self._store.scan(key, key + b"\0", limit=1))

    def _get(self, key: bytes) -> bytes:
        try:
            return self._store.get(key)
        except NotFound:
            return b""
