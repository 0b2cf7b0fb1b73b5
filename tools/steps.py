"""The steps of which `make check` and `make test` are made, and how they are run side by side.

A step is a few commands, run in order; it fails with its first command that fails. A lane is a row of steps,
run one after the other. Lanes run at the same time, and what a step says is printed in one piece when it
ends. No failure stops another step: the table at the end says which failed and what each took.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent

SUMMARY = re.compile(r"\d+ (passed|failed|errors?|skipped)\b.* in [\d.]+s")

Command = list[str]
Lane = dict[str, list[Command]]


@dataclass(frozen=True)
class Result:
    """What became of a step.

    Attributes:
        name: the step's.
        succeeded: whether all of its commands did.
        seconds: from its beginning to its end.
        summary: how pytest summed up, such as "12 passed in 3.45s"; otherwise empty.
    """

    name: str
    succeeded: bool
    seconds: float
    summary: str = ""


def workers() -> list[str]:
    """Words for pytest: as many workers as this process may use cores."""
    usable = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    return ["-n", str(len(usable))]


def pytest(*words: str) -> Command:
    """The command that runs some tests."""
    return [sys.executable, "-m", "pytest", "-q", *words]


LOOK: Lane = {  # what is looked at and not run
    "style": [
        [sys.executable, "-m", "ruff", "format", "--check", "--quiet", "."],
        [sys.executable, "-m", "ruff", "check", "--quiet", "."],
    ],
    "types": [[sys.executable, "-m", "mypy", "--no-error-summary"]],
    "imports": [[str(BIN / "lint-imports"), "--no-logo"]],
    "notebooks": [[sys.executable, "tools/notebooks.py", "--check"]],
}


def run(*lanes: Lane, root: Path = ROOT) -> list[Result]:
    """Run lanes side by side.

    Returns:
        The steps' results, lane by lane.
    """
    printing = threading.Lock()

    def run_lane(lane: Lane) -> list[Result]:
        return [_step(name, commands, root, printing) for name, commands in lane.items()]

    with ThreadPoolExecutor(max(1, len(lanes))) as threads:
        return [result for results in threads.map(run_lane, lanes) for result in results]


def _step(name: str, commands: Sequence[Command], root: Path, printing: threading.Lock) -> Result:
    with printing:
        print(f"-- {name} begins", flush=True)
    start = time.perf_counter()
    said, status = "", 0
    for command in commands:
        if status == 0:
            done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            said += done.stdout.decode("utf8", "replace")
            status = done.returncode
    seconds = time.perf_counter() - start
    words = " ".join(Path(word).name if word.startswith("/") else word for word in commands[-1])
    with printing:
        print(
            f"\n== {name}: {textwrap.shorten(words, 110, placeholder=' ...')}\n{said.rstrip()}\n", flush=True
        )
    last = said.rstrip().rpartition("\n")[2]
    return Result(name, status == 0, seconds, last.strip("= ") if SUMMARY.search(last) else "")


def report(results: Sequence[Result], seconds: float) -> int:
    """Print the table of what each step took.

    Args:
        results: of all steps.
        seconds: from the beginning of the first to the end of the last.

    Returns:
        The exit status: 1 if a step failed.
    """
    print("\nseconds  step")
    for result in results:
        told = ["" if result.succeeded else "FAILED", result.summary]
        print(f"{result.seconds:7.1f}  {'   '.join([result.name, *filter(None, told)])}")
    failed = sum(not result.succeeded for result in results)
    print(f"{seconds:7.1f}  in all, side by side\n")
    print(f"steps: {len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0
