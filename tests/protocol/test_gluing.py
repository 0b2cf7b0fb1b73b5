"""What the chapter on streams says about real sockets: a late reader glues, and so does Nagle's algorithm."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys

import pytest

from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import TcpListener, connect_tcp

COUNTS = [b"12", b"7", b"30", b"105", b"4", b"26"]
TRIES = 50


def test_what_is_written_in_one_turn_of_the_loop_is_read_in_one_piece() -> None:
    async def main() -> list[bytes]:
        heard: list[bytes] = []

        async def ben(stream: Stream) -> None:
            while data := await stream.read():
                heard.append(data)
            await stream.close_write()

        async with TcpListener(ben) as listener, await connect_tcp(*listener.address) as stream:
            for count in COUNTS:
                await stream.write(count)
            await stream.close_write()
            assert await stream.read() == b""
        return heard

    for _ in range(20):
        assert asyncio.run(main()) == [b"".join(COUNTS)]


def heard_at_once(no_delay: int) -> list[bytes]:
    """Ben tries to read after every write of Ana's, and his kernel acknowledges late."""
    heard = []
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as ana,
    ):
        ana.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, no_delay)
        ben, _ = server.accept()
        with ben:
            for count in COUNTS:
                ben.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
                ana.send(count)
                ben.setblocking(False)
                with contextlib.suppress(BlockingIOError):  # Nagle keeps it back
                    heard.append(ben.recv(1000))
            ana.shutdown(socket.SHUT_WR)
            ben.settimeout(100)
            while data := ben.recv(1000):
                heard.append(data)
    return heard


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be told to acknowledge late")
def test_nagle_glues_what_a_reader_in_time_would_have_told_apart() -> None:
    """A machine that is busy may take longer than the kernel waits, so each gets several tries."""
    assert [b"12", b"730105426"] in (heard_at_once(no_delay=0) for _ in range(TRIES))
    assert COUNTS in (heard_at_once(no_delay=1) for _ in range(TRIES))
