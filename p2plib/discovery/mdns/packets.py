"""Packets: what DNS sends, for a whole link or to one server. A codec (RFC 1035, section 4; RFC 6762).

Twelve bytes of header, then four lists: questions, and three of records. A question on a link::

    00 00  00 00  00 01  00 00  00 00  00 00   no id, no flags, one question
    05 5f 63 68 61 74 04 5f 75 64 70 05 6c 6f 63 61 6c 00   _chat._udp.local.
    00 0c  80 01                               PTR; IN, and the answer may come to me alone

Rules
    1. A packet has exactly what its counts say, and nothing behind it. They are checked against what is there
       before anything is allocated: a question takes 5 bytes at least, a record 11.
    2. A packet has at most `MAX_BYTES` bytes; one for a link at most `MAX_LINK_BYTES` (RFC 6762, 17).
    3. In a question on a link the top bit of the class asks for an answer to the asker alone
       (`wants_unicast`, "QU", section 5.4); in a record it is the cache-flush bit: see
       `p2plib.discovery.mdns.records`.
    4. On writing, each name breaks off with a pointer to an ending that was written before, case and all, as
       far as a pointer reaches. `compresses=False` writes names in full, as npm's multicast-dns does.
    5. What was written reads back as it was. What was read need not be written as it came: there is more than
       one way to compress.

Vocabulary::

    id          in DNS, two bytes that the answer repeats; 0 on a link, where anybody may answer
    flags       16 bits: RESPONSE, AUTHORITATIVE, TRUNCATED (more known answers follow) and others
    answer      a record that answers; in a question on a link, what the asker knows already
    authority   in a probe, what the prober wants to claim
    additional  what the asker is going to ask next
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from p2plib.discovery.mdns.names import HEADER_BYTES, DomainName, NameReader, NameWriter, dissect_name
from p2plib.discovery.mdns.rdata import dissect_data, read_data, write_data
from p2plib.discovery.mdns.records import IN, TOP_BIT, RecordType, ResourceRecord, type_name
from p2plib.errors import DecodeError, UsageError
from p2plib.wire.fields import Field, bytes_follow

MAX_BYTES = 65_535  # what TCP's length before a packet can say
MAX_LINK_BYTES = 9_000  # RFC 6762, section 17, headers of IP and UDP included
RESPONSE, AUTHORITATIVE, TRUNCATED = 0x8000, 0x0400, 0x0200  # of the flags
RECURSION_DESIRED, RECURSION_AVAILABLE = 0x0100, 0x0080
OPCODE, RCODE = 0x7800, 0x000F
QUESTION_BYTES, RECORD_BYTES = 5, 11  # with the shortest name there is, the root's zero
SECTIONS = ("answer", "authority", "additional")
HEADER = ("id", "flags", "questions", "answers", "authorities", "additionals")


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody wants to know.

    Args:
        name: about which name.
        type: which type of record; `RecordType.ANY` for all.
        rclass: the class without the top bit.
        wants_unicast: the top bit of the class (rule 3).
    """

    name: DomainName
    type: int
    rclass: int = IN
    wants_unicast: bool = False

    def __str__(self) -> str:
        return f"{self.name} {type_name(self.type)}?{' (QU)' if self.wants_unicast else ''}"

    def asks_for(self, record: ResourceRecord) -> bool:
        """Whether a record answers the question."""
        return (
            record.name == self.name
            and self.type in (record.type, RecordType.ANY)
            and self.rclass in (record.rclass, 255)
        )


@dataclass(frozen=True, slots=True)
class DnsPacket:
    """A packet of DNS. The header's counts are those of its lists."""

    questions: tuple[Question, ...] = ()
    answers: tuple[ResourceRecord, ...] = ()
    authorities: tuple[ResourceRecord, ...] = ()
    additionals: tuple[ResourceRecord, ...] = ()
    flags: int = 0
    id: int = 0

    @property
    def is_response(self) -> bool:
        """Whether it answers; else it asks."""
        return bool(self.flags & RESPONSE)

    @property
    def is_truncated(self) -> bool:
        """Whether more belongs to it: in a question on a link, known answers that follow."""
        return bool(self.flags & TRUNCATED)

    @property
    def opcode(self) -> int:
        """What is asked of a server: 0 is a query, 5 an update."""
        return (self.flags & OPCODE) >> 11

    @property
    def rcode(self) -> int:
        """How a server answers: 0 is no error, 3 that there is no such name."""
        return self.flags & RCODE

    @property
    def records(self) -> tuple[ResourceRecord, ...]:
        """All its records, in order."""
        return self.answers + self.authorities + self.additionals

    def __str__(self) -> str:
        parts = [f"{question}" for question in self.questions]
        for what, records in zip(SECTIONS, (self.answers, self.authorities, self.additionals), strict=True):
            parts += [f"{what}: {record}" for record in records]
        return "\n".join(["response" if self.is_response else "query", *(f"  {part}" for part in parts)])


# Writing --------------------------------------------------------------------------------------------------


def encode(packet: DnsPacket, *, compresses: bool = True, multicast: bool = True) -> bytes:
    """The bytes of a packet.

    Args:
        packet: the packet.
        compresses: whether names break off with pointers (rule 4).
        multicast: whether they may do so in SRV and NSEC too, which a name server's clients need not expect.

    Raises:
        UsageError: something in it cannot be written, or the whole is too long.
    """
    lists = (packet.questions, packet.answers, packet.authorities, packet.additionals)
    numbers = (packet.id, packet.flags, *map(len, lists))
    try:
        out = bytearray(struct.pack(">6H", *numbers))
    except struct.error:
        raise UsageError(f"id, flags and counts have 16 bits each, and these are {numbers}") from None
    names = NameWriter(compresses)
    for question in packet.questions:
        write_question(out, question, names)
    for record in packet.records:
        write_record(out, record, names, multicast)
    if len(out) > MAX_BYTES:
        raise UsageError(f"a packet of {len(out)} bytes, where {MAX_BYTES} is the most")
    return bytes(out)


def write_question(out: bytearray, question: Question, names: NameWriter) -> None:
    """Appends a question to a packet.

    Raises:
        UsageError: something in it cannot be written.
    """
    names.write(out, question.name)
    out += _u16(question.type) + _u16(_with_top_bit(question.rclass, question.wants_unicast))


def write_record(out: bytearray, record: ResourceRecord, names: NameWriter, multicast: bool = True) -> None:
    """Appends a record to a packet.

    Raises:
        UsageError: something in it cannot be written.
    """
    rclass = record.rclass
    if record.type != RecordType.OPT:
        rclass = _with_top_bit(rclass, record.cache_flush)
    if not 0 <= record.ttl_s < 2**32:
        raise UsageError(f"a record is kept for 0 to 2³² − 1 seconds, not {record.ttl_s}")
    names.write(out, record.name)
    out += _u16(record.type) + _u16(rclass) + record.ttl_s.to_bytes(4, "big") + b"\0\0"
    start = len(out)
    write_data(out, record.data, names, multicast)
    if len(out) - start > 0xFFFF:
        raise UsageError(f"data of {len(out) - start} bytes, where 65,535 is the most")
    out[start - 2 : start] = _u16(len(out) - start)


def _with_top_bit(rclass: int, is_set: bool) -> int:
    if not 0 <= rclass < TOP_BIT:
        raise UsageError(f"a class has 15 bits besides the top one, and {rclass} has more")
    return rclass | TOP_BIT * is_set


def _u16(number: int) -> bytes:
    if not 0 <= number <= 0xFFFF:
        raise UsageError(f"{number} does not fit into 16 bits")
    return number.to_bytes(2, "big")


# Reading --------------------------------------------------------------------------------------------------


def decode(raw: bytes) -> DnsPacket:
    """The packet in some bytes.

    Raises:
        DecodeError: they break a rule.
    """
    return _read(bytes(raw), None)


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of a packet, in order, for a drawing.

    Raises:
        DecodeError: as `decode`.
    """
    fields: list[Field] = []
    _read(bytes(raw), fields)
    return tuple(fields)


def _read(raw: bytes, fields: list[Field] | None) -> DnsPacket:
    """Reads a packet, and notes what each byte is if there is a list for it."""
    if len(raw) > MAX_BYTES:
        raise DecodeError(f"a packet of {len(raw)} bytes, where {MAX_BYTES} is the most", MAX_BYTES)
    if len(raw) < HEADER_BYTES:
        raise DecodeError(f"a header has {HEADER_BYTES} bytes, and here are {len(raw)}", len(raw))
    ident, flags, *counts = struct.unpack_from(">6H", raw)
    needed = QUESTION_BYTES * counts[0] + RECORD_BYTES * sum(counts[1:])
    if needed > len(raw) - HEADER_BYTES:
        raise DecodeError(
            f"the counts promise {needed} bytes at least, and {bytes_follow(len(raw) - HEADER_BYTES)}", 4
        )
    if fields is not None:
        fields.extend(_dissect_header(raw, flags))
    offset, names = HEADER_BYTES, NameReader(raw)
    questions = []
    for _ in range(counts[0]):
        question, offset = _read_question(names, offset, fields)
        questions.append(question)
    sections: list[tuple[ResourceRecord, ...]] = []
    for count in counts[1:]:
        records = []
        for _ in range(count):
            record, offset = _read_record(names, offset, fields)
            records.append(record)
        sections.append(tuple(records))
    if offset != len(raw):
        raise DecodeError(f"{bytes_follow(len(raw) - offset)} the last record", offset)
    answers, authorities, additionals = sections
    return DnsPacket(tuple(questions), answers, authorities, additionals, flags, ident)


def _read_question(names: NameReader, start: int, fields: list[Field] | None) -> tuple[Question, int]:
    raw = names.raw
    name, offset = names.read(start)
    if offset + 4 > len(raw):
        raise DecodeError("the packet ends within a question", len(raw))
    number, rclass = struct.unpack_from(">2H", raw, offset)
    question = Question(name, number, rclass & ~TOP_BIT, bool(rclass & TOP_BIT))
    if fields is not None:
        fields.extend(dissect_name(raw, start, "question"))
        fields.append(Field("type", raw[offset : offset + 2], type_name(number)))
        note = _class_name(question.rclass) + (", to me alone" if question.wants_unicast else "")
        fields.append(Field("class", raw[offset + 2 : offset + 4], note))
    return question, offset + 4


def _read_record(names: NameReader, start: int, fields: list[Field] | None) -> tuple[ResourceRecord, int]:
    raw = names.raw
    name, offset = names.read(start)
    data_start = offset + 10
    if data_start > len(raw):
        raise DecodeError("the packet ends within a record", len(raw))
    number, rclass, ttl_s, size = struct.unpack_from(">HHIH", raw, offset)
    end = data_start + size
    if end > len(raw):
        raise DecodeError(f"data of {size} bytes, where {len(raw) - data_start} are left", data_start - 2)
    data = read_data(names, number, data_start, end)
    has_flag = number != RecordType.OPT and bool(rclass & TOP_BIT)
    record = ResourceRecord(name, data, ttl_s, rclass & ~TOP_BIT if has_flag else rclass, has_flag)
    if fields is not None:
        fields.extend(dissect_name(raw, start, "name"))
        fields.extend(_dissect_numbers(raw, offset, record, size))
        fields.extend(dissect_data(raw, data, data_start, end))
    return record, end


# Drawing --------------------------------------------------------------------------------------------------


def _class_name(rclass: int) -> str:
    return {1: "IN", 255: "any class", 254: "no class"}.get(rclass, f"class {rclass}")


def _dissect_header(raw: bytes, flags: int) -> Iterable[Field]:
    words = ["response" if flags & RESPONSE else "query"]
    words += ["authoritative"] * bool(flags & AUTHORITATIVE) + ["truncated"] * bool(flags & TRUNCATED)
    for place, name in enumerate(HEADER):
        part = raw[2 * place : 2 * place + 2]
        note = ", ".join(words) if name == "flags" else f"{int.from_bytes(part, 'big')}"
        yield Field(name, part, note)


def _dissect_numbers(raw: bytes, offset: int, record: ResourceRecord, size: int) -> Iterable[Field]:
    """The type, class, time and length of a record."""
    yield Field("type", raw[offset : offset + 2], type_name(record.type))
    if record.type == RecordType.OPT:
        yield Field("largest packet", raw[offset + 2 : offset + 4], f"{record.rclass} bytes")
    else:
        note = _class_name(record.rclass) + (", drop what you have kept" if record.cache_flush else "")
        yield Field("class", raw[offset + 2 : offset + 4], note)
    yield Field("ttl", raw[offset + 4 : offset + 8], f"{record.ttl_s} s")
    yield Field("length", raw[offset + 8 : offset + 10], bytes_follow(size))
