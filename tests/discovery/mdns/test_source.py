"""`MdnsSource` beyond the conformance suite: what it believes, and what it does not give away."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import pytest

from p2plib.discovery.mdns.packets import decode
from p2plib.discovery.mdns.source import KIND, MdnsSource, subtype_of
from p2plib.discovery.source import Found, Source, topic_of
from p2plib.errors import Closed
from p2plib.sim import Internet
from tests.discovery.mdns.worlds import lies, on_a_segment, say

CATS = topic_of("cats of Lisbon")


async def look_up(source: Source, topic: bytes = CATS) -> list[Found]:
    async with contextlib.aclosing(source.lookup(topic)) as lookup:
        return [found async for found in lookup]


def test_it_is_a_source() -> None:
    source: Source = MdnsSource("127.0.0.1")
    assert source.name == "mdns"
    assert subtype_of(b"\x01" * 20) == "_" + "01" * 20


def test_who_said_it_and_not_ourselves(internet: Internet) -> None:
    async def main(net: Internet) -> Any:
        async with on_a_segment(net, [0]) as world:
            ana, ben, _ = world.members
            async with contextlib.AsyncExitStack() as stack:
                for member in (ana, ben):
                    with member.on():
                        await stack.enter_async_context(member.source)
                await ana.source.announce(CATS, 4001)
                found = await look_up(ben.source), await look_up(ana.source)
            return found, ana.host

    (of_ben, of_ana), host = internet.run(main)
    assert of_ben == [Found((host, 4001), "mdns", host)]
    assert of_ana == []


@pytest.mark.fault("F061")
def test_addresses_that_are_not_believed(internet: Internet) -> None:
    async def main(net: Internet) -> Any:
        async with on_a_segment(net, [0]) as world:
            ana, ben, _ = world.members
            with ana.on():
                async with ana.source:
                    assert world.tell
                    for_all = ben.host.rpartition(".")[0] + ".255"
                    told = [("8.8.8.8", 4000), (ben.host, 53), ("127.0.0.1", 4000), (for_all, 4000)]
                    told.append((ben.host, 4005))
                    await world.tell(CATS, told)
                    found = [each.address for each in await look_up(ana.source)]
                    return found, ana.source.ignored, ben.host

    found, ignored, host = internet.run(main)
    assert found == [(host, 4005)]
    assert ignored["an address that is not on the link"] == 3
    assert ignored["an address where no peer can be"] == 1


def test_a_lookup_gives_no_more_than_it_may(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2plib.discovery.mdns.source.MAX_FOUND", 3)

    async def main(net: Internet) -> Any:
        async with on_a_segment(net, [0]) as world:
            ana, ben, _ = world.members
            with ana.on():
                async with ana.source:
                    assert world.tell
                    await world.tell(CATS, [(ben.host, 4000 + number) for number in range(10)])
                    return len(await look_up(ana.source)), ana.source.ignored

    count, ignored = internet.run(main)
    assert count == 3
    assert ignored["more than one lookup gives"] == 1


def test_the_name_of_the_key_is_not_on_the_link(internet: Internet) -> None:
    async def main(net: Internet) -> list[bytes]:
        async with on_a_segment(net, [0]) as world:
            ana, _, _ = world.members
            with ana.on():
                async with ana.source:
                    await ana.source.announce(CATS, 4001)
                    await ana.source.announce(topic_of("dogs"), 4001)
            return [packet.data for packet in net.trace]

    datagrams = internet.run(main)
    assert not any(b"cats" in data for data in datagrams)
    assert all(len({r.name for r in decode(data).records if r.name.is_under(KIND)}) for data in datagrams)
    assert any(CATS.hex().encode() in data for data in datagrams)


def test_before_the_block() -> None:
    source = MdnsSource("127.0.0.1", random.Random(1))
    with pytest.raises(Closed):
        source.lookup(CATS).__anext__().send(None)


def test_a_lie_can_be_made() -> None:
    """The liar of the conformance suite says what it should."""
    (raw,) = lies(CATS, [("192.168.1.9", 4000)])
    assert len(decode(raw).answers) == 3
    assert callable(say)
