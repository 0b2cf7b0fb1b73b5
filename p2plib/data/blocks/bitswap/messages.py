"""The message of Bitswap: what a peer wants, what it has, and blocks. A codec.

Follows the Bitswap specification (IPFS standards, versions 1.0.0 to 1.2.0). There is one kind of message, in
Protocol Buffers, with varint(size) in front of it on a stream::

    1  wantlist       1  entry, repeated   1 block's CID   2 priority   3 cancel
                                           4 0 "block" or 1 "have"      5 send "don't have"
                      2  full
    2  block, repeated                     version 1.0: the bytes of a block alone
    3  payload, repeated                   from 1.1 on: 1 the CID without its digest   2 the bytes
    4  block presence, repeated            from 1.2 on: 1 CID   2 0 "have" or 1 "don't have"
    5  pending bytes

Rules
    1. A message has at most `MAX_MESSAGE_BYTES`, a block at most as many as `p2plib.data.dag.block` lets it
       have, and each list at most `MAX_ENTRIES`. All of that is checked before anything is kept.
    2. A number stands at most once, and says something that the specification knows. Fields that it does not
       know are left out, so that there can be a version 1.3.
    3. A block comes without its digest: whoever gets it hashes it. So a block cannot be passed off as
       another; it can only be one that nobody asked for.
    4. A CID that is well-formed and proves nothing to us (SHA-1, say, which old content has) makes its entry
       one that is left out and counted, not an error: other peers want such blocks of each other.

Vocabulary::

    prefix   the first four numbers of a CID: version, codec, hash function, size of the digest
    full     the wants of this message are all that there are; by default they come on top
    pending  how many bytes of blocks wait for us at the other side; a hint
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from p2plib.data.dag import hashes
from p2plib.data.dag.block import MAX_BLOCK_BYTES, Block
from p2plib.errors import DecodeError, UsageError
from p2plib.protocol.framing import VarintFrames
from p2plib.wire import cid as cids
from p2plib.wire import multicodec, multihash, protobuf, varint
from p2plib.wire.cid import Cid
from p2plib.wire.fields import Field, bytes_follow
from p2plib.wire.multihash import SECURE_BYTES
from p2plib.wire.protobuf import BYTES, VARINT, ProtoField

V1_0, V1_1, V1_2 = (f"/ipfs/bitswap/1.{minor}.0" for minor in range(3))
PROTOCOLS = (V1_2, V1_1, V1_0)  # the dearest first

MAX_MESSAGE_BYTES = 4 * 1024 * 1024  # what Kubo takes
MAX_ENTRIES = protobuf.MAX_FIELDS  # of one list in one message; Kubo keeps 1024 wants of a peer
MAX_PREFIX_BYTES = 4 * varint.MAX_BYTES
MAX_CID_BYTES = 2 * varint.MAX_BYTES + 2 * varint.MAX_BYTES + multihash.MAX_DIGEST_BYTES
FRAMES = VarintFrames(MAX_MESSAGE_BYTES)


class WantKind(enum.IntEnum):
    """What a peer wants: the block itself, or to hear whether the other has it."""

    BLOCK = 0
    HAVE = 1


class Presence(enum.IntEnum):
    """Whether a peer has a block."""

    HAVE = 0
    DONT_HAVE = 1


Choice = TypeVar("Choice", WantKind, Presence)
Names = dict[int, tuple[str, "Names | None"]]


@dataclass(frozen=True, slots=True)
class WantEntry:
    """One line of a list of wants.

    Args:
        cid: of the block.
        priority: a signed 32-bit number; the larger, the sooner.
        kind: what is wanted.
        is_cancel: whether it is not wanted any more.
        asks_dont_have: whether the other side shall say so when it does not have the block.
    """

    cid: Cid
    priority: int = 1
    kind: WantKind = WantKind.BLOCK
    is_cancel: bool = False
    asks_dont_have: bool = False


@dataclass(frozen=True, slots=True)
class BlockPresence:
    """Whether the sender has a block.

    Args:
        cid: of the block.
        presence: whether it has it.
    """

    cid: Cid
    presence: Presence


@dataclass(frozen=True, slots=True)
class Payload:
    """A block as it travels: its bytes, and how its CID is made of them.

    Args:
        version: of the CID, 0 or 1.
        codec: of the CID.
        function: the hash function of the CID, a multicodec number.
        data: the bytes.
    """

    version: int
    codec: int
    function: int
    data: bytes

    def block(self) -> Block:
        """The block, hashed.

        Raises:
            UsageError: the hash function is none that this library computes.
        """
        return Block(Cid(self.version, self.codec, hashes.digest(self.function, self.data)), self.data)


@dataclass(frozen=True, slots=True)
class BitswapMessage:
    """All that one message says.

    Args:
        wants: what the sender wants from now on, or does not want any more.
        is_full: whether that is all that it wants.
        payload: blocks.
        presences: what the sender has and has not.
        pending_bytes: how much more waits at the sender.
        left_out: how many lines were left out by rule 4.
    """

    wants: tuple[WantEntry, ...] = ()
    is_full: bool = False
    payload: tuple[Payload, ...] = ()
    presences: tuple[BlockPresence, ...] = ()
    pending_bytes: int = 0
    left_out: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return not (self.wants or self.is_full or self.payload or self.presences)


def payload_of(cid: Cid, data: bytes) -> Payload:
    """A block ready to travel.

    Args:
        cid: as it was asked for; its version and codec go along.
        data: the bytes that it names.
    """
    return Payload(cid.version, cid.codec, cid.multihash.code, data)


# Encoding


def encode(message: BitswapMessage, protocol: str = V1_2) -> bytes:
    """The bytes of a message, without the size in front.

    Args:
        message: what to say.
        protocol: one of `PROTOCOLS`. An older one leaves out what it cannot say: presences and
            `asks_dont_have` are from 1.2, and what wants to know who has a block is not asked at all. Blocks
            of version 1.0 do not say how they are hashed, so it carries those of SHA-256 alone.

    Raises:
        UsageError: there is no such protocol; or the message breaks a rule of the module's head.
    """
    if protocol not in PROTOCOLS:
        raise UsageError(f"{protocol} is no version of Bitswap")
    is_new = protocol == V1_2
    for count, name in (
        (len(message.wants), "wants"),
        (len(message.payload), "blocks"),
        (len(message.presences), "presences"),
    ):
        if count > MAX_ENTRIES:
            raise UsageError(f"a message has at most {MAX_ENTRIES} {name}, not {count}")
    wants = [want for want in message.wants if is_new or want.kind is WantKind.BLOCK]
    lines = [ProtoField(1, BYTES, _encode_want(want, is_new)) for want in wants]
    fields = []
    if lines or message.is_full:
        full = [ProtoField(2, VARINT, 1)] if message.is_full else []
        body = protobuf.encode([*lines, *full], max_fields=MAX_ENTRIES + 1)
        fields.append(ProtoField(1, BYTES, body))
    fields += [
        _encode_payload(payload, protocol)
        for payload in message.payload
        if protocol != V1_0 or payload.function == multicodec.SHA2_256
    ]
    if is_new:
        fields += [ProtoField(4, BYTES, _encode_presence(each)) for each in message.presences]
        if message.pending_bytes:
            fields.append(ProtoField(5, VARINT, _unsigned(message.pending_bytes)))
    raw = protobuf.encode(fields, max_fields=2 * MAX_ENTRIES + 2)
    if len(raw) > MAX_MESSAGE_BYTES:
        raise UsageError(f"a message has at most {MAX_MESSAGE_BYTES} bytes, not {len(raw)}")
    return raw


def _encode_want(want: WantEntry, is_new: bool) -> bytes:
    numbers = (
        (2, _unsigned(want.priority)),
        (3, int(want.is_cancel)),
        (4, int(want.kind)),
        (5, int(want.asks_dont_have and is_new)),
    )
    return protobuf.encode(
        [
            ProtoField(1, BYTES, cids.encode_bytes(want.cid)),
            *(ProtoField(number, VARINT, value) for number, value in numbers if value),
        ]
    )


def _encode_payload(payload: Payload, protocol: str) -> ProtoField:
    if len(payload.data) > MAX_BLOCK_BYTES:
        raise UsageError(f"a block of {len(payload.data)} bytes, where {MAX_BLOCK_BYTES} is the most")
    if protocol == V1_0:
        return ProtoField(2, BYTES, payload.data)
    if payload.function not in SECURE_BYTES:
        raise UsageError(f"no block is sent under {multicodec.name(payload.function)}")
    numbers = (payload.version, payload.codec, payload.function, SECURE_BYTES[payload.function])
    prefix = b"".join(varint.encode(number) for number in numbers)
    inner = [ProtoField(1, BYTES, prefix)]
    if payload.data:
        inner.append(ProtoField(2, BYTES, payload.data))
    return ProtoField(3, BYTES, protobuf.encode(inner))


def _encode_presence(each: BlockPresence) -> bytes:
    kind = [ProtoField(2, VARINT, int(each.presence))] if each.presence else []
    return protobuf.encode([ProtoField(1, BYTES, cids.encode_bytes(each.cid)), *kind])


def _unsigned(value: int) -> int:
    """A signed 32-bit number as Protocol Buffers write it: a negative one as 64 bits."""
    if not -(2**31) <= value < 2**31:
        raise UsageError(f"a signed number of 32 bits cannot be {value}")
    return value % 2**64


# Decoding


def decode(raw: bytes) -> BitswapMessage:
    """What a message says, of any version.

    Args:
        raw: the message, without the size in front.

    Raises:
        DecodeError: it breaks a rule of the module's head.
    """
    if len(raw) > MAX_MESSAGE_BYTES:
        raise DecodeError(f"a message of {len(raw)} bytes, where {MAX_MESSAGE_BYTES} is the most", 0)
    fields = protobuf.decode(raw, max_fields=2 * MAX_ENTRIES + 2)
    wants, is_full, left_out = _decode_wantlist(_bytes_once(fields, 1, "wantlist"))
    old = [_as_old_block(data) for data in _all_bytes(fields, 2, "blocks")]
    new = [_decode_payload(each) for each in _all_bytes(fields, 3, "payload")]
    if len(old) + len(new) > MAX_ENTRIES:
        raise DecodeError(f"{len(old) + len(new)} blocks in one message, where {MAX_ENTRIES} is the most")
    found = [_decode_presence(each) for each in _all_bytes(fields, 4, "block presences")]
    presences = tuple(each for each in found if each is not None)
    return BitswapMessage(
        tuple(wants),
        is_full,
        (*old, *new),
        presences,
        _signed(fields, 5),
        left_out + len(found) - len(presences),
    )


def _decode_wantlist(raw: bytes) -> tuple[list[WantEntry], bool, int]:
    fields = protobuf.decode(raw, max_fields=MAX_ENTRIES + 1)
    lines = [_decode_want(each) for each in _all_bytes(fields, 1, "wants")]
    wants = [line for line in lines if line is not None]
    return wants, _flag(fields, 2), len(lines) - len(wants)


def _decode_want(raw: bytes) -> WantEntry | None:
    fields = protobuf.decode(raw)
    cid = _cid(_bytes_once(fields, 1, "CID"))
    entry = (
        _signed(fields, 2),
        _choice(WantKind, fields, 4),
        _flag(fields, 3),
        _flag(fields, 5),
    )
    return None if cid is None else WantEntry(cid, *entry)


def _decode_presence(raw: bytes) -> BlockPresence | None:
    fields = protobuf.decode(raw)
    cid, presence = _cid(_bytes_once(fields, 1, "CID")), _choice(Presence, fields, 2)
    return None if cid is None else BlockPresence(cid, presence)


def _decode_payload(raw: bytes) -> Payload:
    fields = protobuf.decode(raw)
    prefix, data = _bytes_once(fields, 1, "prefix"), _bytes_once(fields, 2, "data")
    if len(prefix) > MAX_PREFIX_BYTES:
        raise DecodeError(f"a prefix of {len(prefix)} bytes", 0)
    _check_size(data)
    numbers, at = [], 0
    for _ in range(4):
        number, at = varint.decode(prefix, at)
        numbers.append(number)
    if at != len(prefix):
        raise DecodeError(f"a prefix that goes on for {len(prefix) - at} bytes after its four numbers", at)
    version, codec, function, size = numbers
    if size != SECURE_BYTES.get(function):
        raise DecodeError(f"no block comes under a {multicodec.name(function)} digest of {size} bytes")
    is_old = (codec, function) == (multicodec.DAG_PB, multicodec.SHA2_256)
    if version != 1 and not (version == 0 and is_old):
        raise DecodeError(f"a block under version {version} of a CID that is {multicodec.name(codec)}", 0)
    return Payload(version, codec, function, data)


def _as_old_block(data: bytes) -> Payload:
    """Version 1.0 knows one kind of CID."""
    _check_size(data)
    return Payload(0, multicodec.DAG_PB, multicodec.SHA2_256, data)


def _check_size(data: bytes) -> None:
    if len(data) > MAX_BLOCK_BYTES:
        raise DecodeError(f"a block of {len(data)} bytes, where {MAX_BLOCK_BYTES} is the most")


def _cid(raw: bytes) -> Cid | None:
    """A CID; None for one that rule 4 leaves out."""
    if len(raw) > MAX_CID_BYTES:
        raise DecodeError(f"a CID of {len(raw)} bytes")
    try:
        return cids.decode_bytes(raw)
    except DecodeError:
        version, at = varint.decode(raw)
        if version != 1:
            raise
        _, at = varint.decode(raw, at)
        multihash.decode(raw[at:])  # raises where it is malformed
        return None


def _all_bytes(fields: Iterable[ProtoField], number: int, name: str) -> list[bytes]:
    found = []
    for field in fields:
        if field.number == number:
            if not isinstance(field.value, bytes) or field.wire_type != BYTES:
                raise DecodeError(f"the {name} are bytes, not {protobuf.WIRE_TYPE_NAMES[field.wire_type]}")
            found.append(field.value)
    if len(found) > MAX_ENTRIES:
        raise DecodeError(f"{len(found)} {name} in one message, where {MAX_ENTRIES} is the most")
    return found


def _bytes_once(fields: Iterable[ProtoField], number: int, name: str) -> bytes:
    """Bytes that stand at most once; as everywhere in Protocol Buffers, none are as good as empty ones."""
    found = _all_bytes(fields, number, name)
    if len(found) > 1:
        raise DecodeError(f"{len(found)} times {name}, where once is the most")
    return found[0] if found else b""


def _number(fields: Sequence[ProtoField], number: int) -> int:
    if all(field.number != number for field in fields):
        return 0
    return protobuf.number(fields, number)


def _signed(fields: Sequence[ProtoField], number: int) -> int:
    value = _number(fields, number)
    signed = value - 2**64 if value >= 2**63 else value
    if not -(2**31) <= signed < 2**31:
        raise DecodeError(f"field {number} is {signed}, which is no signed number of 32 bits")
    return signed


def _flag(fields: Sequence[ProtoField], number: int) -> bool:
    value = _number(fields, number)
    if value > 1:
        raise DecodeError(f"field {number} is 0 or 1, not {value}")
    return bool(value)


def _choice(kind: type[Choice], fields: Sequence[ProtoField], number: int) -> Choice:
    value = _number(fields, number)
    if value > 1:
        raise DecodeError(f"there is no {kind.__name__} {value}")
    return kind(value)


# For drawings

_ENTRY: Names = {
    1: ("CID", None),
    2: ("priority", None),
    3: ("cancel", None),
    4: ("kind", None),
    5: ("asks don't have", None),
}
NAMES: Names = {
    1: ("wantlist", {1: ("entry", _ENTRY), 2: ("full", None)}),
    2: ("block", None),
    3: ("payload", {1: ("prefix", None), 2: ("data", None)}),
    4: ("block presence", {1: ("CID", None), 2: ("presence", None)}),
    5: ("pending bytes", None),
}


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of a message, those of its lists included."""
    decode(raw)
    return tuple(_parts(raw, NAMES))


def _parts(raw: bytes, names: Names) -> Iterable[Field]:
    for field in protobuf.decode(raw, max_fields=2 * MAX_ENTRIES + 2):
        name, inner = names.get(field.number, (f"field {field.number}", None))
        whole = field.encode()
        if isinstance(field.value, int):
            yield Field(name, whole, str(field.value))
            continue
        size = len(field.value)
        yield Field(f"{name}: tag and size", whole[: len(whole) - size], bytes_follow(size))
        if inner is not None:
            yield from _parts(field.value, inner)
        else:
            yield Field(name, field.value)
