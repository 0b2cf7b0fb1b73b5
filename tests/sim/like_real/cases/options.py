"""What sockets are asked about themselves, and what may be set."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tests.sim.like_real.machines import Machine
from tests.sim.like_real.words import Ear, Line, plain, tcp, tried, udp

SOL = socket.SOL_SOCKET
DEFAULTS = (
    (SOL, socket.SO_TYPE),
    (SOL, socket.SO_DOMAIN),
    (SOL, socket.SO_PROTOCOL),
    (SOL, socket.SO_ACCEPTCONN),
    (SOL, socket.SO_REUSEADDR),
    (SOL, socket.SO_REUSEPORT),
    (SOL, socket.SO_BROADCAST),
    (SOL, socket.SO_KEEPALIVE),
    (SOL, socket.SO_ERROR),
    (SOL, socket.SO_OOBINLINE),
    (socket.IPPROTO_IP, socket.IP_TTL),
    (socket.IPPROTO_IP, socket.IP_TOS),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
    (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY),
)


async def as_they_come(here: Machine, there: Machine) -> list[Any]:
    with udp() as one, tcp() as two, socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as three:
        return [[tried(each.getsockopt, *option) for option in DEFAULTS] for each in (one, two, three)]


async def set_and_asked(here: Machine, there: Machine) -> list[Any]:
    settings = (
        (SOL, socket.SO_REUSEADDR, 1),
        (SOL, socket.SO_REUSEADDR, 5),
        (SOL, socket.SO_KEEPALIVE, True),
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5000),
        (socket.IPPROTO_IP, socket.IP_TTL, 5),
        (socket.IPPROTO_IP, socket.IP_TOS, 0x10),
    )
    with tcp() as one:
        return [[tried(one.setsockopt, *each), tried(one.getsockopt, *each[:2])] for each in settings]


async def wrong_values(here: Machine, there: Machine) -> list[Any]:
    settings: tuple[tuple[Any, ...], ...] = (
        (SOL, socket.SO_TYPE, 1),
        (SOL, socket.SO_REUSEADDR, b"x"),
        (SOL, socket.SO_REUSEADDR, "x"),
        (socket.IPPROTO_IP, socket.IP_TTL, 0),
        (socket.IPPROTO_IP, socket.IP_TTL, 256),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 0),
        (SOL, socket.SO_REUSEADDR),
    )
    with tcp() as one:
        return [tried(one.setsockopt, *each) for each in settings]


async def what_no_system_has(here: Machine, there: Machine) -> list[Any]:
    with tcp() as one:
        strange = ((SOL, 9999), (9999, 1), (socket.IPPROTO_TCP, 9999))
        return [[tried(one.setsockopt, *each, 1), tried(one.getsockopt, *each)] for each in strange]


async def asked_wrongly(here: Machine, there: Machine) -> list[Any]:
    with udp() as one:
        questions = (
            (socket.IPPROTO_TCP, socket.TCP_NODELAY),
            (SOL, socket.SO_TYPE, 4),
        )
        seen = [tried(one.getsockopt, *each) for each in questions]
        return [*seen, tried(one.setsockopt, socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]


async def of_the_other_family(here: Machine, there: Machine) -> list[Any]:
    with udp() as four, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
        return [
            tried(four.setsockopt, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1),
            tried(six.setsockopt, socket.IPPROTO_IP, socket.IP_TTL, 9),
            tried(six.getsockopt, socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS),
            tried(six.setsockopt, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1),
            tried(six.bind, ("::", 5000)),
            tried(six.setsockopt, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0),
        ]


async def buffer_sizes(here: Machine, there: Machine) -> list[Any]:
    seen: list[Any] = []
    for make in (udp, tcp):
        with make() as one:
            for name in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                before = one.getsockopt(SOL, name)
                one.setsockopt(SOL, name, 20_000)
                seen += [before > 10_000, one.getsockopt(SOL, name)]
    return seen


async def what_a_socket_is(here: Machine, there: Machine) -> list[Any]:
    seen: list[Any] = []
    for arguments in ((), (socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_INET6, socket.SOCK_STREAM, 0)):
        with socket.socket(*arguments) as one:
            kind = (one.family, one.type, one.proto, one.gettimeout(), one.getblocking())
            seen.append([*map(plain, kind), isinstance(one, socket.socket), one.get_inheritable()])
    return seen


async def timeouts(here: Machine, there: Machine) -> list[Any]:
    with udp() as one:
        seen = []
        for value in (2.5, 0, None):
            one.settimeout(value)
            seen.append([one.gettimeout(), one.getblocking()])
        one.setblocking(False)
        return [*seen, one.gettimeout(), tried(one.settimeout, -1)]


async def impossible_sockets(here: Machine, there: Machine) -> list[Any]:
    kinds = ((999, socket.SOCK_STREAM), (socket.AF_INET, 99), (socket.AF_INET, socket.SOCK_STREAM, 17))
    return [tried(socket.socket, *kind) for kind in kinds]


async def how_it_shows_itself(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000) as one:
        text = repr(one)
        seen = ["family" in text, "laddr=('127.0.0.1', 5000)" in text, "raddr" in text]
        one.connect(("127.0.0.1", 5001))
        seen.append("raddr=('127.0.0.1', 5001)" in repr(one))
    return [*seen, "[closed]" in repr(one)]


async def of_transports(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Line, "127.0.0.1", 5130)
    stream, _ = await loop.create_connection(Line, "127.0.0.1", 5130)
    datagrams, _ = await loop.create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 5000))
    seen: list[Any] = []
    for transport in (stream, datagrams):
        one = transport.get_extra_info("socket")
        seen.append([tried(one.getsockopt, *option) for option in DEFAULTS])
        seen += [plain(one.family), plain(one.type), plain(one.proto), one.gettimeout(), one.fileno() >= 0]
        seen += [hasattr(one, name) for name in ("getsockname", "setsockopt")]
    one = server.sockets[0]
    seen.append([tried(one.getsockopt, SOL, name) for name in (socket.SO_REUSEADDR, socket.SO_ACCEPTCONN)])
    stream.close()
    datagrams.close()
    server.close()
    return seen


async def what_a_transports_socket_can_do(here: Machine, there: Machine) -> list[Any]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Ear, local_addr=("127.0.0.1", 5000)
    )
    one = transport.get_extra_info("socket")
    transport.close()
    return [hasattr(one, name) for name in ("recv", "send", "close", "fileno")]


async def interfaces(here: Machine, there: Machine) -> list[Any]:
    table = socket.if_nameindex()
    number, name = max(table)
    seen = [
        len(table),
        min(table)[1],
        socket.if_nametoindex(name) == number,
        socket.if_indextoname(number) == name,
    ]
    return [*seen, tried(socket.if_nametoindex, "nothing"), tried(socket.if_indextoname, 99)]


async def a_pair(here: Machine, there: Machine) -> list[Any]:
    one, other = socket.socketpair()
    with one, other:
        one.send(b"x")
        return [tried(other.recv, 1), plain(one.family)]
