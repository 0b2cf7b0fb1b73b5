"""Our canonical JSON and JavaScript's own `JSON.stringify(JSON.parse(text), null, 2)`, live."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import DecodeError
from p2plib.wire import canonical_json
from tests.interop.peers import ForeignPeer

pytestmark = pytest.mark.interop

NUMBERS = [
    "0", "-0", "0.0", "-0.0", "1", "-1", "1.0", "10", "100", "1E5", "1e0", "1.50", "0.1", "0.2",
    "0.30000000000000004", "0.5e1", "123.456", "-123.456", "1e-0", "1e20", "1e21", "1e22",
    "123456789012345680000", "999999999999999900000", "999999999999999999999", "1e-6", "1e-7", "1.5e-6",
    "1.5e-7", "0.000001", "0.0000001", "0.00000123", "9007199254740991", "9007199254740992",
    "9007199254740993", "-9007199254740993", "18446744073709551615", "5e-324", "4.9e-324", "2e-324",
    "1e-400", "2.2250738585072014e-308", "1.7976931348623157e308", "1.5e300", "4.35", "5e-7", "1e23",
    "8.41e21", "2.98023223876953125E-8", "9.5367431640625e-7", "5.0e-1", "1e+5", "100000000000000000000000",
    "0.1e-6", "33333333333333333333.3", "1500000000001.5", "1499999999999.123456", "1e15", "1e16", "1e17",
    "123456789.123456789",
]  # fmt: skip

STRINGS = [
    '""', '"é"', '"世界"', r'"\u00e9"', r'"e\u0301"', r'"\ud83d\ude80"', '"🚀"', r'"\ud83d"', r'"\ude80"',
    r'"\ude80\ud83d"', r'"\ud83d\ud83d\ude80"', r'"a\udfffb"', r'"\uD83D x \uDE80"', r'"\u0000"',
    r'"\u001f\u0020\u007f\u0080\u009f"', r'"\u2028\u2029"', '"\u2028\u2029"', r'"\/ / \" \\ \b\f\n\r\t"',
    r'"\u0008\u000c\u000a\u000d\u0009"', r'"\u000b"', r'"\ufeff\ufffe\uffff"', '"</script>"', r'"\u0041"',
]  # fmt: skip

STRUCTURES = [
    "{}", "[]", "[[]]", "[{}]", '{"a":{}}', '{"a":[]}', "[[],[]]", " \t\r\n[ 1 , 2 ]\n", "null", "true",
    "false", "[null,true,false]",
    '{"b":1,"a":2,"10":3,"9":4,"01":5,"-1":6,"4294967294":7,"4294967295":8,"0":9,"1.5":10,"":11," 1":12}',
    '{"a":1,"b":2,"a":3}', '{"2":1,"1":2,"2":3}', '{"b":1,"2":1,"a":1,"1":1,"b":2}',
    '{"toString":1,"constructor":2,"length":3}', '{"__proto__":1,"x":2}', '{"__proto__":{"y":1},"x":2}',
    r'{"\u0031":1,"0":2}', r'{"é":1,"e\u0301":2}', r'{"\ud83d":{"\ude80":[1]}}',
    '{"a":[1,{"b":[2,{"c":[]}]}]}', "[" * 60 + "]" * 60,
]  # fmt: skip

CORPUS = [*NUMBERS, *STRINGS, *STRUCTURES]

# JSON texts, written as texts: how a number was spelt and how a character was escaped is part of the
# question.
number_texts = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True).filter(
        lambda text: math.isfinite(float(text))
    ),
)
string_texts = st.tuples(st.text(), st.booleans()).map(lambda pair: json.dumps(pair[0], ensure_ascii=pair[1]))
wild_strings = st.text(st.characters(categories=["Cs", "Cc", "So"])).map(json.dumps)
key_texts = st.one_of(string_texts, st.integers(0, 2**33).map(lambda number: f'"{number}"'))
leaf_texts = st.one_of(number_texts, string_texts, wild_strings, st.sampled_from(["null", "true", "false"]))


def containers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    members = st.tuples(key_texts, inner).map(" : ".join)
    return st.one_of(
        st.lists(inner, max_size=5).map(lambda items: "[" + ",".join(items) + "]"),
        st.lists(members, max_size=8).map(lambda items: "{" + ", ".join(items) + "}"),
    )


json_texts = st.recursive(leaf_texts, containers, max_leaves=15)


@pytest.fixture(scope="module")
def node() -> Iterator[ForeignPeer]:
    with ForeignPeer("ssb_keys.js") as peer:
        yield peer


def ours(text: str) -> list[object]:
    form = canonical_json.encode(canonical_json.parse(text))
    return [form, canonical_json.length_utf16(form)]


def test_a_corpus_of_nasty_values(node: ForeignPeer) -> None:
    theirs = node.ask("canonical", json=CORPUS)
    assert [(text, *ours(text)) for text in CORPUS] == [
        (text, *form) for text, form in zip(CORPUS, theirs, strict=True)
    ]


@settings(max_examples=8, deadline=None)
@given(st.lists(json_texts, min_size=20, max_size=40))
def test_any_value(node: ForeignPeer, texts: list[str]) -> None:
    """Twenty to forty values in one question: the way there and back costs more than the answer."""
    assert [ours(text) for text in texts] == node.ask("canonical", json=texts)


@settings(max_examples=10, deadline=None)
@given(st.lists(number_texts, min_size=100, max_size=300))
def test_any_number(node: ForeignPeer, texts: list[str]) -> None:
    joined = f"[{','.join(texts)}]"
    assert [ours(joined)] == node.ask("canonical", json=[joined])


def test_where_we_are_stricter_on_purpose(node: ForeignPeer) -> None:
    """JavaScript reads 1e400 as Infinity and writes that as null: the number is lost. Ours refuses it."""
    assert node.ask("canonical", json=["[1e400]"]) == [["[\n  null\n]", 10]]
    with pytest.raises(DecodeError, match="too large"):
        canonical_json.parse("[1e400]")
