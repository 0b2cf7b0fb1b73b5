"""The program that is killed: it writes numbered batches into a store, and says so after each.

    python -m tests.soak.store_writer FOLDER SEED

What batch number n of a seed is, `batch_of` says, so that whoever killed it can compute what must be there.
"""

from __future__ import annotations

import os
import sys
from random import Random

from p2plib.data.stores.files import DiskFiles
from p2plib.data.stores.interfaces import Change, Delete, Put
from p2plib.data.stores.log_structured.store import LogStructuredStore
from p2plib.errors import NotFound

LAST = b"last"  # the key whose value is the number of the last batch
KEYS = 40


def batch_of(seed: int, number: int) -> list[Change]:
    """The changes of a batch; the last of them says which batch it was."""
    rng = Random(seed * 1_000_003 + number)
    changes: list[Change] = []
    for _ in range(rng.choice((1, 3, 12))):
        key = b"key %d" % rng.randrange(KEYS)
        changes.append(
            Put(key, rng.randbytes(rng.choice((0, 10, 200)))) if rng.random() < 0.75 else Delete(key)
        )
    return [*changes, Put(LAST, b"%d" % number)]


def state_after(seed: int, number: int) -> dict[bytes, bytes]:
    """What a store holds after the batches 1 to `number`."""
    held: dict[bytes, bytes] = {}
    for each in range(1, number + 1):
        apply(held, batch_of(seed, each))
    return held


def apply(held: dict[bytes, bytes], changes: list[Change]) -> None:
    """Make the changes of a batch in a dictionary."""
    for change in changes:
        if isinstance(change, Put):
            held[change.key] = change.value
        else:
            held.pop(change.key, None)


def is_durable(seed: int, number: int) -> bool:
    """Whether a batch waits for the disk."""
    return Random(seed * 7 + number).random() < 0.3


def open_store(folder: str, seed: int) -> LogStructuredStore:
    """The store, with settings under which much happens at once."""
    return LogStructuredStore(DiskFiles(folder), memtable_bytes=2000 + seed % 3 * 2000, fan=2 + seed % 2)


def main(folder: str, seed: int) -> None:
    """Writes until it is killed."""
    with open_store(folder, seed) as store:
        try:
            number = int(store.get(LAST))
        except NotFound:
            number = 0
        while True:
            number += 1
            store.write(batch_of(seed, number), durable=is_durable(seed, number))
            os.write(1, b"%d\n" % number)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
