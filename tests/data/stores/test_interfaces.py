"""The contract: its values are values, and each store of ours is what it asks for."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from p2plib.data.stores.base import CheckedStore
from p2plib.data.stores.interfaces import Delete, OrderedStore, Put
from p2plib.data.stores.memory import MemoryStore


def test_changes_are_values() -> None:
    assert Put(b"k", b"v") == Put(b"k", b"v") != Delete(b"k")
    assert len({Put(b"k", b"v"), Put(b"k", b"v")}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        Put(b"k", b"v").value = b"w"  # type: ignore[misc]


def test_stores_have_the_calls_of_the_contract() -> None:
    store: OrderedStore = MemoryStore()
    store.close()
    for name in ("get", "write", "scan"):
        theirs = inspect.signature(getattr(OrderedStore, name)).parameters
        assert inspect.signature(getattr(CheckedStore, name)).parameters == theirs
