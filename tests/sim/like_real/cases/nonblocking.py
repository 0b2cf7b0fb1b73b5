"""Sockets that do not block, and the loop's own calls on them."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tests.sim.like_real.machines import Machine
from tests.sim.like_real.words import awaited, joined, plain, soon, tcp, tried, udp

MUCH = 20_000_000


async def nothing_to_read(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined((there.ip, 5140), at=there)
    with listening, client, server:
        seen = [tried(client.recv, 10), tried(client.recv, 0)]
        server.send(b"hello")
        await soon()
        return [
            *seen,
            tried(client.recv, 2),
            tried(client.recv, 0),
            tried(client.recv, 10),
            tried(client.recv, 10),
        ]


async def a_stream_has_no_borders(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined((there.ip, 5141), at=there)
    with listening, client, server:
        for text in (b"one", b"", b"two"):
            server.send(text)
        await soon()
        seen = [tried(client.recv, 4, socket.MSG_PEEK), tried(client.recv, 100)]
        server.sendall(b"0123456789")
        await soon()
        buffer = bytearray(4)
        seen += [
            tried(client.recv_into, buffer),
            plain(buffer),
            tried(client.recvfrom, 3),
            tried(client.recvmsg, 10),
        ]
        return [*seen, tried(client.sendmsg, [b"a", b"bc"]), tried(client.sendto, b"x", ("127.0.0.1", 1))]


async def the_send_buffer_fills(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined((there.ip, 5142), at=there)
    with listening, client, server:
        client.setblocking(False)
        took = 0
        while True:
            try:
                took += client.send(bytes(200_000))
            except BlockingIOError:
                break
        seen = [took > 0, took < MUCH, tried(client.send, b"x")]
        await soon()
        got = 0
        while got < took:
            try:
                got += len(server.recv(1_000_000))
            except BlockingIOError:
                await asyncio.sleep(0.001)
        await soon()
        return [*seen, got == took, tried(client.send, b"x")]


async def sending_all(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    listening, client, server = await joined((there.ip, 5143), at=there)
    with listening, client, server:
        sending = asyncio.ensure_future(loop.sock_sendall(client, bytes(MUCH)))
        await soon()
        seen = [sending.done()]
        got = 0
        while got < MUCH:
            got += len(await loop.sock_recv(server, 1_000_000))
        return [*seen, got, await awaited(sending)]


async def connecting(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    seen = []
    for address in ((there.ip, 5009), (there.ip, 70_000), ("a name", 80), "127.0.0.1"):
        with tcp() as one:
            seen.append(await awaited(loop.sock_connect(one, address)))
    with udp() as one:
        seen.append(await awaited(loop.sock_connect(one, (there.ip, 5000))))
        return [*seen, plain(one.getpeername())]


async def reading(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    listening, client, server = await joined((there.ip, 5144), at=there)
    with listening, client, server:
        reading = asyncio.ensure_future(loop.sock_recv(client, 10))
        await soon()
        seen: list[Any] = [reading.done()]
        server.send(b"hello")
        seen.append(await awaited(reading))
        buffer = bytearray(3)
        server.send(b"again")
        seen += [await awaited(loop.sock_recv_into(client, buffer)), plain(buffer)]
        seen.append(await awaited(loop.sock_recv(client, 10)))
        server.close()
        return [*seen, await awaited(loop.sock_recv(client, 10)), await awaited(loop.sock_recv(client, 10))]


async def reading_given_up(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    listening, client, server = await joined((there.ip, 5145), at=there)
    with listening, client, server:
        seen = [await awaited(loop.sock_recv(client, 10), 0.05)]
        server.send(b"kept")
        await soon()
        return [*seen, await awaited(loop.sock_recv(client, 10))]


async def reading_from_one_that_is_reset(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    listening, client, server = await joined((there.ip, 5146), at=there)
    with listening, client, server:
        reading = asyncio.ensure_future(loop.sock_recv(client, 10))
        await soon()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        server.close()
        return [await awaited(reading), await awaited(loop.sock_sendall(client, b"x"))]


async def a_connection_over_a_socket(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined((there.ip, 5147), at=there)
    with listening, server:
        reader, writer = await asyncio.open_connection(sock=client)
        writer.write(b"out")
        server.send(b"back")
        seen = [await awaited(reader.read(4)), tried(server.recv, 10)]
        same = writer.get_extra_info("socket")
        seen += [plain(writer.get_extra_info("peername")), same is not None]
        writer.close()
        await writer.wait_closed()
        await soon()
        return [*seen, client.fileno(), tried(server.recv, 1)]


async def wrong_sockets_for_a_connection(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with udp("127.0.0.1", 5000) as datagrams, tcp() as stream:
        return [
            await awaited(loop.create_connection(asyncio.Protocol, sock=datagrams)),
            await awaited(loop.create_connection(asyncio.Protocol, "127.0.0.1", 5009, sock=stream)),
            await awaited(loop.create_connection(asyncio.Protocol)),
            await awaited(loop.create_server(asyncio.Protocol, sock=datagrams)),
            await awaited(loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=stream)),
        ]


async def accepted_by_hand(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    listening, client, server = await joined((there.ip, 5148), at=there)
    with listening, client:
        lines: list[bytes] = []

        class Reads(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                lines.append(data)

        transport, _ = await loop.connect_accepted_socket(Reads, server)
        client.send(b"hello")
        await soon()
        seen = [plain(lines), plain(transport.get_extra_info("sockname"))]
        transport.close()
        await soon()
        return [*seen, tried(client.recv, 1)]
