"""EDNS: known bytes, dnspython as an oracle, options that are cut off."""

from __future__ import annotations

import pytest

from p2plib.discovery.dns.edns import LEASE, PLAIN_BYTES, Edns, edns_of, with_lease
from p2plib.discovery.mdns.packets import DnsPacket, decode, encode
from p2plib.discovery.mdns.records import Opt, ResourceRecord
from p2plib.errors import DecodeError
from tests.discovery.dns.world import name


def test_a_record_by_hand() -> None:
    """RFC 6891, 6.1.2: the root, type 41, a size for a class, and bits of the response code for a time."""
    raw = encode(DnsPacket(additionals=(Edns(4096, {LEASE: b"\x00\x00\x01\x2c"}, 0, 1).record(),)))
    assert raw[12:].hex(" ") == "00 00 29 10 00 01 00 00 00 00 08 00 02 00 04 00 00 01 2c"


def test_dnspython_reads_the_same() -> None:
    message = pytest.importorskip("dns.message")
    raw = encode(DnsPacket(additionals=(with_lease(300).record(),), id=7))
    theirs = message.from_wire(raw)
    assert theirs.edns == 0
    assert theirs.payload == 1232
    assert [(int(option.otype), option.to_wire()) for option in theirs.options] == [(2, b"\x00\x00\x01\x2c")]
    query = message.make_query("p2p.test", "A", use_edns=0, payload=4096)
    ours = edns_of(decode(query.to_wire()))
    assert ours is not None
    assert (ours.size_bytes, ours.version, ours.options) == (4096, 0, {})


def test_who_says_little_takes_512_bytes() -> None:
    small = edns_of(DnsPacket(additionals=(Edns(100).record(),)))
    assert small is not None
    assert small.size_bytes == PLAIN_BYTES
    assert edns_of(DnsPacket()) is None


def test_a_lease_has_four_bytes_or_eight() -> None:
    lease = {size: Edns(options={LEASE: bytes(size - 1) + b"\x07"}).lease_s for size in (1, 4, 5, 8)}
    assert lease == {1: None, 4: 7, 5: None, 8: 0}
    assert Edns().lease_s is None


@pytest.mark.parametrize(
    "records",
    [
        [Edns().record(), Edns().record()],
        [ResourceRecord(name("p2p.test"), Opt(b""), 0, 1232)],
        [ResourceRecord(name(""), Opt(b"\x00\x02\x00\x04\x00"), 0, 1232)],
        [ResourceRecord(name(""), Opt(b"\x00\x02\x00"), 0, 1232)],
    ],
)
def test_what_is_refused(records: list[ResourceRecord]) -> None:
    with pytest.raises(DecodeError):
        edns_of(DnsPacket(additionals=tuple(records)))
