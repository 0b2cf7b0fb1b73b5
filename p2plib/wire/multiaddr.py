"""Multiaddr: an address that says every layer by its name: `/ip4/127.0.0.1/tcp/4001/p2p/12D3Koo...`. A codec.

Follows the multiaddr specification of multiformats and its table of protocols. An address is a sequence of
components, each a protocol with or without a value; on the wire varint(code), then the value: of a fixed size
(an IPv4 address has 4 bytes), or with varint(size) in front (a host name).

Rules
    1. Text begins with "/", every protocol that has a value is followed by one, and nothing is empty: no
       trailing slash, no "//". (Some libraries forgive a trailing slash. Then one address has two names.)
    2. Values have one spelling, that of `p2plib.wire.multiaddr_protocols`; some others are read.
    3. Protocols that are not in `PROTOCOLS` are refused: without its row nobody knows where a value ends.
    4. A path, the value of `unix`, is the rest of the text, so nothing follows it, in bytes neither.
    5. At most `MAX_BYTES`, `MAX_COMPONENTS` and `MAX_RELAYS`, checked before anything is decoded. An address
       through two relays is a loop that somebody else pays for; libp2p's relays refuse it as well.

    >>> parse("/ip4/127.0.0.1/tcp/4001").encode().hex()
    '047f000001060fa1'
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import varint
from p2plib.wire.fields import Field, bytes_follow
from p2plib.wire.multiaddr_protocols import BY_CODE, BY_NAME, PROTOCOLS, VARIABLE, Protocol

MAX_BYTES = 1024  # a long one (TCP, names, a relay, two peer ids) has about 200, one of I2P about 400
MAX_CHARACTERS = 4096  # a byte takes three where it is escaped
MAX_COMPONENTS = 20
MAX_RELAYS = 1

__all__ = ["PROTOCOLS", "Component", "Multiaddr", "Protocol", "decode", "dissect", "of", "parse"]


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
        protocol = BY_NAME[self.name]
        raw = protocol.to_bytes(self.value)
        size = varint.encode(len(raw)) if protocol.size_bytes == VARIABLE else b""
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
        protocol = BY_NAME.get(words[at])
        if protocol is None:
            what = f"no protocol here is called {words[at][:30]!r}" if words[at] else "an empty component"
            raise DecodeError(what, offset)
        used = 1 if protocol.size_bytes == 0 else 2
        if at + used > len(words) or not all(words[at : at + used]):
            raise DecodeError(f"/{words[at]} has a value, and here is none", offset)
        if protocol.takes_rest:
            used = len(words) - at
        value = "/".join(words[at + 1 : at + used])
        components.append(_component(protocol, value, offset))
        offset += sum(len(word) + 1 for word in words[at : at + used])
        at += used
    address = _checked(components)
    _check_size(len(address.encode()))
    return address


def _check_size(size_bytes: int) -> None:
    if size_bytes > MAX_BYTES:
        raise DecodeError(f"an address has at most {MAX_BYTES} bytes, not {size_bytes}", MAX_BYTES)


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
    for component in components[:-1]:
        if BY_NAME[component.name].takes_rest:
            raise DecodeError(f"something follows /{component.name}, whose value is the rest of an address")
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
    _check_size(len(raw))
    found, offset = [], 0
    while offset < len(raw):
        code, after_code = varint.decode(raw, offset)
        protocol = BY_CODE.get(code)
        if protocol is None:
            raise DecodeError(f"no protocol here has the code {code}", offset)
        size, start = protocol.size_bytes, after_code
        if size == VARIABLE:
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
