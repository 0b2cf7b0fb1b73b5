"""Who may bind what, and what a socket is called then."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tests.sim.like_real.machines import BROADCAST_IP, Machine
from tests.sim.like_real.words import Ear, awaited, bound, joined, plain, tcp, tried, udp


async def same_port_twice(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000):
        return [bound(udp, "127.0.0.1", 5000), bound(udp, "127.0.0.1", 5001)]


async def one_address_beside_all(here: Machine, there: Machine) -> list[Any]:
    with udp("0.0.0.0", 5000):
        seen = [bound(udp, here.ip, 5000)]
    with udp(here.ip, 5000):
        return [*seen, bound(udp, "0.0.0.0", 5000)]


async def one_port_on_each_address(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000), udp(here.ip, 5000):
        return [bound(udp, here.second_ip, 5000), bound(udp, here.ip6, 5000), bound(udp, "0.0.0.0", 5000)]


async def tcp_one_address_beside_all(here: Machine, there: Machine) -> list[Any]:
    with tcp("0.0.0.0", 5000) as one:
        seen = [bound(tcp, here.ip, 5000), bound(udp, here.ip, 5000)]
        one.listen()
        seen.append(bound(tcp, here.ip, 5000))
    with tcp("127.0.0.1", 5000):
        return [*seen, bound(tcp, here.ip, 5000), bound(tcp, "127.0.0.1", 5000)]


async def an_address_of_another_machine(here: Machine, there: Machine) -> list[Any]:
    return [bound(kind, ip, 5000) for kind in (udp, tcp) for ip in (there.ip, there.ip6)]


async def addresses_of_loopback(here: Machine, there: Machine) -> list[Any]:
    return [bound(kind, ip, 5000) for kind in (udp, tcp) for ip in ("127.0.0.5", "::1")]


async def groups_and_broadcast(here: Machine, there: Machine) -> list[Any]:
    ips = ("239.1.2.3", BROADCAST_IP, "255.255.255.255", "ff02::1234")
    return [bound(kind, ip, 5000) for kind in (udp, tcp) for ip in ips]


async def impossible_ports(here: Machine, there: Machine) -> list[Any]:
    with udp() as one:
        return [tried(one.bind, ("127.0.0.1", port)) for port in (70_000, -1, "80", None)]


async def impossible_addresses(here: Machine, there: Machine) -> list[Any]:
    with udp() as one:
        seen = [tried(one.bind, address) for address in ((here.ip6, 5000), "127.0.0.1", ("127.0.0.1",), None)]
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
        return [*seen, tried(other.bind, (here.ip, 5000))]


async def twice_with_one_socket(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000) as one, tcp("127.0.0.1", 5000) as other:
        return [tried(one.bind, ("127.0.0.1", 5001)), tried(other.bind, ("127.0.0.1", 5001))]


async def names_of_unbound_sockets(here: Machine, there: Machine) -> list[Any]:
    six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    with udp() as one, tcp() as other, six:
        return [tried(s.getsockname) for s in (one, other, six)] + [tried(one.getpeername)]


async def names_of_bound_sockets(here: Machine, there: Machine) -> list[Any]:
    seen = []
    for ip, port in (
        ("", 0),
        ("0.0.0.0", 5000),
        ("127.0.0.1", 0),
        ("localhost", 5000),
        ("<broadcast>", 5000),
    ):
        with udp() as one:
            seen += [tried(one.bind, (ip, port)), plain(one.getsockname())]
    with udp("::1", 5000) as one:
        return [*seen, plain(one.getsockname())]


async def sending_binds(here: Machine, there: Machine) -> list[Any]:
    with udp() as one:
        one.sendto(b"x", (there.ip, 5000))
        name = one.getsockname()
        one.sendto(b"x", (there.ip, 5000))
        return [plain(name), name == one.getsockname()]


async def a_port_is_free_again(here: Machine, there: Machine) -> list[Any]:
    udp("127.0.0.1", 5000).close()
    tcp("127.0.0.1", 5000).close()
    return [bound(udp, "127.0.0.1", 5000), bound(tcp, "127.0.0.1", 5000)]


async def the_port_of_a_connection_that_was_closed_first(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined(("127.0.0.1", 5010))
    reuse = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.close()
    seen = [bound(tcp, "127.0.0.1", 5010), bound(tcp, "127.0.0.1", 5010, reuse)]
    server.close()
    client.close()
    return [*seen, bound(tcp, "127.0.0.1", 5010), bound(tcp, "127.0.0.1", 5010, reuse)]


async def a_server_where_one_is(here: Machine, there: Machine) -> list[Any]:
    async with await asyncio.start_server(lambda r, w: None, "127.0.0.1", 5020):
        seen = [
            await awaited(asyncio.start_server(lambda r, w: None, ip, 5020)) for ip in ("127.0.0.1", None)
        ]
    async with await asyncio.start_server(lambda r, w: None, "127.0.0.1", 5020) as again:
        return [*seen, [plain(s.getsockname()) for s in again.sockets]]


async def an_endpoint_where_one_is(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    seen = []
    with udp("127.0.0.1", 5000):
        for ip, port in (("127.0.0.1", 5000), ("0.0.0.0", 5000), (there.ip, 5000), ("127.0.0.1", 70_000)):
            seen.append(await awaited(loop.create_datagram_endpoint(Ear, local_addr=(ip, port))))
    return seen
