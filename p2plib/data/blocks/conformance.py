"""What every `BlockStore` must do, as a suite that anybody can run over an implementation of their own.

::

    check_block_store(MyStore)

The argument returns a fresh, empty store at each call; the suite closes it. A store that outlives its object
is checked once more with `check_blocks_reopened`, and one on a disk that can change with
`check_damaged_blocks`. A store that breaks a rule of `p2plib.data.blocks.store` raises `RuleBroken`,
which says what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag import hashes
from p2plib.data.dag.block import MAX_BLOCK_BYTES, Block, block_of
from p2plib.data.stores.rules import RuleBroken, demand, raises
from p2plib.errors import Closed, NotFound, P2PError, StoreCorrupt
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

SIZES = (0, 1, 31, 32, 33, 65_535, 65_536, 262_144, MAX_BLOCK_BYTES)
MANY = 300  # more than a store writes in one batch


def sample_block(size_bytes: int, seed: int = 0, codec: int = multicodec.RAW) -> Block:
    """A block whose bytes show when some are lost, doubled or swapped."""
    period = bytes((seed + i * i) % 251 for i in range(1009))
    return block_of((period * (size_bytes // len(period) + 1))[:size_bytes], codec)


def numbered_block(number: int) -> Block:
    """A small block that differs from those of other numbers."""
    return block_of(b"block %d" % number)


def _demand_there(store: BlockStore, block: Block) -> None:
    demand(store.has(block.cid), "a block that was put is not there")
    demand(store.get(block.cid) == block.data, f"a block of {len(block.data)} bytes came back changed")
    demand(store.size(block.cid) == len(block.data), "the size of a block is wrong")


def _demand_all(store: BlockStore, blocks: list[Block]) -> None:
    for block in blocks:
        _demand_there(store, block)
    listed = sorted(store.hashes(), key=Multihash.encode)
    wanted = sorted({block.cid.multihash for block in blocks}, key=Multihash.encode)
    demand(listed == wanted, f"{len(listed)} blocks are listed, where {len(wanted)} were put")


def check_sizes(store: BlockStore) -> None:
    blocks = [sample_block(size) for size in SIZES]
    store.put(blocks)
    _demand_all(store, blocks)


def check_functions(store: BlockStore) -> None:
    blocks = [block_of(b"hash me", function=code) for code in hashes.FUNCTIONS if code]
    store.put(blocks)
    _demand_all(store, blocks)


def check_changing_bytes(store: BlockStore) -> None:
    """Bytes that their owner changes later are kept as they were."""
    kinds: tuple[Callable[[Any], Any], ...] = (bytearray, memoryview)
    for kind in kinds:
        theirs = bytearray(b"as it was in %s" % str(kind).encode())
        block = block_of(bytes(theirs))
        store.put([Block(block.cid, kind(theirs))])
        theirs[0] ^= 1
        _demand_there(store, block)
        demand(type(store.get(block.cid)) is bytes, "a block came back as something other than bytes")


def check_missing(store: BlockStore) -> None:
    absent = block_of(b"nobody has this").cid
    demand(not store.has(absent), "a block is there that nobody put")
    raises(NotFound, lambda: store.get(absent), "getting a block that is not there")
    raises(NotFound, lambda: store.size(absent), "the size of a block that is not there")
    store.remove(absent)
    store.put([])
    demand(list(store.hashes()) == [], "an empty store lists blocks")


def check_by_hash(store: BlockStore) -> None:
    """Version and codec say how to read a block, not which block it is."""
    old = block_of(b"one content", multicodec.DAG_PB, version=0)
    others = [block_of(b"one content", codec) for codec in (multicodec.RAW, multicodec.DAG_CBOR)]
    store.put([old])
    for other in others:
        _demand_there(store, other)
    store.put(others)
    _demand_all(store, [old])
    store.remove(others[0].cid)
    demand(not store.has(old.cid), "a block that was removed under another codec is there")


def check_identity(store: BlockStore) -> None:
    inside = block_of(b"in the name", function=multicodec.IDENTITY)
    _demand_there(store, inside)
    store.put([inside, numbered_block(1)])
    store.remove(inside.cid)
    _demand_there(store, inside)
    demand(list(store.hashes()) == [numbered_block(1).cid.multihash], "an identity block is listed")


def check_again(store: BlockStore) -> None:
    blocks = [numbered_block(number) for number in range(3)]
    store.put([*blocks, blocks[0], blocks[0]])
    store.put(blocks, durable=False)
    store.put(reversed(blocks))
    _demand_all(store, blocks)


def check_removed(store: BlockStore) -> None:
    gone, kept = numbered_block(1), numbered_block(2)
    store.put([gone, kept])
    store.remove(gone.cid)
    demand(not store.has(gone.cid), "a removed block is there")
    raises(NotFound, lambda: store.get(gone.cid), "getting a removed block")
    _demand_all(store, [kept])
    store.remove(gone.cid)
    store.put([gone])
    _demand_all(store, [gone, kept])


def check_many(store: BlockStore) -> None:
    blocks = [numbered_block(number) for number in range(MANY)]
    store.put(iter(blocks))
    _demand_all(store, blocks)
    store.put((block for block in blocks), durable=False)
    for multihash in store.hashes():  # blocks may be removed during a listing
        store.remove(Cid(1, multicodec.RAW, multihash))
    _demand_all(store, [])


def check_not_durable(store: BlockStore) -> None:
    blocks = [numbered_block(number) for number in range(3)]
    store.put(blocks, durable=False)
    _demand_all(store, blocks)
    store.put(blocks)
    _demand_all(store, blocks)


def check_source_fails(store: BlockStore) -> None:
    """An error of the caller's own iterator is passed on; each block is there whole or not at all."""
    blocks = [numbered_block(number) for number in range(MANY)]

    def source() -> Iterator[Block]:
        yield from blocks[:-1]
        raise KeyError("a caller's own error")

    raises(KeyError, lambda: store.put(source()), "putting from a source that fails")
    for block in blocks:
        if store.has(block.cid):
            _demand_there(store, block)
    demand(not store.has(blocks[-1].cid), "a block is there that the source never yielded")
    store.put(blocks)
    _demand_all(store, blocks)


def check_closed(store: BlockStore) -> None:
    block = numbered_block(1)
    store.put([block, numbered_block(2)])
    listed = store.hashes()
    next(listed)
    store.close()
    store.close()
    raises(Closed, lambda: next(listed), "the next step of a listing")
    raises(Closed, lambda: store.put([block]), "putting into a closed store")
    raises(Closed, lambda: store.get(block.cid), "getting from a closed store")
    raises(Closed, lambda: store.size(block.cid), "the size in a closed store")
    raises(Closed, lambda: store.has(block.cid), "has of a closed store")
    raises(Closed, lambda: store.remove(block.cid), "removing from a closed store")
    raises(Closed, lambda: list(store.hashes()), "listing a closed store")


BLOCK_CHECKS: tuple[Callable[[BlockStore], None], ...] = (
    check_sizes, check_functions, check_changing_bytes, check_missing, check_by_hash, check_identity,
    check_again, check_removed, check_many, check_not_durable, check_source_fails, check_closed,
)  # fmt: skip


def check_block_store(make: Callable[[], BlockStore]) -> None:
    """Runs every check over a fresh store.

    Args:
        make: returns an empty store.

    Raises:
        RuleBroken: the store broke a rule.
    """
    for check in BLOCK_CHECKS:
        with make() as store:
            try:
                check(store)
            except P2PError as error:
                raise RuleBroken(f"in {check.__name__} the store raised {error!r}") from error


def check_blocks_reopened(reopen: Callable[[], BlockStore]) -> None:
    """A store that outlives its object still has what was put and not removed.

    Args:
        reopen: opens the same store again at each call; empty the first time.

    Raises:
        RuleBroken: the store broke a rule.
    """
    kept = [sample_block(size) for size in SIZES[:-1]]
    with reopen() as store:
        store.put([*kept, numbered_block(1)])
        store.remove(numbered_block(1).cid)
    with reopen() as store:
        _demand_all(store, kept)
        store.put(kept)
        _demand_all(store, kept)


def check_damaged_blocks(make: Callable[[], BlockStore], damage: Callable[[Cid], None]) -> None:
    """What a store does when its disk has changed a block: it says so, and the block can be put again.

    Args:
        make: returns an empty store.
        damage: changes the bytes of a block on the disk of the store that `make` returned last.

    Raises:
        RuleBroken: the store broke a rule.
    """
    hurt, whole = sample_block(1000, 1), sample_block(1000, 2)
    with make() as store:
        store.put([hurt, whole])
        damage(hurt.cid)
        raises(StoreCorrupt, lambda: store.get(hurt.cid), "getting a damaged block")
        if not store.has(hurt.cid):
            raises(StoreCorrupt, lambda: store.size(hurt.cid), "the size of a block that shows its damage")
        demand(hurt.cid.multihash in set(store.hashes()), "a damaged block is not listed")
        _demand_there(store, whole)
        store.put([hurt])
        _demand_all(store, [hurt, whole])
        damage(hurt.cid)
        store.remove(hurt.cid)
        demand(not store.has(hurt.cid), "a damaged block cannot be removed")
        _demand_all(store, [whole])
