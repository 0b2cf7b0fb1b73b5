"""Packets of DNS made by hypothesis: names, data, records, questions, whole packets."""

from __future__ import annotations

import ipaddress

from hypothesis import strategies as st

from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import DnsPacket, Question
from p2plib.discovery.mdns.records import (
    A,
    Aaaa,
    Cname,
    Ns,
    Nsec,
    OtherData,
    Ptr,
    ResourceRecord,
    Soa,
    Srv,
    Txt,
)

# few labels, so that endings are often shared; some of them with what needs a backslash
PLAIN_LABELS = st.sampled_from([b"ana", b"Ana", b"ben", b"_chat", b"_udp", b"local", b"x" * 63])
LABELS = PLAIN_LABELS | st.binary(min_size=1, max_size=12)
u16, u32 = st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1)


def names(labels: st.SearchStrategy[bytes] = LABELS) -> st.SearchStrategy[DomainName]:
    return st.lists(labels, max_size=3).map(DomainName)


def datas(labels: st.SearchStrategy[bytes] = LABELS, *, others: bool = True) -> st.SearchStrategy[object]:
    name = names(labels)
    found = [
        st.integers(0, 2**32 - 1).map(lambda n: A(str(ipaddress.IPv4Address(n)))),
        st.integers(0, 2**96 - 1).map(lambda n: Aaaa(str(ipaddress.IPv6Address(n | 0x2001 << 112)))),
        name.map(Ptr),
        name.map(Ns),
        name.map(Cname),
        st.builds(Srv, u16, u16, u16, name),
        st.lists(st.binary(max_size=40), min_size=1, max_size=3).map(lambda parts: Txt(tuple(parts))),
        st.builds(Soa, name, name, u32, u32, u32, u32, u32),
    ]
    if others:  # NSEC too: dnslib takes type 53 for 55
        types = st.sets(st.integers(1, 400), min_size=1).map(lambda some: tuple(sorted(some)))
        found.append(st.builds(Nsec, name, types))
        kinds = st.integers(0xFF00, 0xFFFE)  # those for private use, which no library takes apart
        found.append(st.builds(OtherData, kinds, st.binary(max_size=20)))
    return st.one_of(found)


def records(
    labels: st.SearchStrategy[bytes] = LABELS, *, others: bool = True, flush: bool = True
) -> st.SearchStrategy[ResourceRecord]:
    return st.builds(
        ResourceRecord,
        names(labels),
        datas(labels, others=others),
        st.integers(0, 2**31 - 1),
        st.just(1),
        st.booleans() if flush else st.just(False),
    )


def packets(
    labels: st.SearchStrategy[bytes] = LABELS, *, others: bool = True, flush: bool = True
) -> st.SearchStrategy[DnsPacket]:
    def some(what: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
        return st.lists(what, max_size=3).map(tuple)

    record = records(labels, others=others, flush=flush)
    question = st.builds(Question, names(labels), st.integers(1, 255), st.just(1), st.booleans())
    return st.builds(DnsPacket, some(question), some(record), some(record), some(record), u16, u16)
