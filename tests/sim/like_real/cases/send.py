"""What UDP sockets may send to whom, and what becomes of it."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tests.sim.like_real.machines import NOBODY_IP, OUTSIDE_IP, Machine
from tests.sim.like_real.words import awaited, drained, heard, plain, soon, tried, udp


async def to_another_machine_and_back(here: Machine, there: Machine) -> list[Any]:
    with there:
        far = udp("0.0.0.0", 5000)
    with far, udp("0.0.0.0", 5001) as near:
        near.sendto(b"one", (there.ip, 5000))
        seen = await heard(far)
        far.sendto(b"two", (here.ip, 5001))
        return [seen, await heard(near)]


async def to_an_own_address(here: Machine, there: Machine) -> list[Any]:
    with udp("0.0.0.0", 5000) as ear, udp() as mouth:
        for ip in (here.ip, here.second_ip, "127.0.0.1", "127.0.0.9"):
            mouth.sendto(ip.encode(), (ip, 5000))
        return [sorted(data for data, _ in await heard(ear)), plain(mouth.getsockname())]


async def the_senders_address(here: Machine, there: Machine) -> list[Any]:
    with udp("0.0.0.0", 5000) as ear, udp("0.0.0.0", 5001) as mouth:
        for ip in (here.ip, here.second_ip, "127.0.0.1", "127.0.0.9"):
            mouth.sendto(b"x", (ip, 5000))
        seen = await heard(ear)
    with udp("0.0.0.0", 5000) as ear, udp(here.second_ip, 5001) as mouth:
        mouth.sendto(b"x", (here.ip, 5000))
        return [*seen, *await heard(ear)]


async def to_the_address_of_all(here: Machine, there: Machine) -> list[Any]:
    with udp("0.0.0.0", 5000) as ear, udp() as mouth:
        return [tried(mouth.sendto, b"x", ("0.0.0.0", 5000)), await heard(ear)]


async def out_of_loopback(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000) as one:
        return [tried(one.sendto, b"x", (ip, 5001)) for ip in (there.ip, here.ip, OUTSIDE_IP, "127.0.0.2")]


async def into_loopback(here: Machine, there: Machine) -> list[Any]:
    with udp(here.ip, 5000) as one, udp("127.0.0.1", 5001) as ear:
        return [tried(one.sendto, b"x", ("127.0.0.1", 5001)), await heard(ear)]


async def to_port_0(here: Machine, there: Machine) -> list[Any]:
    with udp() as one:
        return [tried(one.sendto, b"x", ("127.0.0.1", 0)), tried(one.sendto, b"x", ("127.0.0.1", 70_000))]


async def where_no_route_leads(here: Machine, there: Machine) -> list[Any]:
    with udp() as one, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as six:
        return [
            tried(one.sendto, b"x", (OUTSIDE_IP, 5000)),
            tried(one.connect, (OUTSIDE_IP, 5000)),
            tried(six.sendto, b"x", ("2001:db8::1", 5000)),
        ]


async def to_nobody_of_the_segment(here: Machine, there: Machine) -> list[Any]:
    with udp() as one:
        seen = [tried(one.sendto, b"x", (NOBODY_IP, 5000))]
        await soon()
        return [*seen, tried(one.sendto, b"x", (NOBODY_IP, 5000)), drained(one)]


async def sizes(here: Machine, there: Machine) -> list[Any]:
    with udp("0.0.0.0", 5000) as ear, udp() as mouth:
        sent = [tried(mouth.sendto, bytes(size), ("127.0.0.1", 5000)) for size in (0, 1, 65_507, 65_508)]
        return [*sent, [data for data, _ in await heard(ear)]]


async def sizes_over_ipv6(here: Machine, there: Machine) -> list[Any]:
    with udp("::1", 5000) as ear, udp("::1", 5001) as mouth:
        sent = [tried(mouth.sendto, bytes(size), ("::1", 5000)) for size in (65_507, 65_527, 65_528)]
        return [*sent, [data for data, _ in await heard(ear)]]


async def to_a_closed_port(here: Machine, there: Machine) -> list[Any]:
    seen: list[Any] = []
    for ip in ("127.0.0.1", there.ip):
        with udp() as one:
            one.sendto(b"x", (ip, 5009))
            seen.append([await heard(one), tried(one.sendto, b"x", (ip, 5009)), drained(one)])
    return seen


async def to_a_closed_port_connected(here: Machine, there: Machine) -> list[Any]:
    seen: list[Any] = []
    for ip in ("127.0.0.1", there.ip):
        with udp() as one:
            one.connect((ip, 5009))
            one.send(b"x")
            await soon()
            seen += [tried(one.send, b"y"), tried(one.send, b"z")]
            await soon()
            seen += [drained(one), drained(one)]
    return seen


async def the_pending_error(here: Machine, there: Machine) -> list[Any]:
    with udp() as one:
        one.connect(("127.0.0.1", 5009))
        one.send(b"x")
        await soon()
        seen = [tried(one.getsockopt, socket.SOL_SOCKET, socket.SO_ERROR) for _ in range(2)]
        return [*seen, drained(one), tried(one.send, b"y")]


async def nowhere_in_particular(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000) as one:
        return [tried(one.send, b"x"), tried(one.getpeername), tried(one.sendto, b"x", None)]


async def a_connected_socket(here: Machine, there: Machine) -> list[Any]:
    with udp("0.0.0.0", 5000) as one, udp("127.0.0.1", 5001) as friend, udp("127.0.0.1", 5002) as other:
        one.connect(("127.0.0.1", 5001))
        seen = [plain(one.getsockname()), plain(one.getpeername())]
        friend.sendto(b"friend", ("127.0.0.1", 5000))
        other.sendto(b"other", ("127.0.0.1", 5000))
        seen += [await heard(one)]
        one.send(b"to the friend")
        one.sendto(b"to the other", ("127.0.0.1", 5002))
        return [*seen, await heard(friend), await heard(other)]


async def connected_to_one_after_another(here: Machine, there: Machine) -> list[Any]:
    with udp() as one, udp("127.0.0.1", 5001) as first:
        one.connect(("127.0.0.1", 5001))
        before = one.getsockname()
        seen = [tried(one.connect, (there.ip, 5002)), tried(one.getpeername)]
        one.connect(("127.0.0.1", 5003))
        first.sendto(b"too late", before)
        return [*seen, one.getsockname() == before, plain(one.getpeername()), await heard(one)]


async def what_arrived_before_it_was_connected(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000) as one, udp("127.0.0.1", 5001) as friend, udp("127.0.0.1", 5002) as other:
        other.sendto(b"early", ("127.0.0.1", 5000))
        await soon()
        one.connect(("127.0.0.1", 5001))
        friend.sendto(b"friend", ("127.0.0.1", 5000))
        return await heard(one)


async def nothing_to_read(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000) as one, udp() as unbound:
        return [tried(one.recv, 9), tried(one.recvfrom, 9), tried(unbound.recvfrom, 9)]


async def more_than_the_reader_takes(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000) as ear, udp("127.0.0.1", 5001) as mouth:
        for data in (b"0123456789", b"abcdefghij", b"last"):
            mouth.sendto(data, ("127.0.0.1", 5000))
        await soon()
        buffer = bytearray(4)
        seen = [plain(ear.recvfrom(4)), plain(ear.recvfrom_into(buffer)), plain(buffer)]
        return [*seen, tried(ear.recv, 0), tried(ear.recv, 9)]


async def peeking(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000) as ear, udp("127.0.0.1", 5001) as mouth:
        mouth.sendto(b"one", ("127.0.0.1", 5000))
        await soon()
        return [tried(ear.recv, 2, socket.MSG_PEEK), tried(ear.recv, 9, socket.MSG_PEEK), drained(ear)]


async def with_messages(here: Machine, there: Machine) -> list[Any]:
    with udp("127.0.0.1", 5000) as ear, udp("127.0.0.1", 5001) as mouth:
        seen = [tried(mouth.sendmsg, [b"on", b"e"], [], 0, ("127.0.0.1", 5000))]
        mouth.sendto(b"0123456789", ("127.0.0.1", 5000))
        await soon()
        for size in (100, 4):
            data, _, flags, sender = ear.recvmsg(size)
            seen.append([plain(data), bool(flags & socket.MSG_TRUNC), plain(sender)])
        return seen


async def what_is_no_bytes(here: Machine, there: Machine) -> list[Any]:
    with udp() as one:
        return [tried(one.sendto, data, ("127.0.0.1", 5000)) for data in ("text", 7, None, bytearray(3))]


async def addresses_that_are_none(here: Machine, there: Machine) -> list[Any]:
    with udp() as one:
        wrong = (("127.0.0.1",), "127.0.0.1", ("::1", 5000), ("127.0.0.1", "80"), ("127.0.0.1", 80, 0, 0))
        return [tried(one.sendto, b"x", address) for address in wrong]


async def a_full_receive_buffer(here: Machine, there: Machine) -> list[Any]:
    small = (socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with udp("127.0.0.1", 5000, small) as ear, udp() as mouth:
        sent = {tried(mouth.sendto, b"%02d" % n + bytes(998), ("127.0.0.1", 5000)) for n in range(50)}
        await soon()
        got = [tried(ear.recv, 2) for _ in range(50)]
        arrived = [data for data in got if len(data) == 2]
        return [
            sorted(sent),
            0 < len(arrived) < 50,
            arrived == [f"{n:02d}" for n in range(len(arrived))],
            got[-1],
        ]


async def in_order(here: Machine, there: Machine) -> list[Any]:
    with there:
        far = udp("0.0.0.0", 5000)
    with far, udp() as near:
        for number in range(20):
            near.sendto(b"%d" % number, (there.ip, 5000))
        return [data for data, _ in await heard(far)]


async def by_the_loop(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with udp("127.0.0.1", 5000) as ear, udp("127.0.0.1", 5001) as mouth:
        seen = [await awaited(loop.sock_sendto(mouth, b"one", ("127.0.0.1", 5000)))]
        seen.append(await awaited(loop.sock_recvfrom(ear, 100)))
        waiting = asyncio.ensure_future(loop.sock_recvfrom_into(ear, bytearray(10)))
        await soon()
        mouth.sendto(b"two", ("127.0.0.1", 5000))
        return [*seen, await awaited(waiting), await awaited(loop.sock_recv(ear, 10), 0.05)]
