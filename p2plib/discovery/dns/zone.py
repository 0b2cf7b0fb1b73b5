"""Zone: what a name server knows about the names under one of its own, and what it says when asked. No I/O.

An ordinary zone answers a question with all the records that it has. This one is made for a swarm: a set of
many records is dealt from a shuffled deck (`p2plib.discovery.dns.deck`), a hand for each answer, with a short
time to live, so that askers spread over the peers and soon forget those that have gone.

Rules
    1. Names under the apex are answered, others refused: a server that answers anything is used in floods.
       So are questions for the whole zone, and for what is no record.
    2. A set is the records of one name and type. One with more than `hand` records is dealt from.
    3. No record is handed out for longer than `max_ttl_s`, nor for longer than its lease has left.
    4. A record that was added with a lease is gone when the lease is over, unless it was added again (RFC
       9664); one without stays until somebody removes it.
    5. A name that does not exist, and a type that a name has not, are answered with the SOA, which says for
       how long that may be remembered (RFC 2308).
    6. The addresses of a service's hosts go along with it, as additional records, if the zone has them.
    7. A question for all types gets one set, the smallest (RFC 8482): the rest would only serve a flooder.
    8. Sizes are bounded: `MAX_NAMES` names, `MAX_RECORDS` records of a set, `MAX_IN_ALL` together, and
       `MAX_DATA_BYTES` for the data of one.
    9. The serial number goes up with each change; the SOA and the name servers at the apex stay. No part of
       the zone is somebody else's, so there are no other name servers.
    10. A name that is an alias (CNAME) has no other records (RFC 2181, 10.1). Questions for them are answered
        with the alias, and with what it stands for, as far as that is in the zone.

Vocabulary::

    apex    the zone's own name, such as p2p.test
    set     for example the A records of seed.p2p.test
    lease   for how many seconds a record is good unless its owner says it again
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from p2plib.discovery.dns.deck import Deck
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import Question
from p2plib.discovery.mdns.rdata import plain_data
from p2plib.discovery.mdns.records import (
    IN,
    A,
    Aaaa,
    Cname,
    Ns,
    Rdata,
    RecordType,
    ResourceRecord,
    Soa,
    Srv,
    type_of,
)
from p2plib.errors import UsageError

HAND = 8  # with addresses of IPv4, 168 bytes for a name of 40: less than five times its question
MAX_TTL_S = 60  # a peer's session is minutes: a longer answer would mostly name peers that have gone
NEGATIVE_TTL_S = 10  # a swarm that has no peers yet may have one soon
MAX_NAMES = 10_000
MAX_RECORDS = 1_000  # of one set
MAX_IN_ALL = 100_000
MAX_DATA_BYTES = 4_096  # of one record: a hand of them fits into a packet
MAX_ALIASES = 8
NO_RECORDS = (RecordType.OPT, *range(249, 255))  # nothing that a name has; AXFR, for the whole zone, is 252
ADDITIONAL_NAMES = 16  # the hosts of a hand, at most
NOERROR, NXDOMAIN, REFUSED = 0, 3, 5  # response codes of RFC 1035 and RFC 2136


def size_of(data: Rdata) -> int:
    """How many bytes some data takes.

    Raises:
        UsageError: it cannot be written.
    """
    return len(plain_data(data))


@dataclass(frozen=True, slots=True)
class ZoneAnswer:
    """What a zone says to a question.

    Args:
        rcode: NOERROR, NXDOMAIN or REFUSED.
        answers: the records that were asked for.
        authorities: the SOA, where there are none (rule 5).
        additionals: what the asker will want next (rule 6).
    """

    rcode: int = NOERROR
    answers: tuple[ResourceRecord, ...] = ()
    authorities: tuple[ResourceRecord, ...] = ()
    additionals: tuple[ResourceRecord, ...] = ()


@dataclass(slots=True)
class _Set:
    """The records of one name and type."""

    deck: Deck[Rdata]
    ttl_s: int = 0
    ends: dict[Rdata, float] = field(default_factory=dict)  # when leases are over, of those that have one


class Zone:
    """The names under an apex; see the rules of the module.

    Args:
        apex: the zone's own name.
        rng: shuffles the decks.
        name_server: the name of the host that serves it, for the SOA and NS records.
        hand: how many records of a set go into one answer.
        max_ttl_s: see rule 3.

    Attributes:
        serial: of the SOA.
        records: how many records it has, without the SOA.
    """

    def __init__(
        self,
        apex: str | DomainName,
        rng: random.Random,
        *,
        name_server: str | None = None,
        hand: int = HAND,
        max_ttl_s: int = MAX_TTL_S,
    ) -> None:
        if not 1 <= hand <= MAX_RECORDS or max_ttl_s < 0:
            raise UsageError(f"a hand has 1 to {MAX_RECORDS} records, and they are kept for 0 s or longer")
        self.apex = DomainName.parse(apex) if isinstance(apex, str) else apex
        self.hand, self.max_ttl_s = hand, max_ttl_s
        self.serial = 1
        self._rng = rng
        host = (
            DomainName.parse("ns").under(self.apex) if name_server is None else DomainName.parse(name_server)
        )
        self._primary = host
        self._sets: dict[DomainName, dict[int, _Set]] = {}
        self._inner: Counter[DomainName] = Counter()  # how many names are under each, so that it exists
        self._leases: list[tuple[float, int, DomainName, Rdata]] = []  # a heap; entries may be out of date
        self._count = 0
        self.records = 0
        self.add(ResourceRecord(self.apex, Ns(host), max_ttl_s), 0.0)

    @property
    def soa(self) -> ResourceRecord:
        """The start of the zone."""
        mailbox = DomainName.parse("hostmaster").under(self.apex)
        data = Soa(self._primary, mailbox, self.serial, 3600, 600, 86_400, NEGATIVE_TTL_S)
        return ResourceRecord(self.apex, data, NEGATIVE_TTL_S)

    @property
    def names(self) -> int:
        """How many names have records."""
        return len(self._sets)

    def __contains__(self, name: DomainName) -> bool:
        """Whether a name is the apex or under it."""
        return name == self.apex or name.is_under(self.apex)

    def __iter__(self) -> Iterator[ResourceRecord]:
        """All records, the SOA first."""
        yield self.soa
        for name, sets in self._sets.items():
            for kept in sets.values():
                yield from (ResourceRecord(name, data, kept.ttl_s) for data in kept.deck)

    def exists(self, name: DomainName) -> bool:
        """Whether a name has records, or another one under it has."""
        return name == self.apex or name in self._sets or self._inner[name] > 0

    def types(self, name: DomainName) -> tuple[int, ...]:
        """Which types of records a name has."""
        return tuple(self._sets.get(name, ())) + ((RecordType.SOA,) if name == self.apex else ())

    def data(self, name: DomainName, number: int) -> tuple[Rdata, ...]:
        """All data of a set; empty if there is none."""
        if number == RecordType.SOA:
            return (self.soa.data,) if name == self.apex else ()
        kept = self._sets.get(name, {}).get(number)
        return tuple(kept.deck) if kept else ()

    # Changing it ------------------------------------------------------------------------------------------

    def add(self, record: ResourceRecord, now: float, lease_s: float | None = None) -> bool:
        """Adds a record, or gives one that is there a new lease. The set takes its time to live.

        Args:
            record: of a name in the zone; not an SOA.
            now: the time, in seconds.
            lease_s: how long it is good; None for one that stays (rule 4).

        Returns:
            Whether it is new.

        Raises:
            UsageError: it does not belong here, cannot be written, or has no room (rule 8).
        """
        is_ours = record.name in self and record.type != RecordType.SOA and record.rclass == IN
        if not is_ours or (record.type == RecordType.NS and record.name != self.apex):
            raise UsageError(f"{record} does not belong into the zone {self.apex}")
        if not self.has_room_for(record):
            raise UsageError(f"the zone {self.apex} has no room for {record}")
        if not self.may_stand_with_others(record):
            raise UsageError(f"{record} cannot stand beside what {record.name} has: an alias stands alone")
        sets = self._sets.get(record.name)
        if sets is None:
            sets = self._sets[record.name] = {}
            self._count_inner(record.name, 1)
        kept = sets.get(record.type)
        if kept is None:
            kept = sets[record.type] = _Set(Deck(self._rng))
        kept.ttl_s = record.ttl_s
        kept.ends.pop(record.data, None)
        if lease_s is not None:
            kept.ends[record.data] = now + lease_s
            self._count += 1
            heapq.heappush(self._leases, (now + lease_s, self._count, record.name, record.data))
        is_new = kept.deck.add(record.data)
        self.serial += is_new
        self.records += is_new
        if len(self._leases) > 2 * self.records + 100:
            self._forget_old_leases()
        return is_new

    def has_room_for(self, record: ResourceRecord) -> bool:
        """Whether a record can be added (rule 8)."""
        kept = self._sets.get(record.name, {}).get(record.type)
        if kept is not None and record.data in kept.deck:
            return True
        if self.records >= MAX_IN_ALL or size_of(record.data) > MAX_DATA_BYTES:
            return False
        has_name = record.name in self._sets or len(self._sets) < MAX_NAMES
        return has_name and (kept is None or len(kept.deck) < MAX_RECORDS)

    def may_stand_with_others(self, record: ResourceRecord) -> bool:
        """Whether what a name has leaves it a record of this type (rule 10)."""
        others = set(self.types(record.name)) - {record.type}
        if record.type != RecordType.CNAME:
            return RecordType.CNAME not in others
        return not others and self.data(record.name, RecordType.CNAME) in ((), (record.data,))

    def remove(self, name: DomainName, number: int | None = None, data: Rdata | None = None) -> int:
        """Removes records; the NS records of the apex stay (rule 9).

        Args:
            name: whose records.
            number: of which type; None for all types.
            data: which one of the set; None for the whole set.

        Returns:
            How many were removed.
        """
        sets, removed = self._sets.get(name, {}), 0
        for each in list(sets) if number is None else [number]:
            kept = sets.get(each)
            if kept is None or (name == self.apex and each == RecordType.NS):
                continue
            for gone in list(kept.deck) if data is None else [data]:
                removed += kept.deck.remove(gone)
                kept.ends.pop(gone, None)
            if not kept.deck:
                del sets[each]
        if removed and not sets:
            del self._sets[name]
            self._count_inner(name, -1)
        self.serial += bool(removed)
        self.records -= removed
        return removed

    def next_end(self) -> float | None:
        """When the next lease may be over; None if there is none."""
        return self._leases[0][0] if self._leases else None

    def expire(self, now: float) -> int:
        """Removes the records whose lease is over (rule 4); returns how many."""
        removed = 0
        while self._leases and self._leases[0][0] <= now:
            lease = heapq.heappop(self._leases)
            _, _, name, data = lease
            if self._is_current(*lease):
                removed += self.remove(name, type_of(data), data)
        return removed

    def _forget_old_leases(self) -> None:
        """Leaves out those that were renewed or whose records are gone, so that renewing takes no memory."""
        self._leases = [each for each in self._leases if self._is_current(*each)]
        heapq.heapify(self._leases)

    def _is_current(self, end: float, _: int, name: DomainName, data: Rdata) -> bool:
        kept = self._sets.get(name, {}).get(type_of(data))
        return kept is not None and kept.ends.get(data) == end

    def _count_inner(self, name: DomainName, change: int) -> None:
        parent = name
        while parent != self.apex:
            parent = parent.parent
            self._inner[parent] += change
            if not self._inner[parent]:
                del self._inner[parent]

    # Asking it --------------------------------------------------------------------------------------------

    def answer(self, question: Question, now: float) -> ZoneAnswer:
        """What the zone says; a hand is dealt, so the same question gets another answer next time."""
        name = question.name
        is_record = question.type not in NO_RECORDS and not question.wants_unicast  # a bit of mDNS alone
        if question.rclass not in (IN, 255) or name not in self or not is_record:
            return ZoneAnswer(REFUSED)  # rule 1
        self.expire(now)
        if not self.exists(name):
            return ZoneAnswer(NXDOMAIN, authorities=(self.soa,))
        number = self._one_type(name) if question.type == RecordType.ANY else question.type
        if number == RecordType.SOA and name == self.apex:
            return ZoneAnswer(answers=(self.soa,))
        followed, name = self._aliases(name, number, now)
        hand = self._hand(name, number, now)
        if hand or name not in self:
            return ZoneAnswer(answers=(*followed, *hand), additionals=tuple(self._hosts(hand, now)))
        return ZoneAnswer(NOERROR if self.exists(name) else NXDOMAIN, tuple(followed), (self.soa,))

    def _aliases(self, name: DomainName, number: int, now: float) -> tuple[list[ResourceRecord], DomainName]:
        """The aliases that a name leads through, and the name at the end (rule 10)."""
        followed: list[ResourceRecord] = []
        while number != RecordType.CNAME and len(followed) < MAX_ALIASES:
            hand = self._hand(name, RecordType.CNAME, now)
            if not hand or not isinstance(hand[0].data, Cname) or hand[0] in followed:
                break
            followed += hand
            name = hand[0].data.target
        return followed, name

    def _one_type(self, name: DomainName) -> int:
        """Rule 7."""
        sets = self._sets.get(name, {})
        return min(sets, key=lambda number: len(sets[number].deck), default=int(RecordType.ANY))

    def _hand(self, name: DomainName, number: int, now: float) -> tuple[ResourceRecord, ...]:
        kept = self._sets.get(name, {}).get(number)
        if kept is None:
            return ()
        dealt = kept.deck.deal(self.hand)
        leases = [end - now for data in dealt if (end := kept.ends.get(data)) is not None]
        ttl_s = (
            max(1, int(min([kept.ttl_s, self.max_ttl_s, *leases]))) if self.max_ttl_s and kept.ttl_s else 0
        )
        return tuple(ResourceRecord(name, data, ttl_s) for data in dealt)  # one time for all: RFC 2181, 5.2

    def _hosts(self, hand: Iterable[ResourceRecord], now: float) -> Iterator[ResourceRecord]:
        """Rule 6."""
        targets = [record.data.target for record in hand if isinstance(record.data, Srv | Ns)]
        for target in list(dict.fromkeys(targets))[:ADDITIONAL_NAMES]:
            for kind in (A, Aaaa):
                yield from self._hand(target, RecordType.A if kind is A else RecordType.AAAA, now)
