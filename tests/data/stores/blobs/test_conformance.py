"""The suite over every blob store of the library, and over broken ones, each of which it must refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from p2plib.data.stores.blobs import conformance
from p2plib.data.stores.blobs.conformance import (
    CHECKS,
    BlobTrial,
    check_blob_store,
    check_reopened,
)
from p2plib.data.stores.blobs.content import ContentFiles
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.data.stores.blobs.keyed import KeyedFiles
from p2plib.data.stores.blobs.memory import MemoryBlobs, MemoryContent
from p2plib.data.stores.blobs.store import BlobReader, BlobStore, BlobWriter
from p2plib.data.stores.rules import RuleBroken
from tests.data.stores.blobs.stores import KINDS, fresh

Check = Callable[[BlobTrial], None]


@pytest.mark.fault("F118")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("kind", KINDS)
def test_every_store_conforms(kind: str, check: Check, tmp_path: Path) -> None:
    with fresh(kind, tmp_path)() as store:
        check(BlobTrial(store, KINDS[kind][1]))


def test_every_check_is_in_the_list(tmp_path: Path) -> None:
    named = {name for name in vars(conformance) if name.startswith("check_")}
    assert named - {"check_blob_store", "check_reopened"} == {check.__name__ for check in CHECKS}
    check_blob_store(MemoryBlobs, by_content=False)
    check_blob_store(MemoryContent, by_content=True)


@pytest.mark.parametrize("kind", ["keyed files", "content files", "all of it"])
def test_a_store_on_disk_is_there_again(kind: str, tmp_path: Path) -> None:
    make, by_content = KINDS[kind]
    check_reopened(lambda: make(tmp_path / "store"), by_content=by_content)
    assert not list((tmp_path / "store").rglob("new-*"))


class ShownTooEarly(MemoryBlobs):
    def write(self, key: str | None = None, *, size_bytes: int | None = None) -> BlobWriter:
        writer = super().write(key, size_bytes=size_bytes)
        self._blobs.setdefault(key or "", b"")
        return writer


class ForgetsItIsClosed(MemoryBlobs):
    def exists(self, key: str) -> bool:
        return key in self._blobs


class MissingIsEmpty(MemoryBlobs):
    def read(self, key: str, start: int = 0, end: int | None = None) -> BlobReader:
        self._blobs.setdefault(key, b"")
        return super().read(key, start, end)


class AnyKey(MemoryBlobs):
    def _demand_key(self, key: str) -> None:
        self._demand_open()


class LastByteLost(MemoryBlobs):
    def _put(self, key: str | None, data: bytes) -> str:
        return super()._put(key, data[:70_000])


class EndIsIncluded(MemoryBlobs):
    def read(self, key: str, start: int = 0, end: int | None = None) -> BlobReader:
        return super().read(key, start, end and end + 1)


class RemovesTwo(MemoryBlobs):
    def remove(self, key: str) -> None:
        super().remove(key)
        self._blobs.popitem() if self._blobs else None


class Unordered(MemoryBlobs):
    def keys(self) -> Iterator[str]:
        return reversed(list(super().keys()))


class NoPromise(MemoryBlobs):
    def write(self, key: str | None = None, *, size_bytes: int | None = None) -> BlobWriter:
        return super().write(key)


class Believes(MemoryContent):
    def _put(self, key: str | None, data: bytes) -> str:
        return MemoryBlobs._put(self, key, data) if key else super()._put(key, data)


BROKEN: list[tuple[type[MemoryBlobs], bool]] = [
    (ShownTooEarly, False),
    (ForgetsItIsClosed, False),
    (MissingIsEmpty, False),
    (AnyKey, False),
    (LastByteLost, False),
    (EndIsIncluded, False),
    (RemovesTwo, False),
    (Unordered, False),
    (NoPromise, False),
    (Believes, True),
    (MemoryBlobs, True),
    (MemoryContent, False),
]


@pytest.mark.parametrize(("make", "by_content"), BROKEN)
def test_a_broken_store_does_not_conform(make: type[MemoryBlobs], by_content: bool) -> None:
    with pytest.raises(RuleBroken):
        check_blob_store(make, by_content=by_content)


def test_a_store_that_forgets_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(RuleBroken):
        check_reopened(MemoryBlobs, by_content=False)

    def other(numbers: Iterator[int]) -> Callable[[], BlobStore]:
        return lambda: ContentFiles(DiskFolder(tmp_path / str(next(numbers))))

    with pytest.raises(RuleBroken):
        check_reopened(other(iter(range(9))), by_content=True)
    check_reopened(lambda: KeyedFiles(DiskFolder(tmp_path / "one")), by_content=False)
