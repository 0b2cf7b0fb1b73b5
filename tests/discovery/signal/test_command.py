"""The command of a hub, and the doctor's view of one."""

from __future__ import annotations

import argparse
import asyncio
import contextlib

import pytest

from p2plib.discovery.signal import command
from p2plib.discovery.signal.client import HubClient
from p2plib.discovery.signal.source import SignalSource
from p2plib.discovery.source import topic_of
from p2plib.errors import UsageError
from p2plib.identity.keys import SecretKey

pytest.importorskip("aiohttp")


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    command.add_source_arguments(parser)
    return parser.parse_args(words)


def test_a_hub_says_where_it_listens_and_what_it_hears() -> None:
    lines: list[str] = []

    async def main() -> None:
        running = asyncio.ensure_future(command.run(parsed(), lines.append))
        while not lines:
            await asyncio.sleep(0.01)
        url = lines[0].removeprefix("listening on ")
        async with HubClient(url, "app") as client, client.subscribe("one") as texts:
            await client.broadcast("one", "[1]")
            assert await anext(texts) == "[1]"
        async with SignalSource([url], SecretKey.generate()) as ana:
            await ana.announce(topic_of("cats"), 4001)
            (asking,) = command.sources(parsed("--signal", url))
            asking._listen_s = 0.8  # type: ignore[attr-defined]
            async with asking:
                assert [found.address async for found in asking.lookup(topic_of("cats"))] == [
                    ("127.0.0.1", 4001)
                ]
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(main())
    assert lines[1] == "127.0.0.1 listens to app/one"
    assert lines[2] == "127.0.0.1 sends 3 bytes to app/one, heard by 1"


def test_no_hub_no_source() -> None:
    assert command.sources(parsed()) == []
    assert command.NAME == "signal"
    (asking,) = command.sources(parsed("--rendezvous", "/ip4/127.0.0.1/tcp/4001"))
    assert asking.name == "rendezvous"
    with pytest.raises(UsageError, match="--rendezvous"):
        command.sources(parsed("--rendezvous", "127.0.0.1:4001"))
