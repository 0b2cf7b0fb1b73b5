"""A few dozen crashes of block stores here; `python -m tests.soak blocks` has as many as there is time for.

That the stories notice what they are for is shown by breaking the store and the pins, rule by rule.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from p2plib.data.blocks.files import FileBlocks
from p2plib.data.blocks.marks import BlockMarks
from p2plib.data.blocks.pins import PinnedBlocks
from p2plib.data.blocks.recent import RecentPuts
from p2plib.errors import P2PError
from tests.data.stores.blobs.pretend import PretendFolder, PretendNewFile
from tests.soak import __main__ as command
from tests.soak import blocks
from tests.soak.block_writer import graph_of
from tests.soak.blocks import broken_blocks, killed_blocks
from tests.soak.worlds import Failed


@pytest.mark.fault("F121")
def test_two_dozen_broken_folders() -> None:
    for seed in range(1, 25):
        command.run_seed("blocks", "simulated", seed)


@pytest.mark.fault("F121")
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_few_kills() -> None:
    for seed in range(1, 4):
        command.run_seed("blocks", "real", seed)


def test_a_graph_is_always_the_same_and_shares_leaves_with_the_next() -> None:
    assert graph_of(1, 2) == graph_of(1, 2) != graph_of(2, 2)
    shared = [set(graph_of(1, number)) & set(graph_of(1, number + 1)) for number in range(1, 20)]
    assert sum(map(bool, shared)) > 5


def syncs_nothing(file: PretendNewFile) -> None:
    file.folder.step("sync")


def forgets_names(folder: PretendFolder, path: str) -> None:
    folder.step(f"sync folder {path}")


def does_nothing(*_: object) -> None:
    pass


@pytest.mark.parametrize(
    ("where", "name", "broken"),
    [
        (PretendNewFile, "sync", syncs_nothing),
        (PretendFolder, "sync_folder", forgets_names),
        (FileBlocks, "_sync_folders", does_nothing),
        (PinnedBlocks, "_wanted_now", does_nothing),
        (RecentPuts, "noted", lambda recent, given, call: iter(given)),
        (BlockMarks, "follow", does_nothing),
    ],
)
def test_a_broken_store_fails_a_seed(
    where: object, name: str, broken: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, name, broken)
    with pytest.raises((Failed, P2PError)):  # noqa: PT012
        for seed in range(1, 200):
            broken_blocks(seed)


def test_a_lost_pin_of_a_killed_process_fails_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that says more than it has written."""
    monkeypatch.setattr(blocks, "write_and_kill", lambda *given: 3)
    with pytest.raises(Failed, match="graph 3 was said to be pinned, and is not"):
        killed_blocks(1)
