"""Pins as records: what is on the disk, and the same in memory."""

from __future__ import annotations

import pytest

from p2plib.data.blocks.pin_records import PINS_PREFIX, BlockPin, PinRecords
from p2plib.data.stores.interfaces import Put
from p2plib.data.stores.memory import MemoryStore
from p2plib.errors import StoreCorrupt, StoreFull, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from tests.data.blocks.stores import LEAF, ROOT

RAW = cids.encode_bytes(ROOT.cid)


def test_a_record_to_the_byte_and_what_is_read_back() -> None:
    store = MemoryStore()
    records = PinRecords(store)
    records.add(ROOT.cid, BlockPin("album 7"))
    records.add(ROOT.cid, BlockPin("a page", is_recursive=False))
    assert store.get(PINS_PREFIX + b"\x24" + RAW + b"album 7") == b"recursive"
    assert store.get(PINS_PREFIX + b"\x24" + RAW + b"a page") == b"direct"
    for each in (records, PinRecords(store)):
        assert list(each) == [ROOT.cid]
        assert each.of(ROOT.cid) == (BlockPin("a page", False), BlockPin("album 7"))
        assert sorted(each.labels(ROOT.cid.multihash)) == ["a page", "album 7"]
        assert each.is_recursive(ROOT.cid)
        assert each.of(LEAF.cid) == each.labels(LEAF.cid.multihash) == ()
        assert not each.is_recursive(LEAF.cid)
    records.remove(ROOT.cid, "album 7")
    assert not records.is_recursive(ROOT.cid)
    records.remove(ROOT.cid, "album 7")
    records.remove(ROOT.cid, "a page")
    for each in (records, PinRecords(store)):
        assert list(each) == []
        assert each.labels(ROOT.cid.multihash) == ()


def test_labels_are_found_under_every_codec() -> None:
    records, other = PinRecords(MemoryStore()), Cid(1, multicodec.RAW, ROOT.cid.multihash)
    records.add(ROOT.cid, BlockPin("graph"))
    records.add(other, BlockPin("bytes"))
    assert sorted(records.labels(ROOT.cid.multihash)) == ["bytes", "graph"]
    records.remove(ROOT.cid, "graph")
    assert records.labels(ROOT.cid.multihash) == ("bytes",)
    assert list(records) == [other]


def test_a_label_has_1_to_255_bytes() -> None:
    records = PinRecords(MemoryStore())
    for label in ("", "x" * 256, "é" * 128):
        with pytest.raises(UsageError, match="1 to 255 bytes"):
            records.demand_label(label)
        with pytest.raises(UsageError, match="1 to 255 bytes"):
            records.add(ROOT.cid, BlockPin(label))
    with pytest.raises(UsageError, match="written as UTF-8"):
        records.demand_label("\ud800")
    for label in ("x", "x" * 255, "é" * 127):
        records.demand_label(label)
        records.add(ROOT.cid, BlockPin(label))


@pytest.mark.parametrize(
    "nonsense",
    [b"", b"\x24", b"\x24" + RAW, b"\x23" + RAW + b"a", b"\x24" + RAW + b"\xff", b"\x24" + RAW + b"a" * 256],
)
def test_a_record_that_is_no_pin_is_not_ignored(nonsense: bytes) -> None:
    store = MemoryStore()
    store.write([Put(PINS_PREFIX + nonsense, b"recursive")])
    with pytest.raises(StoreCorrupt, match="not the record of a pin"):
        PinRecords(store)


class Refuses(MemoryStore):
    """Takes no more writes once it is told so."""

    is_full = False

    def write(self, batch, *, durable: bool = True) -> None:  # type: ignore[no-untyped-def]
        assert durable
        if self.is_full:
            raise StoreFull("no room")
        super().write(batch, durable=durable)


def test_what_the_disk_refuses_has_not_happened() -> None:
    store = Refuses()
    records = PinRecords(store)
    records.add(ROOT.cid, BlockPin("a"))
    store.is_full = True
    with pytest.raises(StoreFull):
        records.add(ROOT.cid, BlockPin("b"))
    with pytest.raises(StoreFull):
        records.remove(ROOT.cid, "a")
    assert records.of(ROOT.cid) == (BlockPin("a"),)
