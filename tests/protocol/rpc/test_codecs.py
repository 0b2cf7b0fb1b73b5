"""Codecs of requests and responses: values there and back, and what is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.protocol.rpc.codecs import BYTES, CBOR, JSON, TEXT, Codec

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_json_there_and_back(value: Any) -> None:
    assert JSON.decode(JSON.encode(value)) == value


@given(st.text(), st.binary())
def test_text_and_bytes_there_and_back(text: str, raw: bytes) -> None:
    assert TEXT.decode(TEXT.encode(text)) == text
    assert BYTES.decode(BYTES.encode(raw)) == raw
    assert CBOR.decode(CBOR.encode({"text": text, "raw": raw})) == {"text": text, "raw": raw}


def test_json_is_as_short_as_it_can_be_and_readable() -> None:
    assert JSON.encode({"name": "Zoë", "ports": [1, 2]}).decode() == '{"name":"Zoë","ports":[1,2]}'


@pytest.mark.parametrize(
    ("codec", "raw", "rule"),
    [
        (TEXT, b"ab\xff", r"not valid UTF-8 \(at offset 2\)"),
        (JSON, b"", "not JSON: Expecting value"),
        (JSON, b'{"a":1,}', "not JSON"),
        (JSON, b'{"a":1,"a":2}', "the same key twice"),
        (JSON, b"NaN", "NaN is not JSON"),
        (JSON, b"-Infinity", "-Infinity is not JSON"),
        (JSON, b"1 2", r"not JSON: Extra data \(at offset 2\)"),
        (JSON, b"\xff", "not valid UTF-8"),
        (JSON, b"[" * 100_000, "nested too deep"),
        (JSON, b"9" * 5000, "too many digits"),
        (CBOR, b"\x1f", "indefinite length"),
    ],
)
def test_bytes_that_stand_for_no_value(codec: Codec[Any], raw: bytes, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        codec.decode(raw)


@pytest.mark.parametrize(
    ("codec", "value"),
    [
        (BYTES, "text"),
        (BYTES, 5),
        (TEXT, b"bytes"),
        (TEXT, "\ud800"),
        (JSON, float("nan")),
        (JSON, b"bytes"),
        (JSON, "\ud800"),
        (CBOR, object()),
    ],
)
def test_values_that_have_no_bytes(codec: Codec[Any], value: Any) -> None:
    with pytest.raises(UsageError):
        codec.encode(value)
