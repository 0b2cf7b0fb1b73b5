"""Lab 8, task 9: what a proof proves. The reference and its probes.

The number of chunks and the root come from somebody we trust; the place is what we asked for; the chunk and
the proof may be anything. The tree and the proofs are those of RFC 6962, as in `trees`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.lab08_content.trees import (
    LEAF,
    NODE,
    leaf_hash,
    merkle_root,
    node_hash,
    numbered,
    prove,
    split,
)


def proven(root: bytes, count: int, index: int, chunk: bytes, proof: list[bytes]) -> bool:
    """Whether a chunk is the one at a certain place in the tree with this root.

    Args:
        root: of the tree.
        count: how many chunks the tree is over.
        index: the chunk's place, from 0.
        chunk: what is said to be there.
        proof: the hashes beside its path to the root, the lowest first.
    """
    if not 0 <= index < count:
        return False
    are_left = []
    while count > 1:
        half = split(count)
        are_left.append(index < half)
        index, count = (index, half) if index < half else (index - half, count - half)
    if len(proof) != len(are_left):
        return False
    value = leaf_hash(chunk)
    for is_left, other in zip(reversed(are_left), proof, strict=True):
        value = node_hash(value, other) if is_left else node_hash(other, value)
    return value == root


Proven = Callable[[bytes, int, int, bytes, list[bytes]], Any]


@dataclass(frozen=True)
class Claim:
    """A probe: a chunk with a proof, and whether it holds.

    Args:
        root, count, index, chunk, proof: what `proven` is given.
        holds: whether it is true.
        what: what is claimed, as in "it believed ...".
        hint: what to tell a reader whose function is wrong about it.
    """

    root: bytes
    count: int
    index: int
    chunk: bytes
    proof: tuple[bytes, ...]
    holds: bool
    what: str
    hint: str

    def __call__(self, yours: Proven) -> None:
        proof = list(self.proof)
        where = f"{self.what}, place {self.index} of {self.count}"
        try:
            got = yours(self.root, self.count, self.index, self.chunk, proof)
        except NotImplementedError:
            raise
        except Exception as error:
            has_length = self.hint in (_LENGTH, _LEAF) and isinstance(error, LookupError | ValueError)
            hint = _MANY if has_length else _PLACE if self.hint == _PLACE else _NEVER
            raise Wrong(f"{where}: it raised {type(error).__name__}", hint) from None
        if proof != list(self.proof):
            raise Wrong(f"{where}: it changed the proof", "read the list, and take nothing out of it")
        if not isinstance(got, bool):
            hint = "is a return missing?" if got is None else "return True or False"
            raise Wrong(f"{where}: it gave {got!r:.30}", hint)
        if got != self.holds:
            raise Wrong(f"it {'believed' if got else 'did not believe'} {where}", self.hint)


_TWO = (
    "of two chunks the root is the node_hash of two leaf hashes: leaf_hash(chunk), and the proof's only hash"
)
_LOWEST = "begin with leaf_hash(chunk), and take the hashes of the proof in their order, the lowest first"
_SIDES = (
    "hash up from the last split to the first; at each, left if index < half, else right, with index - half"
)
_BITS = (
    "cut with split; the right half has count - half chunks, and the place there is index - half"
    " (its bits say the sides only where n is a power of two)"
)
_HASHED = "the last value must be the root, byte for byte"
_MANY = "a stranger may send too many hashes, too few, or none: see how many there are first"
_NEVER = "nothing is raised, whatever a stranger sends: what cannot be right is False"
_LENGTH = "a proof has one hash for each step, no more and no fewer"
_PLACE = "the place is a part of the claim: 0 <= index < count, or it is False"
_LEAF = "a chunk goes through leaf_hash, whatever it looks like: then no node can pass for one"


def honest(chunks: list[bytes], index: int, hint: str = "") -> Case:
    """A probe: a true chunk with its proof."""
    count = len(chunks)
    power = not count & (count - 1)
    ours = hint or (_TWO if count <= 2 and not index else _SIDES if power else _BITS)
    proof = tuple(prove(chunks, index))
    return Claim(merkle_root(chunks), count, index, chunks[index], proof, True, "a true chunk", ours)


def forged_claims(rng: Random) -> tuple[Case, ...]:
    """False claims; the same generator gives the same claims."""
    chunks = numbered(rng.choice((5, 7, 11)), f"{rng.randrange(1000)}")
    count, index = len(chunks), 1
    root, proof = merkle_root(chunks), tuple(prove(chunks, 1))
    pair = node_hash(leaf_hash(b"left"), leaf_hash(b"right"))
    inner = leaf_hash(b"left") + leaf_hash(b"right")

    def claim(what: str, hint: str, **changed: Any) -> Claim:
        said = {"root": root, "count": count, "index": index, "chunk": chunks[index], "proof": proof}
        return Claim(**{**said, **changed}, holds=False, what=what, hint=hint)

    flipped = [bytes([proof[at][0] ^ 1]) + proof[at][1:] for at in range(len(proof))]
    return (
        claim("another chunk", _HASHED, chunk=b"forged"),
        claim("an empty chunk", _HASHED, chunk=b""),
        claim("a root of another tree", _HASHED, root=merkle_root(chunks[:-1])),
        claim("an empty root", _HASHED, root=b""),
        *(
            claim(
                f"a proof whose hash {at + 1} is another", _HASHED, proof=(*proof[:at], one, *proof[at + 1 :])
            )
            for at, one in enumerate(flipped)
        ),
        claim("a proof from the top down", _LOWEST, proof=proof[::-1]),
        claim("a proof without its last hash", _LENGTH, proof=proof[:-1]),
        claim("a proof without its first hash", _LENGTH, proof=proof[1:]),
        claim("an empty proof", _LENGTH, proof=()),
        claim("a proof with one hash more", _LENGTH, proof=(*proof, bytes(32))),
        claim("a proof with an empty hash more", _LENGTH, proof=(*proof, b"")),
        claim("a proof with a hash more in front", _LENGTH, proof=(bytes(32), *proof)),
        claim("a proof of empty hashes", _HASHED, proof=(b"",) * len(proof)),
        claim("a true chunk of another place", _PLACE, chunk=chunks[3], proof=tuple(prove(chunks, 3))),
        claim(
            "the chunk beside it, with a true proof of its own",
            _SIDES,
            chunk=chunks[0],
            proof=tuple(prove(chunks, 0)),
        ),
        claim("the first chunk", _PLACE, index=-1, chunk=chunks[0], proof=tuple(prove(chunks, 0))),
        claim("the last chunk", _PLACE, index=count, chunk=chunks[-1], proof=tuple(prove(chunks, count - 1))),
        claim("the last chunk", _PLACE, index=10**9, chunk=chunks[-1], proof=tuple(prove(chunks, count - 1))),
        Claim(merkle_root([]), 0, 0, b"", (), False, "an empty chunk of an empty tree", _PLACE),
        Claim(leaf_hash(b""), 0, 0, b"", (), False, "an empty chunk of a tree without chunks", _PLACE),
        Claim(pair, 1, 0, inner, (), False, "a node that is said to be a chunk", _LEAF),
        Claim(pair, 1, 0, NODE + inner, (), False, "a node that is said to be a chunk", _LEAF),
        Claim(leaf_hash(b"x"), 1, 0, LEAF + b"x", (), False, "a chunk with a zero byte before it", _LEAF),
        Claim(merkle_root([b"x"]), 1, 0, b"x", (bytes(32),), False, "a proof that is too long", _LENGTH),
        Claim(leaf_hash(b"x"), 1, 0, leaf_hash(b"x"), (), False, "the root itself as a chunk", _LEAF),
        Claim(hashlib.sha256(b"x").digest(), 1, 0, b"x", (), False, "a chunk hashed without its byte", _LEAF),
        Claim(
            root, 2**63, 5, chunks[5 % count], proof, False, "a chunk of a tree that is too large", _LENGTH
        ),
    )


PROVEN = Task(
    "proven",
    proven,
    cases=[
        honest([b"one", b"two"], 0),
        honest([b"one", b"two"], 1),
        honest([b"one"], 0, "of one chunk the root is its leaf_hash, and the proof is empty"),
        honest(numbered(4), 1),
        honest(numbered(4), 2),
        *(honest(numbered(count), index) for count in (3, 5, 6, 7, 33) for index in range(count)),
        *forged_claims(Random(1)),
    ],
    hint="note the side at each split on the way down; then hash up again, with one hash of the proof a step",
)
