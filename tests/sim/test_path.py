"""Paths: what is known ahead of the packets of one flow, and when it is found anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from p2plib.sim import Chaos, Corrupt, Duplicate, Host, Internet, Link, Lose
from p2plib.sim.path import flip_one_bit
from tests.sim.small import Mailbox, mailbox, pair, run


async def said(box: Mailbox, address: Any, net: Internet) -> list[float]:
    """Return when what is sent now arrives, after how long; empty if it does not."""
    sent, before = net.time, len(net.trace)
    box.send(b"now", address)
    await asyncio.sleep(1)
    packet = list(net.trace)[before]
    return [] if packet.arrives_s is None else [round(packet.arrives_s - sent, 9)]


def test_a_path_is_found_anew_after_whatever_changes_it() -> None:
    async def main(net: Internet) -> list[list[float]]:
        ana, ben, address = await pair(net)
        one, other = net.hosts["ana"], net.hosts["ben"]
        steps: list[Callable[[], Any]] = [
            lambda: None,
            lambda: net.set_link(one, other, Link(latency=0.03)),
            lambda: net.block(one, other),
            lambda: net.unblock(one, other),
            lambda: net.cut([one], [other]),
            net.heal,
            lambda: net.set_link(one, other, Link(latency=0.03, bytes_per_s=310)),
            lambda: net.set_link(one, other, Link(latency=0.03, bytes_per_s=3100)),
            lambda: net.set_link(one, other, Link(latency=0.03, loss=1.0)),
        ]
        seen = []
        for step in steps:
            step()
            seen.append(await said(ana, address, net))
        ana.close()
        ben.close()
        return seen

    assert run(main) == [[0.01], [0.03], [], [0.03], [], [0.03], [0.13], [0.04], []]


def test_a_host_that_was_sought_in_vain_is_found_once_it_is_there_in_its_lan_or_outside() -> None:
    async def main(net: Internet) -> Any:
        home = net.lan("home", network="10.0.0.0/24")
        box = await mailbox(net.host("ana", lan=home), 1000)
        for address in ("203.0.113.5", "10.0.0.77"):
            box.send(b"first", (address, 1))
        await asyncio.sleep(1)
        ben = await mailbox(net.host("ben", address="203.0.113.5"), 1)
        cy = await mailbox(net.host("cy", lan=home, address="10.0.0.77"), 1)
        for address in ("203.0.113.5", "10.0.0.77"):
            box.send(b"second", (address, 1))
        await asyncio.sleep(1)
        for each in (box, ben, cy):
            each.close()
        return ben.data, cy.data, net.trace.dropped()

    assert run(main) == ([b"second"], [b"second"], {"no such host": 2})


def test_hosts_that_nobody_sought_leave_paths_as_they_are() -> None:
    async def main(net: Internet) -> int:
        ana, ben, address = await pair(net)
        ana.send(b"hello", address)
        before = net.fabric.epoch
        net.host("cy")
        net.host("dev", lan=net.lan("home"))
        ana.close()
        ben.close()
        return net.fabric.epoch - before

    assert run(main) == 0


def test_the_route_in_the_trace_follows_the_nats_mapping() -> None:
    async def main(net: Internet) -> Any:
        server = await mailbox(net.host("server"), 53)
        box = await mailbox(net.host("ana", lan=net.lan("home", nat="symmetric")), 4000)
        for pause in (1, 1, 500):  # longer than a NAT remembers
            box.send(b"hello", (net.hosts["server"].address, 53))
            await asyncio.sleep(pause)
        box.send(b"hello", (net.hosts["server"].address, 53))
        await asyncio.sleep(1)
        box.close()
        server.close()
        return [packet.seen_source for packet in net.trace], [addr for _, _, addr in server.got]

    in_trace, heard = run(main)
    assert in_trace == heard
    assert heard[0] == heard[1] == heard[2] != heard[3]


def test_both_copies_of_a_duplicate_pass_a_nat() -> None:
    async def main(net: Internet) -> Any:
        server = await mailbox(net.host("server"), 53, echo=True)
        box = await mailbox(net.host("ana", lan=net.lan("home")), 4000)
        box.send(b"hello", (net.hosts["server"].address, 53))
        await asyncio.sleep(1)
        box.close()
        server.close()
        return len(server.got), len(box.got), net.trace.dropped()

    assert run(main, link=Link(latency=0.01, duplicate=1.0)) == (2, 4, {})


def test_a_path_to_a_given_receiver_arrives_there_whatever_the_destination_says() -> None:
    async def main(net: Internet) -> Any:
        home = net.lan("home")
        ana, ben = net.host("ana", lan=home), net.host("ben", lan=home)
        boxes = {host: await mailbox(host, 5353) for host in (ana, ben)}
        group = ("224.0.0.251", 5353)
        for host in (ana, ben):
            boxes[host].transport.endpoint.join(group[0])
            net.fabric.path(ana, "udp", (ana.address, 5353), group, host).send(b"hello")
        await asyncio.sleep(1)
        for box in boxes.values():
            box.close()
        return [box.got for box in boxes.values()], [packet.destination for packet in net.trace]

    got, destinations = run(main)
    assert [round(at, 6) for ((at, _, _),) in got] == [0.00002, 0.0005]
    assert [addr[1] for ((_, _, addr),) in got] == [5353, 5353]
    assert destinations == [("224.0.0.251", 5353)] * 2


def test_one_flow_has_one_route() -> None:
    async def main(net: Internet) -> int:
        ana, ben, address = await pair(net)
        for _ in range(10):
            ana.send(b"hello", address)
            net.forget_routes()
        await asyncio.sleep(1)
        ana.close()
        ben.close()
        net.trace.take()
        return len({id(record.route) for record in net.trace._kept})

    assert run(main, link=Link(latency=0.01, loss=0.1)) == 1


async def upload(net: Internet, count: int = 300_000) -> float:
    """Send bytes over TCP from ana to ben; the virtual seconds that it took."""
    arrived: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set_result(len(await reader.read(-1)))
        writer.close()

    async def give() -> None:
        _, writer = await asyncio.open_connection("ben", 80)
        writer.write(bytes(count))
        await writer.drain()
        writer.close()

    async def serve() -> None:
        async with await asyncio.start_server(take, "0.0.0.0", 80) as server:
            await server.serve_forever()

    net.host("ben").start(serve)
    await net.host("ana").run(give())
    assert await arrived == count
    took = net.time
    await asyncio.sleep(60)
    return took


def overtakings(net: Internet) -> int:
    """Return how many packets of ana arrived before one that she sent earlier."""
    arrivals = [packet.arrives_s for packet in net.trace if packet.sender == "ana" and not packet.fate]
    return sum(one > other for one, other in pairwise(arrivals))


def test_jitter_leaves_the_segments_of_a_connection_in_order_and_costs_little_time() -> None:
    took = []
    for jitter_s in (0.0, 0.000_5, 0.01):
        net = Internet(seed=3, link=Link(latency=0.02, jitter_s=jitter_s))
        took.append(net.run(upload))
        assert overtakings(net) == 0
    assert took[0] < took[1] < 1.1 * took[0]
    assert took[2] < 2 * took[0]


@pytest.mark.parametrize(
    "named",
    [
        {"link": Link(latency=0.02, jitter_s=0.001, reorder=0.1)},
        {"link": Link(latency=0.02, jitter_s=0.001), "faults": Chaos(delay=0.1, delay_s=0.05)},
    ],
)
def test_what_is_held_back_is_overtaken_and_told_faults_repeat_it(named: Any) -> None:
    drawn = Internet(seed=3, **{"faults": Chaos(), **named})
    drawn.run(upload)
    assert overtakings(drawn) > 5
    again = Internet(seed=3, **{**named, "faults": drawn.happened})
    again.run(upload)
    assert again.trace.digest() == drawn.trace.digest()
    assert again.happened == drawn.happened


def test_flipping_a_bit_changes_one_and_flipping_it_again_takes_that_back() -> None:
    assert flip_one_bit(b"\0\0", 9) == b"\0\x02"
    assert flip_one_bit(flip_one_bit(b"hello", 1234), 1234) == b"hello"
    assert flip_one_bit(b"", 3) == b""


def test_a_host_speaks_to_itself_by_every_name_of_its_own() -> None:
    async def main(net: Internet) -> list[Any]:
        ana: Host = net.host("ana")
        box = await mailbox(ana, 1000)
        for ip in (ana.address, "127.0.0.1", "127.0.0.9"):
            box.send(ip.encode(), (ip, 1000))
        await asyncio.sleep(1)
        box.close()
        return [(round(at, 9), data) for at, data, _ in box.got]

    assert run(main) == [(0.00002, ip) for ip in (b"198.18.0.1", b"127.0.0.1", b"127.0.0.9")]


def test_what_is_told_happens_on_a_way_on_which_nothing_else_does() -> None:
    async def main(net: Internet) -> list[bytes]:
        ana, ben, address = await pair(net)
        for data in (b"one", b"two", b"three"):
            ana.send(data, address)
        await asyncio.sleep(1)
        ana.close()
        ben.close()
        return ben.data

    assert run(main, faults=[Lose("ana", 1)]) == [b"one", b"three"]


def test_a_hosts_own_bandwidth_counts_on_a_way_on_which_nothing_else_happens() -> None:
    async def main(net: Internet) -> list[float]:
        ana, ben = net.host("ana", upload_bytes_per_s=1000.0), net.host("ben")
        boxes = await mailbox(ana, 1000), await mailbox(ben, 2000)
        for _ in range(2):
            boxes[0].send(bytes(72), (ben.address, 2000))  # 100 bytes with the headers
        await asyncio.sleep(1)
        for box in boxes:
            box.close()
        return [round(at, 9) for at, _, _ in boxes[1].got]

    assert run(main) == [0.11, 0.21]


def test_the_way_to_a_nat_is_part_of_the_way() -> None:
    async def main(net: Internet) -> list[float]:
        server = await mailbox(net.host("server"), 53)
        box = await mailbox(net.host("ana", lan=net.lan("home", behind=net.lan("block"))), 4000)
        box.send(b"hello", (net.hosts["server"].address, 53))
        await asyncio.sleep(1)
        box.close()
        server.close()
        return [round(at, 9) for at, _, _ in server.got]

    assert run(main) == [0.011], (
        "0.5 ms in each of the two LANs, and 10 ms between the outer NAT and the server"
    )


def test_no_segment_waits_for_the_second_copy_of_another() -> None:
    took = []
    for faults in ([], [Duplicate("ana", number, 5.0) for number in range(3, 9)]):
        net = Internet(seed=3, link=Link(latency=0.02), faults=faults)
        took.append(net.run(upload))
        assert len(net.happened) == len(faults)
    assert took[0] == took[1]


def test_a_segment_with_a_wrong_checksum_is_dropped_and_sent_again() -> None:
    net = Internet(seed=3, link=Link(latency=0.02), faults=[Corrupt("ana", 5, 9)])
    net.run(upload)
    assert net.trace.dropped() == {"bad checksum": 1}
