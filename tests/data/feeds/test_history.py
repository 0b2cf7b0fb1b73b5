"""createHistoryStream, both sides of ours, and against peers that lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from p2plib.data.feeds import history
from p2plib.data.feeds.history import HistoryOptions
from p2plib.errors import (
    CallFailed,
    Closed,
    DecodeError,
    Forked,
    InvalidEntry,
    P2PError,
    PeerTimeout,
    SignatureError,
)
from p2plib.identity import ids
from p2plib.protocol.muxrpc import methods
from p2plib.sim import Internet
from p2plib.wire.canonical_json import parse
from tests.data.feeds.peers import ANA, BEN, EVE, linked, shelf, written
from tests.protocol.muxrpc.pairs import settle

ANA_ID = ids.ssb_feed_id(ANA.public)


def test_options_are_read_as_npm_reads_them() -> None:
    assert history.read_options({"id": ANA_ID}) == HistoryOptions(ANA.public)
    assert history.read_options({"id": ANA_ID, "seq": 0, "limit": -1}) == HistoryOptions(ANA.public)
    asked = {
        "id": ANA_ID,
        "sequence": 7,
        "limit": 3,
        "live": True,
        "old": False,
        "keys": False,
        "values": None,
    }
    assert history.read_options(asked) == HistoryOptions(ANA.public, 7, 3, True, False, False)
    for options in (HistoryOptions(ANA.public), HistoryOptions(ANA.public, 9, 4, True, False, False, False)):
        assert history.read_options(options.encode()) == options


@pytest.mark.parametrize(
    "asked",
    [None, "text", [], {}, {"id": 7}, {"id": "@x"}, {"id": "ab" * 32}, {"id": ANA_ID, "seq": 1.5},
     {"id": ANA_ID, "seq": True}, {"id": ANA_ID, "seq": 2**40}, {"id": ANA_ID, "limit": "3"},
     {"id": ANA_ID, "live": 1}],
)  # fmt: skip
def test_options_that_make_no_sense(asked: Any) -> None:
    with pytest.raises(DecodeError):
        history.read_options(asked)


def ask(count: int, **asked: Any) -> list[Any]:
    """What our server sends of a log with so many entries."""

    async def main() -> list[Any]:
        async with (
            linked({history.NAME: history.serve(written(count))}) as (near, _),
            near.source(history.NAME, {"id": ANA_ID, **asked}) as stream,
        ):
            return [item async for item in stream]

    return asyncio.run(main())


def test_what_is_served() -> None:
    assert [item["value"]["sequence"] for item in ask(5)] == [1, 2, 3, 4, 5]
    assert [item["value"]["sequence"] for item in ask(5, seq=3)] == [3, 4, 5]
    assert [item["value"]["sequence"] for item in ask(5, seq=2, limit=2)] == [2, 3]
    assert [item["sequence"] for item in ask(3, keys=False)] == [1, 2, 3]
    entry = written(1).feed(ANA.public).entry(1)
    assert ask(1) == [{"key": entry.id, "value": parse(entry.text), "timestamp": entry.timestamp}]
    assert ask(1, values=False) == [entry.id]
    assert ask(5, seq=6) == ask(5, limit=0) == ask(5, old=False) == []
    assert ask(2, id=ids.ssb_feed_id(EVE.public)) == []
    for asked in ({"id": "@nobody"}, {"seq": "x"}):
        with pytest.raises(CallFailed):
            ask(1, **asked)


def test_a_log_is_taken_in_parts_and_only_once() -> None:
    async def main() -> None:
        source, ours = written(50), shelf()
        async with linked({history.NAME: history.serve(source)}) as (near, _):
            assert await history.fetch(near, ours, ANA.public, limit=20) == 20
            assert await history.fetch(near, ours, ANA.public) == 30
            assert await history.fetch(near, ours, ANA.public) == 0
        assert ours.feed(ANA.public).head == source.feed(ANA.public).head

    asyncio.run(main())


def test_live_goes_on_through_a_second_peer() -> None:
    async def main() -> None:
        source, middle, end = written(3), shelf(), shelf()
        middle.follow(ANA.public)
        async with (
            linked({history.NAME: history.serve(source)}) as (first, _),
            linked({history.NAME: history.serve(middle)}) as (second, _),
        ):
            tasks = [
                asyncio.create_task(history.fetch(first, middle, ANA.public, live=True)),
                asyncio.create_task(history.fetch(second, end, ANA.public, live=True)),
            ]
            await settle(200)
            assert len(end.feed(ANA.public)) == 3
            source.write(ANA, {"type": "post", "text": "later"}, 2_000_000_000_000)
            await settle(200)
            assert end.feed(ANA.public).head == source.feed(ANA.public).head
        for task in tasks:
            with pytest.raises(Closed):
                await task

    asyncio.run(main())


def test_a_live_call_with_a_limit_ends() -> None:
    async def main() -> None:
        source, ours = written(1), shelf()
        async with linked({history.NAME: history.serve(source)}) as (near, far):
            task = asyncio.create_task(history.fetch(near, ours, ANA.public, live=True, limit=2))
            await settle(100)
            source.write(ANA, {"type": "post"}, 2_000_000_000_000)
            source.write(ANA, {"type": "post"}, 2_000_000_000_001)
            assert await task == 2
            await settle()
            assert far.machine.open_ids == ()

    asyncio.run(main())


def test_what_was_erased_ends_the_stream() -> None:
    async def main() -> None:
        source, ours = written(5), shelf()
        source.feed(ANA.public).erase(3)
        async with linked({history.NAME: history.serve(source)}) as (near, _):
            assert await history.fetch(near, ours, ANA.public) == 2

    asyncio.run(main())


# A liar serves


def liar(*items: Any, waits: bool = False) -> dict[str, Any]:
    async def answer(rpc: Any, said: Any) -> AsyncIterator[Any]:
        for item in items:
            yield item
        if waits:
            await asyncio.get_running_loop().create_future()

    return {history.NAME: methods.source(answer, is_public=True)}


def value(secret: Any, sequence: int, text: str = "post") -> Any:
    return parse(written(sequence, secret, text).feed(secret.public).entry(sequence).text)


FIRST, SECOND, THIRD = (value(ANA, number) for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("items", "kind", "kept"),
    [
        ([FIRST, THIRD], InvalidEntry, 1),
        ([SECOND], InvalidEntry, 0),
        ([FIRST, value(BEN, 1)], InvalidEntry, 1),
        ([FIRST, value(BEN, 2)], InvalidEntry, 1),
        (
            [FIRST, SECOND | {"content": {"type": "post", "text": "forged"}}],
            (InvalidEntry, SignatureError),
            1,
        ),
        ([SECOND | {"signature": FIRST["signature"]}], InvalidEntry, 0),
        ([FIRST, "text"], InvalidEntry, 1),
        ([FIRST, b"\x00"], InvalidEntry, 1),
        ([FIRST, []], InvalidEntry, 1),
        ([FIRST, {}], InvalidEntry, 1),
        ([FIRST, {"sync": False}], InvalidEntry, 1),
        ([FIRST, value(ANA, 1, "other")], Forked, 0),
        ([FIRST, FIRST, {"sync": True}, SECOND, {"key": "%lie", "value": THIRD}], type(None), 3),
    ],
)
def test_a_peer_that_lies(items: list[Any], kind: Any, kept: int) -> None:
    async def main() -> None:
        ours = shelf()
        ours.follow(ANA.public)
        async with linked(liar(*items)) as (near, far):
            error: BaseException | None = None
            try:
                await history.fetch(near, ours, ANA.public)
            except P2PError as caught:
                error = caught
            assert isinstance(error, kind), error
            assert len(ours.feed(ANA.public)) == kept
            await settle()
            assert near.machine.open_ids == far.machine.open_ids == ()

    asyncio.run(main())


def test_more_than_was_asked_for() -> None:
    async def main() -> None:
        ours = shelf()
        async with linked(liar(FIRST, SECOND, THIRD)) as (near, _):
            with pytest.raises(InvalidEntry, match="more than the 2"):
                await history.fetch(near, ours, ANA.public, limit=2)

    asyncio.run(main())


def test_a_silent_peer_and_one_that_may_be() -> None:
    async def main(net: Any) -> None:
        ours = shelf()
        async with linked(liar(FIRST, waits=True)) as (near, _):
            with pytest.raises(PeerTimeout, match="sent nothing for 30 s"):
                await history.fetch(near, ours, ANA.public)
            live = asyncio.create_task(history.fetch(near, ours, ANA.public, live=True))
            await asyncio.sleep(3600)
            assert not live.done()
            live.cancel()

    Internet(seed=1).run(main)


def test_cancelled_in_the_middle_it_can_be_taken_up_again() -> None:
    async def main(turns: int) -> bool:
        ours = shelf()
        ours.follow(ANA.public)
        async with linked({history.NAME: history.serve(written(6))}) as (near, far):
            task = asyncio.create_task(history.fetch(near, ours, ANA.public))
            await settle(turns)
            task.cancel()
            await asyncio.wait([task])
            await history.fetch(near, ours, ANA.public)
            assert len(ours.feed(ANA.public)) == 6
            await settle()
            assert near.machine.open_ids == far.machine.open_ids == ()
        return not task.cancelled()

    turns = 0
    while not asyncio.run(main(turns)):
        turns += 1
    assert turns > 3


@pytest.mark.parametrize("item", [FIRST, {"sync": True}, {"key": "%x", "value": FIRST}])
@pytest.mark.parametrize("live", [False, True])
def test_an_answer_that_repeats_itself_for_ever_ends(item: Any, live: bool) -> None:
    async def main() -> None:
        async def answer(rpc: Any, said: Any) -> AsyncIterator[Any]:
            while True:
                yield item

        ours = shelf()
        offered = {history.NAME: methods.source(answer, is_public=True)}
        async with linked(offered) as (near, _):
            with pytest.raises(InvalidEntry, match="items that say nothing new"):
                async with asyncio.timeout(100):
                    await history.fetch(near, ours, ANA.public, live=live)

    asyncio.run(main())


def test_the_same_log_from_two_peers_at_once_is_no_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MAX_IDLE_ITEMS", 3)

    async def main() -> None:
        source, ours = written(20), shelf()
        offered = {history.NAME: history.serve(source)}
        async with linked(offered) as (one, _), linked(offered) as (other, _):
            found = await asyncio.gather(*(history.fetch(rpc, ours, ANA.public) for rpc in (one, other)))
            assert max(found) == len(ours.feed(ANA.public)) == 20

    asyncio.run(main())


def test_a_message_that_would_be_long_when_indented_is_refused_as_it_is() -> None:
    """Two bytes of a number that stands deep take 260 in the canonical text."""
    deep: Any = [0] * 20_000
    for _ in range(120):
        deep = [deep]
    raw = history.raw_of({"key": "%x", "value": FIRST | {"content": {"type": "post", "deep": deep}}})
    assert len(raw) < 45_000
    with pytest.raises(InvalidEntry, match="size"):
        shelf().follow(ANA.public).add(raw)
