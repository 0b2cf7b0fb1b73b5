"""Rendezvous over nodes: the driver in the simulated internet and on real sockets, and points that lie."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from p2plib.discovery.signal import meeting, peer_record, rendezvous
from p2plib.discovery.signal.peer_record import RoutingRecord
from p2plib.discovery.signal.point import RendezvousPoint
from p2plib.discovery.signal.rendezvous import DiscoverResponse, Register, RegisterResponse, Status
from p2plib.errors import DecodeError, NoCommonProtocol, P2PError, PeerTimeout, RequestRefused
from p2plib.identity.keys import SecretKey
from p2plib.protocol.connection import Connection
from p2plib.protocol.framing import read_frame, write_frame
from p2plib.protocol.node import Node
from p2plib.protocol.stream import Stream
from p2plib.sim import Internet
from p2plib.wire import multiaddr

POINT, ANA, BEN = (SecretKey.from_seed(name.encode() * 32) for name in "pab")
ANYWHERE = "/ip4/127.0.0.1/tcp/0"


async def the_story(host: str) -> None:
    point = RendezvousPoint(bytes(16))
    served = {rendezvous.PROTOCOL_ID: meeting.handler(point)}
    async with Node(POINT, served) as at, Node(ANA) as ana, Node(BEN) as ben:
        place = await at.listen(f"/ip4/{host}/tcp/0")
        await ana.listen(f"/ip4/{host}/tcp/0")
        async with await ana.dial(place) as a, await ben.dial(place) as b:
            assert (await meeting.discover(b, "my-app")).records == ()
            assert await meeting.register(a, "my-app", ana.addresses, ANA, seq=5) == 7200
            met = await meeting.discover(b, "my-app")
            assert met.records == (RoutingRecord(ANA.public, 5, ana.addresses),)
            async with await ben.dial(*met.records[0].addresses) as direct:
                assert direct.remote_id == met.records[0].peer_id
            assert (await meeting.discover(b, "my-app", cookie=met.cookie)).records == ()
            with pytest.raises(RequestRefused, match="INVALID_TTL") as caught:
                await meeting.register(a, "my-app", ana.addresses, ANA, ttl_s=5)
            assert caught.value.code == Status.INVALID_TTL
            with pytest.raises(RequestRefused, match="NOT_AUTHORIZED"):
                await meeting.register(b, "my-app", ana.addresses, ANA)
            with pytest.raises(RequestRefused, match="INVALID_COOKIE"):
                await meeting.discover(b, "my-app", cookie=b"stale")
            await meeting.unregister(a, "my-app")
            assert (await meeting.discover(b, "my-app")).records == ()


def test_on_real_sockets() -> None:
    asyncio.run(the_story("127.0.0.1"))


def test_in_the_simulated_internet(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        host = net.host("all")
        await host.run(the_story(host.address))

    internet.run(main)


Say = Callable[[Stream], object]


async def asked(answer: bytes | None, call: Callable[[Connection], object]) -> None:
    """Makes a call to a point that answers every request with these bytes, or not at all."""

    async def handle(stream: Stream, connection: Connection) -> None:
        await read_frame(stream, rendezvous.FRAMES)
        if answer is None:
            await asyncio.Event().wait()
        else:
            await write_frame(stream, rendezvous.FRAMES, answer)

    async with (
        Node(POINT, {rendezvous.PROTOCOL_ID: handle}) as at,
        Node(ANA) as ana,
        await ana.dial(await at.listen(ANYWHERE)) as connection,
    ):
        await call(connection)  # type: ignore[misc]


def record(secret: SecretKey, raw: bytes = b"") -> Register:
    here = (multiaddr.parse("/ip4/192.0.2.1/tcp/1"),)
    return Register("my-app", raw or peer_record.encode(RoutingRecord(secret.public, 1, here), secret))


def test_a_point_that_lies_is_not_believed() -> None:
    forged = record(ANA).record.replace(ANA.public.raw, BEN.public.raw)
    answer = DiscoverResponse(
        (
            record(ANA),
            record(ANA),
            record(BEN, forged),
            record(BEN, b"x"),
            Register("spam", record(BEN).record),
        )
    )

    async def call(connection: Connection) -> None:
        met = await meeting.discover(connection, "my-app")
        assert [each.key for each in met.records] == [ANA.public]
        assert met.dropped == {"SignatureError": 1, "DecodeError": 1, "another namespace": 1}

    asyncio.run(asked(rendezvous.encode(answer), call))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"\xff", DecodeError),
        (rendezvous.encode(RegisterResponse(0)), DecodeError),
        (rendezvous.encode(DiscoverResponse(status=999)), RequestRefused),
        (None, PeerTimeout),
    ],
    ids=["rubbish", "another response", "a status from the future", "silence"],
)
def test_answers_that_are_none(answer: bytes | None, error: type[P2PError]) -> None:
    async def call(connection: Connection) -> None:
        with pytest.raises(error):
            await meeting.discover(connection, "my-app", timeout_s=0.2)

    asyncio.run(asked(answer, call))


def test_a_peer_that_is_no_point_and_requests_that_are_none() -> None:
    async def main() -> None:
        point = RendezvousPoint(bytes(16))
        served = {rendezvous.PROTOCOL_ID: meeting.handler(point)}
        async with (
            Node(POINT, served) as at,
            Node(ANA) as ana,
            await ana.dial(await at.listen(ANYWHERE)) as there,
        ):
            for raw in (b"\xff", rendezvous.encode(RegisterResponse(0))):
                stream, _ = await there.open_stream(rendezvous.PROTOCOL_ID)
                async with stream:
                    await write_frame(stream, rendezvous.FRAMES, raw)
                    with pytest.raises(P2PError):
                        await read_frame(stream, rendezvous.FRAMES)
            assert (await meeting.discover(there)).records == ()
            with pytest.raises(NoCommonProtocol):
                await meeting.discover(at_of(at), "x")

    def at_of(at: Node) -> Connection:
        return next(iter(at.connections))

    asyncio.run(main())
