"""UDP sockets of simulated hosts: connected ones, their errors, a host by itself, multicast."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from typing import Any

import pytest

from p2plib.sim import Internet
from tests.sim.small import mailbox, run


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
