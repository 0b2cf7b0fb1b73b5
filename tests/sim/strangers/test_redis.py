"""redis.asyncio in the simulated internet, as it is, against a small server that speaks RESP2."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.sim.strangers.world import play_everywhere

redis = pytest.importorskip("redis.asyncio")


def encoded(answer: Any) -> bytes:
    """A value as RESP2 (the Redis serialization protocol) writes it."""
    if isinstance(answer, list):
        return b"*%d\r\n" % len(answer) + b"".join(map(encoded, answer))
    if isinstance(answer, int):
        return b":%d\r\n" % answer
    if answer is None:
        return b"$-1\r\n"
    if isinstance(answer, Exception):
        return b"-ERR %s\r\n" % str(answer).encode()
    if answer == b"OK":
        return b"+OK\r\n"
    return b"$%d\r\n%s\r\n" % (len(answer), answer)


class SmallRedis:
    """A few commands of Redis: strings, counters, publish and subscribe."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.listeners: defaultdict[bytes, list[asyncio.StreamWriter]] = defaultdict(list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            words = []
            for _ in range(int(line[1:])):
                size = int((await reader.readline())[1:])
                words.append((await reader.readexactly(size + 2))[:-2])
            writer.write(encoded(self.answer(words[0].upper(), words[1:], writer)))
            await writer.drain()
        writer.close()

    def answer(self, command: bytes, words: list[bytes], writer: asyncio.StreamWriter) -> Any:
        if command in (b"CLIENT", b"SELECT"):
            return b"OK"
        if command == b"SET":
            self.values[words[0]] = words[1]
            return b"OK"
        if command == b"GET":
            return self.values.get(words[0])
        if command == b"INCRBY":
            value = int(self.values.get(words[0], b"0")) + int(words[1])
            self.values[words[0]] = b"%d" % value
            return value
        if command == b"SUBSCRIBE":
            self.listeners[words[0]].append(writer)
            return [b"subscribe", words[0], 1]
        if command == b"PUBLISH":
            for listener in self.listeners[words[0]]:
                listener.write(encoded([b"message", *words]))
            return len(self.listeners[words[0]])
        return ValueError(f"unknown command {command.decode()}")


@asynccontextmanager
async def serving(ip: str, port: int) -> AsyncIterator[None]:
    async with await asyncio.start_server(SmallRedis().serve, ip, port):
        yield


async def using(name: str, port: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    client = redis.Redis(host=name, port=port, protocol=2, socket_timeout=60)
    async with client:
        await client.set("photo", b"\r\n" * 50_000)
        found["photo"] = len(await client.get("photo"))
        found["nothing"] = await client.get("nothing")
        await asyncio.gather(*(client.incr("visits") for _ in range(8)))  # over several connections
        async with client.pipeline(transaction=False) as pipe:
            found["pipeline"] = await pipe.incr("visits", 2).get("visits").execute()
        with pytest.raises(redis.ResponseError) as failure:
            await client.execute_command("FLY")
        found["error"] = str(failure.value)
        async with client.pubsub(ignore_subscribe_messages=True) as news:
            await news.subscribe("news")
            while not await client.publish("news", "rain"):
                await asyncio.sleep(0.01)
            while (message := await news.get_message(timeout=1)) is None:
                pass
            found["news"] = message["data"]
    await client.connection_pool.disconnect()
    return found


def test_values_pipelines_and_news() -> None:
    assert play_everywhere(serving, using) == {
        "photo": 100_000,
        "nothing": None,
        "pipeline": [10, b"10"],
        "error": "unknown command FLY",
        "news": b"rain",
    }
