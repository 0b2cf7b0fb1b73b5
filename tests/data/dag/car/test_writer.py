"""Writing CARs: go-car's files come out again, byte for byte."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from p2plib.data.dag.block import block_of
from p2plib.data.dag.car.format import FULLY_INDEXED, decode_v2_header
from p2plib.data.dag.car.index import INDEX_SORTED, decode_index
from p2plib.data.dag.car.reader import CarBlock, CarRoots, read_car
from p2plib.data.dag.car.writer import write_car, write_car_v2
from p2plib.errors import UsageError
from tests.data.dag.car.go_car import car
from tests.data.dag.car.test_reader import BLOCKS, WHOLE


@pytest.mark.parametrize("name", ["simple-unixfs.car", "simple-unixfs-missing-blocks.car"])
def test_a_published_file_comes_out_again(shared_vectors: Path, name: str) -> None:
    raw = car(shared_vectors, name)
    head, *rest = read_car([raw])
    assert isinstance(head, CarRoots)
    blocks = [event.block for event in rest if isinstance(event, CarBlock)]
    assert b"".join(write_car(head.roots, blocks)) == raw


def test_version_2_is_version_1_with_an_index() -> None:
    file = io.BytesIO()
    header = write_car_v2(file, [BLOCKS[0].cid], BLOCKS)
    raw = file.getvalue()
    assert file.tell() == len(raw)
    assert decode_v2_header(raw[11:51]) == header
    assert header.is_fully_indexed
    assert raw[11] == FULLY_INDEXED
    assert raw[header.data_offset : header.index_offset] == WHOLE
    assert len(decode_index(raw[header.index_offset :])) == len(BLOCKS)
    head, *rest = read_car([raw])
    assert head == CarRoots(2, (BLOCKS[0].cid,))
    assert [event.block for event in rest if isinstance(event, CarBlock)] == BLOCKS


def test_other_indexes_or_none() -> None:
    file = io.BytesIO()
    header = write_car_v2(file, [], BLOCKS, index_codec=INDEX_SORTED)
    assert decode_index(file.getvalue()[header.index_offset :]).codec == INDEX_SORTED
    file = io.BytesIO()
    header = write_car_v2(file, [], BLOCKS, index_codec=None)
    assert header.index_offset == 0
    assert not header.is_fully_indexed
    assert len(file.getvalue()) == header.data_offset + header.data_size_bytes
    with pytest.raises(UsageError):
        write_car_v2(io.BytesIO(), [], [block_of(b"")], index_codec=1)
