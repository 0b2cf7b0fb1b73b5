"""Arguments, open and closed, and the life of a scan."""

from __future__ import annotations

import pytest

from p2plib.data.stores.base import Scan, checked_batch, checked_range
from p2plib.data.stores.interfaces import Put
from p2plib.data.stores.memory import MemoryStore
from p2plib.errors import Closed, UsageError


def test_a_scan_lets_go_once_however_it_ends() -> None:
    released: list[str] = []
    scan = Scan(iter([(b"a", b""), (b"b", b"")]), lambda: released.append("end"), None)
    assert [key for key, _ in scan] == [b"a", b"b"]
    scan.close()
    assert next(scan, None) is None
    limited = Scan(iter([(b"a", b""), (b"b", b"")]), lambda: released.append("limit"), 1)
    assert [key for key, _ in limited] == [b"a"]
    dropped = Scan(iter([]), lambda: released.append("dropped"), None)
    del dropped
    cut = Scan(iter([(b"a", b"")]), lambda: released.append("cut"), None)
    cut.cut_off()
    with pytest.raises(Closed):
        next(cut)
    assert released == ["end", "limit", "dropped", "cut"]


def test_a_scan_that_fails_lets_go() -> None:
    released: list[int] = []
    scan = Scan(iter(lambda: 1 / 0, None), lambda: released.append(1), None)  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        next(scan)
    assert released == [1]


def test_a_batch_that_closes_the_store_while_it_is_made() -> None:
    store = MemoryStore()

    def batch():  # type: ignore[no-untyped-def]
        store.close()
        yield Put(b"k", b"v")

    with pytest.raises(Closed):
        store.write(batch())


def test_what_is_no_argument() -> None:
    with pytest.raises(UsageError, match="Put and Delete"):
        checked_batch([b"k"])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="limit"):
        checked_range(b"", None, "3")  # type: ignore[arg-type]
    assert list(MemoryStore().scan(b"b", b"a")) == []
