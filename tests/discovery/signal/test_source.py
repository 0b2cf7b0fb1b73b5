"""SignalSource: several hubs, hubs that lie, forge and replay, and a hub that comes back."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from p2plib.discovery.signal import messages
from p2plib.discovery.signal.channels import HubLimits
from p2plib.discovery.signal.client import HubClient
from p2plib.discovery.signal.messages import HERE, SignalMessage
from p2plib.discovery.signal.server import SignalHub
from p2plib.discovery.signal.source import APP, SignalSource
from p2plib.discovery.source import MAX_FOUND, Found, topic_of
from p2plib.errors import PeerTimeout, RequestRefused, Unreachable, UsageError
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from p2plib.machine.addresses import Address
from p2plib.sim import Host, Internet

pytest.importorskip("aiohttp")

TOPIC = topic_of("cats of Lisbon")
CHANNEL = f"{APP}/{TOPIC.hex()}"
PORT = 8000
MAL = SecretKey.from_seed(b"m" * 32)


def secret_of(host: Host) -> SecretKey:
    return SecretKey.from_seed(host.name.encode().ljust(32))


def start_hub(net: Internet, name: str = "hub", **limits: float) -> tuple[Host, SignalHub]:
    hub, host = SignalHub("0.0.0.0", PORT, limits=HubLimits(**limits)), net.host(name)  # type: ignore[arg-type]

    async def serve() -> None:
        async with hub:
            await asyncio.Event().wait()

    host.start(serve)
    return host, hub


class On:
    """A source on a host of its own: each call of it runs there."""

    def __init__(self, host: Host, *hubs: Host) -> None:
        self.host = host
        urls = [f"http://{hub.address}:{PORT}" for hub in hubs]
        self.source = SignalSource(urls, secret_of(host), host=host.address, rng=random.Random(host.name))

    async def __aenter__(self) -> On:
        await self.host.run(self.source.__aenter__())
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self.host.run(self.source.__aexit__(*error))

    async def announce(self, port: int) -> None:
        await self.host.run(self.source.announce(TOPIC, port))

    async def lookup(self) -> list[Found]:
        async def run() -> list[Found]:
            return [found async for found in self.source.lookup(TOPIC)]

        return await self.host.run(run())

    async def addresses(self) -> list[Address]:
        return [found.address for found in await self.lookup()]


async def stranger(url: str, say: Callable[[str], str | None]) -> None:
    """Answers what it hears on the channel."""
    async with HubClient(url, APP) as hub, hub.subscribe(TOPIC.hex()) as texts:
        async for text in texts:
            answer = say(text)
            if answer is not None:
                await hub.broadcast(TOPIC.hex(), answer)


def here(secret: SecretKey, body: str, seq: int) -> SignalMessage:
    return messages.sign(
        SignalMessage(CHANNEL, secret.public, None, HERE, seq, int(time.time()), body), secret
    )


def test_what_is_found_says_who_signed_it_and_which_hub_passed_it_on(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hub, _ = start_hub(net)
        await asyncio.sleep(1)
        async with On(net.host("ana"), hub) as ana, On(net.host("ben"), hub) as ben:
            await ana.announce(4001)
            peer = ids.peer_id(secret_of(ana.host).public)
            found = Found((ana.host.address, 4001), "signal", f"http://{hub.address}:{PORT}", peer)
            assert await ben.lookup() == [found]

    internet.run(main)


def test_one_hub_of_two_is_enough_and_both_give_a_peer_once(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        (one, _), (two, _) = start_hub(net, "one"), start_hub(net, "two")
        dead = net.host("dead")
        await asyncio.sleep(1)
        async with On(net.host("ana"), dead, one, two) as ana, On(net.host("ben"), one, dead, two) as ben:
            await ana.announce(4001)
            assert await ben.addresses() == [(ana.host.address, 4001)]
            one.crash()
            assert await ben.addresses() == [(ana.host.address, 4001)]
            two.crash()
            with pytest.raises((Unreachable, PeerTimeout)):
                await ben.lookup()

    internet.run(main)


def test_a_hub_that_comes_back_is_told_again(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hub, _ = start_hub(net)
        await asyncio.sleep(1)
        async with On(net.host("ana"), hub) as ana, On(net.host("ben"), hub) as ben:
            await ana.announce(4001)
            hub.crash()
            await asyncio.sleep(20)
            hub.restart()
            await asyncio.sleep(200)
            assert await ben.addresses() == [(ana.host.address, 4001)]
            assert ana.source.ignored["announcing broke off"] >= 1

    internet.run(main)


@pytest.mark.fault("F068")
def test_a_forger_a_replayer_and_a_changer_are_not_believed(internet: Internet) -> None:
    """The stranger speaks the protocol, and hears all that the hub passes on."""
    kept: list[str] = []
    asked: list[str] = []

    def forge(text: str) -> str | None:
        message = messages.decode_unverified(text)
        if message.kind != HERE:
            asked.append(text)
            return kept[0] if len(asked) == 1 else kept[-1].replace("/tcp/4001", "/tcp/6666")
        if "6666" in text:
            return None  # our own words
        kept.append(text)
        return text.replace("/tcp/4001", "/tcp/6666")

    async def main(net: Internet) -> None:
        hub, _ = start_hub(net)
        await asyncio.sleep(1)
        net.host("mal").start(stranger, f"http://{hub.address}:{PORT}", forge)
        await asyncio.sleep(1)
        async with On(net.host("ana"), hub) as ana, On(net.host("ben"), hub) as ben:
            await ana.announce(4001)
            await asyncio.sleep(100)
            await ana.host.run(ana.source.withdraw(TOPIC))
            assert await ben.addresses() == [], "nobody is there, and yesterday's message is played"
            assert ben.source.ignored["not of this time"] >= 1
            await ana.announce(4001)
            assert await ben.addresses() == [(ana.host.address, 4001)]
            refused = ben.source.ignored["forged"] + ben.source.ignored["seen before"]
            assert refused >= 1, "changed, it comes before the true one or after"

    internet.run(main)


@pytest.mark.fault("F068")
def test_addresses_that_nobody_may_name(internet: Internet) -> None:
    words = "/ip4/127.0.0.1/tcp/4001 /ip4/192.168.1.1/tcp/80 /ip4/224.0.0.1/udp/4001 /dns/x/tcp/1 rubbish"

    def lie(text: str) -> str | None:
        if messages.decode_unverified(text).kind == HERE:
            return None
        return messages.encode(here(MAL, words + " /ip4/198.51.100.7/udp/4001", 2**40))

    async def main(net: Internet) -> None:
        hub, _ = start_hub(net)
        await asyncio.sleep(1)
        net.host("mal").start(stranger, f"http://{hub.address}:{PORT}", lie)
        await asyncio.sleep(1)
        async with On(net.host("ben"), hub) as ben:
            (found,) = await ben.lookup()
            assert found.address == ("198.51.100.7", 4001)
            assert found.peer == ids.peer_id(MAL.public)
            assert ben.source.ignored["address of no peer"] == 3
            assert ben.source.ignored["not an address"] == 2

    internet.run(main)


@pytest.mark.fault("F068")
def test_one_that_asks_alone_is_answered_aside_where_nobody_can_forge_either(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        host, hub = start_hub(net)
        passed: list[str] = []
        hub.channels.hears = passed.append
        asker = ids.peer_id(secret_of(net.host("ben")).public)
        url, aside = f"http://{host.address}:{PORT}", f"{TOPIC.hex()}-{asker}"

        async def eavesdrop() -> None:
            async with HubClient(url, APP) as client, client.subscribe(aside) as texts:
                async for text in texts:
                    if "6666" not in text:
                        await client.broadcast(aside, text.replace("/tcp/4001", "/tcp/6666"))
                        await client.broadcast(TOPIC.hex(), text)

        await asyncio.sleep(1)
        net.host("mal").start(eavesdrop)
        async with On(net.host("ana"), host) as ana, On(net.hosts["ben"], host) as ben:
            await ana.announce(4001)
            passed.clear()
            assert await ben.addresses() == [(ana.host.address, 4001)]
            answers = [line for line in passed if line.startswith(f"{ana.host.address} sends")]
            assert len(answers) == 1
            assert answers[0].endswith(f"to {APP}/{aside}, heard by 2"), "the asker and Mal"
            assert ben.source.ignored["seen before"] == 2, "the changed one and the copy"

    internet.run(main)


@pytest.mark.fault("F068")
def test_a_lookup_costs_two_messages_for_each_peer_not_their_square(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        host, hub = start_hub(net)
        sent: list[int] = []

        def hears(line: str) -> None:
            if " sends " in line:
                sent.append(int(line.rsplit(" ", 1)[1]))

        n = 12
        await asyncio.sleep(1)
        async with AsyncExitStack() as stack:
            for number in range(n):
                peer = await stack.enter_async_context(On(net.host(f"peer {number}"), host))
                await peer.announce(4001)
            ben = await stack.enter_async_context(On(net.host("ben"), host))
            hub.channels.hears = hears
            assert len(await ben.lookup()) == n
            assert (len(sent), sum(sent)) == (n + 1, 2 * n + 1)

    internet.run(main)


@pytest.mark.fault("F068")
def test_questions_without_end_do_not_keep_a_peer_from_speaking_to_all(internet: Internet) -> None:
    """Mal asks all the time under one key; the message to all that is due every two minutes still comes."""

    async def main(net: Internet) -> None:
        host, _ = start_hub(net, messages_per_s=1000, burst=1000)
        url, to_all = f"http://{host.address}:{PORT}", []

        async def ask() -> None:
            async with HubClient(url, APP) as client:
                for seq in range(1000):
                    who = SignalMessage(CHANNEL, MAL.public, None, messages.WHO, seq, int(time.time()))
                    await client.broadcast(TOPIC.hex(), messages.encode(messages.sign(who, MAL)))
                    await asyncio.sleep(0.4)

        async def hear() -> None:
            async with HubClient(url, APP) as client, client.subscribe(TOPIC.hex()) as texts:
                async for text in texts:
                    to_all.append(messages.decode(text).kind)  # noqa: PERF401 (one by one)

        await asyncio.sleep(1)
        async with On(net.host("ana"), host) as ana:
            net.host("ben").start(hear)
            await asyncio.sleep(1)
            await ana.announce(4001)
            net.host("mal").start(ask)
            await asyncio.sleep(250)
            assert 3 <= to_all.count(HERE) <= 5

    internet.run(main)


@pytest.mark.fault("F068")
def test_what_waits_for_a_slow_reader_is_bounded() -> None:
    slow, waiting = SignalSource(["http://192.0.2.1"], MAL), asyncio.Queue[Found | Exception | None]()
    for port in range(1, MAX_FOUND + 6):
        slow._hand_over([Found(("198.51.100.7", port), "signal")], waiting)
    assert waiting.qsize() == MAX_FOUND
    assert slow.ignored["too many"] == 5


def test_a_hundred_that_ask_at_once_are_answered_by_few_messages(internet: Internet) -> None:
    """A peer answers at most once in half a second, and everybody hears that answer."""

    async def main(net: Internet) -> None:
        host, hub = start_hub(net, max_of_host=1000, burst=1000, messages_per_s=1000)
        await asyncio.sleep(1)
        async with On(net.host("ana"), host) as ana, On(net.host("ben"), host) as ben:
            await ana.announce(4001)
            before = hub.channels.passed_on
            results = await asyncio.gather(*(ben.addresses() for _ in range(30)))
            assert results == [[(ana.host.address, 4001)]] * 30
            assert hub.channels.passed_on - before <= 30 + 6

    internet.run(main)


def test_a_refusal_has_the_hubs_status(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hub, _ = start_hub(net, max_subscribers=0)
        await asyncio.sleep(1)
        async with On(net.host("ana"), hub) as ana:
            for call in (ana.lookup(), ana.announce(4001)):
                with pytest.raises(RequestRefused) as caught:
                    await call
                assert caught.value.code == 503

    internet.run(main)


def test_withdrawn_while_announcing(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        ana, dead = net.host("ana"), net.host("dead")
        async with On(ana, dead) as source:
            with net.cut([ana], [dead]):
                announcing = asyncio.ensure_future(source.announce(4001))
                await asyncio.sleep(1)
                await ana.run(source.source.withdraw(TOPIC))
                await announcing

    internet.run(main)


def test_the_callers_mistakes() -> None:
    with pytest.raises(UsageError, match="needs a hub"):
        SignalSource([], MAL)
    with pytest.raises(UsageError):
        SignalSource(["http://x"], MAL, host="a.example")
    for app in ("x" * 129, "a\nb"):
        with pytest.raises(UsageError, match="an application's name"):
            SignalSource(["http://x"], MAL, app=app)
