"""Hypercorn in the simulated internet, as it is: it binds sockets of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from tests.sim.certificates import Certificates
from tests.sim.strangers.test_uvicorn import FOUND, application, using
from tests.sim.strangers.world import play_everywhere

hypercorn = pytest.importorskip("hypercorn")


async def _listens(port: int) -> None:
    """Returns as soon as the server takes connections, of which it says nothing."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return await writer.wait_closed()


@asynccontextmanager
async def serving(papers: Certificates | None, ip: str, port: int) -> AsyncIterator[None]:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"{ip}:{port}"]
    config.accesslog = config.errorlog = None
    if papers is not None:
        config.certfile, config.keyfile = str(papers.certificate), str(papers.key)
    enough = asyncio.Event()
    running = asyncio.create_task(serve(application, config, shutdown_trigger=enough.wait))  # type: ignore[arg-type]
    try:
        await _listens(port)
        yield
    finally:
        enough.set()
        await running


def test_requests_and_answers_in_pieces() -> None:
    assert play_everywhere(partial(serving, None), partial(using, None)) == FOUND


def test_https(papers: Certificates) -> None:
    assert play_everywhere(partial(serving, papers), partial(using, papers), repeats=False) == FOUND
