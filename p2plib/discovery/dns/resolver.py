"""Resolver: asks name servers for a name's records, and believes no more than it must. A driver.

::

    async with Resolver([("192.0.2.53", 53)], random.SystemRandom()) as resolver:
        print(await resolver.hosts("seed.p2p.test"))

It is a stub, as each machine has one: it asks servers that were given to it, which may be those of a zone, or
the provider's, which go and ask others.

Rules
    1. The servers are asked one after another, each for `timeout_s`, then all again for twice as long,
       `tries` times. One that refuses, or has trouble, is passed over for the next; one that cannot read
       EDNS is asked again without it (RFC 6891, 7).
    2. That a name or a type does not exist is an answer: no records.
    3. Aliases (CNAME) are followed, `MAX_ALIASES` at most, in the answer itself and by asking again.
    4. At most `MAX_RECORDS` records of an answer are used, of the class IN alone. Additional records are used
       with the answer that they came with, and never kept under their own name: they are not what was asked.
    5. An address is given only if somebody where we are could reach it: one on our own machine or site, named
       by a stranger, would lead to a neighbour who never asked to be called.
    6. Answers are kept as `p2plib.discovery.dns.cache` says.

Vocabulary::

    service   a port of a host, as an SRV record has it, with the addresses of the host
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from p2plib.discovery.dns.asking import ask
from p2plib.discovery.dns.cache import AnswerCache
from p2plib.discovery.dns.calls import Calls
from p2plib.discovery.dns.edns import Edns, response_code
from p2plib.discovery.dns.updates import FORMERR, NOTIMP
from p2plib.discovery.dns.zone import NOERROR, NXDOMAIN
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import RECURSION_DESIRED, DnsPacket, Question
from p2plib.discovery.mdns.records import IN, A, Aaaa, Cname, RecordType, ResourceRecord, Soa, Srv, Txt
from p2plib.errors import PeerTimeout, RequestRefused, Unreachable, UsageError
from p2plib.machine.addresses import Address, Scope, given_address, scope_of

TIMEOUT_S, TRIES = 2.0, 2
MAX_ALIASES = 8
MAX_RECORDS = 256
MAX_SERVERS = 8
MAX_HOSTS_ASKED = 16  # for one service: otherwise one answer would make us ask hundreds of questions
WORDS = {1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED", 9: "NOTAUTH"}


@dataclass(frozen=True, slots=True)
class Resolved:
    """What is known about a name and a type.

    Args:
        records: its records, under their own name; none if there is none.
        additionals: what came along.
        ttl_s: for how many seconds it may be used.
        said_by: the name server that said so.
        exists: whether there is such a name at all.
        is_cached: whether nobody was asked.
        aliases: the CNAME records that lead from the name that was asked for to theirs.
        soa: if there are no records, what says so: the start of the zone, where the server sent it.
    """

    records: tuple[ResourceRecord, ...]
    additionals: tuple[ResourceRecord, ...]
    ttl_s: float
    said_by: Address
    exists: bool = True
    is_cached: bool = False
    aliases: tuple[ResourceRecord, ...] = ()
    soa: ResourceRecord | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """One place where a service is.

    Args:
        target: the name of the host.
        port: the port there.
        hosts: the host's addresses that may be used, at least one.
        priority: the lowest first.
        weight: how often, among those of one priority.
        said_by: the name server that said so.
    """

    target: DomainName
    port: int
    hosts: tuple[str, ...]
    priority: int = 0
    weight: int = 0
    said_by: Address = ("", 0)


class Resolver:
    """Asks name servers; used with `async with`.

    Args:
        servers: where name servers are; IP addresses and ports.
        rng: draws ids; whoever can guess them can forge answers.
        from_host: an address of ours, for rule 5. If it is None, the first server's counts; so pass it where
            the server is on this machine, and asks others for us.
        timeout_s: see rule 1.
        tries: see rule 1.
        cache: where answers are kept; one of its own if None.

    Attributes:
        ignored: what was dropped, by reason.
        asked: how many questions were sent to name servers.
    """

    def __init__(
        self,
        servers: Iterable[Address],
        rng: random.Random,
        *,
        from_host: str | None = None,
        timeout_s: float = TIMEOUT_S,
        tries: int = TRIES,
        cache: AnswerCache[Resolved] | None = None,
    ) -> None:
        self.servers = tuple(dict.fromkeys(map(given_address, servers)))
        if not 1 <= len(self.servers) <= MAX_SERVERS:
            raise UsageError(f"a resolver asks 1 to {MAX_SERVERS} name servers, not {len(self.servers)}")
        if tries < 1 or timeout_s <= 0:
            raise UsageError("a resolver tries once at least, and waits for some time")
        self.ignored: Counter[str] = Counter()
        self.asked = 0
        self.cache: AnswerCache[Resolved] = AnswerCache() if cache is None else cache
        self._scope = scope_of(from_host or self.servers[0][0])
        self._rng, self._timeout_s, self._tries = rng, timeout_s, tries
        self._calls = Calls("this resolver")

    async def __aenter__(self) -> Self:
        self._calls.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._calls.close()

    # Asking -----------------------------------------------------------------------------------------------

    async def ask(self, name: str | DomainName, number: int) -> Resolved:
        """The records of one type that a name has.

        Args:
            name: which name.
            number: which type, such as `RecordType.TXT`.

        Raises:
            PeerTimeout: no name server answered.
            Unreachable: there is no way to any.
            RequestRefused: they answered, and cannot or will not say.
            UsageError: this cannot be a name.
            Closed: the block is over.
        """
        asked = DomainName.parse(name) if isinstance(name, str) else name
        followed: list[ResourceRecord] = []
        ttl_s = math.inf
        for _ in range(MAX_ALIASES):
            found = await self._ask(asked, number)
            ttl_s = min(ttl_s, found.ttl_s)
            is_plain = number in (RecordType.CNAME, RecordType.ANY)
            chain = [asked] if is_plain else aliases(asked, found.records)
            records = tuple(
                each for each in found.records if each.name in chain and number in (each.type, RecordType.ANY)
            )
            if not is_plain:
                followed += [
                    each for each in found.records if isinstance(each.data, Cname) and each.name in chain[:-1]
                ]
            if records or len(chain) == 1:
                return replace(found, records=records, ttl_s=ttl_s, aliases=tuple(followed))
            asked = chain[-1]
        self.ignored["too many aliases"] += 1
        return Resolved((), (), ttl_s, found.said_by)

    async def _ask(self, name: DomainName, number: int) -> Resolved:
        self._calls.check_open()
        now = asyncio.get_running_loop().time()
        kept = self.cache.get((name, number), now)
        if kept is not None:
            known, left_s = kept
            return replace(known, ttl_s=left_s, is_cached=True)
        question = Question(name, number)
        answer, server = await self._calls.run(self._ask_each(question))
        found = self._read(answer, server)
        now = asyncio.get_running_loop().time()
        self.cache.put((name, number), found, found.ttl_s, now, is_negative=not found.records)
        return found

    async def _ask_each(self, question: Question) -> tuple[DnsPacket, Address]:
        """Rule 1."""
        trouble: Exception = PeerTimeout("no name server answered")
        for attempt in range(self._tries):
            for server in self.servers:
                try:
                    answer = await self._ask_one(question, server, self._timeout_s * 2**attempt)
                except (PeerTimeout, Unreachable) as error:
                    if not isinstance(trouble, RequestRefused):
                        trouble = error
                    continue
                rcode = response_code(answer)
                if rcode in (NOERROR, NXDOMAIN):
                    return answer, server
                word = WORDS.get(rcode, f"code {rcode}")
                trouble = RequestRefused(f"the name server at {server[0]} says {word}", rcode)
            if isinstance(trouble, RequestRefused):
                break  # it will say the same again
        raise trouble

    async def _ask_one(self, question: Question, server: Address, timeout_s: float) -> DnsPacket:
        """One server's answer; without EDNS if it cannot read that."""
        for extra in ((Edns().record(),), ()):
            self.asked += 1
            ident = self._rng.getrandbits(16)
            packet = DnsPacket((question,), additionals=extra, flags=RECURSION_DESIRED, id=ident)
            answer = await ask(server, packet, timeout_s, self.ignored)
            if answer.rcode not in (FORMERR, NOTIMP):
                break
        return answer

    def _read(self, answer: DnsPacket, server: Address) -> Resolved:
        """Rules 2 and 4."""
        records, additionals = self._of_our_class(answer.answers), self._of_our_class(answer.additionals)
        if len(records) > MAX_RECORDS or len(additionals) > MAX_RECORDS:
            self.ignored["too many records"] += max(0, len(records) - MAX_RECORDS)
            records, additionals = records[:MAX_RECORDS], additionals[:MAX_RECORDS]
        exists = answer.rcode != NXDOMAIN
        if records:
            ttl_s: float = min(record.ttl_s for record in records)
        else:
            ttl_s = 0
        soas = [each for each in self._of_our_class(answer.authorities) if isinstance(each.data, Soa)]
        soa = soas[0] if soas else None
        if not records and soa is not None and isinstance(soa.data, Soa):
            ttl_s = min(soa.ttl_s, soa.data.minimum_s)
        return Resolved(records, additionals, ttl_s, server, exists, soa=soa)

    def _of_our_class(self, records: tuple[ResourceRecord, ...]) -> tuple[ResourceRecord, ...]:
        """Rule 4; the top bit is of multicast DNS alone, and here part of another class."""
        said = [each for each in records if each.type != RecordType.OPT]
        ours = tuple(each for each in said if each.rclass == IN and not each.cache_flush)
        if len(ours) < len(said):
            self.ignored["a record of another class"] += len(said) - len(ours)
        return ours

    # Asking for what peers need ---------------------------------------------------------------------------

    async def hosts(
        self, name: str | DomainName, numbers: Sequence[int] = (RecordType.A, RecordType.AAAA)
    ) -> list[str]:
        """The addresses of a name that may be used (rule 5), each once.

        Where there are some of one type, nobody has to tell that there are some of the next.

        Args:
            name: which name.
            numbers: A for IPv4, AAAA for IPv6; both by default.

        Raises:
            P2PError: as `ask`.
        """
        found: dict[str, None] = {}
        for number in numbers:
            try:
                answer = await self.ask(name, number)
            except (PeerTimeout, Unreachable, RequestRefused):
                if not found:
                    raise
                self.ignored["more addresses that cannot be found"] += 1
                continue
            found.update(dict.fromkeys(self._usable(answer.records)))
        return list(found)

    async def services(self, name: str | DomainName) -> AsyncGenerator[Service, None]:
        """Where a service is: by priority, and among equals drawn by weight (RFC 2782).

        Hosts whose addresses did not come along are asked for, `MAX_HOSTS_ASKED` at most. One that has none
        is left out.

        Raises:
            P2PError: as `ask`.
        """
        answer, asked = await self.ask(name, RecordType.SRV), 0
        for srv in self._ordered(each.data for each in answer.records if isinstance(each.data, Srv)):
            if not srv.target.labels or not srv.port:
                self.ignored["a service that is nowhere"] += 1  # RFC 2782: the root says that there is none
                continue
            along = [each for each in answer.additionals if each.name == srv.target]
            if not along and asked == MAX_HOSTS_ASKED:
                self.ignored["too many hosts to ask for"] += 1
                continue
            asked += not along
            hosts = self._usable(along) if along else await self._hosts_of(srv.target)
            if hosts:
                yield Service(srv.target, srv.port, tuple(hosts), srv.priority, srv.weight, answer.said_by)

    async def texts(self, name: str | DomainName) -> list[bytes]:
        """The texts of a name, the strings of each put together.

        Raises:
            P2PError: as `ask`.
        """
        answer = await self.ask(name, RecordType.TXT)
        return [b"".join(each.data.strings) for each in answer.records if isinstance(each.data, Txt)]

    async def _hosts_of(self, target: DomainName) -> list[str]:
        """The addresses of a service's host. One that cannot be found does not spoil the others."""
        try:
            return await self.hosts(target)
        except (PeerTimeout, Unreachable, RequestRefused):
            self.ignored["a host that cannot be found"] += 1
            return []

    def may_use(self, host: str) -> bool:
        """Whether a stranger may send us to an address (rule 5)."""
        return scope_of(host) >= self._scope > Scope.NOWHERE

    def _usable(self, records: Iterable[ResourceRecord]) -> list[str]:
        """Rule 5."""
        found: dict[str, None] = {}
        for record in records:
            if not isinstance(record.data, A | Aaaa):
                continue
            if self.may_use(record.data.host):
                found[record.data.host] = None
            else:
                self.ignored["an address where no peer can be"] += 1
        return list(found)

    def _ordered(self, services: Iterable[Srv]) -> list[Srv]:
        """RFC 2782: by priority; within one, drawn with chances by weight."""
        drawn = [
            (each.priority, -(self._rng.random() ** (1 / (each.weight or 0.1))), each) for each in services
        ]
        return [each for _, _, each in sorted(drawn, key=lambda one: one[:2])]


def aliases(name: DomainName, records: Iterable[ResourceRecord]) -> list[DomainName]:
    """The names that a name stands for, according to some records: itself, what it is an alias of, ..."""
    targets = {each.name: each.data.target for each in records if isinstance(each.data, Cname)}
    chain = [name]
    while chain[-1] in targets and targets[chain[-1]] not in chain and len(chain) <= MAX_ALIASES:
        chain.append(targets[chain[-1]])
    return chain
