"""Every check of the handbook, with the seconds each took. `make test` runs this.

    python tools/test_all.py                 all of it
    python tools/test_all.py style types     only the steps named

Steps run side by side as far as they can; tests run on as many workers as there are cores. A step that fails
does not stop the others: the table at the end says which, and the exit status is 1.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import steps
from steps import BIN, LOOK, Lane, pytest, workers

RUN: Lane = {  # tests and notebooks
    "library": [pytest(*workers(), "--dist", "worksteal", "-rs", "tests", "--ignore=tests/site")],
    # A notebook is one kernel, so its cells stay with one worker.
    "outputs": [pytest(*workers(), "--dist", "loadfile", "--nbval", "book", "labs")],
}
BUILD: Lane = {  # the book, and what a browser shows of it: one process, mostly, beside the tests
    "book": [  # from nothing: pages of an earlier build would hide what is missing in this one
        [sys.executable, "-c", "import shutil; shutil.rmtree('_build/html', ignore_errors=True)"],
        [str(BIN / "jupyter-book"), "build", ".", "--all", "--quiet", "-W", "-n", "--keep-going"],
    ],
    "site": [pytest("-rs", "tests/site", "--ignore=tests/site/test_tab.py")],
    "tab": [pytest("-rs", "tests/site/test_tab.py")],  # every notebook in a browser; its log has the counts
}

LANES: list[Lane] = [RUN, {**LOOK, **BUILD}]  # they run side by side
STEPS = [name for lane in LANES for name in lane]


def main(names: list[str]) -> int:
    """Run the named steps, or all, and print the table."""
    unknown = [name for name in names if name not in STEPS]
    if unknown:
        print(f"There is no step {', '.join(unknown)}. The steps are {', '.join(STEPS)}.")
        return 2
    start = time.perf_counter()
    results = steps.run(
        *({name: lane[name] for name in lane if not names or name in names} for lane in LANES)
    )
    return steps.report(results, time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
