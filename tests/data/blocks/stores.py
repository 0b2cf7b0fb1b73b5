"""All block stores of the library, for tests that run over each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from pathlib import Path

from p2plib.data.blocks.counted import CountedBlocks
from p2plib.data.blocks.files import BLOCKSTORE_FS, FileBlocks
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.blocks.ordered import OrderedBlocks
from p2plib.data.blocks.pins import PinnedBlocks
from p2plib.data.blocks.quota import QuotaBlocks
from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.block import Block, block_of
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.data.stores.files import DiskFiles
from p2plib.data.stores.interfaces import OrderedStore
from p2plib.data.stores.log_structured.store import LogStructuredStore
from p2plib.data.stores.memory import MemoryStore
from p2plib.data.stores.sqlite import SqliteStore
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid

PLENTY_BYTES = 10**8
GRAPH = multicodec.DAG_CBOR  # the codec of `node`; the tests need links, not CBOR


def node(name: str, *links: Block | Cid) -> Block:
    """A block with links: a line for its name, and one for each link."""
    texts = [cids.to_text(link.cid if isinstance(link, Block) else link) for link in links]
    return block_of("\n".join([name, *texts]).encode(), GRAPH)


def links_of(block: Block) -> Iterable[Cid]:
    """The links of a `node`."""
    if block.cid.codec != GRAPH:
        raise UsageError(f"the links of {multicodec.name(block.cid.codec)} are not known")
    if block.data == b"broken":
        raise DecodeError("a broken node")
    return [cids.parse_text(line) for line in block.data.decode().split("\n")[1:]]


class OwnedBlocks(OrderedBlocks):
    """Closes the ordered store, too."""

    def __init__(self, owned: OrderedStore) -> None:
        super().__init__(owned)
        self.owned = owned

    def _let_go(self) -> None:
        self.owned.close()


BLOCK_STORES: dict[str, Callable[[Path], BlockStore]] = {
    "memory": lambda folder: MemoryBlocks(),
    "ordered in memory": lambda folder: OwnedBlocks(MemoryStore()),
    "ordered in sqlite": lambda folder: OwnedBlocks(SqliteStore(folder)),
    "ordered in a log": lambda folder: OwnedBlocks(LogStructuredStore(DiskFiles(folder))),
    "flatfs": lambda folder: FileBlocks(DiskFolder(folder)),
    "blockstore-fs": lambda folder: FileBlocks(DiskFolder(folder), BLOCKSTORE_FS),
    "quota": lambda folder: QuotaBlocks(MemoryBlocks(), PLENTY_BYTES),
    "pins": lambda folder: PinnedBlocks(MemoryBlocks(), MemoryStore(), links_of),
    "counted": lambda folder: CountedBlocks(MemoryBlocks()),
    "all of it": lambda folder: CountedBlocks(
        PinnedBlocks(QuotaBlocks(FileBlocks(DiskFolder(folder)), PLENTY_BYTES), MemoryStore(), links_of)
    ),
}
ON_DISK = ("ordered in sqlite", "ordered in a log", "flatfs", "blockstore-fs", "all of it")


def fresh_blocks(kind: str, folder: Path) -> Callable[[], BlockStore]:
    """Gives an empty store of a kind at each call, in a new folder below this one."""
    numbers = itertools.count()
    return lambda: BLOCK_STORES[kind](folder / f"store-{next(numbers)}")


LEAF, OTHER_LEAF, GARBAGE = block_of(b"leaf"), block_of(b"other leaf"), block_of(b"garbage")
MIDDLE = node("middle", LEAF, OTHER_LEAF)
ROOT = node("root", MIDDLE, LEAF)
GRAPH_BLOCKS = [LEAF, OTHER_LEAF, MIDDLE, ROOT]


def pinned(store: BlockStore | None = None, records: MemoryStore | None = None) -> PinnedBlocks:
    return PinnedBlocks(store or MemoryBlocks(), records or MemoryStore(), links_of)


def there(store: PinnedBlocks, *blocks: Block) -> list[bool]:
    return [store.has(block.cid) for block in blocks]
