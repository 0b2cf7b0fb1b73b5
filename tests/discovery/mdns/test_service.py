"""Services: what an offer says, and what is made of what others say."""

from __future__ import annotations

import pytest

from p2plib.discovery.mdns.cache import RecordCache
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.records import A, OtherData, Ptr, RecordType, ResourceRecord, Srv, Txt
from p2plib.discovery.mdns.service import MAX_PLACES, Offer, host_label, instances, subtype_name, unanswered
from p2plib.errors import UsageError

CHAT = DomainName.parse("_chat._udp.local")
OFFER = Offer(CHAT, 4000, "192.168.1.7", (b"room=kitchen",), ("_kitchen",))


def heard(*records: ResourceRecord) -> RecordCache:
    cache = RecordCache()
    for record in records:
        cache.hear(record, "192.168.1.7", 0.0)
    return cache


def test_the_records_of_an_offer() -> None:
    assert [str(record) for record in OFFER.records("Ana's kitchen")] == [
        r"_chat._udp.local. 4500 PTR Ana's kitchen._chat._udp.local.",
        r"_kitchen._sub._chat._udp.local. 4500 PTR Ana's kitchen._chat._udp.local.",
        r"_services._dns-sd._udp.local. 4500 PTR _chat._udp.local.",
        r"Ana's kitchen._chat._udp.local. 120 SRV 0 0 4000 ana-s-kitchen.local.",
        r"Ana's kitchen._chat._udp.local. 4500 TXT 'room=kitchen'",
        r"ana-s-kitchen.local. 120 A 192.168.1.7",
    ]
    assert [record.cache_flush for record in OFFER.records("ana")] == [False] * 3 + [True] * 3


def test_a_dot_in_a_label_stays_in_it() -> None:
    assert OFFER.records("v. 2")[0].data == Ptr(DomainName([b"v. 2", b"_chat", b"_udp", b"local"]))


@pytest.mark.parametrize("label", ["", "x" * 64])
def test_labels_that_cannot_be(label: str) -> None:
    with pytest.raises(UsageError):
        OFFER.records(label)


@pytest.mark.parametrize(
    ("label", "host"),
    [("ana", "ana"), ("Ana's kitchen", "ana-s-kitchen"), ("日本", "host"), ("-", "host"), ("é" * 63, "host")],
)
def test_the_label_of_a_host(label: str, host: str) -> None:
    assert host_label(label) == host


def test_an_instance_is_known_once_its_address_is() -> None:
    records = OFFER.records("ana")
    cache = heard(*records)
    for kind in (CHAT, subtype_name("_kitchen", CHAT)):
        (found,) = instances(cache, kind, 1.0)
        assert (found.label, found.address, found.txt) == ("ana", ("192.168.1.7", 4000), (b"room=kitchen",))
        assert found.said_by == "192.168.1.7"
        assert not list(unanswered(cache, kind, 1.0))
    assert not list(instances(cache, CHAT, 121.0))


def test_what_is_still_to_be_asked() -> None:
    pointer, _, _, srv, txt, address = OFFER.records("ana")
    assert [str(each) for each in unanswered(heard(pointer), CHAT, 1.0)] == ["ana._chat._udp.local. SRV?"]
    assert [str(each) for each in unanswered(heard(pointer, srv, txt), CHAT, 1.0)] == ["ana.local. A?"]
    assert [found.txt for found in instances(heard(pointer, srv, address), CHAT, 1.0)] == [()]


def test_a_service_on_several_hosts() -> None:
    ana, host, other = (
        DomainName.parse("ana._chat._udp.local"),
        *map(DomainName.parse, ("a.local", "b.local")),
    )
    cache = heard(
        ResourceRecord(CHAT, Ptr(ana)),
        ResourceRecord(ana, Srv(0, 0, 4000, host)),
        ResourceRecord(ana, Srv(0, 0, 4001, other)),
        ResourceRecord(ana, Txt((b"",))),
        ResourceRecord(host, A("192.168.1.1")),
        ResourceRecord(host, A("192.168.1.2")),
        ResourceRecord(other, A("192.168.1.3")),
    )
    assert [found.address for found in instances(cache, CHAT, 1.0)] == [
        ("192.168.1.1", 4000),
        ("192.168.1.2", 4000),
        ("192.168.1.3", 4001),
    ]


def test_a_pointer_without_data_is_nothing() -> None:
    """RFC 2136 has records without data; on a link anybody can send one."""
    cache = heard(*OFFER.records("ana"))
    for number in (RecordType.PTR, RecordType.SRV, RecordType.A):
        cache.hear(ResourceRecord(CHAT, OtherData(number, b""), 120), "192.168.1.66", 0.0)
    assert [instance.label for instance in instances(cache, CHAT, 1.0)] == ["ana"]
    assert not list(unanswered(cache, CHAT, 1.0))


def test_ports_times_addresses_are_not_without_end() -> None:
    ana, host = DomainName([b"ana"]).under(CHAT), DomainName.parse("ana.local")
    ports = [ResourceRecord(ana, Srv(0, 0, 2_000 + number, host), 120) for number in range(200)]
    hosts = [ResourceRecord(host, A(f"192.168.1.{number}"), 120) for number in range(200)]
    cache = heard(ResourceRecord(CHAT, Ptr(ana), 120), *ports, *hosts)
    assert len(list(instances(cache, CHAT, 1.0))) == MAX_PLACES
