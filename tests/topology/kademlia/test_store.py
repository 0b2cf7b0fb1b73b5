"""What is kept for others, and for whom: validators, expiry, room, and tokens."""

from __future__ import annotations

from p2plib.machine.addresses import Address
from p2plib.topology.kademlia import messages as wire
from p2plib.topology.kademlia.store import key_of
from tests.topology.kademlia.network import grown


def test_storing_needs_the_token_of_this_address() -> None:
    world, peers = grown(2)
    own, thief, key = peers[0], ("203.0.113.5", 1), key_of(b"x")

    def said(message: object, address: Address) -> object:
        own.to_send()
        own.receive(wire.CODEC.encode(message), address, world.now)
        return wire.CODEC.decode(next(data for data, to in own.to_send() if to == address))

    nodes = said(wire.FindNode(1, 77, key), ("203.0.113.4", 1))
    assert isinstance(nodes, wire.Nodes)
    for token, address in (
        (b"", thief),
        (bytes(8), thief),
        (nodes.token, thief),
        (nodes.token, (thief[0], 2)),
    ):
        assert said(wire.Store(2, 77, token, key, 60, b"x"), address) == wire.Refused(
            2, own.own_id, wire.BAD_TOKEN
        )
    owner = ("203.0.113.4", 1)
    assert said(wire.Store(2, 77, nodes.token, key, 60, b"y"), owner) == wire.Refused(
        2, own.own_id, wire.NOT_STORED
    )
    assert said(wire.Store(2, 77, nodes.token, key, 60, b"x"), owner) == wire.Stored(2, own.own_id)
    world.now += 601
    assert said(wire.Store(3, 77, nodes.token, key, 60, b"x"), owner) == wire.Refused(
        3, own.own_id, wire.BAD_TOKEN
    )
