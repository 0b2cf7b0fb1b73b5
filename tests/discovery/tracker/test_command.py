"""`python -m p2plib.discovery tracker`: what it says, and that it ends."""

from __future__ import annotations

import argparse
import asyncio
import random

import pytest

from p2plib.discovery.tracker import command
from p2plib.discovery.tracker.announce import Announce
from p2plib.discovery.tracker.client import TrackerClient
from p2plib.errors import LocalError, UsageError
from tests.discovery.tracker.packets import INFO_HASH


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    command.add_source_arguments(parser)
    return parser.parse_args(arguments)


def test_it_says_where_it_listens_and_what_it_hears() -> None:
    async def main() -> list[str]:
        said: list[str] = []
        running = asyncio.ensure_future(command.run(parsed("--interval", "900"), said.append))
        while len(said) < 4:
            await asyncio.sleep(0.001)
        assert said[0].startswith("listening on 127.0.0.1:")
        for line in said[1:3]:
            client = TrackerClient(line.removeprefix("announce to "), random.Random(1))
            assert (await client.announce(Announce(INFO_HASH, b"1" * 20, 6881))).interval_s == 900
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
        return said[4:]

    heard = f"update 127.0.0.1:6881 {INFO_HASH.hex()} a leecher"
    assert asyncio.run(main()) == [f"http {heard}", f"udp {heard}"]


def test_parts_of_it() -> None:
    async def main(*arguments: str) -> list[str]:
        said: list[str] = []
        running = asyncio.ensure_future(command.run(parsed(*arguments), said.append))
        await asyncio.wait([running], timeout=0.2)
        running.cancel()
        await asyncio.wait([running])
        if not running.cancelled():
            running.result()
        return [line.partition("//")[0] for line in said[1:]]

    assert asyncio.run(main("--no-http")) == ["announce to udp:"]
    assert asyncio.run(main("--no-udp")) == ["announce to http:", "announce to ws:"]
    with pytest.raises(UsageError):
        asyncio.run(main("--no-udp", "--no-http"))


def test_without_aiohttp_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LocalError, match="pip install"):
        asyncio.run(command.run(parsed(), print))


def test_the_sources_of_the_doctor() -> None:
    assert command.sources(parsed()) == []
    [source] = command.sources(parsed("--tracker", "udp://127.0.0.1:1", "--tracker", "http://127.0.0.1:2"))
    assert source.tiers.tiers == [["udp://127.0.0.1:1"], ["http://127.0.0.1:2"]]  # type: ignore[attr-defined]
    with pytest.raises(UsageError):
        command.sources(parsed("--tracker", "nonsense"))
