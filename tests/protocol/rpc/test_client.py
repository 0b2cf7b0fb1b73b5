"""Calls to peers that are silent, dead or full, and the example of the package's head."""

from __future__ import annotations

import asyncio
import doctest
from typing import Any

import pytest

from p2plib.errors import DecodeError, PeerTimeout
from p2plib.identity.keys import SecretKey
from p2plib.protocol import rpc
from p2plib.protocol.connection import Connection, upgrade
from p2plib.protocol.framing import VarintFrames
from p2plib.protocol.rpc import BYTES, JSON, Call, Client, Codec, Service, Subscription
from p2plib.protocol.rpc.messages import END, Response
from p2plib.protocol.stream import memory_pair
from p2plib.protocol.yamux.limits import Limits
from p2plib.sim import Internet

SECRETS = [SecretKey.from_seed(bytes([number]) * 32) for number in (1, 2)]
CALL = Call("call", BYTES, BYTES)
NEWS = Subscription("news", BYTES, BYTES)


async def connected(limits: Limits | None = None, **handlers: Any) -> tuple[Connection, Connection]:
    a, b = memory_pair()
    one, two = await asyncio.gather(
        upgrade(a, SECRETS[0], is_client=True, limits=limits),
        upgrade(b, SECRETS[1], is_client=False, handlers=handlers),
    )
    return one, two


@pytest.mark.finding("W3")
@pytest.mark.parametrize("timeout_s", [0.5, 30, 200])
def test_a_call_to_a_silent_peer_ends_after_its_own_timeout(timeout_s: float) -> None:
    """No stream is taken: at the first call, at a later one, and when no more can be opened."""

    async def main(net: Internet) -> None:
        one, two = await connected(Limits(ack_backlog=8))
        two.muxed.start()  # alive, but it accepts no stream
        loop = asyncio.get_running_loop()
        async with one:
            client = Client(one, "/x/1")
            for attempt in range(12):
                began_s = loop.time()
                with pytest.raises(PeerTimeout, match=f"right did not answer call within {timeout_s:g} s"):
                    await client.call(CALL, b"", timeout_s=timeout_s)
                assert loop.time() - began_s == pytest.approx(timeout_s)
                client._is_spoken = attempt > 2
            client._is_spoken, began_s = False, loop.time()
            with pytest.raises(PeerTimeout, match=f"within {timeout_s:g} s"):
                async with client.subscribe(NEWS, b"", timeout_s=timeout_s):
                    pass
            assert loop.time() - began_s == pytest.approx(timeout_s)
        await two.close()

    Internet(1).run(main)


@pytest.mark.finding("W3")
def test_a_time_out_inside_a_codec_is_not_the_calls() -> None:
    def times_out(raw: bytes) -> Any:
        raise TimeoutError("not the call's")

    async def handler(request: bytes, caller: Connection) -> bytes:
        return b"x"

    async def main(net: Internet) -> None:
        service = Service("/x/1")
        service.add(CALL, handler)
        one, two = await connected(**{"/x/1": service.handle})
        async with one, two:
            with pytest.raises(DecodeError, match="not a response: its codec raised TimeoutError"):
                await Client(one, "/x/1").call(Call("call", BYTES, Codec(bytes, times_out)), b"")

    Internet(1).run(main)


def test_an_end_is_no_response_to_a_call() -> None:
    """Even where no bytes are a value: the other side takes the call for a subscription."""

    async def ends(stream: Any, caller: Connection) -> None:
        await stream.read()
        await stream.write(VarintFrames().encode(Response(END).encode()))

    async def main(net: Internet) -> None:
        one, two = await connected(**{"/x/1": ends})
        async with one, two:
            with pytest.raises(DecodeError, match="a call was answered with an end"):
                await Client(one, "/x/1").call(CALL, b"")

    Internet(1).run(main)


def test_the_example_runs_as_it_stands() -> None:
    assert doctest.testmod(rpc).failed == 0
    assert "Node" in (rpc.__doc__ or "")


def test_values_of_all_kinds_there_and_back() -> None:
    both = Call("both", JSON, rpc.CBOR)

    async def handler(request: Any, caller: Connection) -> Any:
        return {"asked": request, "raw": b"\0\xff"}

    async def main(net: Internet) -> None:
        service = Service("/x/1")
        service.add(both, handler)
        one, two = await connected(**{"/x/1": service.handle})
        async with one, two:
            found = await Client(one, "/x/1").call(both, ["a", None, 1.5])
            assert found == {"asked": ["a", None, 1.5], "raw": b"\0\xff"}

    Internet(1).run(main)
