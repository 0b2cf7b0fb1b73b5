"""UDP sockets in the kernel: their queue, their errors, and both families. Real loopback says the same."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
from typing import Any

import pytest

from p2plib.sim import Internet
from p2plib.sim.sockets.constants import SO_REUSEPORT
from p2plib.sim.sockets.datagrams import BUFFER_FULL, UdpEndpoint, weight_bytes
from tests.sim.small import mailbox, run
from tests.sim.sockets.conftest import World
from tests.sim.sockets.small_sockets import HOME, a_moment, raised, udp

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the numbers are Linux'")
with_six = pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
SIX, ALSO_SIX_ALONE = socket.AF_INET6, (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
MAPPED_HOME = "::ffff:127.0.0.1"


def drain(sock: socket.socket) -> list[bytes]:
    got = []
    with contextlib.suppress(BlockingIOError):
        while True:
            got.append(sock.recv(70_000))
    return got


@on_linux
@pytest.mark.parametrize(
    ("size", "count"),
    [(1, 256), (100, 256), (300, 166), (500, 166), (1200, 92), (1472, 92), (2000, 48), (65_507, 3)],
)
def test_a_receive_buffer_holds_as_many_datagrams_as_linux(world: World, size: int, count: int) -> None:
    async def program() -> int:
        with udp() as box, udp() as sender:
            for _ in range(count + 10):
                sender.sendto(bytes(size), box.getsockname())
            await a_moment()
            return len(drain(box))

    assert world(program) == count


@on_linux
def test_a_smaller_buffer_holds_less_and_what_was_read_makes_room(world: World) -> None:
    async def program() -> None:
        with udp() as box, udp() as sender:
            box.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            for number in range(12):
                sender.sendto(b"%d" % number, box.getsockname())
            await a_moment()
            assert drain(box) == [b"%d" % number for number in range(9)], "the newest are dropped"
            sender.sendto(b"again", box.getsockname())
            await a_moment()
            assert drain(box) == [b"again"]

    world(program)


def test_what_finds_the_buffer_full_is_in_the_trace_with_the_reason() -> None:
    async def main(net: Internet) -> None:
        ana, ben = net.host("ana"), net.host("ben")
        with ben:
            box = UdpEndpoint(ben.incarnation)
        box.bind(("0.0.0.0", 5))
        ready: list[int] = []
        box.on_ready = lambda: ready.append(len(ready))
        box.set_option(socket.SOL_SOCKET, socket.SO_RCVBUF, 3 * weight_bytes(5))
        sender = await mailbox(ana, 6)
        for _ in range(5):
            sender.send(b"hello", (ben.address, 5))
        await asyncio.sleep(1)
        assert net.trace.dropped() == {BUFFER_FULL: 2}
        assert (len(ready), box.readable, box.peek()) == (3, True, (b"hello", (ana.address, 6)))
        assert [box.receive() for _ in range(4)] == [(b"hello", (ana.address, 6))] * 3 + [None]
        assert not box.readable
        sender.close()
        box.close()

    run(main)


@on_linux
def test_what_cannot_be_sent_is_an_error_at_once(world: World) -> None:
    async def program() -> None:
        with udp(address=None) as sock:
            assert raised(lambda: sock.send(b"x")) == (OSError, errno.EDESTADDRREQ)
            assert raised(lambda: sock.sendto(b"x", (HOME, 0))) == (OSError, errno.EINVAL)
            assert raised(lambda: sock.sendto(bytes(65_508), (HOME, 5))) == (OSError, errno.EMSGSIZE)
            assert raised(lambda: sock.sendto(b"x", ("::1", 5))) == (socket.gaierror, socket.EAI_ADDRFAMILY)
            denied = (PermissionError, errno.EACCES)
            assert raised(lambda: sock.sendto(b"x", ("255.255.255.255", 5))) == denied
            assert raised(lambda: sock.connect(("255.255.255.255", 5))) == denied
            with pytest.raises(OverflowError, match="port must be 0-65535"):
                sock.sendto(b"x", (HOME, 70_000))
            assert sock.sendto(bytes(65_507), (HOME, 5)) == 65_507

    world(program)


@on_linux
@with_six
def test_a_socket_of_ipv6_speaks_with_ipv4_in_mapped_addresses(world: World) -> None:
    async def program() -> None:
        with udp(SIX, ("::", 0)) as six, udp() as four:
            port = six.getsockname()[1]
            four.sendto(b"x", (HOME, port))
            await a_moment()
            data, sender = six.recvfrom(10)
            assert (data, sender) == (b"x", (MAPPED_HOME, four.getsockname()[1], 0, 0))
            six.sendto(b"back", sender)
            await a_moment()
            assert four.recvfrom(10) == (b"back", (HOME, port))
            wrong = (socket.gaierror, socket.EAI_ADDRFAMILY)
            assert raised(lambda: six.sendto(b"x", (HOME, 5))) == wrong
            assert raised(lambda: six.sendto(bytes(65_508), (MAPPED_HOME, 5))) == (OSError, errno.EMSGSIZE)
            assert six.sendto(bytes(65_527), ("::1", 5)) == 65_527
            assert raised(lambda: six.sendto(bytes(65_528), ("::1", 5))) == (OSError, errno.EMSGSIZE)
            assert six.getsockname() == ("::", port, 0, 0)
            six.connect(sender)
            assert six.getpeername() == sender
            assert six.getsockname() == (MAPPED_HOME, port, 0, 0)

    world(program)


@on_linux
@with_six
def test_a_socket_that_is_bound_to_one_family_does_not_reach_the_other(world: World) -> None:
    async def program() -> None:
        unreachable = (OSError, errno.ENETUNREACH)
        with udp(SIX, None) as alone:
            alone.setsockopt(*ALSO_SIX_ALONE, 1)
            assert raised(lambda: alone.sendto(b"x", (MAPPED_HOME, 5))) == unreachable
        with udp(SIX, ("::1", 0)) as here:
            assert raised(lambda: here.sendto(b"x", (MAPPED_HOME, 5))) == unreachable
        with udp(SIX, (MAPPED_HOME, 0)) as mapped:
            assert mapped.getsockname()[0] == MAPPED_HOME
            assert raised(lambda: mapped.sendto(b"x", ("::1", 5))) == (OSError, errno.EAFNOSUPPORT)
            assert mapped.sendto(b"x", (MAPPED_HOME, 5)) == 1

    world(program)


@on_linux
def test_a_connection_is_made_and_ended(world: World) -> None:
    async def program() -> Any:
        with udp(address=("0.0.0.0", 0)) as sock, udp() as peer, udp() as other:
            port = sock.getsockname()[1]
            sock.connect(peer.getsockname())
            assert sock.getsockname() == (HOME, port)
            other.sendto(b"stranger", (HOME, port))
            sock.sendto(b"x", other.getsockname())  # Linux lets a connected socket send elsewhere
            sock.send(b"x")
            await a_moment()
            return drain(sock), drain(peer), drain(other)

    assert world(program) == ([], [b"x"], [b"x"])


@on_linux
def test_port_0_is_a_peer_to_connect_to_and_no_address_to_send_to(world: World) -> None:
    async def program() -> None:
        with udp() as sock:
            sock.connect((HOME, 0))
            assert raised(lambda: sock.sendto(b"x", (HOME, 0))) == (OSError, errno.EINVAL)

    world(program)


def test_an_option_that_is_set_holds_for_ways_that_were_used_before() -> None:
    async def main(net: Internet) -> list[Any]:
        ana, ben = net.host("ana", ipv6=True), net.host("ben")
        box, server = await mailbox(ana, 4, ip="::"), await mailbox(ben, 5)
        to = (f"::ffff:{ben.address}", 5)
        box.send(b"before", to)
        box.transport.endpoint.set_option(*ALSO_SIX_ALONE, 1)
        box.send(b"after", to)
        await asyncio.sleep(1)
        box.close()
        server.close()
        return [server.data, [error.errno for error in box.errors]]  # type: ignore[attr-defined]

    assert run(main) == [[b"before"], [errno.ENETUNREACH]]


def test_a_datagram_for_many_is_dropped_only_if_none_of_them_has_room() -> None:
    async def main(net: Internet) -> list[Any]:
        home = net.lan("home")
        ana, ben = net.host("ana", lan=home), net.host("ben", lan=home)
        boxes = []
        for room in (1, 2):
            with ben:
                boxes.append(UdpEndpoint(ben.incarnation))
            boxes[-1].set_option(socket.SOL_SOCKET, SO_REUSEPORT, 1)
            boxes[-1].set_option(socket.SOL_SOCKET, socket.SO_RCVBUF, room * weight_bytes(1))
            boxes[-1].bind(("0.0.0.0", 5))
            boxes[-1].join("224.0.0.251")
        sender = await mailbox(ana, 6)
        fates = []
        for _ in range(3):
            sender.send(b"x", ("224.0.0.251", 5))
            await asyncio.sleep(1)
            fates.append(list(net.trace)[-1].fate)
        for box in (sender, *boxes):
            box.close()
        return fates

    assert run(main) == ["", "", BUFFER_FULL]


def test_an_end_of_a_connection_gives_back_what_was_bound_for_it_alone() -> None:
    async def main(net: Internet) -> None:
        ana = net.host("ana")
        with ana:
            chosen, loose = UdpEndpoint(ana.incarnation), UdpEndpoint(ana.incarnation)
        chosen.bind(("0.0.0.0", 5))
        for endpoint in (chosen, loose):
            endpoint.connect((ana.address, 9))
            assert endpoint.local is not None
            assert endpoint.local[0] == ana.address
            endpoint.connect(None)
            assert endpoint.remote is None
        assert (chosen.local, loose.local) == (("0.0.0.0", 5), None)
        assert loose.sockname() == ("0.0.0.0", 0)
        assert "a UDP socket at 0.0.0.0:5, made by" in chosen.what_it_is()
        chosen.close()
        loose.close()
        assert not ana.ports.endpoints
        assert not ana.ports.udp

    run(main)


def test_a_crash_takes_all_endpoints_bound_or_not() -> None:
    async def main(net: Internet) -> None:
        ana = net.host("ana")
        with ana:
            bound, fresh = UdpEndpoint(ana.incarnation), UdpEndpoint(ana.incarnation, SIX)
        bound.bind(("0.0.0.0", 5))
        bound.join("224.0.0.251")
        assert any(ana.realm.groups.values())
        ana.crash()
        assert (bound.is_closed, fresh.is_closed, len(ana.ports.endpoints)) == (True, True, 0)
        assert not any(ana.realm.groups.values())

    run(main)
