"""The command `python -m p2plib.discovery mdns`: offers a service on a link, and says who comes and goes::

    python -m p2plib.discovery mdns --offer ana               offer something, and watch
    python -m p2plib.discovery mdns --key "cats of Lisbon"    be found by `doctor "cats of Lisbon" --mdns`

On loopback, and at a port of its own, unless told otherwise: so it disturbs nobody.
"""

from __future__ import annotations

import argparse
import contextlib
import random
from collections.abc import Callable

from p2plib.discovery.mdns.dns_discovery_source import DnsDiscoverySource
from p2plib.discovery.mdns.machine import GROUP, PORT
from p2plib.discovery.mdns.names import DomainName
from p2plib.discovery.mdns.responder import Responder
from p2plib.discovery.mdns.service import Offer
from p2plib.discovery.mdns.source import MdnsSource
from p2plib.discovery.source import Source, topic_of
from p2plib.errors import UsageError
from p2plib.machine.addresses import Address, given_address

NAME = "mdns"
SUMMARY = "offer a service on this link by multicast DNS, and watch who comes and goes"
LOCAL_PORT = 15_353  # not the real one: a first try should not be heard by the house


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the part."""
    _add_link(parser)
    parser.add_argument("--kind", default="_p2p-handbook._udp.local", help="the service to watch")
    parser.add_argument("--offer", metavar="LABEL", help="offer the service under this label, too")
    parser.add_argument("--key", help="announce a peer for this key, as MdnsSource does")
    parser.add_argument("--port", type=int, default=4000, help="where what is offered or announced listens")


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
    async with contextlib.AsyncExitStack() as stack:
        opened = Responder.open(arguments.interface, random.SystemRandom(), group=group)
        responder = await stack.enter_async_context(opened)
        say(f"listening on {group[0]}:{group[1]}")
        if arguments.offer is not None:
            offer = Offer(kind, arguments.port, arguments.interface)
            number = await responder.publish(offer.records, arguments.offer)
            say(f"offering {responder.label_of(number)} at {arguments.interface}:{arguments.port}")
        if arguments.key is not None:
            source = await stack.enter_async_context(MdnsSource(arguments.interface, group=group))
            await source.announce(topic_of(arguments.key), arguments.port)
            say(f"announcing {arguments.key!r} at {arguments.interface}:{arguments.port}")
        async for seen in responder.watch(kind):
            host, port = seen.instance.address
            say(f"{'here' if seen.is_here else 'gone'}: {seen.instance.label} at {host}:{port}")


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the doctor's options for the two sources that ask a link."""
    for option, what in (("--mdns", "ask the link"), ("--dns-discovery", "ask it as discovery-channel does")):
        parser.add_argument(
            option,
            action="append",
            nargs="?",
            const=f"127.0.0.1:{LOCAL_PORT}",
            default=[],
            metavar="HOST:PORT",
            help=f"{what} of this address of ours, at this port of the group",
        )


def sources(arguments: argparse.Namespace) -> list[Source]:
    """The sources that the doctor's options name.

    Raises:
        UsageError: one of them is no host and port.
    """
    return [
        *(MdnsSource(host, group=(GROUP, port)) for host, port in map(_link, arguments.mdns)),
        *(
            DnsDiscoverySource(host, group=(GROUP, port))
            for host, port in map(_link, arguments.dns_discovery)
        ),
    ]


def _link(text: str) -> Address:
    host, _, port = text.partition(":")
    if port and not port.isdecimal():
        raise UsageError(f"a link is named by an address of ours and a port, unlike {text!r}")
    return given_address((host, int(port or PORT)))
