"""The forwarder: what it keeps, what its users get, and what it knows about them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from p2plib.discovery.dns.asking import _ask_udp, ask
from p2plib.discovery.dns.forwarder import Forwarded, Forwarder
from p2plib.discovery.dns.resolver import Resolver
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import DnsPacket, Question, decode, encode
from p2plib.discovery.mdns.records import A, Cname, RecordType, ResourceRecord, Soa, Srv
from p2plib.errors import CannotListen, PeerTimeout
from p2plib.sim import Internet
from tests.discovery.dns.test_asking import answering
from tests.discovery.dns.world import PORT, a_zone, name, record, served, swarm

QUERY = DnsPacket((Question(name("seed.p2p.test"), RecordType.A),), id=0x1234)


@asynccontextmanager
async def forwarding(
    server: tuple[str, int], host: Any, heard: list[Forwarded] | None = None
) -> AsyncIterator[Forwarder]:
    """A forwarder at a host of a simulated internet."""
    with host:
        resolver = await Resolver([server], random.Random(1)).__aenter__()
        on_event = None if heard is None else heard.append
        forwarder = await Forwarder(
            resolver, random.Random(2), host.address, PORT, on_event=on_event
        ).__aenter__()
    try:
        yield forwarder
    finally:
        await forwarder.__aexit__(None, None, None)
        await resolver.__aexit__(None, None, None)


async def asked(forwarder: Forwarder) -> DnsPacket:
    return await ask(forwarder.address, QUERY, 5.0, Counter())


def test_what_it_keeps_and_what_it_knows(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        provider, ana, ben = net.host("provider"), net.host("ana"), net.host("ben")
        heard: list[Forwarded] = []
        async with (
            served(a_zone(swarm(40, ttl_s=60)), net.host("server")) as server,
            forwarding(server.address, provider, heard) as forwarder,
        ):
            answers = []
            for user in (ana, ben, ana):
                with user:
                    answers.append(await asked(forwarder))
                await asyncio.sleep(10)
            hosts = [
                {each.data.host for each in answer.answers if isinstance(each.data, A)} for answer in answers
            ]
            assert hosts[0] == hosts[1] == hosts[2], "all its users get the same eight"
            assert len({answer.answers for answer in answers}) == 3, "in another order, and for less time"
            assert [answer.answers[0].ttl_s for answer in answers] == [60, 49, 39]
            assert server.peer.machine.asked == {"A": 1}
            assert [(each.asker[0], each.was_kept) for each in heard] == [
                (ana.address, False), (ben.address, True), (ana.address, True),
            ]  # fmt: skip
            await asyncio.sleep(40)
            with ana:
                later = {
                    each.data.host for each in (await asked(forwarder)).answers if isinstance(each.data, A)
                }
            assert later != hosts[0]

    internet.run(main)


def test_an_alias_goes_along_with_what_it_stands_for(internet: Internet) -> None:
    """Its users drop records of a name that they did not ask for."""
    records = [
        record("a.p2p.test", Cname(name("b.p2p.test")), 40),
        record("b.p2p.test", Cname(name("seed.p2p.test")), 50),
        *swarm(3, ttl_s=60),
    ]

    async def main(net: Internet) -> None:
        provider, ana = net.host("provider"), net.host("ana")
        async with (
            served(a_zone(records), net.host("server")) as server,
            forwarding(server.address, provider) as forwarder,
        ):
            with ana:
                async with Resolver([forwarder.address], random.Random(3), from_host=ana.address) as resolver:
                    assert len(await resolver.hosts("a.p2p.test")) == 3
                    found = await resolver.ask("a.p2p.test", RecordType.A)
                    assert [str(each.name) for each in found.aliases] == ["a.p2p.test.", "b.p2p.test."]
                    assert 39 < found.ttl_s <= 40
                    (alias,) = (await resolver.ask("a.p2p.test", RecordType.CNAME)).records
                    assert alias.data == Cname(name("b.p2p.test"))

    internet.run(main)


def test_another_class_is_refused_and_not_answered_with_ours(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        async with (
            served(a_zone(swarm(3)), net.host("server")) as server,
            forwarding(server.address, net.host("provider")) as forwarder,
        ):
            with net.host("ana"):
                query = DnsPacket((Question(name("seed.p2p.test"), RecordType.A, 3),), id=7)
                assert (await ask(forwarder.address, query, 5.0, Counter())).rcode == 5
                assert server.peer.machine.asked == {}

    internet.run(main)


def long_names(data: bytes) -> list[bytes]:
    """256 services, whose long names are short pointers here, and are written in full for others."""
    asked, long = decode(data), DomainName((b"x" * 63,) * 3 + (b"x" * 61,))
    records = [ResourceRecord(asked.questions[0].name, Srv(0, 0, port, long), 60) for port in range(1, 257)]
    return [encode(replace(asked, flags=0x8000, answers=tuple(records), additionals=()))]


def test_an_answer_that_grows_out_of_any_packet_is_trouble(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        async with (
            answering(net.host("server"), long_names) as server,
            forwarding(server, net.host("provider")) as forwarder,
        ):
            with net.host("ana"):
                query = DnsPacket((Question(name("seed.p2p.test"), RecordType.SRV),), id=7)
                assert (await _ask_udp(forwarder.address, query, 5.0, Counter())).rcode == 2
            assert not forwarder._tasks

    internet.run(main)


def test_what_does_not_exist_and_who_cannot_be_asked(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        provider, ana, there = net.host("provider"), net.host("ana"), net.host("server")
        async with served(a_zone(), there) as server, forwarding(server.address, provider) as forwarder:
            with ana:
                nobody = await asked(forwarder)
                assert nobody.rcode == 3
                (soa,) = nobody.authorities
                assert (soa.name, type(soa.data), soa.ttl_s) == (name("p2p.test"), Soa, 10)
                await asyncio.sleep(4)
                assert [each.ttl_s for each in (await asked(forwarder)).authorities] == [5]
                net.block(provider, there)
                forwarder._resolver.cache = type(forwarder._resolver.cache)()
                with pytest.raises(PeerTimeout):
                    await ask(forwarder.address, QUERY, 1.0, Counter())
                answer = await ask(forwarder.address, QUERY, 20.0, Counter())
                assert answer.rcode == 2
                assert forwarder.ignored["PeerTimeout"] >= 1

    internet.run(main)


def test_hostile_datagrams_do_no_harm(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        provider, ana = net.host("provider"), net.host("ana")
        records = [*swarm(200), record("x.p2p.test", "198.18.0.1")]
        async with (
            served(a_zone(records, hand=200), net.host("server")) as server,
            forwarding(server.address, provider) as forwarder,
        ):
            with ana:
                transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                    asyncio.DatagramProtocol, remote_addr=forwarder.address
                )
                for raw in (
                    b"", b"\x00" * 11, b"\xff" * 40,
                    encode(DnsPacket(QUERY.questions, flags=0x8000)),
                    encode(DnsPacket(QUERY.questions, flags=5 << 11)),
                    encode(DnsPacket(QUERY.questions * 2)),
                ):  # fmt: skip
                    transport.sendto(raw)
                await asyncio.sleep(1)
                transport.close()
                cut = await ask_udp_alone(forwarder)
            assert cut.is_truncated
            assert forwarder.ignored["malformed"] >= 2
            assert forwarder.ignored["no question"] == 1
            assert forwarder.ignored["not one question"] == 2
            with ana:
                for flags, count, rcode in ((5 << 11, 1, 4), (0, 2, 1)):
                    odd = DnsPacket(QUERY.questions * count, flags=flags, id=7)
                    assert (await _ask_udp(forwarder.address, odd, 5.0, Counter())).rcode == rcode
            assert not forwarder._tasks

    internet.run(main)


async def ask_udp_alone(forwarder: Forwarder) -> DnsPacket:
    return await _ask_udp(forwarder.address, QUERY, 5.0, Counter())


def test_a_flood_of_questions_does_not_pile_up(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        provider, ana = net.host("provider"), net.host("ana")
        async with (
            answering(net.host("silent"), lambda data: []) as server,
            forwarding(server, provider) as forwarder,
        ):
            with ana:
                transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                    asyncio.DatagramProtocol, remote_addr=forwarder.address
                )
            for number in range(300):
                query = DnsPacket((Question(name(f"n{number}.p2p.test"), RecordType.A),), id=number)
                transport.sendto(encode(query))
            await asyncio.sleep(1)
            assert len(forwarder._tasks) == 200
            assert forwarder.ignored["too many at a time"] == 100
            transport.close()

    internet.run(main)


def test_on_real_sockets() -> None:
    async def main() -> None:
        async with (
            served(a_zone(swarm(3))) as server,
            Resolver([server.address], random.Random(1)) as resolver,
            Forwarder(resolver, random.Random(2)) as forwarder,
        ):
            assert len((await asked(forwarder)).answers) == 3
            with pytest.raises(CannotListen):
                async with Forwarder(resolver, random.Random(2), *forwarder.address):
                    pass

    asyncio.run(main())
