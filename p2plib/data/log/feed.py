"""A log kept in a store: it takes in what its author signed, in order, once, and stops at a fork.

The store is any `p2plib.data.stores.interfaces.OrderedStore`. Several logs may share one, but each has one
`Feed` at a time: a second one that writes is noticed by the first, which then refuses to go on. Opening reads
three keys, however long the log is, and nothing but the head is held in memory.

Rules
    1. An entry is taken if it is the next one (`p2plib.data.log.formats`) and signed by the author. One that
       is there already changes nothing, from however many peers it comes. One further on is refused as a gap:
       `p2plib.data.log.intake` keeps such entries for their turn.
    2. What was taken was verified, and is not verified again. An entry and the new head are written in one
       batch, so a crash leaves the one log or the other, never half an entry.
    3. Two signed entries that contradict each other freeze the log at the fork: it raises `Forked` with the
       proof, and from then on ends below the fork and takes nothing more. A proof from elsewhere does the
       same (`freeze`), and a proof of an earlier fork cuts further.
    4. What does not read, is not there or is not signed any more is the store's fault and raises
       `StoreCorrupt`: a flipped bit on our disk accuses neither the author nor a peer.
    5. `erase` forgets an entry's bytes and keeps its id. The log still verifies for its owner, who checked
       the entry when it came; nobody else can check it any more, so it is not passed on. What was erased does
       not come back when a peer sends it again.

Keys in the store, each after "log/" and the author's 32 bytes::

    e ‖ sequence (8 bytes)   1 ‖ raw of an entry, or 0 ‖ id of an erased one
    i ‖ id                   sequence (8 bytes)
    h                        sequence (8 bytes) ‖ id of the head
    f                        the proof of a fork
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic

from p2plib.data.log import forks
from p2plib.data.log.forks import ForkProof
from p2plib.data.log.formats import MAX_SEQUENCE, C, E, Head, LogFormat, head_of, need_place
from p2plib.data.stores.interfaces import Change, OrderedStore, Put
from p2plib.errors import Forked, InvalidEntry, NotFound, StoreCorrupt, UsageError
from p2plib.identity.keys import PublicKey

BATCH_ENTRIES = 256  # entries that `extend` holds before it writes them
_ERASED, _WHOLE = b"\0", b"\1"


class Added(enum.Enum):
    """What became of an entry that was offered."""

    NEW = "new"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class ErasedEntry:
    """The place of an entry whose bytes were erased.

    Args:
        sequence: its number.
        id: its id, which the next entry names.
    """

    sequence: int
    id: str


class Feed(Generic[E, C]):
    """One author's log.

    Args:
        store: where it is kept, or goes on from.
        author: whose log it is.
        entry_format: the format of its entries.

    Raises:
        StoreCorrupt: the store's index and its entries do not fit together.
    """

    def __init__(self, store: OrderedStore, author: PublicKey, entry_format: LogFormat[E, C]) -> None:
        self.author = author
        self.format = entry_format
        self._store = store
        self._prefix = b"log/" + author.raw
        self._fork = self._load_fork()
        self._head = self._load_head()

    @property
    def head(self) -> Head | None:
        """The last entry; None of an empty log."""
        return self._head

    @property
    def fork(self) -> ForkProof | None:
        """The proof that the author forked; None while nobody has shown one."""
        return self._fork

    def __len__(self) -> int:
        return self._head.sequence if self._head else 0

    def entry(self, sequence: int) -> E:
        """The entry with a number.

        Raises:
            NotFound: there is none yet, it was erased, or it is not below a fork.
            StoreCorrupt: what is stored does not read.
        """
        found = self._at(sequence)
        if isinstance(found, ErasedEntry):
            raise NotFound(f"entry {sequence} was erased")
        return found

    def id_at(self, sequence: int) -> str:
        """The id of the entry with a number, erased or not.

        Raises:
            NotFound: there is none yet, or it is not below a fork.
            StoreCorrupt: what is stored does not read.
        """
        return self._at(sequence).id

    def sequence_of(self, entry_id: str) -> int:
        """The number of the entry with an id.

        Raises:
            NotFound: the log has no such entry.
        """
        key = self._prefix + b"i" + entry_id.encode("utf-8", "surrogatepass")
        sequence = int.from_bytes(self._store.get(key), "big")
        if sequence > len(self):
            raise NotFound(f"entry {sequence}: the log ends at {len(self)}")
        return sequence

    def entries(self, start: int = 1, end: int | None = None) -> Iterator[E | ErasedEntry]:
        """Walk the log in order, as it was when the walk began.

        Args:
            start: the first number that counts.
            end: the first that no longer counts; None for no end.

        Raises:
            StoreCorrupt: an entry is missing in the store, or does not read.
        """
        following, last = max(start, 1), len(self) if end is None else min(end - 1, len(self))
        if following > last:
            return
        for key, stored in self._store.scan(self._entry_key(following), self._entry_key(last + 1)):
            if key != self._entry_key(following):
                break
            yield self._read(following, stored)
            following += 1
        if following <= last:
            raise StoreCorrupt(f"entry {following} of {last} is not in the store", "the log")

    def parse(self, raw: bytes) -> E:
        """The entry in these bytes, if by its form it could be one of this log's.

        Args:
            raw: as received; any size.

        Raises:
            InvalidEntry: it breaks a rule of form, or is another author's.
        """
        if len(raw) > self.format.max_bytes:
            raise InvalidEntry(f"size: {len(raw)} bytes, where {self.format.max_bytes} is the most")
        entry = self.format.parse(raw)
        if entry.author != self.author:
            raise InvalidEntry("author: the entry is of another author's log")
        return entry

    def add(self, raw: bytes, *, durable: bool = True) -> Added:
        """Take in one entry.

        Args:
            raw: as received; any size.
            durable: whether to wait until it would survive a power failure.

        Raises:
            InvalidEntry: it breaks a rule, or others are missing before it.
            Forked: it contradicts an entry that is there, or the log is frozen already.
        """
        return Added.NEW if self.extend((raw,), durable=durable) else Added.KNOWN

    def extend(self, raws: Iterable[bytes], *, durable: bool = True) -> int:
        """Take in many entries, in the order of their numbers; those before a bad one stay.

        Args:
            raws: as received. They may be more than memory holds.
            durable: whether to wait until they would survive a power failure.

        Returns:
            How many were new.

        Raises:
            InvalidEntry: one breaks a rule, or others are missing before it.
            Forked: one contradicts an entry that is there, or the log is frozen already.
        """
        before = len(self)
        pending: list[E] = []
        try:
            for raw in raws:
                entry = self.parse(raw)
                if len(pending) == BATCH_ENTRIES or not self._follows(entry, pending):
                    self._keep(pending, durable)
                    pending = []
                if not self._is_known(entry, pending):
                    self.format.verify(entry)
                    pending.append(entry)
        finally:
            self._keep(pending, durable)
        return len(self) - before

    def freeze(self, proof: bytes, *, durable: bool = True) -> bool:
        """Take in a proof that the author forked.

        Args:
            proof: as received; any size.
            durable: whether to wait until it would survive a power failure.

        Returns:
            Whether it is news, so that it should be passed on: the first proof, or one of an earlier fork.

        Raises:
            InvalidEntry: it proves nothing; the log stays as it is.
        """
        found = forks.read(proof, self.format, self.author)
        if self._fork is not None and self._fork.sequence <= found.sequence:
            return False
        self._cut(found, durable)
        return True

    def erase(self, sequence: int, *, durable: bool = True) -> None:
        """Forget what an entry says (rule 5), also one that a fork has cut off; the two of the proof stay in
        it. Repeating it does nothing.

        Args:
            sequence: which entry.
            durable: whether to wait until it would survive a power failure.

        Raises:
            NotFound: there is no such entry.
        """
        if not 1 <= sequence <= MAX_SEQUENCE:
            raise NotFound(f"there is no entry {sequence}")
        key = self._entry_key(sequence)
        found = self._read(sequence, self._store.get(key))
        self._write((Put(key, _ERASED + found.id.encode()),), durable)

    # How an entry is judged

    def _follows(self, entry: E, pending: list[E]) -> bool:
        return bool(pending) and entry.sequence == pending[-1].sequence + 1

    def _is_known(self, entry: E, pending: list[E]) -> bool:
        """Whether an entry is there already. Raises if it cannot be the next one either."""
        head = head_of(pending[-1]) if pending else self._head
        if self._fork is not None and entry.sequence >= self._fork.sequence:
            raise self._forked(self._fork)
        if head is not None and entry.sequence <= head.sequence:
            stored = self._stored(entry.sequence)
            if stored in (_WHOLE + entry.raw, _ERASED + entry.id.encode()):
                return True
            self._contradicted(entry, entry.sequence)
        if head is not None and entry.sequence == head.sequence + 1 and entry.previous != head.id:
            self._keep(pending, durable=True)
            pending.clear()
            self._contradicted(entry, head.sequence)
        need_place(entry, head)
        return False

    def _contradicted(self, entry: E, sequence: int) -> None:
        """Freezes the log if a signed entry and one that is there contradict each other; always raises."""
        self.format.verify(entry)
        stored = self._stored(sequence)
        if stored[:1] == _ERASED:
            raise InvalidEntry(f"previous: another entry {sequence} than ours, which was erased, so no proof")
        proof = forks.prove(self.format, entry, self._intact(sequence, stored))
        self._cut(proof, durable=True)
        raise self._forked(proof)

    def _intact(self, sequence: int, stored: bytes) -> E:
        """The entry in a record, verified once more: half of an accusation must not be a bad disk's."""
        ours = self._read(sequence, stored)
        assert not isinstance(ours, ErasedEntry)
        try:
            self.format.verify(ours)
        except InvalidEntry as error:
            raise StoreCorrupt(f"entry {sequence} is not as it was taken in: {error}", "the log") from None
        return ours

    def _forked(self, proof: ForkProof) -> Forked:
        return Forked(f"the log of {self.author!r} forks at entry {proof.sequence}", proof.raw)

    # What is in the store

    def _entry_key(self, sequence: int) -> bytes:
        return self._prefix + b"e" + sequence.to_bytes(8, "big")

    def _at(self, sequence: int) -> E | ErasedEntry:
        if not 1 <= sequence <= len(self):
            raise NotFound(f"entry {sequence}: the log has {len(self)}")
        return self._read(sequence, self._stored(sequence))

    def _read(self, sequence: int, stored: bytes) -> E | ErasedEntry:
        """What a record of the store says."""
        try:
            if stored[:1] == _ERASED:
                return ErasedEntry(sequence, stored[1:].decode())
            entry = self.format.parse(stored[1:])
        except (InvalidEntry, ValueError) as error:
            raise StoreCorrupt(f"entry {sequence} cannot be read: {error}", "the log") from None
        if entry.sequence != sequence or entry.author != self.author:
            raise StoreCorrupt(f"another entry stands in the place of entry {sequence}", "the log")
        return entry

    def _stored(self, sequence: int) -> bytes:
        try:
            return self._store.get(self._entry_key(sequence))
        except NotFound:
            raise StoreCorrupt(f"entry {sequence} of {len(self)} is not in the store", "the log") from None

    def _keep(self, entries: list[E], durable: bool) -> None:
        if not entries:
            return
        batch: list[Change] = []
        for entry in entries:
            batch.append(Put(self._entry_key(entry.sequence), _WHOLE + entry.raw))
            batch.append(Put(self._prefix + b"i" + entry.id.encode(), entry.sequence.to_bytes(8, "big")))
        head = head_of(entries[-1])
        batch.append(self._head_record(head))
        self._write(batch, durable)
        self._head = head

    def _write(self, batch: Sequence[Change], durable: bool) -> None:
        """Writes, if the store's head is still ours."""
        try:
            stored = self._store.get(self._prefix + b"h")
        except NotFound:
            stored = b""
        if stored != self._head_record(self._head).value:
            raise UsageError("another Feed has written to this log since: open it again, and keep one")
        self._store.write(batch, durable=durable)

    def _head_record(self, head: Head | None) -> Put:
        value = head.sequence.to_bytes(8, "big") + head.id.encode() if head else b""
        return Put(self._prefix + b"h", value)

    def _cut(self, proof: ForkProof, durable: bool) -> None:
        """The log ends below the fork from now on."""
        head = self._head
        if len(self) >= proof.sequence:
            head = Head(proof.sequence - 1, self.id_at(proof.sequence - 1)) if proof.sequence > 1 else None
        self._write((Put(self._prefix + b"f", proof.raw), self._head_record(head)), durable)
        self._head, self._fork = head, proof

    def _load_fork(self) -> ForkProof | None:
        try:
            raw = self._store.get(self._prefix + b"f")
        except NotFound:
            return None
        try:
            return forks.read(raw, self.format, self.author)
        except InvalidEntry as error:
            raise StoreCorrupt(f"the proof of a fork: {error.reason}", "the log") from None

    def _load_head(self) -> Head | None:
        try:
            value = self._store.get(self._prefix + b"h")
        except NotFound:
            return None
        if not value:
            return None
        try:
            self._head = head = Head(int.from_bytes(value[:8], "big"), value[8:].decode())
            found = self.id_at(head.sequence)
        except (InvalidEntry, NotFound, ValueError) as error:
            raise StoreCorrupt(f"the head cannot be read: {error}", "the log") from None
        if found != head.id:
            raise StoreCorrupt(f"entry {head.sequence} is not the one that the head names", "the log")
        return head
