"""A part of the command line as small as one can be: a directory, and sources that ask it."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable

from p2plib.discovery.source import Source
from p2plib.errors import CannotListen, UsageError
from tests.discovery.tiny import TinyDirectory, TinySource

NAME = "echo"
SUMMARY = "a tiny directory"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=0)


async def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> None:
    if arguments.port == 1:
        raise CannotListen("port 1 is not ours")
    if arguments.port == 2:
        raise UsageError("2 is no port")
    if arguments.port == 3:
        return
    async with TinyDirectory("127.0.0.1", arguments.port) as directory:
        say(f"listening on {directory.address[0]}:{directory.address[1]}")
        await asyncio.Event().wait()


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--directory", action="append", default=[], metavar="HOST:PORT")


def sources(arguments: argparse.Namespace) -> list[Source]:
    places = [text.rsplit(":", 1) for text in arguments.directory]
    return [TinySource((host, int(port)), f"tiny{number}") for number, (host, port) in enumerate(places)]
