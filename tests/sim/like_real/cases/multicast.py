"""Groups: who joins them, and who hears what."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from tests.sim.like_real.machines import Machine
from tests.sim.like_real.words import Ear, awaited, heard, plain, soon, tried, udp

GROUP, OTHER, GROUP_6 = "239.1.2.3", "239.9.9.9", "ff02::1234"
REUSE = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
IP = socket.IPPROTO_IP


def membership(group: str, interface: str = "0.0.0.0") -> bytes:
    return socket.inet_aton(group) + socket.inet_aton(interface)


def joining(group: str = GROUP, interface: str = "0.0.0.0") -> tuple[int, int, bytes]:
    return IP, socket.IP_ADD_MEMBERSHIP, membership(group, interface)


def membership_6(group: str, interface: int = 0) -> bytes:
    return socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", interface)


async def joined_and_not(here: Machine, there: Machine) -> list[Any]:
    with there:
        member, stranger = udp("0.0.0.0", 5000, joining()), udp("0.0.0.0", 5001)
    with member, stranger, udp("0.0.0.0", 5002) as mouth:
        for port in (5000, 5001):
            mouth.sendto(b"hello", (GROUP, port))
        return [await heard(member), await heard(stranger)]


async def another_group(here: Machine, there: Machine) -> list[Any]:
    with there:
        member = udp("0.0.0.0", 5000, joining())
    with member, udp() as mouth:
        mouth.sendto(b"hello", (OTHER, 5000))
        return await heard(member)


async def joined_by_another_socket_of_the_machine(here: Machine, there: Machine) -> list[Any]:
    with there:
        member, beside = udp("0.0.0.0", 5000, joining()), udp("0.0.0.0", 5001)
        strict = udp("0.0.0.0", 5002, (IP, 49, 0))  # IP_MULTICAST_ALL, for which `socket` has no name
    with member, beside, strict, udp() as mouth:
        for port in (5001, 5002):
            mouth.sendto(b"hello", (GROUP, port))
        return [len(await heard(beside)), len(await heard(strict))]


async def by_the_interfaces_address(here: Machine, there: Machine) -> list[Any]:
    with there:
        member = udp("0.0.0.0", 5000, joining(GROUP, there.ip))
        wrong = tried(udp, "0.0.0.0", 5001, joining(GROUP, here.ip))
    with member, udp(here.ip, 5002) as mouth:
        mouth.setsockopt(IP, socket.IP_MULTICAST_IF, socket.inet_aton(here.ip))
        mouth.sendto(b"hello", (GROUP, 5000))
        return [wrong, await heard(member)]


async def wrong_memberships(here: Machine, there: Machine) -> list[Any]:
    with udp("0.0.0.0", 5000, joining()) as one:
        add, drop = socket.IP_ADD_MEMBERSHIP, socket.IP_DROP_MEMBERSHIP
        wrong = (
            (add, membership(GROUP)),
            (add, membership("10.0.0.1")),
            (add, b"abc"),
            (add, membership(OTHER, "10.9.9.9")),
            (drop, membership(OTHER)),
            (drop, membership(GROUP, "10.9.9.9")),
            (drop, membership(GROUP)),
            (drop, membership(GROUP)),
        )
        return [tried(one.setsockopt, IP, what, value) for what, value in wrong]


async def with_an_interface_number(here: Machine, there: Machine) -> list[Any]:
    with there:
        index = max(number for number, _ in socket.if_nameindex())
        whole = membership(GROUP) + struct.pack("@I", index)  # struct ip_mreqn
        member = udp("0.0.0.0", 5000, (IP, socket.IP_ADD_MEMBERSHIP, whole))
    with member, udp() as mouth:
        mouth.sendto(b"hello", (GROUP, 5000))
        return [data for data, _ in await heard(member)]


async def the_senders_own_machine(here: Machine, there: Machine) -> list[Any]:
    with there:
        far = udp("0.0.0.0", 5000, joining())
    with far, udp("0.0.0.0", 5000, joining()) as near:
        near.sendto(b"looped", (GROUP, 5000))
        seen = [len(await heard(near)), len(await heard(far))]
        near.setsockopt(IP, socket.IP_MULTICAST_LOOP, 0)
        near.sendto(b"not looped", (GROUP, 5000))
        return [*seen, len(await heard(near)), len(await heard(far))]


async def how_far(here: Machine, there: Machine) -> list[Any]:
    with there:
        far = udp("0.0.0.0", 5000, joining())
    with far, udp("0.0.0.0", 5000, joining()) as near:
        seen = [tried(near.getsockopt, IP, socket.IP_MULTICAST_TTL)]
        near.setsockopt(IP, socket.IP_MULTICAST_TTL, 0)
        near.sendto(b"stays here", (GROUP, 5000))
        return [*seen, len(await heard(near)), len(await heard(far))]


async def two_sockets_of_one_machine(here: Machine, there: Machine) -> list[Any]:
    with udp("0.0.0.0", 5000, REUSE, joining()) as one, udp("0.0.0.0", 5000, REUSE, joining()) as other:
        with there:
            mouth = udp()
        with mouth:
            mouth.sendto(b"hello", (GROUP, 5000))
        return [len(await heard(one)), len(await heard(other))]


async def bound_to_the_group(here: Machine, there: Machine) -> list[Any]:
    with there:
        far = udp(GROUP, 5000, joining())
    with far, udp() as mouth:
        mouth.sendto(b"to the group", (GROUP, 5000))
        mouth.sendto(b"to the machine", (there.ip, 5000))
        far.sendto(b"answer", (here.ip, mouth.getsockname()[1]))
        return [[data for data, _ in await heard(far)], await heard(mouth)]


async def bound_to_an_address(here: Machine, there: Machine) -> list[Any]:
    with there:
        far = udp(there.ip, 5000, joining())
    with far, udp() as mouth:
        mouth.sendto(b"to the group", (GROUP, 5000))
        return await heard(far)


async def left_and_closed(here: Machine, there: Machine) -> list[Any]:
    with there:
        far = udp("0.0.0.0", 5000, joining())
    with far, udp() as mouth:
        far.setsockopt(IP, socket.IP_DROP_MEMBERSHIP, membership(GROUP))
        mouth.sendto(b"one", (GROUP, 5000))
        seen = [await heard(far)]
        with there:
            udp("0.0.0.0", 5001, joining()).close()
        mouth.sendto(b"two", (GROUP, 5000))
        return [*seen, await heard(far)]


async def connected_to_a_group(here: Machine, there: Machine) -> list[Any]:
    with there:
        far = udp("0.0.0.0", 5000, joining())
    with far, udp() as mouth:
        mouth.connect((GROUP, 5000))
        mouth.send(b"hello")
        seen = [plain(mouth.getpeername()), plain(mouth.getsockname()), await heard(far)]
        far.sendto(b"answer", mouth.getsockname())
        return [*seen, await heard(mouth)]


async def to_a_closed_port(here: Machine, there: Machine) -> list[Any]:
    with udp() as one:
        one.connect((GROUP, 5009))
        seen = [tried(one.send, b"x")]
        await soon()
        return [*seen, tried(one.send, b"x"), tried(one.recv, 1)]


async def out_of_loopback(here: Machine, there: Machine) -> list[Any]:
    with there:
        far = udp("0.0.0.0", 5000, joining())
    with far, udp("0.0.0.0", 5000, joining()) as near, udp("127.0.0.1", 5001) as mouth:
        return [tried(mouth.sendto, b"x", (GROUP, 5000)), await heard(near), await heard(far)]


async def options(here: Machine, there: Machine) -> list[Any]:
    with udp() as one:
        names = (socket.IP_MULTICAST_LOOP, socket.IP_MULTICAST_TTL, socket.IP_TTL)
        seen = [tried(one.getsockopt, IP, name) for name in names]
        for name, value in (
            (socket.IP_MULTICAST_TTL, 300),
            (socket.IP_MULTICAST_TTL, b"\x07"),
            (socket.IP_MULTICAST_LOOP, b"\0"),
        ):
            seen += [tried(one.setsockopt, IP, name, value), tried(one.getsockopt, IP, name)]
        seen.append(tried(one.getsockopt, IP, socket.IP_MULTICAST_IF, 4))
        one.setsockopt(IP, socket.IP_MULTICAST_IF, socket.inet_aton(here.ip))
        wrong = tried(one.setsockopt, IP, socket.IP_MULTICAST_IF, socket.inet_aton(there.ip))
        return [*seen, one.getsockopt(IP, socket.IP_MULTICAST_IF, 4) == socket.inet_aton(here.ip), wrong]


async def ipv6_groups(here: Machine, there: Machine) -> list[Any]:
    six = socket.IPPROTO_IPV6
    with there:
        index = max(number for number, _ in socket.if_nameindex())
        member = udp("::", 5000, (six, socket.IPV6_JOIN_GROUP, membership_6(GROUP_6, index)))
    with member, udp("::", 5001) as mouth:
        index = max(number for number, _ in socket.if_nameindex())
        mouth.setsockopt(six, socket.IPV6_MULTICAST_IF, index)
        mouth.sendto(b"one", (GROUP_6, 5000))
        mouth.sendto(b"two", (GROUP_6, 5000, 0, index))
        mouth.sendto(b"other", ("ff02::9999", 5000))
        return await heard(member)


async def wrong_ipv6_memberships(here: Machine, there: Machine) -> list[Any]:
    six, join, leave = socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.IPV6_LEAVE_GROUP
    with udp("::", 5000) as one:
        tries = (
            (join, membership_6(GROUP_6)),
            (join, membership_6(GROUP_6)),
            (join, membership_6("fd77::2")),
            (join, b"abc"),
            (join, membership_6(GROUP_6, 99)),
            (leave, membership_6("ff02::9999")),
            (leave, membership_6(GROUP_6)),
        )
        return [tried(one.setsockopt, six, what, value) for what, value in tries]


async def by_endpoints(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with there:
        far, ear = await loop.create_datagram_endpoint(Ear, local_addr=("0.0.0.0", 5000))
    far.get_extra_info("socket").setsockopt(*joining())
    near, _ = await loop.create_datagram_endpoint(Ear, local_addr=(here.ip, 5001))
    near.sendto(b"hello", (GROUP, 5000))
    await soon()
    far.close()
    near.close()
    await soon()
    return ear.told


async def an_endpoint_to_a_group(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with there:
        far = udp("0.0.0.0", 5000, joining())
    with far:
        made = await awaited(loop.create_datagram_endpoint(Ear, remote_addr=(GROUP, 5000)))
        near, _ = await loop.create_datagram_endpoint(Ear, remote_addr=(GROUP, 5000))
        near.sendto(b"hello")
        seen = await heard(far)
        near.close()
        return [made, seen]
