"""What to run while working: the checks that a change reaches, in about a minute. `make check` runs this.

    python tools/check.py                what differs from the last commit shared with main
    python tools/check.py --base REV     what differs from another commit
    python tools/check.py --all          the quick tests of every room

Style, types, imports and stale notebooks are checked everywhere; of the tests, only the quick ones that the
change reaches are run (tools/reach.py says how that is found). Slow tests, foreign peers, the cells of
notebooks, the build of the book and the browser are left to `make test`. Nothing stops at the first failure;
the exit status is 1 if anything failed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import steps
from reach import Imports, reach
from steps import LOOK, pytest, workers

ROOT = Path(__file__).resolve().parents[1]
QUICK = "not slow and not interop and not site"
LEFT_OUT = "slow tests, foreign peers, the cells of notebooks, the build of the book, the browser"


def git(root: Path, *words: str) -> list[str]:
    """The lines or NUL-ended names that a git command prints; none if it fails."""
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
    return [] if done.returncode else [line for line in done.stdout.replace("\0", "\n").split("\n") if line]


def shared_commit(root: Path) -> str:
    """The last commit that this work shares with main as published; HEAD if main was not."""
    return next(iter(git(root, "merge-base", "HEAD", "main@{upstream}")), "HEAD")


def changed(root: Path, base: str) -> list[str]:
    """The files that differ from a commit: committed since, in the index, in the working tree, or new.

    Raises:
        SystemExit: there is no such commit.
    """
    if not git(root, "rev-parse", "--verify", "--quiet", f"{base}^{{commit}}"):
        raise SystemExit(f"git knows no commit {base!r} in this repository")
    differs = git(root, "diff", "--name-only", "--no-renames", "-z", base)
    return sorted({*differs, *git(root, "ls-files", "--others", "--exclude-standard", "-z")})


def explain(paths: list[str], base: str, tests: dict[str, str]) -> None:
    """Print, room by room, which tests are run and why."""
    print(f"{len(paths)} files have changed since {base[:12]}; running the quick tests that they reach:")
    rooms = Counter((str(Path(test).parent), why) for test, why in tests.items())
    for room in sorted({room for room, _ in rooms}):
        whys = [why for (other, why), _ in rooms.most_common() if other == room]
        count = sum(number for (other, _), number in rooms.items() if other == room)
        more = f" and {len(whys) - 1} more" if len(whys) > 1 else ""
        print(f"  {count:3} files in {room}: {whys[0]}{more}")


def main(arguments: list[str] | None = None) -> int:
    """The command; see the head of this file."""
    parser = argparse.ArgumentParser(description="Run the checks that a change reaches.")
    parser.add_argument("--base", default="", help="the commit to compare with")
    parser.add_argument("--all", action="store_true", help="run the quick tests of every room")
    given = parser.parse_args(arguments)
    if given.all:
        tests = ["tests"]
        print("running the quick tests of every room")
    else:
        base = given.base or shared_commit(ROOT)
        paths = changed(ROOT, base)
        found = reach(Imports(ROOT), paths) if paths else {}
        tests = list(found)
        explain(paths, base, found)
    print(f"left to make test: {LEFT_OUT}", flush=True)
    run = {"tests": [pytest(*workers(), "--dist", "worksteal", "-m", QUICK, *tests)]} if tests else {}
    start = time.perf_counter()
    results = steps.run(LOOK, run)
    return steps.report(results, time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main())
