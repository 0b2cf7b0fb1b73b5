"""Names and addresses: what a look-up says, and what time it takes. Linux says the same."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import pytest

from p2plib.errors import UsageError
from p2plib.sim import Internet
from p2plib.sim.sockets.names import is_group, is_loopback, parsed
from tests.sim.small import mailbox, run
from tests.sim.sockets.conftest import World

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the answers are Linux'")
FOUR, SIX, STREAM, DATAGRAM = socket.AF_INET, socket.AF_INET6, socket.SOCK_STREAM, socket.SOCK_DGRAM


def test_names_are_looked_up_and_that_takes_time() -> None:
    async def main(net: Internet) -> list[Any]:
        ana, ben = net.host("ana", ipv6=True), net.host("ben")
        net.name("swarm.example", ana, ben)
        loop = asyncio.get_running_loop()
        seen: list[Any] = [
            (await loop.getaddrinfo("198.18.0.9", 80, type=socket.SOCK_STREAM))[0][4],
            net.time,
        ]
        found = await loop.getaddrinfo("swarm.example", 80, type=socket.SOCK_STREAM)
        seen += [[answer[4] for answer in found], net.time]
        six = await loop.getaddrinfo("ana", 80, family=socket.AF_INET6, type=socket.SOCK_DGRAM)
        seen.append([answer[:3] + answer[4:] for answer in six])
        seen.append(await loop.getnameinfo((ben.address, 80)))
        for name, down in (("nobody.example", False), ("ben", True)):
            net.names.is_down = down
            try:
                await loop.getaddrinfo(name, 80)
            except socket.gaierror as error:
                seen.append(error.errno)
        return seen

    assert run(main) == [
        ("198.18.0.9", 80),
        0.0,
        [("198.18.0.1", 80), ("2001:db8::1", 80, 0, 0), ("198.18.0.2", 80)],
        0.02,
        [(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_UDP, ("2001:db8::1", 80, 0, 0))],
        ("ben", "http"),
        socket.EAI_NONAME,
        socket.EAI_AGAIN,
    ]


def test_a_look_up_within_a_line_takes_no_time_and_says_the_same() -> None:
    async def main(net: Internet) -> None:
        net.host("Ana", ipv6=True)
        names = net.names
        now = names.getaddrinfo_now("ana", "http", 0, STREAM)
        assert net.time == 0.0
        assert now == await names.getaddrinfo("ana", "http", type=STREAM)
        assert [answer[4] for answer in now] == [("198.18.0.1", 80), ("2001:db8::1", 80, 0, 0)]
        names.is_down = True
        with pytest.raises(socket.gaierror) as caught:
            names.getaddrinfo_now("ana", 80)
        assert caught.value.errno == socket.EAI_AGAIN
        assert names.getaddrinfo_now("localhost", 80, FOUR, STREAM)[0][4] == ("127.0.0.1", 80)

    run(main)


def test_a_name_is_the_same_in_capitals_and_with_a_dot_at_its_end() -> None:
    async def main(net: Internet) -> None:
        net.host("Ana.Example")
        for name in ("ana.example", "ANA.example", "Ana.Example."):
            assert net.names.lookup(name) == ("198.18.0.1",)
        with pytest.raises(UsageError, match=r"the name .ana.EXAMPLE. is taken"):
            net.host("ana.EXAMPLE")

    run(main)


def test_a_name_has_no_address_of_a_family_that_its_host_lacks() -> None:
    async def main(net: Internet) -> None:
        net.host("ana")
        with pytest.raises(socket.gaierror, match="No address associated with hostname"):
            net.names.getaddrinfo_now("ana", 80, SIX)
        mapped = net.names.getaddrinfo_now("ana", 80, SIX, STREAM, 0, socket.AI_V4MAPPED)
        assert [answer[4] for answer in mapped] == [("::ffff:198.18.0.1", 80, 0, 0)]

    run(main)


def test_connecting_takes_the_name_of_a_service() -> None:
    async def main(net: Internet) -> bytes:
        server, client = net.host("Server"), net.host("client")

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello")
            writer.close()

        async def ask() -> bytes:
            reader, writer = await asyncio.open_connection("server", "http")
            data = await reader.read()
            writer.close()
            return data

        with server:
            listener = await asyncio.start_server(answer, "0.0.0.0", "http")
        assert listener.sockets[0].getsockname() == ("0.0.0.0", 80)
        data = await client.run(ask())
        listener.close()
        return data

    assert run(main) == b"hello"


async def answers(*args: Any, **named: Any) -> Any:
    """What getaddrinfo says, or the number of its error."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(*args, **named)
    except socket.gaierror as error:
        return error.errno
    return [
        (int(family), int(kind), number, canon, address) for family, kind, number, canon, address in found
    ]


@on_linux
@pytest.mark.parametrize(
    ("args", "named", "said"),
    [
        (("127.0.0.1", "http"), {}, [(2, 1, 6, "", ("127.0.0.1", 80))]),
        (("127.0.0.1", b"80"), {"type": STREAM}, [(2, 1, 6, "", ("127.0.0.1", 80))]),
        (("127.0.0.1", " 80"), {"type": STREAM}, [(2, 1, 6, "", ("127.0.0.1", 80))]),
        (("127.0.0.1", ""), {"type": STREAM}, [(2, 1, 6, "", ("127.0.0.1", 0))]),
        (("127.0.0.1", 70_000), {"type": STREAM}, [(2, 1, 6, "", ("127.0.0.1", 4464))]),
        (("127.0.0.1", 80), {"proto": 17}, [(2, 2, 17, "", ("127.0.0.1", 80))]),
        (
            ("127.0.0.1", 80), {},
            [(2, kind, number, "", ("127.0.0.1", 80)) for kind, number in ((1, 6), (2, 17), (3, 0))],
        ),
        (
            ("127.0.0.1", "domain"), {},
            [(2, 1, 6, "", ("127.0.0.1", 53)), (2, 2, 17, "", ("127.0.0.1", 53))],
        ),
        (
            ("127.0.0.1", 80), {"type": STREAM, "flags": socket.AI_CANONNAME},
            [(2, 1, 6, "127.0.0.1", ("127.0.0.1", 80))],
        ),
        (
            ("127.0.0.1", "domain"), {"flags": socket.AI_CANONNAME},
            [(2, 1, 6, "127.0.0.1", ("127.0.0.1", 53)), (2, 2, 17, "", ("127.0.0.1", 53))],
        ),
        (("::1", 80), {"type": STREAM, "flags": socket.AI_NUMERICHOST}, [(10, 1, 6, "", ("::1", 80, 0, 0))]),
        (("::ffff:1.2.3.4", 80), {"type": STREAM}, [(10, 1, 6, "", ("::ffff:1.2.3.4", 80, 0, 0))]),
        (("fe80::1%lo", 80), {"type": STREAM}, [(10, 1, 6, "", ("fe80::1", 80, 0, 1))]),
        (("fe80::1%nope", 80), {"type": STREAM}, socket.EAI_NONAME),
        (
            ("127.0.0.1", 80), {"family": SIX, "type": STREAM, "flags": socket.AI_V4MAPPED},
            [(10, 1, 6, "", ("::ffff:127.0.0.1", 80, 0, 0))],
        ),
        (
            (None, 80), {"type": STREAM, "flags": socket.AI_PASSIVE},
            [(2, 1, 6, "", ("0.0.0.0", 80)), (10, 1, 6, "", ("::", 80, 0, 0))],
        ),
        (
            (None, 80), {"type": STREAM},
            [(10, 1, 6, "", ("::1", 80, 0, 0)), (2, 1, 6, "", ("127.0.0.1", 80))],
        ),
        (("127.0.0.1", 80), {"family": SIX}, socket.EAI_ADDRFAMILY),
        (("::1", 80), {"family": FOUR}, socket.EAI_ADDRFAMILY),
        (("localhost", 80), {"flags": socket.AI_NUMERICHOST}, socket.EAI_NONAME),
        (("127.0.0.1", "http"), {"flags": socket.AI_NUMERICSERV}, socket.EAI_NONAME),
        (("127.0.0.1", "nonsense"), {}, socket.EAI_SERVICE),
        (("127.0.0.1", "http"), {"type": DATAGRAM}, socket.EAI_SERVICE),
        (("127.0.0.1", -1), {}, socket.EAI_SERVICE),
        (("127.0.0.1", 80), {"type": STREAM, "proto": 17}, socket.EAI_SOCKTYPE),
        (("127.0.0.1", 80), {"family": 77}, socket.EAI_FAMILY),
        ((None, None), {}, socket.EAI_NONAME),
        (("", 80), {}, socket.EAI_NONAME),
        ((b"", 80), {"type": STREAM, "flags": socket.AI_PASSIVE}, socket.EAI_NONAME),
    ],
)  # fmt: skip
def test_what_getaddrinfo_says_to_what_is_no_name(
    world: World, args: tuple[Any, Any], named: dict[str, Any], said: Any
) -> None:
    async def program() -> Any:
        return await answers(*args, **named)

    assert world(program) == said


@on_linux
def test_a_port_that_is_none_is_refused_before_anything_is_sent(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        with pytest.raises(OverflowError, match=r"bind\(\): port must be 0-65535"):
            await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 70_000))
        with pytest.raises(OverflowError, match=r"connect\(\): port must be 0-65535"):
            await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=("127.0.0.1", 70_000))
        with pytest.raises(OverflowError, match=r"connect\(\): port must be 0-65535"):
            await loop.create_connection(asyncio.Protocol, "127.0.0.1", 70_000)
        with pytest.raises(OverflowError, match=r"bind\(\): port must be 0-65535"):
            await loop.create_server(asyncio.Protocol, "127.0.0.1", 70_000)
        with pytest.raises(OSError, match="Int or String expected"):
            await loop.getaddrinfo("127.0.0.1", 1.5)
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport, _ = await loop.create_connection(asyncio.Protocol, "localhost", port + 65_536)
        assert transport.get_extra_info("peername") == ("127.0.0.1", port), "of a name, it is taken modulo"
        transport.close()
        server.close()

    world(program)


@on_linux
def test_back_from_numbers_to_names(world: World) -> None:
    async def program() -> list[Any]:
        loop = asyncio.get_running_loop()
        host = socket.NI_NUMERICHOST
        return [
            await loop.getnameinfo(("127.0.0.1", 80), host | socket.NI_NUMERICSERV),
            await loop.getnameinfo(("127.0.0.1", 443), host),
            await loop.getnameinfo(("127.0.0.1", 53), host | socket.NI_DGRAM),
        ]

    assert world(program) == [("127.0.0.1", "80"), ("127.0.0.1", "https"), ("127.0.0.1", "domain")]


def test_an_address_that_nobody_has_has_no_name() -> None:
    async def main(net: Internet) -> None:
        assert net.names.getnameinfo_now(("198.18.9.9", 4000)) == ("198.18.9.9", "4000")
        assert net.names.getnameinfo_now(("::1", 80)) == ("localhost", "http")
        with pytest.raises(socket.gaierror):
            net.names.getnameinfo_now(("198.18.9.9", 4000), socket.NI_NAMEREQD)

    run(main)


def test_an_address_is_parsed_once_and_written_one_way() -> None:
    assert parsed("2001:DB8:0::1") == "2001:db8::1"
    assert parsed("fe80::1%eth0") == "fe80::1"
    assert parsed("::ffff:102:304") == "::ffff:1.2.3.4"
    assert [parsed(text) for text in ("ana", "", "127.1.2.3.4", "1.2.3.09")] == [None] * 4
    assert [parsed(text) for text in ("127.1", "0x7f.1")] == ["127.0.0.1"] * 2
    assert [is_loopback(ip) for ip in ("127.9.9.9", "::1", "128.0.0.1", "::")] == [True, True, False, False]
    assert [is_group(ip) for ip in ("239.1.2.3", "ff02::fb", "255.255.255.255", "10.0.0.1")] == [
        True, True, False, False,
    ]  # fmt: skip


def test_a_datagram_to_a_name_finds_it_at_once() -> None:
    async def main(net: Internet) -> list[Any]:
        ana, ben = net.host("ana"), net.host("ben")
        box, server = await mailbox(ana), await mailbox(ben, 5)
        for name in ("ben", "BEN", "nobody"):
            box.send(b"x", (name, 5))
        net.names.is_down = True
        box.send(b"x", ("ben", 5))  # the way is known
        box.send(b"x", ("ana", 5))
        await asyncio.sleep(1)
        box.close()
        server.close()
        return [len(server.data), *(error.errno for error in box.errors)]  # type: ignore[attr-defined]

    assert run(main) == [3, socket.EAI_NONAME, socket.EAI_AGAIN]


def test_a_program_that_is_cancelled_while_a_name_is_looked_up() -> None:
    async def main(net: Internet) -> None:
        net.host("ben")
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.get_running_loop().getaddrinfo("ben", 80), 0.001)

    run(main)  # and nothing is told of the answer that nobody waits for
