"""The page says enough: its own cells, with nothing of ours, verify what others have signed, and ours."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from p2plib.data.merkle import checkpoint, proofs
from p2plib.data.merkle.checkpoint import Checkpoint, LoggedProof, NoteKey
from p2plib.data.merkle.tree import AppendOnlyTree, leaf_hash
from p2plib.errors import InvalidProof
from p2plib.identity.keys import SecretKey
from tests.data.merkle import stranger
from tests.data.merkle.published import LEAVES, ORIGIN, VERIFIER_KEY, WORDS, head

OURS = SecretKey.from_seed(bytes([9]) * 32)
KEY = NoteKey("example.com/ours", OURS.public)


def test_a_stranger_believes_what_we_believe_about_every_leaf() -> None:
    tree, questions, verdicts = AppendOnlyTree(WORDS), [], []
    for size in (1, 2, 7, 15):
        for index in range(size):
            path = proofs.prove_inclusion(tree, index, size)
            for data, proof in (
                (WORDS[index], path),
                (b"other", path),
                (WORDS[index], [*path, bytes(32)]),
                (WORDS[index], path[:-1]),
                (WORDS[index], [each[:31] for each in path]),
            ):
                try:
                    proofs.verify_inclusion(tree.root(size), size, index, data, proof)
                    verdicts.append(True)
                except InvalidProof:
                    verdicts.append(False)
                asked = (tree.root(size).hex(), size, index, data.hex(), [each.hex() for each in proof])
                questions.append(("inclusion", *asked))
    assert stranger.ask(questions) == verdicts
    assert sum(verdicts) >= 25


def test_published_heads_and_ours() -> None:
    tree = AppendOnlyTree(WORDS)
    files = []
    for size in (1, 2, 5, 7, 8, 15):
        path = tuple(proofs.prove_inclusion(tree, size - 1, size))
        note = checkpoint.read_note(head(size))
        files.append((LoggedProof(size - 1, path, note, b"more" * (size % 2)).raw.decode(), WORDS[size - 1]))
    good = [("logged", file, data.hex(), VERIFIER_KEY, ORIGIN) for file, data in files]
    note = checkpoint.sign_checkpoint(Checkpoint(KEY.name, 15, tree.root()), KEY.name, OURS)
    ours = LoggedProof(3, tuple(proofs.prove_inclusion(tree, 3)), note).raw.decode()
    good.append(("logged", ours, b"four".hex(), KEY.text, KEY.name))
    assert stranger.ask(good) == [True] * 7
    file, seven = files[3][0], b"seven".hex()
    wrong = [
        (file, b"eight".hex(), VERIFIER_KEY, ORIGIN),
        (file, seven, KEY.text, ORIGIN),
        (file, seven, VERIFIER_KEY, KEY.name),
        (file.replace("\n7\n", "\n8\n"), seven, VERIFIER_KEY, ORIGIN),
        (file.replace("index 6", "index 5"), seven, VERIFIER_KEY, ORIGIN),
        (file.replace("@v1", "@v2"), seven, VERIFIER_KEY, ORIGIN),
        (file.replace("\u2014", "-"), seven, VERIFIER_KEY, ORIGIN),
        (file, seven, VERIFIER_KEY.replace("33d7", "33d8"), ORIGIN),
    ]
    assert stranger.ask([("logged", *asked) for asked in wrong]) == [False] * len(wrong)


def test_the_published_probes_that_come_with_their_leaf(shared_vectors: Path) -> None:
    """The probes name hashes of leaves; some are of the eight leaves of the reference tests."""
    folder = shared_vectors / "merkle-rfc6962" / "testdata" / "inclusion"
    known = {leaf_hash(data): data for data in LEAVES}
    questions, wanted = [], []
    for file in sorted(folder.rglob("*.json")):
        probe = json.loads(file.read_text())
        data = known.get(base64.b64decode(probe["leafHash"]))
        if data is None:
            continue
        path = [base64.b64decode(text).hex() for text in probe["proof"] or []]
        root = base64.b64decode(probe["root"]).hex()
        questions.append(("inclusion", root, probe["treeSize"], probe["leafIdx"], data.hex(), path))
        wanted.append(not probe["wantErr"])
    assert len(wanted) > 60
    assert stranger.ask(questions) == wanted
