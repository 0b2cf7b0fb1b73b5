"""Fields: how a codec tells a reader, or a figure, what each of its bytes is.

Every codec of the handbook has a function `dissect(raw)` that returns one `Field` for each part of `raw`, in
order, so that the drawing of a format in the book is made by the very code that parses it.

    >>> dissect(b"\\x02hi")        # of some imaginary codec
    (Field(name='length', raw=b'\\x02', note='2 bytes follow'), Field(name='text', raw=b'hi', note=''))
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """One part of a message on the wire.

    Args:
        name: what the specification calls it.
        raw: its bytes, as they stand in the message. Joined in order, the fields of a message are the
            message.
        note: what the bytes mean here, in a few words; may be empty.
    """

    name: str
    raw: bytes
    note: str = ""

    @property
    def size_bytes(self) -> int:
        """How many bytes the field takes."""
        return len(self.raw)


def bytes_follow(count: int) -> str:
    """The note of a size: "1 byte follows", "2 bytes follow"."""
    return "1 byte follows" if count == 1 else f"{count} bytes follow"


def table(fields: tuple[Field, ...] | list[Field]) -> str:
    """The fields as lines of text: offset, size, hex (shortened past eight bytes), name and note."""
    width = max((len(f.name) for f in fields), default=0)
    lines, offset = [], 0
    for f in fields:
        shown = f.raw.hex(" ") if f.size_bytes <= 8 else f.raw[:6].hex(" ") + " …"
        lines.append(f"{offset:4}  {f.size_bytes:4}  {shown:<23}  {f.name:<{width}}  {f.note}".rstrip())
        offset += f.size_bytes
    return "\n".join(lines)
