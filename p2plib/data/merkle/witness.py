"""Witnesses: they remember the heads that a log has signed, and catch it when it shows two histories.

The operator of a log can keep two trees, and show one to Ana and one to Ben: a split view. Every proof that
Ana gets is flawless, and so is every one of Ben's. As with the forks of a feed (`p2plib.data.log.forks`),
only two heads side by side show it. So witnesses tell each other their heads, and each moves on from its own
head only to one whose tree begins with the whole of its own. The heads are those of
`p2plib.data.merkle.checkpoint` (C2SP); the proof of a split is this library's own.

A conviction is two heads that the log's key has signed, and proof that no tree has both. Either
    1. they have the same size and different roots, and nothing more is needed; or
    2. they come with another root for the smaller size, and a consistency proof from that root to the signed
       root of the larger head. Only one root of each size leads there, and the operator signed another.

Nobody has to be trusted for it, whoever brought the proof: anybody with the log's key can verify it.

Rules
    3. The first head is taken on trust: there is nothing to compare it with.
    4. A head of another size counts if a consistency proof comes with it. One that leads to the signed root
       of the larger head, but begins with another root than the smaller head's, convicts the log (case 2).
       One that does not lead there, or is missing, convicts nobody: perhaps the peer that sent it lied. It
       raises `InvalidProof`, and nothing is kept.
    5. From most sizes a path contains the whole root that it begins with; from a power of two it does not, as
       all those leaves are one node. So whoever brings such a path says which root it begins with, too.
    6. A proof of a split has one encoding: canonical CBOR of both notes, the smaller tree first (for the same
       size, the lower bytes), the other root, and the path.
    7. A witness that has seen a proof of a split believes no head of this log any more, not even its own.
    8. It remembers its newest head alone. If an older copy of its file is restored, it has forgotten the
       later ones, and may be led into the other history, until a peer that still has one of them shows it.

Case 2 needs somebody who has the leaves of the larger tree, or has kept the path: the operator will not help.
And if no two people who see different trees ever compare heads, nobody notices.

Vocabulary::

    head       a signed note with a checkpoint in it, as bytes
    path       the hashes of a consistency proof
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from p2plib.data.merkle import proofs
from p2plib.data.merkle.checkpoint import (
    MAX_NOTE_BYTES,
    Checkpoint,
    NoteKey,
    need_origin,
    read_checkpoint,
    read_note,
    verify_note,
)
from p2plib.data.merkle.tree import EMPTY_ROOT, HASH_BYTES, AppendOnlyTree
from p2plib.errors import DecodeError, Forked, InvalidProof, UsageError
from p2plib.wire import cbor

MAX_SPLIT_BYTES = 2 * MAX_NOTE_BYTES + 66 * (HASH_BYTES + 2) + 64  # two notes, 65 hashes and a root, names
_MEMBERS = ["path", "root", "first", "second"]  # the order of canonical CBOR: the shorter name first


@dataclass(frozen=True, slots=True)
class SplitView:
    """Two heads that cannot be of one tree. Make one with `prove_split`, or read one with `read_split`.

    Args:
        first: the head of the smaller tree, as bytes.
        second: the head of the larger.
        root: the root of the larger tree when it was as small as the other: not the one that was signed.
        path: from there to the root of the larger tree; empty if both have the same size.
    """

    first: bytes
    second: bytes
    root: bytes
    path: tuple[bytes, ...] = ()

    @property
    def raw(self) -> bytes:
        """The proof as bytes, to be stored and passed on."""
        return cbor.encode(
            {"first": self.first, "path": list(self.path), "root": self.root, "second": self.second}
        )


def open_head(raw: bytes, key: NoteKey, origin: str | None = None) -> Checkpoint:
    """The checkpoint in a head, verified.

    Args:
        raw: as received.
        key: the log's.
        origin: the log's; None if it is the key's name.

    Raises:
        DecodeError: it is not a signed checkpoint.
        SignatureError: the key did not sign it.
        InvalidProof: it is another log's, or of an empty tree with a root other than `EMPTY_ROOT`.
    """
    note = read_note(raw)
    verify_note(note, key)
    head = read_checkpoint(note.text)
    need_origin(head, key, origin)
    if not head.size and head.root != EMPTY_ROOT:
        raise InvalidProof("a head of no leaves whose root is not that of the empty tree")
    return head


def prove_split(
    first: bytes, second: bytes, key: NoteKey, tree: AppendOnlyTree, origin: str | None = None
) -> SplitView:
    """The proof that two heads of one log contradict each other, for anybody who has its key.

    Args:
        first: a head.
        second: another.
        key: the log's.
        tree: the whole tree of the larger head; for the same size, that of either.
        origin: the log's; None if it is the key's name.

    Raises:
        UsageError: they agree, or the tree is not the larger one's.
        DecodeError: one is not a signed checkpoint.
        SignatureError: the key did not sign both.
        InvalidProof: one is another log's.
    """
    heads = [(open_head(raw, key, origin), raw) for raw in (first, second)]
    (small, first), (large, second) = sorted(heads, key=lambda each: (each[0].size, each[1]))
    if small.size == large.size:
        split = SplitView(first, second, large.root)
    else:
        if large.size > len(tree) or tree.root(large.size) != large.root:
            raise UsageError("this is not the tree of the larger head")
        path = proofs.prove_consistency(tree, small.size, large.size) if small.size else []
        split = SplitView(first, second, tree.root(small.size), tuple(path))
    if split.root == small.root:
        raise UsageError("these two heads do not contradict each other")
    return split


def read_split(raw: bytes, key: NoteKey, origin: str | None = None) -> SplitView:
    """The proof in these bytes, verified: it convicts the log with this key.

    Args:
        raw: as received; any size.
        key: the log's.
        origin: the log's; None if it is the key's name.

    Raises:
        DecodeError: they are not a proof in its one encoding.
        SignatureError: the key did not sign both heads.
        InvalidProof: they do not contradict each other.
    """
    split = _decode(raw)
    small, large = (open_head(each, key, origin) for each in (split.first, split.second))
    if (small.size, split.first) > (large.size, split.second):
        raise DecodeError("a proof of a split: its heads are in the wrong order")
    if split.root == small.root:
        raise InvalidProof("these two heads do not contradict each other")
    proofs.verify_consistency(split.root, small.size, large.root, large.size, split.path)
    return split


def _decode(raw: bytes) -> SplitView:
    if len(raw) > MAX_SPLIT_BYTES:
        raise DecodeError(f"a proof of a split: {len(raw)} bytes, where {MAX_SPLIT_BYTES} is the most")
    value = cbor.decode(raw)
    if not isinstance(value, dict) or list(value) != _MEMBERS or not isinstance(value["path"], list):
        raise DecodeError("a proof of a split is a map of first, path, root and second")
    members = [value["first"], value["second"], value["root"], *value["path"]]
    texts = [member for member in members if isinstance(member, bytes)]
    if len(texts) != len(members):
        raise DecodeError("a proof of a split: its members are bytes")
    return SplitView(texts[0], texts[1], texts[2], tuple(texts[3:]))


@dataclass(slots=True)
class Witness:
    """The head of a log that somebody remembers, to compare others with.

    Args:
        key: the log's.
        origin: the log's; None if it is the key's name.
        head: the newest head that it believes, as bytes; empty before the first.
        split: the proof against the log, as bytes; empty while there is none.

    Raises:
        DecodeError: what was kept is not a head, or not a proof.
        SignatureError: the log did not sign it.
        InvalidProof: it is another log's, or proves nothing. A damaged file convicts nobody.
    """

    key: NoteKey
    origin: str | None = None
    head: bytes = b""
    split: bytes = b""
    _checkpoint: Checkpoint | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.head = bytes(self.head)  # a bytearray could change
        if self.split:
            self.convict(self.split)
        if self.head:
            self._checkpoint = open_head(self.head, self.key, self.origin)

    @property
    def size(self) -> int:
        """How many leaves its head has; 0 before the first."""
        return self._checkpoint.size if self._checkpoint else 0

    def hear(self, head: bytes, path: Sequence[bytes] = (), root: bytes | None = None) -> bool:
        """Takes a head of the log, from its operator or from another witness.

        Args:
            head: as received.
            path: the consistency proof between this head and ours, from the smaller to the larger; empty for
                the first head, and for one of the same size.
            root: the root that the path begins with, as its sender has it: 32 bytes, for the size of the
                smaller head. It matters only if that is a power of two; None if it is what was signed.

        Returns:
            whether it is ours from now on: it is the first, or larger and consistent.

        Raises:
            Forked: the log has signed two histories; its `proof` is `SplitView.raw`, and nothing is believed
                from now on.
            InvalidProof: the path does not lead to the larger head, or the head is another log's.
            SignatureError: the log did not sign it.
            DecodeError: it is not a head.
        """
        self._need_honest()
        head = bytes(head)
        heard, ours = open_head(head, self.key, self.origin), self._checkpoint
        if ours is not None:
            self._compare([(ours, self.head), (heard, head)], path, root)
            self._need_honest()
            if heard.size <= ours.size:
                return False
        self.head, self._checkpoint = head, heard
        return True

    def convict(self, split: bytes) -> None:
        """Takes a proof that the log has shown two histories; nothing is believed after that.

        Args:
            split: as received, `SplitView.raw`.

        Raises:
            DecodeError: it is not such a proof.
            SignatureError: the log did not sign both heads.
            InvalidProof: they do not contradict each other.
        """
        self.split = read_split(split, self.key, self.origin).raw

    def _compare(
        self, heads: list[tuple[Checkpoint, bytes]], path: Sequence[bytes], root: bytes | None
    ) -> None:
        (small, first), (large, second) = sorted(heads, key=lambda each: (each[0].size, each[1]))
        if not small.size:  # the empty tree is the beginning of every other
            return
        if small.size == large.size:
            path, begins = (), large.root
        else:
            claimed = small.root if root is None else root
            begins = proofs.older_root(claimed, small.size, large.root, large.size, path)
        if begins != small.root:
            self.convict(SplitView(first, second, begins, tuple(path)).raw)

    def _need_honest(self) -> None:
        if self.split:
            raise Forked(f"{self.key.name} has signed two histories", self.split)
