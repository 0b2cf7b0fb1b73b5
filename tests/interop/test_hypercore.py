"""npm's hypercore 9: its directories, its proofs, and its replication, in every role and with every liar."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2plib.data.hypercore import rle, tree
from p2plib.data.hypercore.core import Hypercore
from p2plib.data.hypercore.files import create_core, open_core
from p2plib.data.hypercore.tree import BlockProof, TreeNode
from p2plib.errors import SignatureError, StoreLocked
from tests.data.hypercore.feeds import AUTHOR, content, feed
from tests.interop.peers import ForeignPeer, PeerRefused

pytestmark = pytest.mark.interop

SEED = AUTHOR.expose_seed().hex()
KEY = AUTHOR.public.hex()


def contents(first: int, end: int) -> list[str]:
    return [content(block).hex() for block in range(first, end)]


@pytest.fixture(scope="module")
def peer() -> Iterator[ForeignPeer]:
    with ForeignPeer("hypercore.js") as made:
        yield made


# Codes, hashes, proofs, digests


def test_the_run_length_code_is_theirs(peer: ForeignPeer) -> None:
    source = random.Random(9)
    fields = [
        bytes(source.choice((0, 0, 0, 255, 255, 7, 128)) for _ in range(source.randrange(60)))
        for _ in range(3000)
    ]
    fields += [b"\xff" * 1024, b"\xff" * 100 + b"\xf8" + bytes(1000), bytes(5000) + b"\x01"]
    codes = peer.ask("rle", fields=[field.hex() for field in fields])
    assert [rle.encode(field).hex() for field in fields] == codes


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 13, 100])
def test_roots_signatures_and_proofs_are_theirs(peer: ForeignPeer, length: int) -> None:
    name = f"proofs {length}"
    state = peer.ask("open", name=name, seed=SEED)
    assert (state["key"], state["discoveryKey"]) == (KEY, tree.discovery_key(AUTHOR.public).hex())
    peer.ask("append", name=name, contents=contents(0, length))
    core = feed(length)
    assert core.head is not None
    roots = [[root.index, root.size, root.hash.hex()] for root in core.head.roots]
    assert peer.ask("roots", name=name, length=length) == roots
    assert peer.ask("signature", name=name, length=length) == core.head.signature.hex()
    copy = Hypercore(AUTHOR.public)
    for block in random.Random(length).sample(range(length), length):
        digest = copy.digest(block)
        theirs = peer.ask("proof", name=name, block=block, digest=digest)
        ours = core.prove(block, digest)
        assert theirs["nodes"] == [[node.index, node.hash.hex(), node.size] for node in ours.nodes]
        assert theirs["signature"] == ours.signature.hex()
        copy.put(block, content(block), ours)


@pytest.mark.parametrize("length", [5, 37])
def test_each_copy_believes_the_proofs_of_the_other(peer: ForeignPeer, length: int) -> None:
    """Their copy asks with its digest and is given our proof, and the other way round."""
    core, ours = feed(length), Hypercore(AUTHOR.public)
    theirs, author = f"copy {length}", f"author {length}"
    peer.ask("open", name=theirs, key=KEY, sparse=True)
    peer.ask("open", name=author, seed=SEED)
    peer.ask("append", name=author, contents=contents(0, length))
    for block in random.Random(1).sample(range(length), length):
        assert peer.ask("digest", name=theirs, block=block) == ours.digest(block)
        proof = core.prove(block, ours.digest(block))
        nodes = [[node.index, node.hash.hex(), node.size] for node in proof.nodes]
        peer.ask(
            "put",
            name=theirs,
            block=block,
            content=content(block).hex(),
            nodes=nodes,
            signature=proof.signature.hex(),
        )
        given = peer.ask("proof", name=author, block=block, digest=ours.digest(block))
        made = tuple(TreeNode(index, bytes.fromhex(hashed), size) for index, hashed, size in given["nodes"])
        assert ours.put(block, content(block), BlockProof(block, made, bytes.fromhex(given["signature"])))
    assert peer.ask("audit", name=theirs) == {"valid": length, "invalid": 0}
    assert ours.audit() == []


# Directories


@pytest.mark.parametrize("batches", [[1], [5], [30, 7], [1000], [8191, 1, 1], [9000, 20_000]])
def test_we_read_and_extend_theirs_and_the_files_are_the_same(
    peer: ForeignPeer, tmp_path: Path, batches: list[int]
) -> None:
    """Byte for byte, index of the bit field and all."""
    theirs, ours = str(tmp_path / "theirs"), tmp_path / "ours"
    name = f"directory {batches}"
    peer.ask("open", name=name, directory=theirs, seed=SEED)
    core = create_core(ours, AUTHOR, durable=False)
    for batch in batches:
        first = core.length
        core.append([content(block % 50) for block in range(first, first + batch)])
        peer.ask(
            "append", name=name, contents=[content(block % 50).hex() for block in range(first, first + batch)]
        )
    peer.ask("close", name=name)
    core.close()
    for file in ("key", "secret_key", "data", "tree", "signatures", "bitfield"):
        assert (tmp_path / "theirs" / file).read_bytes() == (ours / file).read_bytes(), file
    core = open_core(theirs, durable=False)
    assert core.length == sum(batches)
    assert core.audit() == []
    assert core.append(b"by us") == sum(batches)
    core.close()
    assert peer.ask("open", name=name, directory=theirs)["length"] == sum(batches) + 1
    assert peer.ask("audit", name=name) == {"valid": sum(batches) + 1, "invalid": 0}
    peer.ask("append", name=name, contents=[b"by them".hex()])
    peer.ask("close", name=name)
    core = open_core(theirs, durable=False)
    assert core.get(core.length - 1) == b"by them"
    core.close()


def test_they_read_and_extend_ours(peer: ForeignPeer, tmp_path: Path) -> None:
    core = create_core(tmp_path / "feed", AUTHOR, durable=False)
    core.append([content(block) for block in range(20)])
    core.append(b"alone")
    core.clear(3)
    core.close()
    state = peer.ask("open", name="ours", directory=str(tmp_path / "feed"))
    assert (state["length"], state["here"], state["writable"]) == (21, 20, True)
    assert peer.ask("audit", name="ours") == {"valid": 20, "invalid": 0}
    assert peer.ask("get", name="ours", block=20) == b"alone".hex()
    peer.ask("append", name="ours", contents=[b"by them".hex()])
    peer.ask("close", name="ours")
    core = open_core(tmp_path / "feed")
    assert core.length == 22
    assert core.get(21) == b"by them"
    core.close()


def test_a_copy_in_part_changes_hands(peer: ForeignPeer, tmp_path: Path) -> None:
    author = feed(40)
    core = create_core(tmp_path / "copy", key=AUTHOR.public, durable=False)
    for block in (30, 3, 39):
        core.put(block, content(block), author.prove(block, core.digest(block)))
    core.close()
    state = peer.ask("open", name="part", directory=str(tmp_path / "copy"), sparse=True)
    assert (state["length"], state["here"], state["writable"]) == (40, 3, False)
    assert peer.ask("audit", name="part") == {"valid": 3, "invalid": 0}
    proof = author.prove(7, peer.ask("digest", name="part", block=7))
    nodes = [[node.index, node.hash.hex(), node.size] for node in proof.nodes]
    peer.ask(
        "put", name="part", block=7, content=content(7).hex(), nodes=nodes, signature=proof.signature.hex()
    )
    peer.ask("close", name="part")
    core = open_core(tmp_path / "copy")
    assert [block for block in range(40) if core.has(block)] == [3, 7, 30, 39]
    assert core.audit() == []
    stranger = Hypercore(AUTHOR.public)
    assert stranger.put(7, core.get(7), core.prove(7))
    core.close()


@pytest.mark.fault("F122")
def test_what_they_have_open_we_do_not_open(peer: ForeignPeer, tmp_path: Path) -> None:
    peer.ask("open", name="locked", directory=str(tmp_path / "feed"), seed=SEED)
    peer.ask("append", name="locked", contents=contents(0, 3))
    with pytest.raises(StoreLocked):
        open_core(tmp_path / "feed")
    peer.ask("close", name="locked")
    core = open_core(tmp_path / "feed")
    with pytest.raises(PeerRefused):
        peer.ask("open", name="locked", directory=str(tmp_path / "feed"))
    core.close()


@pytest.mark.fault("F116")
def test_they_refuse_what_we_refuse(peer: ForeignPeer) -> None:
    core = feed(5)
    peer.ask("open", name="wary", key=KEY, sparse=True)
    proof = core.prove(1)
    nodes = [[node.index, node.hash.hex(), node.size] for node in proof.nodes]
    for said, given in ((b"forged", nodes), (content(1), [[*nodes[0][:2], nodes[0][2] + 1], *nodes[1:]])):
        with pytest.raises(PeerRefused):
            peer.ask(
                "put", name="wary", block=1, content=said.hex(), nodes=given, signature=proof.signature.hex()
            )
        made = tuple(TreeNode(index, bytes.fromhex(hashed), size) for index, hashed, size in given)
        with pytest.raises(SignatureError):
            tree.verify(AUTHOR.public, said, BlockProof(1, made, proof.signature))
