"""The command: its options, and what it says while it runs."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from p2plib.discovery.mainline import command
from p2plib.discovery.mainline.source import MainlineSource
from p2plib.discovery.source import topic_of
from p2plib.errors import PeerTimeout, UsageError
from p2plib.sim import Internet
from tests.discovery.mainline.test_driver import loopback, network, peers_of

pytestmark = pytest.mark.usefixtures("patient")


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)


@contextlib.asynccontextmanager
async def running(*words: str) -> AsyncIterator[list[str]]:
    """What the command has said so far, while it runs."""
    said: list[str] = []
    task = asyncio.create_task(command.run(parsed(*words), said.append))
    try:
        yield said
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            await task


async def until_said(said: list[str], beginning: str) -> str:
    async with asyncio.timeout(100):
        while not (lines := [line for line in said if line.startswith(beginning)]):
            await asyncio.sleep(0.01)
    return lines[0]


def test_a_node_that_announces_and_one_that_looks_up() -> None:
    async def main() -> None:
        async with network([None] * 3) as nodes:
            entry = "{}:{}".format(*nodes[0].address)
            key = "cats of Lisbon"
            ana, ben = ["--host", loopback(20)], ["--host", loopback(21), "--read-only"]
            async with running(*ana, "--bootstrap", entry, "--announce", key, "7000") as said:
                assert (await until_said(said, "listening on ")).startswith(f"listening on {loopback(20)}:")
                assert said[0].startswith("listening on ")
                await until_said(said, "entered, and know 3 nodes")
                await until_said(said, "announced to 3 nodes")
                assert await peers_of(nodes[1], topic_of(key)) == [(loopback(20), 7000)]
                async with running(*ben, "--bootstrap", entry, "--lookup", key) as heard:
                    await until_said(heard, "peers found: 1")
                    assert f"peer {loopback(20)}:7000" in heard

    asyncio.run(main())


def test_nobody_is_there(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        host = net.host("ana")
        with host, pytest.raises(PeerTimeout):
            await command.run(parsed("--bootstrap", "203.0.113.9:6881", "--host", host.address), print)

    internet.run(main)


def test_addresses_as_typed() -> None:
    assert parsed("--bootstrap", "[2001:db8::7]:6881").bootstrap == [("2001:db8::7", 6881)]
    for bad in (
        "127.0.0.1",
        "127.0.0.1:",
        "name:6881",
        "127.0.0.1:0",
        "224.0.0.1:5",
        "127.0.0.1:" + "9" * 5000,
    ):
        with pytest.raises(SystemExit):
            parsed("--bootstrap", bad)


@pytest.mark.fault("F175")
@pytest.mark.parametrize("port", ["http", "0", "99999", "-1", "7000x", "9" * 5000])
def test_a_port_that_is_none_is_said_before_anything_is_opened(port: str) -> None:
    said: list[str] = []
    with pytest.raises(UsageError, match="a port is"):
        asyncio.run(command.run(parsed("--announce", "cats", port), said.append))
    assert not said


def test_the_source_of_the_doctor() -> None:
    parser = argparse.ArgumentParser()
    command.add_source_arguments(parser)
    assert command.sources(parser.parse_args([])) == []
    (source,) = command.sources(parser.parse_args(["--dht", "127.0.0.1:6881", "--dht", "127.0.0.1:6882"]))
    assert source.name == "dht"
    assert command.sources(parser.parse_args(["--dht", "192.0.2.1:6881@192.0.2.9"]))
    (source,) = command.sources(parser.parse_args(["--dht", "[::1]:6881"]))
    assert isinstance(source, MainlineSource)
    assert source._where[0] == "::1"
    with pytest.raises(UsageError, match="which address of ours"):
        command.sources(parser.parse_args(["--dht", "192.0.2.1:6881"]))
    with pytest.raises(UsageError):
        command.sources(parser.parse_args(["--dht", "nowhere"]))
