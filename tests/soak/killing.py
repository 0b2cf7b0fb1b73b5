"""A writer in a process of its own that is killed: what a store's soak tests begin with."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from random import Random

from tests.soak.worlds import Failed


def write_and_kill(writer: str, folder: str, seed: int, random: Random, most: int) -> int:
    """Start a writer, kill it, and return the last number that it said.

    Args:
        writer: the module to run; it prints a number for each thing that is safe.
        folder: where it writes.
        seed: what it makes its data of.
        random: when to kill it.
        most: fewer numbers than this are waited for.

    Raises:
        Failed: it ended by itself.
    """
    command = [sys.executable, "-m", writer, folder, str(seed)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ)
    assert process.stdout is not None
    with process, process.stdout as said:
        last = 0
        for _ in range(random.randrange(1, most)):
            last = int(said.readline() or 0) or last
        time.sleep(random.random() * 0.003)  # into the middle of whatever it does
        process.kill()
        for line in said.read().split():
            last = int(line)
        if not last:
            raise Failed("the writer ended by itself")
    return last
