"""The program that is killed: it adds numbered graphs of blocks, pins them, drops old ones, and sweeps.

    python -m tests.soak.block_writer FOLDER SEED

It says the number of a graph when that is pinned. What graph number n of a seed is, `graph_of` says, so that
whoever killed it can compute what must be there.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

from p2plib.data.blocks.files import FileBlocks
from p2plib.data.blocks.pins import PinnedBlocks
from p2plib.data.dag.block import Block, block_of
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.data.stores.files import DiskFiles
from p2plib.data.stores.log_structured.store import LogStructuredStore
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid

KEPT = 4  # so many graphs stay pinned
LABEL = "graph"


def links_of(block: Block) -> Iterable[Cid]:
    """The links of the graphs of `graph_of`: each line but the first."""
    return [cids.parse_text(line) for line in block.data.decode().split("\n")[1:]]


def graph_of(seed: int, number: int) -> list[Block]:
    """Some blocks, leaves first and the root last; graphs share leaves, as versions of a file do."""
    random = Random(seed * 1_000_003 + number)
    leaves = [
        block_of(b"%d %d " % (seed, leaf) * random.choice((1, 100)))
        for leaf in random.sample(range(number, number + 12), random.randint(1, 9))
    ]
    middles = [
        block_of("\n".join([f"{number} {start}", *(cids.to_text(leaf.cid) for leaf in part)]).encode(), 0x71)
        for start in range(0, len(leaves), 3)
        if (part := leaves[start : start + 3])
    ]
    texts = [cids.to_text(block.cid) for block in (*middles, leaves[0])]
    return [*leaves, *middles, block_of("\n".join([f"root {number}", *texts]).encode(), multicodec.DAG_CBOR)]


@contextlib.contextmanager
def open_graphs(folder: str) -> Iterator[PinnedBlocks]:
    """The blocks below a folder, with their pins beside them."""
    with (
        LogStructuredStore(DiskFiles(Path(folder) / "pins")) as pins,
        PinnedBlocks(FileBlocks(DiskFolder(Path(folder) / "blocks")), pins, links_of) as blocks,
    ):
        yield blocks


def main(folder: str, seed: int) -> None:
    """Writes until it is killed."""
    random = Random()  # where it is killed is chance, too
    with open_graphs(folder) as store:
        number = len(list(store.hashes()))
        while True:
            number += 1
            graph = graph_of(seed, number)
            with store.adding():
                store.put(graph[:-1], durable=random.random() < 0.5)
                store.put(graph)
                store.pin(graph[-1].cid, LABEL)
            os.write(1, b"%d\n" % number)
            for old in store.pinned()[:-KEPT]:
                store.unpin(old, LABEL)
            if random.random() < 0.3:
                store.collect()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
