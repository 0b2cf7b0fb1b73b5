"""Our block files and npm's blockstore-fs over one folder: each reads what the other wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from p2plib.data.blocks.base import damaged
from p2plib.data.blocks.conformance import numbered_block, sample_block
from p2plib.data.blocks.files import BLOCKSTORE_FS, FLATFS, BlockLayout, FileBlocks
from p2plib.data.dag.block import block_of
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.errors import StoreCorrupt
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from tests.interop.peers import ForeignPeer

pytestmark = pytest.mark.interop

LAYOUTS = {"blockstore-fs": BLOCKSTORE_FS, "flatfs": FLATFS}
BLOCKS = [
    *(sample_block(size) for size in (0, 1, 65_537, 262_144)),
    *(numbered_block(number) for number in range(100)),
    block_of(bytes.fromhex("0a020801"), multicodec.DAG_PB, version=0),
    block_of(b"\xa0", multicodec.DAG_CBOR),
]


@pytest.fixture(scope="module")
def npm() -> Iterator[ForeignPeer]:
    with ForeignPeer("block_stores.mjs") as peer:
        yield peer


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def opened(folder: Path, layout: str) -> FileBlocks:
    kind: BlockLayout = LAYOUTS[layout]
    return FileBlocks(DiskFolder(folder), kind)


def texts() -> list[str]:
    return [cids.to_text(block.cid) for block in BLOCKS]


def test_they_read_our_blocks(npm: ForeignPeer, layout: str, tmp_path: Path) -> None:
    with opened(tmp_path, layout) as store:
        store.put(BLOCKS)
        at = {"folder": str(tmp_path), "layout": layout}
        assert npm.ask("get", cids=texts(), **at) == [block.data.hex() for block in BLOCKS]
        pairs = sorted([block.cid.multihash.encode().hex(), block.data.hex()] for block in BLOCKS)
        assert npm.ask("all", **at) == pairs
        assert npm.ask("has", cids=[texts()[0], cids.to_text(numbered_block(999).cid)], **at) == [True, False]
        npm.ask("remove", cid=texts()[0], **at)
        assert not store.has(BLOCKS[0].cid)


def test_we_read_their_blocks(npm: ForeignPeer, layout: str, tmp_path: Path) -> None:
    with opened(tmp_path, layout) as store:
        at = {"folder": str(tmp_path), "layout": layout}
        pairs = [[text, block.data.hex()] for text, block in zip(texts(), BLOCKS, strict=True)]
        assert npm.ask("put", blocks=pairs, **at) == len(BLOCKS)
        assert set(store.hashes()) == {block.cid.multihash for block in BLOCKS}
        assert [store.get(block.cid) for block in BLOCKS] == [block.data for block in BLOCKS]
        assert list(damaged(store)) == []
        store.remove(BLOCKS[-1].cid)
        assert npm.ask("has", cids=[texts()[-1]], **at) == [False]


@pytest.mark.fault("F121")
def test_they_believe_a_damaged_file_and_we_do_not(npm: ForeignPeer, layout: str, tmp_path: Path) -> None:
    block = numbered_block(1)
    with opened(tmp_path, layout) as store:
        store.put([block])
        (tmp_path / LAYOUTS[layout].path_of(block.cid.multihash)).write_bytes(b"other")
        text = cids.to_text(block.cid)
        assert npm.ask("get", folder=str(tmp_path), layout=layout, cids=[text]) == [b"other".hex()]
        with pytest.raises(StoreCorrupt):
            store.get(block.cid)
