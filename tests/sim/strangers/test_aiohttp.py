"""aiohttp in the simulated internet, as it is: its server and its client, websockets, HTTPS, `run_app`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from ssl import SSLContext
from typing import Any

import pytest

from p2plib.sim import Internet
from tests.sim.certificates import Certificates
from tests.sim.strangers.world import HOME, PORT, play_everywhere

aiohttp = pytest.importorskip("aiohttp")
web = pytest.importorskip("aiohttp.web")

BIG = b"0123456789" * 50_000


def application(folder: Path) -> Any:
    async def echo(request: Any) -> Any:
        return web.json_response({"got": await request.json(), "header": request.headers["X-Token"]})

    async def big(request: Any) -> Any:
        response = web.StreamResponse()
        await response.prepare(request)
        for start in range(0, len(BIG), 10_000):
            await response.write(BIG[start : start + 10_000])
        await response.write_eof()
        return response

    async def shout(request: Any) -> Any:
        socket = web.WebSocketResponse(heartbeat=5)
        await socket.prepare(request)
        async for message in socket:
            await socket.send_str(message.data.upper())
        return socket

    async def upload(request: Any) -> Any:
        sizes = {}
        async for part in await request.multipart():
            sizes[part.name] = len(await part.read())
        return web.json_response(sizes)

    app = web.Application()
    app.add_routes(
        [web.post("/", echo), web.get("/big", big), web.get("/ws", shout), web.post("/up", upload)]
    )
    app.router.add_static("/files", folder)
    return app


@asynccontextmanager
async def serving(folder: Path, tls: SSLContext | None, ip: str, port: int) -> AsyncIterator[None]:
    runner = web.AppRunner(application(folder))
    await runner.setup()
    await web.TCPSite(runner, ip, port, ssl_context=tls).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def using(tls: SSLContext | None, name: str, port: int) -> dict[str, Any]:
    root = f"http{'s' if tls else ''}://{name}:{port}"
    found: dict[str, Any] = {}
    connector = aiohttp.TCPConnector(ssl=tls if tls else True)
    async with aiohttp.ClientSession(connector=connector, headers={"X-Token": "t"}) as session:
        async with session.post(f"{root}/", json={"a": 1}) as response:
            found["json"] = await response.json()
        pages = [session.get(f"{root}/big") for _ in range(3)]  # at the same time, over three connections
        bodies = await asyncio.gather(*(_body(page) for page in pages))
        found["big"] = [body == BIG for body in bodies]
        form = aiohttp.FormData()
        form.add_field("photo", BIG, filename="photo.bin")
        async with session.post(f"{root}/up", data=form) as response:
            found["upload"] = await response.json()
        found["file"] = await _body(session.get(f"{root}/files/hello.txt"))
        async with session.get(f"{root}/nothing") as response:
            found["missing"] = response.status
    return found


async def talking(tls: SSLContext | None, name: str, port: int) -> list[str]:
    """Over a websocket."""
    connector = aiohttp.TCPConnector(ssl=tls if tls else True)
    heard = []
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.ws_connect(f"ws{'s' if tls else ''}://{name}:{port}/ws") as socket,
    ):
        for word in ("hey", "you", "there"):
            await socket.send_str(word)
            heard.append((await socket.receive()).data)
            await asyncio.sleep(0.03)
    return heard


async def _body(request: Any) -> bytes:
    async with request as response:
        return await response.read()  # type: ignore[no-any-return]


FOUND = {
    "json": {"got": {"a": 1}, "header": "t"},
    "big": [True] * 3,
    "upload": {"photo": len(BIG)},
    "file": b"hello\n",
    "missing": 404,
}
HEARD = ["HEY", "YOU", "THERE"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hello.txt").write_text("hello\n")
    return tmp_path


def test_pages_uploads_and_files(folder: Path) -> None:
    assert play_everywhere(partial(serving, folder, None), partial(using, None)) == FOUND


def test_websockets(folder: Path) -> None:
    """The client's masks are drawn from a `Random()` that is made when aiohttp is imported: no seed's."""
    assert play_everywhere(partial(serving, folder, None), partial(talking, None), repeats=False) == HEARD


def test_https_and_wss(folder: Path, papers: Certificates) -> None:
    server, client = papers.server(), papers.client()
    found = play_everywhere(partial(serving, folder, server), partial(using, client), repeats=False)
    assert found == FOUND
    heard = play_everywhere(partial(serving, folder, server), partial(talking, client), repeats=False)
    assert heard == HEARD


def test_run_app_ends_with_its_host(folder: Path) -> None:
    """`web.run_app` without the loop that it would make; stopping the host is the Ctrl-C."""
    ended = []

    async def cleanup(app: Any) -> None:
        ended.append("cleanup")

    async def serve() -> None:
        app = application(folder)
        app.on_cleanup.append(cleanup)
        await web._run_app(app, host="0.0.0.0", port=PORT, print=None)

    async def main(net: Internet) -> Any:
        server, client = net.host("server"), net.host("client")
        server.start(serve)
        await asyncio.sleep(1)
        heard = await client.run(using(None, "server", PORT))
        await server.stop()
        return heard

    assert Internet(seed=1, link=HOME).run(main) == FOUND
    assert ended == ["cleanup"]
