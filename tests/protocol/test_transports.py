"""TCP as a node's transport: what it gives is not started yet, and nothing is left when a call fails."""

from __future__ import annotations

import asyncio

import pytest

from p2plib.errors import Closed, Unreachable, WrongPeer
from p2plib.identity import ids
from p2plib.protocol import ping
from p2plib.protocol.connection import Connection
from p2plib.protocol.endpoints import Endpoint
from p2plib.protocol.transports import Incoming, Listener, Options, TcpTransport
from tests.protocol.nodes import ALICE, BOB, CAROL

HERE = Endpoint("127.0.0.1", 0, "ip4")
HANDLERS = {ping.PROTOCOL_ID: ping.handle}


class Bob:
    """What Bob does with those who connect: he upgrades, or resets."""

    def __init__(self) -> None:
        self.upgrades = True
        self.places: list[Endpoint] = []
        self.listener: Listener = TcpTransport(Options(BOB, HANDLERS)).listener(HERE, self.take)

    async def take(self, incoming: Incoming) -> None:
        self.places.append(incoming.place)
        if not self.upgrades:
            incoming.reset()
            return
        connection: Connection = await incoming.upgrade()
        assert connection.seen_at == incoming.place.address
        async with connection:
            await connection.wait_closed()


def test_a_connection_from_end_to_end() -> None:
    async def main() -> None:
        before, bob, alice = asyncio.all_tasks(), Bob(), TcpTransport(Options(ALICE, {}))
        await bob.listener.open()
        (place,) = bob.listener.places
        assert (place.host, place.family, place.transport, place.peer) == ("127.0.0.1", "ip4", "tcp", None)
        async with await alice.dial(place) as connection:
            assert connection.seen_at == place.address
            assert await ping.ping(connection) > 0
        never_started = await alice.dial(place)
        await never_started.close()
        with pytest.raises(WrongPeer):
            await alice.dial(Endpoint(place.host, place.port, peer=ids.peer_id(CAROL.public)))
        bob.upgrades = False
        with pytest.raises(Closed):
            await alice.dial(place)
        assert {(each.host, each.transport) for each in bob.places} == {("127.0.0.1", "tcp")}
        await bob.listener.close()
        assert set(bob.listener.failures) <= {"HandshakeFailed", "StreamReset", "EndOfStream"}
        with pytest.raises(Unreachable):
            await alice.dial(place)
        assert asyncio.all_tasks() == before

    asyncio.run(main())
