"""From a raw stream to a connection: what is negotiated, by when, and with whom."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.errors import (
    DecodeError,
    EndOfStream,
    HandshakeFailed,
    NoCommonProtocol,
    P2PError,
    PeerTimeout,
    StreamReset,
)
from p2plib.protocol import multistream, ping
from p2plib.protocol.conformance import read_all
from p2plib.protocol.connection import Connection, upgrade
from p2plib.protocol.stream import Stream, memory_pair
from tests.protocol.nodes import ALICE, BOB, ECHO, echo, two_nodes


@pytest.mark.parametrize("offers", [(True, True), (True, False), (False, True), (False, False)])
def test_the_muxer_is_named_early_or_negotiated(offers: tuple[bool, bool]) -> None:
    async def main() -> None:
        a, b = memory_pair(limit_bytes=100)
        near, far = await asyncio.gather(
            upgrade(a, ALICE, is_client=True, expected=BOB.public, offers_early_muxer=offers[0]),
            upgrade(b, BOB, is_client=False, handlers={ECHO: echo}, offers_early_muxer=offers[1]),
        )
        assert near.has_early_muxer == far.has_early_muxer == all(offers)
        async with near, far:
            lazy = await near.propose_stream(ECHO)
            async with lazy:
                await lazy.write(b"x" * 1000)
                assert await lazy.read_exactly(1000) == b"x" * 1000

    asyncio.run(main())


@pytest.mark.fault("F052")
@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"\x13/multistream/1.0.0\n\x03na\n", NoCommonProtocol),
        (b"\x13/multistream/1.0.0\n\x11/plaintext/2.0.0\n", DecodeError),
        (b"\x0eGET / HTTP/1.1\n", DecodeError),
        (b"", EndOfStream),
        (b"\x13/multistream/1.0.0\n\x07/noise\n", HandshakeFailed),
        (b"\x13/multistream/1.0.0\n\x07/noise\n\xff\xff" + bytes(70_000), HandshakeFailed),
    ],
)
def test_whoever_is_no_libp2p_peer(said: bytes, error: type[P2PError]) -> None:
    async def main() -> None:
        a, b = memory_pair(limit_bytes=100_000)
        await b.write(said)
        await b.close_write()
        with pytest.raises(error):
            await upgrade(a, ALICE, is_client=True)
        with pytest.raises(StreamReset):
            await read_all(b)

    asyncio.run(main())


@pytest.mark.fault("F040")
@pytest.mark.parametrize("is_client", [True, False])
@pytest.mark.parametrize("said", [b"", b"\x13/multi", b"\x13/multistream/1.0.0\n\x07/noise\n\x00"])
def test_the_deadline_is_one_for_everything(is_client: bool, said: bytes) -> None:
    async def main() -> None:
        a, b = memory_pair()
        await b.write(said)
        with pytest.raises(PeerTimeout):
            await upgrade(a, ALICE, is_client=is_client, timeout_s=0.02)
        with pytest.raises(StreamReset):
            await read_all(b)

    asyncio.run(main())


def test_handlers_that_fail_and_protocols_that_are_not_there() -> None:
    async def breaks(stream: Stream, connection: Connection) -> None:
        raise KeyError("ours")

    async def main() -> None:
        seen: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context["exception"]))
        async with two_nodes() as (alice, bob):
            bob.handlers["/breaks/1"] = breaks
            async with await alice.dial(bob.addresses[0]) as connection:
                stream = await connection.propose_stream("/breaks/1")
                with pytest.raises(StreamReset):
                    await stream.read()
                with pytest.raises(NoCommonProtocol, match="speaks none of /none/1, /none/2"):
                    await connection.open_stream("/none/1", "/none/2")
                (back,) = bob.connections
                assert await ping.ping(connection) > 0
                assert back.failures["KeyError"] == 1
                assert [repr(error) for error in seen] == ["KeyError('ours')"]

    asyncio.run(main())


@pytest.mark.fault("F040")
def test_a_stream_on_which_nothing_is_agreed_is_reset() -> None:
    async def main() -> None:
        async with two_nodes() as (alice, bob), await alice.dial(bob.addresses[0]) as connection:
            assert await ping.ping(connection) > 0
            (back,) = bob.connections
            back.negotiation_timeout_s = 0.02
            stream = await connection.muxed.open_stream()
            await stream.write(multistream.encode(multistream.HEADER))
            with pytest.raises(StreamReset):
                await read_all(stream)
            assert back.failures == {"PeerTimeout": 1}

    asyncio.run(main())
