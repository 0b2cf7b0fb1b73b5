"""Answering: which of our records a question gets, and whether all are told or the asker alone.

Rules
    1. A question gets every record of ours that it asks for. If we alone own its name and have nothing of the
       type, it gets an NSEC that lists what there is: a clear no (RFC 6762, section 6.1). It does
       not list NSEC itself: that is how it is told from one that a name server keeps.
    2. Whether the asker alone is answered, or the whole link, is said in `p2plib.discovery.mdns.machine`
       (rules 3 and 4), and when, in `p2plib.discovery.mdns.replies`.
    3. With an answer goes what would be asked for next: with a PTR the SRV, TXT and A of what it names, with
       an SRV the A of its host (RFC 6763, section 12).
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

from p2plib.discovery.mdns.cache import key_of
from p2plib.discovery.mdns.claims import Claim, ClaimState
from p2plib.discovery.mdns.manners import Manners
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import AUTHORITATIVE, RESPONSE, TRUNCATED, DnsPacket, Question, encode
from p2plib.discovery.mdns.packing import LINK_BYTES, responses
from p2plib.discovery.mdns.records import IN, Nsec, Ptr, RecordType, ResourceRecord, Srv
from p2plib.discovery.mdns.replies import DEFENCE_GAP_S, RECORD_GAP_S, Replies, is_known, shared_delay
from p2plib.machine.addresses import Address

LEGACY_TTL_S = 10
SHARE_OF_TIME = 0.25  # of a record's time: how fresh in the group it must be to go to the asker alone
MAX_QUESTIONS = 50  # that are answered of one datagram: far more than anybody has to ask


class Answering:
    """What one host answers.

    Args:
        host: its address.
        rng: for the waits.
        manners: what it does to keep the link quiet.

    Attributes:
        replies: the answers that wait to go to the group.
        suppressed: how many answers and questions were not needed, by reason.
    """

    def __init__(self, host: str, rng: random.Random, manners: Manners) -> None:
        self.host, self.manners = host, manners
        self.replies = Replies()
        self.suppressed = self.replies.suppressed
        self._rng = rng

    def hear(
        self, packet: DnsPacket, address: Address, is_legacy: bool, claims: Iterable[Claim], now: float
    ) -> list[bytes]:
        """Takes a question, and plans what goes to the group.

        Args:
            packet: the question, with what its asker knows.
            address: where it came from.
            is_legacy: whether its asker knows only plain DNS.
            claims: ours.
            now: the time, in seconds.

        Returns:
            Datagrams for the asker alone, to be sent at once.
        """
        if not is_legacy:
            self.replies.known(packet.answers, address[0])
        claims = list(claims)
        wanted: dict[ResourceRecord, bool] = {}  # and whether the asker alone is to get it
        for question in packet.questions[:MAX_QUESTIONS]:
            for record in answers_to(question, claims):
                alone = question.wants_unicast and address[0] != self.host and not packet.is_truncated
                wanted[record] = wanted.get(record, True) and alone
        if is_legacy:
            return [legacy(packet, wanted)] if wanted else []
        known = {key_of(record): record for record in packet.answers}
        for record in list(wanted):
            if key_of(record) in known and is_known(record, known[key_of(record)]):
                self.suppressed["known"] += 1
                del wanted[record]
        direct = [
            record
            for record, alone in wanted.items()
            if alone and self.replies.said_within(record, SHARE_OF_TIME * record.ttl_s, now)
        ]
        self._plan([record for record in wanted if record not in direct], packet, address[0], now)
        records = [record for claim in claims if claim.answers for record in claim.records]
        return responses(direct, self.additionals(direct, records, now, to_group=False))

    def _plan(self, records: list[ResourceRecord], packet: DnsPacket, asker: str, now: float) -> None:
        """Lets answers wait for their time."""
        is_probe = bool(packet.authorities)
        at = now
        if self.manners.waits and not is_probe and not all(record.cache_flush for record in records):
            at += shared_delay(self._rng, packet.is_truncated)
        elif packet.is_truncated:
            at += shared_delay(self._rng, True)
        gap_s = DEFENCE_GAP_S if is_probe else RECORD_GAP_S
        for record in records:
            self.replies.plan(record, at, now, asker, gap_s if self.manners.limits_rate else 0.0)

    def additionals(
        self,
        answers: Iterable[ResourceRecord],
        records: Iterable[ResourceRecord],
        now: float,
        *,
        to_group: bool = True,
    ) -> list[ResourceRecord]:
        """What would be asked for next (rule 3).

        Args:
            answers: what is going to be said.
            records: all of ours.
            now: the time, in seconds.
            to_group: whether all are told: then it is left out if it has just been said.
        """
        ours = list(dict.fromkeys(records))
        answers = list(answers)
        found = dict.fromkeys(answers)
        names: list[tuple[DomainName, tuple[int, ...]]] = [next_names(record) for record in answers]
        while names:
            name, types = names.pop(0)
            for record in ours:
                if record.name == name and record.type in types and record not in found:
                    found[record] = None
                    names.append(next_names(record))
        extra = list(found)[len(set(answers)) :]
        if to_group and self.manners.limits_rate:
            extra = [record for record in extra if self.replies.may_go(record, now)]
        return extra


def next_names(record: ResourceRecord) -> tuple[DomainName, tuple[int, ...]]:
    """Which name and types somebody is going to ask for who has got this record."""
    if isinstance(record.data, Ptr):
        return record.data.target, (RecordType.SRV, RecordType.TXT)
    if isinstance(record.data, Srv):
        return record.data.target, (RecordType.A, RecordType.AAAA)
    return DomainName(), ()


def answers_to(question: Question, claims: Iterable[Claim]) -> list[ResourceRecord]:
    """The records of ours that answer a question, or an NSEC (rule 1)."""
    found: dict[ResourceRecord, None] = {}
    owned: dict[int, None] = {}
    for claim in claims:
        if claim.state is ClaimState.PROBING:
            continue
        for record in claim.records:
            if question.asks_for(record):
                found[record] = None
            elif record.name == question.name and record.cache_flush:
                owned[int(record.type)] = None
    if not found and owned and question.rclass in (IN, 255):
        data = Nsec(question.name, tuple(sorted(owned)))
        return [ResourceRecord(question.name, data, 120, cache_flush=True)]
    return list(found)


def legacy(packet: DnsPacket, records: Iterable[ResourceRecord]) -> bytes:
    """The answer to a program that knows only plain DNS (`machine`, rule 3), in one datagram."""
    answers = tuple(
        replace(record, ttl_s=min(record.ttl_s, LEGACY_TTL_S), cache_flush=False) for record in records
    )
    flags = RESPONSE | AUTHORITATIVE
    while True:
        data = encode(DnsPacket(packet.questions, answers, flags=flags, id=packet.id), multicast=False)
        if len(data) <= LINK_BYTES or len(answers) <= 1:
            return data
        answers, flags = answers[: len(answers) // 2], flags | TRUNCATED
