"""dnsaddr: what a bootstrap list says, circles, trees, other peers' addresses."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from p2plib.discovery.dns.dnsaddr import MAX_QUESTIONS, MAX_RESULTS, resolve_dnsaddr
from p2plib.discovery.dns.resolver import Resolver
from p2plib.discovery.mdns.packets import decode, encode
from p2plib.discovery.mdns.records import ResourceRecord, Txt
from p2plib.errors import PeerTimeout
from p2plib.sim import Internet
from p2plib.wire.multiaddr import parse
from tests.discovery.dns.test_asking import answering
from tests.discovery.dns.world import a_zone, name, served, text

ANA = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
BEN = "12D3KooWHHzSeKaY8xuZVzkLbKFfvNgPPeKhFBGrMbNzbm5akpqu"


def link(owner: str, address: str) -> ResourceRecord:
    return text(f"_dnsaddr.{owner}.p2p.test", b"dnsaddr=" + address.encode())


def resolved(
    internet: Internet, records: list[ResourceRecord], asked: str
) -> tuple[list[str], dict[str, int], int]:
    """What an address stands for, what was dropped, and how many questions it took."""

    async def main(net: Internet) -> tuple[list[str], dict[str, int], int]:
        async with served(a_zone(records, hand=1_000), net.host("server")) as server:
            with net.host("asker"):
                async with Resolver([server.address], random.Random(1)) as resolver:
                    found = await resolve_dnsaddr(resolver, parse(asked))
                    return sorted(map(str, found)), dict(resolver.ignored), resolver.asked

    return internet.run(main)  # type: ignore[no-any-return]


def test_a_bootstrap_list_two_names_deep(internet: Internet) -> None:
    records = [
        link("bootstrap", f"/dnsaddr/lisbon.p2p.test/p2p/{ANA}"),
        link("bootstrap", f"/ip4/198.18.0.9/udp/4001/quic-v1/p2p/{BEN}"),
        link("lisbon", f"/ip4/198.18.0.7/tcp/4001/p2p/{ANA}"),
        link("lisbon", f"/dns4/lisbon.p2p.test/tcp/443/wss/p2p/{ANA}"),
        link("lisbon", f"/ip4/198.18.0.66/tcp/4001/p2p/{BEN}"),
    ]
    found, ignored, asked = resolved(internet, records, "/dnsaddr/bootstrap.p2p.test")
    assert found == [
        f"/dns4/lisbon.p2p.test/tcp/443/wss/p2p/{ANA}",
        f"/ip4/198.18.0.7/tcp/4001/p2p/{ANA}",
        f"/ip4/198.18.0.9/udp/4001/quic-v1/p2p/{BEN}",
    ]
    assert ignored == {"a dnsaddr for another peer": 1}
    assert asked == 2


def test_an_address_that_is_asked_for_by_its_peer(internet: Internet) -> None:
    records = [
        link("bootstrap", f"/ip4/198.18.0.7/tcp/4001/p2p/{ANA}"),
        link("bootstrap", f"/ip4/198.18.0.9/tcp/4001/p2p/{BEN}"),
    ]
    found, _, _ = resolved(internet, records, f"/dnsaddr/bootstrap.p2p.test/p2p/{BEN}")
    assert found == [f"/ip4/198.18.0.9/tcp/4001/p2p/{BEN}"]


def test_a_dnsaddr_further_on_is_no_address_to_connect_to(internet: Internet) -> None:
    records = [
        link("bootstrap", "/ip4/198.18.0.7/tcp/4001/dnsaddr/lisbon.p2p.test"),
        link("bootstrap", "/ip4/198.18.0.9/tcp/4001"),
    ]
    found, ignored, _ = resolved(internet, records, "/dnsaddr/bootstrap.p2p.test")
    assert found == ["/ip4/198.18.0.9/tcp/4001"]
    assert ignored == {"a dnsaddr behind something else": 1}


def test_another_address_stands_for_itself(internet: Internet) -> None:
    found, _, asked = resolved(internet, [], "/ip4/198.18.0.7/tcp/4001")
    assert found == ["/ip4/198.18.0.7/tcp/4001"]
    assert asked == 0


def test_what_is_no_address_of_a_peer_is_dropped(internet: Internet) -> None:
    records = [
        link("bootstrap", "/ip4/127.0.0.1/tcp/4001"),
        link("bootstrap", "/ip4/192.168.1.1/tcp/4001"),
        link("bootstrap", "/ip4/300.0.0.1/tcp/4001"),
        link("bootstrap", ""),
        text("_dnsaddr.bootstrap.p2p.test", b"v=spf1 -all"),
        text("_dnsaddr.bootstrap.p2p.test", b"dnsaddr=\xff\xfe"),
    ]
    found, ignored, _ = resolved(internet, records, "/dnsaddr/bootstrap.p2p.test")
    assert found == []
    assert ignored == {"an address where no peer can be": 2, "no dnsaddr": 4}


@pytest.mark.fault("F065")
def test_circles_trees_and_long_lists_come_to_an_end(internet: Internet) -> None:
    circle = [
        link("a", "/dnsaddr/b.p2p.test"),
        link("b", "/dnsaddr/a.p2p.test"),
        link("b", "/ip4/198.18.0.7/tcp/4001"),
    ]
    found, _, asked = resolved(internet, circle, "/dnsaddr/a.p2p.test")
    assert (found, asked) == (["/ip4/198.18.0.7/tcp/4001"], 2)
    chain = [link(f"n{n}", f"/dnsaddr/n{n + 1}.p2p.test") for n in range(9)]
    _, ignored, asked = resolved(Internet(), chain, "/dnsaddr/n0.p2p.test")
    assert (ignored, asked) == ({"dnsaddr too deep": 1}, 4)
    long = [link("a", f"/ip4/198.18.0.7/tcp/{n}") for n in range(1_000, 1_000 + 2 * MAX_RESULTS)]
    found, ignored, _ = resolved(Internet(), long, "/dnsaddr/a.p2p.test")
    assert len(found) == MAX_RESULTS
    assert ignored["too many dnsaddrs"] > 0


@pytest.mark.fault("F065")
def test_a_zone_that_grows_like_a_tree_costs_a_bounded_number_of_questions(internet: Internet) -> None:
    def tree(data: bytes) -> list[bytes]:
        asked = decode(data)
        owner = asked.questions[0].name.parent
        sets = [Txt((f"dnsaddr=/dnsaddr/{n}.{owner}".removesuffix(".").encode(),)) for n in range(20)]
        records = tuple(ResourceRecord(asked.questions[0].name, each, 60) for each in sets)
        answer = type(asked)(asked.questions, records, flags=0x8000, id=asked.id)
        return [encode(answer)]

    async def main(net: Internet) -> None:
        async with answering(net.host("server"), tree) as server:
            with net.host("asker"):
                async with Resolver([server], random.Random(1)) as resolver:
                    assert await resolve_dnsaddr(resolver, parse("/dnsaddr/p2p.test")) == []
                    assert resolver.asked <= MAX_QUESTIONS

    internet.run(main)


def test_trouble_with_the_first_name_is_told_and_with_others_counted(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        answers: Callable[[bytes], list[bytes]] = lambda data: []  # noqa: E731
        async with answering(net.host("silent"), answers) as server:
            with net.host("asker"):
                async with Resolver([server], random.Random(1)) as resolver:
                    waiting: Awaitable[Any] = resolve_dnsaddr(resolver, parse("/dnsaddr/p2p.test"))
                    with pytest.raises(PeerTimeout):
                        await waiting

    internet.run(main)
    first = link("a", "/dnsaddr/b.example.com")
    found, ignored, _ = resolved(Internet(), [first], "/dnsaddr/a.p2p.test")
    assert found == []
    assert ignored == {"a dnsaddr that cannot be asked for": 1}
    assert name("p2p.test")
