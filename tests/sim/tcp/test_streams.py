"""TCP streams of simulated hosts: what asyncio promises, and the errors of an operating system."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from p2plib.errors import Unsupported
from p2plib.sim import Host, Internet, Link, current_host
from p2plib.sim.packet import Flag
from p2plib.sim.tcp.states import State
from p2plib.sim.tcp.streams import initial_sequence_number

DATA = bytes(range(251)) * 1000
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Recorder(asyncio.Protocol):
    """Notes everything that it is told."""

    def __init__(self, keep_open: bool = False) -> None:
        self.told: list[Any] = []
        self.keep_open = keep_open
        self.data = b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        assert self.told[0] == "made"
        self.data += data

    def eof_received(self) -> bool:
        self.told.append("eof")
        return self.keep_open

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, error: Exception | None) -> None:
        self.told.append(("lost", error if error is None else (type(error), getattr(error, "errno", None))))


def two(
    main: Callable[[Internet, Host, Host], Awaitable[Any]],
    link: Link | None = None,
    **named: Any,
) -> Internet:
    """Runs *main*(net, ana, ben), hosts 50 ms apart."""
    net = Internet(seed=1, link=link or Link(latency=0.05), **named)

    async def run(net: Internet) -> Any:
        return await main(net, net.host("ana"), net.host("ben"))

    net.run(run)
    return net


async def recorders(
    ana: Host, ben: Host, keep_open: tuple[bool, bool] = (False, False)
) -> tuple[Recorder, Recorder, Any]:
    """A connection from ana to ben at port 80, with a recorder at each end; and the server."""
    loop = asyncio.get_running_loop()
    theirs = Recorder(keep_open[1])
    with ben:
        server = await loop.create_server(lambda: theirs, port=80)
    with ana:
        _, ours = await loop.create_connection(lambda: Recorder(keep_open[0]), "ben", 80)
    await asyncio.sleep(0.2)
    assert ours.told == theirs.told == ["made"]
    return ours, theirs, server


def test_open_connection_and_start_server_as_ever() -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data.upper())
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def serve() -> None:
        async with await asyncio.start_server(shout, port=80) as server:
            await server.serve_forever()

    async def ask(net: Internet) -> None:
        reader, writer = await asyncio.open_connection("ben", 80)
        assert net.time == pytest.approx(0.02 + 0.1)  # the name, then one round trip
        assert writer.get_extra_info("peername") == ("198.18.0.2", 80)
        assert writer.get_extra_info("sockname") == ("198.18.0.1", 49152)
        assert writer.get_extra_info("socket").getpeername() == ("198.18.0.2", 80)
        writer.write(b"abc" * 50_000)
        writer.write_eof()
        assert await reader.read() == b"ABC" * 50_000
        writer.close()
        await writer.wait_closed()

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ben.start(serve)
        await ana.run(ask(net))

    net = two(main)
    handshake = [packet.segment for packet in net.trace][:3]
    assert [segment and segment.flags for segment in handshake] == [
        Flag.SYN,
        Flag.SYN | Flag.ACK,
        Flag.ACK,
    ]


@pytest.mark.parametrize("loss", [0.02, 0.2])
def test_bytes_arrive_whole_over_a_bad_link(loss: float) -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, server = await recorders(ana, ben)
        ours.transport.write(DATA)
        theirs.transport.write(DATA[::-1])
        ours.transport.write_eof()
        while ("lost", None) not in ours.told:
            await asyncio.sleep(1)
        assert (ours.data, theirs.data) == (DATA[::-1], DATA)
        assert theirs.told[:2] == ["made", "pause"]
        server.close()
        await server.wait_closed()
        await asyncio.sleep(120)

    link = Link(latency=0.05, jitter_s=0.02, loss=loss, duplicate=0.1, reorder=0.1, corrupt=0.02)
    two(main, link)


def test_refused_unanswered_and_unknown() -> None:
    async def fails(host: Any, port: int) -> OSError:
        with pytest.raises(OSError) as failure:  # noqa: PT011
            await asyncio.get_running_loop().create_connection(Recorder, host, port)
        return failure.value

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        with ana:
            refused = await fails("198.18.0.2", 81)
            assert type(refused) is ConnectionRefusedError
            assert refused.errno == errno.ECONNREFUSED
            assert str(refused) == "[Errno 111] Connect call failed ('198.18.0.2', 81)"
            assert net.time == pytest.approx(0.1)
            ben.crash()
            began_s = net.time
            silent = await fails("198.18.0.2", 80)
            assert type(silent) is TimeoutError
            assert silent.errno == errno.ETIMEDOUT
            assert net.time == pytest.approx(began_s + 127)
            assert isinstance(await fails("nobody", 80), socket.gaierror)
            assert (await fails("2001:db8::1", 80)).errno == errno.ENETUNREACH

    two(main)


def test_a_cancelled_attempt_leaves_nothing() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ben.crash()
        with ana:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.open_connection("198.18.0.2", 80), 5)
            assert ana.tcp == {}

    two(main)


def test_port_in_use_and_free_ports() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        with ana:
            first = await loop.create_server(Recorder, port=80)
            with pytest.raises(OSError, match="Address already in use") as failure:
                await loop.create_server(Recorder, "198.18.0.1", 80)
            assert failure.value.errno == errno.EADDRINUSE
            with pytest.raises(OSError, match="not ana's") as failure:
                await loop.create_server(Recorder, "198.18.0.2", 81)
            assert failure.value.errno == errno.EADDRNOTAVAIL
            free = await loop.create_server(Recorder, "127.0.0.1", 0)
            port = free.sockets[0].getsockname()[1]
            assert port >= 49152
            _, ours = await loop.create_connection(Recorder, "localhost", port)
            assert ours.transport.get_extra_info("sockname")[0] == "127.0.0.1"
            ours.transport.close()
            with pytest.raises(ConnectionRefusedError):
                await loop.create_connection(Recorder, "198.18.0.1", port)  # it listens at 127.0.0.1 only
            first.close()
            again = await loop.create_server(Recorder, port=80)
            for server in (free, again):
                server.close()
                await server.wait_closed()

    two(main)


@pytest.mark.parametrize("keep_open", [False, True])
def test_half_close(keep_open: bool) -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, server = await recorders(ana, ben, (True, keep_open))
        ours.transport.write(b"question")
        ours.transport.write_eof()
        ours.transport.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            ours.transport.write(b"more")
        await asyncio.sleep(1)
        assert theirs.data == b"question"
        if keep_open:
            assert theirs.told == ["made", "eof"]
            theirs.transport.write(b"answer")
            theirs.transport.close()
            await asyncio.sleep(1)
            assert ours.data == b"answer"
        assert theirs.told == ["made", "eof", ("lost", None)]
        assert ours.told == ["made", "eof"]
        ours.transport.close()
        await asyncio.sleep(0)
        assert ours.told[-1] == ("lost", None)
        server.close()
        await server.wait_closed()

    two(main)


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
        assert theirs.data == DATA[:14_600]  # the first window
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
        theirs.transport.reset()
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


def test_a_restarted_machine_knows_no_old_connection() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, _ = await recorders(ana, ben)
        ben.crash()
        await asyncio.sleep(1)
        ben.restart()
        ours.transport.write(b"still there?")
        await asyncio.sleep(1)
        assert ours.told == ["made", ("lost", (ConnectionResetError, errno.ECONNRESET))]
        assert theirs.told == ["made"]
        assert theirs.data == b""

    two(main)


def test_a_crashed_machine_times_the_other_end_out() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, _, _ = await recorders(ana, ben)
        ben.crash()
        ours.transport.write(b"anybody?")
        await asyncio.sleep(1200)
        assert ours.told == ["made", ("lost", (TimeoutError, errno.ETIMEDOUT))]

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


def test_an_early_timer_does_not_wait_for_a_late_one() -> None:
    """After an outage the next time-out lay a minute ahead; once it is over, a loss is mended in its time."""

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, server = await recorders(ana, ben)
        cut = net.cut([ana], [ben])
        ours.transport.write(b"one")
        await asyncio.sleep(60)
        cut.heal()
        while theirs.data != b"one":
            await asyncio.sleep(0.1)
        ours.transport.write(b" two")
        await asyncio.sleep(1)
        cut = net.cut([ana], [ben])
        ours.transport.write(b" three")
        await asyncio.sleep(0.1)
        cut.heal()
        await asyncio.sleep(1)
        assert theirs.data == b"one two three"
        ours.transport.close()
        server.close()
        await server.wait_closed()

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
        transport.write(DATA * 2)
        assert ours.told == ["made", "pause"]
        await asyncio.sleep(60)
        connection = theirs.transport.connection
        assert theirs.data == b""
        assert connection.unread_bytes == 262_144
        assert transport.get_write_buffer_size() == 2 * len(DATA) - 262_144
        assert ours.told == ["made", "pause"]
        theirs.transport.resume_reading()
        theirs.transport.resume_reading()
        await asyncio.sleep(60)
        assert theirs.data == DATA * 2
        assert ours.told == ["made", "pause", "resume"]
        transport.close()
        server.close()
        await server.wait_closed()

    two(main)


def test_a_protocol_that_raises_loses_its_connection_and_is_told_of() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, server = await recorders(ana, ben)

        def broken(data: bytes) -> None:
            raise ZeroDivisionError

        theirs.data_received = broken  # type: ignore[method-assign]
        ours.transport.write(b"x")
        await asyncio.sleep(1)
        assert theirs.told == ["made", ("lost", (ZeroDivisionError, None))]
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


def test_a_server_and_its_end() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        kept: list[Recorder] = []

        def factory() -> Recorder:
            kept.append(Recorder())
            return kept[-1]

        with ben:
            server = await loop.create_server(factory, port=80, start_serving=False)
        with ana:
            assert not server.is_serving()
            with pytest.raises(ConnectionRefusedError):
                await loop.create_connection(Recorder, "ben", 80)
            await server.start_serving()
            assert server.is_serving()
            assert [s.getsockname() for s in server.sockets] == [("0.0.0.0", 80), ("::", 80, 0, 0)]
            clients = [(await loop.create_connection(Recorder, "ben", 80))[1] for _ in range(3)]
        await asyncio.sleep(1)
        server.close()
        assert (server.sockets, server.is_serving()) == ((), False)
        waiting = asyncio.ensure_future(server.wait_closed())
        await asyncio.sleep(1)
        assert not waiting.done()
        kept[0].transport.close()
        server.close_clients()
        await waiting
        await asyncio.sleep(1)
        assert [client.told for client in clients] == [["made", "eof", ("lost", None)]] * 3
        with ana, pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Recorder, "ben", 80)
        with pytest.raises(RuntimeError, match="is closed"):
            await server.start_serving()

    two(main)


def test_serve_forever_ends_when_it_is_cancelled_or_closed() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        for how in ("cancel", "close"):
            with ben:
                server = await loop.create_server(Recorder, port=80)
            task = asyncio.ensure_future(server.serve_forever())
            await asyncio.sleep(1)
            with pytest.raises(RuntimeError, match="already being awaited"):
                await server.serve_forever()
            task.cancel() if how == "cancel" else server.close()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not server.is_serving()
            assert ben.listening == {}

    two(main)


def test_a_handshake_under_way_is_reset_when_the_server_closes() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        with ben:
            server = await loop.create_server(Recorder, port=80)
        with ana:
            attempt = asyncio.ensure_future(loop.create_connection(Recorder, "198.18.0.2", 80))
        await asyncio.sleep(0.06)  # the SYN has arrived, its answer is under way
        server.close()
        await server.wait_closed()
        _, ours = await attempt
        await asyncio.sleep(1)
        assert ours.told == ["made", ("lost", (ConnectionResetError, errno.ECONNRESET))]

    two(main)


def test_simultaneous_open_of_two_hosts() -> None:
    """TCP hole punching: both dial each other from the ports that they dial."""

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        dials = []
        for here, there in ((ana, ben), (ben, ana)):
            with here:
                dial = loop.create_connection(Recorder, there.address, 7000, local_addr=(here.address, 7000))
                dials.append(asyncio.ensure_future(dial))
        (_, ours), (_, theirs) = await asyncio.gather(*dials)
        ours.transport.write(b"through")
        await asyncio.sleep(1)
        assert theirs.data == b"through"
        with ana, pytest.raises(OSError, match="in use") as failure:
            await loop.create_connection(Recorder, ben.address, 7000, local_addr=(ana.address, 7000))
        assert failure.value.errno == errno.EADDRINUSE
        ours.transport.close()

    two(main)


def test_happy_eyeballs_does_not_wait_for_the_silent_address() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        dora, silent = net.host("dora", ipv6=True), net.host("silent")
        net.name("service", silent, ben)
        silent.crash()
        with ben:
            server = await loop.create_server(Recorder, port=80)
        with dora:
            began_s = net.time
            transport, _ = await loop.create_connection(Recorder, "service", 80, happy_eyeballs_delay=0.25)
            assert net.time - began_s == pytest.approx(0.02 + 0.25 + 0.1)
            assert transport.get_extra_info("peername") == (ben.address, 80)
            transport.close()
            began_s = net.time
            transport, _ = await loop.create_connection(Recorder, "service", 80)
            assert net.time - began_s == pytest.approx(0.02 + 127 + 0.1)
            transport.close()
            with pytest.raises(ExceptionGroup) as group:
                await loop.create_connection(Recorder, "service", 81, all_errors=True)
            assert [type(each) for each in group.value.exceptions] == [TimeoutError, ConnectionRefusedError]
            with pytest.raises(OSError, match="Multiple exceptions: "):
                await loop.create_connection(Recorder, "service", 81)
        server.close()

    two(main)


def test_what_is_not_simulated_says_so() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        with ana:
            for call in (
                loop.create_connection(Recorder, "ben", 80, ssl=True),
                loop.create_connection(Recorder, sock=object()),
                loop.create_server(Recorder, port=80, ssl=object()),
                loop.create_server(Recorder, sock=object()),
            ):
                with pytest.raises(Unsupported):
                    await call
            with pytest.raises(ValueError, match="host and port"):
                await loop.create_connection(Recorder)

    two(main)


def test_the_same_seed_the_same_segments() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, _, server = await recorders(ana, ben)
        ours.transport.write(DATA)
        ours.transport.close()
        await asyncio.sleep(30)
        server.close()

    link = Link(latency=0.05, jitter_s=0.01, loss=0.05)
    assert len({two(main, link).trace.digest() for _ in range(2)}) == 1


def test_initial_sequence_numbers_differ_by_addresses_and_time() -> None:
    net = Internet(seed=1)
    ana = net.host("ana")
    local, remote = (ana.address, 1000), ("198.18.0.9", 80)
    first = initial_sequence_number(ana, local, remote)
    assert first != initial_sequence_number(ana, local, ("198.18.0.9", 81))
    assert first == initial_sequence_number(ana, local, remote)
    net.loop.now = 1.0
    assert (initial_sequence_number(ana, local, remote) - first) % 2**32 == 250_000


def test_a_connection_that_was_left_is_told_with_its_place() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, _, _ = await recorders(ana, ben)
        assert ours.transport.connection.state is State.ESTABLISHED

    net = two(main, strict=False)
    assert any(
        "ana left a TCP connection from 198.18.0.1:49152 to 198.18.0.2:80, made by" in s for s in net.leaks
    )
    assert any("ben left a TCP server at port 80, made by recorders" in s for s in net.leaks)
