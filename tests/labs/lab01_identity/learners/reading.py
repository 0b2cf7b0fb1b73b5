"""Learners' programs for lab 1's capstone, each the solved one with something changed."""

from __future__ import annotations

from tests.labs.mutating import answers, but

RIGHT = answers("lab01_identity")["Reader"]
SHOWS_AT_ONCE = but(
    RIGHT,
    "        while self.next[name] in held:\n            shown.append((name, held.pop(self.next[name])))\n"
    "            self.next[name] += 1\n",
    "        for number in sorted(held):\n            shown.append((name, held.pop(number)))\n"
    "            self.next[name] = number + 1\n",
)

# (task, what the learner did, the cell, words of the hint)
ANSWERS = [
    (
        "Reader",
        "believes the relay",
        """
class Reader:
    def __init__(self, people):
        pass
    def hear(self, raw):
        if raw[:1] != b"P":
            return []
        entry = read_entry(open_envelope(FEED, raw[1:])[1])
        return [(entry.nickname, entry.text)]
    def wants(self):
        return []
""",
        "name it in wants",
    ),
    ("Reader", "shows what comes, in the order in which it comes", SHOWS_AT_ONCE, "name it in wants"),
    (
        "Reader",
        "asks for nothing",
        but(RIGHT, "if held and self.tries[name] < 12:", "if False:"),
        "loss (one post in five is lost): ",
    ),
    (
        "Reader",
        "asks once",
        but(RIGHT, "self.tries[name] < 12", "self.tries[name] < 1"),
        "ask again the next time",
    ),
    (
        "Reader",
        "asks without end",
        but(RIGHT, "self.tries[name] < 12", "True"),
        "hoarder (a friend turns bad, and signs hundreds of posts far ahead)",
    ),
    (
        "Reader",
        "asks for everything, always",
        but(RIGHT, "if held and self.tries[name] < 12:", "if True:", "max(held)", "13"),
        "give up after a dozen tries",
    ),
    (
        "Reader",
        "shows repeated posts again",
        but(
            RIGHT,
            "if self.next[name] <= entry.number <",
            "if entry.number < self.next[name]:\n"
            "            return [(name, entry.text)]\n        if entry.number <",
        ),
        "everything below it has been shown",
    ),
    (
        "Reader",
        "holds the number before it has verified",
        but(
            RIGHT,
            "            entry = read_entry(open_envelope(FEED, envelope)[1])\n",
            "            entry = read_entry(envelope[33:-64])\n",
        ),
        "believe nothing before open_envelope has",
    ),
    (
        "Reader",
        "goes by the nickname",
        but(
            RIGHT,
            "held[entry.number] = entry.text",
            "held[entry.number] = entry.text\n            called = entry.nickname",
            "shown.append((name, ",
            "shown.append((called, ",
        ),
        "a nickname is a claim",
    ),
    (
        "Reader",
        "keeps the old key",
        but(RIGHT, "self.people[name] = follow(state, [raw[1:]])", "follow(state, [raw[1:]])"),
        "after a rotation only the new key counts",
    ),
    (
        "Reader",
        "keeps what it holds over a rotation",
        but(RIGHT, "self.held[name] = {}  # two people had the old key", "pass"),
        "throw it away",
    ),
    (
        "Reader",
        "catches nothing",
        but(RIGHT, "except (RemoteError, ValueError):", "except ZeroDivisionError:"),
        "skip what is not a message",
    ),
    (
        "Reader",
        "catches signatures alone",
        but(RIGHT, "except (RemoteError, ValueError):", "except SignatureError:"),
        "a post made it raise DecodeError",
    ),
    (
        "Reader",
        "verifies strangers",
        but(
            RIGHT,
            '        for name, state in self.people.items():\n            if raw[:1] == b"P"',
            '        if raw[:1] == b"P":\n            try:\n                open_envelope(FEED, raw[1:])\n'
            "            except (RemoteError, ValueError):\n                pass\n"
            '        for name, state in self.people.items():\n            if raw[:1] == b"P"',
        ),
        "a stranger is not worth a signature",
    ),
    (
        "Reader",
        "remembers every message",
        but(
            RIGHT,
            '        if raw[:1] == b"R":\n',
            "        self.__dict__.setdefault('seen', []).append(raw)\n        if raw[:1] == b\"R\":\n",
        ),
        "bytes held, the budget is",
    ),
    (
        "Reader",
        "holds however far ahead",
        but(
            RIGHT,
            "<= entry.number < self.next[name] + AHEAD",
            "<= entry.number",
            "range(self.next[name], max(held))",
            "range(self.next[name], min(max(held), self.next[name] + 9))",
        ),
        "bytes held, the budget is",
    ),
    (
        "Reader",
        "holds a thousand ahead",
        but(
            RIGHT,
            "< self.next[name] + AHEAD",
            "< self.next[name] + 1000",
            "range(self.next[name], max(held))",
            "range(self.next[name], min(max(held), self.next[name] + 9))",
        ),
        "hold at most 16 numbers ahead",
    ),
]
