"""Blocks and their pins under crashes: a killed process, and a folder that breaks. One seed, one story.

What must hold, whatever happens: every block that is there is whole; every block of a durable `put` that
returned is there, unless it was removed or swept since; everything under a pin is there.
"""

from __future__ import annotations

import errno
import tempfile
from random import Random

from p2plib.data.blocks.base import damaged, raw_cid
from p2plib.data.blocks.files import FileBlocks
from p2plib.data.blocks.pins import PinnedBlocks
from p2plib.data.dag.block import Block
from p2plib.data.stores.memory import MemoryStore
from p2plib.errors import NotFound, StoreFull
from p2plib.wire.multihash import Multihash
from tests.data.stores.blobs.pretend import PowerCut, PretendFolder
from tests.soak.block_writer import LABEL, graph_of, links_of, open_graphs
from tests.soak.killing import write_and_kill
from tests.soak.worlds import Failed

KILLS = 3  # of one seed, over the same folder
LIVES = 5
EVENTS = 12
GRAPHS = 6


def killed_blocks(seed: int) -> None:
    """A writer in a process of its own is killed at random moments; what it said to be pinned is there."""
    random = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(KILLS):
            last = write_and_kill("tests.soak.block_writer", folder, seed, random, 30)
            with open_graphs(folder) as store:
                if graph_of(seed, last)[-1].cid not in store.pinned():
                    raise Failed(f"graph {last} was said to be pinned, and is not")
                if gaps := store.gaps():
                    raise Failed(f"under the pins there are gaps: {gaps[0].reason}")
                for cid in store.pinned():
                    for each in store.walk(cid):
                        store.get(each)
                store.collect()
                if hurt := list(damaged(store)):
                    raise Failed(f"{len(hurt)} blocks are not whole")


def broken_blocks(seed: int) -> None:
    """A store on a folder that breaks at random steps, with power cuts and kills, over several lives."""
    story = _BlockStory(Random(seed), seed)
    for _ in range(story.random.randint(1, LIVES)):
        story.live()
    story.end()


class _BlockStory:
    """A folder, the store in it, and what must be there.

    Attributes:
        sure: the blocks of every durable put that returned, unless they were removed or swept since.
        pins: where the pins are. They lie on another disk, which never breaks.
    """

    def __init__(self, random: Random, seed: int) -> None:
        self.random = random
        self.graphs = [graph_of(seed, number) for number in range(GRAPHS)]
        self.folder = PretendFolder()
        self.pins = MemoryStore()
        self.sure: dict[Multihash, bytes] = {}

    def live(self) -> None:
        """From one opening to the next end, with whatever goes wrong between."""
        random, folder = self.random, self.folder
        for _ in range(random.choice((0, 1, 1, 3))):
            fault = (
                PowerCut()
                if random.random() < 0.6
                else OSError(random.choice((errno.ENOSPC, errno.EIO)), "no")
            )
            folder.fail_at[len(folder.steps) + random.randrange(150)] = fault
        how = random.choice(("kill", "power"))
        try:
            store = self._open()
            self._judge(store)
            for _ in range(random.randrange(EVENTS)):
                self._event(store)
                self._judge(store)
        except PowerCut:
            pass
        except StoreFull:
            self.folder = self._after(how)  # it could not be opened
            return
        self.folder = self._after(how)

    def end(self) -> None:
        """The last opening, with a folder that does what it should."""
        with self._open() as store:
            self._judge(store)
            for graph in self.graphs:
                store.put(graph)
                store.pin(graph[-1].cid, LABEL)
            store.collect()
            if set(store.hashes()) != {block.cid.multihash for graph in self.graphs for block in graph}:
                raise Failed("a sweep left something else than the pinned graphs")

    def _after(self, how: str) -> PretendFolder:
        if how == "power":
            return self.folder.after_power_cut(self.random if self.random.random() < 0.9 else None)
        self.folder.fail_at, self.folder.is_locked = {}, False
        return self.folder

    def _open(self) -> PinnedBlocks:
        return PinnedBlocks(FileBlocks(self.folder), self.pins, links_of)

    def _event(self, store: PinnedBlocks) -> None:
        random, graph = self.random, self.random.choice(self.graphs)
        try:
            match random.choice(("add", "add", "put", "remove", "unpin", "sweep")):
                case "add":
                    with store.adding():
                        self._put(store, graph[:-1], random.random() < 0.5)
                        self._put(store, graph, True)
                        store.pin(graph[-1].cid, LABEL)
                case "put":
                    self._put(
                        store, random.sample(graph, random.randint(1, len(graph))), random.random() < 0.5
                    )
                case "remove":
                    self._remove(store, random.choice(graph))
                case "unpin":
                    store.unpin(graph[-1].cid, LABEL)
                case _:
                    self._sweep(store, graph)
        except StoreFull:  # rule 3 of the store, or a fault that passed
            return

    def _put(self, store: PinnedBlocks, blocks: list[Block], durable: bool) -> None:
        store.put(blocks, durable=durable)
        if durable:
            self.sure.update((block.cid.multihash, block.data) for block in blocks)

    def _remove(self, store: PinnedBlocks, block: Block) -> None:
        for cid in store.pinned():
            if block.cid in set(store.walk(cid)):
                return
        self.sure.pop(block.cid.multihash, None)
        store.remove(block.cid)

    def _sweep(self, store: PinnedBlocks, graph: list[Block]) -> None:
        """Half of a sweep, a put or a pin in between, and the other half."""
        wanted = {each.multihash for cid in store.pinned() for each in store.walk(cid)}
        for multihash in list(self.sure):
            if multihash not in wanted:
                del self.sure[multihash]
        between = self.random.randrange(6)
        for number, _ in enumerate(store.sweep()):
            if number == between:
                self._put(store, self.random.sample(graph, 2), True)
                try:
                    store.pin(graph[-1].cid, LABEL)
                except NotFound:  # a part of it has gone already
                    continue

    def _judge(self, store: PinnedBlocks) -> None:
        for multihash, data in self.sure.items():
            try:
                found = store.get(raw_cid(multihash))
            except NotFound:
                raise Failed("a block is gone that was put durably") from None
            if found != data:
                raise Failed("a block has other bytes")
        if list(damaged(store)):
            raise Failed("a block is not whole")
        if gaps := store.gaps():
            raise Failed(f"under the pins there are gaps: {gaps[0].reason}")
        for cid in store.pinned():
            if not all(store.has(each) for each in store.walk(cid)):
                raise Failed("a leaf is gone from under a pin")
