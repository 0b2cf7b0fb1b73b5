"""Socket options: what they are before, and what is taken; Linux on loopback says the same."""

from __future__ import annotations

import errno
import socket
import struct
import sys
from typing import Any

import pytest

from tests.sim.sockets.conftest import World
from tests.sim.sockets.small_sockets import raised

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the answers are Linux'")

SOL, TCP, IP, IP6 = socket.SOL_SOCKET, socket.IPPROTO_TCP, socket.IPPROTO_IP, socket.IPPROTO_IPV6
NOT_AVAILABLE, INVALID = (OSError, errno.ENOPROTOOPT), (OSError, errno.EINVAL)
KINDS = [
    (family, kind)
    for family in (socket.AF_INET, socket.AF_INET6)
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM)
]


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_what_every_socket_says_of_itself(world: World, family: int, kind: int) -> None:
    async def program() -> None:
        with socket.socket(family, kind) as sock:
            number = socket.IPPROTO_UDP if kind == socket.SOCK_DGRAM else TCP
            said = {socket.SO_TYPE: kind, socket.SO_DOMAIN: family, socket.SO_PROTOCOL: number, 30: 0}
            for option, value in said.items():
                assert sock.getsockopt(SOL, option) == value
                assert raised(lambda option=option: sock.setsockopt(SOL, option, 1)) == NOT_AVAILABLE
            for option in (
                socket.SO_REUSEADDR,
                socket.SO_REUSEPORT,
                socket.SO_BROADCAST,
                socket.SO_KEEPALIVE,
            ):
                assert sock.getsockopt(SOL, option) == 0
                sock.setsockopt(SOL, option, 7)
                assert sock.getsockopt(SOL, option) == 1
                assert sock.getsockopt(SOL, option, 4) == struct.pack("i", 1)
                sock.setsockopt(SOL, option, struct.pack("i", 0))
                assert sock.getsockopt(SOL, option) == 0
            assert sock.getsockopt(SOL, socket.SO_ERROR) == 0
            assert sock.getsockopt(IP, socket.IP_TTL) == 64

    world(program)


def test_buffers_are_doubled_within_bounds(world: World) -> None:
    async def program() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            for option, least in ((socket.SO_RCVBUF, 2304), (socket.SO_SNDBUF, 4608)):
                assert sock.getsockopt(SOL, option) == 212_992
                for wanted, got in ((4096, 8192), (65_536, 131_072), (0, least), (100, least)):
                    sock.setsockopt(SOL, option, wanted)
                    assert sock.getsockopt(SOL, option) == got
                sock.setsockopt(SOL, option, 2**30)
                assert 425_984 <= sock.getsockopt(SOL, option) < 2**30
        with socket.socket() as sock:
            assert sock.getsockopt(SOL, socket.SO_RCVBUF) == 131_072
            assert sock.getsockopt(SOL, socket.SO_SNDBUF) == 16_384

    world(program)


def test_options_of_tcp(world: World) -> None:
    async def program() -> None:
        with socket.socket() as sock, socket.socket(type=socket.SOCK_DGRAM) as other:
            before = {
                socket.TCP_NODELAY: 0, socket.TCP_MAXSEG: 536, socket.TCP_KEEPIDLE: 7200,
                socket.TCP_KEEPINTVL: 75, socket.TCP_KEEPCNT: 9, socket.TCP_USER_TIMEOUT: 0,
            }  # fmt: skip
            for option, value in before.items():
                assert sock.getsockopt(TCP, option) == value
                assert raised(lambda option=option: other.setsockopt(TCP, option, 1)) == NOT_AVAILABLE
            sock.setsockopt(TCP, socket.TCP_NODELAY, 5)
            sock.setsockopt(TCP, socket.TCP_KEEPIDLE, 60)
            assert (sock.getsockopt(TCP, socket.TCP_NODELAY), sock.getsockopt(TCP, socket.TCP_KEEPIDLE)) == (
                1,
                60,
            )
            assert raised(lambda: other.getsockopt(TCP, socket.TCP_NODELAY)) == (OSError, errno.EOPNOTSUPP)
            assert raised(lambda: sock.setsockopt(SOL, socket.SO_LINGER, 1)) == INVALID
            assert sock.getsockopt(SOL, socket.SO_LINGER, 8) == bytes(8)
            sock.setsockopt(SOL, socket.SO_LINGER, struct.pack("ii", 1, 0))
            assert sock.getsockopt(SOL, socket.SO_LINGER, 8) == struct.pack("ii", 1, 0)
            sock.bind(("127.0.0.1", 0))
            sock.listen()
            assert sock.getsockopt(SOL, socket.SO_ACCEPTCONN) == 1

    world(program)


def test_options_of_ipv6_belong_to_ipv6(world: World) -> None:
    async def program() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as four, socket.socket(socket.AF_INET6) as six:
            assert raised(lambda: four.setsockopt(IP6, socket.IPV6_V6ONLY, 1)) == NOT_AVAILABLE
            assert raised(lambda: four.getsockopt(IP6, socket.IPV6_V6ONLY)) == (OSError, errno.EOPNOTSUPP)
            assert six.getsockopt(IP6, socket.IPV6_V6ONLY) == 0
            six.setsockopt(IP6, socket.IPV6_V6ONLY, 1)
            assert six.getsockopt(IP6, socket.IPV6_V6ONLY) == 1
            assert six.getsockopt(IP6, socket.IPV6_UNICAST_HOPS) == 64
            six.bind(("::1", 0))
            assert raised(lambda: six.setsockopt(IP6, socket.IPV6_V6ONLY, 0)) == INVALID

    world(program)


def test_options_of_multicast(world: World) -> None:
    async def program() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            assert sock.getsockopt(IP, socket.IP_MULTICAST_TTL) == 1
            assert sock.getsockopt(IP, socket.IP_MULTICAST_LOOP) == 1
            for value, kept in ((b"\x05", 5), (255, 255), (struct.pack("i", 32), 32), (-1, 1)):
                sock.setsockopt(IP, socket.IP_MULTICAST_TTL, value)
                assert sock.getsockopt(IP, socket.IP_MULTICAST_TTL) == kept
            assert raised(lambda: sock.setsockopt(IP, socket.IP_MULTICAST_TTL, 300)) == INVALID
            home, group = socket.inet_aton("127.0.0.1"), socket.inet_aton("239.1.2.3")
            sock.setsockopt(IP, socket.IP_MULTICAST_IF, home)
            assert sock.getsockopt(IP, socket.IP_MULTICAST_IF, 4) == home
            sock.setsockopt(IP, socket.IP_ADD_MEMBERSHIP, group + home)
            again = raised(lambda: sock.setsockopt(IP, socket.IP_ADD_MEMBERSHIP, group + home))
            assert again == (OSError, errno.EADDRINUSE)
            sock.setsockopt(IP, socket.IP_DROP_MEMBERSHIP, group + home)
            assert raised(lambda: sock.setsockopt(IP, socket.IP_ADD_MEMBERSHIP, b"abc")) == INVALID
            nobody = socket.inet_aton("198.51.100.7")
            wrong = raised(lambda: sock.setsockopt(IP, socket.IP_MULTICAST_IF, nobody))
            assert wrong == (OSError, errno.EADDRNOTAVAIL)

    world(program)


def test_how_far_a_datagram_may_go(world: World) -> None:
    async def program() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            for value, kept in ((255, 255), (-1, 64), (1, 1), (b"\xff", 255), (b"\x05\x00", 5)):
                sock.setsockopt(IP, socket.IP_TTL, value)
                assert sock.getsockopt(IP, socket.IP_TTL) == kept
            for value in (0, 256, -2, b"\x00"):
                assert raised(lambda value=value: sock.setsockopt(IP, socket.IP_TTL, value)) == INVALID  # type: ignore[misc]

    world(program)


def test_a_stream_takes_no_options_of_multicast(world: World) -> None:
    async def program() -> None:
        with socket.socket() as four, socket.socket(socket.AF_INET6) as six:
            for sock, level, option, value, error in (
                (four, IP, socket.IP_ADD_MEMBERSHIP, bytes(8), errno.EPROTO),
                (four, IP, socket.IP_MULTICAST_IF, bytes(4), errno.EINVAL),
                (four, IP, socket.IP_MULTICAST_TTL, 1, errno.EINVAL),
                (six, IP, socket.IP_MULTICAST_TTL, 1, errno.EINVAL),
                (six, IP6, socket.IPV6_JOIN_GROUP, bytes(20), errno.EPROTO),
                (six, IP6, socket.IPV6_MULTICAST_IF, 1, errno.ENOPROTOOPT),
                (six, IP6, socket.IPV6_MULTICAST_HOPS, 1, errno.ENOPROTOOPT),
            ):
                with pytest.raises(OSError) as caught:  # noqa: PT011 (any number is looked at)
                    sock.setsockopt(level, option, value)
                assert caught.value.errno == error, option

    world(program)


def test_an_option_that_is_longer_than_asked_for_is_cut(world: World) -> None:
    async def program() -> None:
        with socket.socket() as sock:
            linger = struct.pack("ii", 1, 5)
            sock.setsockopt(SOL, socket.SO_LINGER, linger)
            for size in (2, 4, 8, 100):
                assert sock.getsockopt(SOL, socket.SO_LINGER, size) == linger[:size]
            assert sock.getsockopt(SOL, socket.SO_LINGER) == 1
            assert sock.getsockopt(SOL, socket.SO_KEEPALIVE, 2) == bytes(2)

    world(program)


@pytest.mark.parametrize(
    ("value", "error"),
    [(b"\x01", OSError), (b"", OSError), ("x", TypeError), (2**31, TypeError), (None, TypeError)],
)
def test_values_that_are_none(world: World, value: Any, error: type[Exception]) -> None:
    async def program() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as sock, pytest.raises(error):
            sock.setsockopt(SOL, socket.SO_BROADCAST, value)

    world(program)
