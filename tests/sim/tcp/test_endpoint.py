"""The kernel's half of a TCP connection, without asyncio's: what a socket would be told."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest

from p2plib.sim import Host, Internet, Link
from p2plib.sim.tcp.endpoint import TcpEndpoint
from p2plib.sim.tcp.listener import TcpListener
from p2plib.sim.tcp.send import SEND_BUFFER
from tests.sim.tcp.recorders import DATA, two

Pair = Callable[[TcpEndpoint, TcpEndpoint], Awaitable[None]]


def endpoints(story: Pair, link: Link | None = None) -> None:
    """Plays a story between two connected endpoints, of ana and ben."""

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        listener = TcpListener(ben.incarnation, ("0.0.0.0", 80))
        listener.listen()
        ours = TcpEndpoint(ana.incarnation)
        ours.connect((ben.address, 80))
        await asyncio.sleep(1)
        theirs = listener.accept()
        assert theirs is not None
        listener.close()
        await story(ours, theirs)
        ours.close()
        theirs.close()

    two(main, link)


def test_an_endpoint_is_what_a_non_blocking_socket_is() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        listener = TcpListener(ben.incarnation, ("0.0.0.0", 80))
        listener.listen()
        end = TcpEndpoint(ana.incarnation)
        told: list[float] = []
        end.on_ready = lambda: told.append(round(net.time, 6))
        assert (end.readable, end.writable, end.at_eof) == (False, True, False)  # Linux: POLLOUT and POLLHUP
        with pytest.raises(OSError) as failure:  # noqa: PT011
            end.read(10)
        assert failure.value.errno == errno.ENOTCONN
        with pytest.raises(BrokenPipeError):
            end.write(b"x")
        end.connect((ben.address, 80))
        assert (end.local, end.remote) == ((ana.address, 49152), (ben.address, 80))
        assert (end.readable, end.writable, end.write(b"x")) == (False, False, 0)
        with pytest.raises(OSError) as failure:  # noqa: PT011
            end.connect((ben.address, 80))
        assert failure.value.errno == errno.EALREADY
        await asyncio.sleep(1)
        assert told == [0.1]
        assert (end.readable, end.writable, end.read(10)) == (False, True, b"")
        with pytest.raises(OSError) as failure:  # noqa: PT011
            end.connect((ben.address, 80))
        assert failure.value.errno == errno.EISCONN
        theirs = listener.accept()
        assert theirs is not None
        assert theirs.write(b"hello, ana") == 10
        await asyncio.sleep(1)
        assert told == [0.1, 1.05]
        assert (end.readable, end.unread, end.read(5), end.read(50)) == (True, 10, b"hello", b", ana")
        assert not end.readable
        theirs.close()
        await asyncio.sleep(1)
        assert (end.readable, end.at_eof, end.read(5)) == (True, True, b"")
        end.close()
        listener.close()

    two(main)


def test_a_connection_that_is_refused() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        end = TcpEndpoint(ana.incarnation)
        end.connect((ben.address, 80))
        await asyncio.sleep(1)
        assert (end.readable, end.writable) == (True, True)
        error = end.take_error()
        assert type(error) is ConnectionRefusedError
        assert end.take_error() is None
        assert ana.tcp == {}
        end.close()

    two(main)


def test_the_send_buffer_takes_what_it_has_room_for() -> None:
    async def story(ours: TcpEndpoint, theirs: TcpEndpoint) -> None:
        assert ours.write(DATA) == SEND_BUFFER
        assert (ours.write(DATA), ours.writable, ours.unsent) == (0, False, SEND_BUFFER)
        told: list[tuple[int, int]] = []
        ours.on_ready = lambda: told.append((ours.unsent, ours.machine.sender.room))
        await asyncio.sleep(10)
        ((unsent, room),) = told  # once is enough,
        assert 2 * room >= unsent > 0  # when a third of the buffer has room
        assert theirs.unread == SEND_BUFFER
        assert ours.write(DATA[SEND_BUFFER:]) > SEND_BUFFER  # it has grown with the window

    endpoints(story)


def test_what_comes_at_one_instant_is_told_of_once_and_read_at_once() -> None:
    async def story(ours: TcpEndpoint, theirs: TcpEndpoint) -> None:
        told: list[int] = []
        theirs.on_ready = lambda: told.append(len(theirs.read(1_000_000)))
        ours.write(bytes(14_600))
        await asyncio.sleep(0.06)
        assert told == [14_600]

    endpoints(story)


def test_a_send_buffer_of_a_size() -> None:
    async def story(ours: TcpEndpoint, theirs: TcpEndpoint) -> None:
        ours.set_option(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
        for _ in range(3):
            assert ours.write(DATA) == 10_000
            await asyncio.sleep(1)
        assert theirs.read(100_000) == DATA[:10_000] * 3

    endpoints(story)


def test_what_the_kernel_took_is_sent_although_nobody_holds_it_any_more() -> None:
    async def story(ours: TcpEndpoint, theirs: TcpEndpoint) -> None:
        ours.write(DATA)
        ours.close()
        await asyncio.sleep(10)
        assert theirs.read(len(DATA)) == DATA[:SEND_BUFFER]
        assert theirs.at_eof

    endpoints(story)


@pytest.mark.parametrize("when", ["before", "after"])
def test_bytes_that_nobody_reads_destroy_what_is_under_way(when: str) -> None:
    """Linux: close() with unread bytes, and bytes that come after it, drop the send queue and send a RST."""

    async def story(ours: TcpEndpoint, theirs: TcpEndpoint) -> None:
        if when == "before":
            theirs.write(b"hello")
            await asyncio.sleep(1)
        taken = ours.write(DATA)
        ours.close()
        if when == "after":
            theirs.write(b"hello")
        got, error = b"", None
        while error is None and not theirs.at_eof:
            await asyncio.sleep(0.01)
            if theirs.unread:
                got += theirs.read(100_000)
            else:
                error = theirs.take_error()
        assert type(error) is ConnectionResetError
        assert len(got) < taken
        assert DATA.startswith(got)

    endpoints(story)


def test_a_reset_is_told_behind_the_bytes_and_once() -> None:
    async def story(ours: TcpEndpoint, theirs: TcpEndpoint) -> None:
        theirs.write(b"last words")
        await asyncio.sleep(1)
        theirs.set_option(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        await asyncio.sleep(1)
        assert ours.read(100) == b"last words"
        assert (ours.readable, ours.at_eof) == (True, False)
        with pytest.raises(ConnectionResetError):
            ours.read(100)
        assert (ours.readable, ours.read(100), ours.at_eof) == (True, b"", True)
        with pytest.raises(OSError) as failure:  # noqa: PT011
            ours.shutdown_write()
        assert failure.value.errno == errno.ENOTCONN
        with pytest.raises(BrokenPipeError):
            ours.write(b"x")

    endpoints(story)


def test_a_close_that_may_linger_ends_in_order_and_one_that_may_not_cuts() -> None:
    for time_s, expected in ((5, type(None)), (0, ConnectionResetError)):

        async def story(
            ours: TcpEndpoint, theirs: TcpEndpoint, time_s: int = time_s, expected: type = expected
        ) -> None:
            theirs.set_option(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, time_s))
            theirs.close()
            await asyncio.sleep(1)
            assert type(ours.take_error()) is expected

        endpoints(story)


def test_what_is_sent_to_an_end_that_was_closed_breaks_the_pipe() -> None:
    async def story(ours: TcpEndpoint, theirs: TcpEndpoint) -> None:
        theirs.close()
        await asyncio.sleep(1)
        assert (ours.read(1), ours.at_eof, ours.write(b"x")) == (b"", True, 1)
        await asyncio.sleep(1)
        assert type(ours.take_error()) is BrokenPipeError

    endpoints(story)


def test_half_a_connection() -> None:
    async def story(ours: TcpEndpoint, theirs: TcpEndpoint) -> None:
        ours.write(b"question")
        ours.shutdown_write()
        with pytest.raises(BrokenPipeError):
            ours.write(b"more")
        await asyncio.sleep(1)
        assert (theirs.read(100), theirs.at_eof) == (b"question", True)
        theirs.write(b"answer")
        await asyncio.sleep(1)
        assert ours.read(100) == b"answer"
        assert not ours.at_eof

    endpoints(story)
