"""dnspython and dnslib in the simulated internet, as they are: a name server of one asked by the other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.sim.strangers.world import play, play_everywhere

pytest.importorskip("dns")
pytest.importorskip("dnslib")

ZONE = """
peers.test.        60 IN SOA ns.peers.test. admin.peers.test. 1 60 60 60 60
peers.test.        60 IN A   192.0.2.7
peers.test.        60 IN AAAA 2001:db8::7
_p2p._udp.peers.test. 60 IN SRV 1 2 4000 ana.peers.test.
long.peers.test.   60 IN TXT "{long}"
""".format(long='" "'.join(["x" * 200] * 8))


def answer(question: bytes, limit_bytes: int | None) -> bytes:
    """Answer one DNS question from the zone; cut short where it would be too long."""
    from dnslib import QTYPE, RCODE, RR, DNSRecord

    asked = DNSRecord.parse(question)
    reply = asked.reply()
    name, kind = asked.q.qname, QTYPE[asked.q.qtype]
    records = RR.fromZone(ZONE)
    for record in records:
        if record.rname == name and QTYPE[record.rtype] == kind:
            reply.add_answer(record)
    if not any(record.rname == name for record in records):
        reply.header.rcode = RCODE.NXDOMAIN
    if limit_bytes is not None and len(reply.pack()) > limit_bytes:
        reply = asked.reply()
        reply.header.tc = 1  # ask again over TCP
    packed: bytes = reply.pack()
    return packed


class OverUdp(asyncio.DatagramProtocol):
    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(answer(data, 512), addr)


async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while length := await reader.read(2):
            reply = answer(await reader.readexactly(int.from_bytes(length)), None)
            writer.write(len(reply).to_bytes(2) + reply)
    finally:
        writer.close()


@asynccontextmanager
async def serving(ip: str, port: int) -> AsyncIterator[None]:
    """Serve the zone over UDP and TCP."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(OverUdp, local_addr=(ip, port))
    try:
        async with await asyncio.start_server(over_tcp, ip, port):
            yield
    finally:
        transport.close()


async def using(name: str, port: int) -> list[Any]:
    """Ask for what the zone has, for what is too long for a datagram, and for what is not there."""
    import dns.asyncquery
    import dns.asyncresolver
    import dns.message
    import dns.resolver

    found = await asyncio.get_running_loop().getaddrinfo(name, port, family=socket.AF_INET)
    server_ip = found[0][4][0]
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [server_ip], port
    resolver.lifetime = 60
    seen: list[Any] = []
    for name, kind in (("peers.test", "A"), ("peers.test", "AAAA"), ("_p2p._udp.peers.test", "SRV")):
        seen.append([str(record) for record in await resolver.resolve(name, kind)])
    texts = await resolver.resolve("long.peers.test", "TXT")
    seen.append(sum(len(part) for part in texts[0].strings))
    with pytest.raises(dns.resolver.NXDOMAIN):
        await resolver.resolve("nobody.test", "A")
    question = dns.message.make_query("peers.test", "A")
    for ask in (dns.asyncquery.udp, dns.asyncquery.tcp):
        reply = await ask(question, server_ip, timeout=20, port=port)
        seen.append(len(reply.answer))
    return seen


def test_names_are_resolved() -> None:
    assert play_everywhere(serving, using) == [
        ["192.0.2.7"],
        ["2001:db8::7"],
        ["1 2 4000 ana.peers.test."],
        1600,
        1,
        1,
    ]


def test_a_long_answer_is_asked_for_again_over_tcp() -> None:
    assert {kind for _, kind in play(serving, using).net.trace.sent()} == {"udp", "tcp"}
