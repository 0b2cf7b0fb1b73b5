"""The messages of libp2p's rendezvous, `/rendezvous/1.0.0`. A codec.

Follows libp2p's specification "Rendezvous Protocol", revision 3. A peer registers in a namespace at a
*rendezvous point*; others discover who has. Each message is one protobuf message in a varint frame::

    Message     1 type   2 register   3 registerResponse   4 unregister   5 discover   6 discoverResponse
    Register    1 ns     2 signedPeerRecord   3 ttl
    ...Response 1 status 2 statusText         3 ttl
    Unregister  1 ns
    Discover    1 ns     2 limit      3 cookie
    ...Response 1 registrations (each a Register)   2 cookie   3 status   4 statusText

Rules
    1. A message has the part that its type says, and no other part.
    2. At most `MAX_MESSAGE_BYTES`, `MAX_REGISTRATIONS` in a response, `MAX_NAMESPACE` characters,
       `MAX_COOKIE_BYTES`, `MAX_TEXT_BYTES`.
    3. Fields that the specification does not have are left alone: the deprecated `id` of Unregister is one.
    4. What the records in it say is `p2plib.discovery.signal.peer_record`'s business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from p2plib.errors import DecodeError, UsageError
from p2plib.protocol.framing import VarintFrames
from p2plib.wire import protobuf
from p2plib.wire.fields import Field
from p2plib.wire.protobuf import BYTES, VARINT, ProtoField

PROTOCOL_ID = "/rendezvous/1.0.0"
MAX_MESSAGE_BYTES = 1024 * 1024  # a thousand registrations of the usual size are a third of it
MAX_REGISTRATIONS = 1000  # the specification's recommendation
MAX_NAMESPACE = 255  # the specification's recommendation
MAX_COOKIE_BYTES = 1024
MAX_TEXT_BYTES = 1024
FRAMES = VarintFrames(MAX_MESSAGE_BYTES)


class Status(IntEnum):
    """How a rendezvous point answers."""

    OK = 0
    INVALID_NAMESPACE = 100
    INVALID_RECORD = 101
    INVALID_TTL = 102
    INVALID_COOKIE = 103
    NOT_AUTHORIZED = 200
    INTERNAL_ERROR = 300
    UNAVAILABLE = 400


@dataclass(frozen=True, slots=True)
class Register:
    """I am in this namespace; or, in a response, somebody is.

    Args:
        ns: the namespace, such as "my-app".
        record: a signed peer record, in its envelope.
        ttl_s: for how long; None for what the point gives by itself, two hours.
    """

    ns: str
    record: bytes
    ttl_s: int | None = None


@dataclass(frozen=True, slots=True)
class RegisterResponse:
    """Whether it is registered, and for how long.

    Args:
        status: one of `Status`, or a number from the future.
        text: why not, for people.
        ttl_s: for how many seconds.
    """

    status: int
    text: str = ""
    ttl_s: int | None = None


@dataclass(frozen=True, slots=True)
class Unregister:
    """I am in this namespace no more. There is no response."""

    ns: str


@dataclass(frozen=True, slots=True)
class Discover:
    """Who is in this namespace?

    Args:
        ns: the namespace; "" for all of them.
        limit: how many to name at most; None for the point's own limit.
        cookie: from an earlier response: only those that came after it.
    """

    ns: str = ""
    limit: int | None = None
    cookie: bytes = b""


@dataclass(frozen=True, slots=True)
class DiscoverResponse:
    """These are.

    Args:
        registrations: as they were registered, with the seconds that each still has.
        cookie: for the next time.
        status: one of `Status`, or a number from the future.
        text: why not, for people.
    """

    registrations: tuple[Register, ...] = ()
    cookie: bytes = b""
    status: int = Status.OK
    text: str = ""


RendezvousMessage = Register | RegisterResponse | Unregister | Discover | DiscoverResponse

_TYPES: dict[type[RendezvousMessage], int] = {
    Register: 0,
    RegisterResponse: 1,
    Unregister: 2,
    Discover: 3,
    DiscoverResponse: 4,
}
PART_NAMES = {
    1: "type",
    2: "register",
    3: "registerResponse",
    4: "unregister",
    5: "discover",
    6: "discoverResponse",
}


def encode(message: RendezvousMessage) -> bytes:
    """The bytes of a message, without its frame.

    Raises:
        UsageError: it is larger than others would read.
    """
    number = _TYPES[type(message)]
    raw = protobuf.encode(
        (ProtoField(1, VARINT, number), ProtoField(number + 2, BYTES, protobuf.encode(_fields(message))))
    )
    if len(raw) > MAX_MESSAGE_BYTES:
        raise UsageError(f"a message of {len(raw)} bytes, where {MAX_MESSAGE_BYTES} is the most")
    return raw


def _fields(message: RendezvousMessage) -> list[ProtoField]:
    match message:
        case Register():
            return [_text(1, message.ns), ProtoField(2, BYTES, message.record), *_number(3, message.ttl_s)]
        case RegisterResponse():
            text = [_text(2, message.text)] if message.text else []
            return [ProtoField(1, VARINT, message.status), *text, *_number(3, message.ttl_s)]
        case Unregister():
            return [_text(1, message.ns)]
        case Discover():
            ns = [_text(1, message.ns)] if message.ns else []
            cookie = [ProtoField(3, BYTES, message.cookie)] if message.cookie else []
            return [*ns, *_number(2, message.limit), *cookie]
        case DiscoverResponse():
            each = [ProtoField(1, BYTES, protobuf.encode(_fields(one))) for one in message.registrations]
            text = [_text(4, message.text)] if message.text else []
            cookie = [ProtoField(2, BYTES, message.cookie)]
            return [*each, *cookie, ProtoField(3, VARINT, message.status), *text]


def _text(number: int, text: str) -> ProtoField:
    return ProtoField(number, BYTES, text.encode())


def _number(number: int, value: int | None) -> list[ProtoField]:
    return [] if value is None else [ProtoField(number, VARINT, value)]


def decode(raw: bytes) -> RendezvousMessage:
    """The message in some bytes.

    Raises:
        DecodeError: it breaks a rule of the module's head.
    """
    if len(raw) > MAX_MESSAGE_BYTES:
        raise DecodeError(f"a message of {len(raw)} bytes, where {MAX_MESSAGE_BYTES} is the most")
    fields = protobuf.decode(raw, max_fields=16)
    kind = protobuf.number(fields, 1)
    if kind not in _TYPES.values():
        raise DecodeError(f"there is no message of type {kind}")
    others = [field.number for field in fields if 2 <= field.number <= 6 and field.number != kind + 2]
    if others:
        raise DecodeError(f"a message of type {kind} has field {others[0]} besides its own part")
    return _read(kind, protobuf.content(fields, kind + 2))


def _read(kind: int, raw: bytes) -> RendezvousMessage:
    fields = protobuf.decode(raw, max_fields=MAX_REGISTRATIONS + 16)
    match kind:
        case 0:
            return _registration(fields)
        case 1:
            return RegisterResponse(
                protobuf.number(fields, 1), _said(fields, 2, MAX_TEXT_BYTES), _maybe(fields, 3)
            )
        case 2:
            return Unregister(_said(fields, 1, MAX_NAMESPACE))
        case 3:
            cookie = _blob(fields, 3, MAX_COOKIE_BYTES)
            return Discover(_said(fields, 1, MAX_NAMESPACE), _maybe(fields, 2), cookie)
    each = [field.value for field in fields if field.number == 1]
    if len(each) > MAX_REGISTRATIONS:
        raise DecodeError(f"{len(each)} registrations, where {MAX_REGISTRATIONS} is the most")
    registrations = []
    for one in each:
        if isinstance(one, int):
            raise DecodeError("a registration is a message, not a number")
        registrations.append(_registration(protobuf.decode(one, max_fields=16)))
    cookie, text = _blob(fields, 2, MAX_COOKIE_BYTES), _said(fields, 4, MAX_TEXT_BYTES)
    return DiscoverResponse(tuple(registrations), cookie, _maybe(fields, 3) or 0, text)


def _registration(fields: Sequence[ProtoField]) -> Register:
    return Register(_said(fields, 1, MAX_NAMESPACE), protobuf.content(fields, 2), _maybe(fields, 3))


def _maybe(fields: Sequence[ProtoField], number: int) -> int | None:
    return protobuf.number(fields, number) if any(field.number == number for field in fields) else None


def _blob(fields: Sequence[ProtoField], number: int, most: int) -> bytes:
    raw = protobuf.content(fields, number) if any(field.number == number for field in fields) else b""
    if len(raw) > most:
        raise DecodeError(f"field {number} has {len(raw)} bytes, where {most} is the most")
    return raw


def _said(fields: Sequence[ProtoField], number: int, most: int) -> str:
    try:
        return _blob(fields, number, most).decode()
    except UnicodeDecodeError:
        raise DecodeError(f"field {number} is text, in UTF-8") from None


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of a message."""
    decode(raw)
    return protobuf.dissect(raw, PART_NAMES)
