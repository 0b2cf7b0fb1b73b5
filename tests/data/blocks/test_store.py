"""The interface: every store of the library has all of it, as the protocol has it."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from p2plib.data.blocks.store import BlockStore
from tests.data.blocks.stores import BLOCK_STORES, fresh_blocks


@pytest.mark.parametrize("kind", BLOCK_STORES)
def test_every_store_has_the_whole_interface(kind: str, tmp_path: Path) -> None:
    with fresh_blocks(kind, tmp_path)() as store:
        for name, wanted in vars(BlockStore).items():
            if name.startswith("_") or not callable(wanted):
                continue
            found = inspect.signature(getattr(type(store), name)).parameters
            assert list(found) == list(inspect.signature(wanted).parameters), name
