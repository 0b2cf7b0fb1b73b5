"""The command `python -m p2plib.discovery dht`: a node of the Mainline DHT that says what happens to it."""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Callable
from contextlib import aclosing

from p2plib.discovery.mainline.driver import MainlineNode
from p2plib.discovery.mainline.parts import LOCAL, DhtSettings
from p2plib.discovery.mainline.source import MainlineSource
from p2plib.discovery.source import Source, checked_port, topic_of
from p2plib.errors import P2PError, UsageError
from p2plib.machine.addresses import Address, Scope, given_address, is_ipv6, scope_of

NAME = "dht"
SUMMARY = "run a node of the Mainline DHT: serve others, look up and announce"
EVERY_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--host", default="127.0.0.1", help="IP address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="UDP port to listen on (default: any free one)")
    parser.add_argument(
        "--public", metavar="HOST:PORT", type=_address, help="where others reach us, if not there"
    )
    parser.add_argument(
        "--bootstrap", metavar="HOST:PORT", type=_address, action="append", default=[],
        help="a node to enter through; may be repeated, and the first node of a DHT has none",
    )  # fmt: skip
    parser.add_argument("--lookup", metavar="KEY", help="print the peers for a key, then go on")
    parser.add_argument(
        "--announce", metavar=("KEY", "PORT"), nargs=2, help="say that a peer for a key is at a port of ours"
    )
    parser.add_argument("--read-only", action="store_true", help="only ask, and answer nobody (BEP 43)")
    parser.add_argument(
        "--one-host", action="store_true", help="let many nodes share one address, as on one machine"
    )


async def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> None:
    """Runs a node until it is cancelled; each thing that happens is one line.

    Args:
        arguments: those of `add_arguments`.
        say: prints a line.

    Raises:
        P2PError: as `MainlineNode.open`, `MainlineNode.bootstrap` and `MainlineNode.announce_peer`.
    """
    rng, settings = random.SystemRandom(), _settings(arguments)
    announced = None if arguments.announce is None else _announcement(*arguments.announce)
    where = arguments.host, arguments.port
    async with MainlineNode.open(rng, *where, settings=settings, public=arguments.public) as node:
        say(f"listening on {node.address[0]}:{node.address[1]}")
        say(f"our id is {node.machine.own_id:040x}")
        if arguments.bootstrap:
            joined = await node.bootstrap(arguments.bootstrap)
            say(f"entered, and know {_counted(joined.contacts, 'node')}")
        if announced is not None:
            stored = await node.announce_peer(*announced)
            say(f"announced to {_counted(stored.copies, 'node')}")
        if arguments.lookup:
            await _look_up(node, topic_of(arguments.lookup), say)
        while True:
            await asyncio.sleep(EVERY_S)
            stats = node.stats()
            say(
                f"{stats.contacts} contacts, peers for {stats.info_hashes} info_hashes, {stats.items} items, "
                f"{stats.received} datagrams received, {stats.sent} sent"
            )


async def _look_up(node: MainlineNode, topic: bytes, say: Callable[[str], None]) -> None:
    count = 0
    try:
        async with aclosing(node.get_peers(topic)) as peers:
            async for peer in peers:
                count += 1
                say(f"peer {peer.address[0]}:{peer.address[1]}")
    except P2PError as error:
        say(f"the lookup has failed: {error}")
        return
    say(f"peers found: {count}")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """The option with which the doctor looks here, too."""
    parser.add_argument(
        "--dht", metavar="HOST:PORT[@OURS]", action="append", default=[],
        help="a node of the Mainline DHT, and the IP address of ours to ask from; may be repeated",
    )  # fmt: skip


def sources(arguments: argparse.Namespace) -> list[Source]:
    """The source that the option asks for: one read-only node, if any bootstrap address was given.

    Raises:
        UsageError: what was typed is no address, or our own is missing where it is needed.
    """
    if not arguments.dht:
        return []
    typed = [text.partition("@") for text in arguments.dht]
    bootstrap = [_read_address(address) for address, _, _ in typed]
    own = next((own for _, _, own in typed if own), None)
    if own is None and scope_of(bootstrap[0][0]) is not Scope.MACHINE:
        raise UsageError("say which address of ours to ask from: --dht HOST:PORT@OURS")
    ours = own or ("::1" if is_ipv6(bootstrap[0]) else "127.0.0.1")
    settings = DhtSettings(limits=LOCAL.limits, is_read_only=True)
    return [MainlineSource(bootstrap, random.SystemRandom(), ours, settings=settings)]


def _settings(arguments: argparse.Namespace) -> DhtSettings:
    limits, is_limited = (LOCAL.limits, False) if arguments.one_host else (DhtSettings().limits, True)
    return DhtSettings(limits=limits, is_limited=is_limited, is_read_only=arguments.read_only)


def _announcement(key: str, port: str) -> tuple[bytes, int]:
    """What was typed after `--announce`: a topic and a port.

    Raises:
        UsageError: the port is none.
    """
    if not _is_number(port):
        raise UsageError(f"a port is a whole number from 1 to 65535, not {port[:40]!r}")
    return topic_of(key), checked_port(int(port))


def _is_number(port: str) -> bool:
    return port.isascii() and port.isdecimal() and len(port) <= 5


def _address(text: str) -> Address:
    """An address as typed, for argparse."""
    try:
        return _read_address(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _read_address(text: str) -> Address:
    """An address as typed: `192.0.2.7:6881` or `[2001:db8::7]:6881`.

    Raises:
        UsageError: it is none.
    """
    host, _, port = text.rpartition(":")
    if not _is_number(port):
        raise UsageError(f"{text!r} is not an IP address and a port")
    return given_address((host.removeprefix("[").removesuffix("]"), int(port)))
