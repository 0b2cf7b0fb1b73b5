"""Bencode: the examples of BEP 3 and BEP 5, what must be refused and where, libtorrent as the judge."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import bencode

EXAMPLES: list[tuple[Any, bytes]] = [
    # BEP 3, "bencoding"
    (b"spam", b"4:spam"),
    (3, b"i3e"),
    (-3, b"i-3e"),
    (0, b"i0e"),
    ([b"spam", b"eggs"], b"l4:spam4:eggse"),
    ({b"cow": b"moo", b"spam": b"eggs"}, b"d3:cow3:moo4:spam4:eggse"),
    ({b"spam": [b"a", b"b"]}, b"d4:spaml1:a1:bee"),
    # BEP 5, the examples of a ping, its response, an announce and an error
    (
        {b"t": b"aa", b"y": b"q", b"q": b"ping", b"a": {b"id": b"abcdefghij0123456789"}},
        b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe",
    ),
    (
        {b"t": b"aa", b"y": b"r", b"r": {b"id": b"mnopqrstuvwxyz123456"}},
        b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re",
    ),
    (
        {
            b"t": b"aa",
            b"y": b"q",
            b"q": b"announce_peer",
            b"a": {
                b"id": b"abcdefghij0123456789",
                b"implied_port": 1,
                b"info_hash": b"mnopqrstuvwxyz123456",
                b"port": 6881,
                b"token": b"aoeusnth",
            },
        },
        b"d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e"
        b"5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe",
    ),
    (
        {b"t": b"aa", b"y": b"e", b"e": [201, b"A Generic Error Ocurred"]},
        b"d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee",
    ),
    # beside the examples
    (b"", b"0:"),
    ([], b"le"),
    ({}, b"de"),
    ({b"": 1, b"\x00": 2, b"\xff": [{}]}, b"d0:i1e1:\x00i2e1:\xffldeee"),
    (2**64, b"i18446744073709551616e"),
    (-(10**1024 - 1), b"i-" + b"9" * 1024 + b"e"),
    (b"x" * 999, b"999:" + b"x" * 999),
    (b"x" * 1000, b"1000:" + b"x" * 1000),
    (b"x" * 70_000, b"70000:" + b"x" * 70_000),
]


@pytest.mark.parametrize(("value", "raw"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_by_hand(value: Any, raw: bytes) -> None:
    assert bencode.encode(value) == raw
    assert bencode.decode(raw) == value
    assert bencode.decode_prefix(b"??" + raw + b"tail", 2) == (value, 2 + len(raw))


REFUSED: dict[str, list[tuple[bytes, int, str]]] = {
    "F020": [
        (b"", 0, "the bytes end"),
        (b"i03e", 0, "a number begins with no needless 0, and this is '03'"),
        (b"i-03e", 0, "needless 0, and this is '-03'"),
        (b"i00e", 0, "needless 0"),
        (b"i-0e", 0, "0 has no minus sign"),
        (b"ie", 0, "a number has digits"),
        (b"i-e", 0, "a number has digits"),
        (b"i--1e", 0, "a number has digits"),
        (b"i+1e", 0, "a number has digits"),
        (b"i 1e", 0, "a number has digits"),
        (b"i1_0e", 0, "a number has digits"),
        (b"i1.5e", 0, "a number has digits"),
        (b"i1\0e", 0, "a number has digits"),
        (b"i1\ne", 0, "a number has digits"),
        ("i٣e".encode(), 0, "a number has digits"),
        (b"i", 0, "no e after"),
        (b"i12", 0, "no e after"),
        (b"l3:abci4e", 9, "the bytes end"),
        (b"03:abc", 0, "a length begins with no needless 0, and this is '03'"),
        (b"00:", 0, "needless 0"),
        (b"01:a", 0, "needless 0"),
        (b"1_0:aaaaaaaaaa", 0, "a length has only digits, and this is '1_0'"),
        (b"1 :a", 0, "a length has only digits"),
        (b"-1:a", 0, "begins with i, l, d or a digit, not with '-'"),
        (b"+1:a", 0, "not with '+'"),
        (b" 1:a", 0, "not with ' '"),
        (b"e", 0, "not with 'e'"),
        (b":", 0, "not with ':'"),
        (b"x", 0, "not with 'x'"),
        (b"5", 0, "no colon"),
        (b"5x", 0, "no colon"),
        (b"5:abc", 0, "a byte string of 5 bytes, where 3 follow"),
        (b"li1e5:abce", 4, "a byte string of 5 bytes, where 4 follow"),
        (b"i1ejunk", 3, "4 bytes follow the value"),
        (b"1:ab", 3, "1 byte follows the value"),
        (b"d1:b0:1:a0:e", 6, "the key 'a' stands behind a greater one"),
        (b"d1:a0:1:a0:e", 6, "the key 'a' is there twice"),
        (b"d1:ad1:b1:c1:a1:dee", 11, "the key 'a' stands behind a greater one"),
        (b"d2:aa0:1:b0:2:ab0:e", 12, "the key 'ab' stands behind"),
        (b"di1ei2ee", 1, "the keys of a dict must be byte strings"),
        (b"dle1:ae", 1, "the keys of a dict must be byte strings"),
        (b"dde1:ae", 1, "the keys of a dict must be byte strings"),
        (b"d1:ae", 4, "not with 'e'"),
        (b"d1:a", 4, "the bytes end"),
        (b"d", 1, "the bytes end"),
        (b"li1e", 4, "the bytes end"),
    ],
    "F021": [
        (b"1000000000:" + b"x" * 20, 0, "a byte string of 1000000000 bytes, where 20 follow"),
        (b"1000000000000000000:" + b"x" * 20, 0, "no colon after the at most 10 digits"),
        (b"9" * 100_000 + b":", 0, "no colon"),
        (b"999:" + b"x" * 998, 0, "a byte string of 999 bytes, where 998 follow"),
    ],
    "F022": [
        (b"l" * 100_000, 128, "nested deeper than 128"),
        (b"l" * 20_000 + b"e" * 20_000, 128, "nested deeper than 128"),
        (b"d1:a" * 100_000, 4 * 128, "nested deeper than 128"),
        (b"ld1:a" * 50_000, 5 * 64, "nested deeper than 128"),
    ],
    "F023": [
        (b"i" + b"9" * 1_000_000 + b"e", 0, "no e after the at most 1024 digits"),
        (b"i-" + b"9" * 1_000_000 + b"e", 0, "no e after the at most 1024 digits"),
        (b"i" + b"9" * 1_000_000, 0, "no e after the at most 1024 digits"),
        (b"i" + b"9" * 1025 + b"e", 0, "a number has at most 1024 digits"),
    ],
}


@pytest.mark.parametrize(
    ("raw", "offset", "rule"),
    [
        pytest.param(*case, marks=pytest.mark.fault(fault), id=f"{fault}-{case[0][:12]!r}-{len(case[0])}")
        for fault, cases in REFUSED.items()
        for case in cases
    ],
)
def test_what_is_refused_and_where(raw: bytes, offset: int, rule: str) -> None:
    with pytest.raises(DecodeError) as refused:
        bencode.decode(raw)
    assert rule in refused.value.rule
    assert refused.value.offset == offset


VALUES = st.recursive(
    st.integers() | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.binary(max_size=8), inner, max_size=5),
    max_leaves=20,
)
SOUP = st.lists(
    st.sampled_from([b"d", b"l", b"e", b"i", b"-", b"0", b"1", b"3", b":", b"1:a", b"1:b", b"i1e", b"x"]),
    max_size=12,
).map(b"".join)


@given(VALUES)
def test_there_and_back(value: bencode.Value) -> None:
    raw = bencode.encode(value)
    assert bencode.decode(raw) == value
    assert b"".join(field.raw for field in bencode.dissect(raw)) == raw


@given(st.binary(max_size=60) | SOUP)
def test_whatever_is_accepted_is_the_one_encoding(raw: bytes) -> None:
    try:
        value = bencode.decode(raw)
    except DecodeError as error:
        offset = -1 if error.offset is None else error.offset
    else:
        offset = 0
        assert bencode.encode(value) == raw
    assert 0 <= offset <= len(raw)


@given(VALUES, st.data())
def test_a_value_that_is_cut_short_is_refused(value: bencode.Value, data: st.DataObject) -> None:
    raw = bencode.encode(value)
    with pytest.raises(DecodeError):
        bencode.decode(raw[: data.draw(st.integers(0, len(raw) - 1))])


@given(VALUES)
def test_libtorrent_writes_and_reads_the_same(value: bencode.Value) -> None:
    lt = pytest.importorskip("libtorrent")
    value = _within_64_bits(value)
    raw = bencode.encode(value)
    assert lt.bencode(value) == raw
    assert lt.bdecode(raw) == value


def _within_64_bits(value: Any) -> Any:
    """libtorrent's numbers have 64 bits, and it reads the least of them, -2^63, as 0."""
    match value:
        case int():
            return max((value + 2**63) % 2**64 - 2**63, 1 - 2**63)
        case list():
            return [_within_64_bits(each) for each in value]
        case dict():
            return {key: _within_64_bits(each) for key, each in value.items()}
        case _:
            return value


# The files of libtorrent's own tests that are not the encoding of any value, and what is wrong with them. A
# line feed at the end is the work of an editor.
NOT_BENCODED = {
    "bad_name.torrent": "is there twice",
    "duplicate_files2.torrent": "follows the value",
    "invalid_file_size.torrent": "behind a greater one",
    "large_piece_size.torrent": "follows the value",
    "negative_file_size.torrent": "behind a greater one",
    "pad_file.torrent": "behind a greater one",
    "pad_file_no_path.torrent": "behind a greater one",
    "unordered.torrent": "behind a greater one",
    "v2_deep_recursion.torrent": "nested deeper",
    "v2_empty_filename.torrent": "follow the value",
    "v2_invalid_filename2.torrent": "follows the value",
    "v2_invalid_piece_layer_root.torrent": "follows the value",
    "v2_overlong_integer.torrent": "needless 0",
    "v2_unknown_piece_layer_entry.torrent": "follows the value",
    "v2_unordered_files.torrent": "behind a greater one",
}


def test_the_torrents_of_libtorrent(shared_vectors: Path) -> None:
    files = sorted((shared_vectors / "libtorrent-torrents" / "test_torrents").glob("*.torrent"))
    assert len(files) > 100
    refused = {}
    for path in files:
        raw = path.read_bytes()
        try:
            assert bencode.encode(bencode.decode(raw)) == raw
        except DecodeError as error:
            refused[path.name] = error.rule
    assert set(refused) == set(NOT_BENCODED)
    assert all(NOT_BENCODED[name] in rule for name, rule in refused.items()), refused


class Kind(enum.IntEnum):
    PING = 7


def test_what_else_is_encoded() -> None:
    assert bencode.encode((1, bytearray(b"ab"), memoryview(b"cd"), Kind.PING)) == b"li1e2:ab2:cdi7ee"  # type: ignore[arg-type]
    assert bencode.decode(memoryview(b"i1e")) == 1  # type: ignore[arg-type]


NESTED: list[Any] = []
NESTED.append(NESTED)


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("text", "no form for str"),
        (True, "no form for bool"),
        ([None], "no form for NoneType"),
        ({b"a": 1.5}, "no form for float"),
        ({"a": 1}, "keys of a dict must be bytes, not str"),
        ({1: b""}, "keys of a dict must be bytes, not int"),
        ({b"a": 1, "b": 2}, "keys of a dict must be bytes, not str"),
        (10**1024, "at most 1024 digits"),
        ([-(10**1024)], "at most 1024 digits"),
        (NESTED, "nested deeper than 128"),
    ],
    ids=range(10),
)
def test_what_cannot_be_encoded_is_the_callers_mistake(value: Any, rule: str) -> None:
    with pytest.raises(UsageError, match=rule):
        bencode.encode(value)


def test_as_deep_as_it_goes() -> None:
    raw = b"l" * 128 + b"e" * 128
    assert bencode.encode(bencode.decode(raw)) == raw


def test_the_parts_have_the_names_of_the_keys_that_lead_to_them() -> None:
    raw = b"d1:rd2:id20:mnopqrstuvwxyz1234566:valuesl6:\x7f\0\0\1\x1a\xe1ee1:t2:aa1:vi-1ee"
    parts = [(field.name, field.raw, field.note) for field in bencode.dissect(raw)]
    assert parts == [
        ("a dict", b"d", "a dict begins"),
        ("key", b"1:r", "r"),
        ("r", b"d", "a dict begins"),
        ("key", b"2:id", "id"),
        ("r.id", b"20:mnopqrstuvwxyz123456", "mnopqrstuvwxyz123456"),
        ("key", b"6:values", "values"),
        ("r.values", b"l", "a list begins"),
        ("r.values.0", b"6:\x7f\0\0\1\x1a\xe1", "7f0000011ae1"),
        ("end", b"e", "r.values ends"),
        ("end", b"e", "r ends"),
        ("key", b"1:t", "t"),
        ("t", b"2:aa", "aa"),
        ("key", b"1:v", "v"),
        ("v", b"i-1e", "-1"),
        ("end", b"e", "a dict ends"),
    ]
    assert bencode.dissect(b"30:" + b"x" * 30)[0].note == "30 bytes"
