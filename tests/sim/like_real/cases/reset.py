"""Connections that end at once: resets, unread data, lingering."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from tests.sim.like_real.machines import Machine
from tests.sim.like_real.words import Line, awaited, bound, joined, plain, soon, tcp, tried

LINGER = (socket.SOL_SOCKET, socket.SO_LINGER)
AT_ONCE = struct.pack("ii", 1, 0)


async def closed_with_data_unread(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined((there.ip, 5110), at=there)
    with listening, client, server:
        client.send(b"nobody reads this")
        await soon()
        server.close()
        await soon()
        return [tried(client.recv, 1), tried(client.recv, 1), tried(client.send, b"x")]


async def closed_with_data_unread_in_the_middle_of_an_answer(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined((there.ip, 5111), at=there)
    with listening, client, server:
        client.send(b"a question, and more")
        await soon()
        server.recv(10)
        server.send(b"answer")
        await soon()
        server.close()
        await soon()
        return [tried(client.recv, 10), tried(client.recv, 10), tried(client.recv, 10)]


async def lingering_not_at_all(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined((there.ip, 5112), at=there)
    with listening, client, server:
        server.send(b"last words")
        await soon()
        server.setsockopt(*LINGER, AT_ONCE)
        server.close()
        await soon()
        return [
            tried(client.getsockopt, socket.SOL_SOCKET, socket.SO_ERROR),
            tried(client.recv, 20),
            tried(client.recv, 20),
            tried(client.send, b"x"),
            tried(client.getpeername),
        ]


async def the_error_comes_once(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined((there.ip, 5113), at=there)
    with listening, client, server:
        server.setsockopt(*LINGER, AT_ONCE)
        server.close()
        await soon()
        return [*(tried(client.send, b"x") for _ in range(2)), *(tried(client.recv, 1) for _ in range(2))]


async def writing_to_one_that_closed(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined((there.ip, 5114), at=there)
    with listening, client, server:
        server.close()
        await soon()
        seen = [tried(client.recv, 1), tried(client.send, b"one")]
        await soon()
        return [*seen, tried(client.send, b"two"), tried(client.send, b"three"), tried(client.recv, 1)]


async def the_linger_option(here: Machine, there: Machine) -> list[Any]:
    def value() -> Any:
        return struct.unpack("ii", one.getsockopt(*LINGER, 8))

    with tcp() as one:
        seen: list[Any] = [list(value())]
        one.setsockopt(*LINGER, struct.pack("ii", 1, 5))
        seen.append(list(value()))
        one.setsockopt(*LINGER, struct.pack("ii", 0, 7))
        return [*seen, value()[0], tried(one.setsockopt, *LINGER, b"abc"), tried(one.setsockopt, *LINGER, 1)]


async def no_waiting_after_a_reset(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined(("127.0.0.1", 5115))
    with listening, client, server:
        listening.close()
        server.setsockopt(*LINGER, AT_ONCE)
        server.close()
        await soon()
        return [bound(tcp, "127.0.0.1", 5115)]


async def aborted_by_a_transport(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    far, near = Line(), Line()
    server = await loop.create_server(lambda: far, "127.0.0.1", 5116)
    transport, _ = await loop.create_connection(lambda: near, "127.0.0.1", 5116)
    await soon()
    transport.abort()
    await soon()
    server.close()
    return [plain(near.told), plain(far.told)]


async def a_stream_that_is_reset(here: Machine, there: Machine) -> list[Any]:
    listening = tcp(here.ip, 5117)
    listening.listen()
    reader, writer = await asyncio.open_connection(here.ip, 5117)
    await soon()
    server, _ = listening.accept()
    server.send(b"last words")
    await soon()
    server.setsockopt(*LINGER, AT_ONCE)
    server.close()
    listening.close()
    await soon()
    seen = [await awaited(reader.readexactly(10)), await awaited(reader.read(5)), writer.is_closing()]
    writer.write(b"x")
    seen.append(await awaited(writer.drain()))
    writer.close()
    return [*seen, await awaited(writer.wait_closed())]


async def a_stream_written_to_after_the_other_closed(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    near = Line(keep_open=True)
    listening = tcp(here.ip, 5118)
    listening.listen()
    transport, _ = await loop.create_connection(lambda: near, here.ip, 5118)
    await soon()
    listening.accept()[0].close()
    listening.close()
    await soon()
    seen = [plain(near.told)]
    for text in (b"one", b"two", b"three"):
        transport.write(text)
        await soon()
        seen.append(plain(near.told[1:]))
    return seen


async def a_stream_closed_with_data_unread(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    far, near = Line(), Line()
    server = await loop.create_server(lambda: far, "127.0.0.1", 5119)
    transport, _ = await loop.create_connection(lambda: near, "127.0.0.1", 5119)
    await soon()
    far.transport.pause_reading()
    transport.write(b"nobody reads this")
    await soon()
    far.transport.close()
    await soon()
    server.close()
    return [plain(near.told), plain(far.told)]


async def a_server_that_raises(here: Machine, there: Machine) -> list[Any]:
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["message"]))

    async def broken(reader: Any, writer: Any) -> None:
        await reader.readexactly(2)
        raise ValueError("broken")

    async with await asyncio.start_server(broken, "127.0.0.1", 5120):
        reader, writer = await asyncio.open_connection("127.0.0.1", 5120)
        writer.write(b"go")
        seen = [await awaited(reader.read()), len(told)]
        writer.close()
        return seen
