"""A program for two Pythons: it is run here, and as a cell in a reader's tab. `told()` says it all."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import socket
from dataclasses import replace
from typing import Any

from p2plib.identity.keys import SecretKey
from p2plib.population.kademlia_churn import CHURN, ChurningKademlia
from p2plib.sim import Internet, Link, LogNormal

ROUGH = Link(latency=LogNormal(0.02, 0.06), jitter_s=0.01, loss=0.05, duplicate=0.02, reorder=0.05)


class Echo(asyncio.DatagramProtocol):
    """Sends every datagram back."""

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        """Send it back."""
        self.transport.sendto(data[::-1], address)


async def serve() -> None:
    """Answer for a minute."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=("0.0.0.0", 7))
    await asyncio.sleep(60)
    transport.close()


async def ask(number: int) -> int:
    """Send datagrams at random moments and count the answers."""
    loop = asyncio.get_running_loop()
    heard = 0
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind(("", 0))
        for turn in range(30):
            await asyncio.sleep(random.expovariate(2.0))
            sock.sendto(bytes([number, turn]), ("server", 7))
            try:
                async with asyncio.timeout(0.3):
                    heard += len(await loop.sock_recv(sock, 100))
            except TimeoutError:
                continue
    return heard


def run_digest() -> list[Any]:
    """Ten hosts over bad links: the digest of all that happened, what was heard, and when it ended."""
    net = Internet(seed=4, link=ROUGH, strict=False)
    net.host("server").start(serve)

    async def main(net: Internet) -> list[int]:
        hosts = [net.host(f"peer{number}") for number in range(10)]
        return await asyncio.gather(*(host.run(ask(number)) for number, host in enumerate(hosts)))

    heard = net.run(main)
    return [net.trace.digest(), len(net.trace), heard, repr(net.time), net.loop.events]


def churn_counts() -> list[int]:
    """A Kademlia whose peers come and go: datagrams, and contacts in the tables."""
    quiet = replace(CHURN, k=8, refresh_s=3600.0, republish_s=3600.0)
    network = ChurningKademlia(60, None, seed=1, settings=quiet, values=0)
    machines = [network.crowd.machines[address] for address in network.at.values()]
    return [network.crowd.datagrams, sum(len(one.table) for one in machines)]


def told() -> str:
    """Everything, as JSON."""
    signature = SecretKey.from_seed(bytes(32)).sign("handbook", b"one seed is one run")
    wide = random.Random(3).sample(range(2**40), 5)
    packed = socket.inet_pton(socket.AF_INET6, "2001:db8:1:0::1")
    return json.dumps(
        {
            "run": run_digest(),
            "churn": churn_counts(),
            "signature": signature.hex(),
            "wide": wide,
            "ipv6": [packed.hex(), socket.inet_ntop(socket.AF_INET6, packed)],
            "pbkdf2": hashlib.pbkdf2_hmac("sha512", b"one", b"seed", 10).hex(),
        }
    )
