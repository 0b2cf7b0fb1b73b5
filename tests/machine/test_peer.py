"""The driver of machines: what a socket adds, which is addresses, timers, errors and closing."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from enum import Enum
from typing import Any

import pytest

from p2plib.errors import CannotListen, Closed, PeerTimeout, UsageError
from p2plib.machine.addresses import Address
from p2plib.machine.machine import Base
from p2plib.machine.peer import MAX_UNREAD, Peer, PeerStats
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

    def number(self, now: float) -> int:
        self._tell(b"7")
        return 7

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
            await ben.until(lambda: len(ben.machine.sources) == 2, within_s=100)
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
            await ben.until(lambda: len(ben.machine.sources) == 4, within_s=100)
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
        with pytest.raises(Closed):
            await peer.outcome(peer.machine.number)
        assert peer.machine.events() == []  # and the machine is not asked
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
        for wildcard in ("0.0.0.0", "::", "0:0::0"):
            with pytest.raises(UsageError, match="public"):
                async with Peer.open(Echo, wildcard):
                    pass

    asyncio.run(main())


def test_a_socket_that_its_owner_has_prepared_is_used_and_closed_with_the_block() -> None:
    async def main() -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind(("0.0.0.0", 0))
        port = sock.getsockname()[1]
        async with Peer.open(Echo, "0.0.0.0", port, public=("127.0.0.1", port), sock=sock) as peer:
            assert (peer.address, peer.bound) == (("127.0.0.1", port), ("0.0.0.0", port))
        assert sock.fileno() == -1

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


@pytest.mark.finding("T1")
@pytest.mark.parametrize(
    ("host", "port", "public", "why"),
    [
        ("example.org", 0, None, "'example.org' is not an IP address"),
        ("127.0.0.1", 99_999, None, "a port to listen on is 0 to 65535, not 99999"),
        ("127.0.0.1", "53", None, "a port to listen on is"),
        ("224.0.0.1", 0, None, r"no peer can be at 224\.0\.0\.1"),
        ("0.0.0.0", 0, ("example.org", 4000), "'example.org' is not an IP address"),
        ("0.0.0.0", 0, ("192.0.2.1", 0), "a port is a number from 1 to 65535, not 0"),
        ("0.0.0.0", 0, ("2001:db8::1", 4000), r"0\.0\.0\.0 receives only IPv4"),
    ],
)
def test_what_cannot_be_listened_at_is_a_usage_error_before_anything_is_opened(
    host: str, port: Any, public: Any, why: str
) -> None:
    async def main() -> None:
        with pytest.raises(UsageError, match=why):
            async with Peer.open(Echo, host, port, public=public):
                pass

    asyncio.run(main())


def test_an_outcome_is_awaited_by_its_number_even_if_it_comes_at_once() -> None:
    async def main() -> None:
        async with Peer.open(Echo, on_event=lambda event: peer.awaited.resolve(int(event), event)) as peer:
            assert await peer.outcome(peer.machine.number) == b"7"
            with pytest.raises(TypeError):
                await peer.outcome(peer.machine.number, "too much")
            assert len(peer.awaited) == 0

    asyncio.run(main())


@pytest.mark.finding("T1")
@pytest.mark.parametrize("by", ["the system", "the block"])
def test_nothing_waits_on_when_the_socket_is_gone(by: str) -> None:
    async def main() -> None:
        async with Peer.open(Echo) as peer:
            waits = [
                asyncio.ensure_future(waiting)
                for waiting in (
                    peer.wait(bytes),
                    peer.until(lambda: False),
                    peer.outcome(lambda now: "never"),
                )
            ]
            await asyncio.sleep(0)
            if by == "the system":
                assert peer._transport is not None
                peer._transport._fatal_error(OSError("the network card was pulled out"))  # type: ignore[attr-defined]
                await asyncio.sleep(0)
        for waiting in waits:
            with pytest.raises(Closed, match="this peer's socket is closed"):
                await asyncio.wait_for(waiting, 100)
        with pytest.raises(Closed):
            await asyncio.wait_for(peer.outcome(lambda now: "never"), 100)

    asyncio.run(main())


@pytest.mark.finding("T7")
def test_a_peer_is_of_one_family_on_an_ipv6_socket_too() -> None:
    """A socket at :: receives from both; what is not of the family of the peer's address is dropped."""

    async def main() -> None:
        public = {4: ("127.0.0.1", 4000), 6: ("::1", 4000)}
        for family in (4, 6):
            async with (
                Peer.open(Echo, "127.0.0.1") as four,
                Peer.open(Echo, "::1") as six,
                Peer.open(Echo, "::", public=public[family]) as both,
            ):
                of_family, other = (four, six) if family == 4 else (six, four)
                for peer in (other, of_family):
                    peer.call(peer.machine.say, b"hello", (peer.address[0], both.bound[1]))
                    both.call(both.machine.say, b"hello", peer.address)
                assert await both.wait(bytes) == await of_family.wait(bytes) == b"hello"
                assert both.machine.sources == [of_family.address]
                assert both.failures == {"EAFNOSUPPORT": 2}  # one to send, one received
                assert other.machine.heard == []

    asyncio.run(main())


def test_what_was_counted_is_told_together() -> None:
    async def main() -> None:
        async with Peer.open(Echo) as peer:
            peer.call(peer.machine.say, b"hello", peer.address)
            peer.call(peer.machine.say, b"hello", ("::1", 9))
            await peer.wait(bytes)
            peer.machine._ignore("malformed")
            assert peer.stats() == PeerStats(peer.address, 1, 1, {"EAFNOSUPPORT": 1}, {"malformed": 1}, 0)

    asyncio.run(main())


def test_what_happens_to_a_socket_can_be_read_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Peer.open(Echo) as peer:
            for _ in range(2):
                peer.error_received(ConnectionRefusedError(errno.ECONNREFUSED, "nobody there"))
            peer.connection_lost(OSError("the network card was pulled out"))

    with caplog.at_level(logging.DEBUG, "p2plib"):
        asyncio.run(main())
    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("p2plib.machine.peer", level) for level in ("DEBUG", "DEBUG", "INFO")
    ]
    assert ["listens" in caplog.messages[0], "ECONNREFUSED" in caplog.messages[1]] == [True, True]
    assert "the network card" in caplog.messages[2]
