"""What learners of lab 3 wrote: wrong answers for each task, with words from the hint that should help.

Each source is a notebook cell; it is run after `PRELUDE`.
"""

from __future__ import annotations

LEAST = 1  # TO WRITE: at least ten for each task
PRELUDE = """
from p2plib.labs.lab03_dht.tasks import length
"""

# (task, what the learner did, the cell, words from the hint)
ANSWERS = [
    (
        "length",
        "measures",
        "def length(message):\n    return len(message)",
        "it is the number in the first byte",
    ),
    (
        "encode",
        "counts letters",
        "def encode(text):\n    return bytes([len(text)]) + text.encode()",
        "first the number of bytes",
    ),
    (
        "decode",
        "ignores the length",
        "def decode(message):\n    return message[1:].decode()",
        "look at the length first",
    ),
]
