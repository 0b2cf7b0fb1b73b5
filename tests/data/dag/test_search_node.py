"""Nodes of Merkle search trees: the published depths of keys, known bytes, and hostile nodes."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.dag import dag_cbor, search_node
from p2plib.data.dag.block import block_of
from p2plib.data.dag.search_node import (
    MAX_KEY_BYTES,
    ROOT_BOUNDS,
    SearchBounds,
    SearchNode,
    check_key,
    decode_node,
    encode_node,
    layer_of,
)
from p2plib.errors import DecodeError, UsageError

VALUE, OTHER = block_of(b"value").cid, block_of(b"other").cid
# Keys of layer 0, 1 and 2, in order.
LOW = sorted(b"k%d" % number for number in range(200) if layer_of(b"k%d" % number) == 0)[:6]
MIDDLE = sorted(b"k%d" % number for number in range(200) if layer_of(b"k%d" % number) == 1)[:6]


@pytest.mark.parametrize(
    ("key", "layer"),
    [(b"", 0), (b"asdf", 0), (b"blue", 1), (b"2653ae71", 0), (b"88bfafc7", 2), (b"2a92d355", 4),
     (b"884976f5", 6), (b"app.bsky.feed.post/454397e440ec", 4), (b"app.bsky.feed.post/9adeb165882c", 8)],
)  # fmt: skip
def test_published_layers(key: bytes, layer: int) -> None:
    assert layer_of(key) == layer


def node(
    keys: list[bytes], *, first: bool = False, after: bool = False, layer: int | None = None
) -> SearchNode:
    return SearchNode(
        layer_of(keys[0]) if layer is None else layer,
        tuple(keys),
        (VALUE,) * len(keys),
        (OTHER if first else None, *[OTHER if after else None] * len(keys)),
    )


def test_known_bytes() -> None:
    empty = encode_node(SearchNode(0, (), (), (None,)))
    assert empty == bytes.fromhex("a2616580616cf6")
    found = dag_cbor.decode(encode_node(node([b"k10", b"k11"], layer=0)))
    assert isinstance(found, dict)
    assert [(entry["p"], entry["k"]) for entry in found["e"]] == [(0, b"k10"), (2, b"1")]  # type: ignore[index, union-attr, call-overload]


@given(st.sets(st.sampled_from(MIDDLE), min_size=1), st.booleans(), st.booleans())
def test_round_trip(keys: set[bytes], first: bool, after: bool) -> None:
    made = node(sorted(keys), first=first, after=after)
    assert decode_node(encode_node(made), ROOT_BOUNDS) == made
    assert decode_node(encode_node(made), SearchBounds(1)) == made


def test_nodes_without_keys() -> None:
    passing = encode_node(SearchNode(2, (), (), (VALUE,)))
    assert decode_node(passing, SearchBounds(2)) == SearchNode(2, (), (), (VALUE,))
    empty = encode_node(SearchNode(0, (), (), (None,)))
    assert decode_node(empty, ROOT_BOUNDS) == SearchNode(0, (), (), (None,))
    for raw, bounds in ((passing, ROOT_BOUNDS), (empty, SearchBounds(2)), (passing, SearchBounds(0))):
        with pytest.raises(DecodeError):
            decode_node(raw, bounds)


@pytest.mark.fault("F119")
@pytest.mark.parametrize(
    ("made", "bounds"),
    [
        (node([LOW[0], MIDDLE[0]], layer=0), ROOT_BOUNDS),
        (node(LOW[:2]), SearchBounds(1)),
        (node(LOW[:2][::-1]), ROOT_BOUNDS),
        (node([LOW[0], LOW[0]]), ROOT_BOUNDS),
        (node(LOW[:1], first=True), ROOT_BOUNDS),
        (node(LOW[:1], after=True), ROOT_BOUNDS),
        (node(LOW[:2]), SearchBounds(0, LOW[0], None)),
        (node(LOW[:2]), SearchBounds(0, b"z", None)),
        (node(LOW[:2]), SearchBounds(0, b"", LOW[1])),
        (node(LOW[:2]), SearchBounds(0, b"", b"a")),
    ],
)
def test_nodes_that_do_not_fit(made: SearchNode, bounds: SearchBounds) -> None:
    with pytest.raises(DecodeError):
        decode_node(encode_node(made), bounds)


ENTRY = {"p": 0, "k": LOW[0], "v": VALUE, "t": None}


@pytest.mark.parametrize(
    "value",
    [
        [],
        None,
        {},
        {"l": None},
        {"e": []},
        {"l": None, "e": {}},
        {"l": 1, "e": []},
        {"l": None, "e": [], "x": 1},
        {"l": None, "e": [None]},
        {"l": None, "e": [{**ENTRY, "x": 1}]},
        {"l": None, "e": [{**ENTRY, "p": 1}]},
        {"l": None, "e": [{**ENTRY, "p": -1}]},
        {"l": None, "e": [{**ENTRY, "p": False}]},
        {"l": None, "e": [{**ENTRY, "k": "text"}]},
        {"l": None, "e": [{**ENTRY, "v": None}]},
        {"l": None, "e": [{**ENTRY, "t": 1}]},
        {"l": None, "e": [{**ENTRY, "k": b""}]},
        {"l": None, "e": [{**ENTRY, "k": bytes(MAX_KEY_BYTES + 1)}]},
        {"l": None, "e": [ENTRY, {**ENTRY, "k": LOW[1]}]},
        {"l": None, "e": [ENTRY, {**ENTRY, "p": 99}]},
    ],
)
def test_what_is_no_node(value: Any) -> None:
    with pytest.raises(DecodeError):
        decode_node(dag_cbor.encode(value), ROOT_BOUNDS)


@pytest.mark.fault("F119")
def test_keys_that_repeat_the_one_before_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [key for number in range(30) if layer_of(key := bytes(1000) + b"%02d" % number) == 0]
    monkeypatch.setattr(search_node, "MAX_NODE_KEYS", len(keys))
    raw = encode_node(node(keys))
    assert len(raw) < 30 * 80 + 1000
    assert decode_node(raw, ROOT_BOUNDS) == node(keys)
    monkeypatch.setattr(search_node, "MAX_NODE_KEYS", len(keys) - 1)
    with pytest.raises(DecodeError, match="is the most"):
        decode_node(raw, ROOT_BOUNDS)
    with pytest.raises(UsageError, match="is the most"):
        encode_node(node(keys))


def test_what_is_in_common_is_counted_without_reading_it_again() -> None:
    """Each key is as long as a key may be, and all but its end are those of the one before."""
    keys = [key for number in range(4000) if layer_of(key := bytes(1020) + b"%04d" % number) == 0]
    made = node(keys)
    raw = encode_node(made)
    long, short = [], []
    for _ in range(3):
        begun = time.process_time()
        assert decode_node(raw, ROOT_BOUNDS) == made
        long.append(time.process_time() - begun)
        begun = time.process_time()
        dag_cbor.decode(raw)
        short.append(time.process_time() - begun)
    assert min(long) < 8 * min(short)


@given(st.sets(st.sampled_from(LOW), min_size=1), st.data())
def test_damaged_nodes_are_refused_or_have_one_form(keys: set[bytes], data: st.DataObject) -> None:
    raw = bytearray(encode_node(node(sorted(keys))))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decode_node(raw, ROOT_BOUNDS)
    except DecodeError:
        return
    assert encode_node(found) == raw


def test_keys() -> None:
    check_key(b"x")
    check_key(bytes(MAX_KEY_BYTES))
    for key in (b"", bytes(MAX_KEY_BYTES + 1), "text", None):
        with pytest.raises(UsageError):
            check_key(key)  # type: ignore[arg-type]
