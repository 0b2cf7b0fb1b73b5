"""`add_reader`, `add_writer` and `loop.sock_*`: the same on loopback and in the simulator."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import errno
import socket
from typing import Any

import pytest

from p2plib.errors import Unsupported
from p2plib.sim import Internet, current_host
from tests.sim.small import run
from tests.sim.sockets.conftest import World
from tests.sim.sockets.small_sockets import HOME, a_moment, connected, listening, raised, tcp, udp


def test_a_reader_is_called_as_long_as_there_is_something_to_read(world: World) -> None:
    async def program() -> None:
        loop, got = asyncio.get_running_loop(), []

        def read(*args: Any) -> None:
            got.append((one.recv(100), *args))

        with udp() as one:
            for data in (b"first", b"second", b"third"):
                one.sendto(data, one.getsockname())
            await a_moment()
            loop.add_reader(one, read, "argument")
            await a_moment()
            assert got == [(b"first", "argument"), (b"second", "argument"), (b"third", "argument")]
            one.sendto(b"later", one.getsockname())
            await a_moment()
            assert got[3:] == [(b"later", "argument")]
            assert loop.remove_reader(one.fileno())
            one.sendto(b"unread", one.getsockname())
            await a_moment()
            assert len(got) == 4
            assert not loop.remove_reader(one)

    world(program)


def test_a_reader_that_reads_nothing_is_called_again_and_again(world: World) -> None:
    async def program() -> None:
        loop, calls, enough = asyncio.get_running_loop(), [], asyncio.Event()

        def look() -> None:
            calls.append(1)
            if len(calls) == 5:
                enough.set()
                loop.remove_reader(one)

        with udp() as one:
            one.sendto(b"x", one.getsockname())
            loop.add_reader(one, look)
            await enough.wait()
            await a_moment()
            assert len(calls) == 5

    world(program)


def test_a_writer_is_called_until_it_is_removed(world: World) -> None:
    async def program() -> None:
        loop, calls, enough = asyncio.get_running_loop(), [], asyncio.Event()

        def write() -> None:
            calls.append("writer")
            if len(calls) == 3:
                enough.set()
                loop.remove_writer(client.fileno())

        async with connected() as (client, _):
            loop.add_writer(client.fileno(), write)
            await enough.wait()
            await a_moment()
            assert calls == ["writer"] * 3
            assert not loop.remove_writer(client)

    world(program)


def test_the_second_reader_replaces_the_first_and_a_writer_stands_beside_it(world: World) -> None:
    async def program() -> None:
        loop, calls = asyncio.get_running_loop(), []
        with udp() as one:
            loop.add_reader(one, calls.append, "never")
            loop.add_reader(one, lambda: calls.append(one.recv(10)))
            loop.add_writer(one, lambda: (calls.append("writer"), loop.remove_writer(one)))
            one.sendto(b"x", one.getsockname())
            await a_moment()
            assert sorted(map(str, calls)) == ["b'x'", "writer"]
            assert loop.remove_reader(one)

    world(program)


def test_what_cannot_be_watched(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        with udp() as one:
            number = one.fileno()
            assert not loop.remove_reader(number)
            assert not loop.remove_writer(number)
        for call in (loop.add_reader, loop.add_writer):
            with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
                call(one, print)
            assert raised(lambda call=call: call(number, print)) == (OSError, errno.EBADF)
        assert not loop.remove_reader(number)
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=(HOME, 0))
        with pytest.raises(RuntimeError, match="is used by transport"):
            loop.add_reader(transport.get_extra_info("socket").fileno(), print)
        with pytest.raises(RuntimeError, match="is used by transport"):
            loop.remove_reader(transport.get_extra_info("socket").fileno())
        transport.close()

    world(program)


def test_a_reader_takes_the_writer_of_its_own_socket_away(world: World) -> None:
    async def program() -> None:
        loop, calls = asyncio.get_running_loop(), []
        with udp() as one:
            one.sendto(b"x", one.getsockname())
            await a_moment()

            def read() -> None:
                calls.append("reader")
                loop.remove_writer(one)
                loop.remove_reader(one)

            loop.add_reader(one, read)
            loop.add_writer(one, calls.append, "writer")
            await a_moment()
            assert calls == ["reader"]

    world(program)


def test_a_reader_takes_the_reader_of_another_socket_away(world: World) -> None:
    async def program() -> None:
        loop, calls = asyncio.get_running_loop(), []
        with udp() as one, udp() as other:
            for sock in (one, other):
                sock.sendto(b"x", sock.getsockname())
            await a_moment()

            def first() -> None:
                calls.append("first")
                loop.remove_reader(other)
                loop.remove_reader(one)

            def second() -> None:
                calls.append("second")
                loop.remove_reader(one)
                loop.remove_reader(other)

            loop.add_reader(one, first)
            loop.add_writer(one, lambda: (calls.append("writer"), loop.remove_writer(one)))
            loop.add_reader(other, second)
            await a_moment()
            assert "writer" in calls
            assert len(calls) == 2, "one of the readers took the other away"

    world(program)


def test_a_callback_runs_in_the_context_in_which_it_was_added(world: World) -> None:
    told = contextvars.ContextVar("told", default="outside")

    async def program() -> None:
        loop, seen = asyncio.get_running_loop(), []

        def read() -> None:
            one.recv(10)
            seen.append(told.get())

        with udp() as one:
            told.set("inside")
            loop.add_reader(one, read)
            told.set("afterwards")
            one.sendto(b"x", one.getsockname())
            await a_moment()
            loop.remove_reader(one)
            assert seen == ["inside"]

    world(program)


def test_a_callback_that_raises_is_told_and_called_again(world: World) -> None:
    async def program() -> None:
        loop, told = asyncio.get_running_loop(), []
        loop.set_exception_handler(lambda loop, context: told.append(context["exception"]))
        with udp() as one:

            def read() -> None:
                raise ValueError(one.recv(10))

            loop.add_reader(one, read)
            for data in (b"1", b"2"):
                one.sendto(data, one.getsockname())
            await a_moment()
            loop.remove_reader(one)
        loop.set_exception_handler(None)
        assert [error.args for error in told] == [(b"1",), (b"2",)]

    world(program)


def test_datagrams_by_the_loops_calls(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        with udp() as one, udp() as other:
            waiting = asyncio.create_task(loop.sock_recvfrom(other, 100))
            await a_moment()
            assert await loop.sock_sendto(one, b"hello", other.getsockname()) == 5
            assert await waiting == (b"hello", one.getsockname())
            buffer = bytearray(10)
            waiting_into = asyncio.create_task(loop.sock_recvfrom_into(other, buffer))
            await loop.sock_sendto(one, b"again", other.getsockname())
            assert await waiting_into == (5, one.getsockname())
            assert buffer[:5] == b"again"
            one.connect(other.getsockname())
            other.connect(one.getsockname())
            await loop.sock_sendall(one, b"to its peer")
            assert await loop.sock_recv(other, 100) == b"to its peer"

    world(program)


def test_a_stream_by_the_loops_calls(world: World) -> None:
    async def program() -> None:
        loop, content = asyncio.get_running_loop(), bytes(range(256)) * 20_000

        async def serve(server: socket.socket) -> bytes:
            accepted, name = await loop.sock_accept(server)
            assert name == accepted.getpeername()
            assert accepted.gettimeout() == 0
            got = bytearray()
            with accepted:
                buffer = bytearray(70_000)
                while count := await loop.sock_recv_into(accepted, buffer):
                    got += buffer[:count]
                await loop.sock_sendall(accepted, b"all there")
            return bytes(got)

        with listening() as server, tcp() as client:
            serving = asyncio.create_task(serve(server))
            await loop.sock_connect(client, server.getsockname())
            await loop.sock_sendall(client, content)
            client.shutdown(socket.SHUT_WR)
            assert await loop.sock_recv(client, 100) == b"all there"
            assert await loop.sock_recv(client, 100) == b""
            assert await serving == content

    world(program)


def test_connecting_to_nobody(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        with listening() as server:
            name = server.getsockname()
        with tcp() as client:
            with pytest.raises(ConnectionRefusedError, match="Connect call failed") as caught:
                await loop.sock_connect(client, name)
            assert caught.value.errno == errno.ECONNREFUSED

    world(program)


def test_a_cancelled_call_leaves_no_reader_and_no_writer(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        async with connected() as (client, server):
            with listening() as other:
                full = bytes(50_000_000)
                for call, sock in (
                    (lambda: loop.sock_recv(client, 1), client),
                    (lambda: loop.sock_sendall(server, full), server),
                    (lambda: loop.sock_accept(other), other),
                ):
                    task = asyncio.create_task(call())
                    await a_moment()
                    assert not task.done()
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    await asyncio.sleep(0)
                    assert not loop.remove_reader(sock)
                    assert not loop.remove_writer(sock)

    world(program)


def test_reading_after_a_cancelled_read_loses_nothing(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        async with connected() as (client, server):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(loop.sock_recv(client, 10), 0.01)
            server.send(b"kept")
            assert await loop.sock_recv(client, 10) == b"kept"

    world(program)


def test_a_cancelled_call_leaves_the_reader_that_has_replaced_its_own(world: World) -> None:
    async def program() -> None:
        loop, got = asyncio.get_running_loop(), []
        with udp() as one:
            task = asyncio.create_task(loop.sock_recv(one, 10))
            await a_moment()
            loop.add_reader(one, lambda: got.append(one.recv(10)))
            task.cancel()
            await a_moment()
            one.sendto(b"x", one.getsockname())
            await a_moment()
            assert got == [b"x"]
            assert loop.remove_reader(one)

    world(program)


def test_a_socket_that_its_transport_has_closed_is_free_again(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        one = socket.socket(type=socket.SOCK_DGRAM)
        one.setblocking(False)
        one.bind((HOME, 0))
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=one)
        with pytest.raises(RuntimeError, match="is used by transport"):
            loop.remove_reader(one)
        transport.close()
        assert not loop.remove_reader(one)
        await a_moment()

    world(program)


def test_who_waits_for_bytes_hears_that_the_socket_is_shut_down(world: World) -> None:
    async def program() -> None:
        async with connected() as (client, _):
            task = asyncio.create_task(asyncio.get_running_loop().sock_recv(client, 10))
            await a_moment()
            client.shutdown(socket.SHUT_RD)
            assert await task == b""

    world(program)


# What the simulated world alone has


def test_a_reader_runs_on_its_host_and_ends_with_it() -> None:
    async def main(net: Internet) -> None:
        loop, seen = asyncio.get_running_loop(), []
        ana, ben = net.host("ana"), net.host("ben")
        with ana:
            one = socket.socket(type=socket.SOCK_DGRAM)
            one.setblocking(False)
            one.bind(("", 1000))
            loop.add_reader(one, lambda: seen.append((current_host().name, one.recv(10))))
        with ben, udp(address=("", 0)) as other:
            other.sendto(b"x", (ana.address, 1000))
            await asyncio.sleep(1)
            other.sendto(b"y", (ana.address, 1000))
            ana.crash()
            await asyncio.sleep(1)
        assert seen == [("ana", b"x")]

    run(main)


def test_a_reader_that_turns_its_own_host_off_is_not_called_again() -> None:
    async def main(net: Internet) -> int:
        ana = net.host("ana")
        with ana:
            one = socket.socket(type=socket.SOCK_DGRAM)
            one.setblocking(False)
            one.bind(("", 1000))
            asyncio.get_running_loop().add_reader(one, ana.crash)
            with udp(address=("", 0)) as other:
                other.sendto(b"never read", (ana.address, 1000))
        await asyncio.sleep(1)
        return len(net.loop._heap)

    assert run(main) == 0


def test_a_real_descriptor_and_a_socket_that_blocks_are_refused() -> None:
    async def main(net: Internet) -> None:
        loop = asyncio.get_running_loop()
        with net.host("ana"), socket.socket() as one:
            with pytest.raises(Unsupported, match="add_reader of a real file descriptor"):
                loop.add_reader(0, print)
            assert not loop.remove_reader(0)
            with pytest.raises(ValueError, match="must be non-blocking"):
                await loop.sock_recv(one, 1)
            with pytest.raises(Unsupported, match="sock_recv of a socket made outside"):
                await loop.sock_recv(outside, 1)

    with socket.socket() as outside:
        run(main)
