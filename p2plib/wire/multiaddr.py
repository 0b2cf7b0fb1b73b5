"""Multiaddr: an address that says every layer by its name: `/ip4/127.0.0.1/tcp/4001/p2p/12D3Koo...`. A codec.

Follows the multiaddr specification of multiformats and its table of protocols. An address is a sequence of
components, each a protocol with or without a value; on the wire varint(code), then the value: of a fixed size
(an IPv4 address has 4 bytes), or with varint(size) in front (a host name).

Rules
    1. Text begins with "/", every protocol that has a value is followed by one, and nothing is empty: no
       trailing slash, no "//". (Some libraries forgive a trailing slash. Then one address has two names.)
    2. Values have one spelling: a port without leading zeros, an IPv4 address in four decimal numbers, an
       IPv6 address as RFC 5952 writes it; other spellings of IPv6 are read. Peer ids are read as base58 and
       as CID, and written as base58.
    3. Protocols that are not in `PROTOCOLS` are refused: without its row nobody knows where a value ends.
    4. At most `MAX_BYTES`, `MAX_COMPONENTS` and `MAX_RELAYS`, checked before anything is decoded. An address
       through two relays is a loop that somebody else pays for; libp2p's relays refuse it as well.

    >>> parse("/ip4/127.0.0.1/tcp/4001").encode().hex()
    '047f000001060fa1'
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cid, multibase, multihash, varint
from p2plib.wire.fields import Field, bytes_follow

MAX_BYTES = 1024  # a long one (TCP, names, a relay, two peer ids) has about 200
MAX_CHARACTERS = 2048
MAX_COMPONENTS = 20
MAX_RELAYS = 1
MAX_NAME_BYTES = 253  # DNS allows no longer name
LIBP2P_KEY = 0x72

_VARIABLE = -1


@dataclass(frozen=True, slots=True)
class Protocol:
    """One row of the table.

    Args:
        code: its number on the wire.
        name: its name in texts.
        size_bytes: of its value; 0 for none, -1 when the size is written in front of it.
        to_bytes: reads the value's text.
        to_text: writes it; raises DecodeError for bytes that no text stands for.
    """

    code: int
    name: str
    size_bytes: int
    to_bytes: Callable[[str], bytes]
    to_text: Callable[[bytes], str]


def _ip4_bytes(text: str) -> bytes:
    if not re.fullmatch(r"\d{1,3}(\.\d{1,3}){3}", text, re.ASCII):
        raise DecodeError(f"{text!r} is no IPv4 address")
    return _ip_bytes(ipaddress.IPv4Address, text)


def _ip6_bytes(text: str) -> bytes:
    if "%" in text:
        raise DecodeError("a zone is a component of its own: /ip6zone/<zone>/ip6/<address>")
    return _ip_bytes(ipaddress.IPv6Address, text)


def _ip_bytes(kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address], text: str) -> bytes:
    try:
        return kind(text).packed
    except ValueError:
        raise DecodeError(f"{text[:60]!r} is no {kind.__name__[:4]} address") from None


def _number_bytes(size_bytes: int) -> Callable[[str], bytes]:
    largest = 256**size_bytes - 1

    def to_bytes(text: str) -> bytes:
        if not re.fullmatch(r"0|[1-9]\d{0,9}", text, re.ASCII) or int(text) > largest:
            raise DecodeError(f"{text[:20]!r} is no number from 0 to {largest} without leading zeros")
        return int(text).to_bytes(size_bytes, "big")

    return to_bytes


def _number_text(raw: bytes) -> str:
    return str(int.from_bytes(raw, "big"))


def _name_bytes(text: str) -> bytes:
    raw = text.encode()
    if not raw or len(raw) > MAX_NAME_BYTES:
        raise DecodeError(f"a name has 1 to {MAX_NAME_BYTES} bytes, not {len(raw)}")
    if not text.isprintable() or "/" in text or " " in text:
        raise DecodeError(f"{text[:60]!a} is no name")
    return raw


def _name_text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise DecodeError("a name is UTF-8") from None
    _name_bytes(text)
    return text


def _peer_bytes(text: str) -> bytes:
    if text.startswith(("1", "Qm")):
        raw = multibase.base58btc_decode(text)
        multihash.decode(raw)
        return raw
    named = cid.parse_text(text)
    if named.version != 1 or named.codec != LIBP2P_KEY:
        raise DecodeError(f"{text[:20]!r} is no peer id: its CID names something else than a key")
    return named.multihash.encode()


def _peer_text(raw: bytes) -> str:
    multihash.decode(raw)
    return multibase.base58btc_encode(raw)


def _no_bytes(text: str) -> bytes:
    return b""


def _no_text(raw: bytes) -> str:
    return ""


def _plain(code: int, name: str) -> Protocol:
    return Protocol(code, name, 0, _no_bytes, _no_text)


def _number(code: int, name: str, size_bytes: int) -> Protocol:
    return Protocol(code, name, size_bytes, _number_bytes(size_bytes), _number_text)


def _name(code: int, name: str) -> Protocol:
    return Protocol(code, name, _VARIABLE, _name_bytes, _name_text)


PROTOCOLS = (
    Protocol(4, "ip4", 4, _ip4_bytes, lambda raw: str(ipaddress.IPv4Address(raw))),
    _number(6, "tcp", 2),
    _number(33, "dccp", 2),
    Protocol(41, "ip6", 16, _ip6_bytes, lambda raw: str(ipaddress.IPv6Address(raw))),
    _name(42, "ip6zone"),
    _number(43, "ipcidr", 1),
    *(_name(code, name) for code, name in ((53, "dns"), (54, "dns4"), (55, "dns6"), (56, "dnsaddr"))),
    _number(132, "sctp", 2),
    _number(273, "udp", 2),
    *(_plain(code, name) for code, name in ((280, "webrtc-direct"), (281, "webrtc"), (290, "p2p-circuit"))),
    *(_plain(code, name) for code, name in ((301, "udt"), (302, "utp"), (448, "tls"), (454, "noise"))),
    Protocol(421, "p2p", _VARIABLE, _peer_bytes, _peer_text),
    _name(449, "sni"),
    *(_plain(code, name) for code, name in ((443, "https"), (460, "quic"), (461, "quic-v1"))),
    *(_plain(code, name) for code, name in ((465, "webtransport"), (477, "ws"), (478, "wss"), (480, "http"))),
)
_BY_NAME = {protocol.name: protocol for protocol in PROTOCOLS}
_BY_CODE = {protocol.code: protocol for protocol in PROTOCOLS}
_BY_NAME["ipfs"] = _BY_NAME["p2p"]  # its old name: read, never written


@dataclass(frozen=True, slots=True)
class Component:
    """One layer of an address.

    Args:
        name: a protocol of `PROTOCOLS`.
        value: its value as text, in its one spelling; "" if it has none.
    """

    name: str
    value: str = ""

    def encode(self) -> bytes:
        """The component on the wire."""
        protocol = _BY_NAME[self.name]
        raw = protocol.to_bytes(self.value)
        size = varint.encode(len(raw)) if protocol.size_bytes == _VARIABLE else b""
        return varint.encode(protocol.code) + size + raw

    def __str__(self) -> str:
        return f"/{self.name}/{self.value}" if self.value else f"/{self.name}"


@dataclass(frozen=True, slots=True)
class Multiaddr:
    """An address: its components from the outside in. Made by `parse`, `decode` and `of`.

    Args:
        components: at least one.
    """

    components: tuple[Component, ...]

    def encode(self) -> bytes:
        """The address on the wire."""
        return b"".join(component.encode() for component in self.components)

    def __str__(self) -> str:
        return "".join(map(str, self.components))

    def value(self, *names: str) -> str | None:
        """The value of the first component with one of these names; None if there is none."""
        return next((part.value for part in self.components if part.name in names), None)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its components, such as ("ip4", "tcp", "p2p")."""
        return tuple(component.name for component in self.components)

    def with_peer(self, peer_id: str) -> Multiaddr:
        """The same address, with whom to expect there.

        Raises:
            UsageError: it names a peer already.
            DecodeError: that is no peer id.
        """
        if self.names[-1] == "p2p":
            raise UsageError(f"{self} names a peer already")
        return parse(f"{self}/p2p/{peer_id}")


def of(*parts: tuple[str, str | int] | str) -> Multiaddr:
    """The address made of these parts: `of(("ip4", "127.0.0.1"), ("tcp", 4001), "ws")`; raises as `parse`."""
    pieces = [(part,) if isinstance(part, str) else (part[0], str(part[1])) for part in parts]
    return parse("".join(f"/{piece}" for pair in pieces for piece in pair))


def parse(text: str) -> Multiaddr:
    """The address that a text stands for.

    Raises:
        DecodeError: it breaks a rule of the module's head.
    """
    if len(text) > MAX_CHARACTERS:
        raise DecodeError(
            f"an address has at most {MAX_CHARACTERS} characters, not {len(text)}", MAX_CHARACTERS
        )
    if not text.startswith("/"):
        raise DecodeError('an address begins with "/"', 0)
    words, components, at, offset = text.split("/")[1:], [], 0, 1
    while at < len(words):
        protocol = _BY_NAME.get(words[at])
        if protocol is None:
            what = f"no protocol here is called {words[at][:30]!r}" if words[at] else "an empty component"
            raise DecodeError(what, offset)
        used = 1 if protocol.size_bytes == 0 else 2
        if at + used > len(words) or not all(words[at : at + used]):
            raise DecodeError(f"/{words[at]} has a value, and here is none", offset)
        value = words[at + 1] if used == 2 else ""
        components.append(_component(protocol, value, offset))
        offset += sum(len(word) + 1 for word in words[at : at + used])
        at += used
    return _checked(components)


def _component(protocol: Protocol, value: str, offset: int) -> Component:
    """A component with its value in its one spelling."""
    try:
        return Component(protocol.name, protocol.to_text(protocol.to_bytes(value)))
    except DecodeError as error:
        raise DecodeError(f"/{protocol.name}: {error.rule}", offset) from None


def _checked(components: list[Component]) -> Multiaddr:
    if not components:
        raise DecodeError("an address has at least one component", 0)
    if len(components) > MAX_COMPONENTS:
        raise DecodeError(f"an address has at most {MAX_COMPONENTS} components, not {len(components)}")
    relays = sum(component.name == "p2p-circuit" for component in components)
    if relays > MAX_RELAYS:
        raise DecodeError(f"an address through {relays} relays, where {MAX_RELAYS} is the most")
    return Multiaddr(tuple(components))


def decode(raw: bytes) -> Multiaddr:
    """The address that is all of `raw`.

    Raises:
        DecodeError: it breaks a rule of the module's head.
    """
    return _checked([component for component, _, _ in _walk(raw)])


def _walk(raw: bytes) -> list[tuple[Component, int, tuple[int, int, int, int]]]:
    """Components, their codes, and where each begins, has its size, its value and its end."""
    if len(raw) > MAX_BYTES:
        raise DecodeError(f"an address has at most {MAX_BYTES} bytes, not {len(raw)}", MAX_BYTES)
    found, offset = [], 0
    while offset < len(raw):
        code, after_code = varint.decode(raw, offset)
        protocol = _BY_CODE.get(code)
        if protocol is None:
            raise DecodeError(f"no protocol here has the code {code}", offset)
        size, start = protocol.size_bytes, after_code
        if size == _VARIABLE:
            size, start = varint.decode(raw, after_code)
        end = start + size
        if end > len(raw):
            raise DecodeError(f"/{protocol.name} says {size} bytes, {len(raw) - start} are left", after_code)
        try:
            value = protocol.to_text(raw[start:end])
        except DecodeError as error:
            raise DecodeError(f"/{protocol.name}: {error.rule}", start) from None
        found.append((Component(protocol.name, value), code, (offset, after_code, start, end)))
        offset = end
    return found


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of an address: code, size where there is one, value; raises as `decode`."""
    decode(raw)
    parts = []
    for component, code, (begin, after_code, start, end) in _walk(raw):
        parts.append(Field(f"{component.name}: code", raw[begin:after_code], str(code)))
        if start != after_code:
            parts.append(Field(f"{component.name}: size", raw[after_code:start], bytes_follow(end - start)))
        if end != start:
            parts.append(Field(component.name, raw[start:end], component.value))
    return tuple(parts)
