"""The command `python -m p2plib.discovery signal`: a hub alone, on loopback by default::

    python -m p2plib.discovery signal --port 8080

Each subscription, message and refusal is a line. What is in the messages is not printed: it is not the hub's
business, and may be anything.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable

from p2plib.discovery.signal.points import RendezvousSource
from p2plib.discovery.signal.server import SignalHub
from p2plib.discovery.signal.source import APP, SignalSource
from p2plib.discovery.source import Source
from p2plib.errors import DecodeError, UsageError
from p2plib.identity.keys import SecretKey

NAME = "signal"
SUMMARY = "run a signal hub, which passes on what peers say to each other, as npm's signalhub does"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds its options."""
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="at which port (0: any that is free)")


async def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Runs a hub until it is cancelled.

    Args:
        arguments: its options, read.
        say: prints a line.
    """
    hub = SignalHub(arguments.host, arguments.port)
    hub.channels.hears = say
    async with hub:
        say(f"listening on {hub.url.removeprefix('http://')}")
        await asyncio.Event().wait()


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the option that names hubs to ask; it may be given several times."""
    parser.add_argument("--signal", action="append", default=[], metavar="URL", help="ask this signal hub")
    parser.add_argument(
        "--rendezvous", action="append", default=[], metavar="ADDRESS", help="ask this rendezvous point"
    )
    parser.add_argument("--signal-app", default=APP, metavar="APP", help="as which application (%(default)s)")


def sources(arguments: argparse.Namespace) -> list[Source]:
    """The sources that the options name, under a key of their own; none without a hub or a point.

    Raises:
        UsageError: an address is none.
    """
    secret, app = SecretKey.generate(), arguments.signal_app
    found: list[Source] = []
    if arguments.signal:
        found.append(SignalSource(arguments.signal, secret, app=app))
    if arguments.rendezvous:
        try:
            found.append(RendezvousSource(arguments.rendezvous, secret, app=app))
        except DecodeError as error:
            raise UsageError(f"--rendezvous: {error}") from None
    return found
