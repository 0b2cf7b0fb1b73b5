"""Learners' answers in lab 10: versions, and agreeing on one. See `tests.labs.lab10_protocols.learners`."""

from __future__ import annotations


def _newest(body: str) -> str:
    return f"def newest_first(names):\n    {body}\n"


def right(
    *,
    names: str = "list(names)",
    begin: str = "self.line('/multistream/1.0.0') + self.line(self.names[0])",
    head: str = "if line != b'/multistream/1.0.0\\n': raise DecodeError('no header')",
    yes: str = "line == self.names[0].encode() + b'\\n'",
    no: str = "line == b'na\\n'",
    none: str = "if len(self.names) == 1: raise NoCommonProtocol('none is left')",
    again: str = "self.line(self.names[0])",
    other: str = "raise DecodeError('neither yes nor no')",
    line: str = "frame(name.encode() + b'\\n')",
    first: str = "None",
    end: str = "return b''",
    chosen: str = "self.names[0]",
) -> str:
    """A right answer, of which one part can be changed."""
    return f"""
class Negotiation:
    def __init__(self, names):
        self.names, self.has_header, self.chosen = {names}, False, {first}

    def line(self, name):
        return {line}

    def begin(self):
        return {begin}

    def answer(self, line):
        if not self.has_header:
            {head}
            self.has_header = True
        elif {yes}:
            self.chosen = {chosen}
        elif {no}:
            {none}
            self.names.pop(0)
            return {again}
        else:
            {other}
        {end}
"""


LAST = 'name.split("/")[-1]'

# (task, what the learner did, the cell, words of the hint)
ANSWERS = [
    ("newest_first", "as text", _newest("return sorted(names, reverse=True)"), "int() for each part"),
    (
        "newest_first",
        "parts as text",
        _newest(f'return sorted(names, key=lambda name: {LAST}.split("."), reverse=True)'),
        "int() for each part",
    ),
    (
        "newest_first",
        "oldest first",
        _newest(f'return sorted(names, key=lambda name: [int(n) for n in {LAST}.split(".")])'),
        "reverse=True",
    ),
    (
        "newest_first",
        "as a fraction",
        _newest(f"return sorted(names, key=lambda name: float({LAST}[:-2]), reverse=True)"),
        "not a decimal fraction",
    ),
    (
        "newest_first",
        "the last number",
        _newest('return sorted(names, key=lambda name: int(name.split(".")[-1]), reverse=True)'),
        "all the numbers in a version count",
    ),
    (
        "newest_first",
        "digits as one number",
        _newest(f'return sorted(names, key=lambda name: int({LAST}.replace(".", "")), reverse=True)'),
        "the first number counts most",
    ),
    (
        "newest_first",
        "the third part of the path",
        _newest(
            'return sorted(names, key=lambda name: [*map(int, name.split("/")[2].split("."))], reverse=True)'
        ),
        "what comes after the last slash",
    ),
    (
        "newest_first",
        "sorts in place",
        _newest(
            f'names.sort(key=lambda name: [int(n) for n in {LAST}.split(".")], reverse=True); return names'
        ),
        "leave the argument alone",
    ),
    ("newest_first", "sort gives None", _newest("return names.sort(reverse=True)"), "return"),
    (
        "newest_first",
        "just the newest",
        _newest(f'return max(names, key=lambda name: [int(n) for n in {LAST}.split(".")])'),
        "a list of all the names",
    ),
    (
        "Negotiation",
        "knows two names",
        right(none="if line is self: pass", again="self.line(self.names[-1])"),
        "until one is taken or none is left",
    ),
    (
        "Negotiation",
        "any header but a name",
        right(head="if line[:-1].decode() in self.names: raise DecodeError('no header')"),
        "the first line is the header",
    ),
    (
        "Negotiation",
        "strips spaces",
        right(yes="line.endswith(b'\\n') and line.strip() == self.names[0].encode()"),
        "refuse anything that differs by a byte",
    ),
    ("Negotiation", "no line feed", right(line="frame(name.encode())"), "ends with a line feed"),
    ("Negotiation", "no header", right(begin="self.line(self.names[0])"), "the header goes first"),
    ("Negotiation", "header alone", right(begin="self.line('/multistream/1.0.0')"), "without waiting"),
    (
        "Negotiation",
        "all at once",
        right(begin="b''.join(map(self.line, ['/multistream/1.0.0', *self.names]))"),
        "one proposal at a time",
    ),
    ("Negotiation", "no frames", right(line="name.encode() + b'\\n'"), "each line goes into a frame"),
    (
        "Negotiation",
        "both in one frame",
        right(begin="frame(b'/multistream/1.0.0\\n' + self.names[0].encode() + b'\\n')"),
        "two frames",
    ),
    (
        "Negotiation",
        "takes the header for an answer",
        right(head="self.has_header = True; return self.answer(line)"),
        "the first line that comes is the other side's header",
    ),
    ("Negotiation", "header again", right(again="self.begin()"), "the header is sent once"),
    ("Negotiation", "chosen from the start", right(first="names[0]"), "chosen begins as None"),
    ("Negotiation", "None for nothing", right(end="pass"), "return b'' if there is nothing to send"),
    ("Negotiation", "any header", right(head="pass"), "the first line is the header"),
    ("Negotiation", "runs out of names", right(none="pass"), "nothing is left to propose"),
    (
        "Negotiation",
        "a DecodeError when none is left",
        right(none="if len(self.names) == 1: raise DecodeError('none')"),
        "raise NoCommonProtocol",
    ),
    (
        "Negotiation",
        "any of ours",
        right(yes="line[:-1].decode('utf-8', 'replace') in self.names", chosen="line[:-1].decode()"),
        "the other side does not choose for you",
    ),
    ("Negotiation", "all else is a no", right(no="True"), "the other side does not choose for you"),
    (
        "Negotiation",
        "strips",
        right(yes="line.strip() == self.names[0].encode()"),
        "refuse anything that differs by a byte",
    ),
    (
        "Negotiation",
        "any case of na",
        right(no="line.lower() == b'na\\n'"),
        "refuse anything that differs by a byte",
    ),
    (
        "Negotiation",
        "decodes garbage",
        right(yes="line.decode() == self.names[0] + '\\n'", other="self.chosen = line.decode()"),
        "the other side does not choose for you",
    ),
    ("Negotiation", "the whole line is the name", right(chosen="line.decode()"), "without its line feed"),
    (
        "Negotiation",
        "proposes the same again",
        right(names="[*names[:1], *names]"),
        "the next name",
    ),
]
