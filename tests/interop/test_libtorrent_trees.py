"""libtorrent makes v2 torrents of files of ours: the same pieces roots, the same piece layers."""

from __future__ import annotations

import random
import warnings
from pathlib import Path
from typing import Any

import pytest

from p2plib.data.merkle.bep52 import BLOCK_BYTES, Bep52Tree, verify_piece_layer

pytestmark = pytest.mark.interop

libtorrent = pytest.importorskip("libtorrent")

SIZES = [1, 5, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 2 * BLOCK_BYTES, 40_000, 3 * BLOCK_BYTES]
SIZES += [4 * BLOCK_BYTES, 4 * BLOCK_BYTES + 1, 100_000, 300_001, 8 * BLOCK_BYTES, 1_000_000]
PIECES = [BLOCK_BYTES, 2 * BLOCK_BYTES, 4 * BLOCK_BYTES, 32 * BLOCK_BYTES]


def v2_torrent(path: Path, piece_bytes: int) -> dict[bytes, Any]:
    """What libtorrent makes of a file or a folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        storage = libtorrent.file_storage()
        libtorrent.add_files(storage, str(path))
        made = libtorrent.create_torrent(storage, piece_bytes, libtorrent.create_torrent.v2_only)
        libtorrent.set_piece_hashes(made, str(path.parent))
        return made.generate()  # type: ignore[no-any-return]


@pytest.mark.parametrize("piece_bytes", PIECES)
def test_roots_and_piece_layers(tmp_path: Path, piece_bytes: int) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    draw, trees = random.Random(piece_bytes), dict[bytes, Bep52Tree]()
    for number, size in enumerate(SIZES):
        content = draw.randbytes(size)
        name = f"{number:02}"
        (folder / name).write_bytes(content)
        trees[name.encode()] = Bep52Tree.of(content)
    torrent = v2_torrent(folder, piece_bytes)
    listed = torrent[b"info"][b"file tree"]
    assert {name: entry[b""][b"pieces root"] for name, entry in listed.items()} == {
        name: tree.root for name, tree in trees.items()
    }
    longer = [tree for tree in trees.values() if tree.size_bytes > piece_bytes]
    layers = torrent[b"piece layers"]
    assert layers == {tree.root: tree.piece_layer(piece_bytes) for tree in longer}
    for tree in longer:
        verify_piece_layer(tree.root, tree.size_bytes, piece_bytes, layers[tree.root])
