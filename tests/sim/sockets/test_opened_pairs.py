"""`socket.socketpair` in a host: two ends without a network, as Linux has them."""

from __future__ import annotations

import asyncio
import errno
import socket

from p2plib.sim import Internet
from p2plib.sim.sockets.opened_pairs import ROOM_BYTES
from tests.sim.sockets.conftest import World, simulated
from tests.sim.sockets.small_sockets import raised

WAIT = (BlockingIOError, errno.EAGAIN)


def of(kind: int) -> tuple[socket.socket, socket.socket]:
    one, other = socket.socketpair(type=kind)
    one.setblocking(False)
    other.setblocking(False)
    return one, other


def test_a_stream_keeps_bytes_and_tells_its_end(world: World) -> None:
    async def program() -> None:
        one, other = of(socket.SOCK_STREAM)
        with one, other:
            assert (one.family, one.type, one.getsockname()) == (socket.AF_UNIX, socket.SOCK_STREAM, "")
            one.send(b"abc")
            one.send(b"def")
            assert other.recv(1, socket.MSG_PEEK) == b"a"
            assert (other.recv(2), other.recv(10)) == (b"ab", b"cdef")
            assert raised(lambda: other.recv(1)) == WAIT
            one.shutdown(socket.SHUT_WR)
            assert raised(lambda: one.send(b"x")) == (BrokenPipeError, errno.EPIPE)
            assert other.recv(1) == b""
            other.send(b"the other way")
            assert one.recv(100) == b"the other way"
            one.close()
            assert raised(lambda: other.send(b"x")) == (BrokenPipeError, errno.EPIPE)

    world(program)


def test_datagrams_keep_messages_and_tell_no_end(world: World) -> None:
    async def program() -> None:
        one, other = of(socket.SOCK_DGRAM)
        with one, other:
            for data in (b"abc", b"", b"def"):
                one.send(data)
            assert (other.recv(2), other.recv(10), other.recv(10)) == (b"ab", b"", b"def")
            one.send(b"dropped when the error comes")
            one.close()
            assert raised(lambda: other.send(b"x")) == (ConnectionRefusedError, errno.ECONNREFUSED)
            assert raised(lambda: other.recv(10)) == WAIT

    world(program)


def test_a_message_that_has_no_room_waits_as_a_whole() -> None:
    async def program() -> None:
        one, other = of(socket.SOCK_DGRAM)
        with one, other:
            for size, error in ((ROOM_BYTES + 1, errno.EMSGSIZE), (ROOM_BYTES - 5, None), (6, errno.EAGAIN)):
                outcome = raised(lambda size=size: one.send(bytes(size)))  # type: ignore[misc]
                assert (outcome and outcome[1]) == error
            one.send(bytes(5))
            assert [len(other.recv(300_000)) for _ in range(2)] == [ROOM_BYTES - 5, 5]
            assert raised(lambda: other.recv(1)) == WAIT

    simulated(program)


def test_what_an_end_cannot_do(world: World) -> None:
    async def program() -> None:
        for kind, number in ((socket.SOCK_STREAM, errno.EINVAL), (socket.SOCK_DGRAM, errno.EOPNOTSUPP)):
            one, other = of(kind)
            with one, other:
                assert raised(one.listen) == (OSError, number)
                assert raised(one.accept) == (OSError, number)

    world(program)


def test_a_full_pair_waits_until_the_other_end_has_read(world: World) -> None:
    async def program() -> None:
        loop, content = asyncio.get_running_loop(), bytes(1_000_000)
        one, other = of(socket.SOCK_STREAM)
        with one, other:
            sending = asyncio.create_task(loop.sock_sendall(one, content))
            await asyncio.sleep(0.01)
            assert not sending.done()
            got = 0
            while got < len(content):
                got += len(await loop.sock_recv(other, 65_536))
            await sending

    world(program)


def test_a_pair_that_is_left_open_is_told_with_its_place() -> None:
    kept = []

    async def main(net: Internet) -> None:
        with net.host("ana"):
            kept.extend(socket.socketpair())

    net = Internet(strict=False)
    net.run(main)
    assert [leak.split(", made by")[0] for leak in net.leaks] == ["ana left one end of a pair of sockets"] * 2
    assert "test_opened_pairs.py" in net.leaks[0]


def test_a_pair_wakes_a_loop(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        one, other = of(socket.SOCK_STREAM)
        with one, other:
            reader, writer = await asyncio.open_connection(sock=one)
            await loop.sock_sendall(other, b"wake up\n")
            assert await reader.readline() == b"wake up\n"
            writer.write(b"awake")
            assert await loop.sock_recv(other, 100) == b"awake"
            writer.close()
            await writer.wait_closed()
            assert await loop.sock_recv(other, 100) == b""

    world(program)


def test_an_option_is_kept(world: World) -> None:
    """trio, for one, asks for small buffers."""

    async def program() -> None:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            one, other = of(kind)
            with one, other:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                assert one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2304
        one, other = of(socket.SOCK_STREAM)
        with one, other:
            wrong = raised(lambda: one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1))
            assert wrong == (OSError, errno.EOPNOTSUPP)

    world(program)
