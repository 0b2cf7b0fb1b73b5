"""add_reader and add_writer: when a callback runs, and when it does not."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tests.sim.like_real.machines import Machine
from tests.sim.like_real.words import Ear, joined, soon, tcp, tried, udp


async def a_datagram_comes(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with udp("127.0.0.1", 5000) as ear, udp() as mouth:
        got: list[Any] = []
        loop.add_reader(ear, lambda: got.append(tried(ear.recv, 10)))
        await soon()
        seen: list[Any] = [[*got]]
        for text in (b"one", b"two"):
            mouth.sendto(text, ("127.0.0.1", 5000))
        await soon()
        removed = loop.remove_reader(ear)
        mouth.sendto(b"three", ("127.0.0.1", 5000))
        await soon()
        return [*seen, got, removed, loop.remove_reader(ear)]


async def as_long_as_something_is_unread(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with udp("127.0.0.1", 5000) as ear, udp() as mouth:
        mouth.sendto(b"unread", ("127.0.0.1", 5000))
        await soon()
        calls = 0
        done = loop.create_future()

        def called() -> None:
            nonlocal calls
            calls += 1
            if calls == 5:
                ear.recv(10)
                done.set_result(None)

        loop.add_reader(ear, called)
        await done
        await soon()
        loop.remove_reader(ear)
        return [calls]


async def arguments_and_replacement(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with udp("127.0.0.1", 5000) as ear, udp() as mouth:
        got: list[Any] = []

        def called(name: str) -> None:
            got.append([name, tried(ear.recv, 10)])

        loop.add_reader(ear, called, "first")
        loop.add_reader(ear.fileno(), called, "second")
        mouth.sendto(b"x", ("127.0.0.1", 5000))
        await soon()
        return [got, loop.remove_reader(ear.fileno()), loop.remove_reader(ear)]


async def a_writer_runs_at_once(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with udp() as one:
        done = loop.create_future()

        def called() -> None:
            loop.remove_writer(one)
            done.set_result("writable")

        loop.add_writer(one, called)
        return [await done, loop.remove_writer(one)]


async def the_other_end_closes(here: Machine, there: Machine) -> list[Any]:
    return await _read_as_the_other_end_closes(there, 5150)


async def the_other_end_resets(here: Machine, there: Machine) -> list[Any]:
    return await _read_as_the_other_end_closes(there, 5151, linger=b"\1\0\0\0\0\0\0\0")


async def _read_as_the_other_end_closes(there: Machine, port: int, linger: bytes = bytes(8)) -> list[Any]:
    loop = asyncio.get_running_loop()
    listening, client, server = await joined((there.ip, port), at=there)
    with listening, client, server:
        done = loop.create_future()

        def called() -> None:
            loop.remove_reader(client)
            done.set_result(tried(client.recv, 10))

        loop.add_reader(client, called)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        server.close()
        return [await done]


async def a_connection_is_made(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with there:
        listening = tcp(there.ip, 5152)
        listening.listen()
    seen: list[Any] = []
    for port in (5152, 5009):
        with tcp() as client:
            tried(client.connect, (there.ip, port))
            done = loop.create_future()

            def called(client: Any, done: Any) -> None:
                loop.remove_writer(client)
                done.set_result(client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

            loop.add_writer(client, called, client, done)
            seen.append(await done)
    listening.close()
    return seen


async def a_connection_waits_to_be_accepted(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with tcp("127.0.0.1", 5153) as listening, tcp() as client:
        listening.listen()
        got: list[Any] = []

        def called() -> None:
            server, _ = listening.accept()
            server.close()
            got.append("accepted")

        loop.add_reader(listening, called)
        await loop.sock_connect(client, ("127.0.0.1", 5153))
        await soon()
        return [got, loop.remove_reader(listening)]


async def a_refusal_wakes_the_reader(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with udp() as one:
        done = loop.create_future()

        def called() -> None:
            loop.remove_reader(one)
            done.set_result(tried(one.recv, 10))

        loop.add_reader(one, called)
        one.connect(("127.0.0.1", 5009))
        one.send(b"x")
        return [await done]


async def a_full_buffer_and_the_writer(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    listening, client, server = await joined((there.ip, 5154), at=there)
    with listening, client, server:
        for _ in range(10):  # the other end's buffer fills too
            while tried(client.send, bytes(200_000)) != "BlockingIOError EAGAIN":
                pass
            await soon()
        told: list[str] = []

        def called() -> None:
            loop.remove_writer(client)
            told.append("writable")

        loop.add_writer(client, called)
        await soon()
        seen: list[Any] = [[*told]]
        for _ in range(300):
            if tried(server.recv, 1_000_000) == "BlockingIOError EAGAIN":
                await asyncio.sleep(0.001)
            if told:
                break
        loop.remove_writer(client)
        return [*seen, told]


async def sockets_of_transports(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 5000))
    number = transport.get_extra_info("socket").fileno()
    seen = [
        tried(loop.add_reader, number, print),
        tried(loop.remove_reader, number),
        tried(loop.add_writer, number, print),
    ]
    transport.close()
    return seen


async def what_is_no_socket(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    closed = udp()
    closed.close()
    return [tried(loop.add_reader, what, print) for what in (closed, -1, "text", None)]


async def never_registered(here: Machine, there: Machine) -> list[Any]:
    loop = asyncio.get_running_loop()
    with udp() as one:
        return [loop.remove_reader(one), loop.remove_writer(one), tried(loop.remove_reader, -1)]
