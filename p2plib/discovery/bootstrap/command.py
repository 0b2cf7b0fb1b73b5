"""The command `python -m p2plib.discovery bootstrap`: a seed alone, or a look at a list of peers::

    python -m p2plib.discovery bootstrap --port 4000        a seed, until Ctrl-C
    python -m p2plib.discovery bootstrap --check peers.json  what is wrong with a list, line by line

Each question that the seed is asked, and each peer that tells it something, is a line.
"""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Callable

from p2plib.discovery.bootstrap.entries import MAX_CHARACTERS, entries_of, fix_list, read_list, write_list
from p2plib.discovery.bootstrap.seed import Seed, SeedHeard
from p2plib.discovery.bootstrap.source import BootstrapSource
from p2plib.discovery.source import Source
from p2plib.errors import DecodeError, UsageError
from p2plib.machine.peer import Peer

NAME = "bootstrap"
SUMMARY = "run a seed, which names peers to newcomers, or check a list of hardcoded peers"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds its options."""
    parser.add_argument("--host", default="127.0.0.1", help="where to listen, an IP address (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="at which UDP port (0: any that is free)")
    parser.add_argument("--check", metavar="FILE", help="say what is wrong with a list of peers, and end")


async def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Runs a seed until it is cancelled, or checks a list.

    Args:
        arguments: its options, read.
        say: prints a line.

    Raises:
        UsageError: the file to check cannot be read.
        DecodeError: it is no list of peers.
    """
    if arguments.check is not None:
        check(arguments.check, say)
        return

    def heard(event: object) -> bool:
        if isinstance(event, SeedHeard):
            say(event.line)
        return True

    seed = Seed(random.SystemRandom())
    opened = Peer.open(lambda address, now: seed, arguments.host, arguments.port, on_event=heard)
    async with opened as peer:
        say(f"listening on {peer.address[0]}:{peer.address[1]}")
        await asyncio.Event().wait()


def check(file: str, say: Callable[[str], None]) -> None:
    """Says whether a list is one, and if not, what can be made of it.

    Raises:
        DecodeError: it is none.
        UsageError: the file cannot be read.
    """
    try:
        with open(file, encoding="utf-8-sig") as opened:
            text = opened.read(MAX_CHARACTERS + 1)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is no text in UTF-8, from its byte {error.start} on") from None
    try:
        count = len(read_list(text))
    except DecodeError as error:
        fixed = fix_list(text)
        for each in fixed:
            say(f"line {each.line}: {each.said[:72]}")
            for fix in each.fixes:
                say(f"    {fix}")
        if entries := entries_of(fixed):
            say("fixed:")
            for line in write_list(entries).splitlines():
                say(line)
        raise DecodeError(f"{file} is no list of peers: {error.rule}", error.offset) from None
    say("a list of 1 peer, as it should be" if count == 1 else f"a list of {count} peers, as it should be")


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the option that names seeds to ask; it may be given several times."""
    parser.add_argument(
        "--bootstrap",
        action="append",
        default=[],
        metavar="ENTRY",
        help="ask this seed, a multiaddr such as /ip4/127.0.0.1/udp/4000",
    )


def sources(arguments: argparse.Namespace) -> list[Source]:
    """The source that the options name; none without an entry.

    Raises:
        UsageError: an entry is none.
    """
    if not arguments.bootstrap:
        return []
    try:
        return [BootstrapSource(arguments.bootstrap)]
    except DecodeError as error:
        raise UsageError(f"--bootstrap: {error}") from None
