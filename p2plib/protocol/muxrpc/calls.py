"""What stands in the bodies that open a call, and in those that say that one failed. Codec.

A call is the JSON object {"name": [...], "args": [...], "type": "async" | "source" | "sink" | "duplex"}; npm
leaves the type out of async calls. An error is {"message", "name", "stack"}; a good end is `true`.

Rules
    1. A name has at most `MAX_NAME_PARTS` parts and `MAX_NAME_CHARACTERS` characters.
    2. Errors are cut to `MAX_ERROR_CHARACTERS`. The stack is neither sent nor read: it is of no use here, and
       tells a stranger what runs.
"""

from __future__ import annotations

from p2plib.errors import CallFailed, DecodeError
from p2plib.protocol.muxrpc.frames import Body, Frame
from p2plib.wire.canonical_json import Value

KINDS = ("async", "source", "sink", "duplex")
MAX_NAME_PARTS = 8
MAX_NAME_CHARACTERS = 128  # of all parts together
MAX_ERROR_CHARACTERS = 512


def read_call(frame: Frame) -> tuple[tuple[str, ...], str, tuple[Value, ...]]:
    """The name, kind and arguments in the frame that opens a call.

    Raises:
        DecodeError: it opens none.
    """
    body = frame.body
    if not isinstance(body, dict):
        raise DecodeError("a call is an object with name, type and args")
    name = body.get("name")
    parts = [name] if isinstance(name, str) else name
    if not isinstance(parts, list) or not 1 <= len(parts) <= MAX_NAME_PARTS:
        raise DecodeError(f"a name has 1 to {MAX_NAME_PARTS} parts")
    texts = tuple(part for part in parts if isinstance(part, str))
    if len(texts) != len(parts) or sum(map(len, texts)) > MAX_NAME_CHARACTERS:
        raise DecodeError(f"the parts of a name are texts of at most {MAX_NAME_CHARACTERS} characters")
    kind = body.get("type", "async") if frame.is_stream else "async"
    if not isinstance(kind, str) or kind not in KINDS or (kind == "async") == frame.is_stream:
        raise DecodeError(f"a stream is one of {', '.join(KINDS[1:])}")
    args = body.get("args")
    if not isinstance(args, list):
        raise DecodeError("the arguments are a list")
    return texts, kind, tuple(args)


def error_body(error: CallFailed) -> Value:
    """How an error goes over the wire."""
    return {"message": error.sentence[:MAX_ERROR_CHARACTERS], "name": error.code[:64], "stack": ""}


def failure(body: Body) -> CallFailed | None:
    """The error that a frame with the end flag holds; None if it says `true`."""
    if body is True:
        return None
    if isinstance(body, dict):
        name, sentence = body.get("name"), body.get("message")
        code = name[:64] if isinstance(name, str) and name else "Error"
        return CallFailed(code, sentence[:MAX_ERROR_CHARACTERS] if isinstance(sentence, str) else "")
    return CallFailed("Error", body[:MAX_ERROR_CHARACTERS] if isinstance(body, str) else "")
