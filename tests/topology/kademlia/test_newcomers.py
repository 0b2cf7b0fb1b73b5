"""Why fewer values are found than kept: newcomers settle between a key and the last peers that keep it.

The chapter on DAGs says so of a simulated network. This is the same store and the same lookup outside the
simulator, on UDP sockets of this machine: 32 peers keep forty values, 24 of them leave with all they have,
and then 48 newcomers enter. Nobody vanishes while they do and nothing is republished, so what is missing
afterwards is missing because of them. The chapter prints what one run gave, three lives together: 107 values
kept, 107 found before the newcomers came, 83 after.

A peer that leaves here stays for a while and refuses requests: a lookup that waits for a time-out would
measure how busy this machine is.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from p2plib.errors import NotFound
from p2plib.machine import requests
from p2plib.topology.kademlia.driver import KademliaPeer
from p2plib.topology.kademlia.parts import Settings
from p2plib.topology.kademlia.store import key_of
from p2plib.topology.kademlia.table import NO_LIMITS

K = 8
FORGETFUL = Settings(k=K, limits=NO_LIMITS, republish_s=1e8)  # all at 127.0.0.1, and nobody republishes
PEERS, LEAVING, NEWCOMERS, VALUES = 32, 24, 48, 40


async def enter(stack: AsyncExitStack, peers: list[KademliaPeer], rng: random.Random) -> None:
    """One peer more."""
    opened = KademliaPeer.open(rng.getrandbits(160), random.Random(rng.random()), settings=FORGETFUL)
    peer = await stack.enter_async_context(opened)
    if peers:
        await peer.join([rng.choice(peers).address])
    peers.append(peer)


async def lose(gone: KademliaPeer, peers: list[KademliaPeer], rng: random.Random) -> None:
    """One peer fewer; it hands nothing on, and the others look for something, so that they notice."""
    for key in list(gone.machine.maintenance.published):
        gone.forget(key)
    gone.machine.values.take(0.0)
    peers.remove(gone)
    assert (await gone.leave()).values == 0
    for peer in peers:
        await peer.find(rng.getrandbits(160))


async def look(peers: list[KademliaPeer], keys: list[int], rng: random.Random) -> Counter[tuple[bool, bool]]:
    """Of the values that are kept, how many are (among the k nearest peers of all, found)."""
    seen: Counter[tuple[bool, bool]] = Counter()
    for key in keys:
        nearest = sorted(peers, key=lambda peer: peer.machine.own_id ^ key)
        keepers = [key in peer.machine.values for peer in nearest]
        if not any(keepers):
            continue
        asking = rng.choice([peer for peer in peers if key not in peer.machine.values])
        try:
            await asking.get(key)
            is_found = True
        except NotFound:
            is_found = False
        seen[any(keepers[:K]), is_found] += 1
    return seen


async def life(seed: int) -> list[Counter[tuple[bool, bool]]]:
    """What `look` sees at first, when most have left, and when the newcomers have come."""
    rng, peers = random.Random(seed), list[KademliaPeer]()
    values = [b"block %d of %d" % (number, seed) for number in range(VALUES)]
    keys = [key_of(value) for value in values]
    async with AsyncExitStack() as stack:
        for _ in range(PEERS):
            await enter(stack, peers, rng)
        for number, value in enumerate(values):
            await peers[number % PEERS].put(key_of(value), value)
        seen = [await look(peers, keys, rng)]
        for gone in rng.sample(peers, LEAVING):
            await lose(gone, peers, rng)
        seen.append(await look(peers, keys, rng))
        for _ in range(NEWCOMERS):
            await enter(stack, peers, rng)
        return [*seen, await look(peers, keys, rng)]


@pytest.mark.slow
def test_newcomers_hide_what_is_still_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MIN_MARGIN_S", 5.0)  # on loopback nothing is lost, but answers may be late
    total = [Counter[tuple[bool, bool]](), Counter[tuple[bool, bool]](), Counter[tuple[bool, bool]]()]
    for seed in (1, 2, 3):
        for sum_of, seen in zip(total, asyncio.run(life(seed)), strict=True):
            sum_of.update(seen)
    first, left, hidden = total
    assert first == {(True, True): 3 * VALUES}
    kept = left.total()
    assert left == {(True, True): kept}  # some values are lost; each one that is kept is found
    assert kept > 2 * VALUES
    assert hidden.total() == kept  # nobody has lost anything since
    assert hidden[True, False] == 0
    assert hidden[False, False] > 2 * hidden[False, True]
    assert hidden[False, False] > kept / 10
