"""A whole directory: bytes that LevelDB wrote, directories of plyvel's, and what is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from p2plib.data.stores.files import DiskFiles
from p2plib.data.stores.interfaces import Change, Delete, Put
from p2plib.data.stores.leveldb import LevelDbStore
from p2plib.data.stores.leveldb_files.mask import masked
from p2plib.data.stores.leveldb_files.reader import read_leveldb
from p2plib.errors import StoreCorrupt, StoreError
from p2plib.wire.crc32c import crc32c
from tests.data.stores.leveldb_files.samples import COMPRESSED_TABLE, SMALL, disk_of
from tests.data.stores.leveldb_files.test_records import fragment


def test_what_leveldb_wrote() -> None:
    found = read_leveldb(disk_of(SMALL))
    assert found.values == {b"ben": b"new", b"cy": b""}
    assert (found.logs, found.last_sequence, found.states, found.cut_bytes) == (("000004.log",), 5, 5, 0)


def test_old_logs_and_the_old_name_of_tables() -> None:
    files = {**SMALL, "000003.log": b"garbage", "000007.ldb": b"garbage"}
    files["000005.sst"] = files.pop("000005.ldb")
    assert read_leveldb(disk_of(files)).values == {b"ben": b"new", b"cy": b""}


def test_an_older_log_that_the_manifest_names_besides() -> None:
    """Field 9, from old versions; what is in that log is older than what is in the next."""
    change = (2).to_bytes(8, "little") + bytes([2, 0, 0, 0]) + b"\x01\x03ben\x03mid" + b"\x01\x02di\x01x"
    files = {
        **SMALL,
        "MANIFEST-000002": SMALL["MANIFEST-000002"] + fragment(1, bytes([9, 3])),
        "000003.log": fragment(1, change),
    }
    found = read_leveldb(disk_of(files))
    assert found.logs == ("000003.log", "000004.log")
    assert found.values == {b"ben": b"new", b"cy": b"", b"di": b"x"}


@pytest.mark.fault("F121")
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"CURRENT": None}, StoreError),
        ({"CURRENT": b"MANIFEST-000002"}, StoreCorrupt),
        ({"CURRENT": b"../../secret\n"}, StoreCorrupt),
        ({"MANIFEST-000002": None}, StoreCorrupt),
        ({"MANIFEST-000002": SMALL["MANIFEST-000002"][:-1] + b"x"}, StoreCorrupt),
        ({"000005.ldb": None}, StoreCorrupt),
        ({"000005.ldb": SMALL["000005.ldb"] + b"x"}, StoreCorrupt),
        ({"000005.ldb": bytes(149)}, StoreCorrupt),
        ({"MANIFEST-000002": b""}, StoreCorrupt),  # LevelDB refuses it as well
        ({"MANIFEST-000002": bytes(500)}, StoreCorrupt),
        ({"000004.log": None}, StoreCorrupt),  # or what it had deleted would be there again
        ({"000005.ldb": COMPRESSED_TABLE}, StoreCorrupt),
        ({"000004.log": SMALL["000004.log"][:8] + b"x" + SMALL["000004.log"][9:]}, StoreCorrupt),
    ],
)
def test_what_is_missing_or_damaged(change: dict[str, bytes | None], error: type[Exception]) -> None:
    files = {**SMALL, **change}
    with pytest.raises(error):
        read_leveldb(disk_of({name: content for name, content in files.items() if content is not None}))


def test_a_table_of_another_database() -> None:
    """Its size and its checksums are right, and its keys are not those of the manifest."""
    other = SMALL["000005.ldb"].replace(b"cy", b"dy")
    crc = masked(crc32c(other[:57])).to_bytes(4, "little")  # of the only block and its kind of compression
    with pytest.raises(StoreCorrupt, match="other keys than the manifest"):
        read_leveldb(disk_of({**SMALL, "000005.ldb": other[:57] + crc + other[61:]}))


def test_more_than_is_allowed() -> None:
    assert read_leveldb(disk_of(SMALL), max_bytes=1000).states == 5
    with pytest.raises(StoreError, match="more than 400 bytes") as caught:
        read_leveldb(disk_of(SMALL), max_bytes=400)
    assert not isinstance(caught.value, StoreCorrupt)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_names_that_are_no_files(tmp_path: Path) -> None:
    """A pipe would keep a reader waiting for ever."""
    for name, content in SMALL.items():
        if name != "000005.ldb":
            (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "000005.ldb")
    with pytest.raises(StoreCorrupt, match="table that the manifest names is not there"):
        read_leveldb(DiskFiles(tmp_path))
    (tmp_path / "CURRENT").unlink()
    (tmp_path / "CURRENT").mkdir()
    with pytest.raises(StoreError, match="no database"):
        read_leveldb(DiskFiles(tmp_path))


def test_reading_makes_no_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_leveldb(DiskFiles(tmp_path / "mistyped"))
    assert not list(tmp_path.iterdir())


def test_a_torn_log_is_cut_and_told() -> None:
    found = read_leveldb(disk_of({**SMALL, "000004.log": SMALL["000004.log"][:-1]}))
    assert found.values == {b"ada": b"1815", b"ben": b"new", b"cy": b""}
    assert found.cut_bytes == 23


def fill(store: LevelDbStore, rng: Random, batches: int) -> None:
    for _ in range(batches):
        batch: list[Change] = []
        for _ in range(rng.choice((1, 10, 100))):
            key = b"key%d" % rng.randrange(3000)
            value = rng.choice((b"", b"fox " * rng.randrange(100), rng.randbytes(rng.randrange(50))))
            batch.append(Put(key, value) if rng.random() < 0.8 else Delete(key))
        store.write(batch, durable=False)


@pytest.mark.parametrize("seed", range(4))
def test_directories_of_plyvel(seed: int, tmp_path: Path) -> None:
    """A closed one, read by us and compared with what LevelDB says itself."""
    pytest.importorskip("plyvel", reason="plyvel, which has no wheel for every Python, is not installed")
    rng = Random(seed)
    with LevelDbStore(tmp_path / "db") as store:
        fill(store, rng, 40)
        if seed % 2:
            store._database.compact_range()
            fill(store, rng, 10)
        store.write([Put(b"large", rng.randbytes(200_000))])
        wanted = dict(store.scan())
    found = read_leveldb(DiskFiles(tmp_path / "db"))
    assert found.values == wanted
    assert bool(found.version.tables) == bool(seed % 2)
    assert list(found.values) == sorted(found.values)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_directory_whose_writer_was_killed(tmp_path: Path) -> None:
    pytest.importorskip("plyvel", reason="plyvel, which has no wheel for every Python, is not installed")
    program = (
        "import plyvel, sys\n"
        "db = plyvel.DB(sys.argv[1], create_if_missing=True, write_buffer_size=20000)\n"
        "for number in range(10**9):\n"
        "    db.put(b'key%d' % (number % 700), b'value %d ' % number * 5)\n"
        "    if number == 2000: print('begun', flush=True)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "db")], stdout=subprocess.PIPE)
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"begun\n"
        writer.send_signal(signal.SIGKILL)
    found = read_leveldb(DiskFiles(tmp_path / "db"))
    assert len(found.values) == 700
    with LevelDbStore(tmp_path / "db") as store:
        assert dict(store.scan()) == found.values
