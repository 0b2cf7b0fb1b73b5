"""The memtable: the newest of each key, in order, with its tombstones."""

from __future__ import annotations

from p2plib.data.stores.interfaces import Delete, Put
from p2plib.data.stores.log_structured.memtable import ENTRY_BYTES, Memtable


def test_changes_in_order_and_tombstones() -> None:
    table = Memtable()
    table.apply([Put(b"b", b"1"), Put(b"a", b"22"), Delete(b"c"), Put(b"b", b"333"), Delete(b"a")])
    assert table.entries() == [(b"a", None), (b"b", b"333"), (b"c", None)]
    assert table.entries(b"b", b"c") == [(b"b", b"333")]
    assert (table.find(b"a"), table.find(b"b"), table.find(b"z")) == ((b"a", None), (b"b", b"333"), None)
    assert len(table) == 3
    table.apply([Put(b"aa", b"")])  # after a range was asked for
    assert [key for key, _ in table.entries()] == [b"a", b"aa", b"b", b"c"]
    assert table.entries(b"aa", b"b") == [(b"aa", b"")]
    assert table.size_bytes == 3 * (1 + ENTRY_BYTES) + 3 + 2 + ENTRY_BYTES
