"""TCP streams of simulated hosts: what asyncio promises, and the errors of an operating system."""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from p2plib.errors import Unsupported
from p2plib.sim import Host, Internet, Link
from p2plib.sim.packet import Flag
from p2plib.sim.tcp.endpoint import initial_sequence_number
from p2plib.sim.tcp.streams import _interleaved
from tests.sim.tcp.recorders import DATA, Recorder, recorders, two

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


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


def test_an_early_timer_does_not_wait_for_a_late_one() -> None:
    """After an outage the next time-out lay a minute ahead; once it is over, a loss is repaired in time."""

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
        with ana, pytest.raises(OSError, match="is connected to") as failure:
            await loop.create_connection(Recorder, ben.address, 7000, local_addr=(ana.address, 7000))
        assert failure.value.errno == errno.EADDRNOTAVAIL
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
                loop.create_connection(Recorder, sock=object()),
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


def seconds_for(size: int, link: Link) -> float:
    """How long it takes to send so much, from the connection to the end of the stream."""

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got = 0
            while data := await reader.read(262_144):
                got += len(data)
            writer.close()
            assert got == size

        with ben:
            server = await asyncio.start_server(take, port=80)
        with ana:
            reader, writer = await asyncio.open_connection("ben", 80)
        began_s = net.time
        writer.write(bytes(size))
        writer.write_eof()
        assert await reader.read() == b""
        took.append(net.time - began_s)
        writer.close()
        server.close()

    took: list[float] = []
    two(main, link)
    return took[0]


def test_the_windows_grow_as_far_as_a_long_way_needs() -> None:
    """262,144 bytes each 40 ms would be 6.5 MB/s."""
    assert seconds_for(20_000_000, Link(latency=0.02)) < 20e6 / 25e6
    assert seconds_for(20_000_000, Link(latency=0.0005)) < 20e6 / 250e6


def test_jitter_costs_a_connection_little() -> None:
    with_jitter_s = seconds_for(3_000_000, Link(latency=0.02, jitter_s=0.005))
    assert with_jitter_s < 2 * seconds_for(3_000_000, Link(latency=0.02))


@pytest.mark.parametrize("latency_s", [0.005, 0.02, 0.05])
def test_a_bottleneck_is_used_and_its_queue_not_flooded(latency_s: float) -> None:
    link = Link(latency=latency_s, bytes_per_s=5e6, queue_bytes=256 * 1024)
    assert seconds_for(20_000_000, link) < 20e6 / 5e6 / 0.8


def test_a_machine_without_power_is_not_warned_of_what_it_had_open() -> None:
    async def visit() -> None:
        _reader, _writer = await asyncio.open_connection("ben", 80)
        await asyncio.sleep(3600)

    async def main(net: Internet) -> None:
        ana, ben = net.host("ana"), net.host("ben")
        with ben:
            server = await asyncio.start_server(lambda reader, writer: writer.close(), port=80)
        ana.start(visit)
        await asyncio.sleep(1)
        ana.crash()
        server.close()

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", ResourceWarning)
        net = Internet(1, strict=False)
        net.run(main)
        del net
        gc.collect()
    assert not [str(warning.message) for warning in seen if "unclosed" in str(warning.message)]


def test_a_local_address_may_be_a_name() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        with ben:
            server = await loop.create_server(Recorder, port=80)
        with ana:
            transport, _ = await loop.create_connection(Recorder, "ben", 80, local_addr=("ana", 5000))
            with pytest.raises(OSError, match="Invalid argument"):  # the loopback's, as with asyncio
                await loop.create_connection(Recorder, "198.18.0.2", 80, local_addr=(None, 0))
        assert transport.get_extra_info("sockname") == ("198.18.0.1", 5000)
        transport.close()
        server.close()

    two(main)


def test_a_factory_that_raises_leaves_the_programs_own_socket_to_the_program() -> None:
    def factory() -> asyncio.Protocol:
        raise ValueError("no protocol today")

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        with ben:
            server = await loop.create_server(Recorder, port=80)
        with ana, socket.socket() as own:
            own.setblocking(False)
            await loop.sock_connect(own, (ben.address, 80))
            with pytest.raises(ValueError, match="no protocol today"):
                await loop.create_connection(factory, sock=own)
            await loop.sock_sendall(own, b"still here")
            with pytest.raises(ValueError, match="no protocol today"):
                await loop.create_connection(factory, ben.address, 80)
            assert [end.is_open for end in ana.tcp.values()] == [True]
        await asyncio.sleep(1)
        server.close()

    two(main)


def test_families_alternate_as_in_asyncio() -> None:
    fours, sixes = [(f"10.0.0.{n}", 1) for n in range(4)], [(f"2001:db8::{n}", 1) for n in range(3)]
    for found in (fours + sixes, sixes + fours, fours, fours[:1] + sixes, [*sixes[:1], *fours, *sixes[1:]]):
        infos = [(socket.AF_INET6 if ":" in at[0] else socket.AF_INET, 1, 6, "", at) for at in found]
        for first in (1, 2, 3, 9):
            wanted = asyncio.base_events._interleave_addrinfos(infos, first)  # type: ignore[attr-defined]
            assert _interleaved(found, first) == [info[4] for info in wanted]


def test_a_server_at_several_addresses_has_one_port_or_none_of_them() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        with ana:
            server = await loop.create_server(Recorder, ["127.0.0.1", ana.address], 0)
            first, second = (sock.getsockname()[1] for sock in server.sockets)
            assert first == second
            with pytest.raises(OSError, match="in use"):
                await loop.create_server(Recorder, ["127.0.0.2", ana.address], first)
            (await loop.create_server(Recorder, "127.0.0.2", first)).close()
            server.close()

    two(main)
