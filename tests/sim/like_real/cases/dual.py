"""IPv6 sockets that speak IPv4 as well, and the two families side by side."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tests.sim.like_real.machines import Machine
from tests.sim.like_real.words import (
    Ear,
    Line,
    awaited,
    bound,
    drained,
    heard,
    joined,
    plain,
    soon,
    tcp,
    tried,
    udp,
)

ONLY_6 = (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


async def who_sent(here: Machine, there: Machine) -> list[Any]:
    with udp("::", 5000) as ear, udp("127.0.0.1", 5001) as four, udp("::1", 5002) as six:
        four.sendto(b"four", ("127.0.0.1", 5000))
        six.sendto(b"six", ("::1", 5000))
        return [plain(ear.getsockname()), *await heard(ear)]


async def answers_to_a_mapped_address(here: Machine, there: Machine) -> list[Any]:
    with there:
        far = udp("0.0.0.0", 5001)
    with udp("::", 5000) as near, far:
        near.sendto(b"out", (f"::ffff:{there.ip}", 5001))
        seen = await heard(far)
        far.sendto(b"back", (here.ip, 5000))
        await soon()
        _, sender = near.recvfrom(10)
        near.sendto(b"again", sender)
        return [*seen, plain(sender), *await heard(far)]


async def plain_ipv4_from_an_ipv6_socket(here: Machine, there: Machine) -> list[Any]:
    with udp("::", 5000) as one, tcp("::1", 5003) as other:
        return [
            tried(one.sendto, b"x", ("127.0.0.1", 5001)),
            tried(one.connect, ("127.0.0.1", 5001)),
            tried(other.connect, ("127.0.0.1", 5001)),
        ]


async def mapped_addresses_of_a_socket_for_ipv6_alone(here: Machine, there: Machine) -> list[Any]:
    with udp("::", 5000, ONLY_6) as one, udp("127.0.0.1", 5001) as four:
        four.sendto(b"x", ("127.0.0.1", 5000))
        return [tried(one.sendto, b"x", ("::ffff:127.0.0.1", 5001)), await heard(one), drained(four)]


async def mapped_addresses_bound(here: Machine, there: Machine) -> list[Any]:
    with udp("::ffff:127.0.0.1", 5000) as one, udp("127.0.0.1", 5001) as four:
        four.sendto(b"x", ("127.0.0.1", 5000))
        seen = [plain(one.getsockname()), *await heard(one), bound(udp, "127.0.0.1", 5000)]
        return [*seen, tried(one.sendto, b"x", ("::1", 5001))]


async def ports_that_both_families_share(here: Machine, there: Machine) -> list[Any]:
    seen = []
    for kind in (udp, tcp):
        with kind("::", 5000):
            seen += [bound(kind, "0.0.0.0", 5000), bound(kind, "127.0.0.1", 5000), bound(kind, "::1", 5000)]
        with kind("0.0.0.0", 5000):
            seen += [bound(kind, "::", 5000), bound(kind, "::", 5000, ONLY_6), bound(kind, "::1", 5000)]
        with kind("::", 5000, ONLY_6):
            seen += [bound(kind, "0.0.0.0", 5000), bound(kind, "::1", 5000)]
    return seen


async def connected_sockets(here: Machine, there: Machine) -> list[Any]:
    with udp("::", 5000) as one:
        one.connect((f"::ffff:{there.ip}", 5001))
        seen = [plain(one.getsockname()), plain(one.getpeername())]
    with udp("::", 5000) as one:
        one.connect((there.ip6, 5001))
        return [*seen, plain(one.getsockname()), plain(one.getpeername())]


async def to_all_zeros(here: Machine, there: Machine) -> list[Any]:
    with udp("::", 5000) as ear, udp("::", 5001) as mouth:
        return [tried(mouth.sendto, b"x", ("::", 5000)), await heard(ear)]


async def a_server_of_both(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined(("127.0.0.1", 5040), server_ip="127.0.0.1")
    seen = [plain(server.getpeername())]
    for one in (listening, client, server):
        one.close()
    loop = asyncio.get_running_loop()
    with tcp("::", 5041) as listening:
        listening.listen()
        for ip in ("127.0.0.1", "::1"):
            family = socket.AF_INET6 if ":" in ip else socket.AF_INET
            with socket.socket(family, socket.SOCK_STREAM) as client:
                client.setblocking(False)
                await loop.sock_connect(client, (ip, 5041))
                server, peer = await loop.sock_accept(listening)
                with server:
                    names = (peer, server.getsockname(), server.getpeername(), client.getpeername())
                    seen.append([plain(name) for name in names])
    return seen


async def a_server_everywhere(here: Machine, there: Machine) -> list[Any]:
    async with await asyncio.start_server(lambda r, w: w.close(), None, 5042) as server:
        seen = sorted(plain(one.getsockname()) for one in server.sockets)
        for ip in ("127.0.0.1", "::1", here.ip, here.ip6):
            reader, writer = await asyncio.open_connection(ip, 5042)
            seen.append([plain(writer.get_extra_info(name)) for name in ("peername", "sockname")])
            await reader.read()
            writer.close()
        return seen


async def a_server_of_ipv6(here: Machine, there: Machine) -> list[Any]:
    async with await asyncio.start_server(lambda r, w: w.close(), "::", 5043) as server:
        loop = asyncio.get_running_loop()
        made = [await awaited(loop.create_connection(Line, ip, 5043)) for ip in ("127.0.0.1", "::1")]
        return [[plain(one.getsockname()) for one in server.sockets], *made]


async def localhost(here: Machine, there: Machine) -> list[Any]:
    async with await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 5044):
        reader, writer = await asyncio.open_connection("localhost", 5044)
        name = plain(writer.get_extra_info("peername"))
        await reader.read()
        writer.close()
        return [name]


async def an_endpoint_of_both(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    near, ear = await loop.create_datagram_endpoint(Ear, local_addr=("::", 5000))
    with udp("127.0.0.1", 5001) as four:
        four.sendto(b"four", ("127.0.0.1", 5000))
        await soon()
        near.sendto(b"answer", ("::ffff:127.0.0.1", 5001))
        near.sendto(b"wrong family", ("127.0.0.1", 5001))
        seen = await heard(four)
        near.close()
        return [plain(near.get_extra_info("sockname")), ear.told, seen]


async def over_ipv6_to_another_machine(here: Machine, there: Machine) -> list[Any]:
    with there:
        far = udp(there.ip6, 5000)
    with far, udp("::", 5001) as near:
        near.sendto(b"out", (there.ip6, 5000))
        near.sendto(b"with all four", (there.ip6, 5000, 0, 0))
        return await heard(far)
