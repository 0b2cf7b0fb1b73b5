"""Streams in memory: the conformance suite, what waits in them, and what their errors say."""

from __future__ import annotations

import asyncio

import pytest

from p2plib.errors import StreamReset, UsageError
from p2plib.protocol import conformance
from p2plib.protocol.conformance import check_stream
from p2plib.protocol.stream import PIECE_BYTES, memory_pair
from tests.protocol import pairs


@pytest.fixture(autouse=True)
def _no_kernel_is_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "QUIET_S", 0.003)


@pytest.mark.fault("F051")
@pytest.mark.parametrize("limit_bytes", [1, 1000, 65_536])
def test_memory_conforms(limit_bytes: int) -> None:
    asyncio.run(check_stream(lambda: pairs.memory(limit_bytes)))


def test_a_pipe_has_room() -> None:
    with pytest.raises(UsageError, match="at least one byte"):
        memory_pair(limit_bytes=0)


@pytest.mark.fault("F050")
def test_what_waits_in_memory_is_bounded() -> None:
    async def main() -> None:
        a, b = memory_pair(limit_bytes=1000)
        most = 999 + PIECE_BYTES
        await a.write(b"x" * 999)
        await a.write(b"y" * PIECE_BYTES)
        assert b.buffered_bytes == most
        writing = asyncio.ensure_future(a.write(b"z" * 200_000))
        got = b""
        while len(got) < most + 200_000:
            got += await b.read(50_000)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert b.buffered_bytes <= most
        await writing
        assert got == b"x" * 999 + b"y" * PIECE_BYTES + b"z" * 200_000

    asyncio.run(main())


def test_errors_say_who() -> None:
    async def main() -> None:
        a, b = memory_pair(names=("alice", "bob"))
        assert repr(a) == "MemoryStream(bob)"
        a.reset()
        assert repr(a) == "MemoryStream(bob, reset)"
        with pytest.raises(StreamReset, match="alice broke the stream off"):
            await b.read()
        with pytest.raises(UsageError, match="nobody can read -1 bytes"):
            await b.read_exactly(-1)

    asyncio.run(main())
