"""Servers of simulated hosts, and their ends."""

from __future__ import annotations

import asyncio
import errno

import pytest

from p2plib.sim import Host, Internet
from tests.sim.tcp.recorders import Recorder, two


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
        await asyncio.sleep(1)
        assert not waiting.done(), "two are still open"
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
            assert ben.ports.bound("tcp", 80) == []

    two(main)


def test_who_ends_serve_forever_waits_for_the_connections() -> None:
    async def main(net: Internet, ana: Host, ben: Host) -> None:
        loop = asyncio.get_running_loop()
        with ben:
            server = await loop.create_server(Recorder, port=80)
        task = asyncio.ensure_future(server.serve_forever())
        with ana:
            transport, _ = await loop.create_connection(Recorder, "ben", 80)
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.sleep(1)
        assert (server.is_serving(), task.done()) == (False, False)
        transport.close()
        with pytest.raises(asyncio.CancelledError):
            await task

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
