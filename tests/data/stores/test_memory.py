"""The store in memory, which judges the others."""

from __future__ import annotations

import pytest

from p2plib.data.stores.interfaces import Delete, Put
from p2plib.data.stores.memory import MemoryStore
from p2plib.errors import Closed, NotFound


def test_it_forgets() -> None:
    with MemoryStore() as store:
        store.write([Put(b"b", b"2"), Put(b"a", b"1"), Put(b"c", b"3"), Delete(b"b")])
        assert list(store.scan(reverse=True)) == [(b"c", b"3"), (b"a", b"1")]
        with pytest.raises(NotFound, match="in memory has no key b'b'"):
            store.get(b"b")
    with pytest.raises(Closed):
        store.get(b"a")
