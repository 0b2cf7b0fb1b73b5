"""Our stores, our reader of LevelDB's files, the page's and npm's level 10.0.0, live, over one directory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from p2plib.data.stores.files import DiskFiles
from p2plib.data.stores.interfaces import Change, Delete, Put
from p2plib.data.stores.leveldb import LevelDbStore
from p2plib.data.stores.leveldb_files.reader import read_leveldb
from p2plib.data.stores.memory import MemoryStore
from p2plib.errors import StoreLocked
from tests.interop.peers import ForeignPeer, PeerError, PeerRefused

pytestmark = pytest.mark.interop

WORDS = b"the quick brown fox jumps over the lazy dog "


@pytest.fixture(scope="module")
def node() -> Iterator[ForeignPeer]:
    with ForeignPeer("level.js") as peer:
        yield peer


@pytest.fixture
def plyvel() -> None:
    pytest.importorskip("plyvel", reason="plyvel, which has no wheel for every Python, is not installed")


def random_batch(rng: Random, size: int) -> list[Change]:
    batch: list[Change] = []
    for _ in range(size):
        key = rng.choice((b"key%d" % rng.randrange(2000), rng.randbytes(rng.randrange(1, 4))))
        value = rng.choice((b"", WORDS * rng.randrange(40), rng.randbytes(rng.randrange(100))))
        batch.append(Put(key, value) if rng.random() < 0.8 else Delete(key))
    return batch


def as_json(batch: list[Change]) -> list[list[str]]:
    return [
        [change.key.hex(), change.value.hex()] if isinstance(change, Put) else [change.key.hex()]
        for change in batch
    ]


def entries(node: ForeignPeer, path: Path) -> dict[bytes, bytes]:
    found = node.ask("entries", path=str(path))
    return {bytes.fromhex(key): bytes.fromhex(value) for key, value in found}


def write(node: ForeignPeer, path: Path, rng: Random, batches: int) -> MemoryStore:
    """Random batches, into level and into a store in memory."""
    judge = MemoryStore()
    for number in range(batches):
        batch = random_batch(rng, rng.choice((1, 20, 300)))
        judge.write(batch)
        node.ask("write", path=str(path), changes=as_json(batch), sync=number % 5 == 0)
    return judge


@pytest.mark.parametrize("seed", range(4))
def test_what_level_wrote_is_read_by_us_and_by_plyvel(
    node: ForeignPeer, tmp_path: Path, seed: int, plyvel: None
) -> None:
    path = tmp_path / "db"
    options = {"compression": seed % 2 == 0, "writeBufferSize": 60_000, "blockSize": 1024 * (1 + seed)}
    node.ask("open", path=str(path), options=options)
    judge = write(node, path, Random(seed), 40)
    if seed == 3:
        node.ask("compact", path=str(path))
    node.ask("putInSublevel", path=str(path), name="sub", key="a", text="b")
    judge.write([Put(b"!sub!a", b"b")])
    node.ask("close", path=str(path))
    found = read_leveldb(DiskFiles(path))
    assert found.values == dict(judge.scan())
    assert len(found.version.tables) >= 1
    assert found.cut_bytes == 0
    with LevelDbStore(path) as store:
        assert list(store.scan()) == list(judge.scan())
        assert list(store.scan(reverse=True)) == list(judge.scan(reverse=True))


def test_what_plyvel_wrote_is_read_by_level(node: ForeignPeer, tmp_path: Path, plyvel: None) -> None:
    path, rng, judge = tmp_path / "db", Random(9), MemoryStore()
    with LevelDbStore(path) as store:
        for _ in range(40):
            batch = random_batch(rng, 100)
            store.write(batch, durable=False)
            judge.write(batch)
    node.ask("open", path=str(path), options={})
    assert entries(node, path) == dict(judge.scan())
    key, value = next(judge.scan(b"key"))
    assert node.ask("get", path=str(path), key=key.hex()) == value.hex()
    assert node.ask("get", path=str(path), key=b"no such key".hex()) is None
    node.ask("close", path=str(path))


def test_in_turns(node: ForeignPeer, tmp_path: Path, plyvel: None) -> None:
    path, rng, judge = tmp_path / "db", Random(5), MemoryStore()
    for _ in range(4):
        batch = random_batch(rng, 200)
        judge.write(batch)
        node.ask("open", path=str(path), options={})
        node.ask("write", path=str(path), changes=as_json(batch), sync=True)
        node.ask("close", path=str(path))
        batch = random_batch(rng, 200)
        judge.write(batch)
        with LevelDbStore(path) as store:
            store.write(batch)
        assert read_leveldb(DiskFiles(path)).values == dict(judge.scan())


def test_ranges_mean_the_same(node: ForeignPeer, tmp_path: Path) -> None:
    """Ours are those of abstract-level: the start is in, the end is not, in either direction."""
    path, judge = tmp_path / "db", MemoryStore()
    node.ask("open", path=str(path), options={})
    batch: list[Change] = [Put(b"%02d" % number, b"") for number in range(0, 40, 2)]
    judge.write(batch)
    node.ask("write", path=str(path), changes=as_json(batch), sync=False)
    rng = Random(1)
    for _ in range(200):
        start, end = (b"%02d" % rng.randrange(42) for _ in range(2))
        reverse, limit = rng.random() < 0.5, rng.choice((0, 1, 5, 100))
        theirs = node.ask(
            "range", path=str(path), start=start.hex(), end=end.hex(), reverse=reverse, limit=limit
        )
        assert [key.hex() for key, _ in judge.scan(start, end, reverse=reverse, limit=limit)] == theirs
    node.ask("close", path=str(path))


@pytest.mark.fault("F121")
@pytest.mark.parametrize("seed", range(3))
def test_a_directory_whose_node_was_killed(tmp_path: Path, seed: int, plyvel: None) -> None:
    path = tmp_path / "db"
    with ForeignPeer("level.js") as node:
        node.ask("open", path=str(path), options={"writeBufferSize": 60_000})
        judge = write(node, path, Random(seed), 10 + 10 * seed)
        with pytest.raises(PeerError):
            node.ask("die")
    found = read_leveldb(DiskFiles(path))
    assert found.values == dict(judge.scan())
    with LevelDbStore(path) as store:
        assert dict(store.scan()) == found.values


@pytest.mark.fault("F122")
def test_one_opener_whatever_it_runs_on(node: ForeignPeer, tmp_path: Path, plyvel: None) -> None:
    path = tmp_path / "db"
    node.ask("open", path=str(path), options={})
    with pytest.raises(StoreLocked):
        LevelDbStore(path)
    node.ask("close", path=str(path))
    with LevelDbStore(path), pytest.raises(PeerRefused, match="lock"):
        node.ask("open", path=str(path), options={})


PAGE = Path(__file__).parents[2] / "book" / "src" / "data" / "stores.md"


def program_of_the_page() -> dict[str, Any]:
    """What the cells define that a stranger could have written from the page alone."""
    cells = re.findall(
        r"```\{code-cell\} ipython3\n:tags: \[stranger\]\n(.*?)\n```", PAGE.read_text("utf8"), re.DOTALL
    )
    assert len(cells) == 2
    program = "\n\n".join(cells)
    assert "import" not in program
    names: dict[str, Any] = {}
    exec(compile(program, str(PAGE), "exec"), names)
    return names


@pytest.mark.parametrize("seed", range(3))
def test_the_reader_of_the_page_reads_what_level_wrote(node: ForeignPeer, tmp_path: Path, seed: int) -> None:
    path = tmp_path / "db"
    node.ask("open", path=str(path), options={})
    judge = write(node, path, Random(seed), 25)
    large = Random(seed).randbytes(100_000)  # over four blocks
    node.ask("write", path=str(path), changes=[[b"large".hex(), large.hex()]], sync=True)
    judge.write([Put(b"large", large)])
    node.ask("close", path=str(path))
    [log] = path.glob("*.log")
    assert program_of_the_page()["replay"](log.read_bytes()) == dict(judge.scan())
