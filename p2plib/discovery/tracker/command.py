"""`python -m p2plib.discovery tracker`: a tracker of one's own, which prints what it is told."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import random
from collections.abc import Callable

from p2plib.discovery.source import Source
from p2plib.discovery.tracker.announce import DEFAULT_INTERVAL_S
from p2plib.discovery.tracker.core import TrackerCore
from p2plib.discovery.tracker.server import TrackerServer
from p2plib.discovery.tracker.source import TrackerSource
from p2plib.errors import LocalError

NAME = "tracker"
SUMMARY = "run a tracker over HTTP, WebSocket and UDP"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this part."""
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (127.0.0.1)")
    parser.add_argument("--http-port", type=int, default=0, help="for HTTP and WebSocket; 0 takes a free one")
    parser.add_argument("--udp-port", type=int, default=0, help="for UDP; 0 takes a free one")
    parser.add_argument("--no-http", action="store_true", help="UDP alone, which needs no aiohttp")
    parser.add_argument("--no-udp", action="store_true", help="HTTP and WebSocket alone")
    parser.add_argument(
        "--interval", type=int, default=DEFAULT_INTERVAL_S, metavar="SECONDS",
        help=f"after how many seconds peers announce again ({DEFAULT_INTERVAL_S})",
    )  # fmt: skip


async def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Runs a tracker until it is cancelled.

    Args:
        arguments: those of `add_arguments`.
        say: prints a line.

    Raises:
        CannotListen: an address or a port is not to be had.
        UsageError: neither HTTP nor UDP is wanted, or a host, a port or the interval can be none.
        LocalError: HTTP is wanted, and aiohttp is not installed.
    """
    if not arguments.no_http and importlib.util.find_spec("aiohttp") is None:
        raise LocalError("HTTP needs the package aiohttp: pip install 'p2plib[discovery]', or use --no-http")
    rng = random.SystemRandom()
    core = TrackerCore(rng, interval_s=arguments.interval, on_heard=lambda heard: say(str(heard)))
    server = TrackerServer(
        rng,
        arguments.host,
        http_port=None if arguments.no_http else arguments.http_port,
        udp_port=None if arguments.no_udp else arguments.udp_port,
        core=core,
    )
    async with server:
        host, port = server.http_address or server.udp_address or ("", 0)
        say(f"listening on {host}:{port}")
        for url in server.urls:
            say(f"announce to {url}")
        await asyncio.Event().wait()


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options by which the doctor is told of trackers."""
    parser.add_argument(
        "--tracker", action="append", default=[], metavar="URL",
        help="a tracker, such as udp://127.0.0.1:6969; may be repeated, each is a tier of its own",
    )  # fmt: skip


def sources(arguments: argparse.Namespace) -> list[Source]:
    """The sources that the options name.

    Raises:
        UsageError: one is no URL of a tracker.
    """
    if not arguments.tracker:
        return []
    return [TrackerSource([[url] for url in arguments.tracker], random.SystemRandom())]
