"""The name server on sockets: UDP and TCP at one port, connections that say nothing, and a clean end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.discovery.dns import server as module
from p2plib.discovery.dns.asking import exchange
from p2plib.discovery.dns.server import DnsServer, one_owner
from p2plib.discovery.mdns.packets import DnsPacket, Question, decode, encode
from p2plib.discovery.mdns.records import RecordType
from p2plib.errors import CannotListen, PeerTimeout, Unreachable
from p2plib.protocol.tcp import connect_tcp
from p2plib.sim import Internet
from tests.discovery.dns.world import a_zone, name, served, swarm

QUERY = encode(DnsPacket((Question(name("seed.p2p.test"), RecordType.A),), id=0x1234))


async def ask_by_tcp(server: DnsServer) -> int:
    return len(decode(await exchange(server.address, QUERY, 5.0)).answers)


def test_both_transports_have_one_port_on_real_sockets() -> None:
    async def main() -> None:
        heard: list[Any] = []
        async with served(a_zone(swarm(20)), on_event=heard.append) as server:
            assert await ask_by_tcp(server) == 8
            assert len(heard) == 1
            with pytest.raises(CannotListen):
                async with DnsServer.open(a_zone(), *server.address):
                    pass
        with pytest.raises((Unreachable, PeerTimeout)):
            await exchange(server.address, QUERY, 1.0)

    asyncio.run(main())


def test_a_connection_may_ask_again_and_again(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_QUESTIONS", 5)

    async def main(net: Internet) -> None:
        there, here = net.host("server"), net.host("asker")
        async with served(a_zone(swarm(3)), there) as server:
            with here:
                stream = await connect_tcp(*server.address)
            async with stream:
                for _ in range(5):
                    await stream.write(len(QUERY).to_bytes(2, "big") + QUERY)
                    size = int.from_bytes(await stream.read_exactly(2), "big")
                    assert len(decode(await stream.read_exactly(size)).answers) == 3
                assert await stream.read() == b"", "five are enough"

    internet.run(main)


@pytest.mark.parametrize("said", [b"", b"\x00", b"\xff\xff", b"\x00\x20" + QUERY[:5]], ids=repr)
def test_one_that_stops_talking_is_let_go(internet: Internet, said: bytes) -> None:
    async def main(net: Internet) -> None:
        there, here = net.host("server"), net.host("asker")
        async with served(a_zone(swarm(3)), there) as server:
            with here:
                stream = await connect_tcp(*server.address)
            async with stream:
                await stream.write(said)
                began = net.time
                assert await stream.read() == b""
                assert net.time - began == pytest.approx(module.IDLE_S, abs=0.5)
            assert server.failures == {"idle": 1}

    internet.run(main)


def test_one_that_hangs_up_or_talks_nonsense_does_no_harm(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        there, here = net.host("server"), net.host("asker")
        async with served(a_zone(swarm(3)), there) as server:
            with here:
                for said in (b"\x00\x03abc", b"\x00\x00", b"\x00\x20x"):
                    stream = await connect_tcp(*server.address)
                    await stream.write(said)
                    await asyncio.sleep(0.1)
                    stream.reset()
                await asyncio.sleep(1)
                assert await ask_by_tcp(server) == 3

    internet.run(main)


def test_one_host_cannot_take_all_connections(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PER_HOST", 3)

    async def main(net: Internet) -> None:
        there, greedy, here = net.host("server"), net.host("greedy"), net.host("asker")
        async with served(a_zone(swarm(3)), there) as server:
            with greedy:
                held = [await connect_tcp(*server.address) for _ in range(5)]
            await asyncio.sleep(1)
            assert server.failures["too many from one host"] == 2
            with here:
                assert await ask_by_tcp(server) == 3
            for stream in held:
                stream.reset()

    internet.run(main)


def test_one_host_may_come_again_and_again(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        there, here = net.host("server"), net.host("asker")
        async with served(a_zone(swarm(3)), there) as server:
            with here:
                for _ in range(2 * module.MAX_PER_HOST):
                    assert await ask_by_tcp(server) == 3

    internet.run(main)


def test_a_port_that_is_free_for_udp_alone_is_not_taken(
    internet: Internet, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    class Unlucky(module.TcpListener):
        async def __aenter__(self) -> Unlucky:
            tried.append(self._port)
            if len(tried) < 4:
                raise CannotListen("this port is taken")
            return await super().__aenter__()

    monkeypatch.setattr(module, "TcpListener", Unlucky)

    async def main(net: Internet) -> None:
        with net.host("server") as there:
            async with DnsServer.open(a_zone(swarm(3)), there.address) as server:
                assert server.address[1] == tried[3]
                assert await ask_by_tcp(server) == 3
            tried.clear()
            with pytest.raises(CannotListen):
                async with DnsServer.open(a_zone(), there.address, 5353):
                    pass
            assert tried == [5353], "a port that was asked for is tried once"

    internet.run(main)


def test_a_lease_ends_by_the_servers_own_clock(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        zone = a_zone()
        zone.add(swarm(1)[0], net.time, lease_s=60)
        async with served(zone, net.host("server")) as server:
            server.peer.call(server.peer.machine.on_timer)
            await asyncio.sleep(61)
            assert not zone.exists(name("seed.p2p.test"))

    internet.run(main)


def test_it_is_closed_while_others_talk(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        there, here = net.host("server"), net.host("asker")
        async with served(a_zone(swarm(3)), there) as server:
            with here:
                streams = [await connect_tcp(*server.address) for _ in range(3)]
            await streams[0].write(b"\x00")
        for stream in streams:
            stream.reset()

    internet.run(main)


@pytest.mark.fault("F169")
def test_the_addresses_of_one_customer_count_as_one_host() -> None:
    """In IPv6 everybody has more of them than there are connections."""
    assert one_owner("2001:db8::1") == one_owner("2001:db8:0:ffff::2")
    assert one_owner("2001:db8::1") != one_owner("2001:db8:1::1")
    assert one_owner("198.18.0.1") != one_owner("198.18.0.2")
