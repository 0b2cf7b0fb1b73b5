"""nats-py in the simulated internet, as it is, against a small server that speaks its protocol."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.sim.strangers.world import play_everywhere

nats = pytest.importorskip("nats")

INFO = {"server_id": "small", "version": "2.10.0", "proto": 1, "headers": True, "max_payload": 1_000_000}


class SmallNats:
    """INFO, CONNECT, PING, SUB, UNSUB and PUB; subjects may end in "*"."""

    def __init__(self) -> None:
        self.subscriptions: dict[tuple[asyncio.StreamWriter, str], str] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"INFO " + json.dumps(INFO).encode() + b"\r\n")
        while line := await reader.readline():
            verb, *words = line.decode().split()
            if verb == "PING":
                writer.write(b"PONG\r\n")
            elif verb == "SUB":
                self.subscriptions[writer, words[-1]] = words[0]
            elif verb == "UNSUB":
                self.subscriptions.pop((writer, words[0]), None)
            elif verb == "PUB":
                payload = (await reader.readexactly(int(words[-1]) + 2))[:-2]
                self.publish(words[0], words[1] if len(words) == 3 else "", payload)
        self.subscriptions = {key: to for key, to in self.subscriptions.items() if key[0] is not writer}
        writer.close()

    def publish(self, subject: str, reply: str, payload: bytes) -> None:
        for (writer, number), wanted in self.subscriptions.items():
            if subject == wanted or (wanted.endswith("*") and subject.startswith(wanted[:-1])):
                head = " ".join(filter(None, ("MSG", subject, number, reply, str(len(payload)))))
                writer.write(head.encode() + b"\r\n" + payload + b"\r\n")


@asynccontextmanager
async def serving(ip: str, port: int) -> AsyncIterator[None]:
    async with await asyncio.start_server(SmallNats().serve, ip, port):
        yield


async def using(name: str, port: int) -> dict[str, Any]:
    """Two programs: one answers requests, the other asks, and both hear the weather."""
    url = f"nats://{name}:{port}"
    one, other = [await nats.connect(url, connect_timeout=60, allow_reconnect=False) for _ in range(2)]
    heard: dict[str, list[bytes]] = {"one": [], "other": []}

    async def answer(message: Any) -> None:
        await message.respond(message.data.upper())

    async def note_one(message: Any) -> None:
        heard["one"].append(message.data)

    async def note_other(message: Any) -> None:
        heard["other"].append(message.data)

    await one.subscribe("shout", cb=answer)
    await one.subscribe("weather.*", cb=note_one)
    await other.subscribe("weather.paris", cb=note_other)
    await one.flush()
    await other.flush()
    answers = await asyncio.gather(*(other.request("shout", word, timeout=60) for word in (b"hey", b"you")))
    await other.publish("weather.paris", b"rain")
    await other.publish("weather.rome", b"sun" * 10_000)
    while len(heard["one"]) < 2 or not heard["other"]:
        await asyncio.sleep(0.01)
    with pytest.raises(nats.errors.TimeoutError):
        await other.request("nobody", b"", timeout=0.1)
    await one.drain()
    await other.close()
    return {"answers": [message.data for message in answers], "sizes": [*map(len, heard["one"])], **heard}


def test_requests_and_subscriptions() -> None:
    assert play_everywhere(serving, using) == {
        "answers": [b"HEY", b"YOU"],
        "sizes": [4, 30_000],
        "one": [b"rain", b"sun" * 10_000],
        "other": [b"rain"],
    }
