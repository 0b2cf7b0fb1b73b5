"""What a log needs of a format of entries, whichever it is: three values and one protocol.

A **log** is a list of entries of one author. Each entry has a sequence number, names the entry before it by
its hash, and is signed. `p2plib.data.log.classic` is Scuttlebutt's format, in which the signature covers the
content; `p2plib.data.log.entry` is one of our own, in which it covers the content's hash. Everything else in
this package works with both: the log itself (`feed`), proofs of a fork (`forks`), the author's side
(`writer`).

Rules of a chain
    1. The first entry has sequence number 1 and names no entry before it.
    2. Every other entry has the number after that of the entry before it, and names that entry's id.
    3. All entries are of one author, and each is signed by that author's key.

Vocabulary::

    entry      one signed item of a log; `raw` is its bytes, the same bytes for everybody
    sequence   which entry it is: 1, 2, 3, …
    id         the hash of an entry, signature included, as text; what the next entry names
    head       sequence and id of the last entry: all that is needed to judge the next
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

from p2plib.errors import InvalidEntry
from p2plib.identity.keys import PublicKey, SecretKey

MAX_SEQUENCE = 2**31 - 1  # what Scuttlebutt's numbers reach; an entry a second would take 68 years


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry of a log, as far as the next one is concerned.

    Args:
        sequence: its number, from 1 on.
        id: its id, in the text form of its format.
    """

    sequence: int
    id: str


class SignedEntry(Protocol):
    """What the entries of every format can say of themselves."""

    @property
    def author(self) -> PublicKey:
        """The key that signs it."""
        ...

    @property
    def sequence(self) -> int:
        """Its number, from 1 on."""
        ...

    @property
    def previous(self) -> str | None:
        """The id of the entry before it; None in the first."""
        ...

    @property
    def id(self) -> str:
        """Its own id."""
        ...

    @property
    def raw(self) -> bytes:
        """Its bytes, from which everything else follows."""
        ...


E = TypeVar("E", bound=SignedEntry)
C = TypeVar("C", contravariant=True)


class LogFormat(Protocol[E, C]):
    """How entries of one kind are read, judged and made. A format is a value: it may hold a network's key."""

    @property
    def name(self) -> str:
        """A short ASCII name, which a proof carries: "classic"."""
        ...

    @property
    def max_bytes(self) -> int:
        """The most bytes that an entry can have; what is longer is refused unread."""
        ...

    def parse(self, raw: bytes) -> E:
        """The entry in these bytes, its form judged and its signature not.

        Args:
            raw: as received; any size.

        Raises:
            InvalidEntry: they break a rule of form.
        """
        ...

    def verify(self, entry: E) -> None:
        """Returns if the entry is signed by its author.

        Raises:
            InvalidEntry: it is not.
        """
        ...

    def create(self, secret: SecretKey, head: Head | None, content: C, timestamp_ms: int) -> E:
        """The signed entry that comes next.

        Args:
            secret: the author's key.
            head: the last entry; None for the first of a log.
            content: what it says.
            timestamp_ms: when the author says that it was written, in milliseconds since 1970.

        Raises:
            UsageError: the format has no such content.
        """
        ...


def need_place(entry: SignedEntry, head: Head | None) -> None:
    """Returns if an entry is the one that comes next (rules 1 and 2).

    Args:
        entry: any entry.
        head: the last entry of its log; None if there is none yet.

    Raises:
        InvalidEntry: it has another number, or names another entry.
    """
    if head is None:
        if entry.sequence != 1:
            raise InvalidEntry(f"sequence: the first entry has number 1, not {entry.sequence}")
        if entry.previous is not None:
            raise InvalidEntry("previous: the first entry names no entry before it")
        return
    if entry.sequence != head.sequence + 1:
        raise InvalidEntry(f"sequence: number {head.sequence + 1} comes next, not {entry.sequence}")
    if entry.previous != head.id:
        raise InvalidEntry(f"previous: entry {entry.sequence} names another entry {head.sequence} than ours")


def head_of(entry: SignedEntry) -> Head:
    """The head of a log whose last entry this is."""
    return Head(entry.sequence, entry.id)
