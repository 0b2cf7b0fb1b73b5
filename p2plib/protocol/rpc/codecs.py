"""How the values of requests and responses become bytes. Codecs.

============  ===============================================================  ==========================
codec         values                                                           good for
============  ===============================================================  ==========================
`BYTES`       bytes                                                            what is encoded already
`TEXT`        str                                                              UTF-8
`JSON`        None, bool, int, float, str, list, dict with keys of text        what people should read
`CBOR`        the same, and bytes                                              keys, hashes, pictures
============  ===============================================================  ==========================

A codec of your own has two functions. What `decode` refuses, it raises as `DecodeError`: the sentence goes to
the peer that sent it. Anything else it raises counts as refused, too, because a stranger chose the bytes.

    >>> COORDINATES = Codec(
    ...     encode=lambda pair: struct.pack(">dd", *pair),
    ...     decode=lambda raw: struct.unpack(">dd", raw),
    ... )
    >>> COORDINATES.decode(COORDINATES.encode((48.2, 16.4)))
    (48.2, 16.4)
"""

from __future__ import annotations

import json
import struct  # noqa: F401  (the example above has it)
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cbor

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Codec(Generic[T]):
    """Two functions that undo each other.

    Args:
        encode: makes bytes of a value.
        decode: makes a value of bytes; DecodeError for those that stand for none.
    """

    encode: Callable[[T], bytes]
    decode: Callable[[bytes], T]


def _same_bytes(value: bytes) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise UsageError(f"BYTES takes bytes, not {type(value).__name__}")
    return bytes(value)


def _encode_text(text: str) -> bytes:
    if not isinstance(text, str):
        raise UsageError(f"TEXT takes a str, not {type(text).__name__}")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise UsageError("text with half a surrogate pair cannot be UTF-8") from None


def _decode_text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise DecodeError("text is not valid UTF-8", error.start) from None


def _encode_json(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:  # a UnicodeEncodeError is a ValueError
        raise UsageError(f"this is not JSON: {error}") from None


def _decode_json(raw: bytes) -> Any:
    text = _decode_text(raw)
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise DecodeError(f"not JSON: {error.msg}", error.pos) from None
    except RecursionError:
        raise DecodeError("JSON nested too deep") from None
    except DecodeError:
        raise
    except ValueError:
        raise DecodeError("a number in JSON with too many digits") from None


def _no_constant(word: str) -> Any:
    raise DecodeError(f"{word} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise DecodeError("a JSON object has the same key twice")
    return found


BYTES: Codec[bytes] = Codec(_same_bytes, _same_bytes)
TEXT: Codec[str] = Codec(_encode_text, _decode_text)
JSON: Codec[Any] = Codec(_encode_json, _decode_json)
CBOR: Codec[Any] = Codec(cbor.encode, cbor.decode)
