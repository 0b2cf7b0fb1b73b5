"""The page says enough: its own cells, with nothing of ours, read archives of files and notice forgeries.

The archives are ours and one that go-car publishes: the stranger reads what a Go program has written.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from pathlib import Path
from random import Random

import pytest

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import Block
from p2plib.data.dag.car.writer import write_car
from p2plib.data.dag.unixfs.importing import add_file
from p2plib.data.dag.unixfs.profiles import PROFILES, SplitRule, UnixFsProfile
from p2plib.data.dag.unixfs.reading import listing, node_at
from p2plib.data.dag.walk import DagWalk, walk_store
from p2plib.wire import cid as cids
from p2plib.wire.cid import Cid
from tests.conftest import ROOT
from tests.data.dag.unixfs.test_published_cars import INPUTS, SMALL, blocks_in
from tests.protocol import stranger

READ = """
import sys

car, root = (bytes.fromhex(line) for line in sys.stdin.read().split())
print(hashlib.sha256(file_of(blocks_of(car), root)).hexdigest())
"""
READ_ALL = """
import json
import sys

given = json.loads(sys.stdin.read())
blocks = blocks_of(bytes.fromhex(given[0]))
print(json.dumps([file_of(blocks, bytes.fromhex(name)).decode() for name in given[1:]]))
"""
DEEP = UnixFsProfile("deep", 700, 3, 1, True, SplitRule.BLOCK_BYTES)


def cells() -> str:
    """The code of the page's tagged cells."""
    text = (ROOT / "book" / "src" / "data" / "dags.md").read_text("utf8")
    found = re.findall(r"```\{code-cell\} ipython3\n:tags: \[stranger[^\]]*\]\n(.*?)```", text, re.DOTALL)
    assert len(found) == 2
    assert "p2plib" not in "".join(found)
    return "\n\n".join(found)


def archive(data: bytes, profile: UnixFsProfile) -> tuple[bytes, bytes]:
    """A CAR of a file, and the CID of its root."""
    store = MemoryBlocks()
    root = add_file(store, [data], profile).cid
    blocks = [Block(visit.cid, visit.data) for visit in walk_store(store, DagWalk(root))]
    return b"".join(write_car([root], blocks)), cids.encode_bytes(root)


def read(car: bytes, root: bytes) -> str:
    """What the stranger says: the SHA-256 of the file, or what is wrong."""
    program = cells() + READ.replace("sys.stdin.read()", repr(f"{car.hex()} {root.hex()}"))
    return asyncio.run(stranger.run(program))


@pytest.mark.parametrize("profile", [*PROFILES.values(), DEEP], ids=lambda profile: profile.name)
def test_a_stranger_reads_a_file_of_ours(profile: UnixFsProfile) -> None:
    for size in (0, 5, 20_000):
        data = Random(size).randbytes(size)
        assert read(*archive(data, profile)) == hashlib.sha256(data).hexdigest()


def test_a_stranger_notices_what_was_spoiled() -> None:
    car, root = archive(Random(1).randbytes(3000), DEEP)
    for spoiled, why in (
        (car[:-1], "cut off"),
        (car[:-1] + bytes([car[-1] ^ 1]), "forged or broken"),
        (car + b"\x00", "cut off"),
        (car + b"\xff" * 12, "without an end"),
    ):
        assert why in read(spoiled, root)


def files_in(store: MemoryBlocks, folder: Cid) -> list[Cid]:
    """The files below a folder."""
    found = []
    for entry in listing(store, folder):
        found += [entry.cid] if node_at(store, entry.cid).is_file else files_in(store, entry.cid)
    return found


def test_a_stranger_reads_what_a_go_program_wrote(shared_vectors: Path) -> None:
    path = shared_vectors / INPUTS / "simple-unixfs.car"
    store, root, _ = blocks_in(path)
    names = [cids.encode_bytes(cid).hex() for cid in files_in(store, root)]
    given = json.dumps([path.read_bytes().hex(), *names])
    said = asyncio.run(stranger.run(cells() + READ_ALL.replace("sys.stdin.read()", repr(given))))
    assert sorted(json.loads(said)) == sorted(data.decode() for data in SMALL.values())
