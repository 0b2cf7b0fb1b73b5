"""What an ordered store costs: ours in Python beside SQLite and LevelDB (plyvel), in one run.

    python bench/data_logs_stores.py
    python bench/data_logs_stores.py --entries 100000 --rounds 5

The workloads are those of LevelDB's own db_bench, with its 16-byte keys and 100-byte values: fillseq and
fillrandom fill an empty store, overwrite fills it again in another order, readrandom gets keys in random
order, readseq walks all, fillsync waits for the disk after each write. Writes are batches of one change, as
there. Each store is opened anew before it is read, so ours reads from tables. All take turns, and the best
of the rounds counts; seconds are those of the processor (ours and the system's), except for fillsync, which
waits.

Ratios travel between machines; operations a second do not. At the end: write amplification (bytes written by
the store for each byte given) and the size on disk.
"""

from __future__ import annotations

import argparse
import platform
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from tqdm import tqdm

from p2plib.data.stores.base import CheckedStore
from p2plib.data.stores.files import DiskFiles
from p2plib.data.stores.interfaces import Put
from p2plib.data.stores.leveldb import LevelDbStore
from p2plib.data.stores.log_structured.store import LogStructuredStore
from p2plib.data.stores.sqlite import SqliteStore

VALUE_BYTES = 100
OURS = "ours"
KINDS: dict[str, Callable[[Path], CheckedStore]] = {
    OURS: lambda path: LogStructuredStore(DiskFiles(path)),
    "SQLite": SqliteStore,
    "LevelDB": LevelDbStore,
}
WORKLOADS = ("fillseq", "fillrandom", "overwrite", "readrandom", "readseq", "fillsync")


def value_of(number: int) -> bytes:
    """Half of it can be compressed, as db_bench's."""
    return Random(number).randbytes(VALUE_BYTES // 2) * 2


def fill(store: CheckedStore, numbers: list[int], values: list[bytes], *, durable: bool = False) -> None:
    for number in numbers:
        store.write([Put(b"%016d" % number, values[number % len(values)])], durable=durable)


def timed(doing: Callable[[], None], clock: Callable[[], float] = time.process_time) -> float:
    begun = clock()
    doing()
    return clock() - begun


def measure(kind: str, entries: int, sync_entries: int, folder: Path) -> dict[str, float]:
    """Operations a second of one store, by workload, and what it took on the disk."""
    make, rng = KINDS[kind], Random(1)
    values = [value_of(number) for number in range(1000)]
    in_order = list(range(entries))
    shuffled, again, wanted = (rng.sample(in_order, entries) for _ in range(3))
    found: dict[str, float] = {}
    with make(folder / "seq") as store:
        found["fillseq"] = entries / timed(lambda: fill(store, in_order, values))
    with make(folder / "random") as store:
        found["fillrandom"] = entries / timed(lambda: fill(store, shuffled, values))
        found["overwrite"] = entries / timed(lambda: fill(store, again, values))
        if isinstance(store, LogStructuredStore):
            stats = store.stats()
            found["amplification"] = (stats.log_bytes + stats.table_bytes) / stats.user_bytes
    found["megabytes"] = sum(file.stat().st_size for file in (folder / "random").iterdir()) / 1e6
    with make(folder / "random") as store:

        def read_random() -> None:
            for number in wanted:
                assert len(store.get(b"%016d" % number)) == VALUE_BYTES

        def read_in_order() -> None:
            assert sum(1 for _ in store.scan()) == entries

        found["readrandom"] = entries / timed(read_random)
        found["readseq"] = entries / timed(read_in_order)
    with make(folder / "sync") as store:
        some = in_order[:sync_entries]
        found["fillsync"] = sync_entries / timed(
            lambda: fill(store, some, values, durable=True), time.perf_counter
        )
    return found


def run(rounds: int, entries: int, sync_entries: int) -> dict[str, dict[str, float]]:
    """The best figures of each store, taking turns."""
    best: dict[str, dict[str, float]] = {kind: {} for kind in KINDS}
    for _ in tqdm(range(rounds), desc="rounds", leave=False):
        for kind in KINDS:
            with tempfile.TemporaryDirectory() as folder:
                for name, figure in measure(kind, entries, sync_entries, Path(folder)).items():
                    better = min if name == "megabytes" else max
                    best[kind][name] = better(best[kind].get(name, figure), figure)
    return best


def table(best: dict[str, dict[str, float]]) -> list[str]:
    """The lines of the table."""
    others = [kind for kind in KINDS if kind != OURS]
    head = f"{'operations a second':<22}" + "".join(f"{kind:>12}" for kind in KINDS)
    lines = [head + "".join(f"{'ours to ' + kind:>18}" for kind in others)]
    for name in (*WORKLOADS, "megabytes"):
        row = f"{name:<22}" + "".join(f"{best[kind][name]:>12,.0f}" for kind in KINDS)
        lines.append(row + "".join(f"{best[OURS][name] / best[kind][name]:>17.2f}x" for kind in others))
    given = f"ours writes {best[OURS]['amplification']:.1f} bytes for each byte it is given"
    return [*lines, "", f"{given} (log and tables, fillrandom and overwrite)"]


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=3, help="how often each store gets its turn")
    arguments.add_argument("--entries", type=int, default=50_000, help="of each workload")
    arguments.add_argument("--sync-entries", type=int, default=300, help="of fillsync")
    given = arguments.parse_args()
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}\n")
    print("\n".join(table(run(given.rounds, given.entries, given.sync_entries))))


if __name__ == "__main__":
    main()
