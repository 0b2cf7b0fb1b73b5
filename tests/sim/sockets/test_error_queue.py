"""The queue of errors of a UDP socket, as Linux has it."""

from __future__ import annotations

import errno
import socket
import struct
import sys

import pytest

from tests.sim.sockets.conftest import World
from tests.sim.sockets.small_sockets import HOME, a_moment, raised, udp

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is Linux'")

IP_RECVERR, IPV6_RECVERR, MSG_ERRQUEUE = 11, 25, 0x2000
WAIT = (BlockingIOError, errno.EAGAIN)
REFUSED = (ConnectionRefusedError, errno.ECONNREFUSED)


def asking(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)


@pytest.mark.parametrize("to", [HOME, "::1", "::ffff:127.0.0.1"])
def test_a_datagram_that_was_refused_comes_back(world: World, to: str) -> None:
    async def program() -> None:
        family = socket.AF_INET6 if ":" in to else socket.AF_INET
        with udp(family, None) as one:
            asking(one)
            with udp(family, ("::" if ":" in to else HOME, 0)) as gone:
                port = gone.getsockname()[1]
            one.sendto(b"hello", (to, port))
            await a_moment()
            data, told, flags, address = one.recvmsg(100, 1024, MSG_ERRQUEUE)
            assert (data, flags, address[:2]) == (b"hello", MSG_ERRQUEUE, (to, port))
            ((level, kind, cause),) = told
            number, origin, icmp, code, _, _, _ = struct.unpack("=IBBBBII", cause[:16])
            assert (number, origin) == (errno.ECONNREFUSED, 3 if to == "::1" else 2)
            assert (icmp, code) == ((1, 4) if to == "::1" else (3, 3))
            if family == socket.AF_INET:
                assert (level, kind) == (socket.IPPROTO_IP, IP_RECVERR)
                assert cause[16:] == struct.pack("=HH4s8x", family, 0, socket.inet_aton(to))
            else:
                assert (level, kind) == (socket.IPPROTO_IPV6, IPV6_RECVERR)
                whole = socket.inet_pton(family, to)
                assert cause[16:] == struct.pack("=HHI16sI", family, 0, 0, whole, 0)
            assert raised(lambda: one.recvmsg(100, 1024, MSG_ERRQUEUE)) == WAIT
            assert raised(lambda: one.recv(1)) == WAIT, "the error is over with the last of the queue"

    world(program)


def test_the_next_call_hears_of_it_too_and_the_queue_stays(world: World) -> None:
    async def program() -> None:
        with udp() as one, udp() as silent:
            asking(one)
            with udp() as gone:
                nowhere = gone.getsockname()
            for sock in (one, silent):
                sock.sendto(b"x", nowhere)
            await a_moment()
            assert raised(lambda: one.recv(1)) == REFUSED
            assert raised(lambda: one.recv(1)) == WAIT
            assert one.recvmsg(100, 1024, MSG_ERRQUEUE)[0] == b"x"
            assert raised(lambda: silent.recv(1)) == WAIT, "it has not asked"
            assert raised(lambda: silent.recvmsg(100, 1024, MSG_ERRQUEUE)) == WAIT

    world(program)


@pytest.mark.parametrize("to", ["::1", "::ffff:127.0.0.1"])
def test_each_family_is_asked_for_by_itself(world: World, to: str) -> None:
    async def program() -> list[bool]:
        told = []
        for key in ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)):
            with udp(socket.AF_INET6, None) as one:
                with udp(socket.AF_INET6, ("::", 0)) as gone:
                    port = gone.getsockname()[1]
                one.setsockopt(*key, 1)
                one.sendto(b"hello", (to, port))
                await a_moment()
                told.append(raised(lambda one=one: one.recvmsg(100, 1024, MSG_ERRQUEUE)) is None)  # type: ignore[misc]
        return told

    assert world(program) == [to != "::1", to == "::1"]
