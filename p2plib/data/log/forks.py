"""Forks: two entries of which an honest author signs only one, and the proof of it that anybody can check.

Nothing stops the owner of a key from signing two entries with one sequence number and showing one to some
peers and one to others (equivocation). Nobody who sees a single branch can tell. But the two entries together
are a proof: bytes that convince whoever has the author's key, without trust in the peer that brought them.

Lavoie's 2P-BFT-Log (arXiv:2307.08381) is the model.

Two entries of one author, each with a valid signature, are a proof if
    1. they have one sequence number and different bytes: the fork is at that number; or
    2. one comes right after the other by number and names another entry before it: the fork is at the lower
       number, where the author signed one entry and later vouched for another.

Rules
    3. A proof has one encoding: canonical CBOR of format, author and both entries, the lower first (of rule
       1, the lower bytes). So a proof that was seen before is known again by its bytes.
    4. Entries are compared by bytes, not by ids: Scuttlebutt's ids hash half of the text.
    5. A false proof accuses nobody but the peer that sent it: it raises `InvalidEntry`, and nothing is kept.
    6. Of several forks of one log the lowest counts. Everybody who knows of a fork at n trusts the entries
       below n and no others, whichever branch they heard first (`p2plib.data.log.feed` freezes there).

What rule 6 costs: whoever has the key can sign another first entry, and the whole log is void. A log is as
safe as its key.

What a proof cannot show: by whose fault. A stolen key, a cloned device and a restored backup make the same
two entries as a liar (`p2plib.data.log.writer` is there to keep honest authors from them).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from p2plib.data.log.formats import E, LogFormat, SignedEntry
from p2plib.errors import DecodeError, InvalidEntry, RemoteError, UsageError
from p2plib.identity.keys import PublicKey
from p2plib.wire import cbor

MAX_OVERHEAD_BYTES = 128  # map, keys, format's name, author and lengths
MAX_PROOF_BYTES = 1 << 17  # two entries of any format here, as large as they can be
_MEMBERS = {"author": bytes, "first": bytes, "format": str, "second": bytes}


@dataclass(frozen=True, slots=True)
class ForkProof:
    """Two entries that contradict each other. Make one with `prove`, or `read` one that arrived.

    Args:
        format: the name of the entries' format.
        author: the key that signed both.
        sequence: where the log forks: entries below are not in doubt.
        first: the bytes of one entry.
        second: the bytes of the other.
    """

    format: str
    author: PublicKey
    sequence: int
    first: bytes
    second: bytes

    @property
    def raw(self) -> bytes:
        """The proof as bytes, to be stored and passed on."""
        return cbor.encode(
            {"author": self.author.raw, "first": self.first, "format": self.format, "second": self.second}
        )


def contradicts(one: SignedEntry, other: SignedEntry) -> bool:
    """Whether two entries of one author are a fork, if both signatures are valid.

    Args:
        one: an entry.
        other: another, or the same.
    """
    if one.author != other.author:
        return False
    if one.sequence == other.sequence:
        return one.raw != other.raw
    lower, higher = sorted((one, other), key=lambda entry: entry.sequence)
    return higher.sequence == lower.sequence + 1 and higher.previous != lower.id


def prove(entry_format: LogFormat[E, Any], one: E, other: E) -> ForkProof:
    """The proof that two entries are.

    Args:
        entry_format: the format of both.
        one: an entry whose signature is valid.
        other: one that contradicts it.

    Raises:
        UsageError: they do not contradict each other.
    """
    if not contradicts(one, other):
        raise UsageError("these two entries do not contradict each other")
    first, second = sorted((one, other), key=lambda entry: (entry.sequence, entry.raw))
    return ForkProof(entry_format.name, one.author, first.sequence, first.raw, second.raw)


def read(raw: bytes, entry_format: LogFormat[E, Any], author: PublicKey) -> ForkProof:
    """The proof in these bytes, checked: it convicts this author.

    Args:
        raw: as received; any size.
        entry_format: the format of the author's log.
        author: the key whose log is said to fork.

    Raises:
        InvalidEntry: it proves nothing, or is not in its one encoding; the reason says why.
    """
    members = _members(raw, 2 * entry_format.max_bytes + MAX_OVERHEAD_BYTES)
    if members["format"] != entry_format.name:
        raise InvalidEntry(f"proof: it is about a log of another format than {entry_format.name}")
    if members["author"] != author.raw:
        raise InvalidEntry("proof: it is about another author")
    entries: list[E] = []
    for name in ("first", "second"):
        entry = entry_format.parse(members[name])
        if entry.raw != members[name]:
            raise InvalidEntry(f"proof: the {name} entry is not in its canonical form")
        if entry.author != author:
            raise InvalidEntry(f"proof: the {name} entry is another author's")
        entries.append(entry)
    if not contradicts(*entries):
        raise InvalidEntry("proof: its two entries do not contradict each other")
    proof = prove(entry_format, *entries)
    if proof.raw != raw:
        raise InvalidEntry("proof: its entries are in the wrong order")
    for entry in entries:  # last, since it costs most
        entry_format.verify(entry)
    return proof


def _members(raw: bytes, max_bytes: int) -> dict[str, Any]:
    if len(raw) > max_bytes:
        raise InvalidEntry(f"proof: {len(raw)} bytes, where {max_bytes} is the most")
    try:
        value = cbor.decode(raw)
    except RemoteError as error:
        raise InvalidEntry(f"proof: {error}") from None
    if not isinstance(value, dict) or list(value) != sorted(_MEMBERS, key=lambda name: (len(name), name)):
        raise InvalidEntry("proof: it is a map of format, author, first and second")
    for name, kind in _MEMBERS.items():
        if not isinstance(value[name], kind):
            raise InvalidEntry(f"proof: {name} is of another type")
    return value


def is_about(raw: bytes) -> PublicKey:
    """The author whom a proof accuses, before anything in it is checked: to find out whose log it concerns.

    Args:
        raw: as received; any size.

    Raises:
        DecodeError: these bytes are no proof.
    """
    if len(raw) > MAX_PROOF_BYTES:
        raise DecodeError(f"no proof of a fork: {len(raw)} bytes, where {MAX_PROOF_BYTES} is the most")
    try:
        value = cbor.decode(raw)
        if isinstance(value, dict) and isinstance(value.get("author"), bytes):
            return PublicKey(value["author"])  # type: ignore[arg-type]
    except RemoteError as error:
        raise DecodeError(f"no proof of a fork: {error}") from None
    raise DecodeError("no proof of a fork: it names no author")
