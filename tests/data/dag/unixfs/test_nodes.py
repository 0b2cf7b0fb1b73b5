"""Blocks as nodes of UnixFS: the published ones that are none, and links that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2plib.data.dag import dag_pb
from p2plib.data.dag.block import block_of
from p2plib.data.dag.dag_pb import PBLink, PBNode
from p2plib.data.dag.unixfs import data, nodes
from p2plib.data.dag.unixfs.data import UnixFs, UnixFsKind
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec

LEAF = block_of(b"leaf")
DIRECTORY = UnixFs(UnixFsKind.DIRECTORY)


def block(about: UnixFs, *links: PBLink) -> tuple[cids.Cid, bytes]:
    """A block whose links nobody has checked."""
    made = block_of(dag_pb.encode(PBNode(links, data.encode(about))), multicodec.DAG_PB)
    return made.cid, made.data


@pytest.mark.parametrize(
    ("about", "text"),
    [
        (DIRECTORY, "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"),
        (DIRECTORY, "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"),
        (UnixFs(UnixFsKind.FILE, None, 0), "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"),
        (
            UnixFs(UnixFsKind.FILE, None, 0),
            "bafybeif7ztnhq65lumvvtr4ekcwd2ifwgm3awq4zfr3srh462rwyinlb4y",
        ),
        (UnixFs(UnixFsKind.SYMLINK, b"foo"), "QmTB8BaCJdCH5H3k7GrxJsxgDNmNYGGR71C58ERkivXoj5"),
        (UnixFs(UnixFsKind.FILE, b"content\n", 8), "Qme2y5HA5kvo2jAx13UsnV5bQJVijiAJCPvaW3JGQWhvJZ"),
        (
            UnixFs(UnixFsKind.FILE, b"Hello from IPFS Gateway Checker\n", 32),
            "bafybeifx7yeb55armcsxwwitkymga5xf53dxiarykms3ygqic223w5sk3m",
        ),
    ],
)
def test_the_identifiers_that_the_specification_prints(about: UnixFs, text: str) -> None:
    version = cids.parse_text(text).version
    made = nodes.write_node(about, cid_version=version)
    assert cids.to_text(made.cid) == text
    assert nodes.read_node(made.cid, made.data).about == about


def test_published_nodes_that_are_no_unixfs(shared_vectors: Path) -> None:
    """The specification lists which of the dag-pb fixtures are files or directories: two of seventeen."""
    files = sorted((shared_vectors / "ipld-codec-fixtures" / "fixtures").glob("dagpb_*/*.dag-pb"))
    kinds = {}
    for path in files:
        made = block_of(path.read_bytes(), multicodec.DAG_PB)
        try:
            kinds[path.parent.name] = nodes.read_node(made.cid, made.data).kind
        except DecodeError:
            continue
    assert len(files) == 17
    assert kinds == {
        "dagpb_7unnamedlinks+data": UnixFsKind.FILE,
        "dagpb_4namedlinks+data": UnixFsKind.DIRECTORY,
    }


def test_a_raw_block_is_a_file() -> None:
    node = nodes.read_node(LEAF.cid, LEAF.data)
    assert (node.kind, node.is_file, node.file_bytes, node.links) == (UnixFsKind.FILE, True, 4, ())


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "a\0", "\0"])
def test_names_that_no_entry_can_have(name: str) -> None:
    with pytest.raises(DecodeError, match="a directory has an entry"):
        nodes.read_node(*block(DIRECTORY, PBLink(LEAF.cid, name)))
    with pytest.raises(UsageError, match="a directory has an entry"):
        nodes.write_node(DIRECTORY, [PBLink(LEAF.cid, name)])


def test_an_entry_without_a_name() -> None:
    with pytest.raises(DecodeError, match="cannot name an entry"):
        nodes.read_node(*block(DIRECTORY, PBLink(LEAF.cid)))


def test_two_entries_of_one_name() -> None:
    with pytest.raises(DecodeError, match="two entries 'a'"):
        nodes.read_node(*block(DIRECTORY, PBLink(LEAF.cid, "a"), PBLink(LEAF.cid, "a")))


@pytest.mark.fault("F119")
def test_sizes_and_links_that_do_not_pair() -> None:
    link = PBLink(LEAF.cid, "", 4)
    assert nodes.read_node(*block(UnixFs(UnixFsKind.FILE, None, 8, (4, 4)), link, link)).file_bytes == 8
    for links in ((), (link,), (link,) * 3):
        with pytest.raises(DecodeError, match=f"a file has {len(links)} links and 2 sizes"):
            nodes.read_node(*block(UnixFs(UnixFsKind.FILE, None, 8, (4, 4)), *links))
    with pytest.raises(DecodeError, match="have no names"):
        nodes.read_node(*block(UnixFs(UnixFsKind.FILE, None, 4, (4,)), PBLink(LEAF.cid, "part")))


@pytest.mark.parametrize("about", [UnixFs(UnixFsKind.SYMLINK, b"x"), UnixFs(UnixFsKind.RAW, b"x", 1)])
def test_what_has_no_links(about: UnixFs) -> None:
    with pytest.raises(DecodeError, match="has no links"):
        nodes.read_node(*block(about, PBLink(LEAF.cid)))


def test_what_is_no_block_of_unixfs() -> None:
    made = block_of(b"", multicodec.DAG_PB)
    with pytest.raises(DecodeError, match="without data"):
        nodes.read_node(made.cid, made.data)
    other = block_of(b"\xa0", multicodec.DAG_CBOR)
    with pytest.raises(DecodeError, match="not of dag-cbor"):
        nodes.read_node(other.cid, other.data)
