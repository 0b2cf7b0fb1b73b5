"""Records: in words, and when two say the same."""

from __future__ import annotations

from hypothesis import given

from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import DnsPacket, decode, encode
from p2plib.discovery.mdns.records import (
    A,
    ResourceRecord,
    data_text,
    type_name,
)
from tests.discovery.mdns.dns_strategies import records
from tests.discovery.mdns.test_rdata import KNOWN

ANA, LOCAL = DomainName.parse("ana.local"), DomainName.parse("local")


def test_words() -> None:
    assert [type_name(1), type_name(99)] == ["A", "TYPE99"]
    assert [data_text(data) for _, _, data in KNOWN] == [
        "has A TYPE15 TYPE46 NSEC TYPE1234",
        "'key=value'",
        "''",
        "ns. mail. 1",
        "192.0.2.7",
        "2001:db8::1",
        "0 5 4000 ana.local.",
        "ana.local.",
        "4 bytes",
        "8 bytes",
        "0 bytes",
    ]
    record = ResourceRecord(ANA, A("192.0.2.7"), 120)
    assert str(record) == "ana.local. 120 A 192.0.2.7"


def test_the_same_said_for_another_time() -> None:
    record = ResourceRecord(ANA, A("192.0.2.7"), 120)
    assert record.is_same_as(
        ResourceRecord(DomainName.parse("ANA.local"), A("192.0.2.7"), 5, cache_flush=True)
    )
    assert not record.is_same_as(ResourceRecord(ANA, A("192.0.2.8"), 120))


@given(records())
def test_there_and_back(record: ResourceRecord) -> None:
    assert decode(encode(DnsPacket(answers=(record,)))).answers == (record,)
