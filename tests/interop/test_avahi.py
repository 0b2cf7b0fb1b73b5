"""Multicast DNS with Avahi: it finds us and is found, and a name has one owner; tshark reads our packets."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from p2plib.discovery.mdns import claims, libp2p
from p2plib.discovery.mdns.dns_discovery import write_answer, write_question
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.responder import Responder
from p2plib.discovery.mdns.service import Offer
from p2plib.wire import multiaddr
from tests.discovery.mdns.segment import Segment, chat_at, who_chats
from tests.interop.avahi import Avahi, why_no_avahi
from tests.interop.beside import beside, over, until_over
from tests.interop.namespace import Namespace, why_no_namespace
from tests.interop.peers import demand_peers
from tests.interop.test_mdns import HERE, KIND, offer_and_watch
from tests.interop.tshark import Datagram, dissect, why_no_tshark

pytestmark = pytest.mark.interop

SHORT = KIND.removesuffix(".local")


@pytest.fixture(autouse=True)
def there() -> None:
    demand_peers(why_no_namespace() or why_no_avahi())


def until(found: Callable[[], Any], seconds: float = 100.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < deadline, "avahi did not say so in time"
        time.sleep(0.2)
    return result


def named(lines: list[list[str]], label: str) -> list[list[str]]:
    return [line for line in lines if line[3] == label]


def test_avahi_finds_us_and_is_found_and_hears_our_goodbye() -> None:
    with Namespace() as net, Avahi(net) as avahi:
        avahi.publish("theirs", SHORT, 7777, "id=theirs")
        ours, theirs = beside(
            net,
            offer_and_watch,
            "ours",
            "theirs",
            over(net),
            theirs=lambda: until(lambda: named(avahi.browse(SHORT), "ours")),
        )
        assert (ours["address"], ours["txt"]) == ([HERE, 7777], ["id=theirs"])
        assert "broken" not in ours["ignored"]
        (line,) = theirs
        assert (line[4], line[6], line[7], line[8], line[9]) == (
            SHORT,
            "ours.local",
            HERE,
            "4000",
            '"id=ours"',
        )
        until(lambda: not named(avahi.browse(SHORT), "ours"))


async def take_a_name(label: str) -> list[str]:
    """Claims a name that somebody may have, and says what it became.

    RFC 6762 gives the owner 750 ms to speak up, which on a busy machine may not be enough.
    """
    claims.PROBE_GAP_S = 2.0
    async with Responder.open(HERE, random.SystemRandom()) as responder:
        offer = Offer(DomainName.parse(KIND), 4000, "127.0.0.2")
        number = await responder.publish(offer.records, label)
        return [responder.label_of(number), *(change.label for change in responder.changes)]


def test_a_name_that_avahi_has_is_left_to_it() -> None:
    with Namespace() as net, Avahi(net) as avahi:
        avahi.publish("kitchen", SHORT, 7777, "id=theirs")
        until(lambda: named(avahi.browse(SHORT), "kitchen"))
        assert net.run_together(take_a_name, "kitchen") == ["kitchen-2", "kitchen-2"]
        assert named(avahi.browse(SHORT), "kitchen")


async def keep_a_name(label: str, until: str) -> list[str]:
    """Has a name until it is over; says whether it is still its own."""
    async with Responder.open(HERE, random.SystemRandom()) as responder:
        offer = Offer(DomainName.parse(KIND), 4000, "127.0.0.2")
        number = await responder.publish(offer.records, label)
        await until_over(until)
        return [responder.label_of(number), *(change.label for change in responder.changes)]


def test_a_name_that_we_have_is_left_to_us() -> None:
    """avahi-publish, told that the name is taken, takes another one."""
    with Namespace() as net, Avahi(net) as avahi:

        def theirs() -> Any:
            until(lambda: named(avahi.browse(SHORT), "kitchen"))
            avahi.publish("kitchen", SHORT, 7777, "id=theirs")
            return until(lambda: [line for line in avahi.browse(SHORT) if line[8] == "7777"])

        ours, lines = beside(net, keep_a_name, "kitchen", over(net), theirs=theirs)
    assert ours == ["kitchen"]
    assert lines[0][3] != "kitchen"


def recorded() -> list[bytes]:
    """One of each kind of datagram that we send."""
    segment = Segment()
    ana, ben = segment.host(1), segment.host(2)
    number = segment.call(ana, ana.claim, "ana", chat_at(ana).records)
    segment.run(5)
    segment.call(ben, ben.ask, who_chats())
    segment.call(ben, ben.claim, "ana", chat_at(ben).records)
    segment.call(ben, ben.claim, "abc", libp2p.records_of([_address()]))
    segment.run(10)
    segment.call(ana, ana.release, number)
    segment.run(1)
    peer_id = bytes(range(20)).hex()
    dialect = [write_question(peer_id), write_answer(peer_id, b"token", [("0.0.0.0", 4000)])]
    return [*(each.raw for each in segment.trace), *dialect]


def _address() -> multiaddr.Multiaddr:
    peer = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
    return multiaddr.parse(f"/ip4/192.168.1.2/tcp/4001/p2p/{peer}")


def test_tshark_reads_all_that_we_send() -> None:
    demand_peers(why_no_tshark())
    raw = recorded()
    source, group = ("192.168.1.1", 5353), ("224.0.0.251", 5353)
    said = dissect([Datagram(data, source, group) for data in raw])
    assert len(said) == len(raw) > 20
    assert {packet.protocols[-1] for packet in said} == {"mdns"}
    assert not any(packet.is_malformed for packet in said)
    complaints = {complaint for packet in said for complaint in packet.complaints}
    assert all("retransmission" in complaint for complaint in complaints)  # a probe is sent three times
    names = {name for packet in said for name in packet.values("dns.resp.name")}
    assert {"_chat._udp.local", "ana._chat._udp.local", "ana-2.local"} <= names
    cut = dissect([Datagram(data[:-3], source, group) for data in raw])
    assert all(packet.is_malformed for packet in cut)  # it would say so
