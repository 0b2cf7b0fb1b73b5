"""Faults, drawn and told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.sim import Chaos, Crash, Cut, Delay, Internet, Link, Lose
from p2plib.sim.faults import draw
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


@pytest.mark.parametrize(
    ("link", "chaos", "in_order"),
    [
        (Link(latency=0.02, jitter_s=0.01), Chaos(), True),
        (Link(latency=0.02, reorder=1.0), Chaos(), False),
        (Link(latency=0.02, jitter_s=0.01), Chaos(delay=1.0), False),
    ],
)
def test_a_delay_says_whether_it_keeps_the_order_of_segments(
    link: Link, chaos: Chaos, in_order: bool
) -> None:
    net = Internet(seed=4, link=link, faults=chaos)
    ana = net.host("ana")
    fortune = net.faults.fortune(ana, link, 100)
    assert net.happened == [Delay("ana", 0, fortune.late_s[0], in_order)]
    again = Internet(seed=4, link=link, faults=net.happened)
    assert again.faults.fortune(again.host("ana"), link, 100) == fortune
    assert fortune.overtaken is not in_order


@pytest.mark.parametrize(("size", "fragments"), [(1500, 1), (1501, 2), (2980, 2), (2981, 3)])
def test_each_fragment_of_a_datagram_has_a_header_of_its_own(size: int, fragments: int) -> None:
    link, arrives = Link(loss=0.1), 0.9**fragments
    assert draw(link, size, lambda: arrives - 0.001).fate == ""
    assert draw(link, size, lambda: arrives + 0.001).fate == "lost"
