"""What a side offers, and the tree that says so."""

from __future__ import annotations

import asyncio

from p2plib.protocol.muxrpc.methods import asynchronous, manifest_of
from tests.protocol.muxrpc.pairs import Offered, connected


def test_the_manifest_is_a_tree() -> None:
    tree = manifest_of(Offered().methods)
    assert tree["add"] == "async"
    assert tree["numbers"] == {"count": "source", "fail": "source"}
    assert (tree["store"], tree["echo"]) == ("sink", "duplex")


def test_everybody_may_ask_for_it() -> None:
    async def main() -> None:
        async with connected({"a.b.c": asynchronous(Offered().add)}) as (near, _):
            assert await near.call("manifest") == {"manifest": "async", "a": {"b": {"c": "async"}}}

    asyncio.run(main())
