"""What learners of lab 2 wrote: wrong answers for each task, with words of the hint that helps then.

Each is the solved cell of the lab's text with one thing changed, or a cell of its own.
"""

from __future__ import annotations

from tests.labs.lab02_neighbours.learners import asking, hearing, naming, newcomers
from tests.labs.proving import learner

ANSWERS = [*asking.ANSWERS, *naming.ANSWERS, *hearing.ANSWERS, *newcomers.ANSWERS]

PRELUDE = """
import asyncio, math, random, struct
from p2plib.errors import DecodeError, UsageError
from p2plib.labs.lab02_neighbours.packets import Record
from p2plib.machine.addresses import Scope, network_of, scope_of
Address = tuple[str, int]
"""
LEAST = 8  # wrong answers for each task
HALF = {
    "Neighbours": "class Neighbours:\n    def __init__(self, name, most=256):\n        self.held = {}\n"
    "    def heard(self, record, now):\n        raise NotImplementedError\n"
    "    def present(self, now):\n        raise NotImplementedError\n",
    "Answering": "class Answering:\n    def __init__(self, record, rng):\n        pass\n"
    "    def asked(self, known, now):\n        raise NotImplementedError\n",
}

written = learner(PRELUDE)
