"""Every check of the handbook, in order, with the seconds each took. `make test` runs this.

    python tools/test_all.py                 all of it
    python tools/test_all.py style types     only the steps named

A step that fails does not stop the others: the table at the end says which, and the exit status is 1.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PYTEST = [sys.executable, "-m", "pytest", "-q", "-rs"]

STEPS: dict[str, list[list[str]]] = {
    "style": [
        [sys.executable, "-m", "ruff", "format", "--check", "--quiet", "."],
        [sys.executable, "-m", "ruff", "check", "--quiet", "."],
    ],
    "types": [[sys.executable, "-m", "mypy", "--no-error-summary"]],
    "imports": [[str(BIN / "lint-imports"), "--no-logo"]],
    "library": [[*PYTEST, "tests", "--ignore=tests/site"]],
    "notebooks": [[sys.executable, "tools/notebooks.py", "--check"]],
    "outputs": [[*PYTEST, "--nbval", "book", "labs"]],
    "book": [  # from nothing: pages of an earlier build would hide what is missing in this one
        [sys.executable, "-c", "import shutil; shutil.rmtree('_build/html', ignore_errors=True)"],
        [str(BIN / "jupyter-book"), "build", ".", "--all", "--quiet", "-W", "-n", "--keep-going"],
    ],
    "site": [[*PYTEST, "tests/site"]],
}


def run(step: str) -> bool:
    """Run the commands of one step; whether all of them succeeded."""
    print(
        f"\n== {step}: {' '.join(Path(word).name if '/' in word else word for word in STEPS[step][-1])}",
        flush=True,
    )
    return all(subprocess.run(command, cwd=ROOT).returncode == 0 for command in STEPS[step])


def main(names: list[str]) -> int:
    """Run the named steps, or all, and print the table."""
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        print(f"There is no step {', '.join(unknown)}. The steps are {', '.join(STEPS)}.")
        return 2
    results = []
    for step in names or STEPS:
        start = time.perf_counter()
        succeeded = run(step)
        results.append((step, succeeded, time.perf_counter() - start))
    print("\nseconds  step")
    for step, succeeded, seconds in results:
        print(f"{seconds:7.1f}  {step}{'' if succeeded else '   FAILED'}")
    failed = sum(not succeeded for _, succeeded, _ in results)
    print(f"{sum(seconds for *_, seconds in results):7.1f}  in all\n")
    print(f"steps: {len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
