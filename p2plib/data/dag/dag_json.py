"""DAG-JSON: a value with links as JSON text that people can read. A codec.

Follows the IPLD specification of DAG-JSON. JSON has no bytes and no links, so two shapes of map stand for
them, and no other map may have these shapes::

    {"/":"bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"}    a link
    {"/":{"bytes":"aGVsbG8"}}                                             bytes, in base64 without padding

Rules
    1. No space between tokens, one value, nothing after it, valid UTF-8.
    2. The keys of a map are each there once, in the order of their UTF-8 bytes.
    3. A map whose first key is "/" is a link if its value is text, and bytes if its value is a map that
       begins with the key "bytes" and a text. Then nothing else is in either map. A link of version 1 is in
       base32, and one of version 0 in base58.
    4. A number with a point or an exponent is a float, any other is a whole number of -2^64 to 2^64 - 1, and
       "-0" is neither. A float is finite.
    5. Escapes may be any of JSON's, but no half of a surrogate pair. Nesting goes at most `MAX_DEPTH` deep;
       bytes count as one level, and so does a link. A value has at most `MAX_CONTAINERS` lists and maps.

A float is written with the fewest digits that read back as the same number, as in ECMAScript, and with ".0"
where that would look like a whole number. Implementations differ here, and in escapes, so the same value may
hash to different identifiers; where that matters, use DAG-CBOR. When reading, a float may have any digits,
and a text any escapes: these are the two things that can be spelt in more than one way.

    >>> encode({"b": 1, "a": [b"hello", 1.0]})
    b'{"a":[{"/":{"bytes":"aGVsbG8"}},1.0],"b":1}'
    >>> decode(b'{"a":[{"/":{"bytes":"aGVsbG8"}},1.0],"b":1}')
    {'a': [b'hello', 1.0], 'b': 1}
"""

from __future__ import annotations

import base64
import math
import re

from p2plib.data.dag.values import MAX_CONTAINERS, MAX_DEPTH, MAX_INTEGER, MIN_INTEGER, DagValue
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import json_string
from p2plib.wire.canonical_json import number_text
from p2plib.wire.cid import Cid

MAX_NUMBER_CHARACTERS = 1024  # no float needs more than 25, and parsing takes more than linear time

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*")
_WORDS: dict[str, bool | None] = {"null": None, "true": True, "false": False}


def decode(raw: bytes) -> DagValue:
    """The value that some DAG-JSON stands for.

    Args:
        raw: the UTF-8 bytes of one value and nothing else.

    Raises:
        DecodeError: they break a rule of the module's head; the offset counts characters (bytes where the
            UTF-8 is at fault).
    """
    try:
        text = bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise DecodeError("DAG-JSON is not valid UTF-8", error.start) from None
    reader = _DagJsonReader(text)
    value = reader.value(0)
    if reader.at < len(text):
        raise DecodeError("something follows the value", reader.at)
    return value


class _DagJsonReader:
    """Reads values one after the other; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.containers = MAX_CONTAINERS  # how many lists and maps may still come

    def expect(self, what: str) -> None:
        if not self.text.startswith(what, self.at):
            raise DecodeError(f"{what!a} is expected here", self.at)
        self.at += len(what)

    def value(self, depth: int) -> DagValue:
        first = self.text[self.at : self.at + 1]
        if first == '"':
            return self.string()
        if first in ("{", "["):
            if depth == MAX_DEPTH:
                raise DecodeError(f"nested deeper than {MAX_DEPTH}", self.at)
            return self.map(depth) if first == "{" else self.list(depth)
        for word, meaning in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return meaning
        return self.number()

    def open(self) -> None:
        if not self.containers:
            raise DecodeError(f"more than {MAX_CONTAINERS} lists and maps", self.at)
        self.containers -= 1
        self.at += 1

    def list(self, depth: int) -> list[DagValue]:
        self.open()
        items: list[DagValue] = []
        while not self.text.startswith("]", self.at):
            if items:
                self.expect(",")
            items.append(self.value(depth + 1))
        self.at += 1
        return items

    def map(self, depth: int) -> DagValue:
        start = self.at
        if self.text.startswith('{"/":"', start):
            return self.link()
        if self.text.startswith('{"/":{"bytes":"', start):
            return self.bytes()
        self.open()
        found: dict[str, DagValue] = {}
        last = None
        while not self.text.startswith("}", self.at):
            if found:
                self.expect(",")
            key_at = self.at
            key = self.string()
            self.expect(":")
            encoded = key.encode()
            if last is not None and encoded <= last:
                raise DecodeError(f"the key {key[:40]!a} is there twice, or out of order", key_at)
            last = encoded
            found[key] = self.value(depth + 1)
        self.at += 1
        if _is_reserved(found):  # written with escapes, or it would have been seen above
            raise DecodeError("a map in the shape of a link or of bytes", start)
        return found

    def link(self) -> Cid:
        self.at += len('{"/":')
        start = self.at
        text = self.string()
        self.expect("}")
        try:
            cid = cids.parse_text(text)
        except DecodeError as error:
            raise DecodeError(error.rule, start) from None
        if cids.to_text(cid) != text:
            raise DecodeError("a link of version 1 is written in base32", start)
        return cid

    def bytes(self) -> bytes:
        self.at += len('{"/":{"bytes":')
        start = self.at
        text = self.string()
        self.expect("}}")
        if not _BASE64.fullmatch(text):
            raise DecodeError("bytes are base64 without padding", start)
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            raise DecodeError("base64 ends with a single letter", start) from None
        if _base64(raw) != text:
            raise DecodeError("the bits left over at the end of base64 are not zero", start)
        return raw

    def number(self) -> int | float:
        match = _NUMBER.match(self.text, self.at)
        if match is None:
            raise DecodeError("a value is expected here", self.at)
        if len(match[0]) > MAX_NUMBER_CHARACTERS:
            raise DecodeError(f"a number of more than {MAX_NUMBER_CHARACTERS} characters", self.at)
        if match[0] == "-0":
            raise DecodeError("-0 is not a whole number, and the float is -0.0", self.at)
        number = int(match[0]) if match[1] is match[2] is None else float(match[0])
        if isinstance(number, float) and math.isinf(number):
            raise DecodeError("a float too large for 64 bits", self.at)
        if isinstance(number, int) and not MIN_INTEGER <= number <= MAX_INTEGER:
            raise DecodeError("a whole number is -2^64 to 2^64 - 1", self.at)
        self.at = match.end()
        return number

    def string(self) -> str:
        start = self.at
        self.expect('"')
        text, self.at = json_string.read(self.text, start)
        if json_string.has_lone_half(text):
            raise DecodeError("a text with half a surrogate pair", start)
        return text


def encode(value: DagValue) -> bytes:
    """The text of a value, in UTF-8.

    Args:
        value: as `decode` gives it; tuples count as lists, and any kind of bytes as bytes.

    Raises:
        UsageError: it is of another type, a number too large or not finite, nested too deep, of too many
            lists and maps, or a map in the shape of a link or of bytes.
    """
    writer = _DagJsonWriter()
    writer.value(value, 0)
    return "".join(writer.parts).encode()


class _DagJsonWriter:
    """Writes values one after the other, into `parts`."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.containers = MAX_CONTAINERS  # how many lists and maps may still come

    def value(self, value: object, depth: int) -> None:
        if depth == MAX_DEPTH and isinstance(
            value, list | tuple | dict | bytes | bytearray | memoryview | Cid
        ):
            raise UsageError(f"a value nested deeper than {MAX_DEPTH}, or within itself")
        match value:
            case None:
                self.parts.append("null")
            case bool():
                self.parts.append("true" if value else "false")
            case int():
                if not MIN_INTEGER <= value <= MAX_INTEGER:
                    raise UsageError(
                        "a whole number is -2^64 to 2^64 - 1; write a larger one as bytes or text"
                    )
                self.parts.append(int.__repr__(value))
            case float():
                self.parts.append(_float_text(value))
            case str():
                self.parts.append(_quoted(value))
            case bytes() | bytearray() | memoryview():
                self.parts.append(f'{{"/":{{"bytes":"{_base64(bytes(value))}"}}}}')
            case Cid():
                self.parts.append(f'{{"/":"{cids.to_text(value)}"}}')
            case list() | tuple():
                self.open("[")
                for number, each in enumerate(value):
                    if number:
                        self.parts.append(",")
                    self.value(each, depth + 1)
                self.parts.append("]")
            case dict():
                self.map(value, depth)
            case _:
                raise UsageError(f"DAG-JSON has no form for {type(value).__name__}")

    def open(self, bracket: str) -> None:
        if not self.containers:
            raise UsageError(f"a value of more than {MAX_CONTAINERS} lists and maps")
        self.containers -= 1
        self.parts.append(bracket)

    def map(self, table: dict[object, object], depth: int) -> None:
        # Without surrogates, which `_quoted` refuses, the order of characters is that of their UTF-8 bytes.
        keys = sorted(_text_key(key) for key in table)
        if _is_reserved({key: table[key] for key in keys}):
            raise UsageError("a map in the shape of a link or of bytes would be read as one")
        self.open("{")
        for number, key in enumerate(keys):
            self.parts.append(("," if number else "") + _quoted(key) + ":")
            self.value(table[key], depth + 1)
        self.parts.append("}")


def _text_key(key: object) -> str:
    if not isinstance(key, str):
        raise UsageError(f"the keys of a map must be text, not {type(key).__name__}")
    return key


def _is_reserved(table: dict[str, DagValue] | dict[str, object]) -> bool:
    """Whether a map with sorted keys has, or begins with, the shape of a link or of bytes."""
    if not table or next(iter(table)) != "/":
        return False
    inside = table["/"]
    if isinstance(inside, dict):
        return isinstance(inside.get("bytes"), str) and min(map(_text_key, inside)) == "bytes"
    return isinstance(inside, str)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _float_text(number: float) -> str:
    if not math.isfinite(number):
        raise UsageError("DAG-JSON has no infinities and no not-a-number")
    if number == 0:
        return "-0.0" if math.copysign(1, number) < 0 else "0.0"
    text = number_text(number)
    return text if "." in text or "e" in text else text + ".0"


def _quoted(text: str) -> str:
    if json_string.has_lone_half(text):
        raise UsageError("text with half a surrogate pair cannot be UTF-8")
    return json_string.write(text)
