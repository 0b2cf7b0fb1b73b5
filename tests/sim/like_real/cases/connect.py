"""Opening TCP connections: what is refused and how, and what the ends are called."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tests.sim.like_real.machines import BROADCAST_IP, NOBODY_IP, OUTSIDE_IP, Machine
from tests.sim.like_real.words import Line, awaited, bound, joined, plain, soon, tcp, tried, udp

ERROR = (socket.SOL_SOCKET, socket.SO_ERROR)


async def where_nobody_listens(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    ips = ("127.0.0.1", here.ip, there.ip, there.ip6)
    return [await awaited(loop.create_connection(Line, ip, 5009)) for ip in ips]


async def where_no_route_leads(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    ips = (OUTSIDE_IP, "2001:db8::1", "255.255.255.255", BROADCAST_IP, "239.1.2.3")
    return [await awaited(loop.create_connection(Line, ip, 5009)) for ip in ips]


async def to_nobody_of_the_segment(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    return [await awaited(loop.create_connection(Line, NOBODY_IP, 5009))]


async def to_impossible_ports(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    ports: tuple[Any, ...] = (0, 70_000, -1)
    return [await awaited(loop.create_connection(Line, "127.0.0.1", port)) for port in ports]


async def without_waiting(here: Machine, there: Machine) -> list[Any]:
    with there:
        listening = tcp("0.0.0.0", 5060)
        listening.listen()
    with listening, tcp() as one:
        seen = [tried(one.getpeername), one.connect_ex((there.ip, 5060)) != 0]
        await soon()
        seen += [one.getsockopt(*ERROR), plain(one.getpeername())]
        return [
            *seen,
            one.connect_ex((there.ip, 5060)),
            tried(one.connect, (there.ip, 5060)),
            tried(one.recv, 1),
        ]


async def without_waiting_refused(here: Machine, there: Machine) -> list[Any]:
    with tcp() as one:
        seen = [tried(one.connect, (there.ip, 5009))]
        await soon()
        seen += [tried(one.getsockopt, *ERROR), tried(one.getsockopt, *ERROR), tried(one.getpeername)]
        return [*seen, tried(one.recv, 1), tried(one.send, b"x")]


async def again_after_a_refusal(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with tcp() as one:
        seen = [await awaited(loop.sock_connect(one, (there.ip, 5009)))]
        with there:
            listening = tcp("0.0.0.0", 5009)
            listening.listen()
        with listening:
            return [*seen, await awaited(loop.sock_connect(one, (there.ip, 5009)))]


async def to_the_address_of_all(here: Machine, there: Machine) -> list[Any]:
    async with await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 5061):
        _, writer = await asyncio.open_connection("0.0.0.0", 5061)
        names = [plain(writer.get_extra_info(name)) for name in ("peername", "sockname")]
        writer.close()
        return names


async def out_of_loopback(here: Machine, there: Machine) -> list[Any]:
    with there:
        listening = tcp("0.0.0.0", 5062)
        listening.listen()
    with listening, tcp("127.0.0.1", 0) as one:
        return [tried(one.connect, (there.ip, 5062)), tried(one.connect, (OUTSIDE_IP, 5062))]


async def from_a_chosen_address(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(lambda r, w: None, "0.0.0.0", 5063)
    seen = [
        await awaited(loop.create_connection(Line, here.ip, 5063, local_addr=local))
        for local in ((here.second_ip, 0), ("127.0.0.1", 5064), (there.ip, 0), (here.ip6, 0))
    ]
    with tcp("127.0.0.1", 5065) as taken:
        taken.listen()
        again = loop.create_connection(Line, "127.0.0.1", 5063, local_addr=("127.0.0.1", 5065))
        seen.append(await awaited(again))
    transport, _ = await loop.create_connection(Line, here.ip, 5063, local_addr=(here.second_ip, 5066))
    seen.append([plain(transport.get_extra_info(name)) for name in ("sockname", "peername")])
    transport.close()
    server.close()
    return seen


async def the_ends_names(here: Machine, there: Machine) -> list[Any]:
    seen: list[Any] = []
    for ip, anywhere in ((there.ip, "0.0.0.0"), (there.ip6, "::")):
        listening, client, server = await joined((ip, 5067), server_ip=anywhere, at=there)
        names = (listening.getsockname(), server.getsockname(), server.getpeername(), client.getsockname())
        seen.append([plain(name) for name in (*names, client.getpeername())])
        for one in (client, server, listening):
            one.close()
    return seen


async def the_ends_of_a_stream(here: Machine, there: Machine) -> list[Any]:
    far: list[Any] = []

    async def serve(reader: Any, writer: Any) -> None:
        far.extend(plain(writer.get_extra_info(name)) for name in ("sockname", "peername"))
        writer.close()

    with there:
        server = await asyncio.start_server(serve, "0.0.0.0", 5068)
    async with server:
        reader, writer = await asyncio.open_connection(there.ip, 5068)
        near = [
            plain(writer.get_extra_info(name)) for name in ("sockname", "peername", "sslcontext", "nothing")
        ]
        socket_kind = writer.get_extra_info("socket").type == socket.SOCK_STREAM
        await reader.read()
        writer.close()
        return [near, far, socket_kind]


async def udp_to_a_tcp_port(here: Machine, there: Machine) -> list[Any]:
    with tcp("127.0.0.1", 5069) as listening, udp() as one:
        listening.listen()
        one.connect(("127.0.0.1", 5069))
        one.send(b"x")
        await soon()
        return [tried(one.recv, 1), bound(udp, "127.0.0.1", 5069)]


async def a_listening_socket(here: Machine, there: Machine) -> list[Any]:
    with tcp("127.0.0.1", 5070) as one:
        one.listen()
        return [tried(one.connect, ("127.0.0.1", 5071)), tried(one.recv, 1), tried(one.send, b"x")]


async def to_a_bound_socket_that_does_not_listen(here: Machine, there: Machine) -> list[Any]:
    with tcp("127.0.0.1", 5072):
        return [await awaited(asyncio.open_connection("127.0.0.1", 5072))]


async def to_itself(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with tcp("127.0.0.1", 5073) as one:
        seen = [await awaited(loop.sock_connect(one, ("127.0.0.1", 5073)))]
        if seen == [None]:
            one.send(b"myself")
            await soon()
            seen.append(tried(one.recv, 10))
        return seen


async def given_up(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    trying = asyncio.ensure_future(loop.create_connection(Line, NOBODY_IP, 5009))
    await soon()
    trying.cancel()
    await asyncio.wait([trying])
    return [trying.cancelled()]


async def several_addresses(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    async with await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 5074):
        connecting = loop.create_connection(Line, "localhost", 5074, happy_eyeballs_delay=0.05)
        return [await awaited(connecting)]


async def unconnected_sockets(here: Machine, there: Machine) -> list[Any]:
    with tcp() as one:
        calls = (
            lambda: one.send(b"x"),
            lambda: one.recv(1),
            lambda: one.shutdown(socket.SHUT_WR),
            one.accept,
            one.getpeername,
            lambda: one.sendto(b"x", ("127.0.0.1", 1)),
        )
        return [tried(call) for call in calls]
