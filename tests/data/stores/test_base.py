"""Arguments, open and closed, and the life of a scan."""

from __future__ import annotations

import os

import pytest

from p2plib.data.stores.base import Scan, checked_batch, checked_range
from p2plib.data.stores.interfaces import Put
from p2plib.data.stores.log_structured.store import LogStructuredStore
from p2plib.data.stores.memory import MemoryStore
from p2plib.data.stores.simulated_disk import SimulatedDisk
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


def test_a_scan_at_its_limit_is_over() -> None:
    with MemoryStore() as store:
        store.write([Put(b"a", b""), Put(b"b", b"")])
        scan = store.scan(limit=1)
        next(scan)
    assert next(scan, None) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.filterwarnings(
    "ignore:This process:DeprecationWarning"
)  # it may have threads, and the child uses none
@pytest.mark.fault("F122")
def test_in_a_fork_the_store_is_closed_and_nothing_is_written() -> None:
    disk = SimulatedDisk()
    with LogStructuredStore(disk) as store, MemoryStore() as other:
        store.write([Put(b"a", b""), Put(b"b", b"")])
        store.flush()
        scan, over = store.scan(), store.scan(limit=0)
        steps = len(disk.steps)
        child = os.fork()
        if not child:
            faults = 0
            for call in (lambda: store.write([]), lambda: other.get(b"k"), lambda: next(scan)):
                try:
                    call()
                except Closed:
                    faults += 1
            faults += next(over, None) is None
            scan.close()
            store.close()
            os._exit(0 if (faults, len(disk.steps)) == (4, steps) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert [key for key, _ in scan] == [b"a", b"b"]
        store.write([Put(b"c", b"")])
