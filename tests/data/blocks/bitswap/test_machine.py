"""Both sides at once: machines that talk with each other through their messages, as bytes."""

from __future__ import annotations

import pytest

from p2plib.data.blocks.bitswap import messages
from p2plib.data.blocks.bitswap.events import BitswapLimits, BlockCame, NobodyHas, PeerBlamed
from p2plib.data.blocks.bitswap.machine import Bitswap
from p2plib.data.blocks.bitswap.messages import V1_0, V1_1, V1_2, BitswapMessage, WantEntry, payload_of
from p2plib.data.blocks.bitswap.remote import MAX_LEFT_OVER
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import Block, block_of
from p2plib.errors import UsageError
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import identity
from tests.data.blocks.bitswap.worlds import some_blocks


def exchange(*blocks: Block, **limits: int) -> Bitswap:
    store = MemoryBlocks()
    store.put(blocks)
    return Bitswap(store, BitswapLimits(**limits))  # type: ignore[arg-type]


def connect(*machines: Bitswap, protocol: str = V1_2) -> None:
    for one in machines:
        for number, other in enumerate(machines):
            if other is not one:
                one.joined(f"{number}", 0.0, speaks_have=protocol == V1_2)


def talk(*machines: Bitswap, protocol: str = V1_2) -> int:
    """Carry messages until nobody has one, and put what came into the stores; how many bytes that was."""
    carried = 0
    while True:
        found = [
            (sender, receiver, messages.encode(message, protocol))
            for sender, machine in enumerate(machines)
            for receiver in range(len(machines))
            if (message := machine.next_message(f"{receiver}")) is not None
        ]
        if not found:
            return carried
        for sender, receiver, raw in found:
            carried += len(raw)
            machine = machines[receiver]
            machine.receive(f"{sender}", messages.decode(raw), 0.1)
            for event in list(machine.wants.events):
                if isinstance(event, BlockCame):
                    machine.serving.store.put([event.block])
                    machine.stored([event.block.cid])
                    machine.wants.events.remove(event)


@pytest.mark.parametrize("protocol", [V1_0, V1_1, V1_2])
def test_blocks_go_over_with_every_version(protocol: str) -> None:
    # version 1.0 carries no CIDs, so both sides must mean its only kind
    blocks = [block_of(bytes([number]) * 3000, multicodec.DAG_PB, version=0) for number in range(20)]
    there, here = exchange(*blocks), exchange()
    connect(there, here, protocol=protocol)
    for block in blocks:
        here.want(block.cid, 0.0)
    size = talk(there, here, protocol=protocol)
    assert all(here.serving.store.get(block.cid) == block.data for block in blocks)
    assert size < 1.1 * 20 * 3000
    assert there.ledgers["1"].sent_bytes == here.ledgers["0"].useful_bytes == 20 * 3000
    assert here.timer() is None


def test_a_block_goes_from_hand_to_hand() -> None:
    """The last one is served by the middle one, which wanted the block itself when it was asked."""
    (block,) = some_blocks(1, 5000)
    first, middle, last = exchange(block), exchange(), exchange()
    middle.joined("2", 0.0)
    last.joined("1", 0.0)
    last.want(block.cid, 0.0)
    middle.want(block.cid, 0.0)
    assert talk(first, middle, last) < 1000
    assert list(last.wants.events) == [NobodyHas(block.cid, 1)]
    first.joined("1", 0.0)
    middle.joined("0", 0.0)
    talk(first, middle, last)
    assert last.serving.store.get(block.cid) == block.data
    assert middle.ledgers["2"].sent_blocks == 1


@pytest.mark.fault("F149")
def test_who_was_given_up_stays_so() -> None:
    machine = exchange(max_strikes=1)
    machine.joined("liar", 0.0)
    wrong = BitswapMessage(payload=(payload_of(block_of(b"x").cid, b"x"),))
    for _ in range(MAX_LEFT_OVER + 1):
        machine.receive("liar", wrong, 0.0)
    event = machine.next_event()
    assert isinstance(event, PeerBlamed)
    assert event.is_given_up
    assert machine.next_event() is None
    machine.left("liar", 1.0)
    machine.joined("liar", 2.0)
    machine.want(block_of(b"y").cid, 2.0)
    assert not machine.has_message("liar")
    assert machine.next_message("liar") is None
    machine.receive("liar", BitswapMessage((WantEntry(block_of(b"z").cid, asks_dont_have=True),)), 3.0)
    assert machine.has_message("liar")  # it is still served


def test_peers_are_counted_and_remembered_within_bounds() -> None:
    machine = exchange(max_peers=2)
    machine.joined("ana", 0.0)
    with pytest.raises(UsageError, match="ana is here already"):
        machine.joined("ana", 0.0)
    machine.joined("ben", 0.0)
    assert machine.peers == ("ana", "ben")
    with pytest.raises(UsageError, match="no room for cyn"):
        machine.joined("cyn", 0.0)
    for number in range(50):
        machine.left("ben", 0.0)
        machine.joined(f"{number}", 0.0)
        machine.left(f"{number}", 0.0)
    assert len(machine.ledgers) == 8
    assert "ana" in machine.ledgers


def test_messages_of_strangers_say_nothing() -> None:
    machine = exchange()
    machine.receive("nobody", BitswapMessage((WantEntry(block_of(b"x").cid),)), 0.0)
    assert not machine.has_message("nobody")
    machine.left("nobody", 0.0)


def test_nobody_is_asked_for_what_a_cid_holds() -> None:
    with pytest.raises(UsageError, match="holds its block itself"):
        exchange().want(Cid(1, multicodec.RAW, identity(b"x")), 0.0)


def test_the_first_message_says_that_the_list_is_full() -> None:
    machine = exchange()
    machine.joined("ana", 0.0)
    one, two = some_blocks(2, 10)
    machine.want(one.cid, 0.0)
    first = machine.next_message("ana")
    machine.want(two.cid, 0.0)
    second = machine.next_message("ana")
    assert first is not None
    assert second is not None
    assert (first.is_full, second.is_full) == (True, False)
    machine.drop(one.cid, 0.1)
    machine.handle_timer(0.2)
    third = machine.next_message("ana")
    assert third is not None
    assert [line.is_cancel for line in third.wants] == [True]
