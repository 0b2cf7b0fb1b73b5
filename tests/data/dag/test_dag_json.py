"""DAG-JSON: the published fixtures, and what is refused."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.dag import dag_json
from p2plib.data.dag.block import block_of
from p2plib.data.dag.values import MAX_CONTAINERS, MAX_DEPTH, DagValue
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from tests.data.dag.ipld_fixtures import SHA1, negative, positive
from tests.data.dag.strategies import VALUES
from tests.data.dag.test_dag_cbor import shape

LINK = block_of(b"hello").cid
LINK_TEXT = cids.to_text(LINK)


def fits(value: DagValue) -> bool:
    """Whether no map in it has a shape that stands for something else."""
    try:
        dag_json.encode(value)
    except UsageError:
        return False
    return True


def test_published_fixtures(shared_vectors: Path) -> None:
    fixtures = positive(shared_vectors)
    assert len(fixtures) == 128
    for name, files in fixtures.items():
        text, data = files["dag-json"]
        if name in SHA1:
            with pytest.raises(DecodeError, match="sha1"):
                dag_json.decode(data)
            continue
        assert dag_json.encode(dag_json.decode(data)) == data, name
        assert block_of(data, multicodec.DAG_JSON).cid == cids.parse_text(text)


def test_published_negative_fixtures(shared_vectors: Path) -> None:
    rows = negative(shared_vectors, "dag-json")
    assert len(rows) == 1
    for row in rows:
        with pytest.raises(DecodeError, match="twice"):
            dag_json.decode(bytes.fromhex(row["hex"]))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-1, "-1"),
        (2**64 - 1, "18446744073709551615"),
        (-(2**64), "-18446744073709551616"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (0.0, "0.0"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000.0"),
        (1e-7, "1e-7"),
        (0.1, "0.1"),
        (5e-324, "5e-324"),
        ("", '""'),
        ('é"\\\n\x01/', '"é\\"\\\\\\n\\u0001/"'),
        ([], "[]"),
        ([1, []], "[1,[]]"),
        ({}, "{}"),
        ({"bb": 1, "a": 2, "c": 3}, '{"a":2,"bb":1,"c":3}'),
        ({"\U0001f600": 1, "\uffff": 2}, '{"\uffff":2,"\U0001f600":1}'),
        (b"", '{"/":{"bytes":""}}'),
        (b"hello", '{"/":{"bytes":"aGVsbG8"}}'),
        (b"\xfb\xff", '{"/":{"bytes":"+/8"}}'),
        (LINK, f'{{"/":"{LINK_TEXT}"}}'),
        ({"/": 1}, '{"/":1}'),
        ({"/": {"bytes": 1}}, '{"/":{"bytes":1}}'),
        ({"/": {}}, '{"/":{}}'),
        ({"/": {"a": "x", "bytes": "AQ"}}, '{"/":{"a":"x","bytes":"AQ"}}'),
        ({"": 0, "/": "x"}, '{"":0,"/":"x"}'),
        ({"/": [b"a"]}, '{"/":[{"/":{"bytes":"YQ"}}]}'),
    ],
)
def test_known_forms(value: DagValue, text: str) -> None:
    assert dag_json.encode(value).decode() == text
    assert shape(dag_json.decode(text.encode())) == shape(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"\\u00e9\\/"', "é/"),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ("1E2", 100.0),
        ("1e2", 100.0),
        ("10.50", 10.5),
    ],
)
def test_other_ways_to_write_the_same(text: str, value: DagValue) -> None:
    assert shape(dag_json.decode(text.encode())) == shape(value)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (b"", "a value is expected"),
        (b" 1", "a value is expected"),
        (b"1 ", "follows"),
        (b"[1, 2]", "value is expected"),
        (b"[1,]", "value is expected"),
        (b"[1", "','|expected"),
        (b"[1 ]", "expected"),
        (b'{"a" :1}', "expected"),
        (b'{"a":1,}', "expected"),
        (b"{,}", "expected"),
        (b"{1:2}", "expected"),
        (b"nul", "value is expected"),
        (b"\xef\xbb\xbf1", "value is expected"),
        (b"\xff", "UTF-8"),
        (b"NaN", "value"),
        (b"Infinity", "value"),
        (b"-", "value"),
        (b"01", "follows"),
        (b"1.", "follows"),
        (b".5", "value"),
        (b"+1", "value"),
        (b"1e", "follows"),
        (b"1e999", "too large"),
        (b"1e400", "too large"),
        (b"-1e400", "too large"),
        (b"-0", "-0.0"),
        (b'{"a":[-0]}', "-0.0"),
        (b"18446744073709551616", "2\\^64"),
        (b"-18446744073709551617", "2\\^64"),
        (b"1" * 2000, "characters"),
        (b"0." + b"1" * 2000, "characters"),
        (b'"a', "cut off"),
        (b'"\x01"', "escaped"),
        (b'"\n"', "escaped"),
        (b'"\\x"', "escape"),
        (b'"\\u12"', "escape"),
        (b'"\\ud800"', "surrogate"),
        (b'"\\ude00\\ud83d"', "surrogate"),
        (b'{"b":1,"a":2}', "out of order"),
        (b'{"a":1,"a":2}', "twice"),
        (b'{"a":1,"\\u0061":2}', "twice"),
        (b'{"\\ud800":1}', "surrogate"),
        (b'{"/":"x"}', "multibase"),
        (b'{"/":""}', "multibase"),
        (b'{"/":"bafk"}', None),
        (b'{"/":"' + LINK_TEXT.encode() + b'","a":1}', "expected"),
        (b'{"/":{"bytes":"AQ","x":1}}', "expected"),
        (b'{"/":{"bytes":"AQ"},"x":1}', "expected"),
        (b'{"/":{"bytes":"AQ=="}}', "padding"),
        (b'{"/":{"bytes":"-_"}}', "padding"),
        (b'{"/":{"bytes":"A"}}', "single"),
        (b'{"/":{"bytes":"AR"}}', "left over"),
        (b'{"\\/":"x"}', "shape of a link"),
        *(
            (before + f'{{"/":"{spelt}"}}'.encode() + after, "base32")
            for spelt in (cids.to_text(LINK, "base58btc"), LINK_TEXT.upper(), cids.to_text(LINK, "base16"))
            for before, after in ((b"", b""), (b"[", b"]"), (b'{"/":', b"}"))
        ),
        (b'{"/":{"byt\\u0065s":"AQ"}}', "shape"),
    ],
)
def test_refused(text: bytes, rule: str | None) -> None:
    with pytest.raises(DecodeError, match=rule):
        dag_json.decode(text)


@pytest.mark.parametrize(
    "value",
    [{"/": "x"}, {"/": "x", "a": 1}, {"/": {"bytes": "AQ"}}, {"/": {"bytes": "AQ", "c": 1}, "d": 2}, math.nan,
     math.inf, 2**64, -(2**64) - 1, "\ud800", {"\udc00": 1}, {1: 2}, {1, 2}, {"/": {1: 2, "bytes": "AQ"}},
     {"/": {b"bytes": 1, "bytes": "AQ"}}, {"/": {None: 1, "a": 2}}, {"/": {"/": "x"}}, [{"a": {"/": ""}}]],
)  # fmt: skip
def test_what_has_no_form(value: DagValue) -> None:
    with pytest.raises(UsageError):
        dag_json.encode(value)


@pytest.mark.fault("F119")
def test_depth_is_bounded_both_ways() -> None:
    deep: DagValue = b""
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    assert dag_json.decode(dag_json.encode(deep)) == deep
    with pytest.raises(UsageError, match="nested"):
        dag_json.encode([deep])
    for bomb in (b"[" * 100_000, b'{"":' * 100_000, b'[{"/":' * 100_000):
        with pytest.raises(DecodeError, match="nested"):
            dag_json.decode(bomb)


def test_as_many_lists_and_maps_as_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links and bytes look like maps, and are none."""
    assert dag_json.MAX_CONTAINERS == MAX_CONTAINERS
    monkeypatch.setattr(dag_json, "MAX_CONTAINERS", 300)
    most: DagValue = [[] if number % 2 else {} for number in range(299)] + [b"", LINK] * 300
    raw = dag_json.encode(most)
    assert dag_json.decode(raw) == most
    with pytest.raises(UsageError, match="more than 300"):
        dag_json.encode([most])
    with pytest.raises(DecodeError, match="more than 300"):
        dag_json.decode(b"[" + raw + b"]")


RESERVED = st.recursive(
    st.sampled_from(["", "AQ", 1, None, b"", LINK, LINK_TEXT]),
    lambda inner: (
        st.dictionaries(st.sampled_from(["/", "bytes", "", "a"]), inner, max_size=3)
        | st.lists(inner, max_size=2)
    ),
    max_leaves=6,
)


@given(RESERVED)
def test_reserved_shapes_in_every_nesting(value: DagValue) -> None:
    """A value is refused, or comes back as itself: never as something else that looks like it."""
    if fits(value):
        raw = dag_json.encode(value)
        assert shape(dag_json.decode(raw)) == shape(value)
        assert dag_json.encode(dag_json.decode(raw)) == raw
    else:  # written as it would be if nothing were reserved, it is refused, or something else
        text = json.dumps(plain(value), separators=(",", ":"), sort_keys=True).encode()
        with contextlib.suppress(DecodeError):
            assert shape(dag_json.decode(text)) != shape(value)


def plain(value: DagValue) -> object:
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, bytes | Cid):
        return json.loads(dag_json.encode(value))
    return value


@given(VALUES.filter(fits), st.data())
def test_damaged_bytes_are_refused_or_have_a_value(value: DagValue, data: st.DataObject) -> None:
    raw = bytearray(dag_json.encode(value))
    for _ in range(data.draw(st.integers(1, 2))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = dag_json.decode(raw)
    except DecodeError:
        return
    assert shape(dag_json.decode(dag_json.encode(found))) == shape(found)


@given(VALUES.filter(fits))
def test_round_trip(value: DagValue) -> None:
    raw = dag_json.encode(value)
    assert shape(dag_json.decode(raw)) == shape(value)


@given(st.text(st.sampled_from('{}[]":,/bytes01.e-\\u"'), max_size=30))
def test_any_text_is_refused_or_has_a_value(text: str) -> None:
    try:
        value = dag_json.decode(text.encode())
    except DecodeError:
        return
    assert shape(dag_json.decode(dag_json.encode(value))) == shape(value)
