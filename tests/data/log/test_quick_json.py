"""The short cut gives what the full codec gives, for whatever value and text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.data.log import quick_json
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import canonical_json

texts = st.text(st.characters(), max_size=12) | st.sampled_from(
    ["0", "10", "1x", "", "€", "\ud83d", "\u2028", "\x7f"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) - 2, 2**53 + 2) | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def outcome(call, *arguments, **named):
    try:
        return call(*arguments, **named)
    except (DecodeError, UsageError) as error:
        return f"{type(error).__name__}: {error}", "refused"


@settings(max_examples=400, deadline=None)
@given(values)
def test_any_value_is_printed_alike(value: object) -> None:
    assert outcome(quick_json.encode, value) == outcome(canonical_json.encode, value)


@settings(max_examples=400, deadline=None)
@given(values, st.booleans(), st.sampled_from([None, 0, 3]))
def test_any_text_is_read_alike(value: object, escape: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=escape, indent=indent)
    raw = text.encode("utf-8", "surrogatepass")
    for given_text in (text, raw):
        ours = outcome(quick_json.parse, given_text, max_characters=10_000)
        theirs = outcome(canonical_json.parse, given_text, max_characters=10_000)
        assert ours == theirs
        assert json.dumps(ours) == json.dumps(theirs)  # the order of members, and 1 apart from 1.0 and True


@pytest.mark.parametrize(
    "text",
    ["", "[1,]", "{'a':1}", "NaN", "-Infinity", "1e400", "[" * 2000, "[" * 200_000, "1" * 5000, '"\t"',
     "\ufeff1", "01",
     '{"a":1,"b":2,"a":3}', "1.0", "-0", "-0.0", "1e3", '"\\ud83d"', '"\\ud83d\\ude80"', "1 2", '"\ud83d"',
     "[" * 40 + "]" * 40, "[" * 127 + "]" * 127, "[" * 130 + "]" * 130],
)  # fmt: skip
def test_awkward_texts_are_read_alike(text: str) -> None:
    ours = outcome(quick_json.parse, text, max_characters=100_000)
    assert ours == outcome(canonical_json.parse, text, max_characters=100_000)


def test_what_is_too_long_is_not_looked_at() -> None:
    with pytest.raises(DecodeError, match="longer than 4"):
        quick_json.parse(b"[1,2]", max_characters=4)


@pytest.mark.parametrize(
    "value",
    [1.5, {"1": 2}, 2**53, [[1.0]], (1, 2), {"a": {"9": 1}}, b"x", {1: 2}, ["\ud83d"], {"\ud83d": 1}, True],
)
def test_what_differs_between_the_languages_is_left_to_the_full_codec(
    value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canonical_json, "encode", lambda _: "asked")
    assert (quick_json.encode(value) == "asked") is (value is not True)
