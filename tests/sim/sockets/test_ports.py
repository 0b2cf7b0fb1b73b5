"""Who may bind where, who hears what arrives, and which address a packet leaves from: as on real loopback."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from p2plib.sim import Internet
from p2plib.sim.sockets.ports import FIRST_PORT, LAST_PORT
from tests.sim.small import mailbox, run
from tests.sim.sockets.conftest import World
from tests.sim.sockets.small_sockets import HOME, a_moment, raised

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the rules are Linux'")
SOL = socket.SOL_SOCKET
ADDRESS, PORT = {socket.SO_REUSEADDR}, {getattr(socket, "SO_REUSEPORT", 15)}
IN_USE = (OSError, errno.EADDRINUSE)


@contextlib.contextmanager
def bound(
    address: Any, options: set[int] = frozenset(), kind: int = socket.SOCK_DGRAM, *, only_six: bool = False
) -> Iterator[socket.socket]:
    """A socket with options, bound."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, kind) as sock:
        sock.setblocking(False)
        for option in options:
            sock.setsockopt(SOL, option, 1)
        if only_six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        yield sock


def port_of(sock: socket.socket) -> int:
    return int(sock.getsockname()[1])


def can_bind(address: Any, options: set[int] = frozenset(), **named: Any) -> bool:
    def bind_it() -> None:
        with bound(address, options, **named):
            pass

    outcome = raised(bind_it)
    assert outcome in (None, IN_USE)
    return outcome is None


def heard(*socks: socket.socket) -> list[int]:
    """How many datagrams wait in each socket; they are taken out."""
    counts = []
    for sock in socks:
        count = 0
        with contextlib.suppress(BlockingIOError):
            while sock.recv(100):
                count += 1
        counts.append(count)
    return counts


@on_linux
@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (ADDRESS, ADDRESS, True), (PORT, PORT, True), (ADDRESS | PORT, PORT, True), (ADDRESS, PORT, False),
        (set(), PORT, False), (PORT, set(), False), (set(), ADDRESS, False), (ADDRESS, set(), False),
    ],
)  # fmt: skip
def test_two_udp_sockets_share_a_port_only_if_both_want_to(
    world: World, first: set[int], second: set[int], both: bool
) -> None:
    async def program() -> None:
        with bound((HOME, 0), first) as one:
            assert can_bind((HOME, port_of(one)), second) == both
            assert can_bind(("0.0.0.0", port_of(one)), second) == both
            assert can_bind(("127.0.0.2", port_of(one)), second)

    world(program)


@on_linux
@pytest.mark.parametrize(
    ("options", "second", "while_listening", "before"),
    [
        (set(), set(), False, False), (ADDRESS, ADDRESS, False, True), (PORT, PORT, True, True),
        (set(), PORT, False, False), (PORT, set(), False, False),
    ],
)  # fmt: skip
def test_two_tcp_sockets_share_a_port_as_udp_or_while_the_first_does_not_listen(
    world: World, options: set[int], second: set[int], while_listening: bool, before: bool
) -> None:
    async def program() -> None:
        with bound((HOME, 0), options, socket.SOCK_STREAM) as one:
            assert can_bind((HOME, port_of(one)), second, kind=socket.SOCK_STREAM) == before
            one.listen()
            assert can_bind((HOME, port_of(one)), second, kind=socket.SOCK_STREAM) == while_listening

    world(program)


@on_linux
def test_of_two_that_are_bound_one_listens(world: World) -> None:
    async def program() -> None:
        with (
            bound((HOME, 0), ADDRESS, socket.SOCK_STREAM) as one,
            bound((HOME, port_of(one)), ADDRESS, socket.SOCK_STREAM) as other,
        ):
            other.listen()
            assert raised(one.listen) == IN_USE

    world(program)


@on_linux
def test_of_equals_the_last_one_hears_and_when_it_is_closed_the_one_before(world: World) -> None:
    async def program() -> list[list[int]]:
        seen = []
        with bound(("0.0.0.0", 0), ADDRESS) as one, bound((HOME, 0)) as sender:
            at = (HOME, port_of(one))
            with bound(("0.0.0.0", at[1]), ADDRESS) as other:
                sender.sendto(b"x", at)
                await a_moment()
                seen.append(heard(one, other))
            sender.sendto(b"x", at)
            await a_moment()
            seen.append(heard(one))
        return seen

    assert world(program) == [[0, 1], [1]]


@on_linux
def test_with_reuse_port_each_sender_keeps_its_receiver(world: World) -> None:
    async def program() -> None:
        with bound(("0.0.0.0", 0), PORT) as one, bound(("0.0.0.0", port_of(one)), PORT) as other:
            with contextlib.ExitStack() as opened:
                senders = [opened.enter_context(bound((HOME, 0))) for _ in range(40)]
                for sender in senders * 3:
                    sender.sendto(b"x", (HOME, port_of(one)))
                await a_moment()
                ways: dict[Any, set[int]] = {}
                for number, box in enumerate((one, other)):
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            ways.setdefault(box.recvfrom(10)[1], set()).add(number)
            assert len(ways) == len(senders)
            assert sorted(map(len, ways.values()))[-1] == 1, "a sender has one receiver"
            assert set.union(*ways.values()) == {0, 1}, "and not all of them have the same"

    world(program)


@on_linux
def test_a_last_one_that_shares_by_reuse_address_alone_hears_all(world: World) -> None:
    async def program() -> list[int]:
        with (
            bound(("0.0.0.0", 0), ADDRESS | PORT) as one,
            bound(("0.0.0.0", port_of(one)), ADDRESS | PORT) as other,
            bound(("0.0.0.0", port_of(one)), ADDRESS) as last,
            contextlib.ExitStack() as opened,
        ):
            for sender in [opened.enter_context(bound((HOME, 0))) for _ in range(10)]:
                sender.sendto(b"x", (HOME, port_of(one)))
            await a_moment()
            return heard(one, other, last)

    assert world(program) == [0, 0, 10]


@on_linux
def test_the_closest_hears_connected_before_bound_before_everywhere(world: World) -> None:
    async def program() -> None:
        with (
            bound(("0.0.0.0", 0), ADDRESS) as everywhere,
            bound((HOME, port_of(everywhere)), ADDRESS) as here,
            bound((HOME, 0)) as peer,
            bound((HOME, 0)) as stranger,
            bound((HOME, port_of(everywhere)), ADDRESS) as connected,
            bound(("0.0.0.0", port_of(everywhere)), ADDRESS) as last,
        ):
            connected.connect(peer.getsockname())
            for sender in (peer, stranger):
                sender.sendto(b"x", (HOME, port_of(everywhere)))
            peer.sendto(b"x", ("127.0.0.2", port_of(everywhere)))
            await a_moment()
            assert heard(everywhere, here, connected, last) == [0, 1, 1, 1]

    world(program)


@on_linux
def test_a_stranger_at_a_connected_sockets_port_finds_nobody(world: World) -> None:
    async def program() -> None:
        with bound((HOME, 0)) as one, bound((HOME, 0)) as peer, bound((HOME, 0)) as stranger:
            one.connect(peer.getsockname())
            stranger.connect(one.getsockname())
            stranger.send(b"x")
            await a_moment()
            assert raised(lambda: stranger.recv(10)) == (ConnectionRefusedError, errno.ECONNREFUSED)

    world(program)


@on_linux
@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_a_socket_at_all_addresses_of_ipv6_has_those_of_ipv4_too(world: World) -> None:
    async def program() -> None:
        with bound(("::", 0)) as six:
            assert not can_bind((HOME, port_of(six)))
            assert not can_bind(("0.0.0.0", port_of(six)))
            assert not can_bind(("::1", port_of(six)))
        with bound(("::", 0), only_six=True) as six:
            assert can_bind((HOME, port_of(six)))
            assert can_bind(("0.0.0.0", port_of(six)))
        with bound(("::1", 0)) as six:
            assert can_bind((HOME, port_of(six)))
        with (
            bound(("0.0.0.0", 0), ADDRESS) as four,
            bound(("::", port_of(four)), ADDRESS) as six,
            bound((HOME, 0)) as sender,
        ):
            sender.sendto(b"x", (HOME, port_of(four)))
            await a_moment()
            assert heard(four, six) == [1, 0]

    world(program)


@on_linux
def test_what_can_be_bound(world: World) -> None:
    async def program() -> None:
        for ip in ("127.1.2.3", "0.0.0.0", "", "239.1.2.3", "255.255.255.255"):
            with bound((ip, 0)) as sock:
                assert sock.getsockname()[0] == (ip or "0.0.0.0")
                assert raised(lambda sock=sock: sock.bind((HOME, 0))) == (OSError, errno.EINVAL)
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            assert raised(lambda: sock.bind(("203.0.113.9", 0))) == (OSError, errno.EADDRNOTAVAIL)
            for port in (-1, 65_536):
                with pytest.raises(OverflowError, match="port must be 0-65535"):
                    sock.bind((HOME, port))

    world(program)


@on_linux
def test_zero_as_a_destination_is_the_host_itself(world: World) -> None:
    async def program() -> list[Any]:
        seen = []
        with bound(("0.0.0.0", 0)) as box, bound((HOME, 0), kind=socket.SOCK_STREAM) as server:
            with bound(("0.0.0.0", 0)) as sender:
                sender.sendto(b"x", ("0.0.0.0", port_of(box)))
                await a_moment()
                seen.append(box.recvfrom(10)[1] == (HOME, port_of(sender)))
            server.listen()
            _, writer = await asyncio.open_connection("0.0.0.0", port_of(server))
            seen.append(writer.get_extra_info("peername") == (HOME, port_of(server)))
            writer.close()
            await writer.wait_closed()
        return seen

    assert world(program) == [True, True]


def test_a_packet_leaves_from_the_address_that_its_destination_calls_for() -> None:
    async def main(net: Internet) -> None:
        ana = net.host("ana", address=["198.18.0.1", "198.18.0.2", "2001:db8::1", "2001:db8::2"])
        ports = ana.ports
        for local, destination, source in [
            ("0.0.0.0", "198.18.0.9", "198.18.0.1"), ("0.0.0.0", "198.18.0.2", "198.18.0.1"),
            ("0.0.0.0", "127.0.0.5", "127.0.0.1"), ("198.18.0.2", "198.18.0.9", "198.18.0.2"),
            ("::", "2001:db8::9", "2001:db8::1"), ("::", "198.18.0.9", "198.18.0.1"), ("::", "::1", "::1"),
            ("::", "2001:db8::2", "2001:db8::2"),
            ("127.0.0.1", "198.18.0.2", "127.0.0.1"), ("198.18.0.1", "127.0.0.1", "198.18.0.1"),
        ]:  # fmt: skip
            assert ports.source_for((local, 5), destination) == (source, 5), (local, destination)
        with pytest.raises(OSError, match="can only reach its own host") as caught:
            ports.source_for(("127.0.0.1", 5), "198.18.0.9")
        assert caught.value.errno == errno.EINVAL
        four = net.host("four")
        with pytest.raises(OSError, match="unreachable") as caught:
            four.ports.source_for(("0.0.0.0", 5), "2001:db8::1")
        assert caught.value.errno == errno.ENETUNREACH

    run(main)


def test_a_socket_bound_to_loopback_does_not_reach_the_internet() -> None:
    async def main(net: Internet) -> list[Any]:
        ana, ben = net.host("ana"), net.host("ben")
        server = await mailbox(ben, 5)
        box = await mailbox(ana, ip="127.0.0.1")
        box.send(b"out", (ben.address, 5))
        await asyncio.sleep(1)
        with ana:
            try:
                await asyncio.open_connection(ben.address, 80, local_addr=("127.0.0.1", 0))
            except OSError as error:
                box.errors.append(error)
        box.close()
        server.close()
        assert server.data == []
        return [error.errno for error in box.errors]  # type: ignore[attr-defined]

    assert run(main) == [errno.EINVAL, errno.EINVAL]


def test_ephemeral_ports_are_taken_in_turn_and_end() -> None:
    async def main(net: Internet) -> None:
        ports = net.host("ana").ports
        count = LAST_PORT - FIRST_PORT + 1
        with net.hosts["ana"]:
            first = await asyncio.get_running_loop().create_datagram_endpoint(
                asyncio.DatagramProtocol, local_addr=("0.0.0.0", 0)
            )
        assert first[0].get_extra_info("sockname")[1] == FIRST_PORT
        taken = [ports.free_port("udp") for _ in range(count)]
        assert taken[:2] == [FIRST_PORT + 1, FIRST_PORT + 2]
        assert FIRST_PORT not in taken[:-1]
        assert ports.bound("udp", FIRST_PORT) == [first[0].endpoint]
        first[0].close()
        for port in range(FIRST_PORT, LAST_PORT + 1):
            ports._bound["udp", port] = {None: None}
        with pytest.raises(OSError, match="every port is in use") as caught:
            ports.free_port("udp")
        assert caught.value.errno == errno.EADDRNOTAVAIL
        ports._bound.clear()

    run(main)


def test_a_connection_shares_a_port_when_none_is_free() -> None:
    async def main(net: Internet) -> None:
        ports = net.host("ana").ports
        ana, server, other = ports.addresses[0], ("198.18.9.9", 80), ("198.18.9.9", 81)
        for port in range(FIRST_PORT, LAST_PORT + 1):
            ports._bound["tcp", port] = {}
        ports.tcp[(ana, FIRST_PORT), server] = None
        assert ports.port_to(ana, server) == FIRST_PORT + 1
        assert ports.port_to(ana, other) == FIRST_PORT
        for port in range(FIRST_PORT, LAST_PORT + 1):
            ports.tcp[(ana, port), server] = None
        with pytest.raises(OSError, match="every port is in use"):
            ports.port_to(ana, server)
        ports.tcp.clear()

    run(main)


def test_nothing_is_kept_of_a_listener_that_was_closed() -> None:
    async def main(net: Internet) -> None:
        ports = net.host("ana").ports
        with net.hosts["ana"]:
            for _ in range(3):
                server = await asyncio.start_server(lambda *_: None, "0.0.0.0", 80)
                assert len(ports._listeners) == 1
                server.close()
        assert not ports._listeners
        assert not ports._bound

    run(main)
