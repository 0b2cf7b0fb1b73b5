"""The values of addresses: go-multiaddr's vectors, addresses as live nodes list them, and wrong ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError
from p2plib.wire import multiaddr, multibase
from p2plib.wire.multiaddr import parse
from p2plib.wire.multiaddr_protocols import PROTOCOLS

PEER = "12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV"
ONION = "aaimaq4ygg2iegci"
ONION3 = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
GARLIC32 = "566niximlxdzpanmn4qouucvua3k7neniwss47li5r6ugoertzuq"
GARLIC64 = (
    "jT~IyXaoauTni6N4517EG8mrFUKpy0IlgZh-EY9csMAk82Odatmzr~YTZy8Hv7u~wvkg75EFNOyqb~nAPg-khyp2TS~ObUz8Wlq"
    "YAM2VlEzJ7wJB91P-cUlKF18zSzVoJFmsrcQHZCirSbWoOknS6iNmsGRh5KVZsBEfp1Dg3gwTipTRIx7Vl5Vy~1OSKQVjYiGZS9q"
    "8RL0MF~7xFiKxZDLbPxk0AK9TzGGqm~wMTI2HS0Gm4Ycy8LYPVmLvGonIBYndg2bJC7WLuF6tVjVquiokSVDKFwq70BCUU5AU-Evd"
    "OD5KEOAM7mPfw-gJUG4tm1TtvcobrObqoRnmhXPTBTN5H7qDD12AvlwFGnfAlBXjuP4xOUAISL5SRLiulrsMSiT4GcugSI80mF6sd"
    "B0zWRgL1yyvoVWeTBn1TqjO27alr95DGTluuSqrNAxgpQzCKEWAyzrQkBfo2avGAmmz2NaHaAvYbOg0QSJz1PLjv2jdPW~ofiQmrG"
    "WM1cd~1cCqAAAA"
)
HASH = "uEiAkH5a4DPGKUuOBjYw0CgwjvcJCJMD2K_1aluKR_tpevQ"
HASH_2 = "uEiD5fjV5yMFQ-Q8dcVlT6gMWKpyy5L8A7JyNkVg7sPNXGg"

# Texts whose bytes go-multiaddr's tests spell out, and others of the same kinds reckoned by hand.
KNOWN = {
    f"/onion/{ONION}:80": "bc030010c0439831b48218480050",
    f"/onion3/{ONION3}:1234": (
        "bd03adadec040be047f9658668b11a504f3155001f231a37f54c4476c07fb4cc139ed7e30304d2"
    ),
    f"/garlic32/{GARLIC32}": "bf0320efbcd45d0c5dc79781ac6f20ea5055a036afb48d45a52e7d68ec7d4338919e69",
    "/unix/a/b": "900304" + b"/a/b".hex(),
    "/http-path/tmp%2Fbar": "e10307" + b"tmp/bar".hex(),
    "/memory/4": "89060134",
    "/webrtc-direct": "9802",
    "/webrtc": "9902",
    "/udp/1/quic-v1/webtransport": "91020001cd03d103",
    "/certhash/" + multibase.encode("base64url", b"\x12\x01\xff"): "d203031201ff",
}


@pytest.mark.finding("M4")
@pytest.mark.parametrize(("text", "raw"), KNOWN.items())
def test_known_bytes(text: str, raw: str) -> None:
    assert parse(text).encode().hex() == raw
    assert str(multiaddr.decode(bytes.fromhex(raw))) == text


def test_a_garlic64_destination_of_391_bytes() -> None:
    raw = parse(f"/garlic64/{GARLIC64}").encode()
    assert raw[:10].hex() == "be0383038d3fc8c976a8"
    assert str(multiaddr.decode(raw)) == f"/garlic64/{GARLIC64}"


# As nodes of IPFS and browsers list their addresses, and as go-multiaddr's tests have them.
ADDRESSES = (
    "/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN",
    "/ip4/104.131.131.82/udp/4001/quic-v1/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ",
    f"/ip4/147.75.87.27/udp/4001/quic-v1/webtransport/certhash/{HASH}/certhash/{HASH_2}/p2p/{PEER}",
    f"/ip4/192.0.2.7/udp/4001/webrtc-direct/certhash/{HASH}/p2p/{PEER}",
    f"/ip6/2604:1380:45e3:6e00::1/udp/4001/quic-v1/p2p/{PEER}/p2p-circuit",
    f"/dns4/am6.bootstrap.libp2p.io/tcp/443/wss/p2p/{PEER}/p2p-circuit/webrtc/p2p/{PEER}",
    "/dns/example.com/tcp/443/tls/sni/example.com/ws",
    "/dns4/147-75-87-27.k51.libp2p.direct/tcp/4001/tls/ws",
    "/ip4/127.0.0.1/tcp/443/tls/sni/example.com/http/http-path/foo",
    f"/ip4/127.0.0.1/tcp/0/p2p/{PEER}/http-path/foo",
    "/http-path/a%20b%2F%C3%BC%2Bc~-._",
    f"/onion3/{ONION3}:80/http",
    f"/garlic32/{GARLIC32}/tcp/8080",
    f"/garlic32/{GARLIC32}zwas/udp/1",
    f"/garlic64/{GARLIC64}/udp/8080",
    "/ip4/127.0.0.1/tcp/9090/http/p2p-webrtc-direct",
    "/unix/stdio",
    "/unix/tmp/p2p.sock",
    f"/p2p/{PEER}/unix/a%20b/c%25d/p2p/{PEER}",
    "/ip4/192.0.2.0/ipcidr/24",
    "/ip6zone/x%y/ip6/::",
    "/memory/any-name",
)


@pytest.mark.finding("M4")
@pytest.mark.parametrize("text", ADDRESSES)
def test_addresses_of_todays_networks(text: str) -> None:
    address = parse(text)
    assert str(address) == text
    raw = address.encode()
    assert multiaddr.decode(raw) == address
    assert b"".join(field.raw for field in multiaddr.dissect(raw)) == raw


OTHER_SPELLINGS = {
    "/certhash/b2uaraocy6yrdblb4sfptaddgimjmmpy": "/certhash/u1QEQOFj2IjCsPJFfMAxmQxLGPw",
    "/certhash/zQmbWTwYGcmdyK9CYfNBcfs9nhZs17a6FQ4Y8oea278xx41": (
        "/certhash/uEiDDq4_xNyDorZBH3TlGazyJdOWSwvo4PUo5YHFMrvDE8g"
    ),
    "/http-path/%61%2f+": "/http-path/a%2F%2B",
    "/unix/%2Ftmp%2Fp2p.sock": "/unix/tmp/p2p.sock",  # as js-multiaddr writes it
    "/unix/tmp%2Fp2p.sock": "/unix/tmp/p2p.sock",
    f"/onion3/{ONION3.upper()}:1": f"/onion3/{ONION3}:1",
    "/p2p/bafzaajaiaejcalj543iwv2d7pkjt7ykvefrkfu7qjfi6sduakhso4lay6abn2d5u": f"/p2p/{PEER}",
    "/p2p/k51qzi5uqu5dhb6l8spkdx7yxafegfkee5by8h7lmjh2ehc2sgg34z7c15vzqs": f"/p2p/{PEER}",
    "/p2p/bafzbeigvf25ytwc3akrijfecaotc74udrhcxzh2cx3we5qqnw5vgrei4bm": (
        "/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC"
    ),
}


@pytest.mark.finding("M4")
@pytest.mark.parametrize(("other", "text"), OTHER_SPELLINGS.items())
def test_other_spellings_are_read_and_not_written(other: str, text: str) -> None:
    assert str(parse(other)) == text
    assert parse(other) == parse(text)


WRONG_TEXTS = {
    "/onion/9imaq4ygg2iegci7:80": "is not a letter",
    f"/onion/{ONION}": "not a number from 0 to 65535",
    f"/onion/{ONION}:0": "a service needs a port from 1 on",
    f"/onion/{ONION}:080": "not a number",
    f"/onion/{ONION}:80:80": "not a number",
    f"/onion/{ONION[:-2]}:80": "/onion: ",
    f"/onion3/{ONION}:80": "a service has 35 bytes in base32, not 10",
    f"/onion3/{ONION3}:65536": "not a number",
    f"/onion3/{ONION3}7:80": "/onion3: ",
    f"/onion3/{ONION3[:-1]}@:666": "is not a letter",
    "/onion3/:80": "a service has 35 bytes in base32, not 0",
    f"/garlic64/{GARLIC64}7": "not base64",
    f"/garlic64/{GARLIC64[:500]}": "a destination has 386 bytes or more, not 375",
    f"/garlic64/{GARLIC64[:-1]}@": "not base64",
    f"/garlic64/{GARLIC64.replace('~', '+')}": "not canonical: bits left over at its end, or",
    f"/garlic64/{GARLIC64[:514]}B=": "not canonical: bits left over",
    f"/garlic32/{GARLIC32[:-1]}": "/garlic32: ",
    f"/garlic32/{GARLIC32[:-1]}r": "/garlic32: ",  # bits left over
    "/garlic32/"
    + multibase.encode("base32", bytes(33))[
        1:
    ]: "a destination's hash has 32 bytes, or if it is encrypted 35 and more, not 33",
    "/certhash/b2uaraocy6yrdblb4sfptaddgimjmmp": "/certhash: ",
    "/certhash/f1201": "a digest of 0 bytes, where its size says 1",
    "/certhash/12D3": "/certhash: ",
    "/http-path/a%2": "is not escaped",
    "/http-path/a%zz": "is not escaped",
    "/http-path/ü": "is not escaped",
    "/http-path/a\n": "is not escaped",
    "/unix": "has a value, and here is none",
    "/unix/": "has a value, and here is none",
    "/unix/a//b": "none of its parts is empty",
    "/unix/a/": "none of its parts is empty",
    "/unix/%2F": "none of its parts is empty",
    "/unix/a%00b": 'a path begins with "/"',
    "/ip4/192.0.2.0/ipcidr/256": "not a number from 0 to 255",
    "/memory/a b": "is not a name",
    "/quic-v1/1": "no protocol here is called '1'",
    "/p2p/QmxoHT6iViN5xAjoz1VZ553cL31U9F94ht3QvWR1FrEbZY": "/p2p: ",
    "/p2p/" + multibase.base58btc_encode(b"\x13\x40" + bytes(64)): "/p2p: ",
    "/p2p/"
    + multibase.encode("base32", b"\x01\x72\x13\x40" + bytes(64)): "under sha2-512, which libp2p does not",
}


@pytest.mark.fault("F029")
@pytest.mark.finding("M4")
@pytest.mark.parametrize(("text", "rule"), WRONG_TEXTS.items())
def test_texts_that_are_refused(text: str, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        parse(text)


WRONG_BYTES = {
    "onion without a port": ("bc03" + "00" * 12, "a service needs a port from 1 on"),
    "onion3 without a port": ("bd03" + "00" * 37, "a service needs a port from 1 on"),
    "onion3, cut": ("bd03" + "01" * 36, "/onion3 says 37 bytes, 36 are left"),
    "garlic32 of 33 bytes": ("bf0321" + "01" * 33, "not 33"),
    "garlic64 of 385 bytes": ("be038103" + "01" * 385, "not 385"),
    "an empty certificate hash": ("d20300", "/certhash: "),
    "an empty path": ("e10300", "/http-path: an empty path"),
    "a file's path without a slash": ("900306" + b"000000".hex(), 'a path begins with "/"'),
    "a file's path that ends in one": ("900306" + b"/0000/".hex(), "none of its parts is empty"),
    "a file's path of nothing": ("900300", 'a path begins with "/"'),
    "something behind a file's path": ("900302" + b"/a".hex() + "dd03", "something follows /unix"),
    "a peer under another hash": ("a50306" + "130400000000", "under sha2-512, which libp2p does not use"),
    "a peer with a hash that is cut": ("a50303" + "120130", "cut from 32 to 1 bytes"),
    "a name of a control character": ("89060107", "is not a name"),
}


@pytest.mark.fault("F029")
@pytest.mark.finding("M4")
@pytest.mark.parametrize(("raw", "rule"), WRONG_BYTES.values(), ids=WRONG_BYTES)
def test_bytes_that_are_refused(raw: str, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        multiaddr.decode(bytes.fromhex(raw))


@given(st.sampled_from(PROTOCOLS), st.binary(max_size=450))
def test_whatever_is_a_value_has_one_text(protocol: multiaddr.Protocol, raw: bytes) -> None:
    try:
        text = protocol.to_text(
            raw if protocol.size_bytes < 0 else raw.ljust(40, b"1")[: protocol.size_bytes]
        )
    except DecodeError:
        return
    assert protocol.to_text(protocol.to_bytes(text)) == text
    if protocol.size_bytes < 0:
        assert protocol.to_bytes(text) == raw
    if text:
        assert str(parse(f"/{protocol.name}/{text}")) == f"/{protocol.name}/{text}"


@given(st.sampled_from(PROTOCOLS), st.text(max_size=100))
def test_any_text_is_a_value_or_a_decode_error(protocol: multiaddr.Protocol, text: str) -> None:
    try:
        raw = protocol.to_bytes(text)
    except DecodeError:
        return
    if raw:
        assert protocol.to_bytes(protocol.to_text(raw)) == raw
