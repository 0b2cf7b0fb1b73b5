"""Datagram: how the overlays of this package put a message into bytes. A codec, driven by tables.

Every message is one datagram: a byte that names the overlay, a byte that names the kind of message, then its
fields in the order of its class, each with its length before it (a varint, so nearly always one byte).

    01 03 04 5e11fa7e 01 ab 02 ffee
    |  |  |  |        |  |  |  a field of 2 bytes, the target
    |  |  |  |        |  a field of 1 byte, the sender's id
    |  |  |  a field of 4 bytes, the transaction
    |  |  its length
    |  FindNode
    Kademlia

Rules
    1. One message has one encoding: see `p2plib.machine.fields`. Nothing follows the last field.
    2. A length is checked against what is there, and against the field's own limit, before anything is cut.
    3. A datagram has at most `MAX_BYTES`, written or read.
    4. The loops over the table, `encode_by_table` and `decode_by_table`, are the specification. What usually
       runs is the straight-line code that `p2plib.machine.straight` makes from the same table; whatever it
       cannot handle is left to the loops, which handle it or say what is wrong and where.

How to write the messages of an overlay: each is a slotted dataclass whose fields are annotated with their
type on the wire, and the codec is the list of them. The first has kind 1, the next 2: new ones go last. ::

    @dataclass(slots=True)
    class FindNode(Header):  # a transaction and a sender, which nearly every message has
        target: Id

    CODEC = Codec("Kademlia", 1, Ping, Pong, FindNode, Nodes)

They are not frozen: very many are made, and making a frozen one takes four times as long. Treat them as if
they were.

Mainline's DHT says the same in bencode, libp2p's in protobuf; this format is the handbook's own, so that an
overlay's rules can be read without anybody else's syntax.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, get_type_hints

from p2plib.errors import DecodeError, UsageError
from p2plib.machine.fields import MAX_BYTES, FieldType, cut, with_length
from p2plib.machine.straight import Straight
from p2plib.wire.fields import Field, bytes_follow

HEADER_BYTES = 2


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind of message: its number, its class, and the type of each field in the order of the class."""

    kind: int
    message: type[Any]
    fields: tuple[tuple[str, FieldType], ...]


def layout_of(kind: int, message: type[Any]) -> Layout:
    """The layout that the annotations of a message's class describe.

    Args:
        kind: the number of the message, 1 to 255.
        message: its class, a dataclass.

    Raises:
        UsageError: a field is not annotated with its type on the wire.
    """
    hints = get_type_hints(message, include_extras=True)
    fields = []
    for field in dataclasses.fields(message):
        on_the_wire = getattr(hints[field.name], "__metadata__", (None,))[0]
        if not isinstance(on_the_wire, FieldType):
            raise UsageError(f"{message.__name__}.{field.name} is not annotated with its type on the wire")
        fields.append((field.name, on_the_wire))
    return Layout(kind, message, tuple(fields))


class Codec:
    """The messages of one overlay.

    Args:
        name: the overlay's name, for errors and drawings.
        overlay: the first byte of each of its datagrams.
        messages: their classes, in the order of their numbers.
    """

    def __init__(self, name: str, overlay: int, *messages: type[Any]) -> None:
        self.name, self.overlay = name, overlay
        layouts = [layout_of(kind, message) for kind, message in enumerate(messages, 1)]
        self.by_kind = {layout.kind: layout for layout in layouts}
        self.by_class = {layout.message: layout for layout in layouts}
        self._writers: dict[type[Any], Straight] = {}
        self._readers: dict[bytes, Straight] = {}
        for layout in layouts:
            head = bytes((overlay, layout.kind))
            straight = Straight(head, layout.message, layout.fields)
            self._writers[layout.message] = self._readers[head] = straight

    def encode(self, message: Any) -> bytes:
        """The bytes of a message.

        Raises:
            UsageError: it is not a message of this overlay, or is larger than a field or a datagram may be.
        """
        straight = self._writers.get(type(message))
        data = None if straight is None else straight.write(message)
        return self.encode_by_table(message) if data is None else data

    def decode(self, data: bytes) -> Any:
        """The message in a datagram.

        Raises:
            DecodeError: it is not exactly what `encode` writes.
        """
        straight = self._readers.get(data[:HEADER_BYTES])
        if straight is not None and len(data) <= MAX_BYTES:
            message = straight.read(data)
            if message is not None:
                return message
        return self.decode_by_table(data)

    def encode_by_table(self, message: Any) -> bytes:
        """Does what `encode` does, by the loop over the table."""
        layout = self.by_class.get(type(message))
        if layout is None:
            raise UsageError(f"{type(message).__name__} is not a message of {self.name}")
        parts = [bytes((self.overlay, layout.kind))]
        for name, kind in layout.fields:
            raw = kind.pack(getattr(message, name))
            if len(raw) > kind.max_bytes:
                raise UsageError(f"{name} of {len(raw)} bytes, where {kind.max_bytes} is the most")
            parts.append(with_length(raw))
        data = b"".join(parts)
        if len(data) > MAX_BYTES:
            raise UsageError(f"a datagram of {len(data)} bytes, where {MAX_BYTES} is the most")
        return data

    def decode_by_table(self, data: bytes) -> Any:
        """Does what `decode` does, by the loop over the table."""
        layout = self._layout(data)
        values, offset = [], HEADER_BYTES
        for name, kind in layout.fields:
            raw, offset = cut(data, offset, kind.max_bytes, name)
            values.append(kind.unpack(raw))
        if offset != len(data):
            raise DecodeError(f"{bytes_follow(len(data) - offset)} the last field", offset)
        return layout.message(*values)

    def dissect(self, data: bytes) -> tuple[Field, ...]:
        """The parts of a datagram, in order, for a drawing."""
        self.decode_by_table(data)
        layout = self._layout(data)
        parts = [Field("overlay", data[:1], self.name), Field("kind", data[1:2], layout.message.__name__)]
        offset = HEADER_BYTES
        for name, kind in layout.fields:
            raw, end = cut(data, offset, kind.max_bytes, name)
            start = end - len(raw)
            parts.append(Field("length", data[offset:start], bytes_follow(len(raw))))
            if raw:
                parts.append(Field(name, raw, kind.show(kind.unpack(raw))))
            offset = end
        return tuple(parts)

    def source(self, message: type[Any]) -> str:
        """The straight-line code that writes and reads one kind of message, as text."""
        return self._writers[message].source

    def _layout(self, data: bytes) -> Layout:
        if len(data) > MAX_BYTES:
            raise DecodeError(f"a datagram of {len(data)} bytes, where {MAX_BYTES} is the most")
        if len(data) < HEADER_BYTES:
            raise DecodeError(
                "a datagram begins with an overlay and a kind, and this one is shorter", len(data)
            )
        if data[0] != self.overlay:
            raise DecodeError(f"a datagram of overlay {data[0]}; that of {self.name} is {self.overlay}", 0)
        if data[1] not in self.by_kind:
            raise DecodeError(f"{self.name} has no message of kind {data[1]}", 1)
        return self.by_kind[data[1]]
