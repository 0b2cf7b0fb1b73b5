"""The protocols that addresses are made of, and how each writes its value in text and in bytes. A table.

All rows of the multiaddr table (multiformats/multiaddr, protocols.csv), those included that nobody should use
any more: an address is not unreadable because it is old. `p2plib.wire.multiaddr` puts addresses together.

Kinds of values::

    nothing     `ws`, `quic-v1`
    number      decimal, without leading zeros; in bytes big-endian: `tcp`, `udp`, `ipcidr`
    host        `ip4` in four decimal numbers, `ip6` as RFC 5952 writes it; other spellings of IPv6 are read
    name        UTF-8 that can be printed, without blanks and slashes: `dns`, `sni`, `memory`
    peer        `p2p`: base58; CIDs are read. A SHA-256 or a key (`p2plib.identity.ids`)
    hash        `certhash`: a multihash in base64url; other bases are read
    onion       `onion`, `onion3`: base32 of 10 or 35 bytes, a colon, a port from 1 on; Tor's services
    garlic      `garlic64`: base64 with - and ~, at least 386 bytes; `garlic32`: base32 of 32 bytes, or of 35
                and more. I2P's destinations
    escaped     `http-path`: what is no letter, digit, `-`, `.`, `_`, `~` as %XX, slashes too
    path        `unix`: a file's path, its parts escaped in the same way. It takes the rest of the text, as in
                go-multiaddr; a path in one escaped word, as js-multiaddr writes it, is read

The table has `memory` with a size in front, "arbitrary"; the libraries of Go and Rust have eight bytes
without one. Such an address leads nowhere outside of a process, so this codec goes by the table.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass

from p2plib.errors import DecodeError
from p2plib.wire import cid, multibase, multicodec, multihash

MAX_NAME_BYTES = 253  # DNS allows no longer name
VARIABLE = -1

GARLIC64_BYTES = 386  # I2P's destinations: 384 bytes of keys, and a certificate of two or more
GARLIC32_BYTES, GARLIC32_ENCRYPTED_BYTES = 32, 35

ToBytes = Callable[[str], bytes]
ToText = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class Protocol:
    """One row of the table.

    Args:
        code: its number on the wire.
        name: its name in texts.
        size_bytes: of its value; 0 for none, -1 when the size is written in front of it.
        to_bytes: reads the value's text.
        to_text: writes it; raises DecodeError for bytes that no text stands for.
        takes_rest: whether its value is the rest of the text, so that nothing can follow it.
    """

    code: int
    name: str
    size_bytes: int
    to_bytes: ToBytes
    to_text: ToText
    takes_rest: bool = False


# Hosts and numbers


def _ip4_bytes(text: str) -> bytes:
    if not re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", text, re.ASCII):
        raise DecodeError(f"{text[:60]!r} is not an IPv4 address")
    return _ip_bytes(ipaddress.IPv4Address, text)


def _ip6_bytes(text: str) -> bytes:
    if "%" in text:
        raise DecodeError("a zone is a component of its own: /ip6zone/<zone>/ip6/<address>")
    return _ip_bytes(ipaddress.IPv6Address, text)


def _ip_bytes(kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address], text: str) -> bytes:
    try:
        return kind(text).packed
    except ValueError:
        raise DecodeError(f"{text[:60]!r} is not an {kind.__name__[:4]} address") from None


def _number_bytes(size_bytes: int) -> ToBytes:
    largest = 256**size_bytes - 1

    def to_bytes(text: str) -> bytes:
        if not re.fullmatch(r"0|[1-9]\d{0,9}", text, re.ASCII) or int(text) > largest:
            raise DecodeError(f"{text[:20]!r} is not a number from 0 to {largest} without leading zeros")
        return int(text).to_bytes(size_bytes, "big")

    return to_bytes


def _number_text(raw: bytes) -> str:
    return str(int.from_bytes(raw, "big"))


# Names


def _name_bytes(text: str) -> bytes:
    raw = text.encode()
    if not raw or len(raw) > MAX_NAME_BYTES:
        raise DecodeError(f"a name has 1 to {MAX_NAME_BYTES} bytes, not {len(raw)}")
    if not text.isprintable() or "/" in text or " " in text:
        raise DecodeError(f"{text[:60]!a} is not a name: it has a blank, a slash or something unprintable")
    return raw


def _name_text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise DecodeError("a name must be UTF-8") from None
    _name_bytes(text)
    return text


# Hashes


def _peer_bytes(text: str) -> bytes:
    if text.startswith(("1", "Qm")):
        raw = multibase.base58btc_decode(text)
        _peer_text(raw)
        return raw
    named = cid.parse_text(text)
    if named.version != 1 or named.codec != multicodec.LIBP2P_KEY:
        raise DecodeError(f"{text[:20]!r} is not a peer id: its CID names something other than a key")
    raw = named.multihash.encode()
    _peer_text(raw)
    return raw


def _peer_text(raw: bytes) -> str:
    found = multihash.decode(raw)
    if found.code not in (multicodec.IDENTITY, multicodec.SHA2_256):
        raise DecodeError(f"a peer id under {found.name}, which libp2p does not use")
    found.require_whole()
    return multibase.base58btc_encode(raw)


def _certhash_bytes(text: str) -> bytes:
    raw = multibase.decode(text)[1]
    multihash.decode(raw)
    return raw


def _certhash_text(raw: bytes) -> str:
    multihash.decode(raw)
    return multibase.encode("base64url", raw)


# Tor and I2P


def _base32_bytes(text: str) -> bytes:
    return multibase.decode("b" + text)[1]


def _base32_text(raw: bytes) -> str:
    return multibase.encode("base32", raw)[1:]


def _onion(code: int, name: str, host_bytes: int) -> Protocol:
    def to_bytes(text: str) -> bytes:
        host, _, port = text.partition(":")
        raw = _base32_bytes(host)
        if len(raw) != host_bytes:
            raise DecodeError(f"a service has {host_bytes} bytes in base32, not {len(raw)}")
        return raw + _onion_port(_number_bytes(2)(port))

    def to_text(raw: bytes) -> str:
        return f"{_base32_text(raw[:host_bytes])}:{_number_text(_onion_port(raw[host_bytes:]))}"

    return Protocol(code, name, host_bytes + 2, to_bytes, to_text)


def _onion_port(raw: bytes) -> bytes:
    if raw == b"\0\0":
        raise DecodeError("a service needs a port from 1 on")
    return raw


def _garlic64_bytes(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, b"-~", validate=True)
    except (ValueError, binascii.Error):
        raise DecodeError(f"{text[:20]!a}... is not base64 with - and ~") from None
    if _garlic64_text(raw) != text:
        raise DecodeError("base64 that is not canonical: bits left over at its end, or + and /")
    return raw


def _garlic64_text(raw: bytes) -> str:
    if len(raw) < GARLIC64_BYTES:
        raise DecodeError(f"a destination has {GARLIC64_BYTES} bytes or more, not {len(raw)}")
    return base64.b64encode(raw, b"-~").decode()


def _garlic32_bytes(text: str) -> bytes:
    raw = _base32_bytes(text)
    _garlic32_text(raw)
    return raw


def _garlic32_text(raw: bytes) -> str:
    if len(raw) != GARLIC32_BYTES and len(raw) < GARLIC32_ENCRYPTED_BYTES:
        raise DecodeError(
            f"a destination's hash has {GARLIC32_BYTES} bytes, or if it is encrypted "
            f"{GARLIC32_ENCRYPTED_BYTES} and more, not {len(raw)}"
        )
    return _base32_text(raw)


# Escaped text


def _unescape(text: str) -> bytes:
    if not text.isascii() or not text.isprintable() or re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise DecodeError(f"{text[:60]!a} is not escaped: ASCII, with %XX for all other bytes")
    return urllib.parse.unquote_to_bytes(text)


def _escape(raw: bytes, keeps: str = "") -> str:
    if not raw:
        raise DecodeError("an empty path")
    return urllib.parse.quote_from_bytes(raw, safe=keeps)


def _path_bytes(text: str) -> bytes:
    raw = _unescape(text)
    raw = raw if raw.startswith(b"/") else b"/" + raw
    _path_text(raw)
    return raw


def _path_text(raw: bytes) -> str:
    if raw[:1] != b"/" or b"\0" in raw or not all(raw[1:].split(b"/")):
        raise DecodeError('a path begins with "/", and none of its parts is empty')
    return _escape(raw[1:], keeps="/")


# The table


def _plain(code: int, name: str) -> Protocol:
    return Protocol(code, name, 0, lambda text: b"", lambda raw: "")


def _number(code: int, name: str, size_bytes: int) -> Protocol:
    return Protocol(code, name, size_bytes, _number_bytes(size_bytes), _number_text)


def _name(code: int, name: str) -> Protocol:
    return Protocol(code, name, VARIABLE, _name_bytes, _name_text)


PROTOCOLS = (
    Protocol(4, "ip4", 4, _ip4_bytes, lambda raw: str(ipaddress.IPv4Address(raw))),
    _number(6, "tcp", 2),
    _number(33, "dccp", 2),
    Protocol(41, "ip6", 16, _ip6_bytes, lambda raw: str(ipaddress.IPv6Address(raw))),
    _name(42, "ip6zone"),
    _number(43, "ipcidr", 1),
    _name(53, "dns"),
    _name(54, "dns4"),
    _name(55, "dns6"),
    _name(56, "dnsaddr"),
    _number(132, "sctp", 2),
    _number(273, "udp", 2),
    _plain(275, "p2p-webrtc-star"),
    _plain(276, "p2p-webrtc-direct"),
    _plain(277, "p2p-stardust"),
    _plain(280, "webrtc-direct"),
    _plain(281, "webrtc"),
    _plain(290, "p2p-circuit"),
    _plain(301, "udt"),
    _plain(302, "utp"),
    Protocol(400, "unix", VARIABLE, _path_bytes, _path_text, takes_rest=True),
    Protocol(421, "p2p", VARIABLE, _peer_bytes, _peer_text),
    _plain(443, "https"),
    _onion(444, "onion", 10),
    _onion(445, "onion3", 35),
    Protocol(446, "garlic64", VARIABLE, _garlic64_bytes, _garlic64_text),
    Protocol(447, "garlic32", VARIABLE, _garlic32_bytes, _garlic32_text),
    _plain(448, "tls"),
    _name(449, "sni"),
    _plain(454, "noise"),
    _plain(460, "quic"),
    _plain(461, "quic-v1"),
    _plain(465, "webtransport"),
    Protocol(466, "certhash", VARIABLE, _certhash_bytes, _certhash_text),
    _plain(477, "ws"),
    _plain(478, "wss"),
    _plain(479, "p2p-websocket-star"),
    _plain(480, "http"),
    Protocol(481, "http-path", VARIABLE, _unescape, _escape),
    _name(777, "memory"),
)
BY_NAME = {protocol.name: protocol for protocol in PROTOCOLS}
BY_CODE = {protocol.code: protocol for protocol in PROTOCOLS}
BY_NAME["ipfs"] = BY_NAME["p2p"]  # its old name: read, never written
