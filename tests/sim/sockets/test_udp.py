"""UDP sockets of simulated hosts: connected ones, their errors, a host by itself, multicast."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import sys
from typing import Any

import pytest

from p2plib.sim import Internet
from tests.sim.small import mailbox, run
from tests.sim.sockets.conftest import World

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the answers are Linux'")


def test_a_connected_socket_hears_its_peer_alone_and_is_told_when_nobody_listens() -> None:
    async def main(net: Internet) -> tuple[list[bytes], list[Any]]:
        ana, ben, cy = net.host("ana"), net.host("ben"), net.host("cy")
        server = await mailbox(ben, 2000, echo=True)
        stranger = await mailbox(cy, 3000)
        to_ben = await mailbox(ana, remote_addr=("ben", 2000))
        to_nobody = await mailbox(ana, remote_addr=("ben", 2001))
        to_ben.send(b"hello")
        stranger.send(b"spam", to_ben.transport.get_extra_info("sockname"))
        to_nobody.send(b"hello?")
        with pytest.raises(ValueError, match="must be None or"):
            to_ben.send(b"hello", (cy.address, 3000))
        with pytest.raises(ValueError, match="not connected"):
            stranger.send(b"to whom?")
        await asyncio.sleep(1)
        for box in (server, stranger, to_ben, to_nobody):
            box.close()
        return to_ben.data, to_nobody.errors

    data, errors = run(main)
    assert data == [b"hello"]
    assert [type(error) for error in errors] == [ConnectionRefusedError]


def test_errors_of_sockets_are_an_operating_systems() -> None:
    async def main(net: Internet) -> list[Any]:
        ana = net.host("ana")
        net.host("ben", address="2001:db8::7")
        seen: list[Any] = []
        box = await mailbox(ana, 1000)
        for port, ip in ((1000, "0.0.0.0"), (1001, "198.18.9.9")):
            try:
                await mailbox(ana, port, ip=ip)
            except OSError as error:
                seen.append(error.errno)
        box.send(b"small first", ("127.0.0.1", 1000))
        box.send(bytes(65_507), ("127.0.0.1", 1000))
        box.send(bytes(65_508), ("127.0.0.1", 1000))
        box.send(bytes(65_507), (ana.address, 1000))
        box.send(bytearray(65_508), (ana.address, 1000))
        with pytest.raises(TypeError, match="bytes-like"):
            box.send("text", ("127.0.0.1", 1000))  # type: ignore[arg-type]
        box.send(b"six", ("2001:db8::7", 1))
        box.send(b"who", ("nobody", 1))
        await asyncio.sleep(1)
        box.close()
        await asyncio.sleep(0)
        box.send(b"closed", ("127.0.0.1", 1000))
        return [*seen, *(error.errno for error in box.errors), box.lost]  # type: ignore[attr-defined]

    assert run(main) == [
        errno.EADDRINUSE,
        errno.EADDRNOTAVAIL,
        errno.EMSGSIZE,
        errno.EMSGSIZE,
        socket.EAI_ADDRFAMILY,
        socket.EAI_NONAME,
        [None],
    ]


def test_a_host_speaks_to_itself() -> None:
    async def main(net: Internet) -> list[Any]:
        ana = net.host("ana")
        one, other = await mailbox(ana, 1), await mailbox(ana, 2, ip="127.0.0.1")
        one.send(b"loopback", ("127.0.0.1", 2))
        one.send(b"by its address", (ana.address, 1))
        other.send(b"back", ("localhost", 1))
        await asyncio.sleep(1)
        one.close()
        other.close()
        return [sorted((data, addr) for _, data, addr in box.got) for box in (one, other)]

    ones = [(b"back", ("127.0.0.1", 2)), (b"by its address", ("198.18.0.1", 1))]
    assert run(main) == [ones, [(b"loopback", ("127.0.0.1", 1))]]


def test_ipv6_addresses_have_four_parts_as_python_shows_them() -> None:
    async def main(net: Internet) -> Any:
        ana, ben = net.host("ana", ipv6=True), net.host("ben", ipv6=True)
        assert ana.addresses == ("198.18.0.1", "2001:db8::1")
        one, other = await mailbox(ana, 1, ip="::"), await mailbox(ben, 2, ip="::", echo=True)
        one.send(b"six", (ben.addresses[1], 2, 0, 0))
        one.send(b"four", ("::ffff:" + ben.address, 2))
        await asyncio.sleep(1)
        one.close()
        other.close()
        return [(data, addr) for _, data, addr in one.got]

    assert run(main) == [(b"six", ("2001:db8::2", 2, 0, 0)), (b"four", ("::ffff:198.18.0.2", 2, 0, 0))]


GROUP = "224.0.0.251"
JOIN = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton("0.0.0.0"))


def test_multicast_reaches_the_members_of_a_lan_and_nobody_else() -> None:
    async def main(net: Internet) -> list[Any]:
        home, other = net.lan("home"), net.lan("other")
        elsewhere = await mailbox(net.host("elsewhere", lan=home), 5354)
        sock = elsewhere.transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, JOIN)
        names = [("ana", home), ("ben", home), ("cy", home), ("far", other), ("outside", None)]
        boxes = {name: await mailbox(net.host(name, lan=lan), 5353, reuse_port=True) for name, lan in names}
        for name in ("ana", "ben", "far", "outside"):
            sock = boxes[name].transport.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, JOIN)
        boxes["ana"].send(b"who is there?", (GROUP, 5353))
        boxes["outside"].send(b"anybody?", (GROUP, 5353))
        await asyncio.sleep(1)
        sock = boxes["ben"].transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, JOIN)
        boxes["ana"].send(b"and now?", (GROUP, 5353))
        sock = boxes["cy"].transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        boxes["cy"].send(b"all of you", ("255.255.255.255", 5353))
        await asyncio.sleep(1)
        for box in (elsewhere, *boxes.values()):
            box.close()
        assert elsewhere.data == [], "a member of the group, at another port"
        return [{name: box.data for name, box in boxes.items()}, net.trace.dropped()]

    everybody, dropped = run(main)
    assert everybody == {
        "ana": [b"who is there?", b"and now?", b"all of you"],
        "ben": [b"who is there?", b"all of you"],
        "cy": [b"all of you"],
        "far": [],
        "outside": [b"anybody?"],
    }
    assert dropped == {"no route": 1}


class Told(asyncio.DatagramProtocol):
    """A protocol that writes down what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.told.append(data)

    def error_received(self, exc: Exception) -> None:
        self.told.append(exc.errno if isinstance(exc, OSError) else exc)


@on_linux
def test_what_sendto_refuses_is_told_before_it_returns(world: World) -> None:
    async def program() -> list[Any]:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(Told, local_addr=("127.0.0.1", 0))
        here = transport.get_extra_info("sockname")
        for data, address in [
            (b"x", ("127.0.0.1", 0)), (bytes(65_508), here), (b"x", ("::1", 5)),
            (b"x", ("255.255.255.255", 5)),
        ]:  # fmt: skip
            transport.sendto(data, address)
            protocol.told.append("returned")
        transport.sendto(b"fine", here)
        await asyncio.sleep(0.02)
        transport.close()
        return protocol.told  # type: ignore[no-any-return]

    errors = [errno.EINVAL, errno.EMSGSIZE, socket.EAI_ADDRFAMILY, errno.EACCES]
    assert world(program) == [each for error in errors for each in (error, "returned")] + [b"fine"]


@on_linux
def test_addresses_that_an_endpoint_is_opened_with(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()

        async def names(*args: Any, **named: Any) -> Any:
            transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, *args, **named)
            transport.close()
            return transport.get_extra_info("sockname"), transport.get_extra_info("peername")

        assert await names(family=socket.AF_INET) == (("0.0.0.0", 0), None)
        (ip, port), peer = await names(remote_addr=("127.0.0.1", 9))
        assert (ip, peer) == ("127.0.0.1", ("127.0.0.1", 9))
        assert port > 0
        with pytest.raises(ValueError, match="unexpected address family"):
            await names()
        with pytest.raises(ValueError, match="can not get address information"):
            await names(("127.0.0.1", 0), ("::1", 5))
        with pytest.raises(PermissionError):
            await names(remote_addr=("255.255.255.255", 5))
        shouting = await names(remote_addr=("255.255.255.255", 5), allow_broadcast=True)
        assert shouting == (("0.0.0.0", 0), None), "who may broadcast is not connected"

    world(program)


def test_of_several_addresses_that_fail_the_first_is_told_and_no_socket_is_left() -> None:
    async def main(net: Internet) -> list[Any]:
        ana = net.host("ana", ipv6=True)
        net.names.add("wrong", [ana.address, "2001:db8::77"])
        box = await mailbox(ana, 5)
        for name in ("wrong", "2001:db8::77"):
            try:
                await mailbox(ana, 5, ip=name)
            except OSError as error:
                box.errors.append(error)
        assert list(ana.ports.endpoints) == [box.transport.endpoint]
        box.close()
        return [error.errno for error in box.errors]  # type: ignore[attr-defined]

    assert run(main) == [errno.EADDRINUSE, errno.EADDRNOTAVAIL]


@on_linux
def test_two_share_a_port_only_if_both_want_to(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()

        async def udp(port: int, shared: bool) -> Any:
            made = await loop.create_datagram_endpoint(Told, ("127.0.0.1", port), reuse_port=shared)
            return made[0]

        async def tcp(port: int, shared: bool) -> Any:
            return await loop.create_server(asyncio.Protocol, "127.0.0.1", port, reuse_port=shared)

        def port_of(opened: Any) -> int:
            sock = opened.sockets[0] if hasattr(opened, "sockets") else opened.get_extra_info("socket")
            return int(sock.getsockname()[1])

        for opened in (udp, tcp):
            for first, second in ((True, True), (True, False), (False, True), (False, False)):
                one, outcome = await opened(0, first), None
                try:
                    (await opened(port_of(one), second)).close()
                except OSError as error:
                    outcome = error.errno
                one.close()
                await asyncio.sleep(0)
                assert outcome == (None if first and second else errno.EADDRINUSE), (opened, first, second)

    world(program)


@on_linux
def test_limits_of_the_write_buffer_are_asyncios(world: World) -> None:
    async def program() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Told, ("127.0.0.1", 0))
        assert transport.get_write_buffer_size() == 0
        seen = [transport.get_write_buffer_limits()]
        for given in ({"high": 100}, {"low": 10}, {"high": 0}, {"high": 7, "low": 7}, {}):
            transport.set_write_buffer_limits(**given)
            seen.append(transport.get_write_buffer_limits())
        usual = (16_384, 65_536)
        assert seen == [usual, (25, 100), (10, 40), (0, 0), (7, 7), usual]
        with pytest.raises(ValueError, match="must be >="):
            transport.set_write_buffer_limits(high=5, low=10)
        transport.close()

    world(program)


def test_after_one_of_two_that_share_a_port_has_closed_the_other_hears() -> None:
    async def main(net: Internet) -> list[list[bytes]]:
        ana, ben = net.host("ana"), net.host("ben")
        boxes = [await mailbox(ana, 5, reuse_port=True) for _ in range(2)]
        sender = await mailbox(ben)
        sender.send(b"one", (ana.address, 5))
        await asyncio.sleep(1)
        heard = next(box for box in boxes if box.data)
        heard.close()
        sender.send(b"two", (ana.address, 5))
        await asyncio.sleep(1)
        for box in (*boxes, sender):
            box.close()
        return [heard.data, *(box.data for box in boxes if box is not heard)]

    assert run(main) == [[b"one"], [b"two"]]


def test_a_broadcast_to_the_address_that_it_was_opened_with_is_answered_by_anybody() -> None:
    async def main(net: Internet) -> list[Any]:
        home = net.lan("home")
        ana, ben = net.host("ana", lan=home), net.host("ben", lan=home)
        server = await mailbox(ben, 5, echo=True)
        box = await mailbox(ana, remote_addr=("255.255.255.255", 5), allow_broadcast=True)
        box.send(b"who is there?")
        await asyncio.sleep(1)
        box.close()
        server.close()
        return [(data, addr) for _, data, addr in box.got]

    assert run(main) == [(b"who is there?", ("192.168.1.2", 5))]


def test_what_came_to_a_socket_before_it_got_a_transport_is_handed_over() -> None:
    async def main(net: Internet) -> list[bytes]:
        ana, ben = net.host("ana"), net.host("ben")
        sender = await mailbox(ben)

        async def program() -> list[bytes]:
            sock = socket.socket(type=socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.bind(("0.0.0.0", 5))
            sender.send(b"early", (ana.address, 5))
            await asyncio.sleep(1)
            loop = asyncio.get_running_loop()
            transport, protocol = await loop.create_datagram_endpoint(Told, sock=sock)
            sender.send(b"late", (ana.address, 5))
            await asyncio.sleep(1)
            transport.close()
            return list(protocol.told)

        got = await ana.run(program())
        sender.close()
        return got

    assert run(main) == [b"early", b"late"]


def test_a_program_that_is_cancelled_while_its_endpoint_opens_leaves_none() -> None:
    async def main(net: Internet) -> None:
        opening = asyncio.ensure_future(mailbox(net.host("ana"), 4000))
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    run(main)


@pytest.mark.parametrize("error", [ZeroDivisionError, asyncio.CancelledError, GeneratorExit])
def test_a_protocol_that_raises_hears_the_next_datagram_all_the_same(error: type[BaseException]) -> None:
    async def main(net: Internet) -> None:
        box = await mailbox(net.host("ana"), 4000)
        got: list[bytes] = []

        def received(data: bytes, addr: Any) -> None:
            got.append(data)
            raise error

        box.datagram_received = received  # type: ignore[method-assign]
        box.transport.set_protocol(box)
        ben = await mailbox(net.host("ben"))
        ben.send(b"1", ("198.18.0.1", 4000))
        ben.send(b"2", ("198.18.0.1", 4000))
        await asyncio.sleep(1)
        assert got == [b"1", b"2"]
        box.close()
        ben.close()

    net = Internet(strict=False)
    net.run(main)
    assert len(net.leaks) == 2
    assert all(f"ana: datagram_received raised: {error.__name__}" in leak for leak in net.leaks)
