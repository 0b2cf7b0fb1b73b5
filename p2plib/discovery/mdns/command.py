"""The command `python -m p2plib.discovery mdns`: offers a service on a link, and says who comes and goes.

On loopback, and in a group port of its own, unless told otherwise: so it disturbs nobody.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Callable

from p2plib.discovery.mdns.machine import GROUP, PORT
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.responder import Responder
from p2plib.discovery.mdns.service import Offer
from p2plib.discovery.mdns.source import MdnsSource
from p2plib.discovery.source import Source

NAME = "mdns"
SUMMARY = "offer a service on this link by multicast DNS, and watch who comes and goes"
LOCAL_PORT = 15_353  # not the real one: a first try should not be heard by the house


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the part."""
    _add_link(parser)
    parser.add_argument("--kind", default="_p2p-handbook._udp.local", help="the service to watch")
    parser.add_argument("--offer", metavar="LABEL", help="offer the service under this label, too")
    parser.add_argument("--port", type=int, default=4000, help="where the offered service listens")


def _add_link(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--interface", default="127.0.0.1", help="our address on the link")
    parser.add_argument(
        "--group-port", type=int, default=LOCAL_PORT, help=f"{PORT} is the one that everybody uses"
    )


async def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Watches until it is cancelled.

    Args:
        arguments: the options.
        say: prints a line.
    """
    group, kind = (GROUP, arguments.group_port), DomainName.parse(arguments.kind)
    async with Responder.open(arguments.interface, random.SystemRandom(), group=group) as responder:
        say(f"listening on {group[0]}:{group[1]}")
        if arguments.offer is not None:
            offer = Offer(kind, arguments.port, arguments.interface)
            number = await responder.publish(offer.records, arguments.offer)
            say(f"offering {responder.label_of(number)} at {arguments.interface}:{arguments.port}")
        async for seen in responder.watch(kind):
            host, port = seen.instance.address
            say(f"{'here' if seen.is_here else 'gone'}: {seen.instance.label} at {host}:{port}")
            await asyncio.sleep(0)


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the doctor's option for this source."""
    parser.add_argument(
        "--mdns",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="ask the link of this address of ours, at the group's port",
    )


def sources(arguments: argparse.Namespace) -> list[Source]:
    """The sources that the doctor's options name."""
    made: list[Source] = []
    for text in arguments.mdns:
        host, _, port = text.partition(":")
        made.append(MdnsSource(host, group=(GROUP, int(port or PORT))))
    return made
