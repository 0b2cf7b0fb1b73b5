"""Learners' answers in lab 10: where a message ends. See `tests.labs.lab10_protocols.learners`."""

from __future__ import annotations


def right(
    *,
    init: str = 'self.buffer = b""',
    take: str = "self.buffer += data",
    step: str = "7 * at",
    check: str = 'if size > self.max_bytes: self.failed = True; raise DecodeError("large")',
    late: str = "pass",
    missing: str = "return None",
    again: str = 'if self.failed: raise DecodeError("it is over")',
    long: str = 'if len(self.buffer) >= 9: self.failed = True; raise DecodeError("long")',
    give: str = "payload",
    rest: str = "self.buffer[end:]",
    end: str = "at + 1 + size",
    largest: str = "9",
) -> str:
    """A right answer, of which one part can be changed."""
    return f"""
class Frames:
    buffer = b""

    def __init__(self, max_bytes):
        self.max_bytes, self.failed = max_bytes, False
        {init}

    def receive(self, data):
        {take}

    def next_frame(self):
        {again}
        size = 0
        for at, byte in enumerate(self.buffer[:{largest}]):
            size |= (byte & 0x7F) << {step}
            if byte < 0x80:
                break
        else:
            {long}
            return None
        {check}
        end = {end}
        if len(self.buffer) < end:
            {missing}
        {late}
        payload = self.buffer[at + 1 : end]
        self.buffer = {rest}
        return {give}
"""


LATE = 'if size > self.max_bytes: self.failed = True; raise DecodeError("large")'

# (task, what the learner did, the cell, words of the hint)
ANSWERS = [
    ("Frames", "eight bits from each byte", right(step="8 * at"), "seven bits, not eight"),
    ("Frames", "forgets what came before", right(take="self.buffer = data"), "keep what came in a buffer"),
    ("Frames", "forgets what comes after", right(rest='b""'), "leave it in the buffer"),
    (
        "Frames",
        "gives a part of a frame",
        right(missing="pass"),
        "keep what came in a buffer, and look at all of it",
    ),
    ("Frames", "size counts itself", right(end="size"), "the size counts only the payload"),
    ("Frames", "an empty frame is None", right(give="payload or None"), "an empty payload is a frame"),
    ("Frames", "never takes anything out", right(rest="self.buffer"), "out of the buffer"),
    ("Frames", "no limit", right(check="pass"), "compare the size with max_bytes"),
    (
        "Frames",
        "a limit when all is there",
        right(check="pass", late=LATE),
        "before you wait for the payload",
    ),
    (
        "Frames",
        "a limit one too small",
        right(check=LATE.replace(">", ">=")),
        "a frame of max_bytes is allowed",
    ),
    (
        "Frames",
        "goes on after a refusal",
        right(again="pass", check=LATE.replace("raise", "self.buffer = b''; raise")),
        "refuse forever",
    ),
    ("Frames", "a size without end", right(long="pass"), "at most nine bytes"),
    (
        "Frames",
        "an assertion for a refusal",
        right(check="assert size <= self.max_bytes"),
        "raise DecodeError",
    ),
    ("Frames", "a bytearray", right(give="bytearray(payload)"), "it is bytes, or None"),
    ("Frames", "False for nothing", right(missing="return False"), "it is bytes, or None"),
    (
        "Frames",
        "one buffer for all",
        """
class Frames:
    buffer = bytearray()

    def __init__(self, max_bytes):
        self.max_bytes, self.failed = max_bytes, False
        self.buffer.clear()

    def receive(self, data):
        self.buffer.extend(data)

    def next_frame(self):
        if self.failed:
            raise DecodeError("over")
        size = 0
        for at, byte in enumerate(self.buffer[:9]):
            size |= (byte & 127) << 7 * at
            if byte < 128:
                break
        else:
            return None
        if size > self.max_bytes:
            self.failed = True
            raise DecodeError("large")
        if len(self.buffer) < at + 1 + size:
            return None
        payload = bytes(self.buffer[at + 1 : at + 1 + size])
        del self.buffer[: at + 1 + size]
        return payload
""",
        "make the buffer in __init__",
    ),
    (
        "Frames",
        "one byte of size",
        """
class Frames:
    def __init__(self, max_bytes):
        self.max_bytes, self.buffer = max_bytes, b""

    def receive(self, data):
        self.buffer += data

    def next_frame(self):
        if not self.buffer or len(self.buffer) <= self.buffer[0]:
            return None
        end = 1 + self.buffer[0]
        payload, self.buffer = self.buffer[1:end], self.buffer[end:]
        return payload
""",
        "a size above 127 takes two bytes",
    ),
    (
        "Frames",
        "the high part first",
        """
class Frames:
    def __init__(self, max_bytes):
        self.max_bytes, self.buffer = max_bytes, b""

    def receive(self, data):
        self.buffer += data

    def next_frame(self):
        size = 0
        for at, byte in enumerate(self.buffer):
            size = size * 128 + byte % 128
            if byte < 128:
                break
        else:
            return None
        if size > self.max_bytes:
            raise DecodeError("large")
        end = at + 1 + size
        if len(self.buffer) < end:
            return None
        payload, self.buffer = self.buffer[at + 1 : end], self.buffer[end:]
        return payload
""",
        "first byte holds the lowest seven bits",
    ),
    (
        "Frames",
        "the library's varint, unguarded",
        """
class Frames:
    def __init__(self, max_bytes):
        self.max_bytes, self.buffer = max_bytes, b""

    def receive(self, data):
        self.buffer += data

    def next_frame(self):
        if not self.buffer:
            return None
        size, start = varint.decode(self.buffer)
        if len(self.buffer) < start + size:
            return None
        payload, self.buffer = self.buffer[start : start + size], self.buffer[start + size :]
        return payload
""",
        "the size itself may be cut, too",
    ),
]
