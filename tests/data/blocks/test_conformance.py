"""The suite over every block store of the library, and over broken ones, each of which it must refuse."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path

import pytest

from p2plib.data.blocks import conformance
from p2plib.data.blocks.base import holds_itself
from p2plib.data.blocks.conformance import (
    BLOCK_CHECKS,
    check_block_store,
    check_blocks_reopened,
    check_damaged_blocks,
)
from p2plib.data.blocks.files import FLATFS, FileBlocks
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.blocks.ordered import BLOCKS_PREFIX, OrderedBlocks
from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.block import Block
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.data.stores.interfaces import Put
from p2plib.data.stores.memory import MemoryStore
from p2plib.data.stores.rules import RuleBroken
from p2plib.errors import NotFound, StoreCorrupt
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash
from tests.data.blocks.stores import BLOCK_STORES, ON_DISK, fresh_blocks


@pytest.mark.parametrize("check", BLOCK_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("kind", BLOCK_STORES)
def test_every_store_conforms(kind: str, check: Callable[[BlockStore], None], tmp_path: Path) -> None:
    with fresh_blocks(kind, tmp_path)() as store:
        check(store)


def test_every_check_is_in_the_list() -> None:
    named = {name for name in vars(conformance) if name.startswith("check_")}
    by_hand = {"check_block_store", "check_blocks_reopened", "check_damaged_blocks"}
    assert named - by_hand == {check.__name__ for check in BLOCK_CHECKS}
    check_block_store(MemoryBlocks)


@pytest.mark.parametrize("kind", ON_DISK)
def test_a_store_on_disk_is_there_again(kind: str, tmp_path: Path) -> None:
    check_blocks_reopened(lambda: BLOCK_STORES[kind](tmp_path / "store"))
    assert not list((tmp_path / "store").rglob("new-*"))


@pytest.mark.fault("F121")
@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data[:-1] + b"!", lambda data: b""])
def test_damage_in_files(change: Callable[[bytes], bytes], tmp_path: Path) -> None:
    def damage(cid: Cid) -> None:
        path = tmp_path / FLATFS.path_of(cid.multihash)
        path.write_bytes(change(path.read_bytes()))

    check_damaged_blocks(lambda: FileBlocks(DiskFolder(tmp_path)), damage)


@pytest.mark.fault("F121")
def test_damage_in_an_ordered_store() -> None:
    store = MemoryStore()

    def damage(cid: Cid) -> None:
        store.write([Put(BLOCKS_PREFIX + cid.multihash.encode(), b"changed")])

    check_damaged_blocks(lambda: OrderedBlocks(store), damage)
    with pytest.raises(RuleBroken, match="should have raised StoreCorrupt"):
        check_damaged_blocks(MemoryBlocks, lambda cid: None)


class HidesDamage(MemoryBlocks):
    """A damaged block is missing everywhere, so nobody can find it, and no sweep removes it."""

    hurt: Cid | None = None

    def damage(self, cid: Cid) -> None:
        self.hurt = cid

    def _get(self, cid: Cid) -> bytes:
        if cid == self.hurt:
            raise StoreCorrupt("changed", "here")
        return super()._get(cid)

    def _hashes(self) -> Iterator[Multihash]:
        return (each for each in super()._hashes() if self.hurt is None or each != self.hurt.multihash)


class DeniesDamage(HidesDamage):
    """A damaged block is not there, by `has`, and has a size."""

    def _hashes(self) -> Iterator[Multihash]:
        return MemoryBlocks._hashes(self)

    def _size(self, cid: Cid) -> int:
        return len(self._data[cid.multihash])

    def has(self, cid: Cid) -> bool:
        return cid != self.hurt


@pytest.mark.parametrize(
    ("make", "rule"), [(HidesDamage, "is not listed"), (DeniesDamage, "the size of a block that shows")]
)
def test_a_store_that_hides_damage_is_refused(make: type[HidesDamage], rule: str) -> None:
    store = make()
    with pytest.raises(RuleBroken, match=rule):
        check_damaged_blocks(lambda: store, store.damage)


class ListsNothing(MemoryBlocks):
    def _hashes(self) -> Iterator[Multihash]:
        return iter(())


class LastByteLost(MemoryBlocks):
    def _get(self, cid: Cid) -> bytes:
        return super()._get(cid)[:262_143]


class WrongSize(MemoryBlocks):
    def _size(self, cid: Cid) -> int:
        return super()._size(cid) + 1


class MissingIsEmpty(MemoryBlocks):
    def _get(self, cid: Cid) -> bytes:
        return self._data.get(cid.multihash, b"")


class ByWholeCid(MemoryBlocks):
    def has(self, cid: Cid) -> bool:
        return super().has(cid) and cid.codec != multicodec.DAG_CBOR


class KeepsIdentity(MemoryBlocks):
    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        self._demand_open()
        self._put(iter(blocks), durable)


class RemovesNothing(MemoryBlocks):
    def _remove(self, multihash: Multihash) -> None:
        pass


class RemovesTwo(MemoryBlocks):
    def _remove(self, multihash: Multihash) -> None:
        super()._remove(multihash)
        if self._data:
            self._data.popitem()


class RemovingRaises(MemoryBlocks):
    def _remove(self, multihash: Multihash) -> None:
        if self._data.pop(multihash, None) is None:
            raise NotFound("nothing to remove")


class ForgetsItIsClosed(MemoryBlocks):
    def hashes(self) -> Iterator[Multihash]:
        return self._hashes()


class ListsWhileItChanges(MemoryBlocks):
    def _hashes(self) -> Iterator[Multihash]:
        listed = list(self._data)
        for at, multihash in enumerate(listed):
            if len(self._data) != len(listed):
                return
            yield multihash
            assert at >= 0


class OnlyTheFirst(MemoryBlocks):
    def _put(self, blocks: Iterator[Block], durable: bool) -> None:
        super()._put((block for _, block in zip(range(100), blocks, strict=False)), durable)


class SwallowsErrors(MemoryBlocks):
    def _put(self, blocks: Iterator[Block], durable: bool) -> None:
        with contextlib.suppress(KeyError):
            super()._put(blocks, durable)


class DurableAlone(MemoryBlocks):
    def _put(self, blocks: Iterator[Block], durable: bool) -> None:
        if durable:
            super()._put(blocks, durable)


class ListsAfterItIsClosed(MemoryBlocks):
    def hashes(self) -> Iterator[Multihash]:
        self._demand_open()
        return self._hashes()


class KeepsTheirBytes(MemoryBlocks):
    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        self._demand_open()
        self._put((block for block in blocks if not holds_itself(block.cid)), durable)


BROKEN = (
    ListsNothing, LastByteLost, WrongSize, MissingIsEmpty, ByWholeCid, KeepsIdentity, RemovesNothing,
    RemovesTwo, RemovingRaises, ForgetsItIsClosed, ListsWhileItChanges, OnlyTheFirst, SwallowsErrors,
    DurableAlone, ListsAfterItIsClosed, KeepsTheirBytes,
)  # fmt: skip


@pytest.mark.parametrize("make", BROKEN)
def test_a_broken_store_does_not_conform(make: type[MemoryBlocks]) -> None:
    with pytest.raises(RuleBroken):
        check_block_store(make)


def test_a_store_that_forgets_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(RuleBroken):
        check_blocks_reopened(MemoryBlocks)
    numbers = count()
    with pytest.raises(RuleBroken):
        check_blocks_reopened(lambda: FileBlocks(DiskFolder(tmp_path / str(next(numbers)))))
