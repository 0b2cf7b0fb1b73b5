"""Learners' answers in lab 10, stretch: how large a window? See `tests.labs.lab10_protocols.learners`."""

from __future__ import annotations


def right(
    *,
    wait: str = "self.size // 2",
    grows: str = "now - self.last < self.round_trip_s",
    credit: str = "self.unsaid",
    growth: str = "self.size",
    times: str = "2",
    size: str = "65536",
    seen: str = "self.last = now",
) -> str:
    """A right answer, of which one part can be changed."""
    return f"""
class Window:
    def __init__(self, round_trip_s):
        self.round_trip_s = round_trip_s
        self.size, self.unsaid, self.last = {size}, 0, 0.0

    def read(self, size, now):
        self.unsaid += size
        if self.unsaid < {wait}:
            return 0
        credit, self.unsaid = {credit}, 0
        if {grows}:
            credit += {growth}
            self.size *= {times}
        {seen}
        return credit
"""


# (task, what the learner did, the cell, words of the hint)
ANSWERS = [
    (
        "Window",
        "no credit",
        "class Window:\n    def __init__(self, trip): pass\n    def read(self, size, now): return 0\n",
        "give back what was read as credit",
    ),
    (
        "Window",
        "no return",
        "class Window:\n    def __init__(self, trip): pass\n    def read(self, size, now): pass\n",
        "a whole number of bytes",
    ),
    ("Window", "each read", right(wait="1", grows="False"), "wait until half the window is read"),
    ("Window", "fixed", right(grows="False"), "at most one window travels in a round trip"),
    (
        "Window",
        "fixed and large",
        right(grows="self.last == 0", growth="2**22 - 65536", times="1"),
        "grow only when",
    ),
    ("Window", "always grows", right(grows="True"), "grow only when"),
    (
        "Window",
        "the whole window each time",
        right(credit="self.size"),
        "a credit is added to what was promised",
    ),
    ("Window", "milliseconds", right(grows="now - self.last < 1000 * self.round_trip_s"), "grow only when"),
    ("Window", "never looks at the clock again", right(seen="pass"), "at most one window"),
    ("Window", "grows by a kilobyte", right(growth="1024", times="1"), "at most one window"),
    ("Window", "counts and does not promise", right(growth="0"), "promised"),
    ("Window", "a float", right(credit="self.unsaid / 1"), "a whole number of bytes"),
    ("Window", "shrinks", right(credit="self.unsaid - 65536"), "a whole number of bytes"),
    ("Window", "waits for a whole window", right(wait="self.size + 1"), "give back what was read as credit"),
]
