"""Protobuf: the bytes of Protocol Buffers as numbered fields, without a schema compiler. A codec.

Follows the Protocol Buffers encoding. A message is a sequence of fields, each varint(number << 3 | wire type)
and then a value whose end the wire type tells::

    0   VARINT    a number of up to 64 bits
    1   FIXED64   eight bytes
    2   BYTES     varint(size) and as many bytes: text, bytes, or a message within
    5   FIXED32   four bytes

Rules, stricter than most readers', because what is signed or hashed must have one form
    1. Varints are minimal.
    2. Groups (wire types 3 and 4) and the unassigned types 6 and 7 are refused.
    3. Field numbers are 1 to 2**29 - 1.
    4. A size is checked against what is there before anything is copied.
    5. A message has at most `MAX_FIELDS` fields. Messages within messages are bytes until somebody decodes
       them, so nesting costs nothing here.

What a number means, whether a field may be repeated, and what to do with unknown ones is the business of
whoever calls `decode`; `single` and `only` are the usual answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import varint
from p2plib.wire.fields import Field, bytes_follow

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
WIRE_TYPE_NAMES = {VARINT: "varint", FIXED64: "fixed64", BYTES: "bytes", FIXED32: "fixed32"}
MAX_FIELDS = 4096  # a peer's messages have tens; the cap is on objects made, not on bytes
MAX_FIELD_NUMBER = 2**29 - 1
MAX_UINT64 = 2**64 - 1

_FIXED_BYTES = {FIXED64: 8, FIXED32: 4}


@dataclass(frozen=True, slots=True)
class ProtoField:
    """One field of a message.

    Args:
        number: 1 to 2**29 - 1, the schema's name for it.
        wire_type: `VARINT`, `FIXED64`, `BYTES` or `FIXED32`.
        value: a number for `VARINT`, bytes for the others (8 and 4 of them for the fixed ones, as they
            stand).
    """

    number: int
    wire_type: int
    value: int | bytes

    def encode(self) -> bytes:
        """The bytes of the field.

        Raises:
            UsageError: the number, the wire type or the value do not fit together.
        """
        if not 1 <= self.number <= MAX_FIELD_NUMBER or self.wire_type not in WIRE_TYPE_NAMES:
            raise UsageError(f"there is no field {self.number} of wire type {self.wire_type}")
        tag = varint.encode(self.number << 3 | self.wire_type)
        if isinstance(self.value, int):
            if self.wire_type != VARINT:
                raise UsageError(
                    f"field {self.number}: a number is a varint, not {WIRE_TYPE_NAMES[self.wire_type]}"
                )
            return tag + varint.encode(self.value, maximum=MAX_UINT64)
        if self.wire_type == BYTES:
            return tag + varint.encode(len(self.value)) + self.value
        if len(self.value) != _FIXED_BYTES.get(self.wire_type):
            raise UsageError(
                f"field {self.number}: {len(self.value)} bytes as {WIRE_TYPE_NAMES[self.wire_type]}"
            )
        return tag + self.value


def encode(fields: Iterable[ProtoField], *, max_fields: int = MAX_FIELDS) -> bytes:
    """The message that has these fields, in this order.

    Raises:
        UsageError: a field's number, wire type and value do not fit together, or there are more than `decode`
            would read.
    """
    encoded = [field.encode() for field in fields]
    if len(encoded) > max_fields:
        raise UsageError(f"a message has at most {max_fields} fields, not {len(encoded)}")
    return b"".join(encoded)


def decode(data: bytes, *, max_fields: int = MAX_FIELDS) -> tuple[ProtoField, ...]:
    """The fields of a message, in the order in which they stand.

    Raises:
        DecodeError: the bytes break a rule of the module's head.
    """
    return tuple(field for field, _, _ in _walk(data, max_fields))


def _walk(data: bytes, max_fields: int) -> Iterable[tuple[ProtoField, int, int]]:
    """The fields with the offsets of their value and of what follows them."""
    offset, count = 0, 0
    while offset < len(data):
        count += 1
        if count > max_fields:
            raise DecodeError(f"a message of more than {max_fields} fields", offset)
        start = offset
        tag, offset = varint.decode(data, start, maximum=MAX_FIELD_NUMBER << 3 | 7)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise DecodeError("there is no field number 0", start)
        if wire_type not in WIRE_TYPE_NAMES:
            raise DecodeError(f"field {number} has wire type {wire_type}, which nobody uses", start)
        if wire_type == VARINT:
            value, end = varint.decode(data, offset, maximum=MAX_UINT64)
            yield ProtoField(number, wire_type, value), offset, end
        else:
            size, begin = (
                varint.decode(data, offset) if wire_type == BYTES else (_FIXED_BYTES[wire_type], offset)
            )
            end = begin + size
            if end > len(data):
                raise DecodeError(f"field {number} says {size} bytes, {len(data) - begin} are left", offset)
            yield ProtoField(number, wire_type, data[begin:end]), begin, end
        offset = end


def single(fields: Sequence[ProtoField], number: int, wire_type: int) -> int | bytes:
    """The value of a field that must be there exactly once.

    Raises:
        DecodeError: it is missing, repeated, or of another wire type.
    """
    found = [field for field in fields if field.number == number]
    if len(found) != 1:
        raise DecodeError(f"field {number} is there {len(found)} times, not once")
    if found[0].wire_type != wire_type:
        there, wanted = WIRE_TYPE_NAMES[found[0].wire_type], WIRE_TYPE_NAMES[wire_type]
        raise DecodeError(f"field {number} is {there}, not {wanted}")
    return found[0].value


def number(fields: Sequence[ProtoField], field_number: int) -> int:
    """The value of a `VARINT` field that must be there exactly once; see `single`."""
    value = single(fields, field_number, VARINT)
    assert isinstance(value, int)
    return value


def content(fields: Sequence[ProtoField], field_number: int) -> bytes:
    """The value of a `BYTES` field that must be there exactly once; see `single`."""
    value = single(fields, field_number, BYTES)
    assert isinstance(value, bytes)
    return value


def only(fields: Iterable[ProtoField], numbers: Iterable[int]) -> None:
    """Returns if the message has no other fields than these.

    Raises:
        DecodeError: it has; for formats whose specification leaves no room for unknown fields.
    """
    known = set(numbers)
    for field in fields:
        if field.number not in known:
            raise DecodeError(f"field {field.number} is unknown in this message")


def dissect(raw: bytes, names: dict[int, str] | None = None) -> tuple[Field, ...]:
    """The parts of a message: tag, size where there is one, value.

    Args:
        raw: the message.
        names: what its schema calls the numbers.
    """
    parts, offset = [], 0
    for field, begin, end in _walk(raw, MAX_FIELDS):
        called = (names or {}).get(field.number, f"field {field.number}")
        _, after_tag = varint.decode(raw, offset)
        kind = WIRE_TYPE_NAMES[field.wire_type]
        parts.append(Field(f"{called}: tag", raw[offset:after_tag], f"field {field.number}, {kind}"))
        if begin != after_tag:
            parts.append(Field(f"{called}: size", raw[after_tag:begin], bytes_follow(end - begin)))
        note = str(field.value) if field.wire_type == VARINT else ""
        parts.append(Field(called, raw[begin:end], note))
        offset = end
    return tuple(parts)
