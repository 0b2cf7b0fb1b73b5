"""httpx and uvicorn in the simulated internet, as they are: an ASGI server with its signals, and a client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from p2plib.sim import Internet
from tests.sim.certificates import Certificates
from tests.sim.strangers.world import HOME, PORT, play_everywhere

httpx = pytest.importorskip("httpx")
uvicorn = pytest.importorskip("uvicorn")


async def application(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application: it says what it was sent, in pieces."""
    if scope["type"] == "lifespan":
        while True:
            event = (await receive())["type"]
            await send({"type": f"{event}.complete"})
            if event == "lifespan.shutdown":
                return
    body, more = b"", True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-path", scope["raw_path"])]})
    for piece in (b"got ", b"%d bytes" % len(body)):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0.01)
    await send({"type": "http.response.body"})


def server_at(ip: str, port: int, papers: Certificates | None = None) -> Any:
    files: dict[str, Path] = {}
    if papers is not None:
        files = {"ssl_certfile": papers.certificate, "ssl_keyfile": papers.key}
    config = uvicorn.Config(application, host=ip, port=port, log_level="error", **files)
    return uvicorn.Server(config)


@asynccontextmanager
async def serving(papers: Certificates | None, ip: str, port: int) -> AsyncIterator[None]:
    server = server_at(ip, port, papers)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await running


async def using(papers: Certificates | None, name: str, port: int) -> list[Any]:
    verify = papers.client() if papers is not None else True
    root = f"http{'s' if papers else ''}://{name}:{port}"
    async with httpx.AsyncClient(base_url=root, verify=verify, trust_env=False, timeout=60) as client:
        found = []
        for size in (0, 200_000):
            response = await client.post(f"/put/{size}", content=b"x" * size)
            found.append((response.status_code, response.headers["x-path"], response.text))
        pages = await asyncio.gather(*(client.get(f"/page/{number}") for number in range(5)))
        return [*found, *(page.headers["x-path"] for page in pages)]


FOUND = [
    (200, "/put/0", "got 0 bytes"),
    (200, "/put/200000", "got 200000 bytes"),
    *(f"/page/{number}" for number in range(5)),
]


def test_requests_and_answers_in_pieces() -> None:
    assert play_everywhere(partial(serving, None), partial(using, None)) == FOUND


def test_https(papers: Certificates) -> None:
    assert play_everywhere(partial(serving, papers), partial(using, papers), repeats=False) == FOUND


def test_stopping_the_host_is_a_sigterm_to_which_uvicorn_shuts_down() -> None:
    """It has finished the request under way, and its lifespan, before the host is down."""
    ended = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await asyncio.sleep(3)
        await application(scope, receive, send)
        ended.append(scope["type"])

    async def serve() -> None:
        await uvicorn.Server(uvicorn.Config(slow, host="0.0.0.0", port=PORT, log_level="error")).serve()

    async def main(net: Internet) -> Any:
        server, client = net.host("server"), net.host("client")
        server.start(serve)
        await asyncio.sleep(1)

        async def ask() -> str:
            async with httpx.AsyncClient(trust_env=False) as session:
                return (await session.get(f"http://server:{PORT}/")).text  # type: ignore[no-any-return]

        asking = asyncio.ensure_future(client.run(ask()))
        await asyncio.sleep(1)
        await server.stop()
        answer = await asking
        with pytest.raises(httpx.ConnectTimeout):  # the machine is off
            await client.run(ask())
        return answer

    assert Internet(seed=1, link=HOME).run(main) == "got 0 bytes"
    assert ended == ["http", "lifespan"]
