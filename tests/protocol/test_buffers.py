"""What streams are made of: chunks that are a queue of bytes, and bells."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from p2plib.protocol import conformance
from p2plib.protocol.buffers import SMALL_BYTES, Bell, Chunks, Total


@pytest.fixture(autouse=True)
def _no_kernel_is_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "QUIET_S", 0.003)


@pytest.mark.parametrize("writes", [[b"", b"abc", b"d" * 5000, b"e"]])
def test_chunks_keep_large_ones_and_join_small_ones(writes: list[bytes]) -> None:
    chunks = Chunks()
    for data in writes:
        chunks.append(data)
    assert len(chunks) == 5004
    assert chunks.take(2) == b"ab"
    assert chunks.take(100) == b"c"
    assert chunks.take(6000) is writes[2]
    assert [chunks.take(9), chunks.take(9), len(chunks)] == [b"e", b"", 0]


@pytest.mark.finding("K2")
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 70_000)), max_size=20))
@example([(True, 65_000), (False, 64_000)])
def test_what_is_counted_together_is_nearly_all_that_is_kept(moves: list[tuple[bool, int]]) -> None:
    total = Total()
    other, chunks, whole = Chunks(total), Chunks(total), b""
    other.append(b"of others")
    for appends, size in moves:
        if appends:
            data = conformance.pattern(size, size)
            chunks.append(data)
            whole += data
        elif size:
            piece = chunks.take(size)
            assert piece == whole[: len(piece)]
            whole = whole[len(piece) :]
        assert total.size_bytes == len(chunks) + 9 == len(whole) + 9
        assert sum(map(len, chunks._chunks)) <= 4 * len(whole) + SMALL_BYTES
    chunks.clear()
    assert total.size_bytes == 9


@pytest.mark.fault("F050")
def test_single_bytes_do_not_cost_an_object_each() -> None:
    chunks = Chunks()
    for _ in range(300_000):
        chunks.append(b"x")
    assert len(chunks._chunks) == -(-300_000 // 65_536)


@given(st.lists(st.integers(0, 9000)), st.integers(0, 40_000))
def test_taking_exactly_is_taking_all_of_it(sizes: list[int], size: int) -> None:
    whole = conformance.pattern(sum(sizes))
    chunks, at = Chunks(), 0
    for each in sizes:
        chunks.append(whole[at : at + each])
        at += each
    size = min(size, len(whole))
    assert chunks.take_exactly(size) == whole[:size]
    assert len(chunks) == len(whole) - size
    chunks.append(b"more")
    assert chunks.take_exactly(len(chunks)) == whole[size:] + b"more"
    assert not chunks


@given(st.lists(st.integers(0, 3 * SMALL_BYTES)), st.lists(st.integers(1, 2 * SMALL_BYTES), min_size=1))
def test_chunks_are_a_queue_of_bytes(sizes: list[int], takes: list[int]) -> None:
    whole = conformance.pattern(sum(sizes))
    chunks, at = Chunks(), 0
    for size in sizes:
        chunks.append(whole[at : at + size])
        at += size
    got, turn = b"", 0
    while chunks:
        asked = takes[turn % len(takes)]
        piece = chunks.take(asked)
        assert 1 <= len(piece) <= asked
        got += piece
        turn += 1
        assert len(chunks) == len(whole) - len(got)
    assert got == whole


def test_a_bell_wakes_who_waits_now_and_forgets_who_was_cancelled() -> None:
    async def main() -> None:
        bell = Bell()
        bell.ring()
        tasks = [asyncio.ensure_future(bell.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.wait(tasks[:1])
        assert len(bell._waiting) == 2
        bell.ring()
        await asyncio.gather(*tasks[1:])
        assert bell._waiting == []

    asyncio.run(main())
