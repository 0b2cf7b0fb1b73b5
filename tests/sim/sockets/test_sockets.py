"""The simulated `socket.socket` beside Python's own on loopback: the same calls, the same answers."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest

from p2plib.errors import Unsupported
from p2plib.sim import Internet
from p2plib.sim.sockets.sockets import SimSocket
from tests.sim.small import mailbox, run
from tests.sim.sockets.conftest import World
from tests.sim.sockets.small_sockets import HOME, a_moment, listening, raised, tcp, udp

WAIT = (BlockingIOError, errno.EAGAIN)


def test_a_datagram_goes_from_one_to_the_other(world: World) -> None:
    async def program() -> None:
        with udp() as one, udp() as other:
            assert one.sendto(b"first", other.getsockname()) == 5
            assert one.sendto(b"second", 0, other.getsockname()) == 6
            assert one.sendmsg([b"th", bytearray(b"ird")], [], 0, other.getsockname()) == 5
            await a_moment()
            assert other.recvfrom(100) == (b"first", one.getsockname())
            assert other.recv(3) == b"sec", "what does not fit is lost"
            assert other.recvmsg(100) == (b"third", [], 0, one.getsockname())
            assert raised(lambda: other.recv(1)) == WAIT

    world(program)


def test_a_datagram_is_read_into_buffers(world: World) -> None:
    async def program() -> None:
        with udp() as one:
            for data in (b"abcdef", b"ghi", b"jkl", b"mnop"):
                one.sendto(data, one.getsockname())
            await a_moment()
            buffer = bytearray(8)
            assert one.recvfrom_into(buffer, 4) == (4, one.getsockname())
            assert one.recv_into(memoryview(buffer)[5:]) == 3
            assert bytes(buffer) == b"abcd\0ghi"
            assert one.recv(10, socket.MSG_PEEK) == b"jkl" == one.recv(10)
            parts = [bytearray(1), bytearray(9)]
            assert one.recvmsg_into(parts)[0] == 4
            assert parts[0] == b"m"
            assert parts[1][:3] == b"nop"
            with pytest.raises(ValueError, match=r"greater than the length|buffer too small"):
                one.recv_into(buffer, 9)

    world(program)


def test_names_before_and_after_bind(world: World) -> None:
    async def program() -> None:
        with udp(address=None) as one, tcp() as other, udp(socket.AF_INET6, ("::1", 0)) as six:
            assert one.getsockname() == other.getsockname() == ("0.0.0.0", 0)
            assert six.getsockname() == ("::1", six.getsockname()[1], 0, 0)
            one.bind(("", 0))
            assert one.getsockname()[0] == "0.0.0.0"
            assert raised(lambda: one.bind((HOME, 0))) == (OSError, errno.EINVAL)
            other.bind(("localhost", 0))
            assert other.getsockname()[0] == HOME
            assert raised(lambda: other.bind((HOME, 0))) == (OSError, errno.EINVAL)
            with udp(address=None) as late:
                late.sendto(b"x", one.getsockname())
                assert late.getsockname()[1] != 0, "the first datagram binds"

    world(program)


def test_a_port_belongs_to_one(world: World) -> None:
    async def program() -> None:
        with udp() as one, udp(address=None) as other, tcp() as stream:
            assert raised(lambda: other.bind(one.getsockname())) == (OSError, errno.EADDRINUSE)
            stream.bind(one.getsockname())  # TCP's ports are others
            with tcp() as second:
                assert raised(lambda: second.bind(stream.getsockname())) == (OSError, errno.EADDRINUSE)

    world(program)


def test_a_port_is_free_again_after_close(world: World) -> None:
    async def program() -> None:
        with udp() as one:
            name = one.getsockname()
        with udp(address=name) as again:
            assert again.getsockname() == name

    world(program)


def test_arguments_that_are_none(world: World) -> None:
    async def program() -> None:
        with udp() as one, udp(socket.AF_INET6, ("::1", 0)) as six:
            with pytest.raises(OverflowError, match=r"sendto\(\): port must be 0-65535"):
                one.sendto(b"", (HOME, 99_999))
            with pytest.raises(OverflowError, match=r"bind\(\): port must be 0-65535"):
                one.bind((HOME, -1))
            with pytest.raises(TypeError, match="AF_INET address must be tuple, not str"):
                one.sendto(b"", "localhost")
            with pytest.raises(TypeError, match="AF_INET address must be a pair"):
                one.sendto(b"", (HOME,))
            with pytest.raises(TypeError, match="AF_INET6 address must be a tuple"):
                six.bind(("::1",))
            with pytest.raises(TypeError, match="cannot be interpreted as an integer"):
                one.sendto(b"", (HOME, "1"))
            with pytest.raises(TypeError, match="bytes-like object is required"):
                one.sendto("text", (HOME, 1))
            with pytest.raises(socket.gaierror):
                six.sendto(b"", (HOME, 1))
            assert raised(lambda: one.sendto(bytes(70_000), (HOME, 1))) == (OSError, errno.EMSGSIZE)
            assert raised(lambda: one.sendto(b"", (HOME, 0))) == (OSError, errno.EINVAL)

    world(program)


def test_kinds_of_sockets(world: World) -> None:
    async def program() -> None:
        for arguments in ((socket.AF_INET, 77), (2, socket.SOCK_DGRAM, 6), (2, socket.SOCK_STREAM, 17)):
            with pytest.raises(OSError, match=r"Invalid argument|not supported"):
                socket.socket(*arguments)
        with socket.socket(type=socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            assert isinstance(sock, socket.socket)
            assert (sock.family, sock.type, sock.proto) == (socket.AF_INET, socket.SOCK_DGRAM, 0)
            assert (sock.gettimeout(), sock.getblocking(), sock.timeout) == (0.0, False, 0.0)
            sock.setblocking(True)
            assert (sock.gettimeout(), sock.getblocking()) == (None, True)
            sock.settimeout(2)
            assert sock.gettimeout() == 2.0
            assert not sock.get_inheritable()
            assert sock.fileno() >= 0
        assert sock.fileno() == -1 == sock.detach()
        assert raised(sock.getsockname) == (OSError, errno.EBADF)
        assert raised(lambda: sock.recv(1)) == (OSError, errno.EBADF)
        assert "[closed] fd=-1" in repr(sock)
        sock.close()

    world(program)


# What the simulated world alone has


def test_a_call_that_would_have_to_wait_is_refused_and_any_other_works() -> None:
    async def main(net: Internet) -> None:
        with net.host("ana"), socket.socket(type=socket.SOCK_DGRAM) as sock, listening() as server:
            sock.bind((HOME, 0))
            for timeout in (None, 5.0):
                sock.settimeout(timeout)
                with pytest.raises(Unsupported, match=r"socket.recv that has to wait.*setblocking\(False\)"):
                    sock.recv(1)
            sock.sendto(b"there", sock.getsockname())
            await a_moment()
            assert sock.recv(100) == b"there"
            with (
                socket.socket() as stream,
                pytest.raises(Unsupported, match=r"socket\.connect that has to wait"),
            ):
                stream.connect(server.getsockname())
            server.setblocking(True)
            with pytest.raises(Unsupported, match=r"socket\.accept that has to wait"):
                server.accept()

    run(main)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: socket.socket().makefile(), "socket.makefile is not part"),
        (lambda: socket.socket().sendfile(None), "socket.sendfile is not part"),
        (lambda: socket.socket(socket.AF_UNIX), r"socket.socket\(AF_UNIX, SOCK_STREAM\) is not part"),
        (lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW), "SOCK_RAW.* is not part"),
        (lambda: socket.create_connection((HOME, 1)), "has to wait"),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_is_refused(call: Any, says: str) -> None:
    async def main(net: Internet) -> None:
        with net.host("ana"), pytest.raises(Unsupported, match=says):
            call()

    run(main)


def test_a_socket_that_is_left_open_is_told_with_its_place() -> None:
    kept = []

    async def main(net: Internet) -> None:
        with net.host("ana"):
            kept.append(socket.socket(type=socket.SOCK_DGRAM))
            kept[0].bind(("", 1000))

    net = Internet(strict=False)
    net.run(main)
    assert [leak.split(", made by")[0] for leak in net.leaks] == ["ana left a UDP socket at 0.0.0.0:1000"]
    assert "test_sockets.py" in net.leaks[0]


def test_a_transport_shows_the_socket_that_it_has() -> None:
    async def main(net: Internet) -> None:
        ana, ben = net.host("ana"), net.host("ben")
        boxes = [await mailbox(ana, 1000), await mailbox(ben, remote_addr=(ana.address, 1000))]
        open_to_all, to_one = (box.transport.get_extra_info("socket") for box in boxes)
        assert isinstance(open_to_all, SimSocket)
        assert (open_to_all.family, open_to_all.type) == (socket.AF_INET, socket.SOCK_DGRAM)
        assert open_to_all.getsockname() == ("0.0.0.0", 1000)
        assert to_one.getpeername() == (ana.address, 1000)
        assert to_one.gettimeout() == 0.0
        to_one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert to_one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 8192
        assert boxes[1].transport.get_extra_info("socket") is to_one
        to_one.send(b"past the transport")
        await a_moment()
        assert boxes[0].data == [b"past the transport"]
        for box in boxes:
            box.close()
        await a_moment()
        assert (open_to_all.fileno(), to_one.fileno()) == (-1, -1)

    run(main)
