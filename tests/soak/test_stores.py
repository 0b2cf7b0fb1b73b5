"""A few dozen crashes of stores here; `python -m tests.soak stores` has as many as there is time for.

That the stories notice what they are for is shown by breaking the store, rule by rule.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from p2plib.data.stores.files import DiskFiles
from p2plib.data.stores.log_structured import recovery, store, table
from p2plib.data.stores.log_structured.store import LogStructuredStore
from p2plib.data.stores.simulated_disk import SimulatedDisk
from p2plib.errors import P2PError
from tests.soak import __main__ as command
from tests.soak import stores
from tests.soak.stores import broken_disk, flipped, killed
from tests.soak.worlds import Failed

SEEDS = range(1, 41)


@pytest.mark.fault("F121")
def test_a_few_dozen_broken_disks() -> None:
    for seed in SEEDS:
        command.run_seed("stores", "simulated", seed)


@pytest.mark.fault("F121")
def test_a_few_dozen_flipped_bits() -> None:
    for seed in SEEDS:
        flipped(seed)


@pytest.mark.fault("F121")
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_few_dozen_kills() -> None:
    for seed in range(1, 9):
        command.run_seed("stores", "real", seed)


def syncs_nothing(disk: SimulatedDisk, name: str) -> None:
    disk._step(f"sync {name}")


def forgets_names(disk: SimulatedDisk) -> None:
    disk._step("sync the directory")


def replays_nothing(*_: object) -> list[object]:
    return []


def goes_on(self: LogStructuredStore) -> None:
    pass


@pytest.mark.parametrize(
    ("where", "name", "broken"),
    [
        (SimulatedDisk, "sync", syncs_nothing),
        (SimulatedDisk, "sync_directory", forgets_names),
        (recovery, "changes_of", replays_nothing),
        (LogStructuredStore, "_require_writable", goes_on),
        (store, "alive", iter),
    ],
)
def test_a_broken_store_fails_a_seed(
    where: object, name: str, broken: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, name, broken)
    with pytest.raises((Failed, P2PError)):  # noqa: PT012
        for seed in range(1, 120):
            broken_disk(seed)


def test_an_unnoticed_flip_fails_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table.TableReader, "_body", lambda self, raw, offset: raw[:-4])
    with pytest.raises(Failed, match="not noticed"):  # noqa: PT012
        for seed in SEEDS:
            flipped(seed)


def test_a_lost_batch_of_a_killed_process_fails_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that says more than it has written."""
    monkeypatch.setattr(stores, "write_and_kill", lambda *given: 3)
    with pytest.raises(Failed, match="it said 3 batches, and 0 are there"):
        killed(1)


def test_a_store_that_holds_something_else_fails_a_seed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def writes(writer: str, folder: str, seed: int, rng: object, most: int) -> int:
        with LogStructuredStore(DiskFiles(folder)) as made:
            made.write([*stores.batch_of(seed, 1), *stores.batch_of(seed + 1, 1)])
        return 1

    monkeypatch.setattr(stores, "write_and_kill", writes)
    with pytest.raises(Failed, match="not what the first 1 batches make"):
        killed(1)
