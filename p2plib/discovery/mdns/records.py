"""Records: what DNS says about a name, each kind of data as a class of its own (RFC 1035 and others).

A resource record is a name, a type, a class, the seconds for which it may be kept, and data of the type::

    04 61 6e 61 73 05 6c 6f 63 61 6c 00   00 01   80 01   00 00 00 78   00 04   c0 00 02 07
    anas.local.                           A       IN, alone  120 s      4 bytes 192.0.2.7

Rules
    1. The data has exactly the length that the record says. A name in it may be compressed, and is read
       wherever it points; see `p2plib.discovery.mdns.names`.
    2. On writing, names are compressed where RFC 1035 allows it (NS, CNAME, PTR, SOA) and, in multicast DNS
       alone, in SRV and NSEC too (RFC 6762, section 18.14).
    3. Multicast DNS takes the top bit of the class: this record is all there is, drop what you have kept
       (`cache_flush`, section 10.2). A name server leaves it at zero. In OPT, and in what has a class of its
       own, the 16 bits are kept as they are.
    4. Data of an unknown type is kept as it came, as `OtherData` (RFC 3597). Only the names in MX and other
       old types, which may be compressed, are written out. A record without data, by which an update deletes
       (RFC 2136), is kept so, too.
    5. A TXT has at least one string, which may be empty (RFC 6763, 6.1).
    6. An NSEC lists the types that a name has in windows of 256, each once and in order (RFC 4034, 4.1.2).

Vocabulary::

    type     what kind of data follows: 1 is A
    ttl_s    how many seconds the record may be kept; 0 takes it back
    rdata    the data
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from p2plib.discovery.mdns.names import DomainName

IN, ANY_CLASS, NONE_CLASS = 1, 255, 254  # classes; the last two only in updates and questions
TOP_BIT = 0x8000  # of a class: see rule 3
MAX_TTL_S = 2**31 - 1  # RFC 2181, section 8


class RecordType(IntEnum):
    """The types that have a name here; others are numbers."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    TXT = 16
    AAAA = 28
    SRV = 33
    OPT = 41
    NSEC = 47
    ANY = 255  # only in questions


def type_name(number: int) -> str:
    """The name of a type, or TYPE and its number (RFC 3597)."""
    try:
        return RecordType(number).name
    except ValueError:
        return f"TYPE{number}"


# The kinds of data ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class A:
    """The IPv4 address of a host, as text."""

    host: str


@dataclass(frozen=True, slots=True)
class Aaaa:
    """The IPv6 address of a host, as text."""

    host: str


@dataclass(frozen=True, slots=True)
class Ptr:
    """Another name: in service discovery, one of the instances of a service."""

    target: DomainName


@dataclass(frozen=True, slots=True)
class Ns:
    """The name of a server that answers for the name."""

    target: DomainName


@dataclass(frozen=True, slots=True)
class Cname:
    """The name under which the data really stands."""

    target: DomainName


@dataclass(frozen=True, slots=True)
class Srv:
    """Where a service is: a port of a host (RFC 2782). The lowest priority first, then by weight."""

    priority: int
    weight: int
    port: int
    target: DomainName


@dataclass(frozen=True, slots=True)
class Txt:
    """Strings of at most 255 bytes; in service discovery each is key=value."""

    strings: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Nsec:
    """Which types a name has, and so which it has not (RFC 6762, 6.1); `next_name` is the name itself."""

    next_name: DomainName
    types: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Soa:
    """The start of a zone: who keeps it, its serial number, and how long its copies may wait, in seconds."""

    primary: DomainName
    mailbox: DomainName
    serial: int
    refresh_s: int
    retry_s: int
    expire_s: int
    minimum_s: int


@dataclass(frozen=True, slots=True)
class Opt:
    """Options of EDNS (RFC 6891), not taken apart; the record's class says how large a packet may be."""

    options: bytes


@dataclass(frozen=True, slots=True)
class OtherData:
    """Data of a type that is not taken apart (rule 4)."""

    type: int
    raw: bytes


Rdata = A | Aaaa | Ptr | Ns | Cname | Srv | Txt | Nsec | Soa | Opt | OtherData

TYPES: dict[type[Any], RecordType] = {
    A: RecordType.A,
    Aaaa: RecordType.AAAA,
    Ptr: RecordType.PTR,
    Ns: RecordType.NS,
    Cname: RecordType.CNAME,
    Srv: RecordType.SRV,
    Txt: RecordType.TXT,
    Nsec: RecordType.NSEC,
    Soa: RecordType.SOA,
    Opt: RecordType.OPT,
}


def type_of(data: Rdata) -> int:
    """The number of the type of some data."""
    return data.type if isinstance(data, OtherData) else TYPES[type(data)]


@dataclass(frozen=True, slots=True)
class ResourceRecord:
    """What is said about a name.

    Args:
        name: the name.
        data: what is said.
        ttl_s: how many seconds it may be kept, 0 to 2³² − 1 on the wire.
        rclass: its class without the top bit; of an OPT all 16 bits.
        cache_flush: the top bit of the class (rule 3).
    """

    name: DomainName
    data: Rdata
    ttl_s: int = 120
    rclass: int = IN
    cache_flush: bool = False

    @property
    def type(self) -> int:
        """The number of its type."""
        return type_of(self.data)

    def is_same_as(self, other: ResourceRecord) -> bool:
        """Whether another record says the same about the same name, for however long."""
        return (self.name, self.rclass, self.data) == (other.name, other.rclass, other.data)

    def __str__(self) -> str:
        return f"{self.name} {self.ttl_s} {type_name(self.type)} {data_text(self.data)}"


def data_text(data: Rdata) -> str:
    """The data in a few words."""
    match data:
        case A(host) | Aaaa(host):
            return host
        case Ptr(target) | Ns(target) | Cname(target):
            return str(target)
        case Srv(priority, weight, port, target):
            return f"{priority} {weight} {port} {target}"
        case Txt(strings):
            return " ".join(ascii(string)[1:] for string in strings)
        case Nsec(_, types):
            return "has " + " ".join(map(type_name, types))
        case Soa():
            return f"{data.primary} {data.mailbox} {data.serial}"
        case Opt(raw) | OtherData(_, raw):
            return f"{len(raw)} bytes"
