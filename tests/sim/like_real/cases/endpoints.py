"""asyncio's datagram endpoints: how they are opened, what they raise, and what their protocol is told."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tests.sim.like_real.machines import OUTSIDE_IP, Machine
from tests.sim.like_real.words import Ear, awaited, drained, heard, plain, soon, tried, udp


async def _opened(**named: Any) -> tuple[Any, Ear]:
    return await asyncio.get_running_loop().create_datagram_endpoint(Ear, **named)


async def wrong_arguments(here: Machine, there: Machine) -> list[Any]:
    wrong: tuple[dict[str, Any], ...] = (
        {},
        {"local_addr": ("127.0.0.1", 0), "family": socket.AF_INET6},
        {"local_addr": ("127.0.0.1", 0), "remote_addr": ("::1", 5000)},
        {"local_addr": "127.0.0.1"},
        {"local_addr": ("127.0.0.1",)},
        {"local_addr": ("127.0.0.1", 0), "reuse_address": True},
        {"remote_addr": ("127.0.0.1", 70_000)},
        {"remote_addr": (OUTSIDE_IP, 5000)},
    )
    return [await awaited(_opened(**named)) for named in wrong]


async def with_a_family_alone(here: Machine, there: Machine) -> list[Any]:
    transport, _ = await _opened(family=socket.AF_INET)
    seen = [plain(transport.get_extra_info("sockname")), plain(transport.get_extra_info("peername"))]
    with udp("127.0.0.1", 5001) as ear:
        transport.sendto(b"x", ("127.0.0.1", 5001))
        seen.append(len(await heard(ear)))
    transport.close()
    return seen


async def a_closed_port(here: Machine, there: Machine) -> list[Any]:
    seen: list[Any] = []
    for named in ({"remote_addr": (there.ip, 5009)}, {"local_addr": ("0.0.0.0", 5000)}):
        transport, ear = await _opened(**named)
        for _ in range(2):
            transport.sendto(b"x", None if "remote_addr" in named else (there.ip, 5009))
            await soon()
        seen += [ear.told, transport.is_closing()]
        transport.close()
    return seen


async def addresses_of_a_connected_endpoint(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5001) as friend:
        transport, ear = await _opened(remote_addr=("127.0.0.1", 5001))
        seen = [
            tried(transport.sendto, b"one", ("127.0.0.1", 5001)),
            tried(transport.sendto, b"two", ("127.0.0.1", 5002)),
            tried(transport.sendto, b"three", None),
            plain(transport.get_extra_info("peername")),
            plain(transport.get_extra_info("sockname")),
        ]
        seen.append([data for data, _ in await heard(friend)])
        transport.close()
        await soon()
        return [*seen, ear.told]


async def sending_nowhere(here: Machine, there: Machine) -> list[Any]:
    transport, ear = await _opened(local_addr=("127.0.0.1", 5000))
    seen = [tried(transport.sendto, b"x"), tried(transport.sendto, b"x", None)]
    await soon()
    transport.close()
    await soon()
    return [*seen, ear.told]


async def what_the_system_refuses(here: Machine, there: Machine) -> list[Any]:
    seen: list[Any] = []
    for ip, address, size in (
        ("0.0.0.0", ("127.0.0.1", 0), 1),
        ("0.0.0.0", ("127.0.0.1", 5001), 70_000),
        ("127.0.0.1", (there.ip, 5001), 1),
        ("0.0.0.0", (OUTSIDE_IP, 5001), 1),
        ("0.0.0.0", ("255.255.255.255", 5001), 1),
    ):
        transport, ear = await _opened(local_addr=(ip, 5000))
        seen.append(tried(transport.sendto, bytes(size), address))
        await soon()
        seen += [ear.told, transport.is_closing()]
        transport.close()
        await soon()
    return seen


async def what_is_no_datagram(here: Machine, there: Machine) -> list[Any]:
    transport, ear = await _opened(local_addr=("127.0.0.1", 5000))
    wrong: tuple[Any, ...] = ("text", 7, None, [1])
    with udp("127.0.0.1", 5001) as other:
        seen = [tried(transport.sendto, data, ("127.0.0.1", 5001)) for data in wrong]
        for data in (bytearray(b"array"), memoryview(b"view")):
            transport.sendto(data, ("127.0.0.1", 5001))
        seen.append(await heard(other))
    transport.close()
    return [*seen, ear.told]


async def nothing_at_all(here: Machine, there: Machine) -> list[Any]:
    transport, ear = await _opened(local_addr=("127.0.0.1", 5000))
    with udp("127.0.0.1", 5001) as other:
        transport.sendto(b"", ("127.0.0.1", 5001))
        other.sendto(b"", ("127.0.0.1", 5000))
        seen = await heard(other)
    transport.close()
    return [*seen, *ear.told]


async def addresses_that_are_none(here: Machine, there: Machine) -> list[Any]:
    wrong: tuple[Any, ...] = (
        ("127.0.0.1",),
        "127.0.0.1",
        ("127.0.0.1", "80"),
        ("::1", 5001),
        ("127.0.0.1", 70_000),
        7,
    )
    seen: list[Any] = []
    for address in wrong:
        told: list[str] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context, told=told: told.append(context["message"])
        )
        transport, ear = await _opened(local_addr=("127.0.0.1", 5000))
        seen.append(tried(transport.sendto, b"x", address))
        await soon()
        seen.append([ear.told, transport.is_closing(), len(told)])
        transport.close()
        await soon()
    return seen


async def a_protocol_that_raises(here: Machine, there: Machine) -> list[Any]:
    told: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: told.append(plain(context["exception"])))

    class Broken(Ear):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            raise ValueError("broken")

    transport, ear = await loop.create_datagram_endpoint(Broken, local_addr=("127.0.0.1", 5000))
    with udp("127.0.0.1", 5001) as mouth:
        for text in (b"one", b"two"):
            mouth.sendto(text, ("127.0.0.1", 5000))
            await soon()
    seen = [ear.told, told, transport.is_closing()]
    transport.close()
    return seen


async def closed_while_hearing(here: Machine, there: Machine) -> list[Any]:
    class Once(Ear):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            super().datagram_received(data, addr)
            self.transport.close()

    loop = asyncio.get_running_loop()
    _, ear = await loop.create_datagram_endpoint(Once, local_addr=("127.0.0.1", 5000))
    with udp("127.0.0.1", 5001) as mouth:
        for text in (b"one", b"two"):
            mouth.sendto(text, ("127.0.0.1", 5000))
        await soon()
    return ear.told


async def over_a_socket_of_ones_own(here: Machine, there: Machine) -> list[Any]:
    one = udp("127.0.0.1", 5000)
    transport, ear = await _opened(sock=one)
    with udp("127.0.0.1", 5001) as mouth:
        mouth.sendto(b"in", ("127.0.0.1", 5000))
        transport.sendto(b"out", ("127.0.0.1", 5001))
        seen = [await heard(mouth), plain(transport.get_extra_info("sockname"))]
    transport.close()
    await soon()
    with udp() as other:
        wrong = await awaited(_opened(sock=other, local_addr=("127.0.0.1", 5000)))
    return [*seen, ear.told, one.fileno(), wrong]


async def over_a_connected_socket(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5001) as friend:
        one = udp()
        one.connect(("127.0.0.1", 5001))
        transport, ear = await _opened(sock=one)
        transport.sendto(b"out")
        seen = [[data for data, _ in await heard(friend)], plain(transport.get_extra_info("peername"))]
        transport.close()
        await soon()
        return [*seen, ear.told]


async def write_buffer_limits(here: Machine, there: Machine) -> list[Any]:
    transport, _ = await _opened(local_addr=("127.0.0.1", 5000))
    seen = [tried(transport.get_write_buffer_limits), transport.get_write_buffer_size()]
    for low, high in ((None, 10), (5, 5000), (10, 5)):
        named = {key: value for key, value in (("low", low), ("high", high)) if value is not None}
        seen.append(tried(transport.set_write_buffer_limits, **named))
        seen.append(list(transport.get_write_buffer_limits()))
    transport.close()
    return seen


async def what_was_there_before_it_was_opened(here: Machine, there: Machine) -> list[Any]:
    one = udp("127.0.0.1", 5000)
    with udp("127.0.0.1", 5001) as mouth:
        mouth.sendto(b"early", ("127.0.0.1", 5000))
        await soon()
        transport, ear = await _opened(sock=one)
        await soon()
        transport.close()
        return [ear.told, drained(mouth)]


async def the_socket_of_an_endpoint(here: Machine, there: Machine) -> list[Any]:
    transport, _ = await _opened(local_addr=("127.0.0.1", 5000))
    one = transport.get_extra_info("socket")
    seen: list[Any] = [plain(one.family), plain(one.type), plain(one.proto)]
    seen += [plain(one.getsockname()), tried(one.getpeername), one.fileno() >= 0]
    seen.append(tried(one.setsockopt, socket.SOL_SOCKET, socket.SO_BROADCAST, 1))
    seen.append(one.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST))
    transport.close()
    await soon()
    return [*seen, one.fileno(), plain(transport.get_extra_info("sockname"))]
