"""The command: what it says on loopback, and the options of the doctor."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os

import pytest

from p2plib.discovery.mdns import command
from p2plib.discovery.mdns.dns_discovery_source import DnsDiscoverySource
from p2plib.discovery.mdns.source import MdnsSource
from p2plib.discovery.source import topic_of
from p2plib.errors import UsageError

PORT = str(50_000 + os.getpid() % 10_000)


def read(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(options)


def doctored(*options: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_source_arguments(parser)
    return parser.parse_args(options)


def test_the_defaults_disturb_nobody() -> None:
    arguments = read()
    assert (arguments.interface, arguments.group_port, arguments.offer) == ("127.0.0.1", 15_353, None)


@pytest.mark.slow
def test_one_offers_and_the_other_watches() -> None:
    async def main() -> tuple[list[str], list[str]]:
        said: list[list[str]] = [[], []]
        heard = asyncio.Event()

        def hear(line: str) -> None:
            said[1].append(line)
            if line.startswith("here"):
                heard.set()

        options = ["--group-port", PORT, "--kind", "_chat._udp.local"]
        offering = read(*options, "--offer", "ana", "--port", "4007", "--key", "cats")
        tasks = [
            asyncio.ensure_future(command.run(offering, said[0].append)),
            asyncio.ensure_future(command.run(read(*options), hear)),
        ]
        async with asyncio.timeout(100):
            await heard.wait()
            while len(said[0]) < 3:
                await asyncio.sleep(0.05)
            (source,) = command.sources(doctored("--mdns", f"127.0.0.1:{PORT}"))
            async with source, contextlib.aclosing(source.lookup(topic_of("cats"))) as lookup:
                found = await anext(lookup)
        assert found.address == ("127.0.0.1", 4007)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return said[0], said[1]

    offered, watched = asyncio.run(main())
    listening = f"listening on 224.0.0.251:{PORT}"
    assert offered[:3] == [listening, "offering ana at 127.0.0.1:4007", "announcing 'cats' at 127.0.0.1:4007"]
    assert watched[:2] == [listening, "here: ana at 127.0.0.1:4007"]


def test_the_sources_for_the_doctor() -> None:
    assert command.sources(doctored()) == []
    one, other = command.sources(doctored("--mdns", "--dns-discovery", "192.168.1.7"))
    assert isinstance(one, MdnsSource)
    assert isinstance(other, DnsDiscoverySource)
    assert (one.host, one.group[1]) == ("127.0.0.1", 15_353)
    assert (other.host, other.group[1]) == ("192.168.1.7", 5353)


@pytest.mark.parametrize("text", ["ana", "127.0.0.1:x", "0.0.0.0", "127.0.0.1:0"])
def test_links_that_cannot_be(text: str) -> None:
    with pytest.raises(UsageError):
        command.sources(doctored("--mdns", text))
