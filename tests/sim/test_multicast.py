"""Multicast and broadcast on a simulated LAN. What one machine can show, real loopback shows too."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import sys
from typing import Any

import pytest

from p2plib.sim import Host, Internet
from p2plib.sim.multicast import IP_MULTICAST_ALL
from tests.sim.small import Mailbox, mailbox, run
from tests.sim.sockets.conftest import World, on_loopback, simulated
from tests.sim.sockets.small_sockets import HOME, a_moment, raised, udp

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the rules are Linux'")
V4, V6, ALL = socket.IPPROTO_IP, socket.IPPROTO_IPV6, 49
GROUP, OTHER = "239.1.2.3", "239.1.2.4"


@pytest.fixture(params=[on_loopback, simulated])
def world(request: pytest.FixtureRequest) -> World:
    """Run a program; what it asserts has to hold in both worlds."""
    chosen: World = request.param
    return chosen


def mreq(group: str = GROUP, interface: str = HOME) -> bytes:
    return socket.inet_aton(group) + socket.inet_aton(interface)


def mreqn(group: str, index: int) -> bytes:
    return mreq(group, "0.0.0.0") + struct.pack("i", index)


@on_linux
def test_joining_and_leaving(world: World) -> None:
    async def program() -> None:
        with udp() as sock:

            def join(request: bytes) -> Any:
                return raised(lambda: sock.setsockopt(V4, socket.IP_ADD_MEMBERSHIP, request))

            def leave(request: bytes) -> Any:
                return raised(lambda: sock.setsockopt(V4, socket.IP_DROP_MEMBERSHIP, request))

            loopback = socket.if_nametoindex("lo")
            twice, none = (OSError, errno.EADDRINUSE), (OSError, errno.EADDRNOTAVAIL)
            assert join(mreq()) is None
            assert join(mreq()) == twice
            assert join(mreqn(GROUP, loopback)) == twice
            assert join(mreq("10.0.0.1")) == (OSError, errno.EINVAL)
            assert join(b"short") == (OSError, errno.EINVAL)
            assert join(mreq(interface="203.0.113.7")) == (OSError, errno.ENODEV)
            assert join(mreqn(GROUP, 999)) == (OSError, errno.ENODEV)
            assert leave(mreq(OTHER)) == none
            assert leave(mreq("10.0.0.1")) == none
            assert leave(mreqn(GROUP, loopback)) is None
            assert leave(mreq()) == none
            joined = [join(mreq(f"239.1.3.{number}")) for number in range(21)]
            assert joined == [None] * 20 + [(OSError, errno.ENOBUFS)]

    world(program)


@on_linux
@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_joining_groups_of_ipv6(world: World) -> None:
    async def program() -> None:
        def request(group: str, index: int) -> bytes:
            return socket.inet_pton(socket.AF_INET6, group) + struct.pack("I", index)

        with udp(socket.AF_INET6, ("::1", 0)) as sock:
            loopback = socket.if_nametoindex("lo")
            for option, group, index, error in [
                (socket.IPV6_JOIN_GROUP, "ff02::fb", loopback, None),
                (socket.IPV6_JOIN_GROUP, "ff02::fb", loopback, errno.EADDRINUSE),
                (socket.IPV6_JOIN_GROUP, "ff02::fb", 999, errno.ENODEV),
                (socket.IPV6_JOIN_GROUP, "2001:db8::1", loopback, errno.EINVAL),
                (socket.IPV6_JOIN_GROUP, "::ffff:239.1.2.3", loopback, errno.EINVAL),
                (socket.IPV6_LEAVE_GROUP, "ff02::fb", loopback, None),
                (socket.IPV6_LEAVE_GROUP, "ff02::fb", loopback, errno.EADDRNOTAVAIL),
            ]:
                value = request(group, index)
                outcome = raised(lambda option=option, value=value: sock.setsockopt(V6, option, value))  # type: ignore[misc]
                assert outcome == (None if error is None else (OSError, error)), (option, group, index)
            for number in range(1, 41):  # it may join more than the 20 of IPv4
                sock.setsockopt(V6, socket.IPV6_JOIN_GROUP, request(f"ff02::3:{number}", loopback))

    world(program)


@on_linux
def test_which_sockets_of_a_machine_hear_a_group(world: World) -> None:
    async def program() -> dict[str, int]:
        with udp(address=None) as first, udp() as sender:
            first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            first.bind(("0.0.0.0", 0))
            first.setsockopt(V4, socket.IP_ADD_MEMBERSHIP, mreq())
            port, boxes = first.getsockname()[1], {"member": first}
            for name, ip, hears_all in [
                ("no member", "0.0.0.0", 1), ("no member, and none wanted", "0.0.0.0", 0),
                ("bound to the group", GROUP, 1), ("bound to another", OTHER, 1),
                ("bound to the host", HOME, 1),
            ]:  # fmt: skip
                boxes[name] = box = socket.socket(type=socket.SOCK_DGRAM)
                box.setblocking(False)
                box.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                box.setsockopt(V4, ALL, hears_all)
                box.bind((ip, port))
            boxes["ipv6"] = six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            six.setblocking(False)
            six.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            six.bind(("::", port))
            sender.setsockopt(V4, socket.IP_MULTICAST_IF, socket.inet_aton(HOME))
            sender.sendto(b"heard", (GROUP, port))
            sender.sendto(b"nobody joined", (OTHER, port))
            sender.setsockopt(V4, socket.IP_MULTICAST_LOOP, 0)
            sender.sendto(b"heard by loopback all the same", (GROUP, port))
            await a_moment()
            heard = {name: _count(box) for name, box in boxes.items()}
            for box in boxes.values():
                box.close()
            return heard

    assert world(program) == {
        "member": 2, "no member": 2, "no member, and none wanted": 0, "bound to the group": 2,
        "bound to another": 0, "bound to the host": 0, "ipv6": 0,
    }  # fmt: skip
    assert IP_MULTICAST_ALL == ALL


def _count(box: socket.socket) -> int:
    count = 0
    try:
        while box.recv(100):
            count += 1
    except BlockingIOError:
        return count
    return count


async def member(host: Host, port: int = 5353, *, interface: str = "", **named: Any) -> Mailbox:
    box = await mailbox(host, port, **named)
    sock = box.transport.get_extra_info("socket")
    sock.setsockopt(V4, socket.IP_ADD_MEMBERSHIP, mreq(GROUP, interface or host.address))
    return box


def option(box: Mailbox, level: int, name: int, value: Any) -> None:
    box.transport.get_extra_info("socket").setsockopt(level, name, value)


async def everything(*boxes: Mailbox) -> list[list[bytes]]:
    await asyncio.sleep(1)
    for box in boxes:
        box.close()
    return [box.data for box in boxes]


def test_two_members_at_one_port_of_a_host_get_a_copy_each_and_the_one_that_stays_hears_on() -> None:
    async def main(net: Internet) -> list[list[bytes]]:
        home = net.lan("home")
        ana, ben = net.host("ana", lan=home), net.host("ben", lan=home)
        boxes = [await member(ana, reuse_port=True) for _ in range(2)]
        sender = await mailbox(ben)
        sender.send(b"one", (GROUP, 5353))
        await asyncio.sleep(1)
        boxes[0].close()
        sender.send(b"two", (GROUP, 5353))
        return await everything(*boxes, sender)

    assert run(main) == [[b"one"], [b"one", b"two"], []]


def test_a_copy_is_a_packet_and_a_datagram_that_nobody_hears_is_one_too() -> None:
    async def main(net: Internet) -> Any:
        home = net.lan("home")
        ana, ben, cy = (net.host(name, lan=home) for name in ("ana", "ben", "cy"))
        boxes = [await member(host) for host in (ana, ben, cy)]
        boxes[0].send(b"hello", (GROUP, 5353))
        boxes[0].send(b"nobody", (GROUP, 9))
        await everything(*boxes)
        return [
            (packet.receiver, packet.destination, packet.seen_destination, packet.fate)
            for packet in net.trace
        ]

    at = (GROUP, 5353)
    copies = [(name, at, None, "") for name in ("ana", "ben", "cy")]
    assert run(main) == [*copies, ("", (GROUP, 9), None, "nobody listens")]


def test_loop_and_ttl_at_the_sender() -> None:
    async def main(net: Internet) -> list[list[bytes]]:
        home = net.lan("home")
        ana, ben = net.host("ana", lan=home), net.host("ben", lan=home)
        here, there = await member(ana), await member(ben)
        option(here, V4, socket.IP_MULTICAST_LOOP, 0)
        here.send(b"to others", (GROUP, 5353))
        option(here, V4, socket.IP_MULTICAST_LOOP, 1)
        option(here, V4, socket.IP_MULTICAST_TTL, 0)
        here.send(b"to us", (GROUP, 5353))
        return await everything(here, there)

    assert run(main) == [[b"to us"], [b"to others"]]


def test_the_loopback_is_an_interface_of_its_own() -> None:
    async def main(net: Internet) -> Any:
        home = net.lan("home")
        ana, ben = net.host("ana", lan=home), net.host("ben", lan=home)
        inside = await member(ana, interface="127.0.0.1")
        outside = await member(ben)
        for name, interface in (("by the card", ana.address), ("by loopback", "127.0.0.1")):
            sender = await mailbox(ana)
            option(sender, V4, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
            sender.send(name.encode(), (GROUP, 5353))
            await asyncio.sleep(1)
            sender.close()
        sender = await mailbox(ana, ip="127.0.0.1")
        sender.send(b"from loopback", (GROUP, 5353))
        option(sender, V4, socket.IP_MULTICAST_IF, socket.inet_aton(ana.address))
        sender.send(b"neither", (GROUP, 5353))
        data = await everything(inside, outside, sender)
        return data, [error.errno for error in sender.errors], [addr[0] for _, _, addr in inside.got]  # type: ignore[attr-defined]

    data, errors, senders = run(main)
    assert data == [[b"by loopback", b"from loopback"], [b"by the card"], []]
    assert (errors, senders) == ([errno.EINVAL], ["127.0.0.1"] * 2)


def test_groups_of_ipv6_on_a_lan() -> None:
    async def main(net: Internet) -> Any:
        home = net.lan("home")
        hosts = [net.host(name, lan=home, ipv6=True) for name in ("ana", "ben")]
        boxes = [await mailbox(host, 5353, ip="::") for host in hosts]
        request = socket.inet_pton(socket.AF_INET6, "ff02::fb")
        option(boxes[1], V6, socket.IPV6_JOIN_GROUP, request + struct.pack("I", 2))
        for address in (
            ("ff02::fb", 5353),
            ("ff02::fb%eth0", 5353),
            ("ff02::fb", 5353, 0, 2),
            ("ff02::1", 5353),
        ):
            boxes[0].send(b"x", address)
        boxes[0].send(b"x", ("ff02::fb", 5353, 0, 1))
        await everything(*boxes)
        return [[addr for _, _, addr in box.got] for box in boxes], boxes[0].errors[0].errno  # type: ignore[attr-defined]

    ana = ("2001:db8::1", 5353, 0, 0)
    assert run(main) == ([[ana], [ana] * 4], errno.ENETUNREACH)


@pytest.mark.parametrize("to", ["255.255.255.255", "192.168.1.255"])
def test_a_broadcast_is_heard_by_all_that_are_bound_to_all_addresses_or_to_its_own(to: str) -> None:
    async def main(net: Internet) -> Any:
        home = net.lan("home")
        ana, ben, cy = (net.host(name, lan=home) for name in ("ana", "ben", "cy"))
        everywhere = [await mailbox(host, 5) for host in (ana, ben)]
        itself, narrow = (
            await mailbox(cy, 5, ip=to),
            await mailbox(net.host("dan", lan=home), 5, ip="192.168.1.4"),
        )
        both = await mailbox(net.host("eve", lan=home, ipv6=True), 5, ip="::")
        everywhere[0].send(b"without leave", (to, 5))
        option(everywhere[0], socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        everywhere[0].send(b"hello", (to, 5))
        data = await everything(*everywhere, itself, narrow, both)
        return data, [type(error) for error in everywhere[0].errors], both.got[0][2]

    data, errors, seen = run(main)
    assert data == [[b"hello"], [b"hello"], [b"hello"], [], [b"hello"]]
    assert (errors, seen) == ([PermissionError], ("::ffff:192.168.1.1", 5, 0, 0))


def test_the_public_internet_carries_neither() -> None:
    async def main(net: Internet) -> Any:
        ana, ben = net.host("ana"), net.host("ben")
        boxes = [await member(ana, allow_broadcast=True), await member(ben)]
        boxes[0].send(b"hello", (GROUP, 5353))
        boxes[0].send(b"all", ("255.255.255.255", 5353))
        return await everything(*boxes), net.trace.dropped()

    assert run(main) == ([[b"hello", b"all"], []], {"no route": 2})


@on_linux
def test_a_broadcast_within_the_host(world: World) -> None:
    async def program() -> None:
        with udp(address=("0.0.0.0", 0)) as box, udp(address=None) as sender:
            to = ("127.255.255.255", box.getsockname()[1])
            assert raised(lambda: sender.sendto(b"x", to)) == (PermissionError, errno.EACCES)
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sender.sendto(b"x", to)
            await a_moment()
            assert box.recvfrom(10) == (b"x", (HOME, sender.getsockname()[1]))

    world(program)
