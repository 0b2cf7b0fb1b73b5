"""Machine: a host's part in multicast DNS: it claims names, answers for them, asks, and keeps what it hears.

The rules are in the parts, each with the sections of RFC 6762 that it follows: `claims` (probing, announcing,
conflicts), `replies` (which answers go when), `questions` (what is asked when), `cache` (what others have
said). What is left for this module is who is believed.

Rules
    1. Only the link is believed: a datagram whose source address is not on it is dropped (section 11).
    2. An answer comes from the group's port. From any other port anybody's program could answer (6).
    3. A question from another port comes from a simple program that knows only plain DNS. The answer goes to
       it alone, with its own id and question, for at most 10 s and without the cache-flush bit (6.7).
    4. A question that asks for an answer to the asker alone gets one, unless the record has not been sent to
       the group for a quarter of its time; then all are told (5.4). An asker on our own host is answered
       through the group: it may share its port with others, and only one of them would get the datagram.
    5. Our own datagrams come back to us, and are dropped: see `p2plib.discovery.mdns.echoes`.
    6. Somebody who says one of our records with less than half of its time, or takes it back, is corrected at
       once: we say it again (6.6).
    7. Taking a claim back, or another label for it, says goodbye for every record that no other claim of ours
       has (10.1); without the cache-flush bit where another host may be right about the name.

What is not here: IPv6 groups, hosts with several links, new data under a name that is ours already (8.4), and
watching whether others get answers (10.5). A host that wakes up, or comes back to the link, has to probe and
announce again (8): close it and open it. Two claims that share a record and are announced within a second
say it twice in that second (6 allows once), and nobody waits longer for an asker whose known answers keep
coming (7.2).
"""

from __future__ import annotations

import ipaddress
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from p2plib.discovery.mdns.answering import MAX_QUESTIONS, Answering
from p2plib.discovery.mdns.cache import Change, Entry, RecordCache, key_of
from p2plib.discovery.mdns.claims import LAST_NUMBER, PROBES, Claim, ClaimState, Owned, RecordsOf, next_label
from p2plib.discovery.mdns.echoes import Echoes
from p2plib.discovery.mdns.events import (
    MdnsEvent,
    MdnsTimer,
    NameChanged,
    NameClaimed,
    RecordGone,
    RecordHeard,
)
from p2plib.discovery.mdns.links import link_of
from p2plib.discovery.mdns.manners import GOOD_MANNERS, Manners
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import MAX_LINK_BYTES, OPCODE, RCODE, DnsPacket, Question, decode
from p2plib.discovery.mdns.packing import probe, queries, responses
from p2plib.discovery.mdns.questions import Interest, first_time, knows_more, names_behind
from p2plib.discovery.mdns.records import RecordType, ResourceRecord
from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Address, packed_host
from p2plib.machine.machine import Base

GROUP, PORT = "224.0.0.251", 5353
NOT_KEPT = {RecordType.OPT, RecordType.NSEC, RecordType.ANY}


class MulticastDns(Base[MdnsEvent, MdnsTimer]):
    """One host's part in multicast DNS.

    Args:
        host: its address on the link.
        rng: for the waits.
        link: the network that counts as the link, such as "192.168.1.0/24"; the /24 of the host if not given,
            and for a loopback address all of 127.0.0.0/8.
        group: the multicast group and its port.
        manners: what it does to keep the link quiet.

    Attributes:
        cache: what others have said.
        sent: how many datagrams it has sent, by kind.
    """

    def __init__(
        self,
        host: str,
        rng: random.Random,
        *,
        link: str | None = None,
        group: Address = (GROUP, PORT),
        manners: Manners = GOOD_MANNERS,
    ) -> None:
        super().__init__()
        self.host, self.group, self.manners = host, group, manners
        self.link = link_of(host) if link is None else ipaddress.ip_network(link)
        self.cache = RecordCache(self._forget)
        self.sent: Counter[str] = Counter()
        self._rng = rng
        self._claims: dict[int, Claim] = {}
        self._interests: dict[int, Interest] = {}
        self._answering = Answering(host, rng, manners)
        self._echoes = Echoes()
        self._numbers = 0
        self._held: Owned | None = None

    # What the owner calls ---------------------------------------------------------------------------------

    def claim(self, label: str, records_of: RecordsOf, now: float) -> int:
        """Claims names, and answers for them once they are ours; `NameClaimed` tells when.

        Args:
            label: the part of the names that changes if another host has them already.
            records_of: the records that a label makes; with the cache-flush bit where they are to be unique.
            now: the time, in seconds.

        Returns:
            The claim's number.

        Raises:
            UsageError: the label makes names that cannot be, or leaves no room for a number behind it, or the
                records are too large for a link.
        """
        claim = Claim(self._next_number(), label, records_of)
        claim.begin(self._rng, now)
        # Now, while there is somebody who can be told, and not when it is due:
        probe(*claim.probe())
        responses(tuple(records_of(next_label(f"{label}-{LAST_NUMBER}"))))
        self._claims[claim.number] = claim
        self._set(claim)
        return claim.number

    def release(self, number: int, now: float) -> None:
        """Takes a claim back, and says goodbye (rule 7); for one that is not there it does nothing."""
        claim = self._claims.pop(number, None)
        self._held = None
        self.timers.cancel(MdnsTimer.CLAIM, number)
        if claim is not None:
            self._leave(claim.records, claim.is_told, claim.answers, now)

    def claimed(self, number: int) -> Claim:
        """A claim.

        Raises:
            UsageError: there is none with that number.
        """
        if number not in self._claims:
            raise UsageError(f"there is no claim number {number}")
        return self._claims[number]

    def ask(self, question: Question, now: float) -> int:
        """Goes on asking until `stop`; what is heard comes as `RecordHeard`, and stays in `cache`.

        Returns:
            The number of the interest.
        """
        at = first_time(self._rng, now) if self.manners.waits else now
        interest = Interest(self._next_number(), question, at)
        self._interests[interest.number] = interest
        self.timers.set(MdnsTimer.ASK, interest.next_at, interest.number)
        self._watch(list(self.cache), now)
        return interest.number

    def stop(self, number: int, now: float) -> None:
        """Stops asking; for an interest that is not there it does nothing."""
        self._interests.pop(number, None)
        self.timers.cancel(MdnsTimer.ASK, number)

    def suppressed(self) -> dict[str, int]:
        """How many answers and questions were not sent because they were not needed, by reason."""
        return dict(self._answering.suppressed)

    # What the driver calls --------------------------------------------------------------------------------

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived; rules 1, 2 and 5 say which are dropped."""
        if address[0] == self.host and self._echoes.takes(data, now):
            self._ignore("our own")
        elif not self._is_on_link(address[0]):
            self._ignore("not from this link")
        elif len(data) > MAX_LINK_BYTES:
            self._ignore("too large")
        else:
            try:
                packet = decode(data)
            except DecodeError:
                self._ignore("broken")
                return
            self._take(packet, address, now)

    def on_timer(self, now: float) -> None:
        """Does whatever is due."""
        for timer, about in self.timers.due(now):
            match timer:
                case MdnsTimer.CLAIM:
                    self._advance(self._claims[about], now)
                case MdnsTimer.REPLY:
                    self._reply(now)
                case MdnsTimer.ASK:
                    self._ask(now)
                case MdnsTimer.REFRESH:
                    self._refresh(about, now)
                case MdnsTimer.EXPIRE:
                    self._expire(about, now)
                case _:
                    assert_never(timer)

    # What arrives -----------------------------------------------------------------------------------------

    def _take(self, packet: DnsPacket, address: Address, now: float) -> None:
        if packet.flags & (OPCODE | RCODE):  # section 18.3 and 18.11
            self._ignore("another operation, or an error")
        elif not packet.is_response:
            self._hear_question(packet, address, now)
        elif address[1] != self.group[1]:
            self._ignore("an answer from another port")
        else:
            self._hear_answer(packet, address[0], now)

    def _hear_question(self, packet: DnsPacket, address: Address, now: float) -> None:
        if packet.authorities and address[1] == self.group[1]:
            self._hear_probe(packet, now)
        own = self._owned().records.values()
        for interest in self._interests.values() if self.manners.believes_others else ():
            question = interest.question
            same = any(
                (other.name, other.type, other.rclass) == (question.name, question.type, question.rclass)
                and not other.wants_unicast
                for other in packet.questions[:MAX_QUESTIONS]
            )
            is_asked = same and address[1] == self.group[1]
            if is_asked and not knows_more(packet.answers, question, self.cache, own, now):
                interest.heard_at = now
        direct = self._answering.hear(
            packet, address, address[1] != self.group[1], self._claims.values(), now
        )
        for data in direct:
            self.sent["direct answer"] += 1
            self._send(data, address)
        self._plan(now)

    def _hear_probe(self, packet: DnsPacket, now: float) -> None:
        """Another host probes, perhaps for a name that we are probing for as well."""
        for claim in list(self._claims.values()):
            if claim.state is ClaimState.PROBING and claim.loses_to(packet.authorities):
                claim.lose(self._rng, now)
                self._set(claim)

    def _hear_answer(self, packet: DnsPacket, sender: str, now: float) -> None:
        records = [record for record in packet.answers + packet.additionals if record.type not in NOT_KEPT]
        conflicts: dict[int, ResourceRecord] = {}
        for record in records:
            for claim in self._owned().owners.get(record.name, ()):
                if claim.contradicts(record):
                    conflicts.setdefault(claim.number, record)
        for number, record in conflicts.items():
            self._conflict(self._claims[number], record, sender, now)
        others = [record for record in records if not self._hear_ours(record, sender, now)]
        for entry in self.cache.flush(others, now):
            self.timers.set(MdnsTimer.EXPIRE, entry.expires_at, entry.number)
        heard = []
        for record in others:
            change, found = self.cache.hear(record, sender, now)
            if found is not None:
                self.timers.set(MdnsTimer.EXPIRE, found.expires_at, found.number)
                heard.append(found)
            if change is Change.NEW:
                self._tell(RecordHeard(record, sender))
        self._watch((entry for entry in heard if self.cache.get(entry.number) is entry), now)
        self._plan(now)

    def _hear_ours(self, record: ResourceRecord, sender: str, now: float) -> bool:
        """Whether another host has said a record of ours; rule 6."""
        ours = self._owned().records.get(key_of(record))
        if ours is None:
            return False
        if self.manners.believes_others:
            self._answering.replies.heard(record)
        if record.ttl_s * 2 < ours.ttl_s:
            self._answering.replies.plan(ours, now, now, sender)
        return True

    def _conflict(self, claim: Claim, record: ResourceRecord, sender: str, now: float) -> None:
        records, is_told = claim.records, claim.is_told
        is_renamed = claim.conflict(self._rng, now)
        self._set(claim)
        self._leave(records, is_told and is_renamed, False, now)
        if is_renamed:
            self._tell(NameChanged(claim.number, claim.label, record, sender))

    # What is due ------------------------------------------------------------------------------------------

    def _advance(self, claim: Claim, now: float) -> None:
        """The next probe or announcement of a claim."""
        if claim.state is ClaimState.PROBING and claim.sent < PROBES:
            questions, claimed = claim.probe()
            self._multicast(probe(questions, claimed), now, "probe")
        else:
            self._say(claim.records, (), now, "announcement")
        is_new = not claim.answers
        claim.step(now)
        self._set(claim)
        if claim.state is ClaimState.ESTABLISHED:
            self.timers.cancel(MdnsTimer.CLAIM, claim.number)
        if claim.answers and (is_new or (claim.sent == 1 and not claim.unique_names)):
            self._tell(NameClaimed(claim.number, claim.label))

    def _reply(self, now: float) -> None:
        """The answers whose time has come, with what would be asked for next."""
        answers = self._answering.replies.due(now)
        additionals = self._answering.additionals(answers, self._owned().records.values(), now)
        self._say(answers, additionals, now, "answer")
        self._plan(now)

    def _ask(self, now: float) -> None:
        """The questions whose time has come, in one datagram, with what is known already."""
        due = [interest for interest in self._interests.values() if interest.next_at <= now]
        questions = []
        for interest in due:
            if interest.is_asked_by_another(now):
                self._answering.suppressed["asked by another"] += 1
            else:
                questions.append(interest.question)
            interest.step(now)
            self.timers.set(MdnsTimer.ASK, interest.next_at, interest.number)
        self._ask_for(questions, now)

    def _ask_for(self, questions: Iterable[Question], now: float) -> None:
        questions = tuple(dict.fromkeys(questions))
        if not questions:
            return
        known: list[ResourceRecord] = []
        if self.manners.tells_what_it_knows:
            known = [record for question in questions for record in self.cache.known_answers(question, now)]
        for data in queries(questions, known):
            self._multicast(data, now, "question")

    def _watch(self, entries: Iterable[Entry], now: float) -> None:
        """Asks for records again before their time is over, if somebody here waits for them."""
        for entry in self._wanted(entries, now):
            at = entry.refresh_at(self._rng)
            if at is not None:
                self.timers.set(MdnsTimer.REFRESH, max(at, now), entry.number)

    def _wanted(self, entries: Iterable[Entry], now: float) -> list[Entry]:
        """Those of some entries that somebody here waits for, or that belong to such: instances and hosts."""
        questions: dict[DomainName, list[Question]] = {}
        for interest in self._interests.values():
            questions.setdefault(interest.question.name, []).append(interest.question)
        behind = names_behind((each.question for each in self._interests.values()), self.cache, now)
        return [
            entry
            for entry in entries
            if entry.record.name in behind
            or any(question.asks_for(entry.record) for question in questions.get(entry.record.name, ()))
        ]

    def _refresh(self, number: int, now: float) -> None:
        entry = self.cache.get(number)
        if entry is None or entry.is_leaving or not self._wanted([entry], now):
            return
        record = entry.record
        entry.refreshes += 1
        self._ask_for([Question(record.name, record.type, record.rclass)], now)
        self._watch([entry], now)

    def _expire(self, number: int, now: float) -> None:
        entry = self.cache.get(number)
        if entry is None:
            return
        if entry.expires_at > now:
            self.timers.set(MdnsTimer.EXPIRE, entry.expires_at, number)
            return
        self.cache.remove(entry)
        self._forget(entry)

    def _forget(self, entry: Entry) -> None:
        """An entry of the cache is gone."""
        self.timers.cancel(MdnsTimer.EXPIRE, entry.number)
        self.timers.cancel(MdnsTimer.REFRESH, entry.number)
        self._tell(RecordGone(entry.record))

    # ------------------------------------------------------------------------------------------------------

    def _leave(self, records: Iterable[ResourceRecord], is_told: bool, alone: bool, now: float) -> None:
        """Says no more about some records, and goodbye if the link knows them (rule 7).

        Args:
            records: those of a claim; what other claims have too, stays.
            is_told: whether the link has been told.
            alone: whether nobody else has said anything under their names.
            now: the time, in seconds.
        """
        leaving = [record for record in records if not self._is_ours(record)]
        self._answering.replies.forget(leaving)
        if is_told:
            goodbyes = (replace(each, ttl_s=0, cache_flush=each.cache_flush and alone) for each in leaving)
            self._say(goodbyes, (), now, "goodbye")
            self._answering.replies.forget(leaving)

    def _owned(self) -> Owned:
        """What our claims hold; made anew after one of them has changed."""
        if self._held is None:
            self._held = Owned(self._claims.values())
        return self._held

    def _set(self, claim: Claim) -> None:
        """A claim has changed."""
        self._held = None
        self.timers.set(MdnsTimer.CLAIM, claim.next_at, claim.number)

    def _is_ours(self, record: ResourceRecord) -> bool:
        return key_of(record) in self._owned().records

    def _is_on_link(self, host: str) -> bool:
        """Rule 1."""
        return ipaddress.ip_address(packed_host(host)) in self.link

    def _plan(self, now: float) -> None:
        """Wakes for the next answer that waits."""
        at = self._answering.replies.first()
        if at is None:
            self.timers.cancel(MdnsTimer.REPLY)
        else:
            self.timers.set(MdnsTimer.REPLY, max(at, now))

    def _say(
        self,
        answers: Iterable[ResourceRecord],
        additionals: Iterable[ResourceRecord],
        now: float,
        kind: str,
    ) -> None:
        """Sends records to the group."""
        answers, additionals = tuple(answers), tuple(additionals)
        for data in responses(answers, additionals):
            self._multicast(data, now, kind)
        self._answering.replies.said((*answers, *additionals), now)

    def _multicast(self, data: bytes, now: float, kind: str) -> None:
        self.sent[kind] += 1
        self._echoes.sent(data, now)
        self._send(data, self.group)

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers
