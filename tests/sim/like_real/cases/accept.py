"""Listening: what waits in the queue, and what accepting gives."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tests.sim.like_real.machines import Machine
from tests.sim.like_real.words import awaited, bound, plain, soon, tcp, tried, udp


async def _client(port: int, ip: str = "127.0.0.1") -> Any:
    one = tcp()
    await asyncio.get_running_loop().sock_connect(one, (ip, port))
    return one


async def nobody_is_waiting(here: Machine, there: Machine) -> list[Any]:
    with tcp("127.0.0.1", 5080) as one:
        seen = [
            tried(one.accept),
            tried(one.listen),
            tried(one.accept),
            tried(one.listen, 5),
            tried(one.listen, -1),
        ]
        return [*seen, tried(one.getsockopt, socket.SOL_SOCKET, socket.SO_ACCEPTCONN)]


async def connected_before_it_is_accepted(here: Machine, there: Machine) -> list[Any]:
    with tcp("127.0.0.1", 5081) as listening:
        listening.listen()
        with await _client(5081) as client:
            seen = [tried(client.send, b"early"), plain(client.getpeername())]
            await soon()
            server, peer = listening.accept()
            with server:
                same = peer == client.getsockname()
                return [*seen, same, server.gettimeout(), tried(server.recv, 10), tried(listening.accept)]


async def in_the_order_of_their_coming(here: Machine, there: Machine) -> list[Any]:
    with tcp("127.0.0.1", 5082) as listening:
        listening.listen()
        clients = [await _client(5082) for _ in range(3)]
        for number, client in enumerate(clients):
            client.send(b"%d" % number)
        await soon()
        seen = []
        for _ in clients:
            server, _ = listening.accept()
            with server:
                server.setblocking(False)
                seen.append(tried(server.recv, 1))
        for client in clients:
            client.close()
        return seen


async def gone_before_it_is_accepted(here: Machine, there: Machine) -> list[Any]:
    with tcp("127.0.0.1", 5083) as listening:
        listening.listen()
        client = await _client(5083)
        client.send(b"left a note")
        client.close()
        await soon()
        server, _ = listening.accept()
        with server:
            server.setblocking(False)
            return [tried(server.recv, 20), tried(server.recv, 20)]


async def reset_before_it_is_accepted(here: Machine, there: Machine) -> list[Any]:
    with tcp("127.0.0.1", 5084) as listening:
        listening.listen()
        client = await _client(5084)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        await soon()
        server, peer = listening.accept()
        with server:
            server.setblocking(False)
            return [plain(peer), tried(server.getpeername), tried(server.recv, 1), tried(server.recv, 1)]


async def the_queue_is_full(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with tcp("127.0.0.1", 5085) as listening:
        listening.listen(1)
        clients = [tcp() for _ in range(4)]
        trying = []
        for one in clients:
            trying.append(asyncio.ensure_future(loop.sock_connect(one, ("127.0.0.1", 5085))))
            await soon()
        seen: list[Any] = [sum(task.done() for task in trying)]
        for _ in range(2):
            listening.accept()[0].close()
        await asyncio.sleep(1.5)  # a SYN is sent again after a second
        seen.append(sum(task.done() for task in trying))
        for task in trying:
            task.cancel()
        await asyncio.wait(trying)
        for one in clients:
            one.close()
        return seen


async def closed_with_connections_in_the_queue(here: Machine, there: Machine) -> list[Any]:
    with tcp("127.0.0.1", 5086) as listening:
        listening.listen()
        client = await _client(5086)
        listening.close()
        await soon()
        with client:
            return [tried(client.recv, 1), tried(client.send, b"x"), await awaited(_client(5086))]


async def closed_with_one_accepted(here: Machine, there: Machine) -> list[Any]:
    with tcp("127.0.0.1", 5087) as listening:
        listening.listen()
        with await _client(5087) as client:
            await soon()
            server, _ = listening.accept()
            listening.close()
            with server:
                server.setblocking(False)
                client.send(b"goes on")
                await soon()
                return [tried(server.recv, 10), bound(tcp, "127.0.0.1", 5087)]


async def shut_down_while_listening(here: Machine, there: Machine) -> list[Any]:
    with tcp("127.0.0.1", 5088) as listening:
        listening.listen()
        seen = [tried(listening.shutdown, socket.SHUT_RDWR), tried(listening.accept)]
        return [*seen, await awaited(_client(5088))]


async def without_binding(here: Machine, there: Machine) -> list[Any]:
    with tcp() as listening, udp("127.0.0.1", 5089) as wrong:
        listening.listen()
        name = listening.getsockname()
        with await _client(name[1]):
            return [plain(name), tried(wrong.listen), tried(wrong.accept)]


async def what_is_inherited(here: Machine, there: Machine) -> list[Any]:
    nodelay = (socket.IPPROTO_TCP, socket.TCP_NODELAY)
    keepalive = (socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    with tcp("127.0.0.1", 5090, (*nodelay, 1), (*keepalive, 1)) as listening:
        listening.listen()
        with await _client(5090):
            await soon()
            server, _ = listening.accept()
            with server:
                kind = (server.family, server.type, server.proto, server.gettimeout(), server.getblocking())
                return [server.getsockopt(*nodelay), server.getsockopt(*keepalive), *map(plain, kind)]


async def by_the_loop(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with tcp("127.0.0.1", 5091) as listening:
        listening.listen()
        waiting = asyncio.ensure_future(loop.sock_accept(listening))
        await soon()
        seen: list[Any] = [waiting.done()]
        with await _client(5091) as client:
            server, peer = await waiting
            with server:
                return [*seen, peer == client.getsockname(), server.gettimeout()]


async def a_server_with_a_socket_of_its_own(here: Machine, there: Machine) -> list[Any]:
    listening = tcp("127.0.0.1", 5092)
    server = await asyncio.start_server(lambda r, w: w.close(), sock=listening)
    reader, writer = await asyncio.open_connection("127.0.0.1", 5092)
    seen = [plain(await reader.read()), len(server.sockets)]
    writer.close()
    server.close()
    await soon()
    return [*seen, listening.fileno(), bound(tcp, "127.0.0.1", 5092)]


async def a_server_that_starts_later(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 5093, start_serving=False)
    seen = [server.is_serving(), await awaited(_client(5093))]
    await server.start_serving()
    seen += [server.is_serving(), await awaited(_client(5093))]
    server.close()
    return seen
