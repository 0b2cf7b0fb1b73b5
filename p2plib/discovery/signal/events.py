"""Server-sent events: messages for a browser over one HTTP response that does not end. A codec.

Follows the WHATWG's HTML standard, "Server-sent events". A response of type `text/event-stream` is UTF-8, in
lines; an empty line ends an event::

    data: {"hello":"world"}        what the event says; of several such lines, each is one line of it
    event: news                    its kind; "message" if there is no such line
    id: 7                          a number or name for it
    retry: 3000                    how long to wait before connecting again, in milliseconds
    :heartbeat signal              a comment, which keeps proxies from ending a silent response

Rules
    1. A line ends in CR LF, LF or CR. One space after the colon is not part of the value.
    2. A field that is not one of the four is ignored; so is an event without data.
    3. Invalid UTF-8 is read with replacement characters, as browsers do; a byte order mark at the beginning
       is skipped.
    4. An event has at most `max_bytes`, and a line too: beyond that the stream cannot be read any further.
    5. What is written has one `data` line for each line of the text, because a line feed inside of one would
       end it. npm's signalhub does not see to this, and its client reads each line alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from p2plib.errors import DecodeError
from p2plib.wire.fields import Field

HEARTBEAT = b":heartbeat signal\n\n"  # npm signalhub's, every 30 s
MAX_EVENT_BYTES = 128 * 1024  # twice what a hub passes on
MEDIA_TYPE = "text/event-stream"

_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")  # a CR at the very end may be half of a CR LF
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event.

    Args:
        data: what it says.
        kind: its `event` field.
        id: its `id` field, "" if it has none.
    """

    data: str
    kind: str = "message"
    id: str = ""


def encode(text: str) -> bytes:
    """The bytes of an event that says a text. Rule 5."""
    lines = re.split("\r\n|\n|\r", text)
    return "".join(f"data: {line}\n" for line in lines).encode() + b"\n"


class EventDecoder:
    """Takes bytes as they arrive, and gives events as soon as they are whole.

    Args:
        max_bytes: rule 4.

    Attributes:
        comments: how many comments came, heartbeats for example.
        retry_ms: the last `retry` field; None if there was none.
    """

    def __init__(self, max_bytes: int = MAX_EVENT_BYTES) -> None:
        self.comments = 0
        self.retry_ms: int | None = None
        self._max_bytes = max_bytes
        self._buffer = b""  # the beginning of a line, and in `_more` what came later of it
        self._more = bytearray()
        self._is_first = True
        self._data: list[str] = []
        self._size = 0
        self._kind, self._id = "", ""

    def receive(self, data: bytes) -> list[ServerEvent]:
        """The events that have become whole with these bytes.

        Raises:
            DecodeError: rule 4; nothing more can be read.
        """
        if (
            not self._is_first
            and b"\n" not in data
            and b"\r" not in data
            and not self._buffer.endswith(b"\r")
        ):
            self._more += data  # looked at once, when the line ends: bytes that come singly would cost much
            self._check(self._size + len(self._buffer) + len(self._more))
            return []
        self._buffer += self._more + data
        self._more.clear()
        if self._is_first and len(self._buffer) >= len(_BOM):
            self._buffer, self._is_first = self._buffer.removeprefix(_BOM), False
        *lines, self._buffer = _LINE_END.split(self._buffer)
        events = []
        for line in lines:
            self._check(self._size + len(line))
            event = self._line(line.decode("utf-8", "replace"))
            if event is not None:
                events.append(event)
        self._check(self._size + len(self._buffer))
        return events

    def _check(self, size: int) -> None:
        if size > self._max_bytes:
            raise DecodeError(f"an event of {size} bytes or more, where {self._max_bytes} is the most")

    def _line(self, line: str) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "":
                self.comments += 1
            case "data":
                self._data.append(value)
                self._size += len(line)
            case "event":
                self._kind = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit() and len(value) < 10:
                self.retry_ms = int(value)
        return None

    def _dispatch(self) -> ServerEvent | None:
        data, kind = self._data, self._kind
        self._data, self._kind, self._size = [], "", 0
        return ServerEvent("\n".join(data), kind or "message", self._id) if data else None


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of some whole events: the name of each field, its value, the ends of lines."""
    parts: list[Field] = []
    offset = 0
    while offset < len(raw):
        end = re.compile(rb"\r\n|\n|\r").search(raw, offset)
        if end is None:
            raise DecodeError("the last line does not end", offset)
        line = raw[offset : end.start()]
        if line.startswith(b":"):
            parts.append(Field("comment", line))
        elif line:
            name, colon, value = line.partition(b":")
            space = b" " if value.startswith(b" ") else b""
            parts.append(Field("field", name + colon + space, name.decode("utf-8", "replace")))
            if value[len(space) :]:
                parts.append(Field("value", value[len(space) :]))
        parts.append(Field("end", end[0], "of the line" if line else "of the event"))
        offset = end.end()
    return tuple(parts)
