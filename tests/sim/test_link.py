"""Links: latency, loss, duplicates, reordering, corruption, bandwidth."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest

from p2plib.errors import UsageError
from p2plib.sim import Constant, Internet, Link, LogNormal, Measured, Uniform
from tests.sim.small import Mailbox, mailbox, pair, run


def test_a_datagram_takes_the_latency_of_its_link() -> None:
    async def main(net: Internet) -> list[Any]:
        ana, ben, address = await pair(net)
        ana.send(b"hello", address)
        await asyncio.sleep(1)
        ana.close()
        ben.close()
        return ben.got

    assert run(main) == [(0.01, b"hello", ("198.18.0.1", 1000))]


def test_latency_belongs_to_the_pair_and_a_third_host_changes_nothing() -> None:
    def main(names: list[str]) -> Callable[[Internet], Any]:
        async def inner(net: Internet) -> dict[str, float]:
            hosts = {name: await mailbox(net.host(name), 5000, echo=name == "ben") for name in names}
            for name in names:
                if name != "ben":
                    hosts[name].send(name.encode(), (net.hosts["ben"].address, 5000))
            await asyncio.sleep(5)
            for box in hosts.values():
                box.close()
            return {data.decode(): at for at, data, _ in hosts["ben"].got} | {
                f"{name} back": box.got[0][0] for name, box in hosts.items() if name != "ben"
            }

        return inner

    link = Link(latency=Uniform(0.01, 0.5))
    alone, crowd = run(main(["ana", "ben"]), link=link), run(main(["cy", "dev", "ben", "ana"]), link=link)
    assert alone["ana"] == crowd["ana"] != crowd["cy"]
    assert alone["ana back"] == pytest.approx(2 * alone["ana"]), "the same both ways"


@pytest.mark.parametrize(
    ("latency", "least", "middle", "most"),
    [
        (Constant(0.1), 0.1, 0.1, 0.1),
        (Uniform(0.1, 0.3), 0.1, 0.2, 0.3),
        (LogNormal(0.04, 0.15), 0.0, 0.04, 2.0),
        (Measured([0.01, 0.02, 0.1]), 0.01, 0.02, 0.1),
    ],
)
def test_latencies_follow_their_distribution(latency: Any, least: float, middle: float, most: float) -> None:
    link = Link(latency=latency)
    drawn = sorted(link.between(1, "ana", f"peer {number}") for number in range(4000))
    assert least <= drawn[0]
    assert drawn[-1] <= most
    assert median(drawn) == pytest.approx(middle, rel=0.05)
    if isinstance(latency, LogNormal):
        assert drawn[3800] == pytest.approx(0.15, rel=0.1)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: Link(loss=1.1),
        lambda: Link(duplicate=-0.1),
        lambda: Link(reorder=-1),
        lambda: Link(corrupt=2),
        lambda: Link(jitter_s=-1),
        lambda: Link(mtu=500),
        lambda: Link(bytes_per_s=0),
        lambda: Link(latency=-0.1),
        lambda: Uniform(2, 1),
        lambda: LogNormal(0.2, 0.1),
        lambda: Measured([0.1]),
        lambda: Measured([0.2, 0.1]),
    ],
)
def test_a_link_that_cannot_be_is_refused(bad: Callable[[], Any]) -> None:
    with pytest.raises(UsageError):
        bad()


async def send_many(net: Internet, count: int = 2000, size: int = 100) -> Mailbox:
    ana, ben, address = await pair(net)
    for number in range(count):
        ana.send(number.to_bytes(4, "big") + bytes(size - 4), address)
        await asyncio.sleep(0.001)
    await asyncio.sleep(60)
    ana.close()
    ben.close()
    return ben


def numbers(box: Mailbox) -> list[int]:
    return [int.from_bytes(data[:4], "big") for data in box.data]


def test_loss_loses_its_share_and_the_trace_says_so() -> None:
    net = Internet(seed=3, link=Link(latency=0.01, loss=0.2))
    box = net.run(send_many)
    assert 0.76 < len(box.got) / 2000 < 0.84
    assert net.trace.dropped() == {"lost": 2000 - len(box.got)}
    assert [packet.number for packet in net.trace if not packet.fate] == numbers(box)
    assert all(packet.arrives_s is None for packet in net.trace if packet.fate)


def test_duplicates_arrive_twice() -> None:
    box = run(send_many, link=Link(latency=0.01, duplicate=0.1))
    counts = Counter(numbers(box))
    assert set(counts) == set(range(2000))
    assert 150 < sum(count == 2 for count in counts.values()) < 250


def test_jitter_and_reordering_let_packets_overtake_and_without_them_none_does() -> None:
    straight = numbers(run(send_many))
    assert straight == sorted(straight)
    for link in (Link(latency=0.01, jitter_s=0.01), Link(latency=0.01, reorder=0.1)):
        seen = numbers(run(send_many, link=link))
        assert seen != sorted(seen)
        assert sorted(seen) == list(range(2000))


def test_a_corrupted_datagram_has_one_bit_flipped() -> None:
    box = run(send_many, link=Link(latency=0.01, corrupt=0.1))
    flipped = 0
    for number, data in enumerate(box.data):
        sent = number.to_bytes(4, "big") + bytes(96)
        wrong = sum((a ^ b).bit_count() for a, b in zip(sent, data, strict=True))
        assert wrong in (0, 1)
        flipped += wrong
    assert 150 < flipped < 250


def test_a_large_datagram_is_lost_if_one_fragment_is() -> None:
    async def main(net: Internet) -> int:
        return len((await send_many(net, 1000, 14_000)).got)

    assert run(main, link=Link(latency=0.01, loss=0.05)) / 1000 == pytest.approx(0.95**10, abs=0.05)


def test_bandwidth_spaces_packets_out_and_a_full_queue_drops() -> None:
    async def main(net: Internet) -> list[float]:
        ana, ben, address = await pair(net)
        for _ in range(50):
            ana.send(bytes(972), address)  # 1000 bytes with headers
        await asyncio.sleep(60)
        ana.close()
        ben.close()
        return [at for at, _, _ in ben.got]

    at = run(main, link=Link(latency=0.01, bytes_per_s=10_000, queue_bytes=20_000))
    assert len(at) == 21, "one in the pipe and twenty waiting"
    assert at == pytest.approx([0.01 + 0.1 * (number + 1) for number in range(21)])


@pytest.mark.parametrize("side", ["upload_bytes_per_s", "download_bytes_per_s"])
def test_a_hosts_upload_and_download_are_shared_by_all_its_peers(side: str) -> None:
    async def main(net: Internet) -> float:
        hub = await mailbox(net.host("hub", **{side: 10_000.0}), 5000, echo=True)
        peers = [await mailbox(net.host(f"peer{number}"), 5000) for number in range(10)]
        for peer in peers:
            peer.send(bytes(972), (net.hosts["hub"].address, 5000))
        await asyncio.sleep(10)
        for box in (hub, *peers):
            box.close()
        return max(peer.got[0][0] for peer in peers)

    assert run(main) == pytest.approx(0.02 + 10 * 0.1)
