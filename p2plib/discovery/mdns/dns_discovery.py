"""dns_discovery: the dialect of multicast DNS that npm's discovery-channel speaks. A codec and a machine.

discovery-channel, and with it the Dat project, found the peers of a key on a LAN like this::

    question  TXT  <id>.dns-discovery.local.     id: 40 hexadecimal digits, the SHA-1 of the key
    answer    TXT  <id>.dns-discovery.local.     "token=<base64>" "peers=<base64 of 6 bytes a peer>"

It sends to the group of multicast DNS, and keeps few of its rules: nothing is claimed, a record has a time of
0 and is no goodbye, an answer repeats the question, and many hosts say different things under one name. So it
has a machine of its own here, beside the one that keeps RFC 6762.

Rules, all of them read off version 6.2.3 of npm's dns-discovery:
    1. A peer of 0.0.0.0 is the sender itself, at the port that is given.
    2. A token is base64 of SHA-256 of a secret and the asker's address in text. To servers it proves that an
       address is one's own; on a link it only shows an echo: an answer with our own token is dropped.
    3. A host with no peer to name says nothing.
    4. Whoever has joined asks again after 60 to 70 s. We answer at once, and tell the link unasked when we
       announce, so that nobody has to wait for that.

Ours besides:
    5. Of the peers in an answer `MAX_PEERS` are read. An address is believed if it is on the link and a peer
       can be there: the original believes any.
    6. One answer a second for each id, whoever asks; a host that asks too early gets it then.
    7. No names are compressed, and no datagram has more than one question: as the original writes them.

Vocabulary::

    id      what is looked for: "9bd1…", 40 hexadecimal digits
    peers   addresses of 4 bytes, each with a port of 2
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import random
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from p2plib.discovery.mdns.echoes import Echoes
from p2plib.discovery.mdns.machine import GROUP, PORT, link_of
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.packets import MAX_LINK_BYTES, DnsPacket, Question, decode, encode
from p2plib.discovery.mdns.records import RecordType, ResourceRecord, Txt
from p2plib.errors import DecodeError, UsageError
from p2plib.machine.addresses import MAX_PORT, Address, acceptable, packed_host
from p2plib.machine.machine import Base
from p2plib.machine.timers import TimerName

DOMAIN = DomainName.parse("dns-discovery.local")
ANSWER_FLAGS = 0x8400
MAX_PEERS = 100  # as many as the original names
PEER_BYTES = 6
ITSELF = "0.0.0.0"
AGAIN_S = (60.0, 70.0)
ANSWER_GAP_S = 1.0
_ID = re.compile(r"[0-9a-f]{40}", re.ASCII)


# The codec ------------------------------------------------------------------------------------------------


def name_of(peer_id: str) -> DomainName:
    """The name under which the peers of an id are asked for.

    Raises:
        UsageError: it is not 40 hexadecimal digits.
    """
    if not _ID.fullmatch(peer_id):
        raise UsageError(f"an id has 40 hexadecimal digits, as the hex of a topic has, unlike {peer_id!r}")
    return DomainName([peer_id.encode()]).under(DOMAIN)


def id_in(name: DomainName) -> str | None:
    """The id in a name; None if it is a name of something else."""
    if len(name.labels) != 3 or name.parent != DOMAIN:
        return None
    found = _ID.fullmatch(name.first.lower())
    return found[0] if found else None


def write_peers(peers: Iterable[Address]) -> bytes:
    """Peers as a string of a TXT.

    Raises:
        UsageError: one is no IPv4 address with a port.
    """
    raw = bytearray()
    for host, port in peers:
        packed = packed_host(host)
        if len(packed) != 4 or not 0 <= port <= MAX_PORT:
            raise UsageError(f"{host}, port {port}, is no IPv4 address with a port")
        raw += packed + port.to_bytes(2, "big")
    return b"peers=" + base64.b64encode(raw)


def read_peers(strings: Iterable[bytes]) -> list[Address]:
    """The peers that the strings of a TXT name, `MAX_PEERS` at most; none if it names none.

    Raises:
        DecodeError: what should be peers is not base64, or not six bytes for each.
    """
    for string in strings:
        if not string.startswith(b"peers="):
            continue
        try:
            raw = base64.b64decode(string[6:], validate=True)
        except binascii.Error as error:
            raise DecodeError(f"the peers are not base64: {error}", 6) from None
        if len(raw) % PEER_BYTES:
            raise DecodeError(f"peers have {PEER_BYTES} bytes each, and here are {len(raw)}", 6)
        return [
            (socket.inet_ntoa(raw[at : at + 4]), int.from_bytes(raw[at + 4 : at + 6], "big"))
            for at in range(0, min(len(raw), MAX_PEERS * PEER_BYTES), PEER_BYTES)
        ]
    return []


def write_question(peer_id: str) -> bytes:
    """The datagram that asks for the peers of an id."""
    return encode(DnsPacket((Question(name_of(peer_id), RecordType.TXT),)), compresses=False)


def write_answer(peer_id: str, token: bytes, peers: Iterable[Address]) -> bytes:
    """The datagram that names peers of an id."""
    name = name_of(peer_id)
    record = ResourceRecord(name, Txt((b"token=" + token, write_peers(peers))), 0)
    questions = (Question(name, RecordType.TXT),)
    return encode(DnsPacket(questions, (record,), flags=ANSWER_FLAGS), compresses=False)


# The machine ----------------------------------------------------------------------------------------------


class DialectTimer(TimerName):
    """What a host waits for."""

    AGAIN = "an id is asked for again"
    ANSWER = "an answer that came too early may go now"


@dataclass(frozen=True, slots=True)
class PeerNamed:
    """Somebody on the link names a peer."""

    peer_id: str
    address: Address
    sender: str


class DnsDiscovery(Base[PeerNamed, DialectTimer]):
    """One host's part in the dialect.

    Args:
        host: its address on the link.
        rng: for the waits, and for the secret of the tokens.
        group: the multicast group and its port.
        link: the network that counts as the link; see `p2plib.discovery.mdns.machine.MulticastDns`.
    """

    def __init__(
        self,
        host: str,
        rng: random.Random,
        *,
        group: Address = (GROUP, PORT),
        link: str | None = None,
    ) -> None:
        super().__init__()
        self.host, self.group = host, group
        self.link = link_of(host) if link is None else ipaddress.ip_network(link)
        self._rng = rng
        self._secret = rng.getrandbits(256).to_bytes(32, "big")
        self._announced: dict[str, int] = {}
        self._wanted: dict[str, int] = {}  # how many look for an id
        self._number_of: dict[str, int] = {}  # for timers
        self._id_of: dict[int, str] = {}
        self._count = 0
        self._answered_at: dict[str, float] = {}
        self._askers: dict[str, Address] = {}  # the last one of those that asked too early
        self._echoes = Echoes()

    def announce(self, peer_id: str, port: int, now: float) -> None:
        """Names ourselves as a peer of an id: at once, and to whoever asks.

        Raises:
            UsageError: the id or the port cannot be one.
        """
        write_peers([(ITSELF, port)])
        name_of(peer_id)
        self._announced[peer_id] = port
        self._answer(peer_id, None, now)
        self._ask(peer_id, now)

    def withdraw(self, peer_id: str, now: float) -> None:
        """Names ourselves no more; the dialect has no word for it on a link."""
        self._announced.pop(peer_id, None)
        self._answered_at.pop(peer_id, None)
        self._askers.pop(peer_id, None)
        self._tidy(peer_id)

    def look_for(self, peer_id: str, now: float) -> None:
        """Asks for the peers of an id, and again from time to time until `stop`; they come as `PeerNamed`."""
        name_of(peer_id)
        self._wanted[peer_id] = self._wanted.get(peer_id, 0) + 1
        self._ask(peer_id, now)

    def stop(self, peer_id: str, now: float) -> None:
        """Looks for an id no more."""
        self._wanted[peer_id] = self._wanted.get(peer_id, 0) - 1
        if self._wanted[peer_id] <= 0:
            del self._wanted[peer_id]
        self._tidy(peer_id)

    def token_for(self, host: str) -> bytes:
        """What proves to us that somebody receives at an address (rule 2)."""
        return base64.b64encode(hashlib.sha256(self._secret + host.encode()).digest())

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram that arrived."""
        if address[0] == self.host and self._echoes.takes(data, now):
            self._ignore("our own")
            return
        if ipaddress.ip_address(packed_host(address[0])) not in self.link:
            self._ignore("not from this link")
            return
        try:
            if len(data) > MAX_LINK_BYTES:
                raise DecodeError("larger than a link carries", MAX_LINK_BYTES)
            packet = decode(data)
        except DecodeError:
            self._ignore("broken")
            return
        if not packet.is_response:
            for peer_id in dict.fromkeys(id_in(question.name) for question in packet.questions):
                if peer_id in self._announced:
                    self._asked(peer_id, address, now)
        for record in packet.answers + packet.additionals:
            self._hear(record, address)

    def on_timer(self, now: float) -> None:
        """Does whatever is due."""
        for timer, about in self.timers.due(now):
            match timer:
                case DialectTimer.AGAIN:
                    self._ask(self._id_of[about], now)
                case DialectTimer.ANSWER:
                    peer_id = self._id_of[about]
                    if peer_id in self._askers:
                        self._answer(peer_id, self._askers.pop(peer_id), now)
                case _:
                    assert_never(timer)

    def _hear(self, record: ResourceRecord, address: Address) -> None:
        peer_id = id_in(record.name)
        if peer_id not in self._wanted or not isinstance(record.data, Txt):
            return  # the group carries all of multicast DNS
        if b"token=" + self.token_for(address[0]) in record.data.strings:
            self._ignore("our own")
            return
        try:
            peers = read_peers(record.data.strings)
        except DecodeError:
            self._ignore("broken")
            return
        for host, port in peers:
            found = (address[0] if host == ITSELF else host), port
            is_on_link = ipaddress.ip_address(found[0]) in self.link
            if is_on_link and acceptable(found, address):
                self._tell(PeerNamed(peer_id, found, address[0]))
            else:
                self._ignore("an address where no peer can be")

    def _asked(self, peer_id: str, asker: Address, now: float) -> None:
        """Answers, now or as soon as it may be (rules 4 and 6)."""
        at = self._answered_at.get(peer_id, float("-inf")) + ANSWER_GAP_S
        if now >= at:
            self._answer(peer_id, asker, now)
        else:
            self._askers[peer_id] = asker
            self.timers.set(DialectTimer.ANSWER, at, self._number(peer_id))

    def _answer(self, peer_id: str, asker: Address | None, now: float) -> None:
        """Names ourselves to the group, at the port from which somebody has asked."""
        self._answered_at[peer_id] = now
        token = self.token_for(asker[0] if asker else self.host)
        to = self.group if asker is None else (self.group[0], asker[1])
        self._to_group(write_answer(peer_id, token, [(ITSELF, self._announced[peer_id])]), now, to)

    def _ask(self, peer_id: str, now: float) -> None:
        self._to_group(write_question(peer_id), now, self.group)
        self.timers.set(DialectTimer.AGAIN, now + self._rng.uniform(*AGAIN_S), self._number(peer_id))

    def _number(self, peer_id: str) -> int:
        """What stands for an id in timers."""
        if peer_id not in self._number_of:
            self._count += 1
            self._number_of[peer_id], self._id_of[self._count] = self._count, peer_id
        return self._number_of[peer_id]

    def _tidy(self, peer_id: str) -> None:
        """Forgets an id that nobody here announces or looks for."""
        if peer_id in self._announced or peer_id in self._wanted or peer_id not in self._number_of:
            return
        number = self._number_of.pop(peer_id)
        del self._id_of[number]
        for timer in DialectTimer:
            self.timers.cancel(timer, number)

    def _to_group(self, data: bytes, now: float, to: Address) -> None:
        self._echoes.sent(data, now)
        self._send(data, to)
