"""What is put in for `socket` while an internet runs, for whom, and that no real socket escapes."""

from __future__ import annotations

import _socket
import asyncio
import multiprocessing
import os
import select
import selectors
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from socket import getaddrinfo, socketpair
from socket import socket as taken_before
from typing import Any

import pytest

from p2plib.errors import Unsupported, UsageError
from p2plib.sim import Internet
from p2plib.sim.sockets.constants import LINUX
from p2plib.sim.sockets.module import refusing_real_network
from p2plib.sim.sockets.sockets import SimSocket
from tests.sim.small import run


class Own(socket.socket):
    """A library's own kind of socket, made before any run."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.mine = "kept"

    def send_twice(self, data: bytes, to: Any) -> None:
        self.sendto(data, to)
        self.sendto(data, to)


class Old(taken_before):
    """The same, as programs of old are written."""

    __slots__ = ("mine",)

    def __init__(self, *args: Any) -> None:
        taken_before.__init__(self, *args)
        self.mine = "kept"


def on(host: str, call: Callable[[], Any]) -> Any:
    async def main(net: Internet) -> Any:
        net.host("ben", address=["198.18.7.7", "2001:db8::7"])
        net.host("ana", address="198.18.0.9")
        with net.hosts[host]:
            return call()

    return run(main)


@pytest.mark.parametrize("kind", [socket.socket, taken_before, Own, Old, socket.SocketType])
def test_every_way_to_a_socket_leads_to_a_simulated_one_or_is_refused(kind: Any) -> None:
    def program() -> None:
        if kind is socket.SocketType:
            with pytest.raises(Unsupported, match=r"a real _socket\.socket, called on ana, is not part"):
                kind(socket.AF_INET, socket.SOCK_DGRAM)
            return
        with kind(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            assert isinstance(sock, SimSocket)
            assert isinstance(sock, kind)
            assert sock.fileno() >= 1_000_000
            assert getattr(sock, "mine", "kept") == "kept"
            if kind is Own:
                sock.bind(("127.0.0.1", 0))
                sock.send_twice(b"x", sock.getsockname())
        assert type(sock).__name__ == ("SimSocket" if kind is socket.socket else kind.__name__)

    on("ana", program)
    real = kind(socket.AF_INET, socket.SOCK_DGRAM)
    assert not isinstance(real, SimSocket)
    assert real.fileno() < 1_000_000
    real.close()


def test_a_program_finds_the_constants_that_this_python_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Pyodide. `socket.create_server` asks `_socket` whether there is a SO_REUSEPORT."""
    for module in (socket, _socket):
        for name in LINUX:
            monkeypatch.delattr(module, name, raising=False)

    def program() -> None:
        with socket.create_server(("", 80), reuse_port=True) as one:
            assert one.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 1
            with socket.create_server(("", 80), reuse_port=True):
                pass

    on("ana", program)
    on("ana", program)
    assert [name for module in (socket, _socket) for name in LINUX if hasattr(module, name)] == []


def test_a_program_finds_ipv6_where_this_python_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in Pyodide."""
    for module in (socket, _socket):
        monkeypatch.setattr(module, "has_ipv6", False)
        monkeypatch.delattr(module, "inet_pton")

    def program() -> None:
        assert socket.has_dualstack_ipv6()
        with socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True) as both:
            assert both.getsockname() == ("::", 80, 0, 0)
        assert socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, "ff02::fb")) == "ff02::fb"

    on("ana", program)
    assert not any(module.has_ipv6 or hasattr(module, "inet_pton") for module in (socket, _socket))


def test_names_are_those_of_the_internet() -> None:
    def program() -> None:
        assert socket.gethostname() == "ana" == socket.getfqdn()
        assert socket.gethostbyname("ben") == "198.18.7.7"
        assert socket.gethostbyname("") == "0.0.0.0"  # though to getaddrinfo that is no name
        assert socket.gethostbyname_ex("ben") == ("ben", [], ["198.18.7.7"])
        assert socket.gethostbyaddr("198.18.7.7") == ("ben", [], ["198.18.7.7"])
        assert socket.getnameinfo(("198.18.7.7", 80), socket.NI_NUMERICSERV) == ("ben", "80")
        found = socket.getaddrinfo("ben", 80, type=socket.SOCK_STREAM)
        assert [answer[4] for answer in found] == [("198.18.7.7", 80), ("2001:db8::7", 80, 0, 0)]
        assert found[0][:2] == (socket.AddressFamily.AF_INET, socket.SocketKind.SOCK_STREAM)
        assert found == getaddrinfo("ben", 80, type=socket.SOCK_STREAM)
        assert socket.has_dualstack_ipv6()
        with pytest.raises(socket.gaierror):
            socket.gethostbyname("example.org")
        with pytest.raises(socket.herror):
            socket.gethostbyaddr("198.18.99.99")
        with pytest.raises(Unsupported, match="sethostname"):
            socket.sethostname("other")

    on("ana", program)
    assert socket.gethostname() != "ana"


def test_interfaces_are_those_of_the_host() -> None:
    def program() -> None:
        assert socket.if_nameindex() == [(1, "lo"), (2, "eth0")]
        assert socket.if_nametoindex("eth0") == 2
        assert socket.if_indextoname(1) == "lo"

    on("ana", program)


def test_servers_and_pairs_by_the_modules_own_functions() -> None:
    def program() -> None:
        with socket.create_server(("", 80)) as server:
            assert server.getsockname() == ("0.0.0.0", 80)
            assert isinstance(server, SimSocket)
        with socket.create_server(("", 80), family=socket.AF_INET6, dualstack_ipv6=True) as both:
            assert both.getsockname()[:2] == ("::", 80)
        one, other = socketpair()
        with one, other:
            one.sendall(b"hello")
            assert other.recv(10) == b"hello"
            number = socket.dup(one.fileno())
            socket.close(number)

    if hasattr(socket, "dup"):
        on("ana", program)


def test_the_main_program_has_no_sockets() -> None:
    async def main(net: Internet) -> None:
        for call in (socket.socket, socket.gethostname, lambda: socket.getaddrinfo("ana", 1), socketpair):
            with pytest.raises(UsageError, match="this runs on no host"):
                call()

    run(main)


def test_other_threads_and_code_outside_have_the_real_thing() -> None:
    made: list[Any] = []
    goes_on = threading.Event()

    def work() -> None:
        goes_on.wait(60)
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            made.append((sock, socket.gethostname()))

    thread = threading.Thread(target=work)
    thread.start()

    async def main(net: Internet) -> None:
        with net.host("ana"):
            goes_on.set()
            thread.join()
        assert not isinstance(made[0][0], SimSocket)
        assert made[0][1] != "ana"

    run(main)
    with socket.socket() as sock:
        assert not isinstance(sock, SimSocket)


def test_a_thread_that_a_program_starts_reaches_no_real_network_then_or_later() -> None:
    said: list[str] = []
    is_over = threading.Event()

    def attempt(call: Callable[[], Any]) -> None:
        try:
            call()
        except Unsupported as error:
            said.append(str(error))

    def work() -> None:
        inner = threading.Thread(target=attempt, args=(lambda: socket.gethostbyname("localhost"),), name="b")
        inner.start()
        inner.join()
        is_over.wait(60)
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            attempt(lambda: sock.bind(("127.0.0.1", 0)))
            attempt(lambda: sock.sendto(b"x", ("127.0.0.1", 1)))
        attempt(lambda: socket.create_connection(("127.0.0.1", 1)))
        attempt(lambda: os.system("true"))

    thread = threading.Thread(target=work, name="a")
    on("ana", lambda: thread.start())
    is_over.set()
    thread.join()
    calls = [words.partition(", called by the ")[0].removeprefix("a real ") for words in said]
    assert calls[:-1] == ["socket.gethostbyname", "socket.bind", "socket.sendto", "socket.getaddrinfo"]
    assert calls[-1].startswith("os.system is not part")
    assert "the thread 'b'" in said[0]
    assert "the thread 'a'" in said[1]
    assert "asyncio.to_thread" in said[1]


def test_a_thread_that_a_program_starts_says_nothing_over_a_connection_from_before() -> None:
    one, other = socket.create_server(("127.0.0.1", 0)), socket.socket()
    refused: list[str] = []

    def work() -> None:
        try:
            other.send(b"x")
        except Unsupported as error:
            refused.append(str(error))

    def program() -> None:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    with one, other:
        other.connect(one.getsockname())
        on("ana", program)
    assert "socket.send, called by the thread" in refused[0]


def test_everything_is_taken_out_after_the_run() -> None:
    names = ("getaddrinfo", "gethostname", "socketpair", "if_nameindex", "dup")
    before = [(module, name, getattr(module, name)) for module in (socket, _socket) for name in names]
    before += [(select, "select", select.select), (selectors, "_fileobj_to_fd", selectors._fileobj_to_fd)]
    starts = [(cls, cls.start) for cls in (threading.Thread, BaseProcess)]

    async def main(net: Internet) -> None:
        assert all(cls.start is not start for cls, start in starts)
        assert "__new__" in socket.socket.__dict__
        Internet().run(inner)
        assert "__new__" in socket.socket.__dict__

    async def inner(net: Internet) -> None:
        assert socket.getaddrinfo is not before[0][2] or _socket.getaddrinfo is not before[5][2]

    run(main)
    assert "__new__" not in socket.socket.__dict__
    assert "__new__" not in asyncio.BaseEventLoop.__dict__
    assert all(getattr(module, name) is function for module, name, function in before)
    assert all(cls.start is start for cls, start in starts)


REAL = {
    name: getattr(_socket, name) for name in ("getaddrinfo", "gethostbyname", "gethostname", "getnameinfo")
}


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda _: REAL["getaddrinfo"]("localhost", 1), "socket.getaddrinfo"),
        (lambda _: REAL["gethostbyname"]("localhost"), "socket.gethostbyname"),
        (lambda _: REAL["gethostname"](), "socket.gethostname"),
        (lambda _: REAL["getnameinfo"](("127.0.0.1", 1), 0), "socket.getnameinfo"),
        (lambda sock: sock.bind(("127.0.0.1", 0)), "socket.bind"),
        (lambda sock: sock.connect(("127.0.0.1", 1)), "socket.connect"),
        (lambda sock: sock.sendto(b"x", ("127.0.0.1", 1)), "socket.sendto"),
        (lambda sock: sock.sendmsg([b"x"], [], 0, ("127.0.0.1", 1)), "socket.sendmsg"),
    ],
)
def test_what_was_taken_or_opened_before_the_run_reaches_no_real_network(
    call: Callable[[Any], Any], says: str
) -> None:
    async def main(net: Internet) -> None:
        with net.host("ana"), pytest.raises(Unsupported, match=f"a real {says}, called on ana"):
            call(sock)
        with pytest.raises(Unsupported, match=f"a real {says}, called on the main program"):
            call(sock)

    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        run(main)


def test_waiting_for_simulated_sockets_is_refused() -> None:
    def program() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            for timeout in (None, 5):
                with pytest.raises(Unsupported, match=r"select.select that has to wait .* loop.add_reader"):
                    select.select([sock], [], [], timeout)
            with selectors.DefaultSelector() as selector, pytest.raises(Unsupported, match="a selector"):
                selector.register(sock, selectors.EVENT_READ)
        with socket.socket() as sock, pytest.raises(Unsupported, match="ssl= of asyncio"):
            ssl.create_default_context().wrap_socket(sock, server_hostname="ben")

    on("ana", program)
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        assert select.select([], [sock], [], 0) == ([], [sock], [])


def test_a_real_socket_is_no_argument_of_a_loops_calls() -> None:
    async def main(net: Internet) -> None:
        loop = asyncio.get_running_loop()
        with net.host("ana"):
            for call in (
                loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=datagrams),
                loop.create_connection(asyncio.Protocol, sock=stream),
                loop.create_server(asyncio.Protocol, sock=stream),
                loop.connect_accepted_socket(asyncio.Protocol, stream),
            ):
                with pytest.raises(Unsupported, match="made outside"):
                    await call

    with socket.socket(type=socket.SOCK_DGRAM) as datagrams, socket.socket() as stream:
        run(main)


def test_a_real_connection_from_before_the_run_carries_nothing_within_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()

    async def main(net: Internet) -> None:
        with net.host("ana"):
            for call in (
                lambda: ours.send(b"x"), lambda: ours.sendall(b"x"), lambda: ours.recv(1),
                lambda: ours.recv_into(bytearray(1)), lambda: ours.recvfrom(1), lambda: ours.recvmsg(1),
            ):  # fmt: skip
                with pytest.raises(Unsupported, match=r"a real socket\.\w+, called on ana"):
                    call()

    with ours, theirs:
        run(main)
        ours.sendall(b"after the run")
        assert theirs.recv(100) == b"after the run"


def test_no_program_starts_another() -> None:
    def program() -> None:
        ways: list[Any] = [
            multiprocessing.get_context(way) for way in multiprocessing.get_all_start_methods()
        ]
        for call in (
            lambda: subprocess.run(["true"], check=True),
            lambda: os.system("true"),
            lambda: os.fork() or os._exit(0),
            *(way.Process().start for way in ways),
        ):
            with pytest.raises(Unsupported, match=r"host\.start"):
                call()

    on("ana", program)
    assert subprocess.run([sys.executable, "-c", ""], check=False).returncode == 0


@pytest.mark.parametrize("make", [asyncio.new_event_loop, asyncio.SelectorEventLoop, lambda: select.epoll()])
def test_another_loop_is_refused_as_it_is_made(make: Callable[[], Any]) -> None:
    def program() -> None:
        with pytest.raises(Unsupported, match=r"event loop of your own|its own event loop"):
            make()

    on("ana", program)
    make().close()


def test_a_thread_beside_a_run_may_have_a_loop() -> None:
    seen: list[str] = []

    def program() -> None:
        thread = threading.Thread(target=lambda: seen.append(asyncio.run(asyncio.sleep(0, "turned"))))
        thread.start()
        thread.join()

    on("ana", program)
    assert seen == ["turned"]


def test_pipes_and_pairs_from_before_the_run_are_the_machines() -> None:
    def program() -> bytes:
        copy = socket.dup(reads)
        os.write(writes, b"by the pipe")
        seen = os.read(copy, 100)
        socket.close(copy)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.read(copy, 1)
        one.send(b", by the pair")
        return seen + other.recv(100)

    (reads, writes), (one, other) = os.pipe(), socket.socketpair()
    with one, other:
        assert on("ana", program) == b"by the pipe, by the pair"
    os.close(reads)
    os.close(writes)


def test_a_librarys_own_kind_of_socket_stays_in_its_module() -> None:
    def program() -> list[str]:
        with Own() as own, socket.socket() as plain:
            return [type(own).__module__, type(own).__name__, type(plain).__name__]

    assert on("ana", program) == [__name__, "Own", "SimSocket"]


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this machine has none")
def test_a_script_reaches_this_machine_and_not_the_network_until_it_is_over() -> None:
    with socket.socket(socket.AF_UNIX) as local, socket.socket() as stream:
        with refusing_real_network():
            with pytest.raises(FileNotFoundError):
                local.connect("no/such/socket")
            with pytest.raises(Unsupported, match=r"a real socket\.connect, called by a script"):
                stream.connect(("127.0.0.1", 9))
        assert stream.connect_ex(("127.0.0.1", 9)) != 0, "the machine was asked"
