"""Learners' programs for lab 10's capstone, each the solved one with something changed."""

from __future__ import annotations

from tests.labs.mutating import answers, but

RIGHT = answers("lab10_protocols")["Connection"]

# (task, what the learner did, the cell, words of the hint)
ANSWERS = [
    ("Connection", "takes everything", but(RIGHT, "data[: 2 * WINDOW - held]", "data"), "fills your memory"),
    (
        "Connection",
        "draws all frames at once",
        but(RIGHT, " and len(self.out) < room", ""),
        "only when there is room",
    ),
    (
        "Connection",
        "sends more than there is room for",
        but(RIGHT, "self.out[:room], self.out[room:]", "self.out, b''"),
        "not more than",
    ),
    ("Connection", "gives no credit", but(RIGHT, "if unsaid >= WINDOW // 4:", "if False:"), "credit"),
    ("Connection", "gives credit late", but(RIGHT, "WINDOW // 4", "WINDOW"), "before the window is used up"),
    (
        "Connection",
        "does not answer na",
        but(RIGHT, "self.out += self.talk.answer(payload)", "self.talk.answer(payload)"),
        "the next name",
    ),
    (
        "Connection",
        "takes credit for nothing",
        but(RIGHT, "self.mux.credit(payload[1], size)", "pass"),
        "tell the multiplexer",
    ),
    ("Connection", "takes half a credit", but(RIGHT, " and len(payload) == 6", ""), "ends the connection"),
    (
        "Connection",
        "passes over what it does not know",
        but(RIGHT, 'raise DecodeError("neither data nor credit")', "pass"),
        "ends the connection",
    ),
    (
        "Connection",
        "reads without Frames",
        but(
            RIGHT,
            "        self.frames.receive(data)\n",
            "        self.frames = Frames(MOST_FRAME)\n        self.frames.receive(data)\n",
        ),
        "let Frames put them together",
    ),
    (
        "Connection",
        "sends data at once",
        but(RIGHT, "while self.talk.chosen is not None and", "while"),
        "wait until chosen is a name",
    ),
    (
        "Connection",
        "write returns nothing",
        but(RIGHT, "        return len(taken)\n", ""),
        "how many bytes were taken",
    ),
    (
        "Connection",
        "returns one pair",
        but(RIGHT, "return heard\n", "return heard[-1] if heard else []\n"),
        "list of pairs",
    ),
]
