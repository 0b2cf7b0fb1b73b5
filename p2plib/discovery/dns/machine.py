"""NameServer: what a name server says to a packet. A machine (RFC 1035, 2136, 6891, 8945).

Rules
    1. A response is never answered: two servers that answer each other never stop.
    2. What cannot be read is answered with FORMERR and nothing but a header, if there is a header.
    3. An answer over UDP has at most what the asker takes (`p2plib.discovery.dns.edns`). What is longer goes
       without its additional records, and if that does not help, is cut to nothing but "ask again over TCP":
       half a list would be taken for the whole. What does not fit into any packet is SERVFAIL.
    4. How much goes to an address that anybody may have forged is limited (`p2plib.discovery.dns.limits`). A
       packet that came over TCP is exempt, for somebody at that address has answered us.
    5. A zone is changed by a holder of one of the keys alone. The same signature counts once: a packet that
       is sent again, by somebody who has seen it, changes nothing and is answered as refused. So is one that
       is no newer than a signature that had to be forgotten.
    6. A query may be signed, too. Then its signature is checked, and the answer has one.
    7. What it refuses, and why, is counted in `ignored`; what it was asked, in `asked`.

Vocabulary::

    wall    a clock that says the time of day, in seconds since 1970, as signatures need it; the machine's own
            times are from any clock
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from p2plib.discovery.dns import tsig
from p2plib.discovery.dns.edns import OUR_BYTES, PLAIN_BYTES, Edns, edns_of, with_lease
from p2plib.discovery.dns.limits import Allowed, ReplyLimits
from p2plib.discovery.dns.tsig import Signature, TsigError, TsigKey
from p2plib.discovery.dns.updates import FORMERR, NOTAUTH, NOTIMP, SERVFAIL, UPDATE, apply, granted_lease_s
from p2plib.discovery.dns.zone import NOERROR, REFUSED, Zone
from p2plib.discovery.mdns.names import HEADER_BYTES, DomainName
from p2plib.discovery.mdns.packets import (
    AUTHORITATIVE,
    MAX_BYTES,
    OPCODE,
    RECURSION_DESIRED,
    RESPONSE,
    TRUNCATED,
    DnsPacket,
    decode,
    encode,
)
from p2plib.discovery.mdns.records import RecordType, type_name
from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import Address
from p2plib.machine.machine import Base
from p2plib.machine.timers import TimerName

QUERY = 0
BADVERS = 16  # RFC 6891, 6.1.3: the four bits of it that do not fit go into the OPT record
MAX_SEEN = 10_000  # signatures that are remembered (rule 5)


class ServerTimer(TimerName):
    """What a name server waits for."""

    LEASE = "a lease is over"


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody asked.

    Args:
        asker: where the question came from.
        name: which name it is about.
        type: which type of records, as text.
        answers: how many records were sent.
    """

    asker: Address
    name: DomainName
    type: str
    answers: int


@dataclass(frozen=True, slots=True)
class Updated:
    """A holder of a key asked for a change.

    Args:
        key_name: whose key.
        rcode: how it was answered; 0 if it was done.
        changes: how many changes it asked for.
    """

    key_name: DomainName
    rcode: int
    changes: int


class NameServer(Base[Asked | Updated, ServerTimer]):
    """A server of one zone.

    Args:
        zone: the zone.
        keys: who may change it; nobody by default.
        wall: the clock that signatures are compared with; this machine's if None.
        limits: see rule 4; None for a server without any, as a bad example.

    Attributes:
        asked: how many questions came, by type.
    """

    def __init__(
        self,
        zone: Zone,
        keys: Iterable[TsigKey] = (),
        *,
        wall: Callable[[], float] | None = None,
        limits: ReplyLimits | None,
    ) -> None:
        super().__init__()
        self.zone, self.keys, self.limits = zone, tuple(keys), limits
        self.asked: Counter[str] = Counter()
        self._wall = wall or time.time
        self._seen: OrderedDict[bytes, tuple[float, int]] = OrderedDict()  # when it came, when it was made
        self._forgotten_s = -1  # when the newest signature was made that is no longer remembered

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """A datagram has arrived."""
        reply = self.respond(data, address, now)
        if reply is None:
            return
        if self.limits is not None:
            match self.limits.allowed(address[0], len(reply), now):
                case Allowed.SHORT:
                    self._ignore("too much for one network")
                    reply = _come_by_tcp(data)
                case Allowed.NOTHING:
                    self._ignore("far too much for one network")
                    return
        self._send(reply, address)

    def on_timer(self, now: float) -> None:
        """Takes out what nobody has renewed."""
        for _ in self.timers.due(now):
            self.zone.expire(now)
        self._set_timer()

    def respond(self, data: bytes, asker: Address, now: float, *, over_tcp: bool = False) -> bytes | None:
        """The response to a packet, without the limits of rule 4; None if there is none.

        Args:
            data: the packet.
            asker: where it came from.
            now: the time, in seconds.
            over_tcp: whether it came over TCP, where a response may be long.
        """
        if len(data) < HEADER_BYTES or data[2] & RESPONSE >> 8:
            self._ignore("no request")
            return None
        try:
            packet = decode(data)
            edns = edns_of(packet)
        except DecodeError:
            self._ignore("malformed")
            return _header(data, FORMERR)
        if packet.opcode == UPDATE:
            response = self._update(data, edns, now)
            self._set_timer()
            return response
        largest = MAX_BYTES if over_tcp else min(edns.size_bytes, OUR_BYTES) if edns else PLAIN_BYTES
        if packet.additionals and packet.additionals[-1].type == tsig.TSIG_TYPE:
            return self._signed_answer(data, packet, edns, asker, now, largest)
        return self._plain_answer(packet, edns, asker, now, largest, over_tcp)

    # Queries ----------------------------------------------------------------------------------------------

    def _signed_answer(
        self, data: bytes, packet: DnsPacket, edns: Edns | None, asker: Address, now: float, largest: int
    ) -> bytes:
        """Rule 6."""
        verified = self._verified(data)
        if isinstance(verified, bytes):
            return verified
        _, signature, key = verified
        room = largest - key.name.size_bytes - tsig.SIZE_BYTES
        raw = self._plain_answer(packet, edns, asker, now, room, over_tcp=largest == MAX_BYTES)
        return tsig.sign(raw, key, int(self._wall()), request_mac=signature.mac)[0]

    def _plain_answer(
        self, packet: DnsPacket, edns: Edns | None, asker: Address, now: float, largest: int, over_tcp: bool
    ) -> bytes:
        """An answer, no longer than it may be (rule 3)."""
        reply = self._answer(packet, edns, asker, now)
        extra = tuple(each for each in reply.additionals if each.type == RecordType.OPT)
        for each in (reply, replace(reply, additionals=extra)):
            raw = _written(each)
            if raw is not None and len(raw) <= largest:
                return raw
        return encode(_reply(packet, SERVFAIL if over_tcp else TRUNCATED, edns and Edns()))

    def _answer(self, packet: DnsPacket, edns: Edns | None, asker: Address, now: float) -> DnsPacket:
        ours = edns and Edns()
        if packet.opcode != QUERY:
            self._ignore("unknown operation")
            return _reply(packet, NOTIMP, ours)
        if len(packet.questions) != 1:
            self._ignore("not one question")
            return _reply(packet, FORMERR, ours)
        if edns and edns.version:
            self._ignore("unknown version of EDNS")
            return _reply(packet, NOERROR, Edns(extended_rcode=BADVERS >> 4))
        (question,) = packet.questions
        found = self.zone.answer(question, now)
        self.asked[type_name(question.type)] += 1
        self._tell(Asked(asker, question.name, type_name(question.type), len(found.answers)))
        if found.rcode == REFUSED:
            self._ignore("a name that is not ours")
            return _reply(packet, REFUSED, ours)
        reply = _reply(packet, AUTHORITATIVE | found.rcode, ours)
        more = found.additionals + reply.additionals
        return replace(reply, answers=found.answers, authorities=found.authorities, additionals=more)

    # Updates ----------------------------------------------------------------------------------------------

    def _update(self, data: bytes, edns: Edns | None, now: float) -> bytes:
        verified = self._verified(data)
        if isinstance(verified, bytes):
            return verified
        plain, signature, key = verified
        packet = replace(decode(plain), id=int.from_bytes(data[:2], "big"))  # by which its sender knows it
        if self._is_repeated(signature, now):
            self._ignore("a signature that was used before")
            return self._signed(packet, REFUSED, None, key, signature)
        lease_s = granted_lease_s(edns.lease_s) if edns else None
        rcode = apply(self.zone, packet, now, lease_s)
        if rcode != NOERROR:
            self._ignore("an update that cannot be done")
        self._tell(Updated(key.name, rcode, len(packet.authorities)))
        granted = with_lease(lease_s) if lease_s is not None else edns and Edns()
        return self._signed(packet, rcode, granted, key, signature)

    def _verified(self, data: bytes) -> tuple[bytes, Signature, TsigKey] | bytes:
        """A packet, its signature, and the key; or the answer to one that is not signed as it must be."""
        wall_s = self._wall()
        try:
            plain, signature = tsig.verify(data, self.keys, wall_s)
        except DecodeError:
            self._ignore("malformed")
            return _header(data, FORMERR)
        except TsigError as error:
            self._ignore("not signed" if error.signed is None else f"signature: {tsig.WORDS[error.error]}")
            return self._not_signed(data, error, int(wall_s))
        return plain, signature, next(key for key in self.keys if key.name == signature.key_name)

    def _is_repeated(self, signature: Signature, now: float) -> bool:
        """Rule 5. A signature that is older than its fudge is refused anyway, and can be forgotten."""
        while self._seen and now - next(iter(self._seen.values()))[0] > 2 * tsig.FUDGE_S:
            self._seen.popitem(last=False)
        if signature.mac in self._seen or signature.time_s <= self._forgotten_s:
            return True
        self._seen[signature.mac] = now, signature.time_s
        if len(self._seen) > MAX_SEEN:
            _, (_, time_s) = self._seen.popitem(last=False)
            self._forgotten_s = max(self._forgotten_s, time_s)
        return False

    def _signed(
        self, packet: DnsPacket, rcode: int, edns: Edns | None, key: TsigKey, request: Signature
    ) -> bytes:
        raw = encode(_reply(packet, rcode, edns))
        return tsig.sign(raw, key, int(self._wall()), request_mac=request.mac)[0]

    def _not_signed(self, data: bytes, error: TsigError, wall_s: int) -> bytes:
        """The answer to a packet whose signature is not right (RFC 8945, 5.2)."""
        if error.signed is None:
            return _header(data, REFUSED)
        raw = _header(data, NOTAUTH)
        signed = error.signed
        if error.error in (tsig.BAD_TIME, tsig.BAD_TRUNCATION):
            key = next(key for key in self.keys if key.name == signed.key_name)
            time_s, other = wall_s, b""
            if error.error == tsig.BAD_TIME:
                time_s, other = signed.time_s, wall_s.to_bytes(6, "big")
            answer, _ = tsig.sign(raw, key, time_s, request_mac=signed.mac, error=error.error, other=other)
            return answer
        told = Signature(
            signed.key_name, signed.algorithm, wall_s, tsig.FUDGE_S, b"", signed.original_id, error.error
        )
        return tsig.with_signature(raw, told)

    def _set_timer(self) -> None:
        end = self.zone.next_end()
        if end is None:
            self.timers.cancel(ServerTimer.LEASE)
        else:
            self.timers.set(ServerTimer.LEASE, end)


def _reply(packet: DnsPacket, flags: int, edns: Edns | None) -> DnsPacket:
    """The response to a packet, without any records but the OPT.

    It repeats the question, if there is one. More could be longer than they were: names in them may have
    been written as pointers into the middle of others.
    """
    extra = (edns.record(),) if edns else ()
    flags |= RESPONSE | packet.flags & (OPCODE | RECURSION_DESIRED)
    questions = packet.questions if len(packet.questions) == 1 else ()
    return DnsPacket(questions, additionals=extra, flags=flags, id=packet.id)


def _written(reply: DnsPacket) -> bytes | None:
    """A response in bytes; None if no packet can hold it."""
    try:
        return encode(reply, multicast=False)
    except UsageError:
        return None


def _come_by_tcp(data: bytes) -> bytes:
    """A response to a packet that says nothing but "ask again over TCP". It is no larger than the packet."""
    try:
        packet = decode(data)
        return encode(_reply(packet, TRUNCATED, edns_of(packet) and Edns()))
    except DecodeError:
        return _header(data, TRUNCATED)


def _header(data: bytes, flags: int) -> bytes:
    """A response of a header alone, to a packet that may be unreadable behind its own."""
    flags |= RESPONSE | int.from_bytes(data[2:4], "big") & (OPCODE | RECURSION_DESIRED)
    return data[:2] + flags.to_bytes(2, "big") + bytes(8)
