"""Blobs over muxrpc: right ones, and every kind of wrong one."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from p2plib.data.feeds import blobs
from p2plib.data.feeds.blobs import BlobExchange
from p2plib.data.stores.blobs.ids import key_of_ssb_blob_id, ssb_blob_id
from p2plib.data.stores.blobs.memory import MemoryContent
from p2plib.data.stores.blobs.quota import QuotaBlobs
from p2plib.errors import CallFailed, DecodeError, P2PError, PeerTimeout, StoreFull, WrongContent
from p2plib.protocol.muxrpc import methods
from p2plib.sim import Internet
from tests.data.feeds.peers import linked
from tests.protocol.muxrpc.pairs import settle

PICTURE = bytes(range(256)) * 700
ID = ssb_blob_id(hashlib.sha256(PICTURE).hexdigest())
OTHER_ID = ssb_blob_id(hashlib.sha256(b"other").hexdigest())
EMPTY_ID = ssb_blob_id(hashlib.sha256(b"").hexdigest())


def stored(*contents: bytes) -> MemoryContent:
    store = MemoryContent()
    for content in contents:
        with store.write() as writer:
            writer.write(content)
            writer.finish()
    return store


def all_of(store: Any, id: str = ID) -> bytes:
    with store.read(key_of_ssb_blob_id(id)) as reader:
        return bytes(reader.read_all())


def test_one_is_fetched_and_hashed() -> None:
    async def main() -> None:
        ours = stored()
        async with linked(BlobExchange(stored(PICTURE, b"")).methods()) as (near, _):
            assert (await blobs.get(near, ours, ID)).size_bytes == len(PICTURE)
            assert all_of(ours) == PICTURE
            assert (await blobs.get(near, ours, EMPTY_ID)).size_bytes == 0

    asyncio.run(main())


def test_what_can_be_asked() -> None:
    async def main() -> None:
        async with linked(BlobExchange(stored(PICTURE)).methods()) as (near, far):
            assert await near.call("blobs.has", ID) is True
            assert await near.call("blobs.has", [ID, OTHER_ID]) == [True, False]
            assert await near.call("blobs.size", ID) == len(PICTURE)
            assert await near.call("blobs.size", OTHER_ID) is None
            asked: Any = {"hash": ID, "start": 10, "end": 20}
            assert [piece async for piece in near.source("blobs.getSlice", asked)] == [PICTURE[10:20]]
            assert b"".join([p async for p in near.source("blobs.get", ID)]) == PICTURE  # type: ignore[misc]
            wrong: list[Any] = [
                None, 7, "x", OTHER_ID, {"key": ID, "size": 5}, {"key": ID, "max": 5},
                {"key": ID, "start": -1}, {"key": ID, "start": 9, "end": 3}, {"key": ID, "start": "a"}, {},
            ]  # fmt: skip
            for said in wrong:
                with pytest.raises(CallFailed):
                    await anext(near.source("blobs.get", said))
            for said in (None, [7], [ID] * 257):
                with pytest.raises(CallFailed):
                    await near.call("blobs.has", said)  # type: ignore[arg-type]
            assert far.failures == {}

    asyncio.run(main())


def liar(*pieces: Any, waits: bool = False, endless: bool = False) -> dict[str, Any]:
    async def give(rpc: Any, said: Any) -> AsyncIterator[Any]:
        for piece in pieces:
            yield piece
        while endless:
            yield bytes(1000)
        if waits:
            await asyncio.get_running_loop().create_future()

    return {"blobs.get": methods.source(give, is_public=True)}


@pytest.mark.fault("F118")
@pytest.mark.parametrize(
    ("pieces", "options", "kind"),
    [
        ([PICTURE[:-1] + b"x"], {}, WrongContent),
        ([PICTURE, b"more"], {}, WrongContent),
        ([PICTURE[:1000]], {}, WrongContent),
        ([PICTURE], {"size_bytes": len(PICTURE) + 1}, WrongContent),
        ([PICTURE], {"size_bytes": 5}, WrongContent),
        ([PICTURE], {"max_bytes": 1000}, WrongContent),
        ([], {}, WrongContent),
        (["text"], {}, DecodeError),
        ([PICTURE[:10], {"a": 1}], {}, DecodeError),
    ],
)
def test_a_wrong_blob_leaves_nothing(pieces: list[Any], options: Any, kind: type[P2PError]) -> None:
    async def main() -> None:
        ours = stored()
        async with linked(liar(*pieces)) as (near, _):
            with pytest.raises(kind):
                await blobs.get(near, ours, ID, **options)
        assert list(ours.keys()) == []

    asyncio.run(main())


@pytest.mark.fault("F118")
def test_a_blob_that_never_ends() -> None:
    async def main() -> None:
        ours = stored()
        async with linked(liar(endless=True)) as (near, far):
            with pytest.raises(WrongContent, match="more than 100000"):
                await blobs.get(near, ours, ID, max_bytes=100_000)
            await settle(500)
            assert far.machine.open_ids == ()  # it was told to stop
        assert list(ours.keys()) == []

    asyncio.run(main())


def test_a_blob_that_stops_in_the_middle() -> None:
    async def main(net: Any) -> None:
        ours = stored()
        async with linked(liar(PICTURE[:100], waits=True)) as (near, _):
            with pytest.raises(PeerTimeout):
                await blobs.get(near, ours, ID)
        assert list(ours.keys()) == []

    Internet(seed=1).run(main)


def test_the_quota_holds() -> None:
    async def main() -> None:
        ours = QuotaBlobs(stored(), 1000)
        async with linked(BlobExchange(stored(PICTURE)).methods()) as (near, _):
            with pytest.raises(StoreFull):
                await blobs.get(near, ours, ID)
        assert list(ours.keys()) == []

    asyncio.run(main())


# The exchange of wants


def test_a_want_is_answered_and_fetched() -> None:
    async def main() -> None:
        ours, theirs = BlobExchange(stored()), BlobExchange(stored(PICTURE))
        async with linked(theirs.methods(), ours.methods()) as (near, far):
            talking = [asyncio.create_task(ours.exchange(near)), asyncio.create_task(theirs.exchange(far))]
            await settle()
            assert (await ours.want(ID)).size_bytes == len(PICTURE)
            assert (await ours.want(ID)).size_bytes == len(PICTURE)
        for task in talking:
            await task
        assert ours._peers == theirs._peers == {}
        assert ours._wanted == {}

    asyncio.run(main())


def test_a_want_from_before_the_connection() -> None:
    async def main() -> None:
        ours, theirs = BlobExchange(stored()), BlobExchange(stored(PICTURE))
        wanting = [asyncio.create_task(ours.want(ID)) for _ in range(3)]
        await settle()
        async with linked(theirs.methods(), ours.methods()) as (near, far):
            talking = [asyncio.create_task(ours.exchange(near)), asyncio.create_task(theirs.exchange(far))]
            assert {(await task).size_bytes for task in wanting} == {len(PICTURE)}
        await asyncio.wait(talking)

    asyncio.run(main())


@pytest.mark.fault("F118")
def test_after_a_liar_the_next_peer_is_asked() -> None:
    async def main() -> None:
        ours, theirs = BlobExchange(stored()), BlobExchange(stored(PICTURE))

        async def claims(rpc: Any) -> AsyncIterator[Any]:
            yield {ID: len(PICTURE)}
            await asyncio.get_running_loop().create_future()

        lies = liar(PICTURE[:-1] + b"x") | {"blobs.createWants": methods.source(claims, is_public=True)}
        async with (
            linked(lies, ours.methods()) as (bad, _),
            linked(theirs.methods(), ours.methods()) as (good, far),
        ):
            talking = [asyncio.create_task(ours.exchange(bad))]
            await settle()
            wanting = asyncio.create_task(ours.want(ID))
            await settle(500)
            assert ours.failures == 1
            assert not wanting.done()
            talking += [asyncio.create_task(ours.exchange(good)), asyncio.create_task(theirs.exchange(far))]
            assert (await wanting).size_bytes == len(PICTURE)
        await asyncio.wait(talking)

    asyncio.run(main())


def test_nobody_has_it() -> None:
    async def main(net: Any) -> None:
        ours, theirs = BlobExchange(stored()), BlobExchange(stored())
        async with linked(theirs.methods(), ours.methods()) as (near, far):
            talking = [asyncio.create_task(ours.exchange(near)), asyncio.create_task(theirs.exchange(far))]
            with pytest.raises(PeerTimeout, match="nobody gave"):
                await ours.want(ID, timeout_s=60)
        await asyncio.wait(talking)
        assert ours._wanted == {}

    Internet(seed=1).run(main)


@pytest.mark.parametrize(
    "item", ["text", [], {"&x": -1}, {ID: 1.5}, {ID: True}, {ID: "5"}, {f"&{n}": 1 for n in range(5000)}]
)
def test_wants_that_make_no_sense(item: Any) -> None:
    async def main() -> None:
        async def claims(rpc: Any) -> AsyncIterator[Any]:
            yield item

        async with linked({"blobs.createWants": methods.source(claims, is_public=True)}) as (near, _):
            with pytest.raises(DecodeError):
                await BlobExchange(stored()).exchange(near)

    asyncio.run(main())


def test_a_have_that_is_too_large_is_not_asked_for() -> None:
    async def main(net: Any) -> None:
        asked = []

        async def claims(rpc: Any) -> AsyncIterator[Any]:
            yield {ID: 10**9}
            await asyncio.get_running_loop().create_future()

        async def give(rpc: Any, said: Any) -> AsyncIterator[Any]:
            asked.append(said)
            yield PICTURE

        offered = {
            "blobs.createWants": methods.source(claims, is_public=True),
            "blobs.get": methods.source(give, is_public=True),
        }
        ours = BlobExchange(stored())
        async with linked(offered, ours.methods()) as (near, _):
            talking = asyncio.create_task(ours.exchange(near))
            with pytest.raises(PeerTimeout):
                await ours.want(ID, timeout_s=5)
        await asyncio.wait([talking])
        assert asked == []

    Internet(seed=1).run(main)


def test_we_want_nothing_for_others() -> None:
    async def main() -> None:
        ours, theirs = BlobExchange(stored()), BlobExchange(stored())
        async with linked(theirs.methods(), ours.methods()) as (near, far):
            talking = [asyncio.create_task(ours.exchange(near)), asyncio.create_task(theirs.exchange(far))]
            wanting = asyncio.create_task(ours.want(ID))
            await settle()
            assert theirs._wanted == {}
            wanting.cancel()
        await asyncio.wait([*talking, wanting])

    asyncio.run(main())


@pytest.mark.fault("F118")
@pytest.mark.parametrize("pieces", [[b"x"], []])
def test_a_slow_liar_does_not_use_up_the_time_of_the_honest_peer(pieces: list[bytes]) -> None:
    """It drips a byte before each silence is over, or gives nothing, and says again that it has the blob."""

    async def main(net: Any) -> None:
        ours, theirs = BlobExchange(stored()), BlobExchange(stored(PICTURE))

        async def claims(rpc: Any) -> AsyncIterator[Any]:
            while True:
                yield {ID: len(PICTURE)}
                await asyncio.sleep(1)

        async def drips(rpc: Any, said: Any) -> AsyncIterator[Any]:
            for piece in pieces * 1000:
                yield piece
                await asyncio.sleep(20)

        lies = {
            "blobs.createWants": methods.source(claims, is_public=True),
            "blobs.get": methods.source(drips, is_public=True),
        }
        async with (
            linked(lies, ours.methods()) as (bad, _),
            linked(theirs.methods(), ours.methods()) as (good, far),
        ):
            talking = [asyncio.create_task(ours.exchange(bad))]
            await settle()
            wanting = asyncio.create_task(ours.want(ID))
            await settle(500)
            talking += [asyncio.create_task(ours.exchange(good)), asyncio.create_task(theirs.exchange(far))]
            assert (await wanting).size_bytes == len(PICTURE)
        await asyncio.wait(talking)

    Internet(seed=1).run(main)
