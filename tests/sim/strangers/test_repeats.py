"""Third-party programs do the same in every process, whatever the order of its sets."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from tests.sim.another_process import printed
from tests.sim.strangers import (
    test_aiohttp,
    test_anyio,
    test_grpclib,
    test_hypercorn,
    test_nats,
    test_redis,
    test_uvicorn,
)
from tests.sim.strangers.world import LOSSY, play


def digests(folder: str) -> list[str]:
    """What each of them does over a lossy link, in a few letters."""
    (Path(folder) / "hello.txt").write_text("hello\n")
    os.utime(Path(folder) / "hello.txt", (1e9, 1e9))  # aiohttp tells when a file was last changed
    conversations = [
        (partial(test_aiohttp.serving, Path(folder), None), partial(test_aiohttp.using, None)),
        (partial(test_uvicorn.serving, None), partial(test_uvicorn.using, None)),
        (partial(test_hypercorn.serving, None), partial(test_uvicorn.using, None)),
        (partial(test_grpclib.serving, None), partial(test_grpclib.using, None)),
        (test_redis.serving, test_redis.using),
        (test_nats.serving, test_nats.using),
        (partial(test_anyio.serving, None), partial(test_anyio.using, None)),
        (test_anyio.echoing, test_anyio.asking),
    ]
    return [play(serving, using, LOSSY).digest[:12] for serving, using in conversations]


@pytest.mark.slow
def test_digests_are_the_same_in_another_process(tmp_path: Path) -> None:
    program = f"from tests.sim.strangers.test_repeats import digests; print(*digests({str(tmp_path)!r}))"
    told = [printed(program, seed).split() for seed in ("0", "77")]
    assert told[0] == told[1]
    assert len(set(told[0])) == 8
