"""The command: what it prints, what its options mean, and the doctor's side of it."""

from __future__ import annotations

import argparse
import asyncio
import random
import re

import pytest

from p2plib.discovery.dns import command
from p2plib.discovery.dns.source import DnsSource
from p2plib.discovery.dns.tsig import TsigKey
from p2plib.discovery.source import Source, topic_of
from p2plib.errors import UsageError
from tests.discovery.dns.world import KEY


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(words)


def asked(*words: str) -> list[Source]:
    parser = argparse.ArgumentParser()
    command.add_source_arguments(parser)
    return command.sources(parser.parse_args(words))


def test_it_serves_and_says_what_it_hears() -> None:
    async def main() -> list[str]:
        said: list[str] = []
        started = asyncio.Event()

        def say(line: str) -> None:
            said.append(line)
            if len(said) == 3:
                started.set()

        options = arguments("--port", "0", "--seed", "127.0.0.11", "--seed", "::1")
        running = asyncio.ensure_future(command.run(options, say))
        await started.wait()
        port = int(said[0].rpartition(":")[2])
        name, secret = said[1].rsplit(":", 2)[1:]
        key = TsigKey.parse(name, secret)
        async with DnsSource("p2p.test", ("127.0.0.1", port), random.Random(1), key=key) as source:
            await source.announce(topic_of("cats"), 4001)
            (looker,) = asked("--dns", f"p2p.test@127.0.0.1:{port}")
            async with looker:
                found = [each.address async for each in looker.lookup(topic_of("cats"))]
        assert found == [("127.0.0.1", 4001)]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return said

    said = asyncio.run(main())
    assert said[0].startswith("listening on 127.0.0.1:")
    assert said[1].startswith("zone p2p.test. with 2 seeds; updates with hmac-sha256:peers.:")
    assert said[2] == f"try: dig @127.0.0.1 -p {said[0].rpartition(':')[2]} seed.p2p.test."
    assert said[3] == "peers. changes 2 records: done"
    assert re.fullmatch(r"127\.0\.0\.1:\d+ asks for [0-9a-f]{40}\.p2p\.test\. SRV: 1 records", said[4])


def test_its_key_can_be_given() -> None:
    assert command._key(f"tracker:{KEY.text}") == KEY
    assert command._key(None) != command._key(None)
    for wrong in ("tracker", "tracker:", "tracker:nonsense!"):
        with pytest.raises(UsageError):
            command._key(wrong)


def test_a_seed_that_no_peer_can_be_at_is_refused() -> None:
    with pytest.raises(UsageError, match="no peer can be"):
        asyncio.run(command.run(arguments("--seed", "224.0.0.1"), print))


def test_what_the_doctor_can_ask() -> None:
    assert asked() == []
    one, two = asked("--dns", "p2p.test@127.0.0.1:5300", "--dns", "p2p.test@[::1]:53")
    assert isinstance(one, DnsSource)
    assert isinstance(two, DnsSource)
    assert (one.server, two.server) == (("127.0.0.1", 5300), ("::1", 53))
    for wrong in (
        "p2p.test",
        "p2p.test@127.0.0.1",
        "@127.0.0.1:53",
        "p2p.test@127.0.0.1:x",
        "p2p.test@ns:53",
    ):
        with pytest.raises(UsageError):
            asked("--dns", wrong)
