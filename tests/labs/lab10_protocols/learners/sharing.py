"""Learners' answers in lab 10: two streams over one. See `tests.labs.lab10_protocols.learners`."""

from __future__ import annotations


def right(
    *,
    open: str = "self.left.setdefault(stream, self.window)",
    init: str = "self.waiting, self.left = {}, {}",
    add: str = "self.waiting.get(stream, b'') + data",
    credit: str = "self.left.get(stream, self.window) + size",
    size: str = "min(len(data), self.most, self.left[stream])",
    none: str = "return None",
    test: str = "size",
    full: str = "continue",
    turn: str = "del self.waiting[stream]",
    used: str = "self.left[stream] -= size",
    head: str = "bytes([stream]) + size.to_bytes(2, 'big')",
    keep: str = "data[size:]",
) -> str:
    """A right answer, of which one part can be changed."""
    return f"""
class Mux:
    waiting, left = {{}}, {{}}

    def __init__(self, window, most):
        self.window, self.most = window, most
        {init}

    def write(self, stream, data):
        self.waiting[stream] = {add}
        {open}

    def credit(self, stream, size):
        self.left[stream] = {credit}

    def next_frame(self):
        for stream, data in self.waiting.items():
            size = {size}
            if {test}:
                break
            {full}
        else:
            {none}
        {used}
        {turn}
        self.waiting[stream] = {keep}
        return {head} + data[:size]
"""


# (task, what the learner did, the cell, words of the hint)
ANSWERS = [
    (
        "Mux",
        "credit up to the window",
        right(credit="min(self.window, self.left.get(stream, self.window) + size)"),
        "credits add up",
    ),
    ("Mux", "a write opens the window", right(open="self.left[stream] = self.window"), "a write does not"),
    ("Mux", "empty frames at a full window", right(test="data"), "no window left, loses its turn"),
    (
        "Mux",
        "low byte first",
        right(head="bytes([stream]) + size.to_bytes(2, 'little')"),
        "high byte comes first",
    ),
    ("Mux", "one byte of size", right(head="bytes([stream, size])"), "the size takes two bytes"),
    (
        "Mux",
        "size with the head",
        right(head="bytes([stream]) + (size + 3).to_bytes(2, 'big')"),
        "counts only the payload",
    ),
    ("Mux", "no label", right(head="size.to_bytes(2, 'big')"), "one byte of stream"),
    ("Mux", "whole letters", right(size="min(len(data), self.left[stream])"), "at most `most` bytes"),
    ("Mux", "replaces what waits", right(add="data"), "a second write is added"),
    ("Mux", "sends it twice", right(keep="data"), "remove what was sent"),
    ("Mux", "greedy", right(turn="pass"), "one stream is served several times in a row"),
    ("Mux", "no window", right(size="min(len(data), self.most)"), "min of three"),
    ("Mux", "a window never used up", right(used="pass"), "min of three"),
    ("Mux", "a full window stops all", right(full="return None"), "skip a stream whose window is full"),
    (
        "Mux",
        "all or nothing",
        right(size="min(len(data), self.most)", test="size and size <= self.left[stream]"),
        "only a part",
    ),
    ("Mux", "credit replaces", right(credit="size"), "credit is added to what is left"),
    ("Mux", "credit is a whole window", right(credit="self.window"), "credit is added to what is left"),
    ("Mux", "empty frames", right(test="data is not None", none="return None"), "send no empty frame"),
    ("Mux", "empty bytes for nothing", right(none="return b''"), "send no empty frame"),
    ("Mux", "one memory for all", right(init="pass"), "in __init__"),
    (
        "Mux",
        "a newcomer waits for the others",
        """
class Mux:
    def __init__(self, window, most):
        self.window, self.most = window, most
        self.waiting, self.left, self.round = {}, {}, []

    def write(self, stream, data):
        self.waiting[stream] = self.waiting.get(stream, b"") + data
        self.left.setdefault(stream, self.window)

    def credit(self, stream, size):
        self.left[stream] += size

    def next_frame(self):
        for _ in range(2):
            while self.round:
                stream = self.round.pop(0)
                data = self.waiting[stream]
                size = min(len(data), self.most, self.left[stream])
                if size:
                    if len(data) > size:
                        self.round.append(stream)
                    self.left[stream] -= size
                    self.waiting[stream] = data[size:]
                    return bytes([stream]) + size.to_bytes(2, "big") + data[:size]
            self.round = list(self.waiting)
        return None
""",
        "a newcomer waits for one round",
    ),
]
