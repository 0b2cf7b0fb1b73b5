"""TCP sockets of a program's own: connecting, accepting, reading and ending, as Linux has them."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct

from tests.sim.sockets.conftest import World
from tests.sim.sockets.small_sockets import HOME, a_moment, connected, listening, raised, tcp, udp

WAIT = (BlockingIOError, errno.EAGAIN)


def test_a_stream_is_connected_read_and_ended(world: World) -> None:
    async def program() -> None:
        async with connected() as (client, server):
            assert client.getpeername() == server.getsockname()
            assert server.getpeername() == client.getsockname()
            assert raised(lambda: client.recv(1)) == WAIT
            assert client.recv(0) == b""
            assert client.recv_into(bytearray(0)) == 0
            server.send(b"hello")
            await a_moment()
            assert client.recv(3, socket.MSG_PEEK) == b"hel"
            assert client.recvfrom(2) == (b"he", None)
            assert client.recv(10) == b"llo"
            client.sendall(b"question")
            client.shutdown(socket.SHUT_WR)
            assert raised(lambda: client.send(b"more")) == (BrokenPipeError, errno.EPIPE)
            await a_moment()
            assert server.recv(100) == b"question"
            assert server.recv(100) == b"" == server.recv(100)

    world(program)


def test_what_a_stream_cannot_do_before_it_is_connected(world: World) -> None:
    async def program() -> None:
        with tcp() as fresh, listening() as server:
            for sock in (fresh, server):
                assert raised(sock.getpeername) == (OSError, errno.ENOTCONN)
                assert raised(lambda sock=sock: sock.recv(1)) == (OSError, errno.ENOTCONN)
                assert raised(lambda sock=sock: sock.send(b"x")) == (BrokenPipeError, errno.EPIPE)
            assert raised(fresh.accept) == (OSError, errno.EINVAL)
            assert raised(lambda: fresh.shutdown(socket.SHUT_WR)) == (OSError, errno.ENOTCONN)
            assert raised(server.accept) == WAIT
            assert raised(lambda: server.connect((HOME, 1))) == (OSError, errno.EISCONN)
            assert raised(lambda: server.bind((HOME, 0))) == (OSError, errno.EINVAL)
            with udp() as datagrams:
                assert raised(datagrams.listen) == (OSError, errno.EOPNOTSUPP)
                assert raised(datagrams.accept) == (OSError, errno.EOPNOTSUPP)

    world(program)


def test_connecting_takes_its_time_and_says_how_it_ended(world: World) -> None:
    async def program() -> None:
        with listening() as server, tcp() as client, tcp() as third:
            assert third.connect_ex(server.getsockname()) == errno.EINPROGRESS
            assert raised(lambda: client.connect(server.getsockname())) == (
                BlockingIOError,
                errno.EINPROGRESS,
            )
            await a_moment()
            assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            assert client.connect_ex(server.getsockname()) == 0
            assert client.connect_ex(server.getsockname()) == errno.EISCONN
            accepted, name = server.accept()
            assert name == third.getsockname() == accepted.getpeername()
            assert accepted.getblocking()
            accepted.close()
            server.accept()[0].close()

    world(program)


def test_a_refused_connection_may_be_tried_again(world: World) -> None:
    async def program() -> None:
        with listening() as server:
            name = server.getsockname()
        with tcp() as client:
            client.bind((HOME, 0))
            own = client.getsockname()
            assert client.connect_ex(name) == errno.EINPROGRESS
            await a_moment()
            assert client.connect_ex(name) == errno.ECONNREFUSED
            assert client.getsockname()[1] == own[1], "what was bound stays bound"
            assert client.connect_ex(name) == errno.EINPROGRESS
            await a_moment()
            assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
            assert client.recv(1) == b""

    world(program)


def test_what_was_peeked_at_is_read_before_the_error_and_then_there_is_no_peer(world: World) -> None:
    async def program() -> None:
        async with connected() as (client, server):
            server.send(b"hello")
            await a_moment()
            assert client.recv(10, socket.MSG_PEEK) == b"hello"
            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            server.close()
            await a_moment()
            assert client.recv(10) == b"hello"
            assert raised(lambda: client.recv(10)) == (ConnectionResetError, errno.ECONNRESET)
            assert client.recv(10) == b""
            assert raised(client.getpeername) == (OSError, errno.ENOTCONN)

    world(program)


def test_a_backlog_is_accepted_in_order(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        with listening() as server, tcp() as one, tcp() as other:
            for client in (one, other):
                await loop.sock_connect(client, server.getsockname())
                client.send(b"here before accept")
            await a_moment()
            for client in (one, other):
                accepted, name = server.accept()
                with accepted:
                    assert name == client.getsockname()
                    assert accepted.recv(100) == b"here before accept"

    world(program)


def test_a_listener_that_is_shut_down_refuses(world: World) -> None:
    async def program() -> None:
        with listening() as server, tcp() as client:
            server.shutdown(socket.SHUT_RD)
            assert raised(server.accept) == (OSError, errno.EINVAL)
            client.connect_ex(server.getsockname())
            await a_moment()
            assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED

    world(program)
