"""Rdata: the bytes of each kind of data that a record carries. A codec; its rules are those of `records`.

To add a type: a class in `records`, a function that reads it, one that writes it, and a line in `KINDS`.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from p2plib.discovery.mdns.names import DomainName, NameReader, NameWriter, dissect_name, read_name
from p2plib.discovery.mdns.records import (
    TYPES,
    A,
    Aaaa,
    Cname,
    Ns,
    Nsec,
    Opt,
    OtherData,
    Ptr,
    Rdata,
    RecordType,
    Soa,
    Srv,
    Txt,
    data_text,
)
from p2plib.errors import DecodeError, UsageError
from p2plib.wire.fields import Field

MAX_STRING_BYTES = 255  # of one string in a TXT
MAX_BITMAP_BYTES = 32  # of one window in an NSEC


@dataclass(frozen=True, slots=True)
class Kind:
    """How one type of data is read and written."""

    read: Callable[[NameReader, int, int], Rdata]
    write: Callable[[Any, bytearray, NameWriter, bool], None]


def _read_a(names: NameReader, start: int, end: int) -> Rdata:
    raw = names.raw
    if end - start != 4:
        raise DecodeError(f"an A record has 4 bytes, and this one has {end - start}", start)
    return A(socket.inet_ntoa(raw[start:end]))


def _read_aaaa(names: NameReader, start: int, end: int) -> Rdata:
    raw = names.raw
    if end - start != 16:
        raise DecodeError(f"an AAAA record has 16 bytes, and this one has {end - start}", start)
    return Aaaa(socket.inet_ntop(socket.AF_INET6, raw[start:end]))


def _read_srv(names: NameReader, start: int, end: int) -> Rdata:
    raw = names.raw
    if end - start < 7:
        raise DecodeError(f"an SRV record has 7 bytes at least, and this one has {end - start}", start)
    priority, weight, port = struct.unpack_from(">3H", raw, start)
    return Srv(priority, weight, port, _name_to(names, start + 6, end))


def _read_txt(names: NameReader, start: int, end: int) -> Rdata:
    raw = names.raw
    strings = []
    while start < end:
        after = start + 1 + raw[start]
        if after > end:
            raise DecodeError(f"a string of {raw[start]} bytes, where {end - start - 1} are left", start)
        strings.append(raw[start + 1 : after])
        start = after
    return Txt(tuple(strings))


def _read_nsec(names: NameReader, start: int, end: int) -> Rdata:
    raw = names.raw
    name, at = names.read(start)
    if at > end:
        raise DecodeError("the name in an NSEC record goes past its end", start)
    types: list[int] = []
    last = -1
    while at < end:
        window, size = raw[at], raw[at + 1] if at + 1 < end else 0
        if not 1 <= size <= MAX_BITMAP_BYTES or at + 2 + size > end or window <= last:
            raise DecodeError("a window of types out of order, or not of 1 to 32 bytes that are there", at)
        bitmap = int.from_bytes(raw[at + 2 : at + 2 + size], "big")
        bits = range(8 * size)
        types += [256 * window + bit for bit in bits if bitmap >> (8 * size - 1 - bit) & 1]
        last, at = window, at + 2 + size
    return Nsec(name, tuple(types))


def _read_soa(names: NameReader, start: int, end: int) -> Rdata:
    raw = names.raw
    primary, at = names.read(start)
    mailbox, at = names.read(at)
    if end - at != 20:
        raise DecodeError(f"an SOA record ends with 20 bytes of numbers, and this one with {end - at}", at)
    numbers = [int.from_bytes(raw[place : place + 4], "big") for place in range(at, end, 4)]
    return Soa(primary, mailbox, *numbers)


# Types that are not taken apart, and whose names others may have compressed all the same (RFC 3597, section
# 4): how many bytes stand before the names, and how many names there are. MX is 15.
WITH_NAMES = {
    3: (0, 1),
    4: (0, 1),
    7: (0, 1),
    8: (0, 1),
    9: (0, 1),
    14: (0, 2),
    15: (2, 1),
    17: (0, 2),
    18: (2, 1),
    21: (2, 1),
    26: (2, 2),
}


def _read_other(names: NameReader, number: int, start: int, end: int) -> OtherData:
    """Data that is not taken apart. Its names are written out, for a pointer means nothing elsewhere."""
    before, count = WITH_NAMES.get(number, (0, 0))
    out, at = bytearray(names.raw[start : min(start + before, end)]), start + before
    for _ in range(count):
        name, at = names.read(at)
        NameWriter(compresses=False).write(out, name)
    if at > end:
        raise DecodeError(f"a name ends at offset {at}, and its record at {end}", at)
    return OtherData(number, bytes(out) + names.raw[at:end])


def _name_to(names: NameReader, start: int, end: int) -> DomainName:
    """A name that fills the data to its end."""
    name, at = names.read(start)
    if at != end:
        raise DecodeError(f"a name ends at offset {at}, and its record at {end}", at)
    return name


def _write_txt(data: Txt, out: bytearray, names: NameWriter, compress: bool) -> None:
    if not data.strings:
        raise UsageError("a TXT record has at least one string, which may be empty")
    for string in data.strings:
        if len(string) > MAX_STRING_BYTES:
            raise UsageError(f"a string of {len(string)} bytes, where {MAX_STRING_BYTES} is the most")
        out.append(len(string))
        out += string


def _write_srv(data: Srv, out: bytearray, names: NameWriter, compress: bool) -> None:
    for number in (data.priority, data.weight, data.port):
        out += _unsigned(number, 2)
    names.write(out, data.target, compress)


def _write_nsec(data: Nsec, out: bytearray, names: NameWriter, compress: bool) -> None:
    names.write(out, data.next_name, compress)
    windows: dict[int, bytearray] = {}
    for number in sorted(data.types):
        if not 0 <= number <= 0xFFFF:
            raise UsageError(f"a type is a number from 0 to 65535, not {number}")
        bitmap = windows.setdefault(number >> 8, bytearray())
        place, bit = number % 256 // 8, number % 8
        bitmap.extend(bytes(place + 1 - len(bitmap)))
        bitmap[place] |= 0x80 >> bit
    for window, bitmap in windows.items():
        out += bytes((window, len(bitmap))) + bitmap


def _write_soa(data: Soa, out: bytearray, names: NameWriter, compress: bool) -> None:
    names.write(out, data.primary)
    names.write(out, data.mailbox)
    for number in (data.serial, data.refresh_s, data.retry_s, data.expire_s, data.minimum_s):
        out += _unsigned(number, 4)


def _write_host(data: A | Aaaa, out: bytearray, names: NameWriter, compress: bool) -> None:
    family = socket.AF_INET if isinstance(data, A) else socket.AF_INET6
    try:
        out += socket.inet_pton(family, data.host)
    except (OSError, ValueError):
        raise UsageError(f"{data.host!r} is no address for {type(data).__name__}") from None


def _write_target(data: Ptr | Ns | Cname, out: bytearray, names: NameWriter, compress: bool) -> None:
    names.write(out, data.target)


def _unsigned(number: int, size_bytes: int) -> bytes:
    try:
        return number.to_bytes(size_bytes, "big")
    except OverflowError:
        raise UsageError(f"{number} does not fit into {size_bytes} bytes") from None


KINDS: dict[type[Any], Kind] = {
    A: Kind(_read_a, _write_host),
    Aaaa: Kind(_read_aaaa, _write_host),
    Ptr: Kind(lambda names, start, end: Ptr(_name_to(names, start, end)), _write_target),
    Ns: Kind(lambda names, start, end: Ns(_name_to(names, start, end)), _write_target),
    Cname: Kind(lambda names, start, end: Cname(_name_to(names, start, end)), _write_target),
    Srv: Kind(_read_srv, _write_srv),
    Txt: Kind(_read_txt, _write_txt),
    Nsec: Kind(_read_nsec, _write_nsec),
    Soa: Kind(_read_soa, _write_soa),
}
BY_TYPE = {int(TYPES[data]): kind for data, kind in KINDS.items()}


def read_data(names: NameReader, number: int, start: int, end: int) -> Rdata:
    """The data of a record.

    Args:
        names: reads the names of the packet, which is no shorter than `end`.
        number: the type.
        start, end: where the data stands.

    Raises:
        DecodeError: it is not what the type asks for.
    """
    if number == RecordType.OPT:
        return Opt(names.raw[start:end])
    if start == end:
        return OtherData(number, b"")
    if number not in BY_TYPE:
        return _read_other(names, number, start, end)
    return BY_TYPE[number].read(names, start, end)


def write_data(out: bytearray, data: Rdata, names: NameWriter, multicast: bool) -> None:
    """Appends the data of a record to a packet, without its length.

    Args:
        out: the packet so far.
        data: the data.
        names: what has been written of names so far.
        multicast: whether names in SRV and NSEC may be compressed too (rule 2).

    Raises:
        UsageError: the data cannot be written.
    """
    if isinstance(data, OtherData):
        out += data.raw
    elif isinstance(data, Opt):
        out += data.options
    else:
        KINDS[type(data)].write(data, out, names, multicast)


def plain_data(data: Rdata) -> bytes:
    """The data in bytes without any compression: what a tie-break compares (RFC 6762, 8.2)."""
    out = bytearray()
    write_data(out, data, NameWriter(compresses=False), multicast=False)
    return bytes(out)


def dissect_data(raw: bytes, data: Rdata, start: int, end: int) -> tuple[Field, ...]:
    """The parts of data that has been read, for a drawing."""
    match data:
        case Ptr() | Ns() | Cname():
            return dissect_name(raw, start, "target")
        case Srv():
            named = (("priority", data.priority), ("weight", data.weight), ("port", data.port))
            fields = [
                Field(name, raw[start + 2 * at : start + 2 * at + 2], str(number))
                for at, (name, number) in enumerate(named)
            ]
            return *fields, *dissect_name(raw, start + 6, "target")
        case Txt(strings):
            fields = []
            for string in strings:
                fields.append(Field("string", raw[start : start + 1 + len(string)], ascii(string)[1:]))
                start += 1 + len(string)
            return tuple(fields)
        case Nsec():
            _, at = read_name(raw, start)
            bitmap = Field("types", raw[at:end], data_text(data))
            return *dissect_name(raw, start, "next name"), bitmap
        case Soa():
            _, at = read_name(raw, start)
            _, after = read_name(raw, at)
            rest = Field("serial and times", raw[after:end], f"serial {data.serial}")
            return *dissect_name(raw, start, "primary"), *dissect_name(raw, at, "mailbox"), rest
        case _:
            return (Field("data", raw[start:end], data_text(data)),) if end > start else ()
