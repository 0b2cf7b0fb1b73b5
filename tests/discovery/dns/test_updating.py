"""Updating: a yes that is signed, a no, silence, and somebody in between."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import pytest

from p2plib.discovery.dns.server import DnsServer
from p2plib.discovery.dns.tsig import TsigKey, split
from p2plib.discovery.dns.updates import adding, removing_set
from p2plib.discovery.dns.updating import send_update
from p2plib.discovery.mdns.records import A, Ns, RecordType
from p2plib.errors import PeerTimeout, RequestRefused, Unreachable
from p2plib.sim import Internet
from tests.discovery.dns.world import KEY, OTHER, a_zone, name, served

APEX, SEED = name("p2p.test"), name("seed.p2p.test")
CHANGES = [adding(SEED, A("198.18.0.1"), 60)]


async def send(server: DnsServer, changes: Any = None, key: TsigKey = KEY, **options: Any) -> int | None:
    return await send_update(server.address, APEX, changes or CHANGES, key, random.Random(1), **options)


def test_an_update_is_made_on_real_sockets_and_in_the_simulated_internet(internet: Internet) -> None:
    async def use(server: DnsServer) -> None:
        assert await send(server) is None
        assert server.zone.data(SEED, RecordType.A) == (A("198.18.0.1"),)
        assert await send(server, lease_s=300) == 300
        assert await send(server, lease_s=10) == 30, "the server grants its least"
        await send(server, [removing_set(SEED)])
        assert not server.zone.exists(SEED)

    async def here() -> None:
        async with served(a_zone()) as server:
            await use(server)

    async def simulated(net: Internet) -> None:
        async with served(a_zone(), net.host("server")) as server:
            with net.host("tracker"):
                await use(server)

    asyncio.run(here())
    internet.run(simulated)


def test_a_no_says_why(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        async with served(a_zone(), net.host("server")) as server:
            with net.host("tracker"):
                for key, word in ((OTHER, "BADKEY"), (TsigKey(KEY.name, OTHER.secret), "BADSIG")):
                    with pytest.raises(RequestRefused, match=word) as caught:
                        await send(server, key=key)
                    assert caught.value.code == 9
                with pytest.raises(RequestRefused, match="BADTIME"):
                    await send(server, wall=lambda: 1_000_000_000)
                with pytest.raises(RequestRefused, match="REFUSED") as caught:
                    await send(server, [adding(SEED, Ns(APEX), 60)])
                assert caught.value.code == 5
                with pytest.raises(RequestRefused, match="NOTZONE"):
                    await send(server, [adding(name("example.com"), A("198.18.0.1"), 60)])

    internet.run(main)


def test_a_yes_that_is_not_signed_for_this_request_is_none(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        async with served(a_zone(), net.host("server")) as server:
            machine = server.peer.machine
            honest = machine.respond
            answers: list[bytes] = []

            def unsigned(data: bytes, *more: Any, **options: Any) -> bytes | None:
                answer = honest(data, *more, **options)
                assert answer is not None
                answers.append(answer)
                return split(answer)[0]

            def former(data: bytes, *more: Any, **options: Any) -> bytes | None:
                answer = honest(data, *more, **options)
                assert answer is not None
                return data[:2] + answers[0][2:]

            with net.host("tracker"):
                for lie, word in ((unsigned, "is not signed"), (former, "does not belong")):
                    machine.respond = lie  # type: ignore[method-assign, assignment]
                    with pytest.raises(RequestRefused, match=f"says yes, but.*{word}"):
                        await send(server, [adding(SEED, A(f"198.18.0.{len(answers) + 1}"), 60)])

    internet.run(main)


def test_nobody_there_and_nobody_answering(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        there, here = net.host("server"), net.host("tracker")

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()

        with there:
            server = await asyncio.start_server(silent, there.address, 5000)
        async with server:
            with here:
                with pytest.raises(PeerTimeout, match="did not answer in 5 s"):
                    await send_update((there.address, 5000), APEX, CHANGES, KEY, random.Random(1))
        with here, pytest.raises((Unreachable, PeerTimeout)):
            await send_update((there.address, 5001), APEX, CHANGES, KEY, random.Random(1))

    internet.run(main)
