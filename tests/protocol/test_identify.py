"""libp2p's identify: its bytes, its bounds, and a peer that claims to be another one."""

from __future__ import annotations

import asyncio

import pytest

from p2plib.errors import (
    DecodeError,
    WrongPeer,
)
from p2plib.protocol import identify
from p2plib.wire import multiaddr
from tests.protocol.nodes import ALICE, CAROL, ECHO, two_nodes


def test_identify_bytes() -> None:
    address = multiaddr.parse("/ip4/192.0.2.1/tcp/4001")
    known = identify.Identity(ALICE.public, (address,), (ECHO,), address, "v/1", "agent")
    raw = identify.encode(known)
    assert identify.decode(raw) == known
    assert raw[:2] == b"\x0a\x24"
    assert b"\x12\x08" + address.encode() in raw
    assert b"\x1a\x0b" + ECHO.encode() in raw
    assert b"".join(field.raw for field in identify.dissect(raw)) == raw
    future = raw + b"\x4a\x01x" + b"\x12\x02\xc8\x08"  # a field and a kind of address from the future
    assert identify.decode(future).unknown_addresses == 1
    assert identify.decode(future).addresses == (address,)


@pytest.mark.parametrize(
    ("extra", "rule"),
    [
        (b"\x1a\x01x" * 257, "protocols is there 257 times"),
        (b"\x12\x01x" * 65, "listenAddrs is there 65 times"),
        (b"\x22\x01x" * 2, "observedAddr is there 2 times"),
        (b"\x32\x01\xff", "UTF-8"),
        (b"\x32\x81\x02" + b"x" * 257, "a text of 257 bytes"),
        (b"\x18\x01", "protocols is bytes"),
        (b"\x0a\x00", "field 1 is there 2 times"),
    ],
)
def test_identify_is_bounded(extra: bytes, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        identify.decode(identify.encode(identify.Identity(ALICE.public))[:38] + extra)


def test_a_peer_that_says_it_is_another_one() -> None:
    async def main() -> None:
        async with two_nodes() as (alice, bob), await alice.dial(bob.addresses[0]) as connection:
            bob.handlers[identify.PROTOCOL_ID] = identify.handler(lambda _: identify.Identity(CAROL.public))
            with pytest.raises(WrongPeer, match="has proved"):
                await identify.identify(connection)

    asyncio.run(main())
