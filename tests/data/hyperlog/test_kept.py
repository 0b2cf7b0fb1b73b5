"""A hyperlog in a store: the same after every end, and nothing half."""

from __future__ import annotations

from typing import Any

import pytest

from p2plib.data.hyperlog.kept import open_hyperlog
from p2plib.data.hyperlog.machine import HyperlogSync
from p2plib.data.stores.interfaces import Delete, Put
from p2plib.data.stores.memory import MemoryStore
from p2plib.errors import StoreCorrupt, StoreFull
from tests.data.hyperlog.test_machine import grown, run, same


def test_it_is_taken_up_again() -> None:
    store = MemoryStore()
    first = open_hyperlog(store, "ana")
    other = grown("ben", 20, 1)
    run(HyperlogSync(first), HyperlogSync(other))
    first.append(b"merged")
    again = open_hyperlog(store, "ana")
    assert same(first, again)
    assert [node.key for node in again.walk()] == [node.key for node in first.walk()]
    again.append(b"more")
    third = open_hyperlog(store, "ana")
    assert third.logs() == {"ben": 20, "ana": 2}
    assert open_hyperlog(store, "ana", name="another").changes == 0


def test_one_node_in_two_logs_is_taken_up_again() -> None:
    store = MemoryStore()
    ana = open_hyperlog(store, "ana")
    ana.append(b"same")
    ben = grown("ben", 0, 1)
    ben.append(b"same")
    run(HyperlogSync(ana), HyperlogSync(ben))
    assert open_hyperlog(store, "ana").logs() == {"ana": 1, "ben": 1}


def test_what_the_store_refuses_has_not_happened() -> None:
    class FullStore(MemoryStore):
        full = False

        def write(self, batch: Any, *, durable: bool = True) -> None:
            if self.full:
                raise StoreFull("no room")
            super().write(batch, durable=durable)

    store = FullStore()
    graph = open_hyperlog(store, "ana")
    first = graph.append(b"1")
    store.full = True
    with pytest.raises(StoreFull):
        graph.append(b"2")
    assert graph.logs() == {"ana": 1}
    assert graph.heads() == (first.key,)
    store.full = False
    assert graph.append(b"2").seq == 2
    assert open_hyperlog(store, "ana").logs() == {"ana": 2}


@pytest.mark.parametrize("harm", ["gap", "bytes", "message", "order"])
def test_what_the_disk_has_changed_is_noticed(harm: str) -> None:
    store = MemoryStore()
    graph = open_hyperlog(store, "ana")
    for number in range(3):
        graph.append(b"%d" % number)
    keys = [key for key, _ in store.scan()]
    values = [value for _, value in store.scan()]
    change: Any = {
        "gap": Delete(keys[1]),
        "bytes": Put(keys[1], values[1].replace(b"1", b"2")),
        "message": Put(keys[1], b"\x04"),
        "order": Put(keys[0], values[1]),
    }[harm]
    store.write((change,))
    with pytest.raises(StoreCorrupt):
        open_hyperlog(store, "ana")
