"""Lab 3, all tasks: TO WRITE. If the tasks are large, give each a module of its own."""

from __future__ import annotations

from p2plib.labs import Mistake, Task


def length(message: bytes) -> int:
    """The number in the first byte, which says how many bytes follow."""
    if not message:
        raise ValueError("an empty message")
    return message[0]


def encode(text: str) -> bytes:
    """A byte that says how many follow, and then the text in UTF-8."""
    raw = text.encode()
    if len(raw) > 255:
        raise ValueError("too long")
    return bytes([len(raw)]) + raw


def decode(message: bytes) -> str:
    """The text in a message; ValueError for anything else."""
    if length(message) != len(message) - 1:
        raise ValueError("the length is wrong")
    return message[1:].decode()


def _counts_itself(message: bytes) -> int:
    return length(message) + 1


def _counts_letters(text: str) -> bytes:
    raw = text.encode()
    if len(raw) > 255:
        raise ValueError("too long")
    return bytes([len(text)]) + raw


def _believes_the_length(message: bytes) -> str:
    return message[1 : 1 + length(message)].decode()


LENGTH = Task(
    "length",
    length,
    cases=[(b"\x03abc",), (b"\x00",), (b"",)],
    mistakes=[Mistake(_counts_itself, "the first byte counts the bytes after it, and not itself")],
    hint="it is the number in the first byte",
)
ENCODE = Task(
    "encode",
    encode,
    cases=[("abc",), ("",), ("grün",), ("a" * 255,), ("a" * 256,)],
    mistakes=[Mistake(_counts_letters, "count bytes, not letters: one letter may take two of them")],
    hint="first the number of bytes, and then the bytes",
)
DECODE = Task(
    "decode",
    decode,
    cases=[(b"\x03abc",), (b"\x00",), (b"\x02abc",), (b"\x04abc",), (b"",), (b"\x01\xff",)],
    mistakes=[
        Mistake(_believes_the_length, "compare the length with what is there, and refuse any difference")
    ],
    hint="look at the length first, and then at how many bytes there are",
)
