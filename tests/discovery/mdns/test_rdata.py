"""The data of records: the examples of the RFCs, and what is no data of its type."""

from __future__ import annotations

import struct

import pytest

from p2plib.discovery.mdns.names import DomainName, NameReader, NameWriter
from p2plib.discovery.mdns.packets import DnsPacket, decode, encode
from p2plib.discovery.mdns.rdata import plain_data, read_data, write_data
from p2plib.discovery.mdns.records import (
    A,
    Aaaa,
    Nsec,
    Opt,
    OtherData,
    Ptr,
    Rdata,
    RecordType,
    Soa,
    Srv,
    Txt,
    type_of,
)
from p2plib.errors import DecodeError, UsageError

ANA, LOCAL = DomainName.parse("ana.local"), DomainName.parse("local")

# RFC 4034, section 4.3: host.example.com. ( A MX RRSIG NSEC TYPE1234 )
NSEC = b"\x04host\x07example\x03com\x00" + bytes.fromhex("0006400100000003 041b" + "00" * 26 + "20")
# RFC 6763, section 6.1: a TXT with one string
TXT = b"\x09key=value"
# RFC 1035, section 3.3.13's fields in the order given there
SOA = b"\x02ns\x00\x04mail\x00" + bytes.fromhex("00000001 00000e10 00000258 00015180 0000003c")
KNOWN: list[tuple[int, bytes, Rdata]] = [
    (RecordType.NSEC, NSEC, Nsec(DomainName.parse("host.example.com"), (1, 15, 46, 47, 1234))),
    (RecordType.TXT, TXT, Txt((b"key=value",))),
    (RecordType.TXT, b"\x00", Txt((b"",))),
    (RecordType.SOA, SOA, Soa(DomainName.parse("ns"), DomainName.parse("mail"), 1, 3600, 600, 86400, 60)),
    (RecordType.A, bytes([192, 0, 2, 7]), A("192.0.2.7")),
    (RecordType.AAAA, bytes.fromhex("20010db8") + bytes(11) + b"\x01", Aaaa("2001:db8::1")),
    (RecordType.SRV, bytes.fromhex("000000050fa0") + b"\x03ana\x05local\x00", Srv(0, 5, 4000, ANA)),
    (RecordType.PTR, b"\x03ana\x05local\x00", Ptr(ANA)),
    (RecordType.OPT, b"\x00\x0a\x00\x00", Opt(b"\x00\x0a\x00\x00")),
    (99, b"anything", OtherData(99, b"anything")),
    (RecordType.A, b"", OtherData(RecordType.A, b"")),
]


@pytest.mark.parametrize(("number", "raw", "data"), KNOWN, ids=lambda value: "")
def test_known_bytes(number: int, raw: bytes, data: Rdata) -> None:
    padded = bytes(12) + raw
    assert read_data(NameReader(padded), number, 12, len(padded)) == data
    assert type_of(data) == number
    assert plain_data(data) == raw


@pytest.mark.fault("F060")
@pytest.mark.parametrize(
    ("number", "raw", "rule"),
    [
        (RecordType.A, b"\x7f\0\0", "4 bytes"),
        (RecordType.A, bytes(5), "4 bytes"),
        (RecordType.AAAA, bytes(15), "16 bytes"),
        (RecordType.SRV, bytes(6), "7 bytes"),
        (RecordType.SRV, bytes(8), "ends at offset"),
        (RecordType.PTR, b"\x00\x00", "ends at offset"),
        (RecordType.PTR, b"\xc0\x00", "header"),
        (RecordType.TXT, b"\x05ab", "5 bytes, where 2"),
        (RecordType.TXT, b"\x01a\xff", "255 bytes"),
        (RecordType.SOA, b"\0\0" + bytes(19), "20 bytes"),
        (RecordType.NSEC, b"\0\0", "window"),
        (RecordType.NSEC, b"\0\0\x00", "window"),
        (RecordType.NSEC, b"\0\0\x21" + bytes(33), "window"),
        (RecordType.NSEC, b"\0\x01\x01\x40\x00\x01\x40", "window"),
    ],
)
def test_hostile_data(number: int, raw: bytes, rule: str) -> None:
    padded = bytes(12) + raw
    with pytest.raises(DecodeError, match=rule):
        read_data(NameReader(padded), number, 12, len(padded))


@pytest.mark.fault("F060")
@pytest.mark.parametrize("number", [RecordType.PTR, RecordType.SRV, RecordType.NSEC, RecordType.SOA])
def test_a_name_that_goes_on_past_its_data(number: int) -> None:
    head = bytes(6) if number == RecordType.SRV else b""
    raw = bytes(12) + head + b"\x05local\x00" + b"\x05local\x00" + bytes(30)
    with pytest.raises(DecodeError):
        read_data(NameReader(raw), number, 12, 12 + len(head) + 3)


@pytest.mark.parametrize(
    "data",
    [
        A("192.0.2.777"),
        A("::1"),
        Aaaa("192.0.2.7"),
        Txt(()),
        Txt((b"x" * 256,)),
        Srv(0, 0, 65_536, ANA),
        Srv(-1, 0, 1, ANA),
        Nsec(ANA, (65_536,)),
        Soa(ANA, ANA, 2**32, 0, 0, 0, 0),
    ],
)
def test_data_that_cannot_be_written(data: Rdata) -> None:
    with pytest.raises(UsageError):
        plain_data(data)


def test_names_in_srv_are_compressed_on_a_link_alone() -> None:
    for multicast, expected in ((True, b"\xc0\x0c"), (False, b"\x03ana\x05local\x00")):
        out, names = bytearray(12), NameWriter()
        names.write(out, ANA)
        start = len(out)
        write_data(out, Srv(0, 0, 1, ANA), names, multicast)
        assert out[start + 6 :] == expected


def test_names_in_data_that_is_not_taken_apart_are_written_out() -> None:
    """RFC 3597, section 4: others compress them, and their pointers mean nothing in our packets."""
    head = bytes(12) + b"\x03p2p\x04test\x00"  # at 12
    for number, raw, plain in (
        (15, b"\x00\x0a\x02mx\xc0\x0c", b"\x00\x0a\x02mx\x03p2p\x04test\x00"),
        (14, b"\xc0\x0c\x01a\xc0\x0c", b"\x03p2p\x04test\x00\x01a\x03p2p\x04test\x00"),
        (99, b"\xc0\x0c", b"\xc0\x0c"),
    ):
        record = b"\xc0\x0c" + struct.pack(">HHIH", number, 1, 60, len(raw)) + raw
        packet = head[:4] + b"\x00\x01\x00\x01" + bytes(4) + head[12:] + b"\x00\x01\x00\x01" + record
        (read,) = decode(packet).answers
        assert read.data == OtherData(number, plain)
        assert decode(encode(DnsPacket(answers=(read,)))).answers == (read,)


@pytest.mark.parametrize("raw", [b"\x00", b"\x00\x0a", b"\x00\x0a\x03p2p", b"\x00\x0a\xc0\x20"])
def test_a_name_in_such_data_must_be_there(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        read_data(NameReader(bytes(12) + raw), 15, 12, 12 + len(raw))
