"""python-socketio in the simulated internet, as it is: rooms, events and acknowledgements, under aiohttp."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.sim.strangers.world import play_everywhere

socketio = pytest.importorskip("socketio")
web = pytest.importorskip("aiohttp.web")


@asynccontextmanager
async def serving(ip: str, port: int) -> AsyncIterator[None]:
    server = socketio.AsyncServer(async_mode="aiohttp", ping_interval=1)

    @server.event  # type: ignore[untyped-decorator]
    async def join(sid: str, room: str) -> str:
        await server.enter_room(sid, room)
        return f"welcome to {room}"

    @server.event  # type: ignore[untyped-decorator]
    async def say(sid: str, message: dict[str, str]) -> None:
        await server.emit("said", message["words"], room=message["room"], skip_sid=sid)

    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, ip, port).start()
    try:
        yield
    finally:
        await server.shutdown()
        await runner.cleanup()


async def using(name: str, port: int) -> dict[str, Any]:
    """Three guests, two of them in one room; one begins with long polling and changes to a websocket."""
    heard: dict[str, list[str]] = {"ana": [], "ben": [], "carol": []}
    guests, welcomes = [], []
    for who, room, transports in (
        ("ana", "kitchen", ["websocket"]),
        ("ben", "kitchen", ["websocket"]),
        ("carol", "attic", None),
    ):
        guest = socketio.AsyncClient()
        guest.on("said", heard[who].append)
        await guest.connect(f"http://{name}:{port}", transports=transports)
        welcomes.append(await guest.call("join", room))
        guests.append(guest)
    ana, ben, _ = guests
    await ana.emit("say", {"room": "kitchen", "words": "is there tea?"})
    while not heard["ben"]:
        await asyncio.sleep(0.02)
    await ben.emit("say", {"room": "kitchen", "words": "plenty"})
    while not heard["ana"]:
        await asyncio.sleep(0.02)
    for guest in guests:
        await guest.disconnect()
    return {"welcomes": welcomes, **heard}


def test_rooms_and_acknowledgements() -> None:
    """The masks are aiohttp's: see `test_aiohttp.test_websockets`."""
    assert play_everywhere(serving, using, repeats=False) == {
        "welcomes": ["welcome to kitchen", "welcome to kitchen", "welcome to attic"],
        "ana": ["plenty"],
        "ben": ["is there tea?"],
        "carol": [],
    }
