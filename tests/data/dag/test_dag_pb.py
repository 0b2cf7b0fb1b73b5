"""dag-pb: the 17 published nodes and the negative ones, and that a node has one form."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.dag import dag_pb
from p2plib.data.dag.block import MAX_BLOCK_BYTES, block_of
from p2plib.data.dag.dag_pb import PBLink, PBNode
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec, multihash, varint
from p2plib.wire.cid import Cid

HASH = Cid(1, multicodec.RAW, multihash.identity(bytes(5)))
RAW_HASH = "0a09015500050000000000"
NAMES = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LINKS = st.builds(
    PBLink,
    st.binary(max_size=8).map(lambda data: block_of(data).cid)
    | st.binary(max_size=8).map(lambda data: Cid(1, multicodec.RAW, multihash.identity(data))),
    NAMES,
    st.none() | st.integers(0, 2**64 - 1),
)
NODES = st.builds(
    lambda links, data: PBNode(dag_pb.in_order(links), data),
    st.lists(LINKS, max_size=6),
    st.none() | st.binary(max_size=20),
)


def test_the_node_without_anything() -> None:
    # The specification's own: the block of no bytes, under both versions of its identifier.
    assert dag_pb.encode(PBNode()) == b""
    assert dag_pb.decode(b"") == PBNode()
    v1, v0 = block_of(b"", multicodec.DAG_PB), block_of(b"", multicodec.DAG_PB, version=0)
    assert cids.to_text(v1.cid) == "bafybeihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
    assert cids.to_text(v0.cid) == "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n"


def from_json(value: dict[str, Any]) -> PBNode:
    """The node that a published fixture says in JSON."""
    data = value.get("Data")
    return PBNode(
        tuple(
            PBLink(cids.parse_text(link["Hash"]["/"]), link.get("Name"), link.get("Tsize"))
            for link in value["Links"]
        ),
        None if data is None else base64.b64decode(data["/"]["bytes"] + "=="),
    )


def test_published_nodes(shared_vectors: Path) -> None:
    files = sorted((shared_vectors / "ipld-codec-fixtures" / "fixtures").glob("dagpb_*/*.dag-pb"))
    assert len(files) == 17
    for path in files:
        raw = path.read_bytes()
        node = dag_pb.decode(raw)
        assert node == from_json(json.loads(next(path.parent.glob("*.dag-json")).read_text("utf8")))
        assert dag_pb.encode(node) == raw
        assert cids.to_text(block_of(raw, multicodec.DAG_PB).cid) == path.stem


def test_published_bytes_that_are_no_node(shared_vectors: Path) -> None:
    folder = shared_vectors / "ipld-codec-fixtures" / "negative-fixtures" / "dag-pb" / "decode"
    cases = json.loads((folder / "edges.json").read_text("utf8"))
    assert len(cases) == 9
    for case in cases:
        with pytest.raises(DecodeError):
            dag_pb.decode(bytes.fromhex(case["hex"]))


@given(NODES)
def test_a_node_comes_back(node: PBNode) -> None:
    assert dag_pb.decode(dag_pb.encode(node)) == node


@given(st.binary(max_size=60) | NODES.map(dag_pb.encode).flatmap(
    lambda raw: st.tuples(st.integers(0, max(0, len(raw) - 1)), st.integers(0, 255)).map(
        lambda change: raw[: change[0]] + bytes([change[1]]) + raw[change[0] + 1 :]
    )
))  # fmt: skip
def test_what_is_read_has_one_form_or_an_old_order(raw: bytes) -> None:
    try:
        node = dag_pb.decode(raw)
    except DecodeError:
        return
    again = dag_pb.encode(PBNode(dag_pb.in_order(node.links), node.data))
    assert len(again) == len(raw)
    if dag_pb.in_order(node.links) == node.links and not raw.startswith(b"\x0a"):
        assert again == raw


def test_any_kind_of_bytes_is_read() -> None:
    node = PBNode((PBLink(HASH, "a", 3),), b"data")
    buffer = bytearray(dag_pb.encode(node))
    found = [dag_pb.decode(buffer), dag_pb.decode(memoryview(buffer))]
    buffer[:] = bytes(len(buffer))
    assert found == [node, node]


def test_old_blocks_have_the_data_first() -> None:
    new = dag_pb.encode(PBNode((PBLink(HASH, "a"), PBLink(HASH, "b")), b"data"))
    old = new[-6:] + new[:-6]
    assert old.startswith(b"\x0a\x04data")
    assert dag_pb.decode(old) == dag_pb.decode(new)


def test_links_are_sorted_by_bytes_and_equal_names_stay() -> None:
    # U+FF61 is before U+10000 in UTF-8 and after it in UTF-16, by which JavaScript compares its strings.
    links = [
        PBLink(HASH, name, number) for number, name in enumerate(["b", "\U00010000", "｡", "", "b", None])
    ]
    ordered = dag_pb.in_order(links)
    assert [link.total_bytes for link in ordered] == [3, 5, 0, 4, 2, 1]
    assert dag_pb.decode(dag_pb.encode(PBNode(ordered))).links == ordered
    with pytest.raises(UsageError, match="sorted by name"):
        dag_pb.encode(PBNode(tuple(links)))


def test_unsorted_links_are_read_as_they_stand() -> None:
    parts = [dag_pb.encode(PBNode((PBLink(HASH, name),))) for name in "ba"]
    assert [link.name for link in dag_pb.decode(b"".join(parts)).links] == ["b", "a"]


def link(text: str) -> bytes:
    inside = bytes.fromhex(text)
    return b"\x12" + varint.encode(len(inside)) + inside


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (link(RAW_HASH + "120161" + "120161"), "each once"),  # the name twice
        (link(RAW_HASH + "1801" + "120161"), "in this order"),
        (link(RAW_HASH + RAW_HASH), "each once"),
        (link("120161" + RAW_HASH), "begins with its hash"),
        (link(RAW_HASH + "2001"), "is not next"),  # an unknown field
        (link(RAW_HASH + "188000"), "needs fewer"),
        (link(RAW_HASH + "1801")[:-1] + b"\xff\x01", "after the link"),
        (link(RAW_HASH + "18ffffffffffffffffff02"), "is the most"),  # 2**64 and more
        (link(RAW_HASH + "1202ff61"), "not UTF-8"),
        (link("0a0901550005000000000000"), "is not next"),
        (link("0a0301550012"), "the hash of a link"),  # the digest is cut
        (link("0a1801551114" + "00" * 20), "known collisions"),
        (link("0a7f0155"), "are left"),
        (b"\x0a\x01a\x0a\x01a", "its data twice"),
        (b"\x0a\x05abc", "3 are left"),
        (b"\x08\x01", "no field with the tag 0x08"),
        (b"\x1a\x01a", "no field with the tag 0x1a"),
        (b"\x8a\x00\x01a", "no field with the tag 0x8a"),  # field 1 in a varint of two bytes
        (b"\x0a", "ends inside a varint"),
        (link(RAW_HASH) + b"\x0a\x01a" + link(RAW_HASH), "both sides"),
    ],
)  # fmt: skip
def test_what_is_no_node(raw: bytes, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        dag_pb.decode(raw)


@pytest.mark.fault("F119")
def test_what_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dag_pb, "MAX_LINKS", 3)
    assert len(dag_pb.decode(link(RAW_HASH) * 3).links) == 3
    with pytest.raises(DecodeError, match="more than 3 links"):
        dag_pb.decode(link(RAW_HASH) * 4)
    with pytest.raises(UsageError, match="at most 3 links"):
        dag_pb.encode(PBNode((PBLink(HASH),) * 4))
    with pytest.raises(DecodeError, match="a block has at most"):
        dag_pb.decode(bytes(MAX_BLOCK_BYTES + 1))
    with pytest.raises(UsageError, match="a block has at most"):
        dag_pb.encode(PBNode((), bytes(MAX_BLOCK_BYTES)))


@pytest.mark.parametrize("bad", [PBLink(HASH, "\ud800"), PBLink(HASH, "a", 2**64), PBLink(HASH, "a", -1)])
def test_what_cannot_be_written(bad: PBLink) -> None:
    with pytest.raises(UsageError):
        dag_pb.encode(PBNode((bad,)))
