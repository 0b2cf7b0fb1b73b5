"""Faults, drawn and told."""

from __future__ import annotations

import asyncio
from typing import Any

from p2plib.sim import Chaos, Crash, Cut, Internet, Link, Lose
from tests.sim.small import mailbox


async def chatter(net: Internet) -> list[Any]:
    boxes = [await mailbox(net.host(name), 1) for name in ("ana", "ben", "cy")]
    for number in range(200):
        sender = boxes[number % 3]
        if not sender.transport.is_closing():
            sender.send(bytes([number]), (boxes[(number + 1) % 3].transport.host.address, 1))
        await asyncio.sleep(0.1)
    await asyncio.sleep(20)
    return [[(round(at, 9), data) for at, data, _ in box.got] for box in boxes]


CHAOS = Chaos(
    loss=0.05, duplicate=0.05, delay=0.05, crashes=1, cuts=1, cut_s=2.0, within_s=15.0, spare=("ana", "cy")
)


def test_the_faults_of_a_chaos_told_one_by_one_make_the_same_run_again() -> None:
    first = Internet(seed=4, link=Link(latency=0.02, loss=0.02, corrupt=0.05), faults=CHAOS, strict=False)
    heard = first.run(chatter)
    kinds = {type(fault).__name__ for fault in first.happened}
    assert kinds == {"Lose", "Duplicate", "Delay", "Corrupt", "Crash", "Cut"}
    again = Internet(
        seed=4, link=Link(latency=0.02, loss=0.02, corrupt=0.05), faults=first.happened, strict=False
    )
    assert again.run(chatter) == heard
    assert again.trace.digest() == first.trace.digest()
    assert again.happened == first.happened


def test_told_faults_happen_and_no_others() -> None:
    net = Internet(
        seed=4,
        link=Link(latency=0.02, loss=0.5),
        faults=[Lose("ana", 1), Crash("ben", 10.05), Cut(("cy",), 5.01, 1.0)],
    )
    net.strict = False
    heard = net.run(chatter)
    assert net.trace.dropped()["lost"] == 1
    assert bytes([3]) not in [data for _, data in heard[1]]
    assert heard[1][-1][0] < 10.05
    assert {fault.__class__ for fault in net.happened} == {Lose, Crash, Cut}
    assert net.trace.dropped()["cut off"] > 2


def test_told_faults_happen_where_nothing_else_does() -> None:
    net = Internet(seed=4, link=Link(latency=0.02), faults=[Lose("ana", 1), Lose("cy", 0)])
    net.strict = False
    net.run(chatter)
    assert net.trace.dropped() == {"lost": 2}
    assert net.happened == [Lose("cy", 0), Lose("ana", 1)]
