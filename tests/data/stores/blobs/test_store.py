"""What all blob stores share: the writer and the reader by themselves, over a sink that counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from p2plib.data.stores.blobs.store import PIECE_BYTES, BlobInfo, BlobReader, BlobWriter, part_of
from p2plib.errors import Closed, StoreFull, UsageError, WrongContent


class CountingSink:
    def __init__(self, fail_after: int = 100) -> None:
        self.pieces: list[bytes] = []
        self.discards = 0
        self.commits: list[bool] = []
        self.fail_after = fail_after

    def append(self, data: bytes) -> None:
        if len(self.pieces) == self.fail_after:
            raise StoreFull("no room")
        self.pieces.append(data)

    def commit(self, durable: bool) -> str:
        self.commits.append(durable)
        if self.fail_after < 0:
            raise StoreFull("no room")
        return "key"

    def discard(self) -> None:
        self.discards += 1


def test_a_large_write_reaches_the_sink_in_pieces() -> None:
    sink = CountingSink()
    with BlobWriter(sink) as writer:
        writer.write(bytes(2 * PIECE_BYTES + 1))
        writer.write(b"")
        assert writer.finish(durable=False) == BlobInfo("key", 2 * PIECE_BYTES + 1)
    assert [len(piece) for piece in sink.pieces] == [PIECE_BYTES, PIECE_BYTES, 1]
    assert all(type(piece) is bytes for piece in sink.pieces)  # and no view of the caller's buffer
    assert (sink.commits, sink.discards) == ([False], 0)


def test_each_end_discards_once() -> None:
    sink = CountingSink(fail_after=1)
    with BlobWriter(sink) as writer:
        writer.write(b"a")
        with pytest.raises(StoreFull):
            writer.write(b"b")
        assert sink.discards == 1
        with pytest.raises(Closed, match="was discarded"):
            writer.write(b"c")
    assert sink.discards == 1
    full = CountingSink(fail_after=-1)
    with BlobWriter(full) as writer, pytest.raises(StoreFull):
        writer.finish()
    assert (full.discards, full.commits) == (1, [True])
    negative = CountingSink()
    with pytest.raises(UsageError):
        BlobWriter(negative, -1)
    assert negative.discards == 1


def test_an_interrupt_discards_too() -> None:
    class Interrupted(CountingSink):
        def append(self, data: bytes) -> None:
            raise KeyboardInterrupt

    sink = Interrupted()
    writer = BlobWriter(sink)
    with pytest.raises(KeyboardInterrupt):
        writer.write(b"a")
    assert (sink.discards, writer.is_open) == (1, False)


def test_a_promise_is_broken_before_a_byte_too_many_reaches_the_sink() -> None:
    sink = CountingSink()
    writer = BlobWriter(sink, 3)
    writer.write(b"ab")
    with pytest.raises(WrongContent):
        writer.write(b"cd")
    assert sink.pieces == [b"ab"]


def test_a_reader_closes_once_however_it_ends() -> None:
    closed = []

    def broken() -> Iterator[bytes]:
        yield b"a"
        raise StoreFull("broken")

    for pieces in (iter([b"a"]), iter([]), broken()):
        closed.clear()
        with BlobReader(BlobInfo("a", 1), pieces, lambda: closed.append(1)) as reader:
            try:
                reader.read_all()
                assert reader.read_all() == b""
            except StoreFull:
                with pytest.raises(Closed, match="has met an error"):
                    next(reader)
            reader.close()
        assert closed == [1]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((10, 0, None), (0, 10)),
        ((10, 3, 5), (3, 5)),
        ((10, 3, 3), (3, 3)),
        ((10, 0, 2**70), (0, 10)),
        ((10, 10, None), (10, 10)),
        ((10, 2**70, None), (10, 10)),
        ((10, 11, 12), (10, 10)),
        ((0, 0, 0), (0, 0)),
    ],
)
def test_parts(arguments: tuple[int, int, int | None], part: tuple[int, int]) -> None:
    assert part_of(*arguments) == part
