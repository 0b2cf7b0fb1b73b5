"""One channel: several sources at once in the simulated internet; some fail, hang, lie or are slow."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from p2plib.discovery.kept import Event, SourceFailed, SourceWorks
from p2plib.discovery.one_channel import Discovery
from p2plib.discovery.source import Found, topic_of
from p2plib.errors import CannotListen, Closed, PeerTimeout, RequestRefused, Unreachable, UsageError
from p2plib.sim import Chaos, Constant, Host, Internet, Link
from tests.discovery.tiny import TinyDirectory, TinySource

KEY = "cats of Lisbon"
CATS = topic_of(KEY)
NOBODY = ("192.0.2.200", 1)  # nobody is there


@asynccontextmanager
async def directories(net: Internet, *names: str) -> AsyncIterator[list[TinyDirectory]]:
    async with contextlib.AsyncExitStack() as stack:
        made = []
        for name in names:
            with net.host(name) as host:
                made.append(await stack.enter_async_context(TinyDirectory(host.address)))
        yield made


async def looked_up(discovery: Discovery, key: str = KEY) -> list[tuple[str, int]]:
    async with aclosing(discovery.lookup(key)) as lookup:
        return [found.address async for found in lookup]


async def first(discovery: Discovery, count: int, key: str = KEY) -> list[Found]:
    found = []
    async with aclosing(discovery.peers(key)) as peers:
        async for each in peers:
            found.append(each)
            if len(found) == count:
                break
    return found


def run(net: Internet, program: Any) -> Any:
    """Runs a program on a host of its own."""

    async def main(net: Internet) -> Any:
        return await program(net, net.host("asker"))

    return net.run(main, time_limit_s=100_000)


class Hangs(TinySource):
    """Answers nothing, ever, and does not notice."""

    async def announce(self, topic: bytes, port: int) -> None:
        await asyncio.sleep(1e6)

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        await asyncio.sleep(1e6)
        yield Found(("192.0.2.1", 1), self.name)


class Buggy(TinySource):
    """Divides by zero."""

    async def announce(self, topic: bytes, port: int) -> None:
        raise ZeroDivisionError

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        yield Found(("192.0.2.1", 1 // 0), self.name)


class OpensAtTheThirdTry(TinySource):
    """Its port is taken at first."""

    tries = 0

    async def __aenter__(self) -> OpensAtTheThirdTry:
        self.tries += 1
        if self.tries < 3:
            raise CannotListen("the port is taken")
        await super().__aenter__()
        return self


class HangsAtItsEnd(TinySource):
    """Its block takes for ever to leave."""

    async def __aexit__(self, *error: object) -> None:
        await super().__aexit__(*error)
        await asyncio.sleep(1e6)


def test_two_peers_find_each_other_through_any_source_that_works(internet: Internet) -> None:
    async def program(net: Internet, asker: Host) -> None:
        ben = net.host("ben")
        async with directories(net, "one", "two") as (one, two):
            with asker:
                ours = Discovery(
                    [TinySource(NOBODY, "dead"), TinySource(one.address), TinySource(two.address)]
                )
            with ben:
                other = Discovery(
                    [Hangs(NOBODY, "hangs"), TinySource(two.address, "two")], own_hosts=[ben.address]
                )
            async with contextlib.AsyncExitStack() as stack:
                with asker:
                    await stack.enter_async_context(ours)
                    await ours.announce(KEY, 4001)
                with ben:
                    await stack.enter_async_context(other)
                    await other.announce(KEY, 4002)
                    assert [found.address for found in await first(other, 1)] == [(asker.address, 4001)]
                with asker:
                    found = {each.address for each in await first(ours, 2)}
                    assert found == {(asker.address, 4001), (ben.address, 4002)}
                    await ours.withdraw(KEY)
                    await ours.withdraw(KEY)
                with ben:
                    assert (asker.address, 4001) not in await looked_up_within(other, 2.0)

    run(internet, program)


async def looked_up_within(discovery: Discovery, seconds: float) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), aclosing(discovery.lookup(KEY)) as lookup:
            async for each in lookup:
                found += [each.address]
    return found


@pytest.mark.internet(link=Link(latency=Constant(0.050)))
def test_no_source_holds_up_another(internet: Internet) -> None:
    async def program(net: Internet, asker: Host) -> list[float]:
        async with directories(net, "one", "far") as (one, far):
            net.set_link(net.hosts["far"], asker, Link(latency=Constant(0.450)))
            one.told[CATS], far.told[CATS] = [("192.0.2.7", 1)], [("192.0.2.8", 2), ("192.0.2.7", 1)]
            sources = [Hangs(NOBODY), TinySource(NOBODY), TinySource(far.address), TinySource(one.address)]
            with asker:
                async with Discovery(sources) as discovery:
                    began, at = net.time, []
                    async with aclosing(discovery.peers(KEY)) as peers:
                        async for _ in peers:
                            at.append(round(net.time - began, 3))
                            if len(at) == 2:
                                break
                    began = net.time
                    await discovery.announce(KEY, 4001)
                    return [*at, round(net.time - began, 3)]

    assert run(internet, program) == [0.1, 0.9, 0.1]


def test_failures_are_events_and_are_tried_again_with_longer_and_longer_pauses(internet: Internet) -> None:
    events: list[tuple[float, Event]] = []

    async def program(net: Internet, asker: Host) -> None:
        async with directories(net, "one") as (one,):
            one.told[CATS] = [("192.0.2.7", 1)]
            cut = net.cut([asker], [net.hosts["one"]])
            net.at(100.0, lambda _: cut.heal())
            with asker:
                tell = lambda event: events.append((net.time, event))  # noqa: E731
                rng = random.Random(1)
                async with Discovery([TinySource(one.address)], on_event=tell, rng=rng) as discovery:
                    found = await first(discovery, 1)
                    assert [each.address for each in found] == [("192.0.2.7", 1)]
                    assert net.time > 100

    run(internet, program)
    pauses = [event.again_in_s for _, event in events if isinstance(event, SourceFailed)]
    assert all(event.doing == "lookup" for _, event in events)
    for pause_s, longest in zip(pauses, (1, 2, 4, 8, 16, 32, 60, 60), strict=False):
        assert pause_s is not None
        assert longest / 2 <= pause_s <= longest
    assert len(pauses) in (6, 7, 8)
    assert isinstance(events[0][1].error if isinstance(events[0][1], SourceFailed) else None, PeerTimeout)
    assert events[-1][1] == SourceWorks("tiny", "lookup")


@pytest.mark.fault("F063")
def test_peers_cut_off_together_do_not_come_back_together(internet: Internet) -> None:
    pauses: list[list[float | None]] = [[], [], [], []]

    async def program(net: Internet, asker: Host) -> None:
        async def lonely(number: int) -> None:
            def tell(event: Event) -> None:
                if isinstance(event, SourceFailed):
                    pauses[number].append(event.again_in_s)

            with net.host(f"peer{number}"):
                async with Discovery(
                    [TinySource(NOBODY)], on_event=tell, rng=random.Random(number)
                ) as discovery:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(200):
                            await first(discovery, 1)

        await asyncio.gather(*(lonely(number) for number in range(4)))

    run(internet, program)
    assert len({tuple(each) for each in pauses}) == 4
    assert all(6 <= len(each) <= 12 for each in pauses)


def test_a_source_that_hangs_has_failed_after_a_while(internet: Internet) -> None:
    events: list[Event] = []

    async def program(net: Internet, asker: Host) -> None:
        with asker:
            async with Discovery([Hangs(NOBODY)], on_event=events.append, patience_s=20.0) as discovery:
                with pytest.raises(
                    PeerTimeout, match="no source has reached anybody: tiny: tiny said nothing for 20 s"
                ):
                    await looked_up(discovery)
                assert net.time == 20
                with pytest.raises(PeerTimeout, match="said nothing"):
                    await discovery.announce(KEY, 4001)

    run(internet, program)
    assert [event.doing for event in events] == ["lookup", "announce"]


def test_all_that_sources_raise_is_said_in_one_error(internet: Internet) -> None:
    async def program(net: Internet, asker: Host) -> None:
        async with directories(net, "one") as (one,):
            one.refuses = True
            refused, dead = TinySource(one.address, "no"), TinySource(NOBODY, "dead")
            with asker:
                async with Discovery([refused, dead]) as discovery:
                    with pytest.raises(
                        PeerTimeout, match="no: the directory refuses; dead: the directory at"
                    ):
                        await looked_up(discovery)
                    with pytest.raises(
                        PeerTimeout, match="no: the directory refuses; dead: the directory at"
                    ):
                        await discovery.announce(KEY, 4001)
                async with Discovery([refused]) as discovery:
                    with pytest.raises(RequestRefused, match="every source has refused: no: the directory"):
                        await looked_up(discovery)

    run(internet, program)


def test_an_answer_of_nobody_is_no_failure(internet: Internet) -> None:
    async def program(net: Internet, asker: Host) -> None:
        async with directories(net, "one") as (one,):
            with asker:
                async with Discovery([TinySource(NOBODY), TinySource(one.address)]) as discovery:
                    assert await looked_up(discovery) == []

    run(internet, program)


def test_a_bug_of_one_source_does_not_stop_the_others_and_is_seen(
    internet: Internet, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[Event] = []

    async def program(net: Internet, asker: Host) -> None:
        async with directories(net, "one") as (one,):
            one.told[CATS] = [("192.0.2.7", 1)]
            with asker:
                sources = [Buggy(NOBODY, "buggy"), TinySource(one.address)]
                async with Discovery(sources, on_event=events.append) as discovery:
                    await discovery.announce(KEY, 4001)
                    assert len(await looked_up(discovery)) == 2

    run(internet, program)
    failed = [event for event in events if isinstance(event, SourceFailed)]
    assert {type(event.error) for event in failed} == {Unreachable}
    assert any("buggy could not look up: it raised ZeroDivisionError" in str(event.error) for event in failed)
    assert "a bug of the source buggy" in caplog.text


def test_a_source_that_cannot_be_opened_is_opened_later(internet: Internet) -> None:
    events: list[Event] = []

    async def program(net: Internet, asker: Host) -> None:
        async with directories(net, "one") as (one,):
            one.told[CATS] = [("192.0.2.7", 1)]
            with asker:
                sources = [OpensAtTheThirdTry(one.address)]
                async with Discovery(sources, on_event=events.append) as discovery:
                    with pytest.raises(Unreachable, match="the port is taken"):
                        await looked_up(discovery)
                    assert len(await first(discovery, 1)) == 1

    run(internet, program)
    assert [event.doing for event in events if isinstance(event, SourceFailed)].count("open") == 2
    assert SourceWorks("tiny", "open") in events


def test_a_source_that_does_not_close_is_left_after_a_while(internet: Internet) -> None:
    async def program(net: Internet, asker: Host) -> None:
        with asker:
            async with Discovery([HangsAtItsEnd(NOBODY), TinySource(NOBODY)]):
                await asyncio.sleep(1)
            assert net.time == 11

    run(internet, program)


def test_what_waits_when_the_block_is_left_raises_closed(internet: Internet) -> None:
    async def program(net: Internet, asker: Host) -> None:
        with asker:
            discovery = Discovery([Hangs(NOBODY), TinySource(NOBODY)])
            async with discovery:
                calls = [
                    asyncio.ensure_future(call)
                    for call in (first(discovery, 1), looked_up(discovery), discovery.announce(KEY, 1))
                ]
                await asyncio.sleep(0.5)
            for call in calls:
                with pytest.raises(Closed):
                    await call
            for after in (looked_up(discovery), discovery.announce(KEY, 1), discovery.withdraw(KEY)):
                with pytest.raises(Closed):
                    await after

    run(internet, program)


def test_calls_that_are_cancelled_leave_nothing(internet: Internet) -> None:
    async def program(net: Internet, asker: Host) -> None:
        async with directories(net, "one") as (one,):
            one.told[CATS] = [("192.0.2.7", 1)]
            with asker:
                async with Discovery([Hangs(NOBODY), TinySource(one.address)], patience_s=5) as discovery:
                    for pause_s in (0.0, 0.001, 0.05, 0.1, 0.2, 1.0):
                        for call in (
                            looked_up(discovery),
                            discovery.announce(KEY, 1),
                            discovery.withdraw(KEY),
                        ):
                            task = asyncio.ensure_future(call)
                            await asyncio.wait([task], timeout=pause_s)
                            task.cancel()
                            await asyncio.wait([task])
                    assert (await first(discovery, 1))[0].address == ("192.0.2.7", 1)

    run(internet, program)


def test_a_topic_announced_again_has_the_new_port(internet: Internet) -> None:
    async def program(net: Internet, asker: Host) -> None:
        async with directories(net, "one") as (one,):
            with asker:
                async with Discovery([TinySource(one.address)], own_hosts=[]) as discovery:
                    await discovery.announce(KEY, 4001)
                    await discovery.announce(KEY, 4002)
                    assert await looked_up(discovery) == [(asker.address, 4002)]
                    await asyncio.sleep(100)
                    assert await looked_up(discovery) == [(asker.address, 4002)]

    run(internet, program)


def test_a_port_that_could_not_be_announced_is_not_announced_later_in_place_of_the_new_one(
    internet: Internet,
) -> None:
    async def program(net: Internet, asker: Host) -> None:
        async with directories(net, "one") as (one,):
            cut = net.cut([asker], [net.hosts["one"]])
            with asker:
                async with Discovery([TinySource(one.address)], own_hosts=[]) as discovery:
                    with pytest.raises(PeerTimeout):
                        await discovery.announce(KEY, 4001)
                    with pytest.raises(PeerTimeout):
                        await discovery.announce(KEY, 4002)
                    cut.heal()
                    await asyncio.sleep(200)
                    assert await looked_up(discovery) == [(asker.address, 4002)]

    run(internet, program)


def test_a_stream_that_was_left_asks_nobody_any_more(internet: Internet) -> None:
    lookups = Counter[str]()

    class Counted(TinySource):
        async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
            lookups[self.name] += 1
            yield Found(("192.0.2.7", 1), self.name)

    async def program(net: Internet, asker: Host) -> None:
        with asker:
            async with Discovery([Counted(NOBODY), Hangs(NOBODY)], again_s=1.0) as discovery:
                assert len(await first(discovery, 1)) == 1
                await asyncio.sleep(100)
                assert lookups == {"tiny": 1}

    run(internet, program)


def test_a_stream_looks_again_soon_and_then_ever_less_often(internet: Internet) -> None:
    """A peer that comes a moment after us is not left out for minutes."""
    times: list[float] = []

    class Timed(TinySource):
        async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
            times.append(asyncio.get_running_loop().time())
            yield Found(("192.0.2.7", len(times)), self.name)

    async def program(net: Internet, asker: Host) -> None:
        with asker:
            async with Discovery([Timed(NOBODY)], again_s=60.0) as discovery:
                await first(discovery, 7)

    run(internet, program)
    pauses = [after - before for before, after in itertools.pairwise(times)]
    for pause, longest in zip(pauses, (10, 20, 40, 60, 60, 60), strict=True):
        assert longest / 2 <= pause <= longest


def test_our_own_id_is_dropped_wherever_it_is_found(internet: Internet) -> None:
    class Named(TinySource):
        async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
            yield Found(("192.0.2.7", 1), self.name, peer="us")
            yield Found(("192.0.2.7", 2), self.name, peer="them")

    async def program(net: Internet, asker: Host) -> None:
        with asker:
            async with Discovery([Named(NOBODY)], own_peer="us") as discovery:
                assert await looked_up(discovery) == [("192.0.2.7", 2)]
                assert discovery.ignored == {"our own address": 1}

    run(internet, program)


def test_the_name_of_the_key_goes_nowhere(internet: Internet) -> None:
    seen: list[bytes] = []

    class Spy(TinySource):
        async def announce(self, topic: bytes, port: int) -> None:
            seen.append(topic)

    async def program(net: Internet, asker: Host) -> None:
        with asker:
            async with Discovery([Spy(NOBODY)]) as discovery:
                await discovery.announce(KEY, 1)

    run(internet, program)
    assert seen == [CATS]


@pytest.mark.internet(link=Link(loss=0.1), faults=Chaos(cuts=2, within_s=60))
def test_over_a_bad_network_everybody_finds_everybody(internet: Internet) -> None:
    async def program(net: Internet, asker: Host) -> None:
        async with directories(net, "one", "two") as (one, two):
            hosts = [net.host(f"peer{number}") for number in range(4)]

            async def peer(host: Host, number: int) -> None:
                sources = [TinySource(one.address), TinySource(two.address, "two")]
                async with Discovery(sources, again_s=10.0, own_hosts=[host.address]) as discovery:
                    with contextlib.suppress(PeerTimeout):
                        await discovery.announce(KEY, 4000 + number)
                    found = {each.address for each in await first(discovery, 3)}
                    assert found == {
                        (other.address, 4000 + n) for n, other in enumerate(hosts) if n != number
                    }
                    await asyncio.sleep(300 - net.time)

            await asyncio.gather(*(host.run(peer(host, number)) for number, host in enumerate(hosts)))

    run(internet, program)


def test_what_cannot_be_asked_for() -> None:
    with pytest.raises(UsageError, match="at least one source"):
        Discovery([])

    async def main() -> None:
        async with (
            TinyDirectory("127.0.0.1", 0) as directory,
            Discovery([TinySource(directory.address)]) as discovery,
        ):
            with pytest.raises(UsageError, match="1 to 65535"):
                await discovery.announce(KEY, 0)
            await discovery.announce(KEY, 4001)
            assert await looked_up(discovery) == []  # ourselves, at 127.0.0.1

    asyncio.run(main())


class Recalls(TinySource):
    """Tells nobody; what it was asked for last of all is what it announces."""

    def __init__(self) -> None:
        super().__init__(NOBODY)
        self.announced: list[int] = []

    async def announce(self, topic: bytes, port: int) -> None:
        await asyncio.sleep(0.1)
        self.announced = [port]

    async def withdraw(self, topic: bytes) -> None:
        await asyncio.sleep(0.1)
        self.announced = []


@pytest.mark.parametrize("steps", range(8))
def test_a_call_that_was_cancelled_is_not_lost(internet: Internet, steps: int) -> None:
    async def program(net: Internet, asker: Host) -> None:
        source = Recalls()
        with asker:
            async with Discovery([source]) as discovery:

                async def cancelled(call: Any) -> None:
                    task = asyncio.ensure_future(call)
                    for _ in range(steps):
                        await asyncio.sleep(0)
                    task.cancel()
                    await asyncio.wait([task])

                await discovery.announce(KEY, 1)
                await cancelled(discovery.announce(KEY, 2))
                await asyncio.sleep(1)
                assert source.announced == [2 if steps else 1]
                await cancelled(discovery.withdraw(KEY))
                await discovery.withdraw(KEY)
                await asyncio.sleep(1)
                assert source.announced == []

    run(internet, program)


def test_of_calls_at_once_the_last_one_counts(internet: Internet) -> None:
    async def program(net: Internet, asker: Host) -> None:
        source = Recalls()
        with asker:
            async with Discovery([source]) as discovery:
                await discovery.announce(KEY, 1)
                await asyncio.gather(discovery.withdraw(KEY), discovery.announce(KEY, 2))
                assert source.announced == [2]
                calls = [discovery.announce(KEY, port) for port in (3, 4, 5)]
                assert [type(end) for end in await asyncio.gather(*calls, return_exceptions=True)] == [
                    Closed,
                    Closed,
                    type(None),
                ]
                assert source.announced == [5]
                await asyncio.gather(
                    discovery.announce(KEY, 6), discovery.withdraw(KEY), return_exceptions=True
                )
                await asyncio.sleep(100)
                assert source.announced == []

    run(internet, program)


def test_what_no_source_may_give_costs_the_others_nothing(internet: Internet) -> None:
    class Gives(TinySource):
        def __init__(self, *found: Any) -> None:
            super().__init__(NOBODY)
            self.found = found

        async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
            for each in self.found:
                yield each

    class Endless(Gives):
        async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
            while True:
                yield Found(("192.0.2.8", 1), self.name)

    class AwaitsWhatItCancelled(Gives):
        async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
            lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            lost.cancel()
            await lost
            yield Found(("192.0.2.8", 1), self.name)

    class TimesOut(Gives):
        async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
            if not self.found:
                raise TimeoutError
            yield self.found[0]

    true = ("192.0.2.7", 1)
    bad: list[Any] = [
        None,
        Found(["192.0.2.8", 1], ""),  # type: ignore[arg-type]
        Found(("192.0.2.8",), ""),  # type: ignore[arg-type]
        Found(("cats.example", 1), ""),
        Found(("192.0.2.8", 0), ""),
        Found(("224.0.0.251", 5353), ""),
    ]
    sources = [*map(Gives, bad), AwaitsWhatItCancelled(), TimesOut()]

    async def program(net: Internet, asker: Host) -> None:
        events: list[Event] = []
        with asker:
            async with Discovery([*sources, Gives(Found(true, "tiny"))], on_event=events.append) as discovery:
                assert await looked_up(discovery) == [true]
            async with Discovery([Endless()], on_event=events.append) as discovery:
                assert await looked_up(discovery) == [("192.0.2.8", 1)]
        assert len(events) == len(sources) + 1
        assert not any(
            "said nothing" in str(event.error) for event in events if isinstance(event, SourceFailed)
        )

    run(internet, program)
