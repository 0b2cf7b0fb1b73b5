"""TCP streams: the conformance suite over loopback, resets, listeners, and machines without room."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import Any

import pytest

from p2plib.errors import CannotListen, Closed, PeerTimeout, StreamReset, Truncated, Unreachable, UsageError
from p2plib.protocol import conformance
from p2plib.protocol.conformance import check_stream
from p2plib.protocol.interfaces import interface_addresses
from p2plib.protocol.tcp import TcpListener, TcpStream, connect_tcp
from tests.protocol import pairs


@pytest.mark.finding("W1")
@pytest.mark.fault("F051")
def test_tcp_conforms() -> None:
    asyncio.run(check_stream(pairs.tcp))


def test_a_reset_is_a_tcp_reset() -> None:
    """What a plain socket, which is nothing of ours, sees of it."""

    async def main() -> None:
        async def handler(stream: TcpStream) -> None:
            stream.reset()

        loop = asyncio.get_running_loop()
        async with TcpListener(handler) as listener:
            with socket.socket() as plain:
                plain.setblocking(False)
                await loop.sock_connect(plain, listener.address)
                with pytest.raises(ConnectionResetError):
                    await loop.sock_recv(plain, 10)

    asyncio.run(main())


def test_a_plain_socket_reads_the_end_and_may_still_write() -> None:
    async def main() -> None:
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def handler(stream: TcpStream) -> None:
            await stream.write(b"bye")
            await stream.close_write()
            heard.set_result(await stream.read_exactly(5))

        async with TcpListener(handler) as listener:
            reader, writer = await asyncio.open_connection(*listener.address)
            assert await reader.read() == b"bye"
            writer.write(b"still")
            assert await heard == b"still"
            writer.close()

    asyncio.run(main())


@pytest.mark.fault("F054")
def test_nobody_listens_there() -> None:
    async def main() -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            port = bound.getsockname()[1]
            with pytest.raises(Unreachable, match=rf"no connection to 127\.0\.0\.1:{port}: "):
                await connect_tcp("127.0.0.1", port)

    asyncio.run(main())


@pytest.mark.fault("F054")
def test_an_address_in_use_and_one_that_is_not_ours() -> None:
    async def nobody(stream: TcpStream) -> None:
        raise AssertionError

    async def main() -> None:
        async with TcpListener(nobody) as listener:
            with pytest.raises(CannotListen, match=f"127.0.0.1:{listener.address[1]}.*in use"):
                async with TcpListener(nobody, *listener.address):
                    pass
        with pytest.raises(CannotListen, match=r"192\.0\.2\.1:0"):
            async with TcpListener(nobody, "192.0.2.1"):
                pass
        with pytest.raises(Closed, match="not open"):
            assert listener.address

    asyncio.run(main())


BAD_HOSTS = ["a" * 64, "a..b", "a\0b", "\udc80", "x" * 300]


@pytest.mark.finding("W10")
@pytest.mark.fault("F054")
@pytest.mark.parametrize("host", BAD_HOSTS, ids=repr)
def test_what_cannot_be_a_host(host: str) -> None:
    async def nobody(stream: TcpStream) -> None:
        raise AssertionError

    async def main() -> None:
        with pytest.raises(Unreachable, match="no connection to"):
            await connect_tcp(host, 9)
        with pytest.raises(CannotListen, match="cannot listen at"):
            async with TcpListener(nobody, host):
                pass
        for port in (-1, 65_536):
            with pytest.raises(UsageError, match=f"not {port}"):
                await connect_tcp("127.0.0.1", port)
            with pytest.raises(UsageError, match=f"not {port}"):
                async with TcpListener(nobody, port=port):
                    pass

    asyncio.run(main())


@pytest.mark.finding("W9")
def test_one_family_will_do() -> None:
    async def nobody(stream: TcpStream) -> None:
        await stream.read()

    async def main() -> None:
        async with TcpListener(nobody, "localhost", family=socket.AF_INET) as listener:
            host, port = listener.address
            assert host == "127.0.0.1"
            async with await connect_tcp("localhost", port, family=socket.AF_INET) as stream:
                assert stream.remote_address == (host, port)
            for wrong in ("localhost", "127.0.0.1"):
                with pytest.raises(Unreachable):
                    await connect_tcp(wrong, port, family=socket.AF_INET6)
            with pytest.raises(CannotListen):
                async with TcpListener(nobody, "127.0.0.1", family=socket.AF_INET6):
                    pass

    asyncio.run(main())


@pytest.mark.finding("M5")
def test_who_listens_everywhere_is_reached_at_each_interface() -> None:
    async def nobody(stream: TcpStream) -> None:
        await stream.read()

    async def main() -> None:
        async with TcpListener(nobody, "0.0.0.0") as listener:
            port = listener.address[1]
            assert listener.address == ("0.0.0.0", port)
            assert ("127.0.0.1", port) in listener.addresses
            assert [host for host, _ in listener.addresses] == interface_addresses(socket.AF_INET)
            for address in listener.addresses:
                async with await connect_tcp(*address) as stream:
                    assert stream.remote_address == address
        async with TcpListener(nobody) as listener:
            assert listener.addresses == (listener.address,)
        with pytest.raises(Closed, match="not open"):
            assert listener.addresses

    asyncio.run(main())


@pytest.mark.fault("F054")
def test_no_socket_left(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        def none_left(*_: Any, **__: Any) -> socket.socket:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(socket, "socket", none_left)
        with pytest.raises(Unreachable, match="Too many open files"):
            await connect_tcp("127.0.0.1", 1)

    # The loop needs a socket of its own, so it is there before.
    with asyncio.Runner() as runner:
        runner.get_loop()
        runner.run(main())


def test_nobody_answers_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async def never(*_: Any, **__: Any) -> Any:
            await asyncio.Event().wait()

        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
        with pytest.raises(PeerTimeout, match=r"\[::1\]:9 did not take our connection within 0\.01 s"):
            await connect_tcp("::1", 9, timeout_s=0.01)

    asyncio.run(main())


@pytest.mark.fault("F041")
def test_past_the_cap_a_connection_is_reset_and_the_others_stay() -> None:
    async def main() -> None:
        async def echo(stream: TcpStream) -> None:
            while data := await stream.read():
                await stream.write(data)

        async with TcpListener(echo, max_connections=2) as listener:
            kept = [await connect_tcp(*listener.address) for _ in range(2)]
            for stream in kept:
                await stream.write(b"in")
                assert await stream.read_exactly(2) == b"in"
            for _ in range(5):
                async with await connect_tcp(*listener.address) as extra:
                    with pytest.raises(StreamReset):
                        await extra.read()
            assert listener.failures == {"too many connections": 5}
            await kept[0].close()
            while listener.connections == 2:
                await asyncio.sleep(0)
            async with await connect_tcp(*listener.address) as late:
                await late.write(b"x")
                assert await late.read_exactly(1) == b"x"
            await kept[1].write(b"y")
            assert await kept[1].read_exactly(1) == b"y"
            await kept[1].close()

    asyncio.run(main())


def test_failures_are_counted_bugs_are_seen_and_nothing_is_left() -> None:
    async def main() -> None:
        seen: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context))

        async def handler(stream: TcpStream) -> None:
            what = await stream.read_exactly(4)
            if what == b"bug!":
                raise KeyError("ours")
            await asyncio.Event().wait()

        async with TcpListener(handler) as listener:
            async with await connect_tcp(*listener.address) as short:
                await short.write(b"ab")
            async with await connect_tcp(*listener.address) as bug:
                await bug.write(b"bug!")
                with pytest.raises(StreamReset):
                    await bug.read()
            hanging = await connect_tcp(*listener.address)
            await hanging.write(b"hang")
            assert hanging.remote_address == listener.address
            assert hanging.local_address[0] == "127.0.0.1"
            while listener.connections > 1:
                await asyncio.sleep(0)
            assert listener.failures == {Truncated.__name__: 1}
        assert [repr(context["exception"]) for context in seen] == ["KeyError('ours')"]
        with pytest.raises(StreamReset):
            await hanging.read()
        hanging.reset()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main(), debug=True)


@pytest.mark.parametrize("rounds", range(8))
def test_who_comes_while_it_stops_is_reset_and_nothing_is_left(rounds: int) -> None:
    """asyncio loses a connection that it has accepted and not announced when its server is closed."""
    problems: list[object] = []

    async def nobody(stream: TcpStream) -> None:
        await stream.read()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: problems.append(context))
        async with TcpListener(nobody) as listener:
            comers = [socket.create_connection(listener.address) for _ in range(3)]
            for _ in range(rounds):
                await asyncio.sleep(0)
        for comer in comers:
            comer.settimeout(100)
            with contextlib.suppress(ConnectionResetError):
                assert comer.recv(1) == b""
            comer.close()

    asyncio.run(main(), debug=True)
    assert not problems


@pytest.mark.fault("F050")
def test_a_slow_reader_stops_the_socket() -> None:
    async def main() -> None:
        async with pairs.tcp(limit_bytes=10_000) as (a, b):
            sent = 0

            async def flood() -> None:
                nonlocal sent
                while True:
                    await a.write(b"x" * 65_536)
                    sent += 65_536

            writing = asyncio.ensure_future(flood())
            before = -1
            while sent != before:
                before = sent
                await asyncio.wait([writing], timeout=0.05)
            assert len(b._wire.incoming) <= 10_000 + 256 * 1024  # one chunk of asyncio's may come on top
            writing.cancel()
            await asyncio.wait([writing])
            assert len(await b.read_exactly(sent)) == sent

    asyncio.run(main())


@pytest.mark.fault("F051")
@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_close_that_takes_too_long_or_is_cancelled_is_a_reset(is_cancelled: bool) -> None:
    async def main() -> None:
        async with pairs.tcp() as (a, b):
            writing, _ = await conformance.blocked_writer(a)
            a.close_timeout_s = 60 if is_cancelled else 0.01
            closing = asyncio.ensure_future(a.close())
            await asyncio.sleep(0)
            if is_cancelled:
                await conformance.cancelled(closing)
            await asyncio.wait([closing, writing])
            await asyncio.sleep(0)
            assert a._wire.is_lost
            with pytest.raises(StreamReset):
                await conformance.read_all(b)

    asyncio.run(main())


@pytest.mark.finding("W1")
def test_a_close_that_is_not_answered_in_time_leaves_the_rest_to_the_kernel() -> None:
    """A silent peer that reads only after our time-out gets what we wrote, and an end that is no reset."""

    async def main() -> None:
        async with pairs.tcp() as (a, b):
            b._transport.pause_reading()  # b asks its kernel for nothing
            await a.write(b"x" * 1000)
            a.close_timeout_s = 0.01
            await a.close()
            await asyncio.sleep(0)
            assert a._wire.is_lost
            b._transport.resume_reading()
            assert await conformance.read_all(b) == b"x" * 1000

    asyncio.run(main())


@pytest.mark.finding("W8")
def test_a_listener_that_is_cancelled_while_it_opens_leaves_its_port() -> None:
    async def handler(stream: TcpStream) -> None: ...

    async def main() -> None:
        async with TcpListener(handler) as listener:
            _, port = listener.address
        for steps in range(8):
            opening = asyncio.ensure_future(TcpListener(handler, port=port).__aenter__())
            for _ in range(steps):
                await asyncio.sleep(0)
            opening.cancel()
            await asyncio.wait([opening])
            if not opening.cancelled():
                await opening.result().__aexit__()
            async with TcpListener(handler, port=port):
                pass
        assert not opening.cancelled()

    asyncio.run(main())


@pytest.mark.finding("W9")
def test_one_family_alone() -> None:
    async def handler(stream: TcpStream) -> None: ...

    async def main() -> None:
        async with TcpListener(handler, "localhost", family=socket.AF_INET) as listener:
            host, port = listener.address
            assert host == "127.0.0.1"
            (await connect_tcp("localhost", port, family=socket.AF_INET)).reset()
            with pytest.raises(Unreachable):
                await connect_tcp("localhost", port, family=socket.AF_INET6)

    asyncio.run(main())
