"""Lab 2: the reader's parts on a multicast socket, on a LAN of the simulated internet or a real one.

A thin driver, with no rules of its own but where datagrams come from and when a peer asks::

    async with Member.open("ana", 4000, parts, rng) as ana:
        await asyncio.sleep(10)
        print(ana.present())

A datagram counts only if it came from port 5353: what a program without rights on this LAN, or a stranger far
away, sends from another port is not multicast DNS (RFC 6762, section 11).
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from p2plib.labs.lab02_neighbours.answering import ASKS_S, TTL_S
from p2plib.labs.lab02_neighbours.hearing import NAME
from p2plib.labs.lab02_neighbours.packets import SRV, ReadName, Record, read_packet, with_known, write_records

GROUP, PORT = "224.0.0.251", 5353  # RFC 6762, section 3
ENOUGH_BYTES = (
    1400  # a question with its known answers fits one datagram of an Ethernet; the rest is told again
)
RECORD_BYTES = 64  # of one known answer, with a host's name of some twenty letters


@dataclass(frozen=True)
class Parts:
    """What a member is made of: the reader's functions and classes.

    Args:
        write_question, read_name: as in tasks 4 and 5.
        neighbours, answering: the classes of task 6 and of the stretch.
    """

    write_question: Callable[[str, int], bytes]
    read_name: ReadName
    neighbours: Callable[[str], Any]
    answering: Callable[[Record, random.Random], Any]


class Member(asyncio.DatagramProtocol):
    """A peer on a LAN; made by `Member.open`.

    Attributes:
        sent: questions, answers and goodbyes, counted.
        ignored: what came and was of no use, by reason.
    """

    def __init__(self, name: str, port: int, parts: Parts, rng: random.Random) -> None:
        self.record = Record(NAME, TTL_S, f"{name}.local", port)
        self.sent, self.ignored = Counter[str](), Counter[str]()
        self._parts = parts
        self._neighbours, self._answering = parts.neighbours(NAME), parts.answering(self.record, rng)
        self._loop = asyncio.get_running_loop()
        self._timers: set[asyncio.TimerHandle] = set()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, name: str, port: int, parts: Parts, rng: random.Random, interface: str = "0.0.0.0"
    ) -> AsyncIterator[Member]:
        """Join the group and ask; at the end of the block say goodbye.

        Args:
            name: the host's, without ".local".
            port: where the peer listens.
            parts: what it is made of.
            rng: draws the pauses.
            interface: the address of the network card; the usual one by default.
        """
        loop = asyncio.get_running_loop()
        _, member = await loop.create_datagram_endpoint(
            lambda: cls(name, port, parts, rng), sock=multicast_socket(interface)
        )
        try:
            yield member
        finally:
            member._leave()

    def present(self) -> list[tuple[str, int]]:
        """Who is here now, as host and port."""
        found: list[tuple[str, int]] = self._neighbours.present(self._loop.time())
        return found

    def connection_made(self, transport: Any) -> None:
        """The socket is there: ask at once, and again after longer and longer pauses."""
        self._transport = transport
        for after_s in ASKS_S:
            self._later(after_s, self._ask)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """A question or an answer has come, our own among them."""
        if addr[1] != PORT:
            self.ignored["from another port"] += 1
            return
        try:
            names, records = read_packet(data, self._parts.read_name)
        except ValueError:
            self.ignored["no DNS packet"] += 1
            return
        records = [record for record in records if record[2:] != self.record[2:]]
        now = self._loop.time()
        if not names:
            for record in records:
                self._neighbours.heard(record, now)
        elif NAME in names:
            self._answer_to(data, now)

    def _answer_to(self, question: bytes, now: float) -> None:
        """Known answers are the asker's, so ours may be among them."""
        _, known = read_packet(question, self._parts.read_name)
        pause_s = self._answering.asked(known, now)
        if pause_s is not None:
            self._later(pause_s, self._answer)

    def _ask(self) -> None:
        known = self._neighbours.known(self._loop.time())
        question = self._parts.write_question(NAME, SRV)
        self._send("questions", with_known(question, known[: ENOUGH_BYTES // RECORD_BYTES]))

    def _answer(self) -> None:
        self._send("answers", write_records([self.record]))

    def _leave(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._send("goodbyes", write_records([self.record._replace(ttl=0)]))
        self._transport.close()

    def _send(self, kind: str, data: bytes) -> None:
        self.sent[kind] += 1
        self._transport.sendto(data, (GROUP, PORT))

    def _later(self, pause_s: float, call: Callable[[], None]) -> None:
        def ring() -> None:
            self._timers.discard(timer)
            call()

        timer = self._loop.call_later(pause_s, ring)
        self._timers.add(timer)


def multicast_socket(interface: str = "0.0.0.0") -> socket.socket:
    """A UDP socket on port 5353 that hears the group, beside others on this machine."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("0.0.0.0", PORT))
        joined = socket.inet_aton(GROUP) + socket.inet_aton(interface)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        if interface != "0.0.0.0":
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)  # RFC 6762, section 11
    except OSError:
        sock.close()
        raise
    return sock
