"""libp2p's mDNS: the records of its specification, and what is left out of what others say."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from p2plib.discovery.mdns import libp2p
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import DnsPacket, encode
from p2plib.discovery.mdns.records import Ptr, ResourceRecord, Txt
from p2plib.errors import UsageError
from p2plib.wire import multiaddr
from tests.discovery.mdns.segment import Segment

ANA = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
BEN = "12D3KooWHdiAxVd8uMQR1hGWXccidmfCwLqcMpGwR6QcTP6QRMuD"
AT_ANA = f"/ip4/192.168.1.1/tcp/4001/p2p/{ANA}"


def test_the_records() -> None:
    records = libp2p.records_of([multiaddr.parse(AT_ANA)])("abc")
    assert [str(record) for record in records] == [
        "_p2p._udp.local. 120 PTR abc._p2p._udp.local.",
        f"abc._p2p._udp.local. 120 TXT 'dnsaddr={AT_ANA}'",
    ]
    assert [record.cache_flush for record in records] == [False, True]


def test_a_name_says_nothing_about_the_peer() -> None:
    name = libp2p.peer_name(random.Random(1))
    assert len(name) == 32
    assert name.isalnum()
    assert name != libp2p.peer_name(random.Random(2))


@pytest.mark.parametrize(
    "addresses",
    [
        [],
        ["/ip4/192.168.1.1/tcp/4001"],
        [AT_ANA] * 33,
        [f"/dns4/{'.'.join(['x' * 60] * 4)}/tcp/4001/p2p/{ANA}"],
    ],
    ids=["none", "no peer", "too many", "too long"],
)
def test_what_cannot_be_said(addresses: list[str]) -> None:
    with pytest.raises(UsageError):
        libp2p.records_of([multiaddr.parse(text) for text in addresses])


def test_one_finds_the_other() -> None:
    segment = Segment()
    ana, ben = segment.host(1), segment.host(2)
    segment.call(ana, ana.claim, "abc", libp2p.records_of([multiaddr.parse(AT_ANA)]))
    segment.call(ben, ben.ask, libp2p.question())
    segment.run(5)
    (found,) = libp2p.peers(ben, segment.now)
    assert (found.peer_id, [str(each) for each in found.addresses]) == (ANA, [AT_ANA])
    assert found.said_by == ana.host
    assert not list(libp2p.unanswered(ben.cache, segment.now))


@pytest.mark.fault("F061")
def test_what_is_left_out() -> None:
    strings = [
        b"dnsaddr=" + AT_ANA.encode(),
        b"dnsaddr=/ip4/8.8.8.8/tcp/4001/p2p/" + ANA.encode(),
        b"dnsaddr=/ip4/192.168.1.1/tcp/4001",
        b"dnsaddr=nonsense",
        b"dnsaddr=\xff",
        b"other=1",
        b"",
        b"dnsaddr=/ip4/192.168.1.2/tcp/4001/p2p/" + BEN.encode(),
    ]
    segment = Segment()
    ana = segment.host(3)
    name = DomainName.parse("abc").under(libp2p.P2P)
    records = (ResourceRecord(libp2p.P2P, Ptr(name)), ResourceRecord(name, Txt(tuple(strings))))
    segment.inject(encode(DnsPacket(answers=records, flags=0x8400)))
    segment.run(1)
    found = {peer.peer_id: [str(each) for each in peer.addresses] for peer in libp2p.peers(ana, segment.now)}
    assert found == {ANA: [AT_ANA], BEN: [f"/ip4/192.168.1.2/tcp/4001/p2p/{BEN}"]}
    assert ana.ignored == {
        "no address": 2,
        "an address without a peer": 1,
        "an address that is not on the link": 1,
    }


def test_too_many_addresses_of_one_peer() -> None:
    ignored: Counter[str] = Counter()
    strings = [b"dnsaddr=/ip4/192.168.1.1/tcp/%d/p2p/%s" % (port, ANA.encode()) for port in range(1, 101)]
    assert len(list(libp2p.addresses_in(strings, ignored))) == 32
    assert ignored == {"too many addresses": 68}


def test_a_peer_that_is_named_alone_is_asked_for() -> None:
    segment = Segment()
    ana = segment.host(3)
    record = ResourceRecord(libp2p.P2P, Ptr(DomainName.parse("abc").under(libp2p.P2P)))
    segment.inject(encode(DnsPacket(answers=(record,), flags=0x8400)))
    segment.run(1)
    assert [str(each) for each in libp2p.unanswered(ana.cache, segment.now)] == ["abc._p2p._udp.local. TXT?"]
    assert not list(libp2p.peers(ana, segment.now))
