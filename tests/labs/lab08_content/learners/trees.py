"""What learners of lab 8 wrote for the Merkle tree: (task, what they did, the cell, words of the hint)."""

# ruff: noqa: E501  # a learner's cell, as a change of the right one, is a line here

from __future__ import annotations

from tests.labs.mutating import answers, but

RIGHT = answers("lab08_content")


def _but(task: str, did: str, hint: str, *changes: str) -> tuple[str, str, str, str]:
    return task, did, but(RIGHT[task], *changes), hint


BOTH = "node_hash(merkle_root(chunks[:half]), merkle_root(chunks[half:]))"
ROOT = [
    _but("merkle_root", "no return", "is a return missing?", "    return node_hash(m", "    node_hash(m"),
    _but("merkle_root", "no end", "cut no further", "    if len(chunks) == 1:\n        return leaf_hash(chunks[0])\n", "", "half = split(len(chunks))", "half = len(chunks) // 2"),
    _but("merkle_root", "plain leaf", "the byte before", 'sha256(b"\\0" + chunk)', "sha256(chunk)"),
    _but("merkle_root", "plain node", "the byte before", 'sha256(b"\\1" + left + right)', "sha256(left + right)"),
    _but("merkle_root", "plain both", "the byte before", 'sha256(b"\\0" + chunk)', "sha256(chunk)", 'sha256(b"\\1" + left + right)', "sha256(left + right)"),
    _but("merkle_root", "in the middle", "not in the middle", "half = split(len(chunks))", "half = len(chunks) // 2"),
    _but("merkle_root", "the larger half", "not in the middle", "half = split(len(chunks))", "half = (len(chunks) + 1) // 2"),
    _but("merkle_root", "right first", "the left half comes first", BOTH, "node_hash(merkle_root(chunks[half:]), merkle_root(chunks[:half]))"),
    _but("merkle_root", "sorted", "nothing is sorted", BOTH, "node_hash(*sorted([merkle_root(chunks[:half]), merkle_root(chunks[half:])]))"),
    _but("merkle_root", "hex", "not their hex", "hashlib.sha256(b\"\").digest()", "hashlib.sha256(b\"\").hexdigest()", "        return leaf_hash(chunks[0])", "        return leaf_hash(chunks[0]).hex()", BOTH, "node_hash(bytes.fromhex(merkle_root(chunks[:half])), bytes.fromhex(merkle_root(chunks[half:]))).hex()"),
    _but("merkle_root", "zeros for nothing", "not 32 zeros", 'hashlib.sha256(b"").digest()', "bytes(32)"),
    _but("merkle_root", "a leaf for nothing", "not one empty chunk", 'hashlib.sha256(b"").digest()', 'leaf_hash(b"")'),
    _but("merkle_root", "nothing for nothing", "SHA-256 of no bytes", 'hashlib.sha256(b"").digest()', 'b""'),
    _but("merkle_root", "forgets nothing", "there may be no chunks", "    if not chunks:\n        return hashlib.sha256(b\"\").digest()\n    if len(chunks) == 1:", "    if len(chunks) < 2:"),
    _but("merkle_root", "no leaf hash", "a chunk is hashed too", "        return leaf_hash(chunks[0])", "        return chunks[0]"),
    ("merkle_root", "row by row, the last twice", """
def merkle_root(chunks):
    if not chunks:
        return hashlib.sha256(b"").digest()
    row = [leaf_hash(chunk) for chunk in chunks]
    while len(row) > 1:
        if len(row) % 2:
            row.append(row[-1])
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]
""", "an odd chunk is not doubled"),
    ("merkle_root", "a chain", """
def merkle_root(chunks):
    if not chunks:
        return hashlib.sha256(b"").digest()
    value = leaf_hash(chunks[0])
    for chunk in chunks[1:]:
        value = node_hash(value, leaf_hash(chunk))
    return value
""", "a tree, not a chain"),
    ("merkle_root", "row by row, no right one", """
def merkle_root(chunks):
    row = [leaf_hash(chunk) for chunk in chunks] or [hashlib.sha256(b"").digest()]
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]
""", "a row may have an odd number"),
    ("merkle_root", "row by row, the odd one dropped", """
def merkle_root(chunks):
    row = [leaf_hash(chunk) for chunk in chunks] or [hashlib.sha256(b"").digest()]
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
    return row[0]
""", "neither hashed nor dropped"),
    ("merkle_root", "padded", """
def merkle_root(chunks):
    row = [leaf_hash(chunk) for chunk in chunks] or [hashlib.sha256(b"").digest()]
    while len(row) & (len(row) - 1):
        row.append(leaf_hash(b""))
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]
""", "nothing is added to make the number even"),
    _but("merkle_root", "hashes the lists", "call merkle_root for each", BOTH, "node_hash(chunks[:half], chunks[half:])"),
    _but("merkle_root", "joins the halves", "not one long chunk", BOTH, 'node_hash(leaf_hash(b"".join(chunks[:half])), leaf_hash(b"".join(chunks[half:])))'),
    _but("merkle_root", "a leaf of a node", "leaf_hash is for chunks alone", BOTH, f"leaf_hash({BOTH})"),
    ("merkle_root", "loses one", """
def merkle_root(chunks):
    if len(chunks) < 3:
        return node_hash(*map(leaf_hash, chunks)) if chunks[1:] else leaf_hash(chunks[0])
    half = split(len(chunks))
    return node_hash(merkle_root(chunks[:half]), merkle_root(chunks[half + 1:]))
""", "together they have all the chunks"),
    ("merkle_root", "pops", """
def merkle_root(chunks):
    if not chunks:
        return hashlib.sha256(b"").digest()
    if len(chunks) == 1:
        return leaf_hash(chunks.pop())
    half = split(len(chunks))
    return node_hash(merkle_root(chunks[:half]), merkle_root(chunks[half:]))
""", "work on a copy"),
]  # fmt: skip

LEFT, OTHER = "[*prove(left, index), merkle_root(right)]", "[*prove(right, index - half), merkle_root(left)]"
PROVE = [
    _but("prove", "no return", "is a return missing?", f"    return {OTHER}", f"    {OTHER}"),
    _but("prove", "top down", "the lowest first", LEFT, "[merkle_root(right), *prove(left, index)]", OTHER, "[merkle_root(left), *prove(right, index - half)]"),
    _but("prove", "with itself", "the chunk's own hash", "        return []", "        return [leaf_hash(chunks[0])]"),
    _but("prove", "the way itself", "not the hashes on the path", LEFT, "[*prove(left, index), merkle_root(left)]", OTHER, "[*prove(right, index - half), merkle_root(right)]"),
    _but("prove", "in the middle", "not in the middle", "half = split(len(chunks))", "half = len(chunks) // 2"),
    _but("prove", "the same place", "index - half", "[*prove(right, index - half)", "[*prove(right, min(index, len(right) - 1))"),
    _but("prove", "Python's places", "Python's -1 is no place", "if not 0 <= index < len(chunks):", "if not chunks or index >= len(chunks):", "    if len(chunks) == 1:", "    index %= len(chunks)\n    if len(chunks) == 1:"),
    _but("prove", "another exception", "is an IndexError", "raise IndexError", "raise ValueError"),
    _but("prove", "nothing there", "not an empty proof", '        raise IndexError("there is no such chunk")', "        return []"),
    _but("prove", "only the top", "one hash for each step", LEFT, "[merkle_root(right)]", OTHER, "[merkle_root(left)]"),
    _but("prove", "any place", "whether there is such a chunk", '    if not 0 <= index < len(chunks):\n        raise IndexError("there is no such chunk")\n', ""),
    _but("prove", "keeps the place", "in the right half its place is index - half", "*prove(right, index - half)", "*prove(right, index)"),
    _but("prove", "one place too many on the left", "in the right half its place is index - half", "if index < half", "if index <= half"),
    _but("prove", "counts from 1", "the first chunk has place 0", "0 <= index < len(chunks)", "1 <= index <= len(chunks)", "if index < half", "if index <= half"),
    _but("prove", "lists in lists", "with the star", "[*prove(left", "[prove(left", "[*prove(right", "[prove(right"),
    _but("prove", "a tuple", "not a tuple", "return []", "return ()", LEFT, "(*prove(left, index), merkle_root(right))", OTHER, "(*prove(right, index - half), merkle_root(left))"),
    _but("prove", "joined", "not joined", "return []", 'return b""', LEFT, "prove(left, index) + merkle_root(right)", OTHER, "prove(right, index - half) + merkle_root(left)"),
    _but("prove", "the chunk beside", "is hashed too", "    half = split", "    if len(chunks) == 2:\n        return [chunks[1 - index]]\n    half = split"),
    _but("prove", "a half as one chunk", "not one long chunk", LEFT, '[*prove(left, index), leaf_hash(b"".join(right))]', OTHER, '[*prove(right, index - half), leaf_hash(b"".join(left))]'),
    ("prove", "row by row, no neighbour", """
def prove(chunks, index):
    if not 0 <= index < len(chunks):
        raise IndexError
    row, proof = [leaf_hash(chunk) for chunk in chunks], []
    while len(row) > 1:
        proof.append(row[index ^ 1])
        pairs = [node_hash(*row[i : i + 2]) for i in range(0, len(row) - 1, 2)]
        row, index = pairs + row[len(pairs) * 2 :], index // 2
    return proof
""", "goes up alone, and adds no hash"),
    ("prove", "row by row, the last twice", """
def prove(chunks, index):
    if not 0 <= index < len(chunks):
        raise IndexError
    row, proof = [leaf_hash(chunk) for chunk in chunks], []
    while len(row) > 1:
        row += row[-1:] * (len(row) % 2)
        proof.append(row[index ^ 1])
        row, index = [node_hash(*row[i : i + 2]) for i in range(0, len(row), 2)], index // 2
    return proof
""", "not its own neighbour"),
    ("prove", "all leaves", "def prove(chunks, index):\n    return [leaf_hash(c) for i, c in enumerate(chunks) if i != index]", "not all leaves"),
    ("prove", "with the root", "from p2plib.labs.lab08_content import trees\ndef prove(chunks, index):\n    return [*trees.prove(chunks, index), merkle_root(chunks)]", "the root is no part"),
    ("prove", "with sides", "from p2plib.labs.lab08_content import paths\ndef prove(chunks, index):\n    return paths._with_sides(chunks, index)", "only the hashes"),
]  # fmt: skip

PLACE, LENGTH = (
    "    if not 0 <= index < count:\n        return False\n",
    "    if len(proof) != len(are_left):\n        return False\n",
)
PROVEN = [
    _but("proven", "no return", "is a return missing?", "    return value == root", "    value == root"),
    _but("proven", "gives the root", "return True or False", "    return value == root", "    return value if value == root else b''"),
    _but("proven", "any place", "", PLACE, ""),
    _but("proven", "a negative place", "0 <= index < count", "if not 0 <= index < count", "if not index < count"),
    _but("proven", "one place more", "0 <= index < count", "0 <= index < count", "0 <= index <= count"),
    _but("proven", "any length", "one hash for each step", LENGTH, ""),
    _but("proven", "too long is right", "one hash for each step", "len(proof) != len(are_left)", "len(proof) < len(are_left)"),
    _but("proven", "strict zip alone", "too many hashes, too few", LENGTH, "", "zip(reversed(are_left), proof)", "zip(reversed(are_left), proof, strict=True)"),
    _but("proven", "top down", "from the last split to the first", "zip(reversed(are_left), proof)", "zip(are_left, reversed(proof))"),
    _but("proven", "sides not reversed", "left if index < half", "zip(reversed(are_left), proof)", "zip(are_left, proof)"),
    _but("proven", "chunk not hashed", "leaf_hash(chunk)", "value = leaf_hash(chunk)", "value = chunk"),
    _but("proven", "a bare leaf", "leaf_hash", "value = leaf_hash(chunk)", "value = hashlib.sha256(chunk).digest()"),
    _but("proven", "always left", "left if index < half", "(value, other) if is_left else (other, value)", "(value, other)"),
    _but("proven", "sides exchanged", "", "(value, other) if is_left else (other, value)", "(other, value) if is_left else (value, other)"),
    _but("proven", "in the middle", "cut with split", "half = split(count)", "half = count // 2"),
    _but("proven", "believes all that has the length", "the last value must be the root", "    return value == root", "    return True"),
    _but("proven", "the end will do", "must be the root", "    return value == root", "    return value.endswith(root)"),
    _but("proven", "the right half is as large", "count - half chunks", "index, count = index - half, count - half", "index, count = index - half, half"),
    _but("proven", "insists on 32 bytes", "nothing is raised, whatever a stranger sends", PLACE, PLACE + "    assert all(len(one) == 32 for one in proof)\n"),
    _but("proven", "an error for a place", "0 <= index < count", "        return False\n    are_left", "        raise IndexError\n    are_left"),
    _but("proven", "compares hex", "of two chunks the root is", "value == root", "value.hex() == root"),
    ("proven", "by the bits", """
def proven(root, count, index, chunk, proof):
    if not 0 <= index < count:
        return False
    value = leaf_hash(chunk)
    for other in proof:
        value = node_hash(other, value) if index % 2 else node_hash(value, other)
        index //= 2
    return value == root
""", "only where n is a power of two"),
    ("proven", "takes from the proof", """
def proven(root, count, index, chunk, proof):
    def value(count, index):
        if count == 1:
            return leaf_hash(chunk)
        half, other = split(count), proof.pop()
        if index < half:
            return node_hash(value(half, index), other)
        return node_hash(other, value(count - half, index - half))
    return 0 <= index < count and value(count, index) == root and not proof
""", "take nothing out of it"),
]  # fmt: skip

TREES = [*ROOT, *PROVE, *PROVEN]
