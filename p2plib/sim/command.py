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
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from p2plib.errors import Leak, UsageError
from p2plib.sim.capture.pcap import pcap
from p2plib.sim.capture.table import trace_table
from p2plib.sim.command_line import COMMAND, parser
from p2plib.sim.faults import Chaos, Crash, Cut, Fault
from p2plib.sim.host import Host
from p2plib.sim.internet import Internet
from p2plib.sim.link import Link
from p2plib.sim.realms import LAN, Realm
from p2plib.sim.scripts import (
    is_for_an_internet,
    parse_program,
    run_for_internet,
    run_ordinary,
    run_programs,
)
from p2plib.sim.search.seeds import Failure, Main, in_words, search
from p2plib.sim.sockets.names import is_group
from p2plib.sim.tracebacks import is_the_scripts, trimmed

FINE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
TOO_SHORT = "the run ended before any crash or cut began: use a shorter --within"


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
        if wrong.__traceback__ is None or is_the_scripts(wrong):
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
    if isinstance(failure.error, UsageError) and not is_the_scripts(failure.error):
        raise failure.error
    _say_failure(failure)
    _show(failure.net, options)
    _say(f"to run it again: {_again(argv, failure.seed)}")
    return FAILED


def _outages(faults: Iterable[Fault]) -> list[Fault]:
    """Return those of the faults that --crashes and --cuts ask for."""
    return [fault for fault in faults if isinstance(fault, Crash | Cut)]


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
    if any(packet.fate == "no route" and is_group(packet.destination[0]) for packet in net.trace):
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
