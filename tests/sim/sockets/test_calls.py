"""`sock=` of asyncio's calls: a program's own socket becomes a transport's, on loopback as in here."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from p2plib.sim import Internet
from p2plib.sim.sockets.sockets import SimSocket
from tests.sim.small import Mailbox, run
from tests.sim.sockets.conftest import World
from tests.sim.sockets.small_sockets import HOME, a_moment, connected, listening, tcp, udp


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.readline()).upper())
    writer.close()
    await writer.wait_closed()


async def ask(*where: Any, **named: Any) -> bytes:
    reader, writer = await asyncio.open_connection(*where, **named)
    writer.write(b"hello\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_a_datagram_socket_becomes_a_transports(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        with udp() as other:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((HOME, 0))
            name = sock.getsockname()
            other.sendto(b"before", name)
            await a_moment()
            transport, box = await loop.create_datagram_endpoint(Mailbox, sock=sock)
            other.sendto(b"after", name)
            await a_moment()
            assert box.data == [b"before", b"after"]
            transport.sendto(b"answer", other.getsockname())
            assert await loop.sock_recvfrom(other, 100) == (b"answer", name)
            assert transport.get_extra_info("sockname") == name
            shown = transport.get_extra_info("socket")
            assert shown.fileno() == sock.fileno() >= 0
            assert (sock.getblocking(), shown.getsockname()) == (False, name)
            transport.close()
            await a_moment()
            assert box.lost == [None]
            assert sock.fileno() == -1

    world(program)


def test_a_connected_datagram_socket_becomes_a_transports(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        with udp() as other:
            sock = socket.socket(type=socket.SOCK_DGRAM)
            sock.connect(other.getsockname())
            transport, _ = await loop.create_datagram_endpoint(Mailbox, sock=sock)
            assert transport.get_extra_info("peername") == other.getsockname()
            transport.sendto(b"to its peer")
            assert await loop.sock_recv(other, 100) == b"to its peer"
            transport.close()

    world(program)


def test_a_socket_that_dialled_becomes_a_stream(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        server = await asyncio.start_server(echo, HOME, 0)
        sock = socket.socket()
        sock.setblocking(False)
        await loop.sock_connect(sock, server.sockets[0].getsockname())
        assert await ask(sock=sock) == b"HELLO\n"
        assert sock.fileno() == -1
        server.close()
        await server.wait_closed()

    world(program)


@pytest.mark.parametrize("listens", [False, True])
def test_a_bound_or_listening_socket_becomes_a_server(world: World, listens: bool) -> None:
    async def program() -> None:
        sock = socket.socket()
        sock.bind((HOME, 0))
        if listens:
            sock.listen()
        name = sock.getsockname()
        server = await asyncio.start_server(echo, sock=sock)
        assert [shown.fileno() for shown in server.sockets] == [sock.fileno()]
        assert await ask(*name) == b"HELLO\n"
        server.close()
        await server.wait_closed()
        assert sock.fileno() == -1
        assert server.sockets == ()
        with pytest.raises(ConnectionRefusedError):
            await ask(*name)

    world(program)


def test_a_server_accepts_what_waited_before_it_was_made(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.bind((HOME, 0))
        sock.listen()
        with tcp() as client:
            await loop.sock_connect(client, sock.getsockname())
            await loop.sock_sendall(client, b"early\n")
            await a_moment()
            server = await asyncio.start_server(echo, sock=sock)
            assert await loop.sock_recv(client, 100) == b"EARLY\n"
            server.close()
            await server.wait_closed()

    world(program)


def test_an_accepted_socket_becomes_a_stream(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        with listening() as server, tcp() as client:
            await loop.sock_connect(client, server.getsockname())
            accepted, _ = await loop.sock_accept(server)
            reader = asyncio.StreamReader()
            transport, _ = await loop.connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader), accepted
            )
            assert transport.get_extra_info("peername") == client.getsockname()
            await loop.sock_sendall(client, b"hello\n")
            assert await reader.readline() == b"hello\n"
            transport.write(b"answer")
            assert await loop.sock_recv(client, 100) == b"answer"
            transport.close()
            assert await loop.sock_recv(client, 100) == b""

    world(program)


def test_sockets_that_are_no_argument(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        with udp() as datagrams, tcp() as stream:
            with pytest.raises(ValueError, match="ocket was expected, got"):
                await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=stream)
            with pytest.raises(ValueError, match="socket modifier keyword arguments"):
                await loop.create_datagram_endpoint(
                    asyncio.DatagramProtocol, local_addr=(HOME, 0), sock=datagrams
                )
            for call in (loop.create_connection, loop.create_server):
                with pytest.raises(ValueError, match="ocket was expected, got"):
                    await call(asyncio.Protocol, sock=datagrams)
                with pytest.raises(ValueError, match="host/port and sock can not be specified"):
                    await call(asyncio.Protocol, HOME, 1, sock=stream)
                with pytest.raises(ValueError, match="host"):
                    await call(asyncio.Protocol)

    world(program)


def test_what_a_transport_shows_of_a_connection(world: World) -> None:
    async def program() -> None:
        server = await asyncio.start_server(echo, HOME, 0)
        (listens,) = server.sockets
        reader, writer = await asyncio.open_connection(*listens.getsockname())
        shown = writer.get_extra_info("socket")
        assert (shown.family, shown.type) == (socket.AF_INET, socket.SOCK_STREAM)
        assert shown.proto == socket.IPPROTO_TCP
        assert shown.getpeername() == listens.getsockname()
        shown.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert shown.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert shown.fileno() >= 0
        assert shown.gettimeout() == 0
        writer.write(b"x\n")
        assert await reader.read() == b"X\n"
        writer.close()
        await writer.wait_closed()
        await a_moment()
        assert shown.fileno() == -1
        server.close()
        await server.wait_closed()
        assert listens.fileno() == -1

    world(program)


def test_a_socket_that_a_transport_has_is_not_given_twice() -> None:
    async def main(net: Internet) -> None:
        loop = asyncio.get_running_loop()
        with net.host("ana"):
            async with connected() as (client, _):
                transport, _ = await loop.create_connection(asyncio.Protocol, sock=client)
                with pytest.raises(RuntimeError, match="is used by transport"):
                    await loop.create_connection(asyncio.Protocol, sock=client)
                assert isinstance(transport.get_extra_info("socket"), SimSocket)
                transport.close()
                await a_moment()

    run(main)
