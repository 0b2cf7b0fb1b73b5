"""The doctor: which source found whom, how fast, and why the others failed. A part of the command line::

    python -m p2plib.discovery doctor "cats of Lisbon" --mdns --tracker udp://127.0.0.1:6969

It asks all sources at the same moment and never compares one with what another has said, so each is timed as
if it were alone. Nothing is announced.

A part whose sources it can ask has two more names: `add_source_arguments(parser)`, which adds an option such
as `--tracker URL`, and `sources(arguments)`, which gives a list of sources that are not entered yet, empty
where the option was not given.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from p2plib.discovery import commands
from p2plib.discovery.source import TOPIC_BYTES, Found, Source, topic_of
from p2plib.errors import LocalError, NotFound, P2PError, UsageError
from p2plib.machine.addresses import Address

NAME = "doctor"
SUMMARY = "look a key up through all sources: who found whom, how fast, and why others failed"
WITHIN_S = 10.0  # a reader waits so long; the slowest source, a DHT, needs a few seconds
MAX_WITHIN_S = 86_400.0
SLOW_TO_IMPORT = ("aiohttp",)  # some sources do it when they open, and would stop the clocks of all others
CLOSE_S = 5.0  # for a source to end after that

Say = Callable[[str], None]


class SourcePart(Protocol):
    """The two more names of a part whose sources the doctor can ask."""

    def add_source_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds the option that names what to ask; it may be given several times."""

    def sources(self, arguments: argparse.Namespace) -> list[Source]:
        """The sources that the options name, not entered yet."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How one source fared.

    Args:
        source: its name.
        found: what it found, each with the seconds that had passed.
        took_s: until it ended or was stopped.
        error: what it raised; None where its lookup ended by itself or was still going on.
        has_ended: whether its lookup ended by itself.
    """

    source: str
    found: tuple[tuple[float, Found], ...]
    took_s: float
    error: P2PError | None
    has_ended: bool


async def examine(source: Source, topic: bytes, within_s: float, say: Say) -> Diagnosis:
    """Opens a source, looks a topic up, and closes it.

    Args:
        source: not entered yet.
        topic: 20 bytes.
        within_s: how long to look, in seconds.
        say: prints a line.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    found: list[tuple[float, Found]] = []
    ended_s: list[float] = []

    async def look() -> None:
        async with source, contextlib.aclosing(source.lookup(topic)) as lookup:
            async for each in lookup:
                found.append((loop.time() - began, each))
                by = f", said by {each.said_by}" if each.said_by else ""
                say(f"{found[-1][0]:7.3f} s  {source.name}: {_text(each.address)}{by}")
            ended_s.append(loop.time() - began)

    error: P2PError | None = None
    task = asyncio.ensure_future(look())
    try:
        await asyncio.wait([task], timeout=within_s)
        took_s = ended_s[0] if ended_s else loop.time() - began
        task.cancel()
        await asyncio.wait([task], timeout=CLOSE_S)
        if task.done() and not task.cancelled():
            task.result()
    except P2PError as raised:
        error = raised
        say(f"{took_s:7.3f} s  {source.name}: {_told(error)}")
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=CLOSE_S)
    return Diagnosis(source.name, tuple(found), took_s, error, bool(ended_s))


async def diagnose(
    sources: Sequence[Source], topic: bytes, within_s: float = WITHIN_S, say: Say = lambda line: None
) -> list[Diagnosis]:
    """Examines all sources at the same time.

    Args:
        sources: not entered yet.
        topic: 20 bytes.
        within_s: how long to look, in seconds.
        say: prints a line as soon as something is known.

    Returns:
        One diagnosis for each source, in the same order.
    """
    examined = [asyncio.ensure_future(examine(source, topic, within_s, say)) for source in sources]
    try:
        return list(await asyncio.gather(*examined))
    finally:
        for task in examined:
            task.cancel()
        if examined:
            await asyncio.wait(examined)


def report(diagnoses: Sequence[Diagnosis]) -> list[str]:
    """What came out, a line for each source."""
    width = max((len(each.source) for each in diagnoses), default=0)
    finders = Counter(address for each in diagnoses for address in _addresses(each))
    return [f"{each.source:<{width}}  {_outcome(each, finders)}" for each in diagnoses]


def _outcome(each: Diagnosis, finders: Counter[Address]) -> str:
    if each.error is not None:
        outcome = f"failed after {each.took_s:.3f} s: {_told(each.error)}"
    elif each.has_ended:
        outcome = f"ended after {each.took_s:.3f} s"
    else:
        outcome = f"was still looking after {each.took_s:.3f} s"
    if not each.found:
        return f"nobody; {outcome}"
    addresses = _addresses(each)
    alone = sum(finders[address] == 1 for address in addresses)
    peers = "1 peer" if len(addresses) == 1 else f"{len(addresses)} peers"
    return f"{peers}, the first after {each.found[0][0]:.3f} s, {alone} found by no other; {outcome}"


def _addresses(each: Diagnosis) -> set[Address]:
    return {found.address for _, found in each.found}


def _told(error: P2PError) -> str:
    return f"{type(error).__name__}: {error}"


def _text(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the doctor's own options, and those of every part that has sources."""
    parser.add_argument("key", metavar="KEY", help="what to look for: a name, such as 'cats of Lisbon'")
    parser.add_argument("--hex", action="store_true", help="KEY is the topic itself, 40 hexadecimal digits")
    parser.add_argument(
        "--within", type=_seconds, default=WITHIN_S, metavar="SECONDS",
        help=f"how long to look (default: {WITHIN_S:g})",
    )  # fmt: skip
    for part in _parts_with_sources(parser):
        part.add_source_arguments(parser)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= MAX_WITHIN_S:
        raise argparse.ArgumentTypeError(f"{text!r} is no time from 0 to {MAX_WITHIN_S:g} seconds")
    return seconds


_seconds.__name__ = "time"  # argparse says so of what is no number


def _parts_with_sources(parser: argparse.ArgumentParser | None = None) -> list[SourcePart]:
    """Those that can be imported; a parser's last lines say which cannot, and why."""
    parts, missing = [], []
    for name in commands.PARTS:
        try:
            part = commands.part_called(name)
        except LocalError as error:
            missing.append(str(error))
            continue
        if hasattr(part, "add_source_arguments"):
            parts.append(cast(SourcePart, part))
    if parser is not None:
        parser.epilog = "; ".join(missing) or None
    return parts


def topic_given(key: str, is_hex: bool) -> bytes:
    """The topic that the command line names.

    Raises:
        UsageError: it is to be hexadecimal, and is not, or is not 20 bytes.
    """
    if not is_hex:
        return topic_of(key)
    try:
        topic = bytes.fromhex(key)
    except ValueError:
        raise UsageError(f"{key!r} is not hexadecimal") from None
    if len(topic) != TOPIC_BYTES:
        raise UsageError(f"a topic has {2 * TOPIC_BYTES} hexadecimal digits, and this has {2 * len(topic)}")
    return topic


async def run(arguments: argparse.Namespace, say: Say) -> None:
    """Looks the key up, and reports.

    Raises:
        UsageError: the key cannot be one, or no source was named.
        NotFound: no source found anybody.
    """
    topic = topic_given(arguments.key, arguments.hex)
    for package in SLOW_TO_IMPORT:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(package)
    sources = [source for part in _parts_with_sources() for source in part.sources(arguments)]
    if not sources:
        raise UsageError("name at least one source to ask, see --help")
    count = "1 source" if len(sources) == 1 else f"{len(sources)} sources"
    say(f"looking for {arguments.key!r}, topic {topic.hex()}, through {count}")
    diagnoses = await diagnose(sources, topic, arguments.within, say)
    for line in report(diagnoses):
        say(line)
    if not any(each.found for each in diagnoses):
        raise NotFound(f"no source found anybody for {arguments.key!r}")
