"""Datagrams to everybody on the segment: who may send them, and who hears them."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tests.sim.like_real.machines import BROADCAST_IP, Machine
from tests.sim.like_real.words import Ear, awaited, heard, plain, soon, tried, udp

ALLOWED = (socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
TO_ALL = ("255.255.255.255", BROADCAST_IP)


async def without_leave(here: Machine, there: Machine) -> list[Any]:
    with udp() as one:
        sent = [tried(one.sendto, b"x", (ip, 5000)) for ip in (*TO_ALL, "127.255.255.255", "<broadcast>")]
        return [*sent, *(tried(one.connect, (ip, 5000)) for ip in TO_ALL)]


async def with_leave(here: Machine, there: Machine) -> list[Any]:
    with there:
        far = udp("0.0.0.0", 5000)
    with far, udp("0.0.0.0", 5000) as near, udp("0.0.0.0", 5001, ALLOWED) as mouth:
        sent = [tried(mouth.sendto, ip.encode(), (ip, 5000)) for ip in TO_ALL]
        return [*sent, await heard(far), await heard(near)]


async def to_a_socket_with_an_address(here: Machine, there: Machine) -> list[Any]:
    with there:
        far = udp(there.ip, 5000)
    with far, udp("0.0.0.0", 5001, ALLOWED) as mouth:
        for ip in TO_ALL:
            mouth.sendto(b"x", (ip, 5000))
        return await heard(far)


async def to_a_socket_of_the_broadcast_address(here: Machine, there: Machine) -> list[Any]:
    with there:
        subnet, all_ones = udp(BROADCAST_IP, 5000), udp("255.255.255.255", 5000)
    with subnet, all_ones, udp("0.0.0.0", 5001, ALLOWED) as mouth:
        for ip in (*TO_ALL, there.ip):
            mouth.sendto(ip.encode(), (ip, 5000))
        return [await heard(subnet), await heard(all_ones)]


async def to_two_sockets_of_one_machine(here: Machine, there: Machine) -> list[Any]:
    reuse = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with there:
        one, other = udp("0.0.0.0", 5000, reuse), udp("0.0.0.0", 5000, reuse)
    with one, other, udp("0.0.0.0", 5001, ALLOWED) as mouth:
        mouth.sendto(b"x", (BROADCAST_IP, 5000))
        return [len(await heard(one)), len(await heard(other))]


async def connected_to_everybody(here: Machine, there: Machine) -> list[Any]:
    with there:
        far = udp("0.0.0.0", 5000)
    with far, udp("0.0.0.0", 5001, ALLOWED) as mouth:
        seen = [tried(mouth.connect, (BROADCAST_IP, 5000)), tried(mouth.send, b"x")]
        far.sendto(b"answer", (here.ip, 5001))
        return [*seen, plain(mouth.getsockname()), await heard(far), await heard(mouth)]


async def to_a_closed_port(here: Machine, there: Machine) -> list[Any]:
    with udp("0.0.0.0", 5001, ALLOWED) as mouth:
        mouth.connect((BROADCAST_IP, 5009))
        mouth.send(b"x")
        await soon()
        return [tried(mouth.send, b"x"), tried(mouth.recv, 10)]


async def within_loopback(here: Machine, there: Machine) -> list[Any]:
    with udp("0.0.0.0", 5000) as ear, udp("0.0.0.0", 5001, ALLOWED) as mouth:
        return [tried(mouth.sendto, b"x", ("127.255.255.255", 5000)), await heard(ear)]


async def leave_taken_back(here: Machine, there: Machine) -> list[Any]:
    with udp("0.0.0.0", 5001, ALLOWED) as mouth:
        seen = [mouth.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST)]
        mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 0)
        seen.append(mouth.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST))
        return [*seen, tried(mouth.sendto, b"x", (BROADCAST_IP, 5000))]


async def by_endpoints(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with there:
        far = udp("0.0.0.0", 5000)
    with far:
        seen: list[Any] = []
        for leave in (None, True):
            near, ear = await loop.create_datagram_endpoint(
                Ear, local_addr=("0.0.0.0", 5001), allow_broadcast=leave
            )
            for ip in TO_ALL:
                near.sendto(b"x", (ip, 5000))
            seen.append(await heard(far))
            near.close()
            await soon()
            seen.append(ear.told)
        return seen


async def an_endpoint_to_everybody(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    refused = await awaited(loop.create_datagram_endpoint(Ear, remote_addr=(BROADCAST_IP, 5000)))
    near, ear = await loop.create_datagram_endpoint(
        Ear, remote_addr=(BROADCAST_IP, 5000), allow_broadcast=True
    )
    near.sendto(b"x")
    await soon()
    near.close()
    await soon()
    return [refused, ear.told]
