"""Shards: what the specification prints, every fanout, and trees that lie."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.dag.block import block_of
from p2plib.data.dag.dag_pb import PBLink, PBNode, in_order
from p2plib.data.dag.unixfs import data, hamt, nodes
from p2plib.data.dag.unixfs.data import UnixFs, UnixFsKind
from p2plib.data.dag.unixfs.murmur3 import murmur3_x64_128
from p2plib.data.dag.unixfs.nodes import UnixFsNode
from p2plib.errors import DecodeError, UsageError
from p2plib.wire.cid import Cid

LEAF = block_of(b"leaf").cid


def shard(fanout: int, numbers: Iterable[int], *names: str) -> UnixFsNode:
    """A shard that says that these buckets are filled, and has links of these names."""
    field = sum(1 << number for number in numbers)
    about = UnixFs(UnixFsKind.HAMT_SHARD, field.to_bytes(fanout // 8, "big"), hash_type=0x22, fanout=fanout)
    return UnixFsNode(about, tuple(PBLink(LEAF, name) for name in names))


def test_the_way_that_the_specification_prints() -> None:
    assert hamt.name_way("470.txt", 256)[:2] == (0x00, 0x6E)
    assert hamt.name_way("742.txt", 256)[:2] == (0x00, 0xFF)
    assert hamt.label(0x6E, 256) == "6E"


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12), st.sampled_from([8, 16, 32, 256, 1024])
)
def test_a_way_is_the_hash_cut_into_pieces(name: str, fanout: int) -> None:
    bits = fanout.bit_length() - 1
    way = hamt.name_way(name, fanout)
    assert len(way) == 64 // bits
    together = "".join(f"{number:0{bits}b}" for number in way)
    whole = "".join(f"{number:08b}" for number in hamt.name_way(name, 256))
    assert whole.startswith(together)


@pytest.mark.parametrize(("fanout", "digits"), [(8, 1), (16, 1), (32, 2), (256, 2), (512, 3), (1024, 3)])
def test_labels_are_as_wide_as_the_largest(fanout: int, digits: int) -> None:
    assert {len(hamt.label(number, fanout)) for number in range(fanout)} == {digits}


@pytest.mark.parametrize("fanout", [8, 16, 32, 64, 128, 256, 512, 1024])
def test_every_name_is_found_again(fanout: int) -> None:
    names = [f"file {number}" for number in range(300)]
    blocks, total_bytes = hamt.shard_blocks([PBLink(LEAF, name, 4) for name in names], fanout)
    by_cid = {block.cid: block for block in blocks}
    found: list[str] = []
    stack: list[tuple[Cid, tuple[int, ...]]] = [(blocks[-1].cid, ())]
    while stack:
        cid, way = stack.pop()
        for bucket in hamt.buckets(nodes.read_node(cid, by_cid[cid].data), way, fanout):
            if bucket.name is None:
                stack.append((bucket.link.cid, (*way, bucket.number)))
            else:
                found.append(bucket.name)
    assert sorted(found) == sorted(names)
    assert total_bytes == sum(len(block.data) for block in blocks) + 4 * len(names)


@pytest.mark.fault("F120")
def test_what_a_shard_must_keep() -> None:
    way = hamt.name_way("cat", 256)
    first, label = way[0], hamt.label(way[0], 256)
    assert hamt.buckets(shard(256, [first], f"{label}cat"))[0].name == "cat"
    other = (first + 1) % 256
    sub = hamt.label(other, 256)
    cases = [
        (shard(256, [], f"{label}cat"), "does not say which buckets"),
        (shard(256, [first, other], f"{label}cat"), "does not say which buckets"),
        (shard(256, [first], f"{label}cat", f"{label}cat"), "two links"),
        (shard(256, [first], f"{label}cat", label), "two links"),
        (shard(256, [other], f"{sub}cat"), "its hash does not lead to"),
        (shard(256, [0xAB], "ab"), "not the label"),
        (shard(256, [1], "+1"), "not the label"),
        (shard(256, [1], " 1"), "not the label"),
        (shard(256, [1], "1"), "not the label"),
        (shard(256, [], ""), "not the label"),
        (shard(16, [], "Gcat"), "not the label"),
        (shard(32, [], "20"), "not the label of one of 32"),
        (shard(256, [first], f"{label}../cat"), "an entry '../cat'"),
        (shard(8, range(8), *(f"{n:X}" for n in range(8)), "7"), "has 9 links"),
    ]
    for node, rule in cases:
        with pytest.raises(DecodeError, match=rule):
            hamt.buckets(node)


@pytest.mark.fault("F120")
def test_what_a_shard_below_the_root_must_keep() -> None:
    with pytest.raises(DecodeError, match="fanout 16 in a directory of fanout 256"):
        hamt.buckets(shard(16, [1], "1"), (1,), 256)
    with pytest.raises(DecodeError, match="is empty"):
        hamt.buckets(shard(256, []), (1,), 256)
    assert hamt.buckets(shard(256, [])) == ()
    assert hamt.buckets(shard(256, [1], "01"), (1,) * 7, 256)[0].name is None
    with pytest.raises(DecodeError, match="at level 8, deeper"):
        hamt.buckets(shard(256, [1], "01"), (1,) * 8, 256)
    with pytest.raises(DecodeError, match="a shard was expected"):
        hamt.buckets(UnixFsNode(UnixFs(UnixFsKind.DIRECTORY)), (1,), 256)


def test_names_with_one_hash_have_no_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamt, "murmur3_x64_128", lambda _: bytes(16))
    with pytest.raises(UsageError, match="have the same hash"):
        hamt.shard_blocks([PBLink(LEAF, "a", 1), PBLink(LEAF, "b", 1)], 256)


def test_a_fanout_that_is_none() -> None:
    with pytest.raises(UsageError, match="power of two"):
        hamt.shard_blocks([PBLink(LEAF, "a", 1)], 255)


def test_the_root_alone_has_a_mode() -> None:
    links = [PBLink(LEAF, str(number), 1) for number in range(40)]
    blocks, _ = hamt.shard_blocks(links, 8, mode=0o700)
    modes = [nodes.read_node(block.cid, block.data).about.mode for block in blocks]
    assert modes == [None] * (len(blocks) - 1) + [0o700]
    plain, _ = hamt.shard_blocks(links, 8)
    assert [block.cid for block in plain[:-1]] == [block.cid for block in blocks[:-1]]


def test_the_order_of_entries_does_not_matter() -> None:
    links = [PBLink(LEAF, str(number), 1) for number in range(50)]
    assert hamt.shard_blocks(links, 16) == hamt.shard_blocks(reversed(links), 16)
    top = hamt.shard_blocks(links, 16)[0][-1]
    node = nodes.read_node(top.cid, top.data)
    assert in_order(node.links) == node.links
    assert PBNode(node.links, data.encode(dataclasses.replace(node.about))).links == node.links


# Each block of 16 bytes changes the state of the hash in a way that can be undone, so that a second block
# which leads to any state one likes is computed from the first. These were found in two minutes.
COLLIDING = (
    "a name of 32 bytes, no more: 001",
    "0000000000244054Bs0`Mfd6DAZn+No^",
    "0000000004731615N:pDrMi%#z:fv7JM",
    "00000000259189219F6E}y,f2]^t KA^",
)


@pytest.mark.fault("F120")
@pytest.mark.parametrize("fanout", [8, 256, 1024])
def test_names_that_somebody_made_collide(fanout: int) -> None:
    """Whoever adds two of them is told; one alone, and as many in a plain directory, are as good as any."""
    assert {murmur3_x64_128(name.encode()).hex() for name in COLLIDING} == {
        "d46ac47a62041bfb72064f114f7460a4"
    }
    links = [PBLink(LEAF, f"file {number}", 1) for number in range(300)]
    hamt.shard_blocks([*links, PBLink(LEAF, COLLIDING[0], 1)], fanout)
    with pytest.raises(UsageError, match=r"and .* have the same hash"):
        hamt.shard_blocks([*links, *(PBLink(LEAF, name, 1) for name in COLLIDING)], fanout)
    plain = nodes.write_node(UnixFs(UnixFsKind.DIRECTORY), [PBLink(LEAF, name, 1) for name in COLLIDING])
    assert len(nodes.read_node(plain.cid, plain.data).links) == 4


@pytest.mark.fault("F120")
def test_colliding_names_deeper_than_their_hash_are_refused() -> None:
    """A writer with more bits of the hash puts them into a shard of the ninth level: nobody here reads it."""
    way = hamt.name_way(COLLIDING[0], 256)
    number = 0x72  # the ninth byte of their hash
    bottom = shard(256, [number], f"{number:02X}{COLLIDING[0]}")
    with pytest.raises(DecodeError, match="at level 8, deeper"):
        hamt.buckets(bottom, way, 256)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", "\udcff"])
def test_names_that_no_shard_can_have(name: str) -> None:
    with pytest.raises(UsageError, match="a directory has an entry"):
        hamt.shard_blocks([PBLink(LEAF, name, 1)], 256)


def test_half_a_surrogate_pair_has_no_way() -> None:
    with pytest.raises(UsageError, match="is text"):
        hamt.name_way("\ud800", 256)
