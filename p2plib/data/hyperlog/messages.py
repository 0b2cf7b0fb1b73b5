"""The wire of hyperlog: six messages in varint frames. Codec.

npm's `hyperlog` 4.12.1, `schema.proto` and `lib/protocol.js`. A frame holds varint(size) ‖ type ‖ body, and
the body is a Protocol Buffers message::

    0 handshake   1 version (1)   2 mode: "sync" (if it is left out), "push", "pull"   3 metadata   4 live
    1 have        1 log   2 seq     my log ends there
    2 want        1 log   2 seq     send me what follows that number; 0 for everything
    3 node        1 change   2 key   3 log   4 seq   7 identity   8 signature   5 value   6 links (each)
    4 sentHeads   (empty)           I have said what I have
    5 sentWants   (empty)           I have got all that I wanted

`change` is the sender's own count and means nothing to anybody else. `seq` in a node is optional on the wire;
here it must be there, because npm's own replication always says it.

Rules
    1. A frame has at most `MAX_MESSAGE_BYTES`.
    2. Texts are UTF-8, numbers fit 32 bits, no field but links is there twice. Unknown fields are left alone.
    3. What a node must be, beyond that, is checked by `p2plib.data.hyperlog.nodes`.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.data.hyperlog.nodes import MAX_LINKS, MAX_PROOF_BYTES, MAX_SEQ, MAX_VALUE_BYTES, HyperlogNode
from p2plib.errors import DecodeError, UsageError
from p2plib.protocol.framing import VarintFrames
from p2plib.wire import protobuf
from p2plib.wire.fields import Field
from p2plib.wire.protobuf import BYTES, VARINT, ProtoField

VERSION = 1
MODES = ("sync", "push", "pull")
MAX_METADATA_BYTES = 4096
# A node of the largest value and the most links, each with its tag and size, and its small fields.
MAX_MESSAGE_BYTES = MAX_VALUE_BYTES + MAX_LINKS * 66 + 2 * MAX_PROOF_BYTES + 1024
FRAMES = VarintFrames(MAX_MESSAGE_BYTES)

HANDSHAKE, HAVE, WANT, NODE, SENT_HEADS, SENT_WANTS = range(6)
TYPE_NAMES = ("handshake", "have", "want", "node", "sentHeads", "sentWants")
_LOG_FIELDS = {1: "log", 2: "seq"}
FIELD_NAMES: dict[int, dict[int, str]] = {
    HANDSHAKE: {1: "version", 2: "mode", 3: "metadata", 4: "live"},
    HAVE: _LOG_FIELDS,
    WANT: _LOG_FIELDS,
    NODE: {
        1: "change", 2: "key", 3: "log", 4: "seq", 5: "value", 6: "link", 7: "identity", 8: "signature",
    },
    SENT_HEADS: {},
    SENT_WANTS: {},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HyperlogHandshake:
    """How a side wants to replicate; each sends it once, first.

    Args:
        mode: one of `MODES`.
        live: whether to go on after both have the same.
        metadata: the application's own; None if there is none.
        version: of the protocol.
    """

    mode: str = "sync"
    live: bool = False
    metadata: bytes | None = None
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class HyperlogHave:
    """ "My copy of this log ends with that number."

    Args:
        log: its name.
        seq: the number of its last entry.
    """

    log: str
    seq: int


@dataclass(frozen=True, slots=True)
class HyperlogWant:
    """ "Send me this log from after that number on."

    Args:
        log: its name.
        seq: the number of the last entry that the sender of this has; 0 for none.
    """

    log: str
    seq: int


@dataclass(frozen=True, slots=True)
class HyperlogSend:
    """One entry of a log.

    Args:
        node: the entry.
        change: the sender's own count, which means nothing here.
    """

    node: HyperlogNode
    change: int


@dataclass(frozen=True, slots=True)
class SentHeads:
    """The sender has said what it has."""


@dataclass(frozen=True, slots=True)
class SentWants:
    """The sender has got all that it wanted."""


HyperlogMessage = HyperlogHandshake | HyperlogHave | HyperlogWant | HyperlogSend | SentHeads | SentWants


def encode(message: HyperlogMessage) -> bytes:
    """The type and the body of a message, without its frame."""
    match message:
        case HyperlogHandshake():
            return bytes([HANDSHAKE]) + protobuf.encode(_handshake_fields(message))
        case HyperlogHave(log, seq):
            return bytes([HAVE]) + protobuf.encode(_log_fields(log, seq))
        case HyperlogWant(log, seq):
            return bytes([WANT]) + protobuf.encode(_log_fields(log, seq))
        case HyperlogSend(node, change):
            return bytes([NODE]) + protobuf.encode(_node_fields(node, change))
        case SentHeads():
            return bytes([SENT_HEADS])
        case SentWants():
            return bytes([SENT_WANTS])


def frame(message: HyperlogMessage) -> bytes:
    """A message as it goes over the wire."""
    return FRAMES.encode(encode(message))


def decode(raw: bytes) -> HyperlogMessage:
    """The message that a frame holds.

    Raises:
        DecodeError: it breaks a rule of the module's head.
    """
    if not raw:
        raise DecodeError("a message has a type", 0)
    kind = raw[0]
    if kind in (SENT_HEADS, SENT_WANTS):
        if len(raw) > 1:
            raise DecodeError(f"{TYPE_NAMES[kind]} has no body, not one of {len(raw) - 1} bytes", 1)
        return SentHeads() if kind == SENT_HEADS else SentWants()
    if kind >= len(TYPE_NAMES):
        raise DecodeError(f"there is no message of type {kind}", 0)
    fields = _Fields(protobuf.decode(raw[1:]))
    match kind:
        case 0:  # HANDSHAKE
            return _handshake(fields)
        case 1:  # HAVE
            return HyperlogHave(fields.text(1), fields.number(2))
        case 2:  # WANT
            return HyperlogWant(fields.text(1), fields.number(2))
        case _:
            return HyperlogSend(_node(fields), fields.number(1))


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of one whole frame: size, type, fields.

    Raises:
        DecodeError: it is not exactly one frame, or no message.
    """
    size, payload = FRAMES.dissect(raw)
    decode(payload.raw)
    kind = payload.raw[0]
    body = protobuf.dissect(payload.raw[1:], FIELD_NAMES[kind])
    return (size, Field("type", payload.raw[:1], TYPE_NAMES[kind]), *body)


def _handshake_fields(message: HyperlogHandshake) -> list[ProtoField]:
    if message.mode not in MODES:
        raise UsageError(f"there is no mode {message.mode!r}; there are {', '.join(MODES)}")
    fields = [ProtoField(1, VARINT, message.version)]
    if message.mode != "sync":
        fields.append(ProtoField(2, BYTES, message.mode.encode()))
    if message.metadata is not None:
        fields.append(ProtoField(3, BYTES, message.metadata))
    if message.live:
        fields.append(ProtoField(4, VARINT, 1))
    return fields


def _log_fields(log: str, seq: int) -> list[ProtoField]:
    return [ProtoField(1, BYTES, log.encode()), ProtoField(2, VARINT, seq)]


def _node_fields(node: HyperlogNode, change: int) -> list[ProtoField]:
    """In the order in which npm writes them."""
    fields = [
        ProtoField(1, VARINT, change),
        ProtoField(2, BYTES, node.key.encode()),
        ProtoField(3, BYTES, node.log.encode()),
        ProtoField(4, VARINT, node.seq),
    ]
    if node.identity is not None:
        fields.append(ProtoField(7, BYTES, node.identity))
    if node.signature is not None:
        fields.append(ProtoField(8, BYTES, node.signature))
    fields.append(ProtoField(5, BYTES, node.value))
    return fields + [ProtoField(6, BYTES, link.encode()) for link in node.links]


class _Fields:
    """The fields of one message, by number."""

    def __init__(self, fields: tuple[ProtoField, ...]) -> None:
        self._fields = fields

    def has(self, number: int) -> bool:
        return any(field.number == number for field in self._fields)

    def number(self, number: int) -> int:
        value = protobuf.number(self._fields, number)
        if value > MAX_SEQ:
            raise DecodeError(f"field {number} is {value}, which does not fit 32 bits")
        return value

    def content(self, number: int) -> bytes:
        return protobuf.content(self._fields, number)

    def optional(self, number: int) -> bytes | None:
        return self.content(number) if self.has(number) else None

    def text(self, number: int) -> str:
        return _text(self.content(number))

    def texts(self, number: int) -> tuple[str, ...]:
        found = [field.value for field in self._fields if field.number == number]
        if len(found) > MAX_LINKS:
            raise DecodeError(f"field {number} is there {len(found)} times, where {MAX_LINKS} is the most")
        texts = list[str]()
        for value in found:
            if isinstance(value, int):
                raise DecodeError(f"field {number} is text, not a number")
            texts.append(_text(value))
        return tuple(texts)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise DecodeError("a text is UTF-8") from None


def _handshake(fields: _Fields) -> HyperlogHandshake:
    mode = fields.text(2) if fields.has(2) else "sync"
    if mode not in MODES:
        raise DecodeError(f"there is no mode {mode[:20]!r}")
    version = fields.number(1)
    if version != VERSION:
        raise DecodeError(f"version {version} of hyperlog's protocol, where {VERSION} is the only one")
    metadata = fields.optional(3)
    if metadata is not None and len(metadata) > MAX_METADATA_BYTES:
        raise DecodeError(f"{len(metadata)} bytes of metadata, where {MAX_METADATA_BYTES} is the most")
    return HyperlogHandshake(mode, fields.has(4) and fields.number(4) != 0, metadata, version)


def _node(fields: _Fields) -> HyperlogNode:
    return HyperlogNode(
        fields.text(2),
        fields.texts(6),
        fields.content(5),
        fields.text(3),
        fields.number(4),
        fields.optional(7),
        fields.optional(8),
    )
