"""TCP of a host as a whole."""

from __future__ import annotations

import asyncio
import errno

import pytest

from p2plib.sim import Host, Internet
from p2plib.sim.packet import Flag, Segment
from p2plib.sim.tcp.listener import TcpListener
from p2plib.sim.tcp.stack import close_everything, receive_segment
from p2plib.sim.tcp.states import State
from tests.sim.tcp.recorders import recorders, two


def flags(net: Internet, sender: str, since_s: float) -> list[Flag]:
    packets = [packet for packet in net.trace.between(since_s, net.time) if packet.sender == sender]
    return [packet.segment.flags for packet in packets if packet.segment is not None]


def test_a_process_that_exits_sends_a_fin_and_hears_of_it() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, server = await recorders(ana, ben)
        began_s = net.time
        waiting = asyncio.ensure_future(server.wait_closed())
        close_everything(ben)
        await waiting
        await asyncio.sleep(1)
        assert flags(net, "ben", began_s) == [Flag.FIN | Flag.ACK, Flag.ACK]
        assert ours.told == ["made", "eof", ("lost", None)]
        assert theirs.told == ["made", ("lost", None)]
        assert not server.is_serving()
        assert ben.ports.listener((ben.address, 80), (ana.address, 1)) is None
        close_everything(ben)

    two(main)


def test_with_unread_bytes_it_is_a_reset() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, _ = await recorders(ana, ben)
        theirs.transport.pause_reading()
        ours.transport.write(b"unread")
        await asyncio.sleep(1)
        began_s = net.time
        close_everything(ben)
        await asyncio.sleep(1)
        assert flags(net, "ben", began_s) == [Flag.RST]
        assert ours.told == ["made", ("lost", (ConnectionResetError, errno.ECONNRESET))]
        assert ben.tcp == {}

    two(main)


def test_a_syn_begins_a_new_connection_in_place_of_one_that_waits_out_its_end() -> None:
    """As on Linux: a client that binds its own port comes back at once to a server that closed first."""

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        async def bye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        async def visit() -> bytes:
            reader, writer = await asyncio.open_connection("ben", 80, local_addr=(ana.address, 5000))
            said = await reader.read()
            writer.close()
            return said

        with ben:
            server = await asyncio.start_server(bye, port=80)
        for _ in range(3):
            began_s = net.time
            assert await ana.run(visit()) == b""
            assert net.time < began_s + 0.5
            await asyncio.sleep(0.2)
            assert [end.machine.state for end in ben.tcp.values()] == [State.TIME_WAIT]
        server.close()
        with pytest.raises(ConnectionRefusedError):
            await ana.run(visit())

    two(main)


def test_a_new_connection_waits_until_no_old_byte_can_be_taken_for_one_of_its_own() -> None:
    """Numbers grow with the clock, 250,000 a second, and the server has sent more."""

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        async def many(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(bytes(1_000_000))
            writer.close()

        async def visit() -> int:
            reader, writer = await asyncio.open_connection("ben", 80, local_addr=(ana.address, 5000))
            size = len(await reader.read())
            writer.close()
            return size

        with ben:
            server = await asyncio.start_server(many, port=80)
        assert await ana.run(visit()) == 1_000_000
        await asyncio.sleep(0.2)
        (end,) = ben.tcp.values()
        again = asyncio.ensure_future(ana.run(visit()))
        await asyncio.sleep(0.2)
        assert list(ben.tcp.values()) in ([end], [])
        assert await again == 1_000_000
        server.close()

    two(main)


def test_an_old_syn_begins_no_new_connection() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        ours, theirs, server = await recorders(ana, ben)
        theirs.transport.close()
        ours.transport.close()
        await asyncio.sleep(1)
        (end,) = ben.tcp.values()
        first = next(packet for packet in net.trace.between(0, net.time) if packet.sender == "ana")
        assert first.segment is not None
        assert first.segment.flags == Flag.SYN
        receive_segment(ben, first.source, first.destination, first.segment)
        assert list(ben.tcp.values()) == [end]
        assert end.machine.state is State.TIME_WAIT
        server.close()

    two(main)


def test_a_server_with_a_client_ends() -> None:
    """`async with` waits for the server's connections, which the end of the process closes."""

    async def main(net: Internet, ana: Host, ben: Host) -> None:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.readline():
                writer.write(data)

        async def serve() -> None:
            async with await asyncio.start_server(echo, port=80) as server:
                await server.serve_forever()

        task = ben.start(serve)
        await asyncio.sleep(1)
        with ana:
            reader, writer = await asyncio.open_connection("ben", 80)
        writer.write(b"hi\n")
        assert await reader.readline() == b"hi\n"
        task.cancel()
        await asyncio.sleep(10)
        assert not task.done()
        close_everything(ben)
        await asyncio.wait([task])
        assert await reader.read() == b""
        writer.close()

    two(main)


def test_only_a_plain_syn_begins_a_connection() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        listener = TcpListener(ben.incarnation, ("0.0.0.0", 80))
        listener.listen()
        for port, first in enumerate((Flag.SYN | Flag.ACK, Flag.SYN | Flag.FIN, Flag.ACK, Flag.SYN), start=1):
            ana.send_segment((ana.address, port), (ben.address, 80), Segment(first, 7, 9, 1000))
        await asyncio.sleep(1)
        assert flags(net, "ben", 0.0) == [Flag.RST, Flag.RST | Flag.ACK, Flag.RST, Flag.SYN | Flag.ACK]
        listener.close()

    two(main)
