"""Hash chains, and what proof of work adds to them. Two structures side by side, both small, for reading.

A *hash chain* is the simplest log that shows tampering: each link is the hash of the one before it and of an
entry, so the last commits to all of them. What it lacks is a short proof: to show that an entry is under a
head takes every entry after it, where `p2plib.data.merkle.tree` takes log2 n hashes.

A *chain of work* (Nakamoto, "Bitcoin", 2008) is for people who have no log operator to trust, or to blame.
Anybody may append a block, and of several branches the one that took the most work counts::

    link       SHA-256(link before ‖ entry), the first after 32 zero bytes
    header     previous ‖ root ‖ count ‖ bits ‖ nonce      32 + 32 + 4 + 1 + 8 bytes, big-endian
    block id   SHA-256(header), and it begins with as many zero bits as the header's `bits` says

Rules of the chain of work
    1. A block names the one before it, by id; the first names 32 zero bytes.
    2. Its id begins with `bits` zero bits, and `bits` is not below what this chain asks for.
    3. A branch weighs the sum of 2 ** bits over its blocks, which is how many hashes they took on average.
       The heaviest counts; of two with the same weight, the one that came first.
    4. The header holds how many entries there are, as well as their root. Bitcoin's does not, and its tree
       had to be defended against entries of 64 bytes that are nodes, and lists with their end repeated.

A reader that has only the headers believes an entry on an inclusion proof: what Bitcoin's paper calls
simplified payment verification. It knows how much work the entry is under. It does not know that the entry
breaks no rule; it trusts that nobody would have spent work on one that does.

A model: there are no fees, no times, no signatures, and difficulty is an argument where a real chain computes
it from its own blocks. What a majority does with a name, `p2plib.identity.name_ledger` shows.

Vocabulary::

    bits       zero bits that a block's id must begin with: 16 takes 65,536 hashes on average
    nonce      the number that is tried until the id has them
    tip        the last block of the branch that counts
    reorganisation   a change to another branch: blocks that counted are dropped
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from p2plib.data.merkle import proofs
from p2plib.data.merkle.tree import HASH_BYTES, AppendOnlyTree
from p2plib.errors import DecodeError, InvalidEntry, InvalidProof, NotFound, OverBudget, UsageError

START = bytes(HASH_BYTES)  # before the first link, and before the first block
HEADER_BYTES = 2 * HASH_BYTES + 4 + 1 + 8
MAX_BITS = 255
MAX_TRIES = 1 << 24  # some twenty seconds in Python; a caller with more patience says so


def link(before: bytes, entry: bytes) -> bytes:
    """The next link of a hash chain.

    Args:
        before: the link before it, 32 bytes; `START` for the first.
        entry: any bytes.

    Raises:
        UsageError: `before` is not 32 bytes, so it would be ambiguous where the entry begins.
    """
    if len(before) != HASH_BYTES:
        raise UsageError(f"a link has {HASH_BYTES} bytes, not {len(before)}")
    return hashlib.sha256(b"".join((before, entry))).digest()


def links(entries: Iterable[bytes], before: bytes = START) -> list[bytes]:
    """The links of a hash chain; the last is its head.

    Args:
        entries: in order.
        before: the link that they follow.
    """
    made = []
    for entry in entries:
        before = link(before, entry)
        made.append(before)
    return made


def verify_chained(head: bytes, before: bytes, entries: Sequence[bytes]) -> None:
    """Raises unless these entries are the last ones under a head. The first has no shorter proof.

    Args:
        head: the last link, 32 bytes, trusted.
        before: the link before the first of the entries, as received.
        entries: that one and all that follow it, as received.

    Raises:
        InvalidProof: they do not lead to the head.
    """
    for each in (head, before, *entries):
        if not isinstance(each, bytes | bytearray | memoryview):
            raise InvalidProof(f"links and entries are bytes, not {type(each).__name__}")
    if len(head) != HASH_BYTES or len(before) != HASH_BYTES:
        raise InvalidProof(f"a link that does not have {HASH_BYTES} bytes")
    if not entries or links(entries, before)[-1] != head:
        raise InvalidProof(f"{len(entries)} entries that do not lead to the head")


@dataclass(frozen=True, slots=True)
class WorkHeader:
    """A block without its entries.

    Args:
        previous: the id of the block before it, 32 bytes.
        root: of the tree of its entries, 32 bytes.
        count: how many entries, 0 to 2**32 - 1.
        bits: how many zero bits its id begins with, 0 to 255.
        nonce: the number that gives the id its zero bits, 0 to 2**64 - 1.

    Raises:
        UsageError: a number is out of its range, or a hash not 32 bytes.
    """

    previous: bytes
    root: bytes
    count: int
    bits: int
    nonce: int = 0

    def __post_init__(self) -> None:
        for each in (self.previous, self.root):  # a bytearray could change, and is not hashable
            if not isinstance(each, bytes) or len(each) != HASH_BYTES:
                raise UsageError(f"a block's previous and root are {HASH_BYTES} bytes each")
        for value, size in ((self.count, 4), (self.bits, 1), (self.nonce, 8)):
            if not 0 <= value < 1 << 8 * size:
                raise UsageError(f"a number of a header is not from 0 to {(1 << 8 * size) - 1}")

    @property
    def raw(self) -> bytes:
        """The header as bytes."""
        return self._front + self.nonce.to_bytes(8, "big")

    @property
    def _front(self) -> bytes:
        return self.previous + self.root + self.count.to_bytes(4, "big") + bytes([self.bits])

    @property
    def id(self) -> bytes:
        """The hash of the header, which the next block names."""
        return hashlib.sha256(self.raw).digest()

    @property
    def has_work(self) -> bool:
        """Whether the id begins with as many zero bits as it should."""
        return _zero_bits(self.id) >= self.bits

    @property
    def weight(self) -> int:
        """How many hashes such a block takes on average."""
        return 1 << self.bits


def read_header(raw: bytes) -> WorkHeader:
    """The header in these bytes. `has_work` says whether it has its work.

    Args:
        raw: as received.

    Raises:
        DecodeError: their number is not that of a header.
    """
    if len(raw) != HEADER_BYTES:
        raise DecodeError(f"a header has {HEADER_BYTES} bytes, not {len(raw)}")
    raw = bytes(raw)
    at = 2 * HASH_BYTES
    count, nonce = int.from_bytes(raw[at : at + 4], "big"), int.from_bytes(raw[-8:], "big")
    return WorkHeader(raw[:HASH_BYTES], raw[HASH_BYTES:at], count, raw[at + 4], nonce)


def _zero_bits(raw: bytes) -> int:
    return 8 * len(raw) - int.from_bytes(raw, "big").bit_length()


def mine(
    previous: bytes, entries: AppendOnlyTree, bits: int, *, nonce: int = 0, max_tries: int = MAX_TRIES
) -> WorkHeader:
    """Tries nonces until a block has its work. The same arguments give the same block.

    Args:
        previous: the id of the block before it; `START` for the first.
        entries: the tree of what is in it.
        bits: how many zero bits its id has to begin with, 0 to 255.
        nonce: the first to try. Miners that share the work begin at different ones.
        max_tries: after how many tries to give up, 1 and up.

    Raises:
        OverBudget: no nonce that was tried was right.
        UsageError: a number is out of its range.
    """
    if max_tries < 1:
        raise UsageError("at least one try has to be allowed")
    made = WorkHeader(previous, entries.root(), len(entries), bits, nonce)
    front = hashlib.sha256(made._front)
    for tried in range(nonce, min(nonce + max_tries, 1 << 64)):
        attempt = front.copy()  # the first 69 bytes are the same each time
        attempt.update(tried.to_bytes(8, "big"))
        if _zero_bits(attempt.digest()) >= bits:
            return WorkHeader(previous, made.root, made.count, bits, tried)
    raise OverBudget(f"no block with {bits} zero bits within the tries that were allowed")


def verify_entry(header: WorkHeader, index: int, entry: bytes, proof: Sequence[bytes]) -> None:
    """Raises unless a block has a certain entry, for a reader that has nothing but its header.

    Args:
        header: that of a block that counts, see `WorkChain`.
        index: which entry.
        entry: what it is said to be.
        proof: as received.

    Raises:
        InvalidProof: it is not proved; the sentence says why.
    """
    proofs.verify_inclusion(header.root, header.count, index, entry, proof)


@dataclass(frozen=True, slots=True)
class Reorganisation:
    """What changed when a block made another branch count, or made the same one longer.

    It names two tips. The blocks between them are looked up when somebody asks, one step for each, and the
    answer stays the same: a chain forgets no block.

    Args:
        old: the id of the tip that counted.
        new: the id of the tip that counts from now on; the same if nothing changed.
        chain: which both are in.
    """

    old: bytes
    new: bytes
    chain: WorkChain = field(repr=False, compare=False)

    @property
    def dropped(self) -> tuple[WorkHeader, ...]:
        """The blocks that counted and no longer do, the lowest first."""
        return self.chain.apart(self.old, self.new)[0]

    @property
    def added(self) -> tuple[WorkHeader, ...]:
        """The blocks that count from now on, the lowest first."""
        return self.chain.apart(self.old, self.new)[1]


class WorkChain:
    """Headers from anybody, and which ones count: those on the heaviest branch.

    Each header that it keeps has cost its miner 2 ** `minimum_bits` hashes on average: strangers cannot fill
    it for free. And it takes the same few steps for each, whatever branch it is on: with every block it keeps
    what the branch weighs that ends there. So a miner that extends two branches in turn, and makes the other
    one count every time, costs us no more than one that extends a single branch.

    Args:
        minimum_bits: the fewest zero bits that a block may ask for, 0 to 255.
    """

    def __init__(self, minimum_bits: int) -> None:
        if not 0 <= minimum_bits <= MAX_BITS:
            raise UsageError(f"the minimum of a chain is 0 to {MAX_BITS} bits")
        self.minimum_bits = minimum_bits
        self.tip = START
        self._headers: dict[bytes, WorkHeader] = {}
        self._weights: dict[bytes, int] = {START: 0}  # of the branch that ends here
        self._heights: dict[bytes, int] = {START: 0}

    def add(self, header: WorkHeader) -> Reorganisation:
        """Takes a header.

        Args:
            header: from anybody.

        Returns:
            which blocks count now, and which no longer do; no blocks at all if nothing changed.

        Raises:
            InvalidEntry: too little work, or the block before it is not known.
        """
        block, before = header.id, self.tip
        if block in self._headers:
            return Reorganisation(before, before, self)
        if header.bits < self.minimum_bits:
            raise InvalidEntry(f"a block of {header.bits} bits, where {self.minimum_bits} is the least")
        if not header.has_work:
            raise InvalidEntry(f"a block whose id does not begin with {header.bits} zero bits")
        if header.previous not in self._weights:
            raise InvalidEntry("the block before this one is not known")
        self._headers[block] = header
        self._weights[block] = self._weights[header.previous] + header.weight
        self._heights[block] = self._heights[header.previous] + 1
        if self._weights[block] > self._weights[before]:
            self.tip = block
        return Reorganisation(before, self.tip, self)

    def apart(self, one: bytes, other: bytes) -> tuple[tuple[WorkHeader, ...], tuple[WorkHeader, ...]]:
        """The blocks of two branches since they parted, the lowest first; one step for each.

        Args:
            one: the id of the last block of a branch; `START` for a branch without blocks.
            other: that of another.

        Raises:
            NotFound: one of them is not known.
        """
        if one not in self._heights or other not in self._heights:
            raise NotFound("no such block in this chain")
        ones, others = list[WorkHeader](), list[WorkHeader]()
        while one != other:  # down from the higher of the two, until they meet
            if self._heights[one] > self._heights[other]:
                ones.append(self._headers[one])
                one = self._headers[one].previous
            else:
                others.append(self._headers[other])
                other = self._headers[other].previous
        return tuple(ones[::-1]), tuple(others[::-1])

    def branch(self) -> list[WorkHeader]:
        """The blocks that count, the lowest first."""
        blocks, at = [], self.tip
        while at != START:
            blocks.append(self._headers[at])
            at = self._headers[at].previous
        return blocks[::-1]

    @property
    def weight(self) -> int:
        """How many hashes the branch that counts took on average."""
        return self._weights[self.tip]

    def confirmations(self, block: bytes) -> int:
        """How deep a block is in the branch that counts: 1 for the tip, 2 for the block before it.

        Takes as many steps as it counts.

        Args:
            block: its id.

        Raises:
            NotFound: it does not count, or is not known.
        """
        at, height = self.tip, self._heights.get(block, 0)
        while height and self._heights[at] > height:
            at = self._headers[at].previous
        if not height or at != block:
            raise NotFound("no such block in the branch that counts")
        return self._heights[self.tip] - height + 1
