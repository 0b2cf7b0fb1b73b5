"""Kept: one source, its life and its pauses; what several do together is in `test_one_channel`."""

from __future__ import annotations

import asyncio
import random

from p2plib.discovery.kept import REFUSED_PAUSE_S, Event, KeptSource, SourceFailed
from p2plib.discovery.source import topic_of
from p2plib.errors import Closed
from p2plib.sim import Host, Internet
from tests.discovery.tiny import TinyDirectory, TinySource


def run(net: Internet, source: TinySource, events: list[Event], doing) -> None:  # type: ignore[no-untyped-def]
    """Keeps a source on a host beside its directory, which refuses."""

    async def main(net: Internet) -> None:
        place, asker = net.host("directory"), net.host("asker")
        with place:
            directory = await TinyDirectory(place.address).__aenter__()
        directory.refuses = True
        source.directory = directory.address
        with asker:
            closing = asyncio.Event()
            kept = KeptSource(source, random.Random(1), events.append, 10.0)
            life = asyncio.ensure_future(kept.live(closing))
            await kept.opened()
            await doing(kept, directory, asker)
            closing.set()
            await life
        with place:
            await directory.__aexit__()

    net.run(main)


def test_a_refusal_is_tried_again_after_a_longer_pause(internet: Internet) -> None:
    events: list[Event] = []

    async def doing(kept: KeptSource, directory: TinyDirectory, asker: Host) -> None:
        trying = asyncio.ensure_future(kept.trying("announce", lambda: kept.announce(topic_of("cats"), 1)))
        await asyncio.sleep(1)
        directory.refuses = False
        await trying
        assert asker.net.time > REFUSED_PAUSE_S / 2

    run(internet, TinySource(("", 0)), events, doing)
    assert [event.doing for event in events] == ["announce", "announce"]
    assert isinstance(events[0], SourceFailed)
    assert events[0].again_in_s is not None
    assert REFUSED_PAUSE_S / 2 <= events[0].again_in_s <= REFUSED_PAUSE_S


def test_trouble_at_the_end_is_an_event(internet: Internet) -> None:
    class BreaksAtItsEnd(TinySource):
        async def withdraw(self, topic: bytes) -> None:
            raise Closed("too late")

        async def __aexit__(self, *error: object) -> None:
            await super().__aexit__(*error)
            raise KeyError("of a bug")

    events: list[Event] = []

    async def doing(kept: KeptSource, directory: TinyDirectory, asker: Host) -> None:
        await kept.withdraw(topic_of("cats"))

    run(internet, BreaksAtItsEnd(("", 0)), events, doing)
    failed = [(event.doing, str(event.error)) for event in events if isinstance(event, SourceFailed)]
    assert failed[0] == ("withdraw", "too late")
    assert failed[1] == ("close", "tiny could not be opened or closed: it raised KeyError('of a bug')")
