"""Nodes whose peers have keys of other kinds than ours: dialled by their ids, and taken when they dial."""

from __future__ import annotations

import asyncio
import sys
from typing import Any, cast

import pytest

from p2plib.errors import DecodeError, LocalError, WrongPeer
from p2plib.identity import ids
from p2plib.identity.foreign_keys import KINDS
from p2plib.identity.keys import SecretKey
from p2plib.protocol import identify
from p2plib.protocol.node import Node
from p2plib.wire import multibase
from tests.identity.foreign import signer
from tests.protocol.nodes import ALICE, ANYWHERE, CAROL, ECHO, echo


def foreign_node(kind: str, *arguments: Any) -> Node:
    """A node of ours with a key that none of ours has; all that it does with it is to sign."""
    return Node(cast(SecretKey, signer(kind)), *arguments)


@pytest.mark.finding("W11")
@pytest.mark.parametrize("kind", KINDS)
def test_peers_with_other_keys_are_dialled_by_their_ids_and_taken(kind: str) -> None:
    theirs = signer(kind).public

    async def main() -> None:
        async with Node(ALICE) as alice, foreign_node(kind, {ECHO: echo}) as other:
            address = await other.listen(ANYWHERE)
            assert address.value("p2p") == ids.peer_id(theirs)
            async with await alice.dial(address) as connection:
                assert connection.remote_key == theirs
                assert connection.remote_id == ids.peer_id(theirs)
                assert (await identify.identify(connection)).key == theirs
                (back,) = other.connections
                assert back.remote_key == ALICE.public
            with pytest.raises(WrongPeer, match=f"the peer that answered is {ids.peer_id(theirs)}"):
                await alice.dial(str(address).replace(ids.peer_id(theirs), ids.peer_id(CAROL.public)))
            async with await other.dial(await alice.listen(ANYWHERE)) as connection:
                assert connection.remote_key == ALICE.public
                (back,) = alice.connections
                assert (await identify.identify(back)).key == back.remote_key == theirs

    asyncio.run(main())


@pytest.mark.finding("W11")
def test_without_the_extra_the_one_who_dials_learns_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with Node(ALICE) as alice, foreign_node("RSA") as other:
            address = await other.listen(ANYWHERE)
            monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
            with pytest.raises(LocalError, match="to verify RSA keys, run pip install"):
                await alice.dial(address)
            assert not alice.connections

    asyncio.run(main())


@pytest.mark.parametrize("peer", ["16Uiu2HAm", "QmNothing", multibase.base58btc_encode(b"\0\4" + bytes(4))])
def test_what_is_no_id_is_dialled_nowhere(peer: str) -> None:
    async def main() -> None:
        async with Node(ALICE) as alice:
            with pytest.raises(DecodeError):
                await alice.dial(f"/ip4/127.0.0.1/tcp/1/p2p/{peer}")

    asyncio.run(main())
