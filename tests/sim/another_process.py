"""What a program prints in a process of its own, with a hash seed of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.conftest import ROOT


def printed(program: str, hash_seed: str, **changed: str) -> str:
    """Run a program, and return what it prints.

    Args:
        program: its text; it may import this package and the tests.
        hash_seed: from which Python's `hash` of a text is drawn.
        changed: more environment variables.
    """
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT), **changed}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()
