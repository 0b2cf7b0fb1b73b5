"""Requests and responses, as bytes. A codec.

Our own protocol, in the forms that the handbook has introduced: each message is protobuf in a varint frame.
A call has a stream to itself, so it needs no number, and calls do not wait for each other.

::

    the caller                               the service
    request {1 method, 2 deadline, 3 body} →
                                           ← response {1 kind = 1 value, 2 body}  once, or for a subscription
                                                                                  as often as there is news
                                           ← response {1 kind = 2 end}            only after subscriptions
                                           ← response {1 kind = 3 error, 3 code, 4 sentence}

Rules
    1. Every field is there exactly once, no other is, and each kind has its own fields.
    2. A method's name and an error's code have 1 to 64 printable ASCII characters; a sentence at most 512
       bytes of UTF-8.
    3. The deadline is in milliseconds from the request's arrival, 1 to `MAX_DEADLINE_MS`; for a subscription
       it is 0: it lasts until somebody ends it.
    4. A call and a subscription have limits for their bodies, and both sides check them.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import protobuf
from p2plib.wire.protobuf import BYTES, VARINT, ProtoField

MAX_NAME_CHARACTERS = 64
MAX_SENTENCE_BYTES = 512
MAX_DEADLINE_MS = 3_600_000  # an hour; what takes longer is a subscription
OVERHEAD_BYTES = 1024  # of a message around its body, at most

VALUE, END, ERROR = 1, 2, 3

UNKNOWN_METHOD = "unknown method"
BAD_REQUEST = "bad request"
TOO_BUSY = "too busy"
TOO_LATE = "too late"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked.

    Args:
        method: its name.
        deadline_ms: how long the response is of use; 0 for a subscription.
        body: what the method wants to know, encoded.
    """

    method: str
    deadline_ms: int
    body: bytes

    def encode(self) -> bytes:
        """The message, without its frame."""
        check_name(self.method, UsageError)
        if not 0 <= self.deadline_ms <= MAX_DEADLINE_MS:
            raise UsageError(f"a deadline is at most {MAX_DEADLINE_MS} ms away, not {self.deadline_ms}")
        return protobuf.encode(
            (
                ProtoField(1, BYTES, self.method.encode()),
                ProtoField(2, VARINT, self.deadline_ms),
                ProtoField(3, BYTES, self.body),
            )
        )


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered.

    Args:
        kind: `VALUE`, `END` or `ERROR`.
        body: a value, encoded.
        code, sentence: of an error.
    """

    kind: int
    body: bytes = b""
    code: str = ""
    sentence: str = ""

    def encode(self) -> bytes:
        """The message, without its frame."""
        fields = [ProtoField(1, VARINT, self.kind)]
        if self.kind == VALUE:
            fields.append(ProtoField(2, BYTES, self.body))
        if self.kind == ERROR:
            check_name(self.code, UsageError)
            sentence = self.sentence.encode()[:MAX_SENTENCE_BYTES].decode(errors="ignore").encode()
            fields += [ProtoField(3, BYTES, self.code.encode()), ProtoField(4, BYTES, sentence)]
        return protobuf.encode(fields)


def check_name(name: str, error: type[UsageError] | type[DecodeError]) -> None:
    """Raises the error if this cannot be the name of a method or the code of an error."""
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isascii() or not name.isprintable():
        raise error(f"a name has 1 to {MAX_NAME_CHARACTERS} printable ASCII characters: {name[:80]!a}")


def decode_request(raw: bytes) -> Request:
    """A request.

    Raises:
        DecodeError: it breaks a rule of the module's head.
    """
    fields = protobuf.decode(raw, max_fields=3)
    protobuf.only(fields, (1, 2, 3))
    method = _text(protobuf.content(fields, 1), "a method")
    check_name(method, DecodeError)
    deadline_ms = protobuf.number(fields, 2)
    if deadline_ms > MAX_DEADLINE_MS:
        raise DecodeError(f"a deadline of {deadline_ms} ms, where {MAX_DEADLINE_MS} is the most")
    return Request(method, deadline_ms, protobuf.content(fields, 3))


def decode_response(raw: bytes) -> Response:
    """A response.

    Raises:
        DecodeError: it breaks a rule of the module's head.
    """
    fields = protobuf.decode(raw, max_fields=3)
    kind = protobuf.number(fields, 1)
    if kind == VALUE:
        protobuf.only(fields, (1, 2))
        return Response(VALUE, protobuf.content(fields, 2))
    if kind == END:
        protobuf.only(fields, (1,))
        return Response(END)
    if kind != ERROR:
        raise DecodeError(f"a response is of kind 1, 2 or 3, not {kind}")
    protobuf.only(fields, (1, 3, 4))
    code = _text(protobuf.content(fields, 3), "a code")
    check_name(code, DecodeError)
    sentence = protobuf.content(fields, 4)
    if len(sentence) > MAX_SENTENCE_BYTES:
        raise DecodeError(f"a sentence of {len(sentence)} bytes, where {MAX_SENTENCE_BYTES} is the most")
    return Response(ERROR, b"", code, _text(sentence, "a sentence"))


def _text(raw: bytes, what: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise DecodeError(f"{what} must be UTF-8") from None
