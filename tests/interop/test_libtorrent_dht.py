"""The Mainline DHT with libtorrent, live, in both roles; its nodes have all their own settings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from p2plib.discovery.mainline.compact import id_of
from p2plib.discovery.mainline.driver import MainlineNode
from p2plib.discovery.mainline.items import ImmutableItem, MutableItem, sign_item
from p2plib.discovery.mainline.messages import (
    AnnounceQuery,
    GetPeersQuery,
    GetQuery,
    KrpcResponse,
    PingQuery,
    PutQuery,
    UnknownQuery,
)
from p2plib.errors import RequestRefused
from p2plib.machine.addresses import Address
from tests.discovery.mainline.test_stranger_storage_node import stranger
from tests.interop.mainline import (
    OURS,
    SALT,
    THEIRS,
    Asker,
    host_of,
    in_namespace,
    our_node,
    peers_of,
    topic,
    until,
)

pytest.importorskip("libtorrent")

from tests.interop.torrent_node import TorrentNode

pytestmark = pytest.mark.interop

# By itself libtorrent's DHT sends 8,000 bytes a second, and drops what would be more. A lookup of its own
# stands still for 15 seconds when a response is dropped, so between two of them everybody takes a breath.
BREATH_S = 1.0


@contextlib.asynccontextmanager
async def torrent_nodes(numbers: range, bootstrap: Address | None) -> AsyncIterator[list[TorrentNode]]:
    async with contextlib.AsyncExitStack() as stack:
        nodes: list[TorrentNode] = []
        for number in numbers:
            way_in = bootstrap or (nodes[0].address if nodes else None)
            nodes.append(await stack.enter_async_context(TorrentNode(host_of(number), way_in)))
        yield nodes


async def with_libtorrent(they_bootstrap_from_us: bool) -> dict[str, Any]:
    """Two of ours and eight of theirs, which have their own settings."""
    said: dict[str, Any] = {}
    async with contextlib.AsyncExitStack() as stack:
        ours, other = [await stack.enter_async_context(our_node(number)) for number in (101, 102)]
        way_in = ours.address if they_bootstrap_from_us else None
        theirs = await stack.enter_async_context(torrent_nodes(range(1, 9), way_in))
        for node in theirs[0 if they_bootstrap_from_us else 1 :]:
            await node.entered()
        await other.bootstrap([ours.address if they_bootstrap_from_us else theirs[0].address])
        if not they_bootstrap_from_us:
            await ours.bootstrap([theirs[0].address])
            for node in theirs:
                node.knows(other.address)
        first, last = theirs[1], theirs[-1]

        await asyncio.sleep(BREATH_S)
        first.announce(topic("theirs"), 4242)
        said["we find"] = await until(lambda: peers_of(other, topic("theirs")))
        said["we announced to four"] = (await ours.announce_peer(topic("ours"), 4001)).copies >= 4
        said["they find"] = await until(lambda: last.peers(topic("ours")))

        await asyncio.sleep(BREATH_S)
        target, copies = await first.put_immutable(b"theirs")
        said["their copies"] = copies >= 4
        said["their value"] = (await until(lambda: other.get_immutable(target))).decode()
        said["our copies"] = (await ours.put_immutable(b"ours")).copies >= 4
        said["our value"] = (await until(lambda: last.get_immutable(ImmutableItem(b"ours").target))).decode()

        await asyncio.sleep(BREATH_S)
        await first.put_mutable(THEIRS, b"v1", SALT)
        await first.put_mutable(THEIRS, b"v2", SALT)
        item = await until(lambda: other.get_mutable(THEIRS.public.raw, SALT))
        said["their item"] = [item.seq, item.value.decode()]
        await asyncio.sleep(BREATH_S)
        await ours.put_mutable(sign_item(OURS, b"v1", 1, SALT))
        await ours.put_mutable(sign_item(OURS, b"v7", 7, SALT), cas=1)
        value, seq = await last.get_mutable(OURS.public.raw, SALT)
        said["our item"] = [seq, (value or b"").decode()]
        for name, seq, cas in (("our cas", 9, 4), ("our seq", 3, None)):
            try:
                await ours.put_mutable(sign_item(OURS, b"v", seq, SALT), cas=cas)
            except RequestRefused as refused:
                said[name] = refused.code
        seq, copies = await first.put_mutable(OURS, b"v8", SALT)  # they read 7, and sign the next
        said["their next"] = seq == 8 and copies >= 4

        held = [await sampled(ours, node.address) for node in theirs]
        said["samples of theirs"] = any(topic("ours").hex() in sample for sample in held)
        sample = await first.samples(other.address, bytes(20))
        said["samples of ours"] = sample["num"] == len(sample["samples"]) >= 1 and sample["interval"] == 0
    return said


async def sampled(node: MainlineNode, address: Address) -> list[str]:
    samples = await node.sample(address, 0)
    return [f"{one:040x}" for one in samples.samples or ()]


async def libtorrent_bootstraps_from_us() -> dict[str, Any]:
    return await with_libtorrent(True)


async def we_bootstrap_from_libtorrent() -> dict[str, Any]:
    return await with_libtorrent(False)


@pytest.mark.fault("F077")
@pytest.mark.parametrize("talk", [libtorrent_bootstraps_from_us, we_bootstrap_from_libtorrent])
def test_with_libtorrent(talk: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    assert in_namespace(talk) == {
        "we find": [[host_of(2), 4242]],
        "we announced to four": True,
        "they find": [[host_of(101), 4001]],
        "their copies": True,
        "their value": "theirs",
        "our copies": True,
        "our value": "ours",
        "their item": [2, "v2"],
        "our item": [7, "v7"],
        "our cas": 301,
        "our seq": 302,
        "their next": True,
        "samples of theirs": True,
        "samples of ours": True,
    }


# What is refused ----------------------------------------------------------------------------------------

ASKER_ID = id_of(b"asker" * 4)
STRANGER = host_of(201)
LONGEST = b"v" * 996  # 1000 bytes in bencode


def put_of(item: ImmutableItem | MutableItem, token: bytes, cas: int | None = None) -> PutQuery:
    if isinstance(item, ImmutableItem):
        return PutQuery(b"p", ASKER_ID, token, item.value)
    of_key = item.public_key, item.salt, item.seq, item.signature
    return PutQuery(b"p", ASKER_ID, token, item.value, *of_key, cas)


async def refusals(address: Address) -> dict[str, Any]:
    """What a node answers to everything that it must refuse: the codes, by what was wrong."""
    said: dict[str, Any] = {}
    async with Asker(STRANGER) as asker, Asker(host_of(202)) as other:

        async def token_at(asker: Asker, target: bytes) -> bytes:
            answer = await asker.ask(GetQuery(b"g", ASKER_ID, id_of(target)), address)
            assert isinstance(answer, KrpcResponse)
            assert answer.token is not None
            return answer.token

        async def put(item: ImmutableItem | MutableItem, cas: int | None = None) -> int | None:
            token = await token_at(asker, item.target)
            return await asker.code(put_of(item, token, cas), address)

        value = ImmutableItem(LONGEST)
        said["longest"] = await put(value)
        said["bad token"] = await asker.code(put_of(value, b"none"), address)
        said["no token"] = await asker.code(put_of(value, b""), address)
        theirs = await token_at(other, value.target)
        said["another's token"] = await asker.code(put_of(value, theirs), address)
        said["announce without"] = await asker.code(AnnounceQuery(b"a", ASKER_ID, 1, 4001, b"none"), address)
        said["no target"] = await asker.code(
            b"d1:ad2:id20:%be1:q3:get1:t1:g1:y1:qe" % (b"asker" * 4), address
        )
        said["too long"] = await put(ImmutableItem(LONGEST + b"v"))

        item, salted = sign_item(THEIRS, b"v", 5, SALT), sign_item(THEIRS, b"v", 5, bytes(64))
        said["longest salt"] = await put(salted)
        said["salt"] = await put(replace(salted, salt=bytes(65)))
        said["signature"] = await put(replace(item, seq=6))
        said["first"] = await put(item, cas=77)
        said["same again"] = await put(item)
        said["old"] = await put(sign_item(THEIRS, b"w", 4, SALT))
        said["cas"] = await put(sign_item(THEIRS, b"w", 6, SALT), cas=4)
        said["next"] = await put(sign_item(THEIRS, b"w", 6, SALT), cas=5)
        unknown = await asker.ask(UnknownQuery(b"u", ASKER_ID, b"vote", 7), address)
        said["unknown with a target"] = isinstance(unknown, KrpcResponse)
    return said


async def answers(address: Address) -> bool:
    """Whether a node answers by now: libtorrent opens its socket in a thread of its own."""
    async with Asker(host_of(203)) as asker:
        try:
            async with asyncio.timeout(1.0):
                return isinstance(await asker.ask(PingQuery(b"p", ASKER_ID), address), KrpcResponse)
        except TimeoutError:
            return False


async def refused_by_both() -> dict[str, Any]:
    async with our_node(101) as ours, torrent_nodes(range(1, 2), None) as theirs:
        await until(lambda: answers(theirs[0].address))
        return {"ours": await refusals(ours.address), "theirs": await refusals(theirs[0].address)}


@pytest.mark.fault("F071", "F077")
def test_we_refuse_what_libtorrent_refuses_and_with_the_same_code() -> None:
    said = in_namespace(refused_by_both)
    assert said["ours"] == said["theirs"]
    assert said["ours"] == {
        "longest": None,
        "bad token": 203,
        "no token": 203,
        "another's token": 203,
        "announce without": 203,
        "no target": 203,
        "too long": 205,
        "longest salt": None,
        "salt": 207,
        "signature": 206,
        "first": None,
        "same again": None,
        "old": 302,
        "cas": 301,
        "next": None,
        "unknown with a target": True,
    }


async def through_the_stranger() -> dict[str, Any]:
    """A node that was written from the page alone lets two of theirs in, and keeps what they store."""
    async with stranger(host_of(5)) as way_in, torrent_nodes(range(1, 3), way_in) as theirs:
        for node in theirs:
            await node.entered()
            node.knows(way_in)
        await asyncio.sleep(BREATH_S)
        theirs[0].announce(topic("theirs"), 4242)
        target, _ = await theirs[0].put_immutable(b"theirs")
        async with Asker(host_of(6)) as asker:

            async def keeps() -> list[Any]:
                answer = await asker.ask(GetPeersQuery(b"p", 1, id_of(topic("theirs"))), way_in)
                assert isinstance(answer, KrpcResponse)
                return [list(peer) for peer in answer.peers]

            kept = await until(keeps)
            item = await asker.ask(GetQuery(b"g", 1, id_of(target)), way_in)
        assert isinstance(item, KrpcResponse)
        return {"keeps": kept, "item": str(item.value)}


def test_it_enters_through_the_node_of_the_page() -> None:
    assert in_namespace(through_the_stranger) == {"keeps": [[host_of(1), 4242]], "item": "b'theirs'"}
