"""The transport of a simulated connection: watermarks, callbacks, and protocols that raise."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from typing import Any

import pytest

from p2plib.sim import Host, Internet, current_host
from p2plib.sim.tcp.send import SEND_BUFFER
from p2plib.sim.tcp.states import State
from tests.sim.sockets.conftest import World, on_loopback, simulated
from tests.sim.tcp.recorders import DATA, Recorder, recorders, two


def test_close_sends_what_was_written_first() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, server = await recorders(ana, ben)
        ours.transport.write(DATA)
        ours.transport.close()
        ours.transport.write(b"too late")
        assert ours.transport.is_closing()
        await asyncio.sleep(0)
        assert ("lost", None) not in ours.told
        await asyncio.sleep(10)
        assert theirs.data == DATA
        assert ours.told == ["made", "pause", "resume", ("lost", None)]
        assert theirs.told == ["made", "eof", ("lost", None)]
        server.close()

    two(main)


def test_abort_cuts_the_stream_short_and_is_no_error_at_the_other_end() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, server = await recorders(ana, ben)
        ours.transport.write(DATA)
        ours.transport.abort()
        await asyncio.sleep(10)
        assert theirs.data == DATA[:SEND_BUFFER]  # what the kernel had taken
        assert theirs.told == ["made", "eof", ("lost", None)]
        assert ours.told[-1] == ("lost", None)
        server.close()

    two(main)


@pytest.mark.parametrize("how", ["close", "abort"])
def test_linger_of_zero_resets(how: str) -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, server = await recorders(ana, ben)
        own = ours.transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        getattr(ours.transport, how)()
        await asyncio.sleep(1)
        assert theirs.told == ["made", ("lost", (ConnectionResetError, errno.ECONNRESET))]
        assert (ana.tcp, ben.tcp) == ({}, {})
        server.close()

    two(main)


def test_writing_to_who_has_closed_is_a_reset() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, server = await recorders(ana, ben, (False, True))
        ours.transport.close()
        await asyncio.sleep(1)
        assert theirs.told == ["made", "eof"]
        theirs.transport.write(b"are you there?")
        await asyncio.sleep(1)
        assert ben.tcp == {}
        assert theirs.told == ["made", "eof"]  # after the end nobody waits for bytes, so nobody looks
        theirs.transport.write(b"hello?")
        assert theirs.transport.is_closing()
        await asyncio.sleep(0)
        assert theirs.told[-1] == ("lost", (BrokenPipeError, errno.EPIPE))
        server.close()

    two(main)


@pytest.mark.parametrize("how", ["resume", "write", "close"])
def test_who_does_not_read_hears_of_a_reset_later(how: str) -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, server = await recorders(ana, ben)
        ours.transport.pause_reading()
        theirs.transport.endpoint.abort()
        await asyncio.sleep(1)
        assert ours.told == ["made"]
        if how == "resume":
            ours.transport.resume_reading()
        elif how == "write":
            ours.transport.write(b"x")
        else:
            ours.transport.close()
        await asyncio.sleep(1)
        assert ours.told[1:] == [
            ("lost", None if how == "close" else (ConnectionResetError, errno.ECONNRESET))
        ]
        server.close()

    two(main)


def test_a_protocol_that_crashes_its_own_host_is_told_nothing_more() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, _ = await recorders(ana, ben)
        theirs.data_received = lambda data: ben.crash()  # type: ignore[method-assign]
        ours.transport.write(b"x")
        ours.transport.write_eof()
        began_s = net.time
        await asyncio.sleep(5)
        assert theirs.told == ["made"]
        assert {packet.sender for packet in net.trace.between(began_s, net.time)} == {"ana"}
        ours.transport.abort()
        await asyncio.sleep(2000)

    two(main)


def test_watermarks_pause_and_resume_the_writer() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, server = await recorders(ana, ben)
        transport = ours.transport
        assert transport.get_write_buffer_limits() == (16_384, 65_536)
        transport.set_write_buffer_limits(high=1000)
        assert transport.get_write_buffer_limits() == (250, 1000)
        with pytest.raises(ValueError, match="must be >= low"):
            transport.set_write_buffer_limits(high=1, low=2)
        theirs.transport.pause_reading()
        assert not theirs.transport.is_reading()
        transport.write(DATA * 4)
        assert ours.told == ["made", "pause"]
        assert transport.get_write_buffer_size() == 4 * len(DATA) - SEND_BUFFER
        await asyncio.sleep(60)
        connection = theirs.transport.endpoint.machine
        assert theirs.data == b""
        unread, unsent = connection.unread_bytes, ours.transport.endpoint.unsent
        assert transport.get_write_buffer_size() == 4 * len(DATA) - unread - unsent > 0
        assert ours.told == ["made", "pause"]
        theirs.transport.resume_reading()
        theirs.transport.resume_reading()
        await asyncio.sleep(60)
        assert theirs.data == DATA * 4
        assert ours.told == ["made", "pause", "resume"]
        transport.close()
        server.close()
        await server.wait_closed()

    two(main)


def test_the_writer_is_resumed_when_little_is_left() -> None:
    left: list[int] = []

    class Writer(Recorder):
        def resume_writing(self) -> None:
            left.append(self.transport.get_write_buffer_size())

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        theirs = Recorder()
        with ben:
            server = await loop.create_server(lambda: theirs, port=80)
        with ana:
            transport, _ = await loop.create_connection(Writer, "ben", 80)
        transport.set_write_buffer_limits(high=200_000, low=10_000)
        transport.write(DATA * 4)
        assert transport.get_write_buffer_size() > 200_000
        await asyncio.sleep(60)
        assert len(left) == 1
        assert left[0] <= 10_000
        assert theirs.data == DATA * 4
        transport.close()
        server.close()

    two(main)


def test_what_is_written_is_as_it_was_and_the_end_comes_behind_it() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, server = await recorders(ana, ben, (True, False))
        data = bytearray(DATA)
        ours.transport.write(data)
        ours.transport.write_eof()
        assert ours.transport.get_write_buffer_size() > 0
        data[:] = bytes(len(data))
        await asyncio.sleep(10)
        assert theirs.data == DATA
        assert theirs.told == ["made", "eof", ("lost", None)]
        server.close()
        ours.transport.close()

    two(main)


def test_a_protocol_gets_no_more_at_once_than_asyncio_reads() -> None:
    sizes: list[int] = []

    class Reader(Recorder):
        def data_received(self, data: bytes) -> None:
            sizes.append(len(data))

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop, reader = asyncio.get_running_loop(), Reader()
        with ben:
            server = await loop.create_server(lambda: reader, port=80)
        with ana:
            transport, _ = await loop.create_connection(Recorder, "ben", 80)
        await asyncio.sleep(1)
        for _ in range(12):  # the window grows as it is read
            transport.write(bytes(200_000))
            await asyncio.sleep(1)
        reader.transport.pause_reading()
        sizes.clear()
        transport.write(bytes(500_000))
        await asyncio.sleep(5)
        unread = reader.transport.endpoint.unread
        assert unread > 262_144
        reader.transport.resume_reading()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert sizes[0] == 262_144
        transport.close()
        await asyncio.sleep(5)
        server.close()

    two(main)


@pytest.mark.parametrize("world", [on_loopback, simulated])
@pytest.mark.parametrize("proto", [0, socket.IPPROTO_TCP])
def test_small_segments_do_not_wait_on_a_socket_that_says_it_is_tcp(world: World, proto: int) -> None:
    async def program() -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        with socket.socket(proto=proto) as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, server.sockets[0].getsockname())
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=sock)
            found = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            transport.close()
            await asyncio.sleep(0.01)
        server.close()
        return int(found != 0)

    assert world(program) == (proto == socket.IPPROTO_TCP)


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError, GeneratorExit])
def test_a_protocol_that_raises_loses_its_connection_and_is_told_of(error: type[BaseException]) -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, server = await recorders(ana, ben)

        def broken(data: bytes) -> None:
            raise error

        theirs.data_received = broken  # type: ignore[method-assign]
        ours.transport.write(b"x")
        await asyncio.sleep(1)
        assert theirs.told == ["made", ("lost", (error, None))]
        assert ours.told == ["made", "eof", ("lost", None)]
        server.close()

    net = two(main, strict=False)
    assert len(net.leaks) == 1
    assert "ben: protocol.broken() raised" in net.leaks[0]


def test_callbacks_run_on_their_host_and_may_call_back() -> None:
    class Busy(Recorder):
        def note(self, what: str) -> None:
            self.told.append((what, current_host().name))

        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            self.told.append("made")
            transport.pause_reading()
            transport.write(DATA)
            transport.resume_reading()

        def data_received(self, data: bytes) -> None:
            if not self.data:
                self.note("data")
                self.transport.write(DATA)
            self.data += data
            if len(self.data) == 2 * len(DATA):
                self.transport.pause_reading()
                self.transport.close()

        def pause_writing(self) -> None:
            self.note("pause")
            self.transport.set_write_buffer_limits(high=2 * len(DATA))

        def resume_writing(self) -> None:
            self.note("resume")
            self.transport.write(b"")

        def connection_lost(self, error: Exception | None) -> None:
            self.note(f"lost {error}")
            self.transport.write(b"x")
            self.transport.resume_reading()
            self.transport.close()
            self.transport.abort()

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        theirs = Busy()
        with ben:
            server = await loop.create_server(lambda: theirs, port=80)
        with ana:
            _, ours = await loop.create_connection(Busy, "ben", 80)
        await asyncio.sleep(30)
        for end, name in ((ours, "ana"), (theirs, "ben")):
            assert end.data == DATA * 2
            assert end.told[0] == "made"
            assert [what for what, _ in end.told[1:]] == ["pause", "data", "resume", "lost None"] or [
                what for what, _ in end.told[1:]
            ] == ["pause", "resume", "data", "lost None"]
            assert {host for _, host in end.told[1:]} == {name}
        server.close()
        await server.wait_closed()

    two(main)


def test_what_connection_lost_raises_is_told_of() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, server = await recorders(ana, ben)
        theirs.connection_lost = lambda error: 1 // 0  # type: ignore[method-assign, assignment]
        ours.transport.close()
        await asyncio.sleep(1)
        server.close()
        await server.wait_closed()

    net = two(main, strict=False)
    assert len(net.leaks) == 1
    assert net.leaks[0].startswith("ben: protocol.connection_lost() raised: ZeroDivisionError")


def test_a_factory_that_raises() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        with ben:
            server = await loop.create_server(lambda: [][0], port=80)
        with ana:
            _, ours = await loop.create_connection(Recorder, "ben", 80)
            await asyncio.sleep(1)
            assert ours.told == ["made", ("lost", (ConnectionResetError, errno.ECONNRESET))]
            with pytest.raises(IndexError):
                await loop.create_connection(lambda: [][0], "ben", 80)
        await asyncio.sleep(1)
        assert (ana.tcp, ben.tcp) == ({}, {})
        server.close()

    two(main, strict=False)


def test_a_buffered_protocol() -> None:
    class Buffered(asyncio.BufferedProtocol):
        got, room = b"", bytearray(100)

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.room

        def buffer_updated(self, nbytes: int) -> None:
            self.got += self.room[:nbytes]

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        theirs = Buffered()
        with ben:
            server = await loop.create_server(lambda: theirs, port=80)
        with ana:
            transport, _ = await loop.create_connection(Recorder, "ben", 80)
        transport.writelines([DATA[:500], bytearray(DATA[500:900]), memoryview(DATA)[900:1000]])
        transport.close()
        await asyncio.sleep(1)
        assert theirs.got == DATA[:1000]
        server.close()

    two(main)


def test_a_connection_that_was_left_is_told_with_its_place() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, _, _ = await recorders(ana, ben)
        assert ours.transport.endpoint.machine.state is State.ESTABLISHED

    net = two(main, strict=False)
    assert any(
        "ana left a TCP connection from 198.18.0.1:49152 to 198.18.0.2:80, made by" in s for s in net.leaks
    )
    assert any("ben left a TCP server at port 80, made by recorders" in s for s in net.leaks)


def test_a_protocol_that_raises_when_it_is_told_of_the_connection_or_of_its_buffer_keeps_the_connection() -> (
    None
):
    """asyncio tells of it, too, and goes on."""

    class Clumsy(Recorder):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            raise ZeroDivisionError

        def pause_writing(self) -> None:
            raise ZeroDivisionError

        def resume_writing(self) -> None:
            raise ZeroDivisionError

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        theirs = Recorder()
        with ben:
            server = await loop.create_server(lambda: theirs, port=80)
        with ana:
            transport, _ = await loop.create_connection(Clumsy, "ben", 80)
        transport.write(DATA)
        await asyncio.sleep(10)
        assert theirs.data == DATA
        transport.close()
        server.close()

    net = two(main, strict=False)
    assert [leak.split(" raised")[0] for leak in net.leaks] == [
        "ana: protocol.connection_made()", "ana: protocol.pause_writing()", "ana: protocol.resume_writing()"
    ]  # fmt: skip


def test_a_buffered_protocol_that_pauses_gets_no_more() -> None:
    class Buffered(asyncio.BufferedProtocol):
        got, room = b"", bytearray(100)

        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.room

        def buffer_updated(self, nbytes: int) -> None:
            self.got += self.room[:nbytes]
            self.transport.pause_reading()

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        theirs = Buffered()
        with ben:
            server = await loop.create_server(lambda: theirs, port=80)
        with ana:
            transport, _ = await loop.create_connection(Recorder, "ben", 80)
        transport.write(DATA[:1000])
        await asyncio.sleep(1)
        assert theirs.got == DATA[:100]
        theirs.transport.resume_reading()
        await asyncio.sleep(1)
        assert theirs.got == DATA[:200]
        theirs.transport.abort()
        server.close()

    two(main)
