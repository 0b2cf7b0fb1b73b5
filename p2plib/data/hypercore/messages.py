"""The messages of hypercore's replication: what two peers of one feed say to each other. A codec.

npm's `simple-hypercore-protocol` 2.1 and `simple-message-channels` 1.2. One connection carries many feeds;
each side numbers the feeds it has opened, and its messages carry *its* number::

    varint(size) ‖ varint(channel << 4 | type) ‖ body       size counts what follows it; a size of 0 is a sign
                                                            of life

The body is Protocol Buffers. A field below is written beside its number there; one that has its default is
left out.

Rules
    1. A message has at most 8 MiB, checked when its size has arrived.
    2. Numbers are below 2^53, because JavaScript counts no further; only a digest may have 64 bits.
    3. A field that is no list is there once at most. Unknown fields are skipped, as Protocol Buffers want it.
    4. A list has at most 256 entries. A proof in a feed of 2^52 blocks has at most 104 nodes.

    >>> encode(1, RequestBlock(3, digest=5)).hex(" ")
    '05 17 08 03 20 05'
    >>> decode(bytes.fromhex("1708032005"))
    (1, RequestBlock(block=3, byte_offset=0, wants_hash=False, digest=5))
"""

from __future__ import annotations

import typing
from collections.abc import Iterable
from dataclasses import MISSING, dataclass
from dataclasses import fields as dataclass_fields
from typing import Annotated, Any, TypeVar

from p2plib.data.hypercore.tree import TreeNode
from p2plib.errors import DecodeError, UsageError
from p2plib.protocol.framing import VarintFrames
from p2plib.wire import protobuf, varint
from p2plib.wire.fields import Field, bytes_follow
from p2plib.wire.protobuf import BYTES, MAX_UINT64, VARINT, ProtoField

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
MAX_NUMBER = 2**53 - 1
MAX_LIST = 256
MAX_CHANNEL = 2**20
FRAMES = VarintFrames(MAX_MESSAGE_BYTES + 4)  # with the varint of channel and type
SIGN_OF_LIFE = b"\x00"
DISCOVERY_KEY_BYTES = 32

Number = int  # of a field in its message


@dataclass(frozen=True, slots=True)
class OpenFeed:
    """Type 0: I have this feed, or want it.

    Args:
        discovery_key: 32 bytes, which name the feed and do not betray its key.
        capability: proves to those who have the key that we have it, too; empty without encryption.
    """

    discovery_key: Annotated[bytes, 1]
    capability: Annotated[bytes, 2] = b""


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """Type 1: what else I speak.

    Args:
        extensions: names of extensions, in order.
        ack: whether I want to be told of each block that arrived.
    """

    extensions: Annotated[tuple[str, ...], 1] = ()
    ack: Annotated[bool, 2] = False


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """Type 2: whether I give, and whether I take. Until it is said, both are true.

    Args:
        uploading: I answer requests.
        downloading: I may still ask for blocks.
    """

    uploading: Annotated[bool, 1] = False
    downloading: Annotated[bool, 2] = False


@dataclass(frozen=True, slots=True)
class HaveBlocks:
    """Type 3: I have these blocks.

    Args:
        start: the first.
        length: how many.
        bitfield: which of them, as `p2plib.data.hypercore.rle` codes it; None for all of them.
        ack: whether this only says that a block arrived.
    """

    start: Annotated[int, 1]
    length: Annotated[int, 2] = 1
    bitfield: Annotated[bytes | None, 3] = None
    ack: Annotated[bool, 4] = False


@dataclass(frozen=True, slots=True)
class UnhaveBlocks:
    """Type 4: I no longer have these.

    Args:
        start: the first.
        length: how many.
    """

    start: Annotated[int, 1]
    length: Annotated[int, 2] = 1


@dataclass(frozen=True, slots=True)
class WantBlocks:
    """Type 5: tell me which of these you have, now and later.

    Args:
        start: the first, a multiple of 8192 for hypercore to answer.
        length: how many, a multiple of 8192; 0 for all.
    """

    start: Annotated[int, 1]
    length: Annotated[int, 2] = 0


@dataclass(frozen=True, slots=True)
class UnwantBlocks:
    """Type 6: tell me no more about these.

    Args:
        start: the first.
        length: how many; 0 for all.
    """

    start: Annotated[int, 1]
    length: Annotated[int, 2] = 0


@dataclass(frozen=True, slots=True)
class RequestBlock:
    """Type 7: send me this block, with what proves it.

    Args:
        block: its number.
        byte_offset: send the block that has this byte of the feed instead; 0 for no such wish.
        wants_hash: send the hash of it alone.
        digest: what I have of the proof, see `p2plib.data.hypercore.digest`.
    """

    block: Annotated[int, 1]
    byte_offset: Annotated[int, 2] = 0
    wants_hash: Annotated[bool, 3] = False
    digest: Annotated[int, 4] = 0


@dataclass(frozen=True, slots=True)
class CancelBlock:
    """Type 8: do not send it any more.

    Args:
        block: its number.
        byte_offset: as in the request.
        wants_hash: as in the request.
    """

    block: Annotated[int, 1]
    byte_offset: Annotated[int, 2] = 0
    wants_hash: Annotated[bool, 3] = False


@dataclass(frozen=True, slots=True)
class BlockData:
    """Type 9: here it is.

    Args:
        block: its number.
        value: its content; None if a hash alone was asked for.
        nodes: of the proof.
        signature: of the proof; empty if it has none.
    """

    block: Annotated[int, 1]
    value: Annotated[bytes | None, 2] = None
    nodes: Annotated[tuple[TreeNode, ...], 3] = ()
    signature: Annotated[bytes, 4] = b""


@dataclass(frozen=True, slots=True)
class CloseFeed:
    """Type 10: nothing more about this feed.

    Args:
        discovery_key: which feed, if it was never opened.
    """

    discovery_key: Annotated[bytes, 1] = b""


@dataclass(frozen=True, slots=True)
class FeedExtension:
    """Type 15: a message of an extension.

    Args:
        number: which of the extensions in the sender's options.
        payload: whatever it says.
    """

    number: int
    payload: bytes


FeedMessage = (
    OpenFeed | FeedOptions | FeedStatus | HaveBlocks | UnhaveBlocks | WantBlocks | UnwantBlocks
    | RequestBlock | CancelBlock | BlockData | CloseFeed
)  # fmt: skip
TYPES: dict[int, type[FeedMessage]] = dict(enumerate(typing.get_args(FeedMessage)))
NUMBERS = {kind: number for number, kind in TYPES.items()}
EXTENSION = 15


@dataclass(frozen=True, slots=True)
class Unassigned:
    """A message of a type that has no meaning yet, 11 to 14: skipped.

    Args:
        type: its number.
    """

    type: int


def _layout(kind: type[Any]) -> tuple[tuple[str, Number, Any, Any], ...]:
    """The fields of a message as (name, number, type, default)."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return tuple(
        (field.name, hints[field.name].__metadata__[0], hints[field.name].__origin__, field.default)
        for field in dataclass_fields(kind)
    )


_LAYOUTS: dict[Any, tuple[tuple[str, Number, Any, Any], ...]] = {kind: _layout(kind) for kind in NUMBERS}


def encode(channel: int, message: FeedMessage | FeedExtension) -> bytes:
    """The frame of a message.

    Args:
        channel: our number for the feed, 0 to 2^20.
        message: what to say.

    Raises:
        UsageError: it is larger than 8 MiB.
    """
    if isinstance(message, FeedExtension):
        number, body = EXTENSION, varint.encode(message.number) + message.payload
    else:
        number, body = NUMBERS[type(message)], encode_body(message)
    if len(body) > MAX_MESSAGE_BYTES:
        raise UsageError(f"a message has at most {MAX_MESSAGE_BYTES} bytes, not {len(body)}")
    return FRAMES.encode(varint.encode(channel << 4 | number) + body)


def encode_body(message: FeedMessage) -> bytes:
    """The body of a message, in the order of its fields."""
    found = list[ProtoField]()
    for name, number, _, default in _LAYOUTS[type(message)]:
        value = getattr(message, name)
        if value != default:
            found += [
                _encode_value(number, each) for each in (value if isinstance(value, tuple) else (value,))
            ]
    return protobuf.encode(found)


def _encode_value(number: Number, value: int | bytes | str | TreeNode) -> ProtoField:
    match value:
        case int():
            return ProtoField(number, VARINT, int(value))
        case str():
            return ProtoField(number, BYTES, value.encode())
        case TreeNode(index, hashed, size):
            parts = (ProtoField(1, VARINT, index), ProtoField(2, BYTES, hashed), ProtoField(3, VARINT, size))
            return ProtoField(number, BYTES, protobuf.encode(parts))
        case _:
            return ProtoField(number, BYTES, value)


def decode(payload: bytes) -> tuple[int, FeedMessage | FeedExtension | Unassigned]:
    """The channel and the message in a frame; its size was taken off before.

    Raises:
        DecodeError: it breaks a rule of the module's head.
    """
    header, offset = varint.decode(payload, maximum=MAX_CHANNEL << 4 | 15)
    channel, number = header >> 4, header & 15
    if len(payload) - offset > MAX_MESSAGE_BYTES:
        raise DecodeError(f"a message has at most {MAX_MESSAGE_BYTES} bytes, not {len(payload) - offset}")
    if number == EXTENSION:
        extension, offset = varint.decode(payload, offset)
        return channel, FeedExtension(extension, payload[offset:])
    if number not in TYPES:
        return channel, Unassigned(number)
    return channel, decode_body(TYPES[number], payload[offset:])


MessageT = TypeVar("MessageT", bound=FeedMessage)


def decode_body(kind: type[MessageT], body: bytes) -> MessageT:
    """The message of this kind that has this body.

    Raises:
        DecodeError: it breaks a rule of the module's head.
    """
    given = dict[int, list[int | bytes]]()
    for field in protobuf.decode(body, max_fields=2 * MAX_LIST):
        given.setdefault(field.number, []).append(field.value)
    values = dict[str, Any]()
    for name, number, wanted, default in _LAYOUTS[kind]:
        found = given.get(number, [])
        is_list = isinstance(default, tuple)
        if len(found) > (MAX_LIST if is_list else 1):
            raise DecodeError(f"{name} of a {kind.__name__} is there {len(found)} times")
        if is_list:
            values[name] = tuple(_decode_value(name, wanted, value) for value in found)
        elif found:
            values[name] = _decode_value(name, wanted, found[0])
        elif default is MISSING:
            raise DecodeError(f"{name} of a {kind.__name__} is missing")
    if values.get("discovery_key") and len(values["discovery_key"]) != DISCOVERY_KEY_BYTES:
        raise DecodeError(f"a discovery key has {DISCOVERY_KEY_BYTES} bytes")
    return kind(**values)


def _decode_value(name: str, wanted: Any, value: int | bytes) -> Any:
    if isinstance(value, int):
        if wanted is bool:
            return bool(value)
        if wanted is int and value <= (MAX_UINT64 if name == "digest" else MAX_NUMBER):
            return value
        raise DecodeError(f"{name} is not a number, or is above 2^53 - 1")
    if wanted in (bool, int):
        raise DecodeError(f"{name} is a number")
    if wanted == tuple[TreeNode, ...]:
        return _decode_node(value)
    if wanted == tuple[str, ...]:
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise DecodeError(f"{name} is UTF-8") from None
    return value


def _decode_node(raw: bytes) -> TreeNode:
    fields = protobuf.decode(raw, max_fields=8)
    index, size = protobuf.number(fields, 1), protobuf.number(fields, 3)
    if max(index, size) > MAX_NUMBER:
        raise DecodeError("a number above 2^53 - 1 in a node")
    return TreeNode(index, protobuf.content(fields, 2), size)


def dissect(frame: bytes) -> tuple[Field, ...]:
    """The parts of a whole frame.

    Raises:
        DecodeError: it is not exactly one frame, or no message.
    """
    size, *rest = FRAMES.dissect(frame)
    if not rest or not rest[0].raw:
        return (Field("size", frame, "0: a sign of life"),)
    payload = rest[0].raw
    channel, message = decode(payload)
    _, offset = varint.decode(payload)
    note = f"channel {channel}, {type(message).__name__}"
    head = (
        Field("size", size.raw, bytes_follow(len(payload))),
        Field("channel and type", payload[:offset], note),
    )
    if isinstance(message, FeedExtension | Unassigned):
        return (*head, Field("body", payload[offset:]))
    names = {number: name for name, number, _, _ in _LAYOUTS[type(message)]}
    return (*head, *protobuf.dissect(payload[offset:], names))


def encode_all(channel: int, messages: Iterable[FeedMessage]) -> bytes:
    """The frames of several messages, one behind the other."""
    return b"".join(encode(channel, message) for message in messages)
