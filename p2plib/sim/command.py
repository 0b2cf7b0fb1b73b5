"""The command `python -m p2plib.sim`: run a script in a simulated internet, once or under many seeds::

    python -m p2plib.sim script.py --seed 7 --loss 0.02 --pcap out.pcapng
    python -m p2plib.sim shop.py --host server=serve --host ana,ben=buy --seeds 100
    python -m p2plib.sim --host server=server.py --host client="client.py --to server"

What may be in a script, and what runs on which host: `p2plib.sim.scripts`.

Rules:

* What the script prints goes to standard output, and so do the packets of `--trace` and the digest of
  `--digest`. The command's own messages go to standard error.
* The exit status is 0 if all went well, 1 if the program failed or left something behind, and 2 if the
  command line made no sense.
* The traceback of a failure shows the program's own lines, without those of the simulator and of asyncio.
* Under `--seeds` nothing that the runs print is shown; run the failing seed alone to see it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import ipaddress
import os
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from p2plib.errors import Leak, UsageError
from p2plib.sim.capture.pcap import pcap
from p2plib.sim.faults import Chaos, Crash, Cut, Fault
from p2plib.sim.host import Host
from p2plib.sim.internet import Internet
from p2plib.sim.link import Link
from p2plib.sim.packet import Packet
from p2plib.sim.realms import LAN, Realm
from p2plib.sim.scripts import (
    is_for_an_internet,
    parse_program,
    run_for_internet,
    run_ordinary,
    run_programs,
)
from p2plib.sim.search.seeds import Failure, Main, in_words, search

FINE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
COMMAND = "python -m p2plib.sim"
DAY_S = 86_400.0  # a run that is not over by then will hardly ever be
SHOWN_PACKETS = 20
TOO_SHORT = "the run ended before any crash or cut began: use a shorter --within"
NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?"
LEFT_OUT = (  # of tracebacks
    os.path.dirname(__file__),
    os.path.dirname(asyncio.__file__),
    contextlib.__file__,
    "<frozen ",
)

DESCRIPTION = """\
Run a script in a simulated internet: in virtual time, with the loss and delay you ask for, and the same for
the same seed.

The script may be one of three kinds:
  - It has `async def main(net)`. That is run, and makes hosts with net.host("name").
  - It has functions for hosts to run: say which with --host. The run ends when the programs of the last
    --host have ended; the other hosts are then stopped.
  - It ends in asyncio.run(...), as scripts do. It runs on a host named after it. Several such scripts make a
    network: --host server=server.py --host client="client.py --to server".
"""
EPILOG = """\
What follows -- is passed to the script. Hosts find each other by name: open_connection("server", 80).
Exit status: 0 all went well; 1 the program failed, or left sockets, timers or tasks behind; 2 wrong usage.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with these arguments.

    Args:
        argv: the words after the command's name.

    Returns:
        The exit status, which is 0, 1 or 2, or 130 after Ctrl-C.
    """
    words, arguments = _split(argv)
    reads = parser()
    try:
        options, unknown = reads.parse_known_args(words)
        if unknown:
            reads.error(f"unrecognized: {shlex.join(unknown)} (arguments of the script come after --)")
    except SystemExit as end:  # argparse has said why
        return end.code if isinstance(end.code, int) else USAGE
    try:
        make = _maker(options, arguments)
        if options.seeds is None:
            return _run_once(make(options.seed), options, argv)
        return _search(make, options, argv)
    except UsageError as error:
        print(f"{COMMAND}: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the command's own words, and those after `--`, which are the script's."""
    words = list(argv)
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


# Options


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    told = argparse.ArgumentParser(
        prog=COMMAND, description=DESCRIPTION, epilog=EPILOG, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = told.add_argument
    # fmt: off
    add("script", nargs="?", type=Path,
        help="the file to run; not needed if every --host names one")
    add("--host", action="append", default=[], metavar="NAME[,NAME]=WHAT",
        help="a host, or several, and what runs there: a function of the script, FILE.py or FILE.py:FUNCTION,"
        " with its arguments in the same quotes")
    add("--seed", type=_whole, default=0, metavar="N",
        help="the seed from which everything random is drawn (default: 0)")
    add("--seeds", type=_count, metavar="N",
        help="try N seeds, starting at --seed, and stop at the first that fails")
    add("--time-limit", type=_seconds, default=DAY_S, metavar="TIME",
        help="how much virtual time a run may take (default: a day)")
    add("--allow-leaks", action="store_true",
        help="do not fail if sockets, timers or tasks are left at the end")

    add = told.add_argument_group("the network between hosts").add_argument
    add("--lan", action="store_true",
        help="put all hosts on one LAN, where multicast and broadcast reach them")
    add("--latency", type=_seconds, metavar="TIME",
        help="one-way latency, such as 0.04 or 40ms (default: drawn for each pair, half of them below 40ms;"
        " 0.5ms on a LAN)")
    add("--jitter", type=_seconds, default=0.0, metavar="TIME",
        help="add up to this much to each packet's latency")
    add("--loss", type=_probability, default=0.0, metavar="P",
        help="probability that a packet is lost, such as 0.02 or 2%%")
    add("--duplicate", type=_probability, default=0.0, metavar="P",
        help="probability that a packet arrives twice")
    add("--bandwidth", type=_bytes_per_s, metavar="RATE",
        help="bytes a second each way between two hosts, such as 125000, 125k or 1Mbit")

    add = told.add_argument_group("what goes wrong").add_argument
    add("--crashes", type=_count, default=0, metavar="N",
        help="how many times a host loses its power")
    add("--cuts", type=_count, default=0, metavar="N",
        help="how many times the network is cut in two")
    add("--within", type=_seconds, default=30.0, metavar="TIME",
        help="crashes and cuts begin within this much virtual time (default: 30s)")
    add("--spare", default="", metavar="NAME[,NAME]",
        help="hosts that never lose their power")

    add = told.add_argument_group("what to look at afterwards").add_argument
    add("--pcap", type=Path, metavar="FILE",
        help="write all packets to a file for Wireshark or tshark")
    add("--trace", nargs="?", type=_count, const=SHOWN_PACKETS, metavar="N",
        help=f"print the last N packets (default: {SHOWN_PACKETS})")
    add("--digest", action="store_true",
        help="print a digest of all packets: the same run has the same digest")
    # fmt: on
    return told


def _whole(word: str) -> int:
    if not re.fullmatch(r"-?\d+", word):
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number")
    return int(word)


def _count(word: str) -> int:
    number = _whole(word)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be 1 or more")
    return number


def _probability(word: str) -> float:
    found = re.fullmatch(rf"({NUMBER})(%?)", word)
    if not found or not 0 <= (p := float(found[1]) / (100 if found[2] else 1)) <= 1:
        raise argparse.ArgumentTypeError(f"{word!r} is not a probability: write 0.02 or 2%")
    return p


def _seconds(word: str) -> float:
    found = re.fullmatch(rf"({NUMBER}|inf)(ms|us|s|min|h)?", word)
    if not found:
        raise argparse.ArgumentTypeError(f"{word!r} is not a time: write 0.04, 40ms, 30s, 5min or 2h")
    return float(found[1]) * {"us": 1e-6, "ms": 1e-3, "min": 60, "h": 3600}.get(found[2], 1)


def _bytes_per_s(word: str) -> float:
    found = re.fullmatch(rf"({NUMBER})([kMG]?)(bit|B)?(/s)?", word)
    if not found:
        raise argparse.ArgumentTypeError(f"{word!r} is not a rate: write 125000, 125k, 1M or 10Mbit")
    rate = float(found[1]) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[found[2]]
    return rate / 8 if found[3] == "bit" else rate


def _maker(options: argparse.Namespace, arguments: Sequence[str]) -> Callable[..., Internet]:
    """Return a function that makes an internet from a seed; its `run` runs the script, whatever its kind.

    Raises:
        UsageError: there is nothing to run, or an option is out of range.
    """
    if options.script is not None and not options.script.is_file():
        raise UsageError(f"there is no script {options.script}")
    if options.pcap is not None and (options.pcap.is_dir() or not options.pcap.parent.is_dir()):
        raise UsageError(f"--pcap takes a file in a folder that exists, not {options.pcap}")
    programs = [parse_program(told, options.script) for told in options.host]
    if options.script is None and not programs:
        raise UsageError("name a script, or hosts that run one (--host server=server.py); see --help")
    names = [name for program in programs for name in program.hosts]
    if len(names) > len(set(names)):
        raise UsageError("every host needs a name of its own, and two have the same")
    strangers = [name for name in _spared(options) if programs and name not in names]
    if strangers:
        raise UsageError(f"no --host is called {strangers[0]}, and --spare names hosts")
    if programs and arguments:
        raise UsageError('arguments of a host\'s program belong in its --host "NAME=FILE.py ARGUMENT"')
    latency = options.latency
    if latency is None:
        latency = LAN.latency if options.lan else Link().latency
    link = Link(
        loss=options.loss, duplicate=options.duplicate,
        jitter_s=options.jitter, bytes_per_s=options.bandwidth,
        latency=latency,
    )  # fmt: skip
    for_internet = not programs and is_for_an_internet(options.script)

    class Scripted(Internet):
        everybody: Realm | None = None

        def host(self, name: str, **given: Any) -> Host:
            return super().host(name, **{"lan": self.everybody, **given})

        def run(self, main: Main, *, time_limit_s: float = float("inf")) -> Any:
            if main is not _the_script:
                return super().run(main, time_limit_s=time_limit_s)
            if programs:
                return run_programs(self, programs, time_limit_s)
            run = run_for_internet if for_internet else run_ordinary
            return run(self, options.script, arguments, time_limit_s)

    def make(seed: int, **more: Any) -> Internet:
        given = {"link": link, "strict": not options.allow_leaks, "faults": _chaos(options), **more}
        net = Scripted(seed, **given)
        if options.lan:
            net.everybody = net.lan("lan", nat=None, link=link)
        return net

    return make


async def _the_script(net: Internet) -> None:
    """Stand for the script where a search asks what to run."""


def _chaos(options: argparse.Namespace) -> Chaos:
    spare = _spared(options)
    return Chaos(crashes=options.crashes, cuts=options.cuts, within_s=options.within, spare=spare)


def _spared(options: argparse.Namespace) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in options.spare.split(","))))


# Runs


def _run_once(net: Internet, options: argparse.Namespace, argv: Sequence[str]) -> int:
    error: BaseException | None = None
    try:
        net.run(_the_script, time_limit_s=options.time_limit)
    except UsageError as wrong:
        if wrong.__traceback__ is None or _is_the_scripts(wrong):
            error = wrong
        else:
            raise
    except (Exception, asyncio.CancelledError) as raised:
        error = raised
    _say_all(net, error)
    outages = _outages(net.happened)
    if outages:
        _say(*(f"    {in_words(fault)}" for fault in outages))
    elif options.crashes or options.cuts:
        _say(TOO_SHORT)
    _show(net, options)
    if error is None:
        if len(net.hosts) == 1 and (options.loss or options.latency or options.jitter or options.duplicate):
            _say("everything stayed on one host; the network's options only affect packets between hosts")
        return FINE
    _say(f"to run it again: {_again(argv, net.seed)}")
    return FAILED


def _search(make: Callable[..., Internet], options: argparse.Namespace, argv: Sequence[str]) -> int:
    seeds = range(options.seed, options.seed + options.seeds)
    happened: list[list[Fault]] = []  # in each run

    def make_watched(seed: int, **more: Any) -> Internet:
        net = make(seed, **more)
        happened.append(net.happened)
        return net

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        failure = search(
            _the_script,
            seeds,
            make=make_watched,
            chaos=_chaos(options),
            time_limit_s=options.time_limit,
            max_events=None,
        )
    if failure is None:
        _say(f"{len(seeds)} seeds, {seeds[0]} to {seeds[-1]}: none failed")
        quiet = sum(not _outages(faults) for faults in happened)
        if quiet and (options.crashes or options.cuts):
            _say(f"under {quiet} of them {TOO_SHORT}")
        return FINE
    if isinstance(failure.error, UsageError) and not _is_the_scripts(failure.error):
        raise failure.error
    _say_failure(failure)
    _show(failure.net, options)
    _say(f"to run it again: {_again(argv, failure.seed)}")
    return FAILED


def _outages(faults: Iterable[Fault]) -> list[Fault]:
    """Return those of the faults that --crashes and --cuts ask for."""
    return [fault for fault in faults if isinstance(fault, Crash | Cut)]


def _is_the_scripts(error: BaseException) -> bool:
    """Whether an error was raised by a line of the script, and not by the command before one ran."""
    return any(not _left_out(frame) for frame in traceback.extract_tb(error.__traceback__)[1:])


# What is said


def _say(*lines: str) -> None:
    sys.stdout.flush()
    print(*lines, sep="\n", file=sys.stderr)


def _say_all(net: Internet, error: BaseException | None) -> None:
    """Report how a run went: the failure, what was left, and how far it got."""
    if error is not None:
        _say(trimmed(error))
    if net.leaks and (error is None or (isinstance(error, Leak) and len(net.leaks) > 1)):
        _say("left at the end:", *(f"    {leak}" for leak in net.leaks))
    dropped = "".join(f", {count} {fate}" for fate, count in net.trace.dropped().items())
    end = "" if error is None else " failed after"
    _say(f"seed {net.seed}{end or ':'} {net.time:.6g} virtual seconds, {len(net.trace)} packets{dropped}")
    if any(packet.fate == "no route" and _is_for_many(packet) for packet in net.trace):
        _say("multicast reaches nobody on the public internet: use --lan, or put the hosts on a net.lan(...)")


def _say_failure(failure: Failure) -> None:
    """Report what a search has found: which faults it takes, and what was raised."""
    lines = str(failure).splitlines()
    told = next(i for i, line in enumerate(lines) if line.startswith("found in"))
    _say(trimmed(failure.error), *lines[:told], lines[told].partition(";")[0])


def _again(argv: Sequence[str], seed: int) -> str:
    """Return the same command line for one seed."""
    words, arguments = _split(argv)
    kept: list[str] = []
    skip = False
    for word in words:
        if skip or word in ("--seed", "--seeds"):
            skip = not skip
        elif not word.startswith(("--seed=", "--seeds=")):
            kept.append(word)
    return shlex.join(
        [*COMMAND.split(), *kept, "--seed", str(seed), *(["--", *arguments] if arguments else [])]
    )


def _left_out(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(LEFT_OUT)


def trimmed(error: BaseException) -> str:
    """Return an error's traceback as text, without the lines of the simulator and of asyncio."""
    told = traceback.TracebackException.from_exception(error)
    _trim(told)
    return "".join(told.format()).rstrip()


def _trim(told: traceback.TracebackException) -> None:
    kept = [frame for frame in told.stack if not _left_out(frame)]
    told.stack = traceback.StackSummary.from_list(kept) if kept else None  # type: ignore[assignment]
    for inner in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if inner is not None:
            _trim(inner)


def _show(net: Internet, options: argparse.Namespace) -> None:
    """Write and print what was asked for."""
    if options.trace is not None:
        print(trace_table(list(net.trace)[-options.trace :]))
    if options.digest:
        print(f"digest {net.trace.digest()}")
    if options.pcap is not None:
        packets = list(net.trace)
        try:
            options.pcap.write_bytes(pcap(packets))
        except OSError as error:
            raise UsageError(f"the packets cannot be written: {error}") from None
        _say(f"{len(packets)} packets written to {options.pcap}")


def _is_for_many(packet: Packet) -> bool:
    return ipaddress.ip_address(packet.destination[0].partition("%")[0]).is_multicast


def trace_table(packets: Iterable[Packet]) -> str:
    """Return packets as a table of text, one a line."""
    rows = [("sent", "arrives", "from", "to", "what", "bytes", "")]
    rows += [_row(packet) for packet in packets]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = (True, True, False, False, False, True, False)
    return "\n".join(
        "  ".join(
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in rows
    )  # fmt: skip


def _row(packet: Packet) -> tuple[str, str, str, str, str, str, str]:
    what = (
        packet.kind if packet.segment is None else f"tcp {packet.segment.flags.name or ''}".replace("|", " ")
    )
    arrives = "" if packet.arrives_s is None else f"{packet.arrives_s:.6f}"
    source = f"{packet.sender}:{packet.source[1]}"
    destination = f"{packet.receiver or packet.destination[0]}:{packet.destination[1]}"
    return f"{packet.sent_s:.6f}", arrives, source, destination, what, str(len(packet.data)), packet.fate
