"""Datagrams on their way: latency, loss and the other faults of links, cuts, bandwidth, names, multicast."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any

import pytest

from p2plib.errors import UsageError
from p2plib.sim import Constant, Internet, Link, LogNormal, Measured, Uniform
from tests.sim.small import Mailbox, mailbox, pair

FAST = Link(latency=0.01)


def run(main: Callable[[Internet], Any], *, link: Link = FAST, **named: Any) -> Any:
    return Internet(seed=3, link=link, **named).run(main)


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


def test_a_cut_separates_until_it_heals_and_what_is_under_way_arrives() -> None:
    async def main(net: Internet) -> tuple[list[bytes], dict[str, int]]:
        ana, ben, address = await pair(net)
        third = await mailbox(net.host("cy"), 3000)
        ana.send(b"before", address)
        with net.cut([net.hosts["ana"]], [net.hosts["ben"]]):
            ana.send(b"during", address)
            await asyncio.sleep(1)
            third.send(b"from a third", address)
            await asyncio.sleep(1)
        ana.send(b"after", address)
        await asyncio.sleep(1)
        for box in (ana, ben, third):
            box.close()
        return ben.data, net.trace.dropped()

    assert run(main) == ([b"before", b"from a third", b"after"], {"cut off": 1})


@pytest.mark.fault("F096")
def test_one_way_can_fail_alone() -> None:
    async def main(net: Internet) -> tuple[list[bytes], list[bytes]]:
        ana, ben, address = await pair(net)
        net.block(net.hosts["ana"], net.hosts["ben"])
        ana.send(b"lost", address)
        ben.send(b"hello", (net.hosts["ana"].address, 1000))
        await asyncio.sleep(1)
        net.unblock(net.hosts["ana"], net.hosts["ben"])
        ana.send(b"found", address)
        await asyncio.sleep(1)
        ana.close()
        ben.close()
        return ana.data, ben.data

    assert run(main) == ([b"hello"], [b"found"])


def test_a_host_is_on_one_side_of_a_cut() -> None:
    net = Internet()
    ana = net.host("ana")
    with pytest.raises(UsageError, match="two sides"):
        net.cut([ana], [ana])


def test_links_are_set_between_hosts_and_between_regions() -> None:
    async def main(net: Internet) -> dict[str, float]:
        here = await mailbox(net.host("here", region="eu"), 5000)
        regions = {"near": "eu", "far": "us", "friend": "us"}
        boxes = {name: await mailbox(net.host(name, region=region), 5000) for name, region in regions.items()}
        net.set_link("eu", "us", Link(latency=0.5))
        net.set_link(net.hosts["here"], net.hosts["friend"], Link(latency=0.2))
        for name in boxes:
            here.send(name.encode(), (net.hosts[name].address, 5000))
        await asyncio.sleep(2)
        for box in (here, *boxes.values()):
            box.close()
        return {name: box.got[0][0] for name, box in boxes.items()}

    assert run(main) == {"near": 0.01, "far": 0.5, "friend": 0.2}


def test_a_connected_socket_hears_its_peer_alone_and_is_told_when_nobody_listens() -> None:
    async def main(net: Internet) -> tuple[list[bytes], list[Any]]:
        ana, ben, cy = net.host("ana"), net.host("ben"), net.host("cy")
        server = await mailbox(ben, 2000, echo=True)
        stranger = await mailbox(cy, 3000)
        to_ben = await mailbox(ana, remote_addr=("ben", 2000))
        to_nobody = await mailbox(ana, remote_addr=("ben", 2001))
        to_ben.send(b"hello")
        stranger.send(b"spam", to_ben.transport.get_extra_info("sockname"))
        to_nobody.send(b"hello?")
        with pytest.raises(ValueError, match="must be None or"):
            to_ben.send(b"hello", (cy.address, 3000))
        with pytest.raises(ValueError, match="not connected"):
            stranger.send(b"to whom?")
        await asyncio.sleep(1)
        for box in (server, stranger, to_ben, to_nobody):
            box.close()
        return to_ben.data, to_nobody.errors

    data, errors = run(main)
    assert data == [b"hello"]
    assert [type(error) for error in errors] == [ConnectionRefusedError]


def test_errors_of_sockets_are_an_operating_systems() -> None:
    async def main(net: Internet) -> list[Any]:
        ana = net.host("ana")
        net.host("ben", address="2001:db8::7")
        seen: list[Any] = []
        box = await mailbox(ana, 1000)
        for port, ip in ((1000, "0.0.0.0"), (1001, "198.18.9.9")):
            try:
                await mailbox(ana, port, ip=ip)
            except OSError as error:
                seen.append(error.errno)
        box.send(b"small first", ("127.0.0.1", 1000))
        box.send(bytes(65_507), ("127.0.0.1", 1000))
        box.send(bytes(65_508), ("127.0.0.1", 1000))
        box.send(bytes(65_507), (ana.address, 1000))
        box.send(bytearray(65_508), (ana.address, 1000))
        with pytest.raises(TypeError, match="bytes-like"):
            box.send("text", ("127.0.0.1", 1000))  # type: ignore[arg-type]
        with pytest.raises(OSError, match="unreachable"):
            box.send(b"six", ("2001:db8::7", 1))
        with pytest.raises(socket.gaierror):
            box.send(b"who", ("nobody", 1))
        await asyncio.sleep(1)
        box.close()
        await asyncio.sleep(0)
        box.send(b"closed", ("127.0.0.1", 1000))
        return [*seen, *(error.errno for error in box.errors), box.lost]  # type: ignore[attr-defined]

    assert run(main) == [errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EMSGSIZE, errno.EMSGSIZE, [None]]


def test_a_host_speaks_to_itself() -> None:
    async def main(net: Internet) -> list[Any]:
        ana = net.host("ana")
        one, other = await mailbox(ana, 1), await mailbox(ana, 2, ip="127.0.0.1")
        one.send(b"loopback", ("127.0.0.1", 2))
        one.send(b"by its address", (ana.address, 1))
        other.send(b"back", ("localhost", 1))
        await asyncio.sleep(1)
        one.close()
        other.close()
        return [sorted((data, addr) for _, data, addr in box.got) for box in (one, other)]

    ones = [(b"back", ("127.0.0.1", 2)), (b"by its address", ("198.18.0.1", 1))]
    assert run(main) == [ones, [(b"loopback", ("127.0.0.1", 1))]]


def test_ipv6_addresses_have_four_parts_as_python_shows_them() -> None:
    async def main(net: Internet) -> Any:
        ana, ben = net.host("ana", ipv6=True), net.host("ben", ipv6=True)
        assert ana.addresses == ("198.18.0.1", "2001:db8::1")
        one, other = await mailbox(ana, 1, ip="::"), await mailbox(ben, 2, ip="::", echo=True)
        one.send(b"six", (ben.addresses[1], 2, 0, 0))
        one.send(b"four", (ben.address, 2))
        await asyncio.sleep(1)
        one.close()
        other.close()
        return [(data, addr) for _, data, addr in one.got]

    assert run(main) == [(b"six", ("2001:db8::2", 2, 0, 0)), (b"four", ("198.18.0.2", 2))]


def test_names_are_looked_up_and_that_takes_time() -> None:
    async def main(net: Internet) -> list[Any]:
        ana, ben = net.host("ana", ipv6=True), net.host("ben")
        net.name("swarm.example", ana, ben)
        loop = asyncio.get_running_loop()
        seen: list[Any] = [
            (await loop.getaddrinfo("198.18.0.9", 80, type=socket.SOCK_STREAM))[0][4],
            net.time,
        ]
        found = await loop.getaddrinfo("swarm.example", 80, type=socket.SOCK_STREAM)
        seen += [[answer[4] for answer in found], net.time]
        six = await loop.getaddrinfo("ana", 80, family=socket.AF_INET6, type=socket.SOCK_DGRAM)
        seen.append([answer[:3] + answer[4:] for answer in six])
        seen.append(await loop.getnameinfo((ben.address, 80)))
        for name, down in (("nobody.example", False), ("ben", True)):
            net.names.is_down = down
            try:
                await loop.getaddrinfo(name, 80)
            except socket.gaierror as error:
                seen.append(error.errno)
        return seen

    assert run(main) == [
        ("198.18.0.9", 80),
        0.0,
        [("198.18.0.1", 80), ("2001:db8::1", 80, 0, 0), ("198.18.0.2", 80)],
        0.02,
        [(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_UDP, ("2001:db8::1", 80, 0, 0))],
        ("ben", "80"),
        socket.EAI_NONAME,
        socket.EAI_AGAIN,
    ]


GROUP = "224.0.0.251"
JOIN = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton("0.0.0.0"))


def test_multicast_reaches_the_members_of_a_lan_and_nobody_else() -> None:
    async def main(net: Internet) -> list[Any]:
        home, other = net.lan("home"), net.lan("other")
        elsewhere = await mailbox(net.host("elsewhere", lan=home), 5354)
        sock = elsewhere.transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, JOIN)
        names = [("ana", home), ("ben", home), ("cy", home), ("far", other), ("outside", None)]
        boxes = {name: await mailbox(net.host(name, lan=lan), 5353, reuse_port=True) for name, lan in names}
        for name in ("ana", "ben", "far", "outside"):
            sock = boxes[name].transport.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, JOIN)
        boxes["ana"].send(b"who is there?", (GROUP, 5353))
        boxes["outside"].send(b"anybody?", (GROUP, 5353))
        await asyncio.sleep(1)
        sock = boxes["ben"].transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, JOIN)
        boxes["ana"].send(b"and now?", (GROUP, 5353))
        boxes["cy"].send(b"all of you", ("255.255.255.255", 5353))
        await asyncio.sleep(1)
        for box in (elsewhere, *boxes.values()):
            box.close()
        assert elsewhere.data == [], "a member of the group, at another port"
        return [{name: box.data for name, box in boxes.items()}, net.trace.dropped()]

    everybody, dropped = run(main)
    assert everybody == {
        "ana": [b"who is there?", b"and now?", b"all of you"],
        "ben": [b"who is there?", b"all of you"],
        "cy": [b"all of you"],
        "far": [],
        "outside": [],
    }
    assert dropped == {"no route": 1}


def test_a_name_and_an_address_belong_to_one_host() -> None:
    net = Internet()
    net.host("ana", address="203.0.113.5")
    for bad in ({"name": "ana"}, {"name": "ben", "address": "203.0.113.5"}, {"name": ""}):
        with pytest.raises(UsageError):
            net.host(**bad)  # type: ignore[arg-type]
    assert net.host("cy").address.startswith("198.18.0.")


def test_code_on_no_host_is_told_what_to_do() -> None:
    async def main(net: Internet) -> None:
        await asyncio.get_running_loop().create_datagram_endpoint(Mailbox, ("0.0.0.0", 1))

    with pytest.raises(UsageError, match="with host"):
        run(main)


def test_a_link_set_both_ways_is_one_and_what_is_sent_is_counted() -> None:
    async def main(net: Internet) -> list[float]:
        ana, ben, address = await pair(net)
        net.set_link(net.hosts["ana"], net.hosts["ben"], Link(latency=0.2))
        ana.send(b"hello", address)
        await asyncio.sleep(1)
        ben.send(b"back", (net.hosts["ana"].address, 1000))
        await asyncio.sleep(1)
        ana.close()
        ben.close()
        return [ben.got[0][0], round(ana.got[0][0] - 1, 9)]

    net = Internet(link=FAST)
    assert net.run(main) == [0.2, 0.2]
    counted = {who: (sums.packets, sums.size_bytes) for who, sums in net.trace.sent().items()}
    assert counted == {("ana", "udp"): (1, 5), ("ben", "udp"): (1, 4)}
