"""The resolver: dnslib and dnspython's names, aliases, caps, filters, several servers, and a poisoned one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from p2plib.discovery.dns.edns import Edns
from p2plib.discovery.dns.resolver import MAX_ALIASES, MAX_HOSTS_ASKED, MAX_RECORDS, Resolver, aliases
from p2plib.discovery.mdns.packets import RESPONSE, DnsPacket, decode, encode
from p2plib.discovery.mdns.records import A, Cname, RecordType, ResourceRecord, Srv
from p2plib.errors import Closed, PeerTimeout, RequestRefused, UsageError
from p2plib.sim import Internet, Link
from tests.discovery.dns.test_asking import answering
from tests.discovery.dns.world import a_zone, name, record, served, service, swarm, text

OURS = "198.18.0.7"


def a_resolver(*servers: tuple[str, int], **options: Any) -> Resolver:
    return Resolver(servers, random.Random(3), **{"from_host": OURS, **options})


def always(
    answers: Iterable[ResourceRecord], additionals: Iterable[ResourceRecord] = (), rcode: int = 0
) -> Any:
    """A server that gives the same records to every question."""

    def answer(data: bytes) -> list[bytes]:
        asked = decode(data)
        more = {"answers": tuple(answers), "additionals": tuple(additionals)}
        return [encode(replace(asked, flags=RESPONSE | rcode, **more))]

    return answer


def with_answers(internet: Internet, answer: Any, use: Any, **options: Any) -> None:
    """Runs `use(resolver)` beside a server that answers in a way of its own."""

    async def main(net: Internet) -> None:
        async with answering(net.host("server"), answer) as server:
            with net.host("asker"):
                async with a_resolver(server, **options) as resolver:
                    await use(resolver)

    internet.run(main)


def test_it_asks_a_zone(internet: Internet) -> None:
    records = [*swarm(3), record("seed.p2p.test", "2001:db8::7"), text("seed.p2p.test", b"id=", b"abc")]

    async def main(net: Internet) -> None:
        async with served(a_zone(records), net.host("server")) as server:
            with net.host("asker"):
                async with a_resolver(server.address) as resolver:
                    hosts = await resolver.hosts("seed.p2p.test")
                    assert sorted(hosts) == ["198.18.0.1", "198.18.0.2", "198.18.0.3", "2001:db8::7"]
                    assert await resolver.hosts("SEED.p2p.test", [RecordType.AAAA]) == ["2001:db8::7"]
                    assert resolver.asked == 2, "the second time nobody was asked"
                    assert await resolver.texts("seed.p2p.test") == [b"id=abc"]
                    nobody = await resolver.ask("nobody.p2p.test", RecordType.A)
                    assert (nobody.records, nobody.exists, nobody.ttl_s) == ((), False, 10)
                    with pytest.raises(UsageError):
                        await resolver.ask("a" * 64 + ".test", RecordType.A)

    internet.run(main)


def test_it_asks_a_name_server_of_dnslib() -> None:
    """On real sockets, and with the names in the case in which they were asked."""
    dnslib: Any = pytest.importorskip("dnslib")

    async def main() -> None:
        loop = asyncio.get_running_loop()

        class Theirs(asyncio.DatagramProtocol):
            def connection_made(self, transport: Any) -> None:
                self.transport = transport

            def datagram_received(self, data: bytes, address: Any) -> None:
                asked = dnslib.DNSRecord.parse(data)
                answer = asked.reply()
                answer.add_answer(*dnslib.RR.fromZone("seed.p2p.test. 5 CNAME pool.p2p.test."))
                answer.add_answer(*dnslib.RR.fromZone("pool.p2p.test. 5 A 127.0.0.9"))
                self.transport.sendto(answer.pack(), address)

        transport, _ = await loop.create_datagram_endpoint(Theirs, local_addr=("127.0.0.1", 0))
        try:
            server = transport.get_extra_info("sockname")
            async with Resolver([server], random.Random(1)) as resolver:
                assert await resolver.hosts("seed.p2p.test", [RecordType.A]) == ["127.0.0.9"]
                assert not resolver.ignored
        finally:
            transport.close()

    asyncio.run(main())


# F065: what a seed may say, and what is made of it --------------------------------------------------------


@pytest.mark.fault("F065")
def test_a_thousand_records_are_capped(internet: Internet) -> None:
    many = [record("seed.p2p.test", f"198.18.{n // 250}.{n % 250 + 1}", 0) for n in range(1_000)]

    async def main(net: Internet) -> None:
        async with served(a_zone(many, hand=1_000), net.host("server")) as server:
            with net.host("asker"):
                async with a_resolver(server.address) as resolver:
                    assert len(await resolver.hosts("seed.p2p.test", [RecordType.A])) == MAX_RECORDS
                    assert resolver.ignored["too many records"] == 1_000 - MAX_RECORDS

    internet.run(main)


@pytest.mark.fault("F065")
def test_a_time_of_zero_does_not_make_us_ask_again_at_once(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        async with served(a_zone(swarm(3, ttl_s=0)), net.host("server")) as server:
            with net.host("asker"):
                async with a_resolver(server.address) as resolver:
                    for _ in range(100):
                        await resolver.hosts("seed.p2p.test", [RecordType.A])
                    assert resolver.asked == 1
                    await asyncio.sleep(1.1)
                    await resolver.hosts("seed.p2p.test", [RecordType.A])
                    assert resolver.asked == 2

    internet.run(main)


BAD = ["10.0.0.1", "192.168.1.1", "127.0.0.1", "224.0.0.251", "0.0.0.0", "255.255.255.255", "169.254.1.1"]
BAD_6 = ["::1", "fe80::1", "ff02::fb", "fd00::1", "::", "::ffff:10.0.0.1"]


@pytest.mark.fault("F065")
def test_addresses_of_our_own_machine_and_site_are_not_strangers_to_name(internet: Internet) -> None:
    answers = [record("seed.p2p.test", host) for host in (*BAD, *BAD_6, "198.18.0.1")]

    async def use(resolver: Resolver) -> None:
        assert await resolver.hosts("seed.p2p.test", [RecordType.A]) == ["198.18.0.1"]
        assert await resolver.hosts("seed.p2p.test", [RecordType.AAAA]) == []
        assert resolver.ignored == {"an address where no peer can be": len(BAD) + len(BAD_6)}

    with_answers(internet, always(answers), use)


@pytest.mark.fault("F065")
def test_on_a_lan_and_on_one_machine_they_are(internet: Internet) -> None:
    """The scope is that of where we are: a resolver of this machine says nothing about it, so it is given."""
    answers = [record("seed.p2p.test", host) for host in BAD]

    async def lan(resolver: Resolver) -> None:
        assert await resolver.hosts("seed.p2p.test", [RecordType.A]) == ["10.0.0.1", "192.168.1.1"]

    async def machine(resolver: Resolver) -> None:
        assert set(await resolver.hosts("seed.p2p.test", [RecordType.A])) == {*BAD[:3]}

    with_answers(internet, always(answers), lan, from_host="192.168.1.7")
    with_answers(Internet(), always(answers), machine, from_host="127.0.0.1")


# Aliases --------------------------------------------------------------------------------------------------


def test_an_alias_is_followed_in_the_answer_and_by_asking(internet: Internet) -> None:
    chain = [record("seed.p2p.test", Cname(name("pool.p2p.test")))]

    async def use(resolver: Resolver) -> None:
        assert await resolver.hosts("seed.p2p.test", [RecordType.A]) == ["198.18.0.1"]

    with_answers(internet, always([*chain, record("pool.p2p.test", "198.18.0.1")]), use)

    async def main(net: Internet) -> None:
        async with served(
            a_zone([*chain, record("pool.p2p.test", "198.18.0.1")]), net.host("server")
        ) as server:
            # A server that gives the alias alone: the zone answers with what is of type CNAME.
            zone = server.zone
            whole = zone.answer

            def alias_first(question: Any, now: float) -> Any:
                if question.name == name("seed.p2p.test"):
                    question = replace(question, type=int(RecordType.CNAME))
                return whole(question, now)

            zone.answer = alias_first  # type: ignore[method-assign]
            with net.host("asker"):
                async with a_resolver(server.address) as resolver:
                    await use(resolver)
                    assert resolver.asked == 2

    Internet().run(main)


def test_aliases_in_a_circle_and_in_a_long_chain_come_to_an_end(internet: Internet) -> None:
    circle = [
        record("a.p2p.test", Cname(name("b.p2p.test"))),
        record("b.p2p.test", Cname(name("a.p2p.test"))),
    ]
    assert aliases(name("a.p2p.test"), circle) == [name("a.p2p.test"), name("b.p2p.test")]

    def endless(data: bytes) -> list[bytes]:
        asked = decode(data)
        owner = asked.questions[0].name
        further = ResourceRecord(owner, Cname(name("x").under(owner)), 60)
        return [encode(replace(asked, flags=RESPONSE, answers=(further,)))]

    async def use(resolver: Resolver) -> None:
        assert await resolver.hosts("a.p2p.test", [RecordType.A]) == []
        assert resolver.asked == MAX_ALIASES
        assert resolver.ignored == {"too many aliases": 1}

    with_answers(internet, endless, use)

    async def around(resolver: Resolver) -> None:
        assert await resolver.hosts("a.p2p.test", [RecordType.A]) == []
        assert resolver.asked <= MAX_ALIASES

    with_answers(Internet(), always(circle), around)


def test_records_of_names_that_nobody_asked_for_are_not_used(internet: Internet) -> None:
    """The oldest poison: an answer that says something about somebody else's name, too."""
    answers = [record("seed.p2p.test", "198.18.0.1"), record("bank.test", "198.18.0.66")]

    async def use(resolver: Resolver) -> None:
        assert await resolver.hosts("seed.p2p.test", [RecordType.A]) == ["198.18.0.1"]
        assert resolver.cache.get((name("bank.test"), RecordType.A), 0.0) is None

    with_answers(internet, always(answers, [record("bank.test", "198.18.0.66")]), use)


# Services -------------------------------------------------------------------------------------------------


def test_services_come_with_their_hosts_or_the_hosts_are_asked_for(internet: Internet) -> None:
    records = [
        service("_chat._udp.p2p.test", 4001, "ana.p2p.test"),
        service("_chat._udp.p2p.test", 4002, "gone.p2p.test"),
        record("_chat._udp.p2p.test", Srv(0, 0, 4003, name("."))),
        record("_chat._udp.p2p.test", Srv(0, 0, 0, name("ana.p2p.test"))),
        record("ana.p2p.test", "198.18.0.1"),
        record("ana.p2p.test", "192.168.1.1"),
    ]

    async def main(net: Internet) -> None:
        async with served(a_zone(records), net.host("server")) as server:
            with net.host("asker"):
                async with a_resolver(server.address) as resolver:
                    found = [each async for each in resolver.services("_chat._udp.p2p.test")]
        assert [(each.port, each.hosts) for each in found] == [(4001, ("198.18.0.1",))]
        assert resolver.ignored == {"a service that is nowhere": 2, "an address where no peer can be": 1}

    internet.run(main)


@pytest.mark.fault("F079")
def test_one_answer_does_not_make_us_ask_hundreds_of_questions(internet: Internet) -> None:
    records = [service("_chat._udp.p2p.test", 4001, f"h{n}.example.com") for n in range(200)]

    async def use(resolver: Resolver) -> None:
        assert [each async for each in resolver.services("_chat._udp.p2p.test")] == []
        assert resolver.asked <= 1 + 2 * MAX_HOSTS_ASKED
        assert resolver.ignored["too many hosts to ask for"] == 200 - MAX_HOSTS_ASKED

    with_answers(internet, always(records), use)


def test_services_are_ordered_as_rfc_2782_says() -> None:
    resolver = a_resolver(("192.0.2.53", 53))
    services = [
        Srv(priority, weight, 1, name("a")) for priority, weight in ((2, 0), (1, 90), (1, 10), (1, 0))
    ]
    orders = [[(each.priority, each.weight) for each in resolver._ordered(services)] for _ in range(2_000)]
    assert {order[-1] for order in orders} == {(2, 0)}
    firsts = [order[0] for order in orders]
    assert firsts.count((1, 90)) / 2_000 == pytest.approx(0.9, abs=0.03)
    assert firsts.count((1, 0)) < 40


# Servers that do not do what they should ------------------------------------------------------------------


def test_a_server_in_trouble_is_passed_over(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        broken = answering(net.host("broken"), always([], rcode=2))
        silent = answering(net.host("silent"), lambda data: [])
        async with broken as one, silent as two, served(a_zone(swarm(3)), net.host("server")) as server:
            with net.host("asker"):
                async with a_resolver(one, two, server.address) as resolver:
                    assert len(await resolver.hosts("seed.p2p.test", [RecordType.A])) == 3
                    assert net.time < 3
                async with a_resolver(one, two) as resolver:
                    with pytest.raises(RequestRefused, match="says SERVFAIL") as caught:
                        await resolver.ask("seed.p2p.test", RecordType.A)
                    assert caught.value.code == 2
                async with a_resolver(two) as resolver:
                    with pytest.raises(PeerTimeout):
                        await resolver.ask("seed.p2p.test", RecordType.A)
                    assert resolver.asked == 2

    internet.run(main)


def test_a_bad_link(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        server_host, here = net.host("server"), net.host("asker")
        net.set_link(server_host, here, Link(loss=0.15))
        async with served(a_zone(swarm(3)), server_host) as server:
            with here:
                async with a_resolver(server.address, tries=8, timeout_s=0.5) as resolver:
                    for _ in range(20):
                        resolver.cache = type(resolver.cache)(min_s=0, max_s=0)
                        assert len(await resolver.hosts("seed.p2p.test", [RecordType.A])) == 3

    internet.run(main)


def test_the_end_of_the_block_ends_its_calls(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        async with answering(net.host("silent"), lambda data: []) as server:
            with net.host("asker"):
                resolver = a_resolver(server)
                with pytest.raises(Closed):
                    await resolver.ask("seed.p2p.test", RecordType.A)
                async with resolver:
                    asking = asyncio.ensure_future(resolver.ask("seed.p2p.test", RecordType.A))
                    await asyncio.sleep(0.1)
                with pytest.raises(Closed):
                    await asking
                with pytest.raises(Closed):
                    await resolver.ask("seed.p2p.test", RecordType.A)

    internet.run(main)


def test_settings_that_cannot_be() -> None:
    for servers, options in (
        ([], {}), ([("192.0.2.1", 53)], {"tries": 0}), ([("192.0.2.1", 53)], {"timeout_s": 0}),
        ([("ns.p2p.test", 53)], {}), ([(f"192.0.2.{n}", 53) for n in range(1, 10)], {}),
    ):  # fmt: skip
        with pytest.raises(UsageError):
            Resolver(servers, random.Random(1), **options)  # type: ignore[arg-type]


def test_an_empty_answer_without_a_start_of_the_zone(internet: Internet) -> None:
    async def use(resolver: Resolver) -> None:
        found = await resolver.ask("seed.p2p.test", RecordType.A)
        assert (found.records, found.exists, found.ttl_s) == ((), True, 0)

    with_answers(internet, always([]), use)


def test_a_server_that_cannot_read_edns_is_asked_without(internet: Internet) -> None:
    """RFC 6891, 7."""

    def answer(data: bytes) -> list[bytes]:
        asked = decode(data)
        if asked.additionals:
            return [encode(DnsPacket(flags=RESPONSE | 1, id=asked.id))]
        return [encode(replace(asked, flags=RESPONSE, answers=(record("seed.p2p.test", OURS),)))]

    async def use(resolver: Resolver) -> None:
        assert await resolver.hosts("seed.p2p.test", [RecordType.A]) == [OURS]
        assert resolver.asked == 2

    with_answers(internet, answer, use)


def test_a_refusal_whose_code_does_not_fit_into_the_header(internet: Internet) -> None:
    """BADVERS is 16: the header alone would say that all is well, and that there is nothing."""

    def answer(data: bytes) -> list[bytes]:
        extra = (Edns(extended_rcode=1).record(),)
        return [encode(replace(decode(data), flags=RESPONSE, additionals=extra))]

    async def use(resolver: Resolver) -> None:
        with pytest.raises(RequestRefused, match="code 16") as caught:
            await resolver.ask("seed.p2p.test", RecordType.A)
        assert caught.value.code == 16

    with_answers(internet, answer, use)


def test_records_of_another_class_are_not_used(internet: Internet) -> None:
    ours = record("seed.p2p.test", OURS)
    others = [
        replace(ours, data=A("198.18.0.8"), rclass=3),
        replace(ours, data=A("198.18.0.9"), cache_flush=True),
    ]

    async def use(resolver: Resolver) -> None:
        assert await resolver.hosts("seed.p2p.test", [RecordType.A]) == [OURS]
        assert resolver.ignored == {"a record of another class": 2}

    with_answers(internet, always([*others, ours]), use)


def test_a_server_that_is_silent_about_ipv6_does_not_hide_ipv4(internet: Internet) -> None:
    def answer(data: bytes) -> list[bytes]:
        asked = decode(data)
        if asked.questions[0].type == RecordType.AAAA:
            return []
        return [encode(replace(asked, flags=RESPONSE, answers=(record("seed.p2p.test", OURS),)))]

    async def use(resolver: Resolver) -> None:
        assert await resolver.hosts("seed.p2p.test") == [OURS]
        with pytest.raises(PeerTimeout):
            await resolver.hosts("seed.p2p.test", [RecordType.AAAA])

    with_answers(internet, answer, use)


def test_a_time_that_is_too_large_is_kept_for_an_hour(internet: Internet) -> None:
    async def use(resolver: Resolver) -> None:
        await resolver.hosts("seed.p2p.test", [RecordType.A])
        await asyncio.sleep(3599)
        await resolver.hosts("seed.p2p.test", [RecordType.A])
        assert resolver.asked == 1
        await asyncio.sleep(2)
        await resolver.hosts("seed.p2p.test", [RecordType.A])
        assert resolver.asked == 2

    with_answers(internet, always([record("seed.p2p.test", OURS, 2**32 - 1)]), use)
