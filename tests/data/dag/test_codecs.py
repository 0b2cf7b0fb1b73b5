"""The table of codecs: one value, written by each, is the same value; links are found in each."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2plib.data.dag import codecs, dag_json, dag_pb
from p2plib.data.dag.block import block_of
from p2plib.data.dag.codecs import block_from, links
from p2plib.data.dag.dag_pb import PBLink, PBNode
from p2plib.data.dag.values import DagValue
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from tests.data.dag.ipld_fixtures import SHA1, negative, positive

A, B = block_of(b"a").cid, block_of(b"b").cid
CODES = {
    "dag-cbor": multicodec.DAG_CBOR,
    "dag-json": multicodec.DAG_JSON,
    "dag-pb": multicodec.DAG_PB,
}


def test_published_values_go_from_each_codec_to_each_other(shared_vectors: Path) -> None:
    pairs = 0
    for name, files in positive(shared_vectors).items():
        if name in SHA1:
            continue
        for source, (_, data) in files.items():
            value = codecs.decode(CODES[source], data)
            for target, (text, wanted) in files.items():
                made = block_from(value, CODES[target])
                assert made.data == wanted, f"{name}: {source} to {target}"
                assert cids.to_text(made.cid) == text
                pairs += 1
    assert pairs == 4 * 125 + 5 * sum("dagpb" in name for name in positive(shared_vectors))


def test_what_dag_pb_must_not_encode(shared_vectors: Path) -> None:
    rows = negative(shared_vectors, "dag-pb", "encode")
    assert len(rows) > 20
    for row in rows:
        text = row["dag-json"]
        value = as_value(text)
        with pytest.raises(UsageError):
            codecs.encode(multicodec.DAG_PB, value)


def test_what_dag_pb_must_not_decode(shared_vectors: Path) -> None:
    rows = negative(shared_vectors, "dag-pb")
    assert len(rows) == 9
    for row in rows:
        with pytest.raises(DecodeError):
            codecs.decode(multicodec.DAG_PB, bytes.fromhex(row["hex"]))


def as_value(shown: object) -> DagValue:
    """The value that DAG-JSON says, once Python's own reader has read it."""
    if isinstance(shown, list):
        return [as_value(each) for each in shown]
    if isinstance(shown, dict):
        if set(shown) == {"/"}:
            inside = shown["/"]
            text = (
                f'{{"/":{{"bytes":"{inside["bytes"]}"}}}}'
                if isinstance(inside, dict)
                else f'{{"/":"{inside}"}}'
            )
            return dag_json.decode(text.encode())
        return {key: as_value(each) for key, each in shown.items()}
    return shown  # type: ignore[return-value]


def test_links_of_every_codec() -> None:
    assert links(block_of(b"\xd8\x2a")) == ()
    assert links(block_from([A, {"x": B, "y": A}])) == (A, B, A)
    assert links(block_from([A, {"x": B}], multicodec.DAG_JSON)) == (A, B)
    node = dag_pb.encode(PBNode((PBLink(B), PBLink(A, "a"))))
    assert links(block_of(node, multicodec.DAG_PB, version=0)) == (B, A)
    for codec in (multicodec.DAG_CBOR, multicodec.DAG_JSON, multicodec.DAG_PB, multicodec.LIBP2P_KEY):
        with pytest.raises(DecodeError):
            links(block_of(b"\xff", codec))


def test_codecs_that_nobody_here_knows() -> None:
    with pytest.raises(DecodeError, match="libp2p-key"):
        codecs.decode(multicodec.LIBP2P_KEY, b"")
    with pytest.raises(UsageError, match="libp2p-key"):
        codecs.encode(multicodec.LIBP2P_KEY, b"")
    with pytest.raises(UsageError, match="raw"):
        codecs.encode(multicodec.RAW, "text")


@pytest.mark.parametrize("size", [-1, 2**64, True, 1.0])
def test_sizes_that_dag_pb_cannot_say(size: DagValue) -> None:
    with pytest.raises(UsageError, match="Tsize"):
        codecs.encode(multicodec.DAG_PB, {"Links": [{"Hash": A, "Tsize": size}]})
