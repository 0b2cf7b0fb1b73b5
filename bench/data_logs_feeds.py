"""What logs cost: appending and verifying beside bare Ed25519, opening a long log, and ssb-validate's pace.

    python bench/data_logs_feeds.py

Signing and verifying are measured in processor time, every job in turn within each round, so that a machine
that is busy for a while is busy for all of them; a job's figure is its fastest round. Ratios travel between
machines, microseconds do not. "Append" makes the next entry of a log and its id; "verify" reads an entry's
bytes, judges all rules, checks the signature and makes the id. Neither writes to a disk.

The second table opens a log of verified entries in SQLite (a new process would do the same). The third has
Node's ssb-validate and our feed take in the same messages from the same texts; it needs the modules of
tests/interop, and is left out where they are missing.
"""

from __future__ import annotations

import argparse
import gc
import platform
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import nacl
import nacl.signing
from tqdm import tqdm

from p2plib.data.log import classic, entry
from p2plib.data.log.entry import HashedContent, HashedFormat
from p2plib.data.log.feed import Feed
from p2plib.data.log.formats import LogFormat, head_of
from p2plib.data.log.validate import ClassicFormat
from p2plib.data.stores.memory import MemoryStore
from p2plib.data.stores.sqlite import SqliteStore
from p2plib.identity.keys import SecretKey

SEED = bytes(range(32))
TIME_MS = 1_500_000_000_000
TEXT = "a message of usual length, about as long as people write. " * 3

Job = Callable[[], object]


def jobs() -> dict[str, dict[str, Job]]:
    """Return {operation: {who: what to run once}}, the bare library first."""
    secret, bare = SecretKey.from_seed(SEED), nacl.signing.SigningKey(SEED)
    plain, hashed = ClassicFormat(), HashedFormat()
    content = {"type": "post", "text": TEXT}
    first = plain.create(secret, None, content, TIME_MS)
    second = plain.create(secret, head_of(first), content, TIME_MS)
    payload = HashedContent(entry.payload(TEXT.encode(), bytes(16)))
    header = hashed.create(secret, None, payload, TIME_MS)
    message, head, hashed_head = classic.signed_bytes(second.unsigned), head_of(first), head_of(header)
    verify_key = bare.verify_key

    def verify(entry_format: LogFormat, raw: bytes) -> str:
        read = entry_format.parse(raw)
        entry_format.verify(read)
        return read.id

    return {
        "append": {
            "bare Ed25519": lambda: bare.sign(message),
            "classic": lambda: plain.create(secret, head, content, TIME_MS).id,
            "hashed": lambda: hashed.create(secret, hashed_head, payload, TIME_MS).id,
        },
        "verify": {
            "bare Ed25519": lambda: verify_key.verify(message, second.signature),
            "classic": lambda: verify(plain, second.raw),
            "hashed": lambda: verify(hashed, header.raw),
        },
    }


def signature_table(rounds: int, times: int) -> list[str]:
    """Measure and return the lines: how much of bare Ed25519's pace is left."""
    lines = [f"{'operation':<10}{'entries':<14}{'of bare Ed25519':>16}{'µs':>8}"]
    gc.disable()
    for operation, who in jobs().items():
        best = dict.fromkeys(who, float("inf"))
        for _ in tqdm(range(rounds), desc=operation, leave=False):
            for name, job in who.items():
                begun = time.process_time()
                for _ in range(times):
                    job()
                best[name] = min(best[name], (time.process_time() - begun) / times)
        for name, seconds in best.items():
            share = best["bare Ed25519"] / seconds
            lines.append(f"{operation:<10}{name:<14}{share:>15.0%} {seconds * 1e6:>8.1f}")
    gc.enable()
    return lines


def made(count: int) -> list[bytes]:
    """Return that many messages of one log."""
    secret, plain, head, raws = SecretKey.from_seed(SEED), ClassicFormat(), None, []
    for n in tqdm(range(count), desc="making messages", leave=False):
        message = plain.create(secret, head, {"type": "post", "text": f"{n} {TEXT}"}, TIME_MS + n)
        raws.append(message.raw)
        head = head_of(message)
    return raws


def opening_table(count: int) -> list[str]:
    """Measure how long a log of that many entries takes to come in, to open again, and to be walked."""
    author = SecretKey.from_seed(SEED).public
    raws = made(count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.sqlite"
        with SqliteStore(path) as store:
            begun = time.perf_counter()
            Feed(store, author, ClassicFormat()).extend(tqdm(raws, desc="taking in", leave=False))
            took_in = time.perf_counter() - begun
        tracemalloc.start()
        begun = time.perf_counter()
        with SqliteStore(path) as store:
            feed = Feed(store, author, ClassicFormat())
            opened = time.perf_counter() - begun
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert len(feed) == count
            begun = time.perf_counter()
            for _ in feed.entries():
                pass
            walked = time.perf_counter() - begun
    return [
        f"a log of {count:,} messages in SQLite",
        f"  verified and stored     {count / took_in:>10,.0f} messages a second",
        f"  opened                  {opened * 1e3:>10.1f} ms, {peak / 1024:,.0f} KiB at most",
        f"  walked and read         {count / walked:>10,.0f} messages a second",
    ]


def node_table(count: int) -> list[str]:
    """Measure our feed and ssb-validate on the same messages; a sentence where that is not possible."""
    from tests.interop.peers import ForeignPeer, why_no_peers

    why = why_no_peers()
    if why:
        return [f"ssb-validate was not measured: {why}"]
    raws = made(count)
    with ForeignPeer("ssb_validate.js", timeout_s=300) as node:
        texts = [raw.decode() for raw in raws]
        node.ask("time", 120.0, messages=texts[:500])  # its compiler warms up
        theirs = min(node.ask("time", 120.0, messages=texts) for _ in range(3))
    ours = float("inf")
    for _ in range(3):
        feed = Feed(MemoryStore(), SecretKey.from_seed(SEED).public, ClassicFormat())
        begun = time.perf_counter()
        feed.extend(raws)
        ours = min(ours, time.perf_counter() - begun)
    return [
        f"{count:,} messages, each read, judged, verified and hashed",
        f"  ssb-validate 4.1.4 on Node {count / theirs:>8,.0f} a second",
        f"  p2plib, into a store       {count / ours:>8,.0f} a second, {theirs / ours:.2f} times as many",
    ]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=25, help="how often every job gets its turn")
    arguments.add_argument("--times", type=int, default=200, help="runs of one turn")
    arguments.add_argument("--messages", type=int, default=100_000, help="of the long log")
    given = arguments.parse_args()
    print(f"Python {platform.python_version()}, PyNaCl {nacl.__version__}", end="\n\n")
    print("\n".join(signature_table(given.rounds, given.times)), end="\n\n")
    print("\n".join(opening_table(given.messages)), end="\n\n")
    print("\n".join(node_table(min(given.messages, 3_000))))


if __name__ == "__main__":
    main()
