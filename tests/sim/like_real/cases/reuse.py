"""Several sockets on one port: SO_REUSEADDR and SO_REUSEPORT."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tests.sim.like_real.machines import Machine
from tests.sim.like_real.words import Ear, Line, awaited, bound, heard, joined, soon, tcp, tried, udp

ADDRESS = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
PORT = (socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
MEMBER = (
    socket.IPPROTO_IP,
    socket.IP_ADD_MEMBERSHIP,
    socket.inet_aton("239.1.2.3") + socket.inet_aton("0.0.0.0"),
)
ALONE: tuple[tuple[int, int, int], ...] = ()
WAYS = (ALONE, (ADDRESS,), (PORT,), (ADDRESS, PORT))


async def udp_first_and_second(here: Machine, there: Machine) -> list[Any]:
    seen = []
    for first in WAYS:
        with udp("0.0.0.0", 5000, *first):
            seen.append([bound(udp, ip, 5000, *way) for way in WAYS for ip in ("0.0.0.0", "127.0.0.1")])
    return seen


async def tcp_first_and_second(here: Machine, there: Machine) -> list[Any]:
    seen = []
    for first in WAYS:
        with tcp("0.0.0.0", 5000, *first):
            seen.append([bound(tcp, ip, 5000, *way) for way in WAYS for ip in ("0.0.0.0", "127.0.0.1")])
    return seen


async def tcp_beside_one_that_listens(here: Machine, there: Machine) -> list[Any]:
    seen = []
    for first in WAYS:
        with tcp("127.0.0.1", 5000, *first) as one:
            one.listen()
            seen.append([bound(tcp, ip, 5000, *way) for way in WAYS for ip in ("0.0.0.0", "127.0.0.1")])
    return seen


async def both_listen(here: Machine, there: Machine) -> list[Any]:
    seen = []
    for way in WAYS[1:]:
        with tcp("127.0.0.1", 5000, *way) as one, tcp("127.0.0.1", 5000, *way) as other:
            seen += [tried(one.listen), tried(other.listen)]
    return seen


async def options_set_after_binding(here: Machine, there: Machine) -> list[Any]:
    seen = []
    for way in (ADDRESS, PORT):
        with udp("127.0.0.1", 5000) as one:
            one.setsockopt(*way)
            seen.append(bound(udp, "127.0.0.1", 5000, way))
    with udp("127.0.0.1", 5000, ADDRESS) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        return [*seen, bound(udp, "127.0.0.1", 5000, ADDRESS)]


async def who_hears_a_datagram(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000, ADDRESS) as first, udp("127.0.0.1", 5000, ADDRESS) as second, udp() as mouth:
        mouth.sendto(b"x", ("127.0.0.1", 5000))
        seen = [len(await heard(first)), len(await heard(second))]
        second.close()
        mouth.sendto(b"x", ("127.0.0.1", 5000))
        return [*seen, len(await heard(first))]


async def the_nearer_address_hears(here: Machine, there: Machine) -> list[Any]:
    seen = []
    for order in (("0.0.0.0", here.ip), (here.ip, "0.0.0.0")):
        with udp(order[0], 5000, ADDRESS) as one, udp(order[1], 5000, ADDRESS) as other, udp() as mouth:
            mouth.sendto(b"x", (here.ip, 5000))
            mouth.sendto(b"y", ("127.0.0.1", 5000))
            seen.append([[data for data, _ in await heard(each)] for each in (one, other)])
    return seen


async def the_connected_one_hears(here: Machine, there: Machine) -> list[Any]:
    first, second = (udp("127.0.0.1", 5000, ADDRESS) for _ in range(2))
    with first, second, udp("127.0.0.1", 5001) as mouth, udp("127.0.0.1", 5002) as other:
        first.connect(("127.0.0.1", 5001))
        mouth.sendto(b"friend", ("127.0.0.1", 5000))
        other.sendto(b"stranger", ("127.0.0.1", 5000))
        return [await heard(first), await heard(second)]


async def one_flow_stays_with_one(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000, PORT) as first, udp("127.0.0.1", 5000, PORT) as second, udp() as mouth:
        for _ in range(6):
            mouth.sendto(b"x", ("127.0.0.1", 5000))
        counts = [len(await heard(first)), len(await heard(second))]
        seen: list[Any] = [sorted(counts)]
        (second if counts[1] else first).close()
        mouth.sendto(b"x", ("127.0.0.1", 5000))
        left = first if counts[1] else second
        return [*seen, len(await heard(left))]


async def a_group_reaches_all(here: Machine, there: Machine) -> list[Any]:
    seen = []
    for way in (ADDRESS, PORT):
        with udp("0.0.0.0", 5000, way, MEMBER) as first, udp("0.0.0.0", 5000, way, MEMBER) as second:
            with there:
                mouth = udp()
            with mouth:
                mouth.sendto(b"x", ("239.1.2.3", 5000))
            seen += [len(await heard(first)), len(await heard(second))]
    return seen


async def by_endpoints(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()

    async def opened(shared: bool) -> Any:
        return await awaited(
            loop.create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 5000), reuse_port=shared)
        )

    one, _ = await loop.create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 5000), reuse_port=True)
    seen = [await opened(True), await opened(False)]
    one.close()
    return seen


async def by_servers(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    one = await loop.create_server(Line, "127.0.0.1", 5050, reuse_port=True)
    other = await loop.create_server(Line, "127.0.0.1", 5050, reuse_port=True)
    seen = [await awaited(loop.create_server(Line, "127.0.0.1", 5050))]
    one.close()
    seen.append(await awaited(loop.create_connection(Line, "127.0.0.1", 5050)))
    other.close()
    await soon()
    return [*seen, await awaited(loop.create_connection(Line, "127.0.0.1", 5050))]


async def a_server_restarted_with_a_client_left(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined(("127.0.0.1", 5051))
    with client, server:
        listening.close()
        again = await awaited(asyncio.start_server(lambda r, w: None, "127.0.0.1", 5051))
        not_shared = await awaited(
            asyncio.start_server(lambda r, w: None, "127.0.0.1", 5052, reuse_address=False)
        )
        return [again, not_shared]


async def one_ephemeral_port_for_two_destinations(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with tcp("127.0.0.1", 5053, ADDRESS) as listening, tcp("127.0.0.1", 5054, ADDRESS) as other:
        listening.listen()
        other.listen()
        with tcp("127.0.0.1", 5055, ADDRESS) as one, tcp("127.0.0.1", 5055, ADDRESS) as two:
            await loop.sock_connect(one, ("127.0.0.1", 5053))
            await loop.sock_connect(two, ("127.0.0.1", 5054))
            with tcp("127.0.0.1", 5055, ADDRESS) as three:
                return [await awaited(loop.sock_connect(three, ("127.0.0.1", 5053)))]
