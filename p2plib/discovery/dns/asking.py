"""Asking: one packet to a name server, and the packet that answers it. A driver.

Rules
    1. Each question over UDP has a socket of its own, so a port that the system has drawn, and an id of 16
       random bits. Somebody who cannot see the question has to guess both to forge an answer (RFC 5452).
    2. A datagram counts if it is a response with this id to this question. Others are counted and the wait
       goes on, so a forged one that comes first does no harm.
    3. After `MAX_WRONG` of them somebody is guessing: the question is asked over TCP.
    4. An answer that was cut is asked for again over TCP.
    5. An error that the system reports for the socket ends the wait. The kernel passes on only those that
       quote our ports.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from p2plib.discovery.dns.edns import edns_of
from p2plib.discovery.mdns.packets import DnsPacket, decode, encode
from p2plib.errors import Closed, DecodeError, PeerTimeout, RemoteError, Unreachable
from p2plib.machine.addresses import Address
from p2plib.protocol.tcp import connect_tcp

MAX_WRONG = 16
LENGTH_BYTES = 2  # of what stands before a packet over TCP


class _Guessed(Exception):
    """Rule 3."""


class _Waiting(asyncio.DatagramProtocol):
    """The socket of one question."""

    def __init__(self, take: Callable[[bytes], DnsPacket | None], server: Address) -> None:
        self.done: asyncio.Future[DnsPacket] = asyncio.get_running_loop().create_future()
        self._take, self._server = take, server
        self._wrong = 0

    def datagram_received(self, data: bytes, source: Any) -> None:
        """Rule 2."""
        if self.done.done():
            return
        answer = self._take(data)
        if answer is not None:
            self.done.set_result(answer)
            return
        self._wrong += 1
        if self._wrong >= MAX_WRONG:
            self.done.set_exception(_Guessed())

    def error_received(self, error: Exception) -> None:
        """Rule 5."""
        if not self.done.done():
            host, port = self._server
            self.done.set_exception(Unreachable(f"no name server at {host}, port {port}: {error}"))


async def ask(server: Address, packet: DnsPacket, timeout_s: float, ignored: Counter[str]) -> DnsPacket:
    """The answer of a name server: asked over UDP, and over TCP if that is called for.

    Args:
        server: where it is.
        packet: the question.
        timeout_s: how long to wait, for each of the two.
        ignored: counts what is not an answer to it, by reason.

    Raises:
        PeerTimeout: it did not answer in time.
        Unreachable: there is no way to it, or nobody listens.
    """
    try:
        answer = await _ask_udp(server, packet, timeout_s, ignored)
    except _Guessed:
        ignored["somebody guesses answers"] += 1
    else:
        if not answer.is_truncated:
            return answer
    raw = await exchange(server, encode(packet), timeout_s)
    over_tcp = taken(raw, packet, ignored)
    if over_tcp is None:
        raise PeerTimeout(f"the name server at {server[0]}, port {server[1]}, answers something else")
    return over_tcp


async def _ask_udp(server: Address, packet: DnsPacket, timeout_s: float, ignored: Counter[str]) -> DnsPacket:
    loop = asyncio.get_running_loop()
    try:
        transport, waiting = await loop.create_datagram_endpoint(
            lambda: _Waiting(lambda data: taken(data, packet, ignored), server), remote_addr=server
        )
    except OSError as error:
        raise Unreachable(f"no way to the name server at {server[0]}: {error}") from error
    try:
        transport.sendto(encode(packet))
        async with asyncio.timeout(timeout_s):
            return await waiting.done
    except TimeoutError:
        raise PeerTimeout(
            f"the name server at {server[0]}, port {server[1]}, did not answer in {timeout_s:g} s"
        ) from None
    finally:
        waiting.done.cancel()
        transport.close()


async def exchange(server: Address, raw: bytes, timeout_s: float) -> bytes:
    """What a name server answers over TCP, on a connection of its own.

    Args:
        server: where it is.
        raw: the packet.
        timeout_s: how long all of it may take.

    Raises:
        PeerTimeout: it did not answer in time.
        Unreachable: there is no connection to it, or it ended before the answer.
    """
    where = f"the name server at {server[0]}, port {server[1]}"
    try:
        async with asyncio.timeout(timeout_s), await connect_tcp(*server) as stream:
            await stream.write(len(raw).to_bytes(LENGTH_BYTES, "big") + raw)
            size = int.from_bytes(await stream.read_exactly(LENGTH_BYTES), "big")
            answer = await stream.read_exactly(size)
            stream.reset()  # nothing is left to be said, and nobody needs to wait for the other's end
            return answer
    except TimeoutError:
        raise PeerTimeout(f"{where} did not answer in {timeout_s:g} s") from None
    except (Closed, RemoteError) as error:
        raise Unreachable(f"{where} ended the connection before it had answered: {error}") from error


def taken(data: bytes, packet: DnsPacket, ignored: Counter[str]) -> DnsPacket | None:
    """A packet, if it answers another one (rule 2); otherwise None, and it is counted."""
    try:
        answer = decode(data)
        edns_of(answer)  # which the caller reads, and can rely on
    except DecodeError:
        ignored["malformed"] += 1
        return None
    if not answer.is_response or answer.id != packet.id:
        ignored["another id"] += 1
        return None
    if answer.opcode != packet.opcode or (answer.questions and answer.questions != packet.questions):
        ignored["another question"] += 1
        return None
    if not answer.questions and not answer.rcode:
        ignored["no question"] += 1  # only an error may do without (RFC 1035 says nothing of it)
        return None
    return answer
