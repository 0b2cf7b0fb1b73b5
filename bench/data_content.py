"""What content addressing costs: adding and reading files, cutting them by content, and Merkle trees.

    python bench/data_content.py
    python bench/data_content.py --megabytes 256 --rounds 5 --stream-megabytes 1024

Adding: a file in fixed chunks becomes blocks on the disk, with the UnixFS profile of 256 KiB chunks and raw
leaves. Its rival hashes the same bytes with SHA-256 and writes them into as many files, and nothing else.
Both sync every file, since a block must be whole after a crash; once both sync the folders as well, once
neither does. Then nothing is written: the blocks are dropped and the rival only hashes, with raw leaves and
with wrapped ones, or both keep in memory what they hashed. Fresh memory costs as much as the hashes.

Cutting: FastCDC beside PyPI's fastcdc in its pure-Python mode, with numpy and without. Then a long stream is
cut in a process of its own, which says how much memory it took.

Reading: one byte out of the middle of a file, and how many of its blocks were touched.

Trees: the root of a million leaves beside as many bare SHA-256s, and how many proofs are made and verified in
a second.
BLAKE3 beside hashlib's SHA-256, and a slice verified.

The best of the rounds counts; seconds are processor time, except where adding waits for the disk.
Ratios travel between machines; megabytes a second do not. DAG-CBOR has its own file, bench/data_dag.py.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

from fastcdc.fastcdc_py import fastcdc_py
from tqdm import tqdm

from p2plib.data.blocks.files import FileBlocks
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.chunking.fastcdc import ChunkSizes, chunks
from p2plib.data.dag.block import Block
from p2plib.data.dag.unixfs.importing import add_file
from p2plib.data.dag.unixfs.profiles import UNIXFS_V0_2015, UNIXFS_V1_2025
from p2plib.data.dag.unixfs.reading import read
from p2plib.data.merkle import bao, blake3
from p2plib.data.merkle.bao_verifier import BaoVerifier
from p2plib.data.merkle.proofs import prove_inclusion, verify_inclusion
from p2plib.data.merkle.tree import AppendOnlyTree
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.wire.cid import Cid

CHUNK_BYTES = 262_144
PROFILE = replace(UNIXFS_V1_2025, chunk_bytes=CHUNK_BYTES)
PIECE_BYTES = 65_536
AVERAGE_BYTES = 8192

Doing = Callable[[], object]


def timed(doing: Doing, clock: Callable[[], float] = time.process_time) -> float:
    begun = clock()
    doing()
    return clock() - begun


def best(rounds: int, *doings: Doing, clock: Callable[[], float] = time.process_time) -> list[float]:
    """The fewest seconds of each, taking turns."""
    found = [float("inf")] * len(doings)
    for _ in tqdm(range(rounds), leave=False):
        for number, doing in enumerate(doings):
            found[number] = min(found[number], timed(doing, clock))
    return found


def pieces(data: bytes) -> Iterator[bytes]:
    return (data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES))


# Adding


def add(data: bytes, durable: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, FileBlocks(DiskFolder(Path(folder))) as store:
        add_file(store, pieces(data), PROFILE, durable=durable)


def hash_and_write(data: bytes, durable: bool) -> None:
    """The least that has to be done: the hashes and the files, in as many folders as ours."""
    with tempfile.TemporaryDirectory() as folder:
        made = set()
        for at in range(0, len(data), CHUNK_BYTES):
            chunk = data[at : at + CHUNK_BYTES]
            name = hashlib.sha256(chunk).hexdigest()
            shard = Path(folder) / name[-3:-1]
            if shard not in made:
                shard.mkdir(exist_ok=True)
                made.add(shard)
            with (shard / name).open("wb") as file:
                file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        for shard in made if durable else ():
            handle = os.open(shard, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)


class DroppedBlocks(MemoryBlocks):
    """A store that keeps nothing."""

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        for _ in blocks:
            pass


def hash_slices(data: bytes) -> None:
    for at in range(0, len(data), CHUNK_BYTES):
        hashlib.sha256(data[at : at + CHUNK_BYTES]).digest()


def hash_and_keep(data: bytes) -> None:
    kept = {}
    for at in range(0, len(data), CHUNK_BYTES):
        chunk = data[at : at + CHUNK_BYTES]
        kept[hashlib.sha256(chunk).digest()] = chunk


def adding(data: bytes, rounds: int) -> Iterator[str]:
    raw_leaves, wrapped_leaves, bare = best(
        rounds,
        lambda: add_file(DroppedBlocks(), pieces(data), PROFILE),
        lambda: add_file(DroppedBlocks(), pieces(data), UNIXFS_V0_2015),
        lambda: hash_slices(data),
    )
    in_memory = best(
        rounds, lambda: add_file(MemoryBlocks(), pieces(data), PROFILE), lambda: hash_and_keep(data)
    )
    files, folders = (
        best(
            rounds,
            lambda durable=durable: add(data, durable),
            lambda durable=durable: hash_and_write(data, durable),
            clock=time.perf_counter,
        )
        for durable in (False, True)
    )
    for what, (ours, raw) in (
        ("dropped", (raw_leaves, bare)), ("dropped, wrapped leaves", (wrapped_leaves, bare)),
        ("kept in memory", in_memory), ("files synced", files), ("files and folders synced", folders)
    ):  # fmt: skip
        rate = len(data) / 1e6 / ours
        yield f"adding {len(data) >> 20} MiB, {what:25} {rate:8.0f} MB/s {raw / ours:7.0%} of raw"


# Cutting


def cut_ours(data: bytes, arrays: bool) -> int:
    return sum(1 for _ in chunks(pieces(data), ChunkSizes.around(AVERAGE_BYTES), arrays=arrays))


def cutting(data: bytes, rounds: int) -> Iterator[str]:
    theirs, plain, arrays = best(
        rounds,
        lambda: sum(1 for _ in fastcdc_py(data, avg_size=AVERAGE_BYTES)),
        lambda: cut_ours(data, False),
        lambda: cut_ours(data, True),
    )
    for name, seconds in (("PyPI fastcdc, Python", theirs), ("ours, Python", plain), ("ours, numpy", arrays)):
        rate = len(data) / 1e6 / seconds
        yield f"cutting at {AVERAGE_BYTES} bytes: {name:22} {rate:8.1f} MB/s {theirs / seconds:7.2f}x"


def cut_stream(megabytes: int) -> None:
    """Cut a stream that was never in memory; prints megabytes a second and the most memory, in MB."""
    block = Random(1).randbytes(1 << 20)
    stream = (number.to_bytes(8) + block[8:] for number in range(megabytes))
    begun = time.process_time()
    total = sum(len(chunk) for chunk in chunks(stream, ChunkSizes.around(AVERAGE_BYTES)))
    assert total == megabytes << 20
    rate = total / 1e6 / (time.process_time() - begun)
    print(f"{rate:.0f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")


def streaming(megabytes: int) -> Iterator[str]:
    for some in (megabytes // 16, megabytes):
        command = [sys.executable, __file__, "--cut-stream", str(some)]
        rate, memory = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        yield f"a stream of {some:5} MiB is cut with {memory:>4} MB of memory in all, {rate:>4} MB/s"


# Reading


class TouchedBlocks(MemoryBlocks):
    """Blocks in memory that count how often they are asked for."""

    touched = 0

    def get(self, cid: Cid) -> bytes:
        self.touched += 1
        return super().get(cid)


def reading(count: int) -> str:
    profile = replace(UNIXFS_V1_2025, chunk_bytes=64, width=174)
    store = TouchedBlocks()
    root = add_file(store, (number.to_bytes(64) for number in range(count)), profile)
    blocks, middle = sum(1 for _ in store.hashes()), 64 * (count // 2)
    assert b"".join(read(store, root.cid, middle, middle + 64)) == (count // 2).to_bytes(64)
    return f"one chunk of {count:,}: {store.touched} of {blocks:,} blocks are read"


# Trees


def bare(leaves: Iterable[bytes]) -> None:
    for leaf in leaves:
        hashlib.sha256(leaf).digest()


def growing(count: int, rounds: int) -> Iterator[str]:
    leaves = [number.to_bytes(8) for number in range(count)]
    pairs = [bytes(65)] * count
    ours, raw = best(rounds, lambda: AppendOnlyTree(leaves).root(), lambda: (bare(leaves), bare(pairs)))
    yield f"the root of {count:,} leaves: {ours:.2f} s, {ours / raw:.1f} times as many bare SHA-256s"
    tree, some = AppendOnlyTree(leaves), Random(2).sample(range(count), 2000)
    root = tree.root()
    proofs = [prove_inclusion(tree, index) for index in some]

    def verify() -> None:
        for index, proof in zip(some, proofs, strict=True):
            verify_inclusion(root, count, index, leaves[index], proof)

    made, verified = best(rounds, lambda: [prove_inclusion(tree, index) for index in some], verify)
    size = sum(map(len, proofs[0]))
    rates = f"{len(some) / made:,.0f} made and {len(some) / verified:,.0f} verified a second"
    yield f"proofs of {size} bytes: {rates}"


def hashing(data: bytes, rounds: int) -> Iterator[str]:
    raw, *engines = best(
        rounds,
        lambda: hashlib.sha256(data).digest(),
        lambda: blake3.digest(data, engine="package"),
        lambda: blake3.digest(data, engine="numpy"),
        lambda: blake3.digest(data[: len(data) // 8], engine="numbers"),
    )
    yield f"SHA-256 (hashlib)       {len(data) / 1e6 / raw:8.0f} MB/s"
    sizes = (len(data), len(data), len(data) // 8)
    for name, size, seconds in zip(("package", "numpy", "numbers"), sizes, engines, strict=True):
        rate = size / 1e6 / seconds
        yield f"BLAKE3 with {name:12}{rate:8.0f} MB/s {rate * raw / len(data) * 1e6:7.2f}x of SHA-256"
    encoded, root = bao.encode(data), blake3.digest(data)

    def verify() -> None:
        verifier = BaoVerifier(root)
        for piece in pieces(encoded):
            verifier.receive(piece)
            verifier.take()
        verifier.end()

    (verified,) = best(rounds, verify)
    part = bao.slice_of(data, len(data) // 2, 1024)
    rate = len(data) / 1e6 / verified
    yield f"Bao, verified in pieces {rate:8.0f} MB/s; the slice of one KiB has {len(part):,} bytes"


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=3, help="how often each gets its turn")
    arguments.add_argument("--megabytes", type=int, default=64, help="of the file that is added")
    arguments.add_argument("--stream-megabytes", type=int, default=1024, help="of the stream that is cut")
    arguments.add_argument("--leaves", type=int, default=1_000_000, help="of the tree")
    arguments.add_argument("--cut-stream", type=int, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.cut_stream:
        cut_stream(given.cut_stream)
        return
    print(f"Python {platform.python_version()}\n")
    for line in streaming(given.stream_megabytes):  # first: a process begins with its parent's memory
        print(line)
    data = Random(1).randbytes(given.megabytes << 20)
    for line in adding(data, given.rounds):
        print(line)
    for part in (
        cutting(data[: 4 << 20], given.rounds),
        [reading(100_000)],
        growing(given.leaves, given.rounds),
        hashing(data[: 16 << 20], given.rounds),
    ):
        for line in part:
            print(line)


if __name__ == "__main__":
    main()
