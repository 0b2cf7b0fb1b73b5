"""The driver of machines: what a socket adds, which is addresses, timers, errors and closing."""

from __future__ import annotations

import asyncio
import errno
import socket
from enum import Enum
from typing import Any

import pytest

from p2plib.errors import CannotListen, Closed, PeerTimeout, UsageError
from p2plib.machine.addresses import Address
from p2plib.machine.machine import Base
from p2plib.machine.peer import MAX_UNREAD, Peer, plain, target
from p2plib.sim import Internet


class Timer(Enum):
    """What an echo wakes for."""

    WAKE = "whoever set it wants to be woken"


class Echo(Base[bytes, Timer]):
    """A machine as small as can be: it sends back what it gets, tells of it, and counts its wakings."""

    def __init__(self, address: Address, now: float) -> None:
        super().__init__()
        self.own, self.began, self.woken = address, now, [0.0] * 0
        self.sources: list[Address] = []
        self.heard: list[bytes] = []

    def receive(self, data: bytes, address: Address, now: float) -> None:
        self.sources.append(address)
        self.heard.append(data)
        self._tell(data)
        if data.startswith(b"say "):
            self._send(data[4:], address)

    def on_timer(self, now: float) -> None:
        for _ in self.timers.due(now):
            self.woken.append(now)

    def say(self, data: bytes, address: Address, now: float) -> float:
        self._send(data, address)
        return now

    def wake_at(self, at: float, now: float) -> None:
        self.timers.set(Timer.WAKE, at)


def test_what_arrives_is_told_and_answered_on_ipv4_ipv6_and_between_them() -> None:
    async def between(host: str, other: str, public: Address | None = None) -> tuple[Address, Address]:
        async with Peer.open(Echo, host) as ana, Peer.open(Echo, other, public=public) as ben:
            door = (public[0], ben._transport.get_extra_info("sockname")[1]) if public else ben.address  # type: ignore[union-attr]
            assert ana.call(ana.machine.say, b"say hello", door) >= ana.machine.began
            assert await ben.wait(bytes) == b"say hello"
            assert await ana.wait(bytes) == b"hello"
            assert (ana.sent, ana.received, ben.sent, ben.received) == (1, 1, 1, 1)
            assert ben.machine.sources == [ana.address]
            return ana.machine.sources[0], door

    async def main() -> None:
        for host in ("127.0.0.1", "::1"):
            answered, asked = await between(host, host)
            assert answered == asked
        # An IPv6 socket that takes IPv4 as well: the one host has one address, in both directions (rule 2).
        answered, asked = await between("127.0.0.1", "::", ("127.0.0.1", 1))
        assert answered == asked

    asyncio.run(main())


def test_a_mapped_address_is_the_ipv4_address() -> None:
    assert plain(("::ffff:192.0.2.1", 7, 0, 0)) == ("192.0.2.1", 7)
    assert plain(("::ffff:1", 7, 0, 0)) == ("::ffff:1", 7)  # no IPv4 address: an IPv6 address that begins so
    assert plain(("2001:db8::1", 7, 0, 0)) == ("2001:db8::1", 7)


def test_it_is_woken_when_the_machine_wants_it(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        host = net.host("ana")

        async def program() -> list[float]:
            async with Peer.open(Echo, host.address) as peer:
                peer.call(peer.machine.wake_at, 5.0)
                peer.call(peer.machine.wake_at, 9.0)  # later: the first waking finds nothing due
                await asyncio.sleep(20)
                peer.call(peer.machine.wake_at, 30.0)
                peer.call(peer.machine.wake_at, 21.0)  # sooner
                await asyncio.sleep(20)
                peer.call(peer.machine.wake_at, 1.0)  # it is past already: at once
                await asyncio.sleep(0.001)
                return peer.machine.woken

        assert await host.run(program()) == [9.0, 21.0, 40.0]

    internet.run(main)


def test_events_wait_and_are_taken_by_class_and_condition() -> None:
    async def main() -> None:
        async with Peer.open(Echo) as ana, Peer.open(Echo) as ben:
            for word in (b"one", b"two"):
                ana.call(ana.machine.say, word, ben.address)
            await ben.until(lambda: len(ben.machine.sources) == 2, within_s=5)
            assert await ben.wait(bytes, where=lambda word: word == b"two") == b"two"
            assert await ben.wait(bytes) == b"one"
            with pytest.raises(PeerTimeout, match=r"no int or bytes within 0\.05 s"):
                await ben.wait(int, bytes, within_s=0.05)
            with pytest.raises(PeerTimeout, match=r"did not come to hold within 0\.05 s"):
                await ben.until(lambda: False, within_s=0.05)
            later = asyncio.ensure_future(ben.wait(bytes, where=lambda word: word == b"four"))
            twice = asyncio.ensure_future(ben.until(lambda: b"four" in ben.machine.heard))
            await asyncio.sleep(0)
            for word in (b"three", b"four"):
                ana.call(ana.machine.say, word, ben.address)
            await ben.until(lambda: len(ben.machine.sources) == 4, within_s=5)
            ben.flush()  # what is waited for holds still, and who waits has not run yet
            assert await later == b"four"
            assert await ben.wait(bytes) == b"three"
            await twice
            for number in range(MAX_UNREAD + 3):
                ben.machine._tell(b"%d" % number)
            ben.flush()
            assert ben.unread == 3
            assert await ben.wait(bytes) == b"3"

    asyncio.run(main())


def test_after_the_block_nothing_is_left_and_who_waits_is_told() -> None:
    async def main() -> None:
        async with Peer.open(Echo) as peer:
            peer.call(peer.machine.wake_at, peer.now() + 1000)
            waits = asyncio.ensure_future(peer.wait(bytes)), asyncio.ensure_future(peer.until(lambda: False))
            await asyncio.sleep(0)
        for waiting in waits:
            with pytest.raises(Closed):
                await waiting
        with pytest.raises(Closed):
            peer.call(peer.machine.say, b"late", ("127.0.0.1", 9))
        with pytest.raises(Closed):
            await peer.wait(bytes)
        with pytest.raises(Closed):
            await peer.until(lambda: False)
        assert peer._wake is not None
        assert peer._wake.cancelled()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(peer.address)  # the port is free

    asyncio.run(main())


def test_a_port_in_use_and_a_wildcard_are_refused_with_the_reason() -> None:
    async def main() -> None:
        async with Peer.open(Echo) as peer:
            with pytest.raises(CannotListen, match=str(peer.address[1])):
                async with Peer.open(Echo, *peer.address):
                    pass
        for wildcard in ("0.0.0.0", "::"):
            with pytest.raises(UsageError, match="public"):
                async with Peer.open(Echo, wildcard):
                    pass

    asyncio.run(main())


def test_errors_of_the_operating_system_are_counted_by_name_and_end_nothing() -> None:
    async def main() -> None:
        async with Peer.open(Echo) as ana, Peer.open(Echo) as ben:
            ana.call(ana.machine.say, bytes(70_000), ben.address)  # larger than UDP can carry
            ana.error_received(ConnectionRefusedError(errno.ECONNREFUSED, "said by somebody on the way"))
            ana.error_received(OSError("without a number"))
            assert ana.failures == {"EMSGSIZE": 1, "ECONNREFUSED": 1, "OSError": 1}
            ana.call(ana.machine.say, b"hello", ben.address)
            assert await ben.wait(bytes) == b"hello"
            assert ana.sent == 1

    asyncio.run(main())


@pytest.mark.parametrize("simulated", [False, True])
def test_what_the_socket_cannot_send_to_is_counted_and_never_looked_up(simulated: bool) -> None:
    async def program(host: str) -> None:
        async with Peer.open(Echo, host) as ana, Peer.open(Echo, host) as ben:
            for address in (("::1", 9), ("example.org", 9), ("127.0.0.1", 99_999), ("127.0.0.1", -1)):
                ana.call(ana.machine.say, b"nowhere", address)
            ana.call(ana.machine.say, b"a port in words", ("127.0.0.1", "53"))  # type: ignore[arg-type]
            assert ana.failures == {"EAFNOSUPPORT": 1, "no address": 4}
            ana.call(ana.machine.say, b"hello", ben.address)
            assert await ben.wait(bytes) == b"hello"

    async def main(net: Internet) -> None:
        ana = net.host("ana")
        await ana.run(program(ana.address))

    if simulated:
        Internet(1).run(main)
    else:
        asyncio.run(program("127.0.0.1"))


def test_a_full_socket_drops_and_counts() -> None:
    async def main() -> None:
        async with Peer.open(Echo) as ana, Peer.open(Echo) as ben:
            sendto = ana._sendto

            def full(data: bytes, address: Address) -> None:
                raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

            ana._sendto = full
            ana.call(ana.machine.say, b"lost", ben.address)
            ana._sendto = sendto
            ana.call(ana.machine.say, b"again", ben.address)
            assert await ben.wait(bytes) == b"again"
            assert (ana.failures, ana.sent) == ({"full": 1}, 1)

    asyncio.run(main())


def test_it_sends_on_a_socket_of_its_own_that_never_blocks_and_is_closed_with_the_block() -> None:
    async def main() -> None:
        async with Peer.open(Echo) as peer:
            handle = peer._handle
            assert handle is not None
            assert handle.getsockname() == peer.address
            assert not handle.getblocking()
        assert handle.fileno() == -1

    asyncio.run(main())


def test_an_address_as_a_socket_takes_it() -> None:
    assert target(("192.0.2.1", 7), False) == ("192.0.2.1", 7)
    assert target(("192.0.2.1", 7), True) == ("::ffff:192.0.2.1", 7)
    assert target(("2001:db8::1", 7), True) == ("2001:db8::1", 7)
    with pytest.raises(OSError, match="this socket is for IPv4") as caught:
        target(("2001:db8::1", 7), False)
    assert caught.value.errno == errno.EAFNOSUPPORT
    with pytest.raises(UsageError, match="a port is 1 to 65535, not 0"):
        target(("192.0.2.1", 0), False)


@pytest.mark.parametrize("how", ["cancelled", "timed out"])
def test_an_event_that_comes_in_the_instant_in_which_its_waiter_gives_up_is_not_lost(how: str) -> None:
    async def main() -> None:
        async with Peer.open(Echo) as peer:
            waiting = asyncio.create_task(peer.wait(bytes, within_s=0 if how == "timed out" else 60))
            await asyncio.sleep(0)
            peer.machine._tell(b"here")
            peer.flush()
            if how == "timed out":
                assert await waiting == b"here"
            else:
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                assert await peer.wait(bytes) == b"here"

    asyncio.run(main())


def test_a_condition_that_raises_raises_where_it_is_waited_for_and_nowhere_else() -> None:
    def where(event: bytes) -> bool:
        return event.decode() != "never"

    async def main() -> None:
        async with Peer.open(Echo) as peer:
            waiting = asyncio.create_task(peer.wait(bytes, where=where))
            heard = asyncio.create_task(peer.until(lambda: 1 // (1 - len(peer.machine.heard)) < 0))
            await asyncio.sleep(0)
            peer.machine.wake_at(peer.now(), peer.now())
            peer.datagram_received(b"\xff", ("127.0.0.1", 9))
            for task, error in ((waiting, UnicodeDecodeError), (heard, ZeroDivisionError)):
                with pytest.raises(error):
                    await task
            assert await peer.wait(bytes) == b"\xff"
            await peer.until(lambda: bool(peer.machine.woken))

    asyncio.run(main())


def test_what_comes_from_where_nothing_can_be_sent_to_is_dropped_and_counted() -> None:
    """Port 0, which a raw socket can write; and IPv6 addresses that mean something on one link alone."""

    async def main() -> None:
        async with Peer.open(Echo, "::1") as peer, Peer.open(Echo) as other:
            peer.datagram_received(b"say x", ("fe80::1%lo", 9, 0, 1))
            peer.datagram_received(b"say x", ("::1", 0, 0, 0))
            other.datagram_received(b"say x", ("127.0.0.1", 0))
            assert (peer.failures, other.failures) == ({"no address": 2}, {"no address": 1})
            assert peer.machine.heard == other.machine.heard == []

    asyncio.run(main())


@pytest.mark.parametrize("address", [("127.0.0.1", 9, 0), ("127.0.0.1",), (None, 9), ["127.0.0.1", 9]])
def test_what_is_no_address_at_all_is_not_sent_to_and_ends_nothing(address: Any) -> None:
    async def main() -> None:
        async with Peer.open(Echo) as peer:
            peer.call(peer.machine.say, b"hello", address)
            assert peer.failures == {"no address": 1}

    asyncio.run(main())
