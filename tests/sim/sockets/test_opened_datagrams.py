"""UDP sockets of a program's own: peers, errors, and where a datagram was sent to, as Linux has them."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import sys

import pytest

from p2plib.sim import Internet
from tests.sim.small import run
from tests.sim.sockets.conftest import World
from tests.sim.sockets.small_sockets import HOME, a_moment, raised, udp

WAIT = (BlockingIOError, errno.EAGAIN)
IP_PKTINFO = 8
linux = pytest.mark.skipif(sys.platform != "linux", reason="the numbers are Linux'")


def test_a_connected_datagram_socket_has_one_peer(world: World) -> None:
    async def program() -> None:
        with udp() as one, udp() as other, udp() as third:
            assert raised(lambda: one.send(b"x")) == (OSError, errno.EDESTADDRREQ)
            assert raised(one.getpeername) == (OSError, errno.ENOTCONN)
            one.connect(other.getsockname())
            assert one.getpeername() == other.getsockname()
            third.sendto(b"from a third", one.getsockname())
            other.sendto(b"from its peer", one.getsockname())
            one.send(b"to its peer")
            await a_moment()
            assert one.recv(100) == b"from its peer"
            assert raised(lambda: one.recv(1)) == WAIT
            assert other.recvfrom(100) == (b"to its peer", one.getsockname())
            assert raised(lambda: third.shutdown(socket.SHUT_WR)) == (OSError, errno.ENOTCONN)
            one.shutdown(socket.SHUT_WR)
            for sock in (one, third):
                with pytest.raises(BrokenPipeError):
                    sock.sendto(b"x", other.getsockname())

    world(program)


def test_a_port_where_nobody_listens_is_an_error_of_the_next_call(world: World) -> None:
    async def program() -> None:
        with udp() as one:
            with udp() as gone:
                nowhere = gone.getsockname()
            one.connect(nowhere)
            one.send(b"x")
            await a_moment()
            assert raised(lambda: one.recv(1)) == (ConnectionRefusedError, errno.ECONNREFUSED)
            assert raised(lambda: one.recv(1)) == WAIT
            one.send(b"x")
            await a_moment()
            assert one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
            assert one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            one.send(b"x")
            await a_moment()
            assert raised(lambda: one.send(b"x")) == (ConnectionRefusedError, errno.ECONNREFUSED)
            assert raised(lambda: one.send(b"x")) is None

    world(program)


@linux
def test_ancillary_data_tell_where_a_datagram_was_sent_to(world: World) -> None:
    async def program() -> None:
        with udp(address=("0.0.0.0", 0)) as one, udp() as other:
            port = one.getsockname()[1]
            one.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            other.sendto(b"x", ("127.0.0.5", port))
            await a_moment()
            data, told, flags, sender = one.recvmsg(100, 100)
            where = struct.pack("i", 1) + socket.inet_aton("127.0.0.5") * 2
            assert (data, flags, sender) == (b"x", 0, other.getsockname())
            assert told == [(socket.IPPROTO_IP, IP_PKTINFO, where)]
            other.sendto(b"long", (HOME, port))
            await a_moment()
            assert one.recvmsg(2) == (b"lo", [], socket.MSG_TRUNC | socket.MSG_CTRUNC, other.getsockname())

    world(program)


@linux
def test_ancillary_data_choose_where_a_datagram_comes_from(world: World) -> None:
    async def program() -> None:
        with udp(socket.AF_INET6, ("::", 0)) as one, udp() as other, udp(socket.AF_INET6, ("::1", 0)) as six:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            port = one.getsockname()[1]
            other.sendto(b"four", ("127.0.0.5", port))
            six.sendto(b"six", ("::1", port))
            await a_moment()
            for sock, seen in ((other, ("127.0.0.5", port)), (six, ("::1", port, 0, 0))):
                data, told, _, sender = one.recvmsg(100, 100)
                (level, kind, where) = told[0]
                assert (level, kind, len(where)) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, 20)
                one.sendmsg([b"back: ", data], told, 0, sender)
                await a_moment()
                assert sock.recvfrom(100) == (b"back: " + data, seen)
            nobodys = socket.inet_pton(socket.AF_INET6, "::ffff:198.51.100.7") + bytes(4)
            told = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, nobodys)]
            to_four = ("::ffff:" + HOME, other.getsockname()[1])
            assert raised(lambda: one.sendmsg([b"x"], told, 0, to_four)) is not None

    world(program)


def test_an_ipv6_socket_speaks_with_both_families(world: World) -> None:
    async def program() -> None:
        with udp(socket.AF_INET6, ("::", 0)) as both, udp() as four:
            port = both.getsockname()[1]
            four.sendto(b"from IPv4", (HOME, port))
            await a_moment()
            data, sender = both.recvfrom(100)
            assert sender == ("::ffff:127.0.0.1", four.getsockname()[1], 0, 0)
            both.sendto(data.upper(), sender)
            await a_moment()
            assert four.recvfrom(100) == (b"FROM IPV4", (HOME, port))

    world(program)


def test_a_full_receive_buffer_drops_and_the_sender_is_not_told(world: World) -> None:
    async def program() -> None:
        with udp() as one, udp() as other:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 5000)
            for number in range(100):
                other.sendto(bytes([number]) * 100, one.getsockname())
            await a_moment()
            got = []
            while raised(lambda: got.append(one.recv(1)[0])) is None:
                pass
            assert 1 < len(got) < 50
            assert got == list(range(len(got)))

    world(program)


def test_a_socket_disconnects_when_it_is_connected_to_no_family() -> None:
    async def main(net: Internet) -> None:
        loop = asyncio.get_running_loop()
        with net.host("ana"), udp() as one, udp() as other:
            one.connect(other.getsockname())
            one.opened.connect(None)  # type: ignore[attr-defined]
            assert raised(one.getpeername) == (OSError, errno.ENOTCONN)
            await loop.sock_sendto(one, b"x", other.getsockname())

    run(main)
