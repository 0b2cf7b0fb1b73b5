"""The command `python -m p2plib.discovery PART`: each way to find peers, alone, on loopback::

    python -m p2plib.discovery tracker                a tracker, until Ctrl-C
    python -m p2plib.discovery doctor "cats of Lisbon" --tracker udp://127.0.0.1:6969

A part is a module with the five names of `Part`. It is imported only when it is used, because each needs
packages that the others do not.

Rules
    1. What a part hears goes to standard output, a line at a time; errors go to standard error.
    2. Ctrl-C and SIGTERM end it: one line, and the exit status 0. It also ends when nobody reads its output
       any more, as after `| head`. The status is 1 when it failed, and 2 when the command line made no sense.
    3. What is printed may come from a stranger: whatever would move a cursor, end a line or turn the writing
       around is shown as Python would write it in a string (F160).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Protocol, cast

from p2plib.errors import LocalError, P2PError, UsageError

COMMAND = "python -m p2plib.discovery"
EXTRA = "pip install 'p2plib[discovery]'"
FINE, FAILED, USAGE = 0, 1, 2

# Where each part is.
PARTS = {
    "bootstrap": "p2plib.discovery.bootstrap.command",
    "mdns": "p2plib.discovery.mdns.command",
    "dns": "p2plib.discovery.dns.command",
    "tracker": "p2plib.discovery.tracker.command",
    "signal": "p2plib.discovery.signal.command",
    "dht": "p2plib.discovery.mainline.command",
    "doctor": "p2plib.discovery.doctor",
}

Say = Callable[[str], None]


class Part(Protocol):
    """What a part's module has. Two more names, for the doctor, are those of `p2plib.discovery.doctor`.

    Attributes:
        NAME: the word by which it is called.
        SUMMARY: one line that says what it does.
    """

    NAME: str
    SUMMARY: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds its options."""

    async def run(self, arguments: argparse.Namespace, say: Say) -> None:
        """Runs it until it is over or cancelled.

        Args:
            arguments: its options, read.
            say: prints a line.
        """


def part_called(name: str) -> Part:
    """The part of this name.

    Raises:
        UsageError: there is none.
        LocalError: it needs a package that is not installed.
    """
    if name not in PARTS:
        raise UsageError(f"there is no part called {name!r}; there are {', '.join(PARTS)}")
    try:
        return cast(Part, importlib.import_module(PARTS[name]))
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "p2plib":
            raise
        raise LocalError(f"{name} needs the package {error.name}: {EXTRA}") from None


def overview() -> str:
    """What there is, a line for each part."""
    lines = [f"usage: {COMMAND} PART ..., where PART is one of:", ""]
    for name in PARTS:
        try:
            summary = part_called(name).SUMMARY
        except LocalError as error:
            summary = f"({error})"
        lines.append(f"  {name:<9}  {summary}")
    return "\n".join([*lines, "", f"{COMMAND} PART --help lists the options of a part."])


def say(line: str) -> None:
    """Prints a line at once, also where nobody looks at a terminal. Rule 3."""
    print(_shown(line), flush=True)


def _complain(line: str) -> None:
    print(_shown(line), file=sys.stderr, flush=True)


def _shown(line: str) -> str:
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in line)


def main(argv: Sequence[str]) -> int:
    """Runs the command.

    Args:
        argv: the words after the command's name.

    Returns:
        The exit status, see rule 2.
    """
    try:
        return _run(argv)
    except BrokenPipeError:
        # What is still to be written at exit goes nowhere, and not into another error.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE


def _run(argv: Sequence[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print(overview(), file=sys.stdout if argv else sys.stderr, flush=True)
        return FINE if argv else USAGE
    name, *words = argv
    try:
        part = part_called(name)
        parser = argparse.ArgumentParser(prog=f"{COMMAND} {name}", description=part.SUMMARY)
        part.add_arguments(parser)
        arguments = parser.parse_args(words)
        asyncio.run(_until_stopped(part, arguments))
    except SystemExit as end:  # argparse has said why
        return end.code if isinstance(end.code, int) else USAGE
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("stopped")
    except P2PError as error:
        _complain(f"{COMMAND} {name}: {error}")
        return USAGE if isinstance(error, UsageError) else FAILED
    return FINE


async def _until_stopped(part: Part, arguments: argparse.Namespace) -> None:
    """Runs a part; SIGTERM cancels it, as `asyncio.run` has SIGINT do."""
    running = asyncio.current_task()
    assert running is not None
    is_unread = False

    def tell(line: str) -> None:  # a part may say something where nobody would catch an error
        nonlocal is_unread
        try:
            say(line)
        except BrokenPipeError:
            is_unread = True
            running.cancel()

    with contextlib.suppress(NotImplementedError, RuntimeError):  # a browser has no signals, nor a thread
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        await part.run(arguments, tell)
    finally:
        if is_unread:
            raise BrokenPipeError
