"""Runs a soak test over many seeds, until one of them fails or the time is over::

    python -m tests.soak streams --seeds 1-10000 --minutes 60

Each seed runs twice: in the simulated internet with losses, and on this machine's own sockets through a proxy
that delays and splits. Of `stores` and `blocks`, one is a simulated disk that breaks, the other a process
that is killed.
A seed that fails is printed with the command that repeats it. Not part of the test run; a few seeds of it are
(`tests/soak/test_soak.py`, `tests/soak/test_stores.py`, `tests/soak/test_blocks.py`).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from tests.soak.blocks import broken_blocks, killed_blocks
from tests.soak.nodes import nodes
from tests.soak.overlays import overlays
from tests.soak.stores import broken, killed
from tests.soak.streams import streams
from tests.soak.worlds import Scenario, run_on_loopback, run_simulated

KINDS: dict[str, Scenario] = {"streams": streams, "nodes": nodes, "overlays": overlays}
RUNS: dict[str, Callable[[Scenario, int], None]] = {"simulated": run_simulated, "real": run_on_loopback}
WITHOUT_A_NETWORK: dict[str, dict[str, Callable[[int], None]]] = {
    "stores": {"simulated": broken, "real": killed},
    "blocks": {"simulated": broken_blocks, "real": killed_blocks},
}


def run(kind: str, where: Sequence[str], seeds: range, minutes: float) -> int:
    """Runs seeds until the time is over; prints how it went, and returns how many failed."""
    began, failed, done = time.monotonic(), 0, 0
    for seed in seeds:
        if time.monotonic() - began > minutes * 60:
            break
        for place in where:
            try:
                run_seed(kind, place, seed)
            except Exception as error:
                failed += 1
                again = f"python -m tests.soak {kind} --on {place} --seeds {seed}-{seed}"
                print(f"\nseed {seed}, {place}: {first(error)!r}\n  again: {again}", flush=True)
        done += 1
        spent_s = time.monotonic() - began
        print(f"\r{done} seeds, {failed} failed, {spent_s:.0f} s", end="", file=sys.stderr, flush=True)
    print(f"\n{kind}: {done} seeds from {seeds.start} on, {failed} failed, {time.monotonic() - began:.0f} s")
    return failed


def run_seed(kind: str, place: str, seed: int) -> None:
    """Runs one seed in one place."""
    if kind in WITHOUT_A_NETWORK:
        WITHOUT_A_NETWORK[kind][place](seed)
    else:
        RUNS[place](KINDS[kind], seed)


def first(error: BaseException) -> BaseException:
    """What was raised first, out of however many groups."""
    return first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("kind", choices=[*KINDS, *WITHOUT_A_NETWORK])
    parser.add_argument("--seeds", default="1-10000", help="A-B, both included")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--on", choices=list(RUNS), help="one of the two alone")
    given = parser.parse_args(arguments)
    first, _, last = given.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    return min(1, run(given.kind, [given.on] if given.on else list(RUNS), seeds, given.minutes))


if __name__ == "__main__":
    sys.exit(main())
