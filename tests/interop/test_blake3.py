"""BLAKE3 by @noble/hashes, live: three modes, sizes around every edge of the tree, outputs of any length."""

from __future__ import annotations

import random
from typing import Any

import pytest

from p2plib.data.merkle import blake3
from p2plib.data.merkle.blake3 import Engine
from tests.interop.peers import ForeignPeer

pytestmark = pytest.mark.interop

EDGES = [n for blocks in (0, 1, 2, 15, 16) for n in (64 * blocks, 64 * blocks + 1)]
EDGES += [1024 * chunks + more for chunks in (1, 2, 3, 4, 5, 7, 8, 9, 31, 64, 100) for more in (-1, 0, 1)]


@pytest.mark.parametrize("engine", ["numbers", "numpy"])
def test_the_same_hashes(engine: Engine) -> None:
    if engine == "numpy":
        pytest.importorskip("numpy")
    draw = random.Random(16)
    asked, ours = list[dict[str, Any]](), list[bytes]()
    for size in EDGES:
        data, key, length = draw.randbytes(size), draw.randbytes(32), draw.choice([1, 32, 64, 65, 131])
        context = f"p2p handbook 2026-11-30 {size}"
        shared = {"data": data.hex(), "size": length}
        asked += [shared, {**shared, "key": key.hex()}, {**shared, "context": context.encode().hex()}]
        ours.append(blake3.digest(data, length, engine))
        ours.append(blake3.keyed_digest(key, data, length, engine))
        ours.append(blake3.derive_key(context, data, length, engine))
    with ForeignPeer("blake3.mjs") as peer:
        theirs = peer.ask("hash", cases=asked)
    assert theirs == [value.hex() for value in ours]
    assert len(theirs) == 3 * 43
