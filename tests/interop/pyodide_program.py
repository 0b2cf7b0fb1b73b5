"""A program of sockets, run from within an event loop: in Pyodide and in here its result must be the same.

`result()` is awaited in a loop that runs already, as in the cell of a notebook or the script of a page.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import signal
import socket
import tempfile
import time
import uuid
from collections.abc import Callable
from typing import Any

from p2plib.errors import Unsupported
from p2plib.sim import Host, Internet, Link

GROUP, PORT = "224.0.0.251", 5353
DATA = bytes(range(256)) * 400


def listener() -> socket.socket:
    """Return a socket that hears what is sent to the group, beside others at the same port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", PORT))
    membership = socket.inet_aton(GROUP) + socket.inet_aton("0.0.0.0")
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    sock.setblocking(False)
    return sock


async def hear(host: Host) -> list[Any]:
    """Wait for a question to the group with two sockets of one port, and answer it from one."""
    loop = asyncio.get_running_loop()
    with listener() as one, listener() as other:
        heard = []
        for sock in (one, other):
            question, asker = await loop.sock_recvfrom(sock, 1000)
            heard.append([question.decode(), *asker])
        await loop.sock_sendto(one, socket.gethostname().encode(), asker)
        return heard


async def ask() -> list[Any]:
    """Ask the group, and take the answers by a reader."""
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        sock.bind(("", 0))
        sock.sendto(b"who is here?", (GROUP, PORT))
        answers: list[Any] = []
        loop.add_reader(sock, lambda: answers.append(sock.recvfrom(1000)))
        await asyncio.sleep(1)
        loop.remove_reader(sock)
        return [[answer.decode(), *address] for answer, address in answers]


async def serve() -> None:
    """Send back what a connection sends, until its end."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("", 80), reuse_port=True) as listening:
        listening.setblocking(False)
        connection, _ = await loop.sock_accept(listening)
        with connection:
            while data := await loop.sock_recv(connection, 65_536):
                await loop.sock_sendall(connection, data)


async def talk() -> list[Any]:
    """Have the server send something back, over a socket of one's own that becomes a stream."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    sock.setblocking(False)
    await loop.sock_connect(sock, ("server", 80))
    reader, writer = await asyncio.open_connection(sock=sock)
    writer.write(DATA)
    writer.write_eof()
    same = await reader.read(-1) == DATA
    writer.close()
    await writer.wait_closed()
    return [same, loop.time()]


def refusal(call: Callable[[], object]) -> str:
    """Return what a call is told that a simulated host does not have."""
    try:
        call()
    except Unsupported as error:
        return str(error)
    return ""


async def told() -> list[Any]:
    """Return what a host is told by modules that ask the machine elsewhere."""
    one, other = socket.socketpair()
    with one, other:
        one.send(b"a pair")
        pair = [int(one.family), other.recv(100).decode()]
    refused = [refusal(lambda: time.sleep(1)), refusal(lambda: socket.socket(socket.AF_UNIX))]
    chance = [random.random(), os.urandom(4).hex(), secrets.token_hex(4), str(uuid.uuid4())]
    names = [socket.gethostname(), socket.if_nameindex(), tempfile.gettempprefix()]
    in_a_thread = await asyncio.to_thread(socket.gethostbyname, "server")
    return [pair, refused, chance, names, in_a_thread, time.time()]


async def until_stopped(heard: list[str]) -> None:
    """Run until SIGTERM, which is heard in both ways that there are."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    signal.signal(signal.SIGINT, lambda number, frame: heard.append(signal.Signals(number).name))
    await stopped.wait()
    heard.append("SIGTERM")


async def main(net: Internet) -> list[Any]:
    """Play all that."""
    home = net.lan("home")
    tv, radio, phone = (net.host(name, lan=home) for name in ("tv", "radio", "phone"))
    server = net.host("server")
    server.start(serve)
    async with asyncio.TaskGroup() as group:
        hearing = [group.create_task(host.run(hear(host))) for host in (tv, radio)]
        await asyncio.sleep(0.1)
        asked = await phone.run(ask())
    signals: list[str] = []
    radio.start(until_stopped, signals)
    await asyncio.sleep(1)
    radio.signal(signal.SIGINT)
    await asyncio.sleep(1)
    await radio.stop()
    return [
        [task.result() for task in hearing],
        asked,
        await phone.run(talk()),
        [await host.run(told()) for host in (tv, server)],
        signals,
    ]


async def result() -> str:
    """Return what came of it as JSON, with the digest of all packets."""
    outer = asyncio.get_running_loop()
    ticks: list[str] = []
    outer.call_soon(ticks.append, "the outer loop")
    net = Internet(seed=11, link=Link(latency=0.04, jitter_s=0.01, loss=0.02))
    seen = net.run(main)
    assert asyncio.get_running_loop() is outer
    assert not ticks, "the outer loop stands still meanwhile"
    await asyncio.sleep(0)
    return json.dumps([seen, ticks, net.trace.digest(), len(net.trace), repr(net.time)])
