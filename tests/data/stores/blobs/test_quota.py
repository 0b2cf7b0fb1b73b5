"""The quota: what counts, when it counts, and that nothing is counted twice or forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.stores.blobs.content import ContentFiles
from p2plib.data.stores.blobs.keyed import KeyedFiles
from p2plib.data.stores.blobs.memory import MemoryBlobs, MemoryContent
from p2plib.data.stores.blobs.quota import QuotaBlobs
from p2plib.data.stores.blobs.store import BlobStore
from p2plib.errors import StoreFull, UsageError, WrongContent
from tests.data.stores.blobs.pretend import PretendFolder


def put(store: BlobStore, key: str | None, data: bytes) -> str:
    with store.write(key) as writer:
        writer.write(data)
        return writer.finish().key


@pytest.mark.fault("F118")
def test_the_last_byte_fits_and_the_next_does_not() -> None:
    with QuotaBlobs(MemoryBlobs(), 10) as store:
        put(store, "a", b"12345")
        put(store, "b", b"12345")
        assert store.used_bytes == 10
        with pytest.raises(StoreFull, match="10 has 0 left"):
            put(store, "c", b"1")
        put(store, "c", b"")
        store.remove("a")
        assert store.used_bytes == 5
        put(store, "c", b"54321")
        assert store.used_bytes == 10
        assert list(store.keys()) == ["b", "c"]


@pytest.mark.fault("F118")
def test_a_stranger_that_never_ends_takes_no_more_than_the_quota() -> None:
    with QuotaBlobs(MemoryContent(), 1000, 300) as store:
        writer = store.write()
        for _ in range(300 // 7):
            writer.write(bytes(7))
            assert store.used_bytes == writer.size_bytes
        with pytest.raises(StoreFull, match="may have 300 bytes here"):
            writer.write(bytes(7))
        assert store.used_bytes == 0
        assert not writer.is_open


def test_what_is_being_written_counts_and_a_promise_counts_at_once() -> None:
    with QuotaBlobs(MemoryBlobs(), 100) as store:
        one = store.write("one", size_bytes=60)
        assert store.used_bytes == 60
        with pytest.raises(StoreFull):
            store.write("two", size_bytes=41)
        two = store.write("two")
        two.write(bytes(40))
        with pytest.raises(StoreFull):
            two.write(b"x")
        assert store.used_bytes == 60
        one.write(bytes(60))
        assert store.used_bytes == 60
        one.finish()
        assert store.used_bytes == 60
        with pytest.raises(StoreFull):
            store.write("three", size_bytes=2**70)
        for size in (-1, -(2**70)):
            with pytest.raises(UsageError):
                store.write("three", size_bytes=size)
        assert store.used_bytes == 60


def test_a_blob_that_replaces_another_counts_beside_it_until_it_is_finished() -> None:
    with QuotaBlobs(MemoryBlobs(), 10) as store:
        put(store, "a", bytes(6))
        with pytest.raises(StoreFull):
            put(store, "a", bytes(5))
        put(store, "a", bytes(4))
        assert store.used_bytes == 4
        writer = store.write("a")
        writer.write(bytes(6))
        assert store.used_bytes == 10
        writer.finish()
        assert store.used_bytes == 6


def test_the_same_content_counts_once() -> None:
    with QuotaBlobs(MemoryContent(), 10) as store:
        for _ in range(5):
            put(store, None, b"12345")
        assert store.used_bytes == 5
        with store.write("00" * 32) as writer:
            writer.write(b"lies")
            with pytest.raises(WrongContent):
                writer.finish()
        assert store.used_bytes == 5
        with pytest.raises(UsageError):
            store.write("no key", size_bytes=5)
        assert store.used_bytes == 5


def test_what_was_there_before_counts() -> None:
    within = MemoryBlobs()
    put(within, "a", bytes(70))
    with QuotaBlobs(within, 50) as store:
        assert store.used_bytes == 70
        with pytest.raises(StoreFull, match="50 has 0 left"):
            put(store, "b", b"1")
        assert store.size("a") == 70
        store.remove("a")
        put(store, "b", b"1")
    for limits in ((-1, None), (1, -1)):
        with pytest.raises(UsageError):
            QuotaBlobs(MemoryBlobs(), *limits)


@pytest.mark.fault("F121")
@pytest.mark.parametrize("make", [KeyedFiles, ContentFiles])
def test_the_count_is_right_after_a_disk_that_refused_at_any_step(
    make: type[KeyedFiles] | type[ContentFiles],
) -> None:
    def run(store: QuotaBlobs) -> None:
        names = iter(("a", "b", "a")) if make is KeyedFiles else iter([None] * 3)
        for size in (100, 20, 30):
            put(store, next(names), bytes(size))

    count = 0
    for step in range(3, 60):
        folder = PretendFolder()
        store = QuotaBlobs(make(folder), 1000)
        folder.fail_at = {step: OSError(28, "no room")}
        try:
            run(store)
        except StoreFull:
            count += 1
        assert store.used_bytes == sum(store.size(key) for key in store.keys()), step  # noqa: SIM118
        store.close()
    assert count > 10


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 12), st.sampled_from(("put", "drop", "remove")))
    )
)
def test_whatever_happens_the_count_is_the_sum(steps: list[tuple[str, int, str]]) -> None:
    with QuotaBlobs(MemoryBlobs(), 30) as store:
        for key, size, what in steps:
            if what == "remove":
                store.remove(key)
            else:
                try:
                    with store.write(key) as writer:
                        writer.write(bytes(size))
                        if what == "put":
                            writer.finish()
                except StoreFull:
                    pass
            assert store.used_bytes == sum(store.size(key) for key in store.keys()) <= 30  # noqa: SIM118
