"""The author's side of a log: appending so that no accident ever signs two entries with one number.

A log lives in files, and files are copied. Somebody restores last month's backup, or clones a machine while
it runs, and the next append signs a number that was used already: a fork, for good, by an honest author. So
the writer of a log keeps **marks** outside of the log's own store, and asks the network before it writes
whenever it cannot be sure that its copy is the newest.

Rules
    1. Each time a writer becomes sure it draws a token, and writes it into the marks and into the log's
       store; with it, into the marks alone, how long the log is. A store without the token that the marks
       have was copied, restored, or opened elsewhere since: the writer is *unsure*. A key that is not new
       (`new_key`) and has no marks leaves it unsure, too: its log may be out there already.
    2. Each append first writes the whole signed entry into the marks, then into the log. After a crash
       between the two, the next opening appends the same bytes: there is no second version.
    3. If the marks are further on than the log, the log is an old copy, and the writer unsure.
    4. An unsure writer does not append: it raises `WouldFork`. It becomes sure when `witnesses` different
       peers have shown the last entry of this log that they have (`hear`), and the log has caught up with the
       highest of those and with the marks (`recover`).
    5. A peer shows the entry itself, so nobody can invent a high number to keep a writer from writing. It can
       hide what it has; therefore several witnesses.
    6. A sure writer that is shown an entry it never wrote has a twin: a clone of this device writes, too. It
       stops, for its owner to decide. If both have written, the two entries are a proof of the fork.
    7. A restart makes nobody sure. A restored log, and one that has a twin, lose their token, so that they
       open unsure until they have signed in again.

What this cannot do. If the log and the marks are restored together, they agree, and nothing here notices:
keep marks out of backups, or open with `restored=True` afterwards. With too few peers in reach an unsure
writer waits. Whoever received an entry is the only one that knows that it was published.

Vocabulary::

    marks     an ordered store that no backup of the log contains
    token     16 random bytes
    witness   a peer that shows how far it has our log, by a name that it has proved, such as its key's id
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Generic

from p2plib.data.log.feed import Feed
from p2plib.data.log.formats import C, E
from p2plib.data.stores.interfaces import OrderedStore, Put
from p2plib.errors import Forked, InvalidEntry, NotFound, UsageError, WouldFork
from p2plib.identity.keys import SecretKey

TOKEN_BYTES = 16
WITNESSES = 2  # one may be behind, or hide what it has

_TWIN = (
    "after a restore, open the log with restored=True; if this device was cloned, stop one of the two, "
    "and go on under a new key"
)


class WriterState(enum.Enum):
    """Whether a writer may append."""

    SURE = "sure"
    UNSURE = "unsure"
    STOPPED = "stopped"


class Writer(Generic[E, C]):
    """The one that appends to a log. There must be one at a time; this class notices when there was another.

    Args:
        feed: our log.
        store: the store that the log is kept in.
        secret: the key of the log's author.
        marks: another store, which backups leave out.
        random: gives that many random bytes.
        witnesses: how many peers must have shown what they have before an unsure writer appends.
        new_key: whether the key was made just now, so that nobody can have entries of it.
        restored: whether log and marks may both have been brought back from a backup.

    Raises:
        UsageError: the key is not the author's.
        Forked: the log has a fork already.
    """

    def __init__(
        self,
        feed: Feed[E, C],
        store: OrderedStore,
        secret: SecretKey,
        marks: OrderedStore,
        *,
        random: Callable[[int], bytes],
        witnesses: int = WITNESSES,
        new_key: bool = False,
        restored: bool = False,
    ) -> None:
        if secret.public != feed.author:
            raise UsageError("a log is written with its author's key")
        if feed.fork is not None:
            raise Forked("our own log forks, and nothing can be appended to it", feed.fork.raw)
        self.feed = feed
        self.witnesses = witnesses
        self.state = WriterState.SURE
        self.why = ""
        self._secret = secret
        self._store, self._marks = store, marks
        self._random = random
        self._key = b"writer/" + feed.author.raw
        self._heard: set[str] = set()
        self._need = 0
        self._token = b""
        self._open(new_key, restored)

    def append(self, content: C, *, timestamp_ms: int) -> E:
        """Sign the next entry and keep it; when this returns, it may be published.

        Args:
            content: what the log's format takes.
            timestamp_ms: the time that the entry gives, in milliseconds since 1970.

        Raises:
            WouldFork: the writer is unsure, or has stopped; the sentence says what to do.
            UsageError: the format has no such content.
            StoreFull: the log could not be written. If the entry was signed already, the next opening appends
                it.
        """
        if self.state is not WriterState.STOPPED and self.feed.fork is not None:
            self._stop(f"somebody has proved that our own log forks at entry {self.feed.fork.sequence}")
        if self.state is WriterState.SURE and not self._is_ours():
            self._stop("another writer has opened this log since")
        if self.state is WriterState.SURE and len(self.feed) < self._need:
            self._doubt(f"entry {self._need} is signed and not stored: open the log again")
        if self.state is not WriterState.SURE:
            raise WouldFork(self.why)
        entry = self.feed.format.create(self._secret, self.feed.head, content, timestamp_ms)
        self._marks.write((Put(self._key + b"/entry", entry.raw),), durable=True)
        self._need = entry.sequence
        self.feed.add(entry.raw)
        return entry

    def hear(self, witness: str, last: bytes | None) -> WriterState:
        """A peer shows the last entry of our log that it has. Worth asking at every meeting, sure or not.

        Args:
            witness: the peer, by a name that it has proved.
            last: the entry as received, any size; None if the peer says that it has none.

        Returns:
            The state from now on.

        Raises:
            InvalidEntry: what it shows is no entry of ours; it counts for nothing.
            Forked: it is another entry than ours with its number; the writer has stopped.
        """
        if last is not None:
            entry = self.feed.parse(last)
            self.feed.format.verify(entry)
            if entry.sequence <= len(self.feed):
                self._take((last,))
            elif self.state is WriterState.SURE:
                self._forget_token()
                self._stop(f"{witness} has entry {entry.sequence} of ours, which we never wrote; {_TWIN}")
            self._need = max(self._need, entry.sequence)
        if self.state is WriterState.UNSURE and len(self._heard) < self.witnesses:
            self._heard.add(witness)
        self._reconsider()
        return self.state

    def recover(self, raws: Iterable[bytes]) -> int:
        """Take in entries of our own log that a peer still has and we have not.

        Args:
            raws: as received, in the order of their numbers.

        Returns:
            How many were new to us.

        Raises:
            InvalidEntry: one is not ours, or breaks a rule.
            Forked: one contradicts what we have; the writer has stopped.
        """
        before, found = len(self.feed), 0
        try:
            found = self._take(raws)
        finally:
            if len(self.feed) > before and self.state is WriterState.SURE:
                self._forget_token()
                self._stop(f"entries from {before + 1} on are signed by us, and not by this device; {_TWIN}")
        self._reconsider()
        return found

    # How sure we are

    def _open(self, new_key: bool, restored: bool) -> None:
        self._need = int.from_bytes(self._get(self._marks, b"/length") or b"", "big")
        self._redo()
        tokens = self._marked()
        ours = self._get(self._store, b"/token")
        if restored:
            self._forget_token()
            self._doubt("this log was restored: let peers show how far they have it")
        elif tokens and ours not in tokens:
            self._doubt("this copy of the log was not the last to be written: let peers show what they have")
        elif not tokens and not (new_key and ours is None and not len(self.feed)):
            self._doubt("there are no marks of this log here: let peers show how far they have it")
        if len(self.feed) < self._need:
            self._doubt(f"we have signed entry {self._need}, and this copy ends at {len(self.feed)}")
        if self.state is WriterState.SURE:
            self._sign_in()

    def _redo(self) -> None:
        """Appends what a crash has left in the marks alone, or notes how far the log should reach."""
        raw = self._get(self._marks, b"/entry")
        if raw is None:
            return
        entry = self.feed.parse(raw)
        self._need = max(self._need, entry.sequence)
        if entry.sequence <= len(self.feed) + 1:
            try:
                self._take((raw,))
            except InvalidEntry as error:
                self._doubt(f"what we signed last does not follow this copy of the log: {error.reason}")

    def _marked(self) -> tuple[bytes, ...]:
        """The tokens that a log of ours may have: of the last time, and of the one before if a crash came
        between the two writes of `_sign_in`."""
        stored = self._get(self._marks, b"/tokens") or b""
        return tuple(stored[at : at + TOKEN_BYTES] for at in range(0, len(stored), TOKEN_BYTES))

    def _sign_in(self) -> None:
        self._heard.clear()
        before = self._get(self._store, b"/token") or b""
        self._token = self._random(TOKEN_BYTES)
        length = len(self.feed).to_bytes(8, "big")
        marked = Put(self._key + b"/tokens", self._token + before), Put(self._key + b"/length", length)
        self._marks.write(marked, durable=True)
        self._store.write((Put(self._key + b"/token", self._token),), durable=True)

    def _forget_token(self) -> None:
        """Makes the next opening unsure as well (rule 7)."""
        self._store.write((Put(self._key + b"/token", b""),), durable=True)

    def _is_ours(self) -> bool:
        return self._get(self._store, b"/token") == self._token and self._marked()[:1] == (self._token,)

    def _take(self, raws: Iterable[bytes]) -> int:
        try:
            return self.feed.extend(raws)
        except Forked as error:
            self._stop(str(error))
            raise

    def _get(self, store: OrderedStore, name: bytes) -> bytes | None:
        try:
            return store.get(self._key + name)
        except NotFound:
            return None

    def _doubt(self, why: str) -> None:
        if self.state is not WriterState.STOPPED:
            self.state, self.why = WriterState.UNSURE, why

    def _stop(self, why: str) -> None:
        self.state, self.why = WriterState.STOPPED, why

    def _reconsider(self) -> None:
        if self.state is not WriterState.UNSURE:
            return
        if len(self._heard) >= self.witnesses and len(self.feed) >= self._need:
            self.state, self.why = WriterState.SURE, ""
            self._sign_in()
