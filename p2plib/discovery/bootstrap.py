"""Bootstrap: TO WRITE what it is, in one line. A codec.

TO WRITE: which specification it follows, and its rules.

Rules
    1. A message is one byte that says how many bytes follow, and then a text in UTF-8.

Vocabulary::

    message   for example 05 68 65 6c 6c 6f
"""

from __future__ import annotations

from p2plib.errors import DecodeError, UsageError
from p2plib.wire.fields import Field

MAX_BYTES = 255  # what one byte can count


def encode(text: str) -> bytes:
    """A text as a message.

    Args:
        text: at most `MAX_BYTES` bytes in UTF-8.

    Raises:
        UsageError: the text is longer than that.
    """
    raw = text.encode()
    if len(raw) > MAX_BYTES:
        raise UsageError(f"a text of {len(raw)} bytes, where {MAX_BYTES} is the most")
    return bytes([len(raw)]) + raw


def decode(message: bytes) -> str:
    """The text in a message.

    Args:
        message: the whole message, and nothing else.

    Raises:
        DecodeError: it is not exactly what `encode` writes.
    """
    if not message:
        raise DecodeError("a message has at least a length, and this one is empty", 0)
    if len(message) != 1 + message[0]:
        raise DecodeError(f"the length says that {message[0]} bytes follow, and {len(message) - 1} do", 0)
    try:
        return message[1:].decode()
    except UnicodeDecodeError as error:
        raise DecodeError("the text is not UTF-8", 1 + error.start) from None


def dissect(message: bytes) -> tuple[Field, ...]:
    """The parts of a message, in order, for a drawing.

    Args:
        message: the whole message, and nothing else.

    Raises:
        DecodeError: as `decode`.
    """
    text = decode(message)
    return Field("length", message[:1], f"{message[0]} bytes follow"), Field("text", message[1:], repr(text))
