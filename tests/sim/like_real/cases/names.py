"""Looking names up, where no name server has to be asked."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

from tests.sim.like_real.machines import Machine
from tests.sim.like_real.words import awaited, plain, tried


async def _asked(*arguments: Any, **named: Any) -> Any:
    return await awaited(asyncio.get_running_loop().getaddrinfo(*arguments, **named))


async def numbers(here: Machine, there: Machine) -> list[Any]:
    stream = socket.SOCK_STREAM
    return [
        await _asked(ip, 80, type=stream) for ip in ("192.0.2.1", "2001:db8::1", "::ffff:1.2.3.4", "0.0.0.0")
    ]


async def all_kinds(here: Machine, there: Machine) -> list[Any]:
    seen = [await _asked("192.0.2.1", 80), await _asked("192.0.2.1", 80, type=socket.SOCK_DGRAM)]
    return [
        *seen,
        await _asked("192.0.2.1", 80, proto=socket.IPPROTO_UDP),
        await _asked("192.0.2.1", 80, type=99),
    ]


async def impossible_kinds(here: Machine, there: Machine) -> list[Any]:
    return [
        await _asked("192.0.2.1", 80, type=socket.SOCK_DGRAM, proto=socket.IPPROTO_TCP),
        await _asked("192.0.2.1", 80, family=99),
        await _asked("192.0.2.1", 80, family=socket.AF_INET6),
        await _asked("2001:db8::1", 80, family=socket.AF_INET),
    ]


async def odd_ways_to_write_ipv4(here: Machine, there: Machine) -> list[Any]:
    ips = ("127.1", "0x7f.0.0.1", "127.0.0.01", "1.2.3.4.5", "256.1.1.1")
    answers = [await _asked(ip, 80, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST) for ip in ips]
    return [answer if isinstance(answer, str) else answer[0][-1] for answer in answers]


async def a_bare_number(here: Machine, there: Machine) -> list[Any]:
    return [await _asked("2130706433", 80, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)]


async def numbers_alone(here: Machine, there: Machine) -> list[Any]:
    only = socket.AI_NUMERICHOST
    names = ("localhost", "a name", "", "example.com")
    return [await _asked(name, 80, type=socket.SOCK_STREAM, flags=only) for name in names]


async def nobody_in_particular(here: Machine, there: Machine) -> list[Any]:
    stream = socket.SOCK_STREAM
    return [
        sorted(await _asked(None, 80, type=stream)),
        sorted(await _asked(None, 80, type=stream, flags=socket.AI_PASSIVE)),
        await _asked(None, 80, type=stream, family=socket.AF_INET),
        await _asked(None, None),
        await _asked("", None),
    ]


async def this_machine(here: Machine, there: Machine) -> list[Any]:
    return [await _asked("localhost", 80, type=socket.SOCK_STREAM, family=socket.AF_INET)]


async def services(here: Machine, there: Machine) -> list[Any]:
    ports: tuple[Any, ...] = (
        "80",
        b"443",
        "no such service",
        "",
        None,
        "99999",
        -1,
        70_000,
    )
    answers = [await _asked("192.0.2.1", port, type=socket.SOCK_STREAM) for port in ports]
    return [answer if isinstance(answer, str) else answer[0][-1] for answer in answers]


async def service_numbers_alone(here: Machine, there: Machine) -> list[Any]:
    only = socket.AI_NUMERICSERV
    ports: tuple[Any, ...] = ("80", "http")
    return [await _asked("192.0.2.1", port, type=socket.SOCK_STREAM, flags=only) for port in ports]


async def names_of_services(here: Machine, there: Machine) -> list[Any]:
    if not Path("/etc/services").exists():
        return []
    seen = [tried(socket.getservbyname, name) for name in ("http", "no such service")]
    return [*seen, tried(socket.getservbyname, "domain", "udp"), tried(socket.getservbyport, 443)]


async def scopes(here: Machine, there: Machine) -> list[Any]:
    ips = ("fe80::1%1", "fe80::1%lo", "fe80::1%nothing", "2001:db8::1%1")
    return [await _asked(ip, 80, type=socket.SOCK_STREAM) for ip in ips]


async def what_is_no_name(here: Machine, there: Machine) -> list[Any]:
    wrong: tuple[Any, ...] = (7, b"127.0.0.1", ("127.0.0.1",), "ä" * 70)
    return [await _asked(name, 80, type=socket.SOCK_STREAM) for name in wrong]


async def canonical(here: Machine, there: Machine) -> list[Any]:
    return [await _asked("192.0.2.1", 80, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)]


async def back_from_numbers(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
    return [
        await awaited(loop.getnameinfo(("127.0.0.1", 80), numeric)),
        await awaited(loop.getnameinfo(("::1", 80, 0, 0), numeric)),
        await awaited(loop.getnameinfo(("127.0.0.1", 443), socket.NI_NUMERICSERV)),
        await awaited(loop.getnameinfo(("no number", 80), numeric)),
        await awaited(loop.getnameinfo(("127.0.0.1", 70_000), numeric)),
    ]


async def without_the_loop(here: Machine, there: Machine) -> list[Any]:
    return [
        tried(socket.getaddrinfo, "127.0.0.1", 80, type=socket.SOCK_STREAM),
        tried(socket.gethostbyname, "127.0.0.1"),
        tried(socket.gethostbyname, "localhost"),
        plain(socket.getnameinfo(("127.0.0.1", 80), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)),
        socket.gethostname() != "",
        tried(socket.gethostbyname_ex, "127.0.0.1"),
    ]
