"""Service: how a program says what it offers on a link, and how others read it (DNS-SD, RFC 6763).

Three questions lead from "who chats here?" to an address::

    _chat._udp.local.       PTR   ana._chat._udp.local.      anybody's: as many as there are instances
    ana._chat._udp.local.   SRV   0 0 4000 ana.local.        one: the port, and the host
                            TXT   "room=kitchen"             one: what else is to be said
    ana.local.              A     192.168.1.7                one: the host's address

Rules
    1. The PTR is shared, the others are unique. The PTR and the TXT hold for 75 minutes; what names a host or
       its address holds for 2, because hosts come and go (RFC 6762, section 10).
    2. A subtype asks for some instances only: `_kitchen._sub._chat._udp.local.` names those that have it.
    3. `_services._dns-sd._udp.local.` lists the kinds of service on the link (9).
    4. The label of an instance is for people, up to 63 bytes of UTF-8. The host's is made of it: letters,
       digits and hyphens.
    5. What others say is followed only as far as it goes: an instance counts once its SRV and its address are
       known, and its address is one that its host may have; see `Instance`.

Vocabulary::

    kind       a service and its transport, for example _chat._udp.local.
    instance   one of those who offer it, for example ana._chat._udp.local.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from p2plib.discovery.mdns.cache import RecordCache
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import Question
from p2plib.discovery.mdns.records import A, Ptr, RecordType, ResourceRecord, Srv, Txt
from p2plib.machine.addresses import Address

LOCAL = DomainName.parse("local")
ALL_KINDS = DomainName.parse("_services._dns-sd._udp.local")
HOST_TTL_S, OTHER_TTL_S = 120, 4_500
MAX_PLACES = 8  # that are given of one instance: ports times addresses, which a liar could make thousands of


@dataclass(frozen=True, slots=True)
class Offer:
    """A service that this host offers.

    Args:
        kind: which, such as `DomainName.parse("_chat._udp.local")`.
        port: where it listens.
        host: this host's address on the link, IPv4.
        txt: what else is to be said, each key=value.
        subtypes: labels such as "_kitchen".
        is_listed: whether the kind is named to those who ask what kinds there are.
    """

    kind: DomainName
    port: int
    host: str
    txt: tuple[bytes, ...] = (b"",)
    subtypes: tuple[str, ...] = ()
    is_listed: bool = True

    def records(self, label: str) -> tuple[ResourceRecord, ...]:
        """The records of the instance with a label; what `MulticastDns.claim` takes.

        Raises:
            UsageError: the label makes names that cannot be.
        """
        instance = DomainName([label.encode()]).under(self.kind)
        host = DomainName([host_label(label).encode()]).under(LOCAL)
        listed = [ResourceRecord(ALL_KINDS, Ptr(self.kind), OTHER_TTL_S)] * self.is_listed
        return (
            ResourceRecord(self.kind, Ptr(instance), OTHER_TTL_S),
            *(
                ResourceRecord(subtype_name(subtype, self.kind), Ptr(instance), OTHER_TTL_S)
                for subtype in self.subtypes
            ),
            *listed,
            ResourceRecord(instance, Srv(0, 0, self.port, host), HOST_TTL_S, cache_flush=True),
            ResourceRecord(instance, Txt(self.txt), OTHER_TTL_S, cache_flush=True),
            ResourceRecord(host, A(self.host), HOST_TTL_S, cache_flush=True),
        )


def subtype_name(subtype: str, kind: DomainName) -> DomainName:
    """The name under which the instances of a subtype are (rule 2)."""
    return DomainName([subtype.encode(), b"_sub"]).under(kind)


def host_label(label: str) -> str:
    """The label of a host, made of that of an instance (rule 4)."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")[:63].strip("-") or "host"


@dataclass(frozen=True, slots=True)
class Instance:
    """Somebody who offers a service, as far as the link says.

    Args:
        name: its name.
        address: where it listens.
        txt: what else it says.
        said_by: the host that said the address.
    """

    name: DomainName
    address: Address
    txt: tuple[bytes, ...]
    said_by: str

    @property
    def label(self) -> str:
        """What people call it."""
        return self.name.first


def instances(cache: RecordCache, kind: DomainName, now: float) -> Iterator[Instance]:
    """The instances of a kind, or of a subtype, that are known with their addresses."""
    for pointer in cache.answers(Question(kind, RecordType.PTR), now):
        if isinstance(pointer.record.data, Ptr):  # a record of that type may also be empty
            yield from itertools.islice(_places(cache, pointer.record.data.target, now), MAX_PLACES)


def _places(cache: RecordCache, name: DomainName, now: float) -> Iterator[Instance]:
    """One instance, once for each address at which it listens."""
    strings = [
        entry.record.data.strings
        for entry in cache.answers(Question(name, RecordType.TXT), now)
        if isinstance(entry.record.data, Txt)
    ]
    for srv in _answers(cache, name, RecordType.SRV, now):
        if not isinstance(srv, Srv):
            continue
        for host in cache.answers(Question(srv.target, RecordType.A), now):
            if isinstance(host.record.data, A):
                address = host.record.data.host, srv.port
                yield Instance(name, address, strings[0] if strings else (), host.sender)


def unanswered(cache: RecordCache, kind: DomainName, now: float) -> Iterator[Question]:
    """What still has to be asked to know the addresses of all instances."""
    for pointer in _answers(cache, kind, RecordType.PTR, now):
        if not isinstance(pointer, Ptr):
            continue
        services = _answers(cache, pointer.target, RecordType.SRV, now)
        if not services:
            yield Question(pointer.target, RecordType.SRV)
        for srv in services:
            if isinstance(srv, Srv) and not _answers(cache, srv.target, RecordType.A, now):
                yield Question(srv.target, RecordType.A)


def _answers(cache: RecordCache, name: DomainName, number: int, now: float) -> list[object]:
    return [entry.record.data for entry in cache.answers(Question(name, number), now)]
