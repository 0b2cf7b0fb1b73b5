"""Blocks: named by what is in them, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.dag import hashes
from p2plib.data.dag.block import MAX_BLOCK_BYTES, Block, block_of, checked
from p2plib.data.merkle import blake3
from p2plib.errors import DecodeError, UsageError, WrongContent
from p2plib.wire import cid as cids
from p2plib.wire import multicodec, multihash
from p2plib.wire.cid import Cid


def test_published_names() -> None:
    # What `ipfs add` says of "hello" in its newer profile, and the empty block of dag-pb in both versions.
    assert (
        cids.to_text(block_of(b"hello").cid) == "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"
    )
    empty = block_of(b"", multicodec.DAG_PB, version=0)
    assert cids.to_text(empty.cid) == "QmdfTbBqBPQ7VNxZEYEj14VmRuZBkqFbiwReogJgS1zR1n"


@given(st.binary(max_size=100), st.sampled_from(sorted(hashes.FUNCTIONS)), st.binary(max_size=100))
def test_only_its_own_bytes_are_taken(data: bytes, function: int, other: bytes) -> None:
    block = block_of(data, function=function)
    assert checked(block.cid, data) == block
    if other != data:
        with pytest.raises(WrongContent):
            checked(block.cid, other)


@pytest.mark.fault("F118")
def test_sizes_have_an_end() -> None:
    whole = block_of(bytes(MAX_BLOCK_BYTES))
    assert checked(whole.cid, whole.data) == whole
    with pytest.raises(UsageError):
        block_of(bytes(MAX_BLOCK_BYTES + 1))
    with pytest.raises(WrongContent, match="is the most"):
        checked(whole.cid, bytes(MAX_BLOCK_BYTES + 1))


def test_what_cannot_be_named() -> None:
    with pytest.raises(DecodeError):
        block_of(b"", multicodec.RAW, version=0)
    with pytest.raises(DecodeError):
        block_of(b"", multicodec.DAG_PB, version=0, function=multicodec.SHA2_512)
    with pytest.raises(UsageError):
        block_of(b"", function=multicodec.SHA1)
    with pytest.raises(UsageError):
        checked(Cid(1, multicodec.RAW, multihash.Multihash(multicodec.KECCAK_256, bytes(32))), b"")


def test_a_buffer_that_is_used_again_changes_no_block() -> None:
    buffer = bytearray(b"hello")
    made, found = block_of(buffer), checked(block_of(b"hello").cid, memoryview(buffer))
    buffer[:] = b"other"
    assert made == found == block_of(b"hello")
    assert {made, found} == {block_of(b"hello")}


def test_a_block_is_a_value() -> None:
    assert block_of(b"a") == Block(block_of(b"a").cid, b"a")
    assert len({block_of(b"a"), block_of(b"a"), block_of(b"b")}) == 2


@pytest.mark.parametrize("function", sorted(hashes.FUNCTIONS))
@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_a_block_keeps_bytes_of_its_own(kind: Callable[[bytearray], bytes], function: int) -> None:
    """Whoever fills the buffer again does not change what is under the name."""
    buffer = bytearray(b"moss")
    ours = block_of(kind(buffer), function=function)
    theirs = checked(ours.cid, kind(buffer))
    buffer[:] = b"fern"
    assert ours == theirs == block_of(b"moss", function=function)
    assert hash(ours) == hash(theirs)


@pytest.mark.parametrize("size", [32, 33, 64, 128])
def test_a_longer_digest_of_blake3_is_one_too(size: int) -> None:
    """BLAKE3 gives as many bytes as one asks for, and the content identifier says how many that were."""
    cid = Cid(1, multicodec.RAW, multihash.Multihash(multicodec.BLAKE3, blake3.digest(b"moss", size)))
    assert checked(cid, b"moss").data == b"moss"
    with pytest.raises(WrongContent):
        checked(cid, b"fern")
    last = cid.multihash.digest[:-1] + bytes([cid.multihash.digest[-1] ^ 1])
    with pytest.raises(WrongContent):
        checked(Cid(1, multicodec.RAW, multihash.Multihash(multicodec.BLAKE3, last)), b"moss")
