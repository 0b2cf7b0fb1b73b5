"""The Mainline DHT with libtorrent, live, in both roles; its nodes have all their own settings."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from p2plib.discovery.mainline.driver import MainlineNode
from p2plib.discovery.mainline.items import ImmutableItem, sign_item
from p2plib.errors import RequestRefused
from p2plib.machine.addresses import Address
from tests.interop.mainline import (
    OURS,
    SALT,
    THEIRS,
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

        first.announce(topic("theirs"), 4242)
        said["we find"] = await until(lambda: peers_of(other, topic("theirs")))
        said["they announced to"] = (await ours.announce_peer(topic("ours"), 4001)).copies >= 4
        said["they find"] = await until(lambda: last.peers(topic("ours")))

        target, copies = await first.put_immutable(b"theirs")
        said["their copies"] = copies >= 4
        said["their value"] = (await until(lambda: other.get_immutable(target))).decode()
        said["our copies"] = (await ours.put_immutable(b"ours")).copies >= 4
        said["our value"] = (await until(lambda: last.get_immutable(ImmutableItem(b"ours").target))).decode()

        await first.put_mutable(THEIRS, b"v1", SALT)
        await first.put_mutable(THEIRS, b"v2", SALT)
        item = await until(lambda: other.get_mutable(THEIRS.public.raw, SALT))
        said["their item"] = [item.seq, item.value.decode()]
        await ours.put_mutable(sign_item(OURS, b"v1", 1, SALT))
        await ours.put_mutable(sign_item(OURS, b"v7", 7, SALT), cas=1)
        value, seq = await last.get_mutable(OURS.public.raw, SALT)
        said["our item"] = [seq, value.decode()]
        for name, seq, cas in (("our cas", 9, 4), ("our seq", 3, None)):
            try:
                await ours.put_mutable(sign_item(OURS, b"v", seq, SALT), cas=cas)
            except RequestRefused as refused:
                said[name] = refused.code
        said["their next"] = await first.put_mutable(OURS, b"v8", SALT)

        holder = next(node for node in theirs if topic("ours").hex() in await sampled(ours, node.address))
        said["samples of theirs"] = sorted(await sampled(ours, holder.address))
        said["samples of ours"] = await first.samples(other.address, bytes(20))
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
    print(in_namespace(talk))
