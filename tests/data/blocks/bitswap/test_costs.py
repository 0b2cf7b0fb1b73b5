"""What a stranger can make us keep and do: counts, not times."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from p2plib.data.blocks.bitswap import messages
from p2plib.data.blocks.bitswap.driver import BlockExchange
from p2plib.data.blocks.bitswap.events import BitswapLimits
from p2plib.data.blocks.bitswap.machine import Bitswap
from p2plib.data.blocks.bitswap.messages import MAX_ENTRIES, BitswapMessage, Payload, WantEntry, WantKind
from p2plib.data.blocks.bitswap.remote import MAX_LEFT_OVER_BYTES
from p2plib.data.blocks.bitswap.serving import MAX_PRESENCES, Serving
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import MAX_BLOCK_BYTES, Block, block_of
from p2plib.errors import DecodeError, UsageError
from p2plib.protocol.node import Node
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash
from tests.data.blocks.bitswap.worlds import (
    Puppet,
    World,
    id_of,
    in_a_world,
    key_of,
    says_nothing,
    some_blocks,
)

pytestmark = pytest.mark.fault("F149")


def cid_of(number: int) -> Cid:
    """That of a block which nobody has; made without hashing."""
    return Cid(1, multicodec.RAW, Multihash(multicodec.SHA2_256, number.to_bytes(32, "big")))


class CountingStore(MemoryBlocks):
    """Counts how often it is asked."""

    def __init__(self, blocks: Iterable[Block] = ()) -> None:
        super().__init__()
        self.put(blocks)
        self.sizes = self.gets = 0

    def size(self, cid: Cid) -> int:
        self.sizes += 1
        return super().size(cid)

    def get(self, cid: Cid) -> bytes:
        self.gets += 1
        return super().get(cid)


def held(side: Serving, name: str) -> int:
    """How much a peer makes the side that serves keep."""
    customer = side._customers[name]
    return len(customer.wants) + len(customer.due) + len(customer.lacking)


def served(store: MemoryBlocks, **limits: int) -> Bitswap:
    machine = Bitswap(store, BitswapLimits(**limits))  # type: ignore[arg-type]
    machine.joined("ana", 0.0)
    return machine


def wants_of(numbers: Iterable[int], *, full: bool = False, cancel: bool = False) -> BitswapMessage:
    lines = (
        WantEntry(cid_of(number), kind=WantKind(number % 2), asks_dont_have=True, is_cancel=cancel)
        for number in numbers
    )
    return BitswapMessage(tuple(lines), full)


@pytest.mark.slow
def test_a_million_wants_in_many_messages() -> None:
    store = CountingStore()
    machine = served(store)
    most = 0
    said = [wants_of(range(at, at + 4000)) for at in range(0, 40_000, 4000)]
    for _ in range(25):
        for message in said:
            machine.receive("ana", message, 0.0)
            most = max(most, held(machine.serving, "ana"))
    assert most <= 2 * machine.limits.max_wants_kept
    assert len(machine.serving.wants_of("ana")) == machine.limits.max_wants_kept
    assert machine.serving.dropped == 1_000_000 - 25 * machine.limits.max_wants_kept
    assert (store.sizes, store.gets) == (1_000_000, 0)  # once for each line, and nothing is read
    answers = []
    while (answer := machine.next_message("ana")) is not None:
        answers.append(len(answer.presences))
    assert sum(answers) <= 2 * machine.limits.max_wants_kept
    assert max(answers) <= MAX_PRESENCES


def test_full_lists_again_and_again_and_want_and_cancel() -> None:
    """Each costs as much as the first, and what is kept does not grow."""
    store = CountingStore()
    machine = served(store)
    sizes = set()
    for round_ in range(10):
        machine.receive("ana", wants_of(range(round_, round_ + 2000), full=True), 0.0)
        sizes.add(held(machine.serving, "ana"))
    assert sizes == {2 * 1024}  # its wants, and which of them we lack
    assert store.sizes == 10 * 2000
    for _ in range(10):
        machine.receive("ana", wants_of(range(2000)), 0.0)
        machine.receive("ana", wants_of(range(3000), cancel=True), 0.0)
        assert held(machine.serving, "ana") == 0
    assert store.sizes == 20 * 2000  # a cancel asks the store nothing
    assert machine.ledgers["ana"].sent_blocks == 0


def test_one_block_wanted_again_and_again_is_sent_once_a_message() -> None:
    (block,) = some_blocks(1, 50_000)
    store = CountingStore([block])
    machine = served(store)
    for kind in (WantKind.BLOCK, WantKind.HAVE) * 50:
        machine.receive("ana", BitswapMessage((WantEntry(block.cid, kind=kind),) * 20), 0.0)
    message = machine.next_message("ana")
    assert message is not None
    assert (len(message.payload), message.presences, store.gets) == (1, (), 1)
    assert machine.next_message("ana") is None


def test_nothing_is_read_before_a_message_is_taken() -> None:
    """Rule 4 of the side that serves: who never reads costs its list."""
    blocks = some_blocks(300, 10_000)
    store = CountingStore(blocks)
    machine = served(store, message_bytes=50_000)
    for _ in range(10):
        machine.receive("ana", BitswapMessage(tuple(WantEntry(each.cid) for each in blocks)), 0.0)
    assert store.gets == 0
    message = machine.next_message("ana")
    assert message is not None
    assert (len(message.payload), store.gets) == (5, 5)
    assert message.pending_bytes == 295 * 10_000


@pytest.mark.parametrize("was_asked", [False, True])
def test_blocks_of_two_mebibytes_that_nobody_asked_for(
    was_asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand of them cost no memory, and a few hashes: as many as there may be strikes, after those that
    may have been under way when we were restarted."""
    machine = served(MemoryBlocks())
    hashed = 0
    block = Payload.block

    def counted(self: Payload) -> Block:
        nonlocal hashed
        hashed += 1
        return block(self)

    monkeypatch.setattr(Payload, "block", counted)
    if was_asked:
        machine.want(cid_of(1), 0.0)
    machine.next_message("ana")
    flood = BitswapMessage(payload=(Payload(1, multicodec.RAW, multicodec.SHA2_256, bytes(MAX_BLOCK_BYTES)),))
    most = MAX_LEFT_OVER_BYTES // MAX_BLOCK_BYTES + machine.limits.max_strikes
    for number in range(1000):
        machine.receive("ana", flood, 1.0 + number)
    assert hashed == (most if was_asked else 0)
    assert len(machine.wants.events) == machine.limits.max_strikes
    assert machine.ledgers["ana"].strikes == machine.limits.max_strikes
    assert machine.ledgers["ana"].came_bytes == 1000 * MAX_BLOCK_BYTES
    for number in range(100):  # to leave and come back does not help
        machine.left("ana", 2000.0)
        machine.joined("ana", 2000.0)
        machine.receive("ana", flood, 2000.0 + number)
    assert hashed == (most if was_asked else 0)
    assert len(machine.wants.events) == machine.limits.max_strikes


def test_a_full_list_makes_us_repeat_ours_once_a_message() -> None:
    """Ten thousand of them between two messages of ours are one repetition."""
    machine = served(MemoryBlocks(), first_spares=1000)
    for number in range(100):
        machine.want(cid_of(number), 0.0)
    machine.next_message("ana")
    for _ in range(10_000):
        machine.receive("ana", BitswapMessage((), is_full=True), 0.1)
    message = machine.next_message("ana")
    assert message is not None
    assert (len(message.wants), message.is_full) == (100, False)
    assert {line.kind for line in message.wants} == set(WantKind)
    assert machine.next_message("ana") is None


def test_thousands_of_tiny_blocks_fit_their_messages() -> None:
    """However many wants are kept, a message holds what its codec can write."""
    blocks = [block_of(number.to_bytes(2, "big")) for number in range(MAX_ENTRIES + 500)]
    store = CountingStore(blocks)
    machine = served(store, max_wants_kept=10_000, message_bytes=MAX_BLOCK_BYTES)
    cids = [block.cid for block in blocks]
    for part in (cids[:MAX_ENTRIES], cids[MAX_ENTRIES:]):
        machine.receive("ana", BitswapMessage(tuple(WantEntry(cid) for cid in part)), 0.0)
    counts = []
    while (message := machine.next_message("ana")) is not None:
        assert messages.decode(messages.encode(message)) == message
        counts.append(len(message.payload))
    assert counts == [MAX_ENTRIES, 500]
    with pytest.raises(UsageError, match="at most 2097152 bytes of blocks"):
        BitswapLimits(message_bytes=MAX_BLOCK_BYTES + 1)


def test_blocks_of_both_kinds_are_counted_together() -> None:
    old, new = b"\x12\x00", bytes.fromhex("1a060a0401551220")
    assert len(messages.decode(old * 2000 + new * 2096).payload) == MAX_ENTRIES
    with pytest.raises(DecodeError, match="4097 blocks in one message, where 4096"):
        messages.decode(old * 2000 + new * 2097)


def test_a_peer_that_connects_again_a_hundred_times() -> None:
    """Its first connection lives; all others are closed at once. Nothing of them is kept."""
    (block,) = some_blocks(1, 2000)

    async def scene(world: World) -> None:
        await world.honest("server", [block])
        server = world.exchanges["server"]
        waiting = asyncio.create_task(server.fetch(cid_of(7), timeout_s=1000))

        async def stranger() -> None:
            puppet = Puppet(says_nothing)
            async with Node(key_of("stranger"), puppet.speaks()) as node:
                first = await node.dial(world.addresses[0])
                await puppet.say(first, BitswapMessage((WantEntry(cid_of(8)),)))
                tasks = len(asyncio.all_tasks())
                for _ in range(100):
                    again = await node.dial(world.addresses[0])
                    await asyncio.sleep(0.2)
                    await again.close()
                await asyncio.sleep(1)
                assert len(asyncio.all_tasks()) <= tasks + 2
                partner = server._partners._partners[node.peer_id]
                assert len(partner.connections) <= 2
                assert server.peers == (node.peer_id,)
                assert len(server.machine.ledgers) == 1
                assert len(server.machine.wants.former) <= 1
                assert len(puppet.heard) <= 2 * 100 + 5  # our list for each, and no more
                assert not server._partners._reading
                await puppet.say(first, BitswapMessage((WantEntry(block.cid),)))
                while not any(heard.payload for heard in puppet.heard):
                    await asyncio.sleep(0.01)

        await world.net.host("stranger").run(stranger())
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert len(server.machine.wants) == 0

    in_a_world(scene)


def test_a_hundred_peers_that_come_and_go_are_remembered_within_bounds() -> None:
    async def scene(world: World) -> None:
        limits = BitswapLimits(max_peers=4)
        await world.honest("server", [], limits)
        server: BlockExchange = world.exchanges["server"]

        async def strangers() -> None:
            for number in range(100):
                puppet = Puppet(says_nothing)
                async with Node(key_of(f"stranger {number}"), puppet.speaks()) as node:
                    connection = await node.dial(world.addresses[0])
                    await puppet.say(connection, BitswapMessage((WantEntry(cid_of(number)),)))
                    await asyncio.sleep(0.3)
                    assert id_of(f"stranger {number}") in server.peers
                await asyncio.sleep(0.3)

        await world.net.host("strangers").run(strangers())
        assert server.peers == ()
        assert len(server.machine.ledgers) <= 16
        assert len(server.machine.wants.former) <= 4
        assert server.machine.serving._customers == {}
        assert len(server._partners) == 0

    in_a_world(scene)
