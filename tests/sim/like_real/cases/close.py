"""What is left of a socket that was closed, and what a transport says when it goes."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tests.sim.like_real.machines import Machine
from tests.sim.like_real.words import Ear, Line, awaited, bound, heard, joined, plain, soon, tcp, tried, udp


async def a_closed_socket(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000) as one:
        seen = [one.fileno() >= 0]
        one.close()
        calls = (one.getsockname, one.close, lambda: one.recv(1), lambda: one.sendto(b"x", ("127.0.0.1", 1)))
        return [*seen, one.fileno(), *(tried(call) for call in calls), tried(one.setblocking, False)]


async def a_closed_tcp_socket(here: Machine, there: Machine) -> list[Any]:
    one = tcp("127.0.0.1", 5000)
    one.close()
    calls = (one.getpeername, one.listen, one.accept, lambda: one.send(b"x"), lambda: one.shutdown(2))
    return [one.fileno(), *(tried(call) for call in calls)]


async def left_by_with(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000) as one:
        pass
    return [one.fileno(), bound(udp, "127.0.0.1", 5000)]


async def detached(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000) as one:
        number = one.detach()
        seen = [number >= 0, one.fileno(), bound(udp, "127.0.0.1", 5000)]
        with socket.socket(fileno=number) as other:
            seen += [plain(other.getsockname()), plain(other.family), plain(other.type)]
        return [*seen, bound(udp, "127.0.0.1", 5000)]


async def shut_down_udp(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000) as one:
        seen = [tried(one.shutdown, socket.SHUT_RDWR)]
        one.connect(("127.0.0.1", 5001))
        return [*seen, tried(one.shutdown, socket.SHUT_WR), tried(one.send, b"x")]


async def what_was_sent_before(here: Machine, there: Machine) -> list[Any]:
    with there:
        far = udp("0.0.0.0", 5000)
    with far:
        with udp("0.0.0.0", 5001) as near:
            near.sendto(b"last words", (there.ip, 5000))
        return await heard(far)


async def a_reader_waits(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with udp("127.0.0.1", 5000) as one:
        waiting = asyncio.ensure_future(loop.sock_recv(one, 10))
        await soon()
        waiting.cancel()
        await soon()
        one.close()
        return [waiting.cancelled(), await awaited(loop.sock_recv(one, 10))]


async def an_endpoint_closed_twice(here: Machine, there: Machine) -> list[Any]:
    ear = Ear()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: ear, local_addr=("127.0.0.1", 5000))
    seen = [transport.is_closing(), tried(transport.close), transport.is_closing(), [*ear.told]]
    transport.close()
    transport.abort()
    await soon()
    return [*seen, ear.told, bound(udp, "127.0.0.1", 5000), transport.get_extra_info("socket") is None]


async def an_endpoint_aborted(here: Machine, there: Machine) -> list[Any]:
    ear = Ear()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: ear, local_addr=("127.0.0.1", 5000))
    transport.abort()
    seen = [transport.is_closing(), bound(udp, "127.0.0.1", 5000)]
    await soon()
    return [*seen, ear.told]


async def sent_by_a_closed_endpoint(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with udp("127.0.0.1", 5000) as ear:
        transport, _ = await loop.create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 5001))
        transport.sendto(b"before", ("127.0.0.1", 5000))
        transport.close()
        seen = [tried(transport.sendto, b"between", ("127.0.0.1", 5000))]
        await soon()
        seen.append(tried(transport.sendto, b"after", ("127.0.0.1", 5000)))
        return [*seen, await heard(ear)]


async def what_comes_for_a_closing_endpoint(here: Machine, there: Machine) -> list[Any]:
    ear = Ear()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: ear, local_addr=("127.0.0.1", 5000))
    with udp() as mouth:
        mouth.sendto(b"x", ("127.0.0.1", 5000))
        transport.close()
        await soon()
    return ear.told


async def a_stream_closed_twice(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    far, near = Line(), Line()
    server = await loop.create_server(lambda: far, "127.0.0.1", 5030)
    transport, _ = await loop.create_connection(lambda: near, "127.0.0.1", 5030)
    await soon()
    transport.close()
    seen = [transport.is_closing(), [*near.told], tried(transport.write, b"too late")]
    transport.close()
    transport.abort()
    await soon()
    server.close()
    return [*seen, near.told, far.told]


async def a_stream_closed_with_data_under_way(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    far = Line()
    server = await loop.create_server(lambda: far, "127.0.0.1", 5031)
    transport, _ = await loop.create_connection(Line, "127.0.0.1", 5031)
    transport.write(bytes(3_000_000))
    transport.close()
    for _ in range(40):
        await soon()
        if far.told[-1] == ["lost", None]:
            break
    server.close()
    return [plain(far.told)]


async def a_server_closed_with_open_connections(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    far, near = Line(), Line()
    server = await loop.create_server(lambda: far, "127.0.0.1", 5032)
    transport, _ = await loop.create_connection(lambda: near, "127.0.0.1", 5032)
    await soon()
    server.close()
    transport.write(b"still here")
    await soon()
    seen = [plain(far.told), server.is_serving(), len(server.sockets)]
    seen.append(await awaited(loop.create_connection(Line, "127.0.0.1", 5032)))
    transport.close()
    await soon()
    return [*seen, plain(far.told), await awaited(server.wait_closed())]


async def the_machine_of_a_reader(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined((there.ip, 5033), at=there)
    with listening, client, server:
        client.close()
        await soon()
        return [tried(server.recv, 10), tried(server.send, b"x")]
