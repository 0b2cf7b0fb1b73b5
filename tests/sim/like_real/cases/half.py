"""Connections of which one direction has ended."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tests.sim.like_real.machines import Machine
from tests.sim.like_real.words import Line, awaited, joined, plain, soon, tried


async def one_way_ended(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined((there.ip, 5100), at=there)
    with listening, client, server:
        client.send(b"all I say")
        client.shutdown(socket.SHUT_WR)
        await soon()
        seen = [tried(server.recv, 20), tried(server.recv, 20), tried(server.recv, 20)]
        server.send(b"answer")
        await soon()
        return [*seen, tried(client.recv, 20), tried(client.recv, 20), tried(client.send, b"more")]


async def ended_twice(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined((there.ip, 5101), at=there)
    with listening, client, server:
        seen = [tried(client.shutdown, socket.SHUT_WR) for _ in range(2)]
        return [*seen, tried(client.shutdown, 7), tried(client.getpeername) == [there.ip, 5101]]


async def reading_ended(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined((there.ip, 5102), at=there)
    with listening, client, server:
        server.send(b"before")
        await soon()
        client.shutdown(socket.SHUT_RD)
        seen = [tried(client.recv, 20), tried(client.recv, 20)]
        server.send(b"after")
        await soon()
        return [*seen, tried(client.recv, 20), tried(client.send, b"x"), tried(server.send, b"again")]


async def both_ended(here: Machine, there: Machine) -> list[Any]:
    listening, client, server = await joined((there.ip, 5103), at=there)
    with listening, client, server:
        client.shutdown(socket.SHUT_RDWR)
        await soon()
        server.shutdown(socket.SHUT_WR)
        await soon()
        return [
            tried(client.recv, 1),
            tried(client.send, b"x"),
            tried(server.send, b"x"),
            tried(server.getpeername),
            tried(client.shutdown, socket.SHUT_WR),
        ]


async def by_streams(here: Machine, there: Machine) -> list[Any]:
    async def shout(reader: Any, writer: Any) -> None:
        text = await reader.read()
        writer.write(text.upper())
        await writer.drain()
        writer.close()

    with there:
        server = await asyncio.start_server(shout, there.ip, 5104)
    async with server:
        reader, writer = await asyncio.open_connection(there.ip, 5104)
        writer.write(b"hello")
        seen = [writer.can_write_eof(), tried(writer.write_eof), tried(writer.write_eof)]
        seen += [tried(writer.write, b"more"), plain(await reader.read()), reader.at_eof()]
        writer.close()
        return [*seen, await awaited(writer.wait_closed())]


async def a_protocol_that_stays_open(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    seen: list[Any] = []
    for number, keep_open in enumerate((True, False)):
        far = Line(keep_open=keep_open)
        server = await loop.create_server(lambda far=far: far, "127.0.0.1", 5105 + number)
        near = Line()
        transport, _ = await loop.create_connection(lambda near=near: near, "127.0.0.1", 5105 + number)
        transport.write_eof()
        await soon()
        seen += [plain(far.told), far.transport.is_closing()]
        far.transport.write(b"still here")
        await soon()
        seen.append(plain(near.told))
        far.transport.close()
        await soon()
        seen += [plain(far.told), plain(near.told)]
        server.close()
    return seen


async def both_close_at_once(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    far, near = Line(), Line()
    server = await loop.create_server(lambda: far, "127.0.0.1", 5107)
    transport, _ = await loop.create_connection(lambda: near, "127.0.0.1", 5107)
    await soon()
    transport.close()
    far.transport.close()
    await soon()
    server.close()
    return [plain(near.told), plain(far.told)]


async def reading_paused(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    far = Line()
    server = await loop.create_server(lambda: far, "127.0.0.1", 5108)
    transport, _ = await loop.create_connection(Line, "127.0.0.1", 5108)
    await soon()
    far.transport.pause_reading()
    seen = [far.transport.is_reading(), tried(far.transport.pause_reading)]
    transport.write(b"hello")
    transport.close()
    await soon()
    seen.append(plain(far.told))
    far.transport.resume_reading()
    await soon()
    server.close()
    return [*seen, far.transport.is_reading(), tried(far.transport.resume_reading), plain(far.told)]
