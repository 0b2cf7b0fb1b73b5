"""EDNS: what DNS says beyond its header (RFC 6891), and the lease of an update (RFC 9664). A codec.

It travels as a record of type OPT among the additional ones, whose fields mean something else than in other
records: the class says how large a datagram its sender takes, the time to live has a version and more bits of
the response code, and the data is a list of options.

Rules
    1. There is one such record at most, its name is the root, and its version is 0.
    2. An option is a code and a length, two bytes each, and its data; those that we do not know are skipped.
    3. Whoever says nothing takes `PLAIN_BYTES`. We say and send `OUR_BYTES` at most, which no link cuts up.

Vocabulary::

    lease    how many seconds the records of an update are good; the server may say fewer
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import DnsPacket
from p2plib.discovery.mdns.records import Opt, RecordType, ResourceRecord
from p2plib.errors import DecodeError

PLAIN_BYTES = 512  # RFC 1035, 4.2.1
OUR_BYTES = 1232  # 1280, which IPv6 promises, less the headers of IPv6 and UDP
LEASE = 2  # the code of the option
ROOT = DomainName()


@dataclass(frozen=True, slots=True)
class Edns:
    """What an OPT record says.

    Args:
        size_bytes: how large a datagram its sender takes.
        options: their data by code; of two with the same code, the first.
        version: of EDNS; there is only 0.
        extended_rcode: the bits of the response code above the header's four.
    """

    size_bytes: int = OUR_BYTES
    options: Mapping[int, bytes] = field(default_factory=dict)
    version: int = 0
    extended_rcode: int = 0

    @property
    def lease_s(self) -> int | None:
        """The lease that is asked for or granted, in seconds; None if nothing is said about it."""
        raw = self.options.get(LEASE, b"")
        return int.from_bytes(raw[:4], "big") if len(raw) in (4, 8) else None  # 8: a second one, for keys

    def record(self) -> ResourceRecord:
        """The OPT record."""
        raw = b"".join(
            code.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data
            for code, data in self.options.items()
        )
        more = self.extended_rcode << 24 | self.version << 16
        return ResourceRecord(ROOT, Opt(raw), more, self.size_bytes)


def with_lease(lease_s: int) -> Edns:
    """What an update says about its lease, and the response to it."""
    return Edns(options={LEASE: lease_s.to_bytes(4, "big")})


def edns_of(packet: DnsPacket) -> Edns | None:
    """What a packet says; None if it says nothing.

    Raises:
        DecodeError: it says so twice, under a name, or with options that are cut off.
    """
    records = [record for record in packet.additionals if record.type == RecordType.OPT]
    if not records:
        return None
    if len(records) > 1 or records[0].name != ROOT:
        raise DecodeError("a packet has one OPT record at most, and its name is the root")
    record = records[0]
    assert isinstance(record.data, Opt)
    version, rcode = record.ttl_s >> 16 & 0xFF, record.ttl_s >> 24
    return Edns(max(record.rclass, PLAIN_BYTES), _options(record.data.options), version, rcode)


def response_code(packet: DnsPacket) -> int:
    """How a server answers: the header's four bits, and those that stand in the OPT record.

    Raises:
        DecodeError: as `edns_of`.
    """
    edns = edns_of(packet)
    return packet.rcode | (edns.extended_rcode << 4 if edns else 0)


def _options(raw: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at < len(raw):
        code, size = int.from_bytes(raw[at : at + 2], "big"), int.from_bytes(raw[at + 2 : at + 4], "big")
        if at + 4 + size > len(raw):
            raise DecodeError("the options end within an option", at)
        found.setdefault(code, raw[at + 4 : at + 4 + size])
        at += 4 + size
    return found
