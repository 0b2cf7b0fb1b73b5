"""The command `python -m p2plib.discovery dns`: a name server for a swarm, on loopback::

    python -m p2plib.discovery dns --seed 127.0.0.11 --seed 127.0.0.12 --port 5300
    dig @127.0.0.1 -p 5300 seed.p2p.test

Peers announce themselves by updates that are signed with its key. It prints the key; without `--key` it draws
one. Each question and each update is a line.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import random
import secrets
from collections.abc import Callable

from p2plib.discovery.dns.machine import Asked, Updated
from p2plib.discovery.dns.server import DnsServer
from p2plib.discovery.dns.source import DnsSource
from p2plib.discovery.dns.tsig import TsigKey
from p2plib.discovery.dns.zone import HAND, MAX_TTL_S, Zone
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.records import A, Aaaa, ResourceRecord
from p2plib.discovery.source import Source
from p2plib.errors import UsageError
from p2plib.machine.addresses import Address, given_address

NAME = "dns"
SUMMARY = "run a name server that deals out the peers of a swarm, and takes signed announcements"
PORT = 5300
ZONE, SEED_LABEL = "p2p.test", "seed"
SECRET_BYTES = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the name server."""
    parser.add_argument("--zone", default=ZONE, help=f"the zone's own name ({ZONE})")
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (127.0.0.1)")
    parser.add_argument("--port", type=int, default=PORT, help=f"UDP and TCP port; 0 for any ({PORT})")
    parser.add_argument("--hand", type=int, default=HAND, help=f"records in one answer ({HAND})")
    parser.add_argument(
        "--ttl", type=int, default=MAX_TTL_S, help=f"how long they may be kept, in seconds ({MAX_TTL_S})"
    )
    parser.add_argument(
        "--seed",
        action="append",
        default=[],
        metavar="HOST",
        help=f"an address under {SEED_LABEL}.ZONE; may be repeated",
    )
    parser.add_argument(
        "--key", metavar="NAME:BASE64", help="what updates must be signed with; drawn if not given"
    )


async def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Serves until it is cancelled."""
    key = _key(arguments.key)
    zone = Zone(arguments.zone, random.SystemRandom(), hand=arguments.hand, max_ttl_s=arguments.ttl)
    for host in arguments.seed:
        zone.add(_seed(zone.apex, host, arguments.ttl), 0.0)

    def heard(event: Asked | Updated) -> None:
        if isinstance(event, Asked):
            said = f"{event.asker[0]}:{event.asker[1]} asks for {event.name} {event.type}"
            say(f"{said}: {event.answers} records")
        else:
            outcome = "done" if event.rcode == 0 else f"refused with code {event.rcode}"
            say(f"{event.key_name} changes {event.changes} records: {outcome}")

    async with DnsServer.open(zone, arguments.host, arguments.port, keys=[key], on_event=heard) as server:
        host, port = server.address
        say(f"listening on {host}:{port}")
        signed = f"updates with hmac-sha256:{key.name}:{key.text}"
        say(f"zone {zone.apex} with {len(arguments.seed)} seeds; {signed}")
        say(f"try: dig @{host} -p {port} {SEED_LABEL}.{zone.apex}")
        await asyncio.Event().wait()


def _key(given: str | None) -> TsigKey:
    if given is None:
        return TsigKey.parse("peers", base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode())
    name, colon, secret = given.partition(":")
    if not colon:
        raise UsageError("a key is its name, a colon, and its secret in base 64")
    return TsigKey.parse(name, secret)


def _seed(apex: DomainName, host: str, ttl_s: int) -> ResourceRecord:
    checked, _ = given_address((host, PORT))
    data = Aaaa(checked) if ":" in checked else A(checked)
    return ResourceRecord(DomainName.parse(SEED_LABEL).under(apex), data, ttl_s)


# For the doctor -------------------------------------------------------------------------------------------


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--dns ZONE@HOST:PORT`: look into a zone, at its name server."""
    parser.add_argument(
        "--dns",
        action="append",
        default=[],
        metavar="ZONE@HOST:PORT",
        help="a zone and its name server; may be repeated",
    )


def sources(arguments: argparse.Namespace) -> list[Source]:
    """A source for each zone that was named."""
    return [_source(each) for each in arguments.dns]


def _source(text: str) -> Source:
    zone, at, where = text.partition("@")
    host, colon, port = where.rpartition(":")
    if not (zone and at and colon and port.isascii() and port.isdigit()):
        raise UsageError(
            f"--dns takes a zone and a name server, as p2p.test@127.0.0.1:{PORT} is, not {text!r}"
        )
    server: Address = given_address((host.strip("[]"), int(port)))
    return DnsSource(zone, server, random.SystemRandom())
