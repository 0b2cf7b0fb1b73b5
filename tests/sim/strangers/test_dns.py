"""dnspython and dnslib in the simulated internet, as they are: a name server of one asked by the other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.sim import Internet, Link

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


async def served(ip: str, port: int) -> None:
    """Serve the zone over UDP and TCP, until cancelled."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(OverUdp, local_addr=(ip, port))
    try:
        async with await asyncio.start_server(over_tcp, ip, port) as server:
            await server.serve_forever()
    finally:
        transport.close()


async def resolved(server_ip: str, port: int) -> list[Any]:
    """Ask for what the zone has, for what is too long for a datagram, and for what is not there."""
    import dns.asyncquery
    import dns.asyncresolver
    import dns.message
    import dns.resolver

    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [server_ip], port
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


def run(link: Link) -> tuple[Internet, list[Any]]:
    async def main(net: Internet) -> list[Any]:
        server, client = net.host("ns"), net.host("client")
        server.start(served, "0.0.0.0", 53)
        await asyncio.sleep(0.1)
        return await client.run(resolved(server.address, 53))

    net = Internet(seed=13, link=link, max_events=1_000_000)
    found: list[Any] = net.run(main)
    return net, found


FOUND = [["192.0.2.7"], ["2001:db8::7"], ["1 2 4000 ana.peers.test."], 1600, 1, 1]


def test_names_are_resolved() -> None:
    net, found = run(Link(latency=0.02))
    assert found == FOUND
    assert {kind for _, kind in net.trace.sent()} == {"udp", "tcp"}


def test_names_are_resolved_over_a_bad_link() -> None:
    net, found = run(Link(latency=0.03, jitter_s=0.01, loss=0.05))
    assert found == FOUND
    assert net.trace.dropped()["lost"] > 0


def test_the_same_seed_gives_the_same_run() -> None:
    digests = [run(Link(latency=0.02))[0].trace.digest() for _ in range(2)]
    assert digests[0] == digests[1]
