"""libp2p: how libp2p's peers find each other on a link (its specification "mDNS discovery").

There is one service for all of libp2p, and one question: who is there? ::

    _p2p._udp.local.            PTR   <peer-name>._p2p._udp.local.
    <peer-name>._p2p._udp.…     TXT   "dnsaddr=/ip4/192.168.1.7/tcp/4001/p2p/12D3Koo…"   one for each address

Rules
    1. The peer name is 32 to 63 random letters and digits, and says nothing about the peer.
    2. Every address goes as a string of the TXT, and ends with the peer's id. There is no SRV and no A.
    3. What holds for the records is two minutes.
    4. A string that is no address, or names no peer, is counted and left out; the rest of the TXT stands. An
       address of IPv4 has to be on the link, whoever said it.
    5. Nothing is proved by it: that the peer at an address has the id that is named, its key will show.

Vocabulary::

    peer name   a random label, such as 3k5x… (32 letters and digits)
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from p2plib.discovery.mdns.cache import RecordCache
from p2plib.discovery.mdns.claims import RecordsOf
from p2plib.discovery.mdns.links import may_be_at
from p2plib.discovery.mdns.machine import MulticastDns
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import Question
from p2plib.discovery.mdns.records import Ptr, RecordType, ResourceRecord, Txt
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import multiaddr
from p2plib.wire.multiaddr import Multiaddr

P2P = DomainName.parse("_p2p._udp.local")
TTL_S = 120
PREFIX = b"dnsaddr="
NAME_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
NAME_LENGTH = 32
MAX_ADDRESSES = 32  # of one peer: its interfaces times its transports


@dataclass(frozen=True, slots=True)
class LinkPeer:
    """A libp2p peer on the link, as far as its TXT says.

    Args:
        peer_id: its id, as text.
        addresses: where it listens.
        said_by: the host that said so.
    """

    peer_id: str
    addresses: tuple[Multiaddr, ...]
    said_by: str


def peer_name(rng: random.Random) -> str:
    """A label for a peer (rule 1); draw a new one for each network."""
    return "".join(rng.choice(NAME_LETTERS) for _ in range(NAME_LENGTH))


def records_of(addresses: Sequence[Multiaddr]) -> RecordsOf:
    """The records that say where a peer is; what `Responder.publish` and `MulticastDns.claim` take.

    Args:
        addresses: each ends with the peer's id.

    Raises:
        UsageError: there is none or too many, or one of them names no peer or is too long for a TXT.
    """
    if not 1 <= len(addresses) <= MAX_ADDRESSES:
        raise UsageError(f"a peer says 1 to {MAX_ADDRESSES} addresses, not {len(addresses)}")
    strings = tuple(PREFIX + str(address).encode() for address in addresses)
    for address, string in zip(addresses, strings, strict=True):
        if address.value("p2p") is None:
            raise UsageError(f"{address} does not say which peer is there: it has to end with /p2p and an id")
        if len(string) > 255:
            raise UsageError(f"{address} does not fit into a string of 255 bytes")

    def records(label: str) -> list[ResourceRecord]:
        name = DomainName([label.encode()]).under(P2P)
        return [
            ResourceRecord(P2P, Ptr(name), TTL_S),
            ResourceRecord(name, Txt(strings), TTL_S, cache_flush=True),
        ]

    return records


def addresses_in(strings: Iterable[bytes], ignored: Counter[str]) -> Iterator[Multiaddr]:
    """The addresses in the strings of a TXT (rule 4).

    Args:
        strings: as they came.
        ignored: what is left out is counted here, by reason.
    """
    found = 0
    for string in strings:
        if not string.startswith(PREFIX):
            continue  # other keys may come, and are not ours to judge
        try:
            address = multiaddr.parse(string[len(PREFIX) :].decode())
        except (DecodeError, UnicodeDecodeError):
            ignored["no address"] += 1
            continue
        if address.value("p2p") is None:
            ignored["an address without a peer"] += 1
        elif found >= MAX_ADDRESSES:
            ignored["too many addresses"] += 1
        else:
            found += 1
            yield address


def question() -> Question:
    """What to ask for: all of libp2p's peers."""
    return Question(P2P, RecordType.PTR)


def peers(machine: MulticastDns, now: float) -> Iterator[LinkPeer]:
    """The peers that are known; those that say nothing of use are left out."""
    for pointer in machine.cache.answers(question(), now):
        if isinstance(pointer.record.data, Ptr):
            yield from _peers_at(machine, pointer.record.data.target, now)


def unanswered(cache: RecordCache, now: float) -> Iterator[Question]:
    """What still has to be asked: the TXT of a peer that has been named alone."""
    for pointer in cache.answers(question(), now):
        if isinstance(pointer.record.data, Ptr):
            asked = Question(pointer.record.data.target, RecordType.TXT)
            if not cache.answers(asked, now):
                yield asked


def _peers_at(machine: MulticastDns, name: DomainName, now: float) -> Iterator[LinkPeer]:
    for entry in machine.cache.answers(Question(name, RecordType.TXT), now):
        if not isinstance(entry.record.data, Txt):
            continue
        by_peer: dict[str, list[Multiaddr]] = {}
        for address in addresses_in(entry.record.data.strings, machine.ignored):
            host = address.value("ip4")
            if host is not None and not may_be_at(host, machine.link):
                machine.ignored["an address that is not on the link"] += 1
                continue
            by_peer.setdefault(address.value("p2p") or "", []).append(address)
        for peer_id, addresses in by_peer.items():
            yield LinkPeer(peer_id, tuple(addresses), entry.sender)
