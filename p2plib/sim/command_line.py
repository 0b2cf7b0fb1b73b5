"""The command line of `python -m p2plib.sim`: its options, and the units in which they are written."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

COMMAND = "python -m p2plib.sim"
DAY_S = 86_400.0  # a run that is not over by then will hardly ever be
SHOWN_PACKETS = 20
NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?"

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
