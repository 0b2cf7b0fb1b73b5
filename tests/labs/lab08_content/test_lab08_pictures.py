"""Lab 8, part two: the tree agrees with others', the store loses nothing, and other right answers pass."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import NotFound
from p2plib.labs.lab08_content import LAB, proving
from p2plib.labs.lab08_content.cutting import LARGEST_BYTES, SMALLEST_BYTES, cut
from p2plib.labs.lab08_content.proving import proven
from p2plib.labs.lab08_content.sharing import ChunkStore
from p2plib.labs.lab08_content.trees import leaf_hash, merkle_root, numbered, prove, split
from tests.labs.lab08_content.learners import PRELUDE
from tests.labs.proving import learner

# The leaves and roots of the reference implementation of Certificate Transparency.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("count", range(9))
def test_the_roots_are_those_of_certificate_transparency(count: int) -> None:
    assert merkle_root([bytes.fromhex(leaf) for leaf in LEAVES[:count]]).hex() == ROOTS[count]


def test_the_published_inclusion_probes(shared_vectors: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of transparency-dev/merkle: every proof that must hold does, and no other."""
    files = sorted((shared_vectors / "merkle-rfc6962" / "testdata" / "inclusion").rglob("*.json"))
    assert len(files) >= 90
    # A probe has the leaf's hash, not the leaf; where that is no hash, no leaf has it.
    monkeypatch.setattr(proving, "leaf_hash", lambda leaf: leaf if len(leaf) == 32 else bytes(32))
    held = 0
    for path in files:
        probe = json.loads(path.read_text("utf-8"))
        root, leaf = (base64.b64decode(probe[name] or "") for name in ("root", "leafHash"))
        proof = [base64.b64decode(one) for one in probe["proof"] or []]
        got = proven(root, probe["treeSize"], probe["leafIdx"], leaf, proof)
        assert got is not probe["wantErr"], path.name
        held += got
    assert held >= 5


def test_the_tree_is_the_librarys() -> None:
    tree: Any = pytest.importorskip("p2plib.data.merkle.tree", reason="the library's tree is not here yet")
    proofs: Any = pytest.importorskip("p2plib.data.merkle.proofs", reason="its proofs are not here yet")
    for count in range(34):
        chunks = numbered(count)
        theirs = tree.AppendOnlyTree(chunks)
        assert theirs.root() == merkle_root(chunks)
        for index in range(count):
            assert proofs.prove_inclusion(theirs, index) == prove(chunks, index)


def test_the_split_is_the_largest_power_of_two_below() -> None:
    assert [split(count) for count in range(2, 10)] == [1, 2, 2, 4, 4, 4, 4, 8]


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=40), st.data())
def test_every_proof_proves_its_own_chunk_and_nothing_else(chunks: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(chunks) - 1))
    proof, root = prove(chunks, index), merkle_root(chunks)
    assert proven(root, len(chunks), index, chunks[index], proof)
    other = data.draw(st.integers(-2, len(chunks) + 2))
    is_same = 0 <= other < len(chunks) and (other == index or prove(chunks, other) == proof)
    if not is_same:
        assert not proven(root, len(chunks), other, chunks[index], proof)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        assert not proven(root, len(chunks), index, chunks[index], [*proof[:at], *proof[at + 1 :]])
        changed = [*proof[:at], hashlib.sha256(proof[at]).digest(), *proof[at + 1 :]]
        assert not proven(root, len(chunks), index, chunks[index], changed)


@pytest.mark.fault("F120")
def test_a_node_never_passes_for_a_chunk() -> None:
    """The second preimage that the two first bytes are there for."""
    four = numbered(4)
    halves = [leaf_hash(four[0]) + leaf_hash(four[1]), leaf_hash(four[2]) + leaf_hash(four[3])]
    assert merkle_root(halves) != merkle_root(four)
    assert not proven(merkle_root(four), 2, 0, halves[0], [merkle_root(four[2:])])


# Cuts


@given(st.binary(max_size=5000))
def test_chunks_join_to_the_file_and_keep_their_limits(data: bytes) -> None:
    chunks = cut(data)
    assert b"".join(chunks) == data
    assert all(SMALLEST_BYTES <= len(chunk) <= LARGEST_BYTES for chunk in chunks[:-1])
    assert all(0 < len(chunk) <= LARGEST_BYTES for chunk in chunks[-1:])


def test_an_edit_changes_the_chunks_around_it_alone() -> None:
    data = Random(1).randbytes(30_000)
    for at in (0, 10_000, 29_999):
        before, after = set(cut(data)), set(cut(data[:at] + b"!" + data[at:]))
        assert len(after - before) <= 3
        assert len(before) > 100


# The store


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=30))
def test_a_store_holds_what_its_files_need_and_no_more(steps: list[tuple[bool, int]]) -> None:
    parts = [Random(number).randbytes(600) for number in range(4)]
    files = [b"", parts[0], parts[0] * 3, parts[0] + parts[1], parts[1] + parts[2], b"\0" * 4000]
    disk: dict[bytes, bytes] = {}
    store, kept = ChunkStore(disk), list[bytes]()
    recipes = [[hashlib.sha256(chunk).digest() for chunk in cut(data)] for data in files]
    for is_put, which in steps:
        if is_put:
            assert store.put(files[which]) == recipes[which]
            kept.append(files[which])
        elif files[which] in kept:
            store.remove(recipes[which])
            kept.remove(files[which])
        else:
            with pytest.raises(NotFound):
                store.remove(recipes[which])
        assert set(disk) == {name for data in kept for name in recipes[files.index(data)]}
        for data in kept:
            assert store.get(recipes[files.index(data)]) == data


# Other right answers

OTHER_WAYS = {
    "rows, and what is left over goes up": (
        "merkle_root",
        """
def merkle_root(chunks):
    row = [leaf_hash(chunk) for chunk in chunks] or [hashlib.sha256(b"").digest()]
    while len(row) > 1:
        pairs = [node_hash(*row[at : at + 2]) for at in range(0, len(row) - 1, 2)]
        row = pairs + row[len(pairs) * 2 :]
    return row[0]
""",
    ),
    "row by row, too": (
        "prove",
        """
def prove(chunks, index):
    if index not in range(len(chunks)):
        raise IndexError
    row, proof = [leaf_hash(chunk) for chunk in chunks], []
    while len(row) > 1:
        if index ^ 1 < len(row):
            proof.append(row[index ^ 1])
        pairs = [node_hash(*row[at : at + 2]) for at in range(0, len(row) - 1, 2)]
        row, index = pairs + row[len(pairs) * 2 :], index // 2
    return proof
""",
    ),
    "as RFC 9162 has it": (
        "proven",
        """
def proven(root, count, index, chunk, proof):
    if index < 0 or index >= count:
        return False
    fn, sn, value = index, count - 1, leaf_hash(chunk)
    for other in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            value = node_hash(other, value)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            value = node_hash(value, other)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and value == root
""",
    ),
    "by recursion": (
        "proven",
        """
def proven(root, count, index, chunk, proof):
    def value(count, index, proof):
        if count == 1:
            return None if proof else leaf_hash(chunk)
        if not proof:
            return None
        half, other = split(count), proof[-1]
        if index < half:
            inner = value(half, index, proof[:-1])
        else:
            inner = value(count - half, index - half, proof[:-1])
        if inner is None:
            return None
        return node_hash(inner, other) if index < half else node_hash(other, inner)
    return 0 <= index < count and value(count, index, proof) == root
""",
    ),
    "by counting": (
        "ChunkStore",
        """
class ChunkStore:
    def __init__(self, disk):
        self.disk, self.needed, self.files = disk, {}, {}
    def put(self, data):
        recipe = []
        for chunk in cut(data):
            name = hashlib.sha256(chunk).digest()
            self.disk[name] = chunk
            self.needed[name] = self.needed.get(name, 0) + 1
            recipe.append(name)
        self.files[tuple(recipe)] = self.files.get(tuple(recipe), 0) + 1
        return recipe
    def get(self, recipe):
        found = b""
        for name in recipe:
            try:
                chunk = self.disk[name]
            except KeyError:
                raise NotFound
            if hashlib.sha256(chunk).digest() != name:
                raise ValueError
            found += chunk
        return found
    def remove(self, recipe):
        if not self.files.get(tuple(recipe)):
            raise NotFound
        self.files[tuple(recipe)] -= 1
        for name in recipe:
            self.needed[name] -= 1
            if not self.needed[name]:
                del self.needed[name], self.disk[name]
""",
    ),
}


@pytest.mark.parametrize(("name", "source"), OTHER_WAYS.values(), ids=list(OTHER_WAYS))
def test_other_right_answers_pass(name: str, source: str) -> None:
    line = LAB.verdict(name, learner(PRELUDE)(name, source)).line
    assert line.startswith("[v]"), line


@pytest.mark.parametrize("name", ["merkle_root", "prove"])
def test_a_memorised_tree_fails_in_hidden_cases(name: str) -> None:
    task = LAB.tasks[name]
    known: dict[str, Any] = {}

    def learning(*arguments: Any) -> Any:
        known[repr(arguments)] = answer = task.reference(*arguments)
        return answer

    assert LAB.verdict(name, learning).is_right
    hidden: tuple[Any, ...] = (
        (numbered(9, "hidden"),) if name == "merkle_root" else (numbered(9, "hidden"), 3)
    )
    with pytest.raises(AssertionError):
        LAB.judge(name, lambda *arguments: known[repr(arguments)], hidden)
