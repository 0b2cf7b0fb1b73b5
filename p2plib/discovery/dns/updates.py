"""Updates: how a zone is changed over the network (RFC 2136): the packet, and what a server does with it.

An update looks like a query, and its four lists mean something else: the zone, what must hold before anything
is done, what is added and removed, and the rest. A record with a class of its own says what to remove::

    IN     add this record
    NONE   remove this one record; it says which
    ANY    remove the whole set; or, with the type ANY, all that the name has

Rules
    1. All of it is done or nothing: what must hold is checked first, then whether all of it can be done.
    2. Records of `ALLOWED` types are taken, which is what peers need. Other names and redirections are the
       business of the zone's owner; what is added to a name that is an alias is passed over (RFC 2136,
       3.4.2.2).
    3. The SOA and the name servers of the apex are not touched.
    4. What is added with a lease is gone when it is over (RFC 9664); a server grants between `MIN_LEASE_S`
       and `MAX_LEASE_S`. Without one it stays until it is removed, as RFC 2136 has it.

Vocabulary::

    prerequisite   for example: this name must not exist yet
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from p2plib.discovery.dns.edns import with_lease
from p2plib.discovery.dns.zone import (
    MAX_DATA_BYTES,
    MAX_IN_ALL,
    MAX_NAMES,
    MAX_RECORDS,
    NOERROR,
    NXDOMAIN,
    REFUSED,
    Zone,
    size_of,
)
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import DnsPacket, Question
from p2plib.discovery.mdns.records import (
    ANY_CLASS,
    IN,
    NONE_CLASS,
    OtherData,
    Rdata,
    RecordType,
    ResourceRecord,
)

UPDATE = 5  # the opcode
FORMERR, SERVFAIL, NOTIMP, YXDOMAIN, YXRRSET, NXRRSET, NOTAUTH, NOTZONE = 1, 2, 4, 6, 7, 8, 9, 10
MIN_LEASE_S, MAX_LEASE_S = 30, 3600  # shorter ones would be renewed all the time, longer ones name the gone
MAX_CHANGES = 1_000  # of one update
ALLOWED = (RecordType.A, RecordType.AAAA, RecordType.SRV, RecordType.TXT)
SETTABLE = (*ALLOWED, RecordType.ANY)


def update_packet(
    zone: DomainName, changes: Iterable[ResourceRecord], ident: int, lease_s: int | None = None
) -> DnsPacket:
    """An update.

    Args:
        zone: the apex of the zone.
        changes: what `adding`, `removing` and `removing_set` return, in order.
        ident: a random number of 16 bits, which the response repeats.
        lease_s: how long what is added is good; None if it stays.
    """
    question = Question(zone, RecordType.SOA)
    extra = () if lease_s is None else (with_lease(lease_s).record(),)
    return DnsPacket((question,), (), tuple(changes), extra, flags=UPDATE << 11, id=ident)


def adding(name: DomainName, data: Rdata, ttl_s: int) -> ResourceRecord:
    """The change that adds a record."""
    return ResourceRecord(name, data, ttl_s)


def removing(name: DomainName, data: Rdata) -> ResourceRecord:
    """The change that removes one record."""
    return ResourceRecord(name, data, 0, NONE_CLASS)


def removing_set(name: DomainName, number: int = RecordType.ANY) -> ResourceRecord:
    """The change that removes all records of a name, or those of one type."""
    return ResourceRecord(name, OtherData(number, b""), 0, ANY_CLASS)


def granted_lease_s(asked_s: int | None) -> int | None:
    """The lease that a server grants (rule 4)."""
    return None if asked_s is None else max(MIN_LEASE_S, min(asked_s, MAX_LEASE_S))


def apply(zone: Zone, packet: DnsPacket, now: float, lease_s: int | None) -> int:
    """Does what an update says, or nothing of it (rule 1). Whether its sender may is for the caller to check.

    Args:
        zone: the zone, which is changed.
        packet: the update, whose signature has been checked.
        now: the time, in seconds.
        lease_s: the lease that is granted.

    Returns:
        A response code: NOERROR if it was done.
    """
    if len(packet.questions) != 1 or packet.questions[0].type != RecordType.SOA:
        return FORMERR
    if packet.questions[0].name != zone.apex or packet.questions[0].rclass != IN:
        return NOTAUTH
    zone.expire(now)
    held, changes = packet.answers, packet.authorities
    rcode = (
        _first(_prerequisite(zone, record) for record in held)
        or _values_hold(zone, held)
        or _first(_possible(zone, record) for record in changes)
        or _room(zone, changes)
    )
    if rcode:
        return rcode
    for record in packet.authorities:
        _do(zone, record, now, lease_s)
    return NOERROR


def _first(codes: Iterable[int]) -> int:
    """The first code that is not NOERROR."""
    return next((code for code in codes if code != NOERROR), NOERROR)


def _prerequisite(zone: Zone, record: ResourceRecord) -> int:
    """Whether what must hold does (RFC 2136, 3.2), as a response code."""
    if record.ttl_s != 0 or (record.rclass != IN and not _is_empty(record)):
        return FORMERR
    if record.name not in zone:
        return NOTZONE
    is_name = record.type == RecordType.ANY
    is_there = bool(zone.types(record.name)) if is_name else bool(zone.data(record.name, record.type))
    match record.rclass:
        case 255:  # ANY: it must be there
            return NOERROR if is_there else NXDOMAIN if is_name else NXRRSET
        case 254:  # NONE: it must not
            return NOERROR if not is_there else YXDOMAIN if is_name else YXRRSET
        case 1:
            return NOERROR  # see _values_hold
        case _:
            return FORMERR


def _values_hold(zone: Zone, prerequisites: Iterable[ResourceRecord]) -> int:
    """Whether the sets that must hold exactly these records do (RFC 2136, 2.4.2)."""
    wanted: dict[tuple[DomainName, int], set[Rdata]] = {}
    for record in prerequisites:
        if record.rclass == IN:
            wanted.setdefault((record.name, record.type), set()).add(record.data)
    holds = all(set(zone.data(*key)) == data for key, data in wanted.items())
    return NOERROR if holds else NXRRSET


def _possible(zone: Zone, record: ResourceRecord) -> int:
    """Whether a change can be done (RFC 2136, 3.4.1), as a response code."""
    if record.name not in zone:
        return NOTZONE
    match record.rclass:
        case 1:
            if record.type == RecordType.ANY or _is_empty(record):
                return FORMERR
            is_taken = record.type in ALLOWED and size_of(record.data) <= MAX_DATA_BYTES
            return NOERROR if is_taken else REFUSED
        case 255:
            if record.ttl_s != 0 or not _is_empty(record):
                return FORMERR
            return NOERROR if record.type in SETTABLE else REFUSED
        case 254:
            if record.ttl_s != 0 or record.type == RecordType.ANY:
                return FORMERR
            return NOERROR if record.type in ALLOWED else REFUSED
        case _:
            return FORMERR


def _room(zone: Zone, changes: Sequence[ResourceRecord]) -> int:
    """Whether there is room for each change when its turn comes, as a response code."""
    after, names, records = _Sets(zone), zone.names, zone.records
    for record in changes if len(changes) <= MAX_CHANGES else ():
        sets = after.of(record.name)
        before = sum(map(len, sets.values()))
        kept = sets.setdefault(record.type, set())
        if record.rclass == IN:
            kept.add(record.data)
        elif record.type == RecordType.ANY:
            sets.clear()
        elif record.rclass == ANY_CLASS:
            kept.clear()
        else:
            kept.discard(record.data)
        now = sum(map(len, sets.values()))
        records += now - before
        names += (now > 0) - (before > 0)
        if len(kept) > MAX_RECORDS or names > MAX_NAMES or records > MAX_IN_ALL:
            return REFUSED
    return NOERROR if len(changes) <= MAX_CHANGES else REFUSED


class _Sets:
    """The sets of the names that an update touches, as they are before it."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._of: dict[DomainName, dict[int, set[Rdata]]] = {}

    def of(self, name: DomainName) -> dict[int, set[Rdata]]:
        """The sets of a name by type, without those that no update changes (rule 3)."""
        if name not in self._of:
            types = set(self._zone.types(name)) - ({RecordType.NS, RecordType.SOA})
            self._of[name] = {number: set(self._zone.data(name, number)) for number in types}
        return self._of[name]


def _do(zone: Zone, record: ResourceRecord, now: float, lease_s: int | None) -> None:
    match record.rclass:
        case 1:
            if zone.may_stand_with_others(record):
                zone.add(record, now, lease_s)
        case 255:
            zone.remove(record.name, None if record.type == RecordType.ANY else record.type)
        case _:
            zone.remove(record.name, record.type, record.data)


def _is_empty(record: ResourceRecord) -> bool:
    return isinstance(record.data, OtherData) and not record.data.raw
