"""Multiaddr: the published scenarios and table, the round trip, and what is refused."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cid, multiaddr, multihash
from p2plib.wire.multiaddr import Component, Multiaddr, parse

PEER = "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5"


def test_known_bytes() -> None:
    address = parse("/ip4/127.0.0.1/udp/1234")
    assert address.encode() == bytes.fromhex("047f000001910204d2")
    assert str(multiaddr.decode(address.encode())) == "/ip4/127.0.0.1/udp/1234"
    with_peer = parse("/ip4/127.0.0.1/tcp/4001").with_peer(PEER)
    assert with_peer.encode().hex().startswith("047f000001060fa1a5032600240801122")
    assert with_peer.value("p2p", "ipfs") == PEER
    assert with_peer.names == ("ip4", "tcp", "p2p")
    assert with_peer.value("udp") is None


def test_the_published_scenarios(shared_vectors: Path) -> None:
    text = (shared_vectors / "multiaddr" / "test" / "multiaddr.feature").read_text()
    texts = re.findall(r"(?:multiaddr|string form is) (/\S+)", text)
    packed = re.findall(r"(?:multiaddr|packed form is) 0x([0-9a-f]+)", text)
    assert len(texts) == len(packed) == 2
    for one, raw in zip(texts, packed, strict=True):
        address = parse(one)
        assert address.encode().hex() == raw
        assert multiaddr.decode(bytes.fromhex(raw)) == address
        assert f"size is {len(one)} bytes" in text
        assert f"size is {len(raw) // 2} bytes" in text
    rows = {
        tuple(cell.strip() for cell in row.split("|")[1:-1])
        for row in text.splitlines()
        if row.strip().startswith("| /")
    }
    assert len(rows) == 2
    for row in rows:
        component = parse(row[0]).components[0]
        assert component.encode().hex() == row[2].removeprefix("0x")
        assert (component.value, component.name) == (row[4], row[6])


@pytest.mark.finding("M4")
def test_our_rows_are_those_of_the_published_table(shared_vectors: Path) -> None:
    table = {}
    with (shared_vectors / "multiaddr" / "protocols.csv").open() as file:
        for row in csv.reader(file):
            if row[0].strip().isdigit():
                table[row[2].strip()] = (int(row[0]), row[1].strip())
    assert {protocol.name for protocol in multiaddr.PROTOCOLS} == set(table) - {"ipfs"}, "all, by one name"
    for protocol in multiaddr.PROTOCOLS:
        code, size = table[protocol.name]
        assert protocol.code == code
        assert protocol.size_bytes == (-1 if size == "V" else int(size) // 8)


@pytest.mark.parametrize(
    "text",
    [
        "/ip4/0.0.0.0/tcp/0",
        "/ip6/::1/udp/65535/quic-v1",
        "/ip6zone/eth0/ip6/fe80::1/tcp/443/tls/sni/example.org/ws",
        "/dns4/example.org/tcp/443/wss",
        f"/ip4/192.0.2.1/tcp/4001/p2p/{PEER}/p2p-circuit/p2p/{PEER}",
        "/dnsaddr/bootstrap.example.org",
        f"/p2p/{PEER}",
    ],
)
def test_round_trip(text: str) -> None:
    address = parse(text)
    assert str(address) == text
    assert multiaddr.decode(address.encode()) == address
    fields = multiaddr.dissect(address.encode())
    assert b"".join(field.raw for field in fields) == address.encode()


def test_other_spellings_are_read_and_not_written() -> None:
    assert str(parse(f"/ipfs/{PEER}")) == f"/p2p/{PEER}"
    assert str(parse("/ip6/0:0:0:0:0:0:0:1")) == "/ip6/::1"
    base58 = parse(f"/p2p/{PEER}")
    as_cid = cid.to_text(cid.Cid(1, 0x72, multihash.decode(base58.encode()[3:])), "base32")
    assert parse(f"/p2p/{as_cid}") == base58
    with pytest.raises(DecodeError, match="names something other"):
        parse("/p2p/" + cid.to_text(cid.Cid(1, 0x55, multihash.sha2_256(b"x")), "base32"))


@pytest.mark.fault("F029")
@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", 'begins with "/"'),
        ("ip4/127.0.0.1", 'begins with "/"'),
        ("/", r"an empty component \(at offset 1\)"),
        ("//ip4/127.0.0.1", r"an empty component \(at offset 1\)"),
        ("/ip4/127.0.0.1/", r"an empty component \(at offset 15\)"),
        ("/ip4/127.0.0.1//tcp/1", "an empty component"),
        ("/ip4//tcp/1", "/ip4 has a value, and here is none"),
        ("/ip4/127.0.0.1/tcp", r"/tcp has a value, and here is none \(at offset 15\)"),
        ("/ip4/127.0.0.1/tcp/65536", "not a number from 0 to 65535"),
        ("/ip4/127.0.0.1/tcp/-1", "not a number"),
        ("/ip4/127.0.0.1/tcp/080", "without leading zeros"),
        ("/ip4/127.0.0.1/tcp/٣", "not a number"),
        ("/ip4/127.0.0.1/tcp/ 1", "not a number"),
        ("/ip4/256.0.0.1", "not an IPv4 address"),
        ("/ip4/127.0.0.01", "not an IPv4 address"),
        ("/ip4/127.1", "not an IPv4 address"),
        ("/ip6/:::", "not an IPv6 address"),
        ("/ip6/fe80::1%eth0", "a zone is a component of its own"),
        ("/dns/" + "a" * 254, "1 to 253 bytes"),
        ("/dns/a\x00b", "is not a name"),
        ("/p2p/QmNotAHash0", "/p2p"),
        ("/p2p/12D3", "/p2p"),
        ("/smell/1", "no protocol here is called 'smell'"),
        ("/ws" * 21, "at most 20 components, not 21"),
        ("/p2p-circuit/p2p-circuit", "through 2 relays"),
        ("/dns/" + "a" * 15_000, "at most 4096 characters"),
        (("/dns/" + "a" * 250) * 5, "at most 1024 bytes, not 1265"),
    ],
)
def test_texts_that_are_refused(text: str, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        parse(text)


@pytest.mark.fault("F029")
@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        ("", "at least one component"),
        ("047f0000", "/ip4 says 4 bytes, 3 are left"),
        ("0601", "/tcp says 2 bytes, 1 are left"),
        ("84007f000001", "which needs fewer"),
        ("c808", "no protocol here has the code 1096"),
        ("35ff01" + "61" * 10, "/dns says 255 bytes, 10 are left"),
        ("3500", "/dns: a name has 1 to 253 bytes"),
        ("3501ff", "/dns: a name must be UTF-8"),
        ("35012f", "/dns: '/' is not a name"),
        ("a50301ff", "/p2p"),
        ("a202a202", "through 2 relays"),
        ("dd03" * 21, "at most 20 components"),
        ("35fd01" + "61" * 1100, "at most 1024 bytes"),
    ],
)
def test_bytes_that_are_refused(raw: str, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        multiaddr.decode(bytes.fromhex(raw))


@pytest.mark.fault("F029")
@given(st.binary(max_size=60))
def test_whatever_decodes_is_written_the_same(raw: bytes) -> None:
    try:
        address = multiaddr.decode(raw)
    except DecodeError:
        return
    assert address.encode() == raw
    assert parse(str(address)) == address


@given(st.ip_addresses(), st.integers(0, 65_535))
def test_addresses_with_ports(host: object, port: int) -> None:
    kind = "ip6" if ":" in str(host) else "ip4"
    address = multiaddr.of((kind, str(host)), ("tcp", port), "ws")
    assert address == Multiaddr((Component(kind, str(host)), Component("tcp", str(port)), Component("ws")))
    assert multiaddr.decode(address.encode()) == address


def test_one_peer_at_an_address() -> None:
    with pytest.raises(UsageError, match="names a peer already"):
        parse(f"/ws/p2p/{PEER}").with_peer(PEER)
