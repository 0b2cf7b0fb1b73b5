"""The drivers: the same programs on real loopback sockets and in a simulated internet.

What a machine does is tested with machines; here is what a socket adds: addresses, timers, errors, closing.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from enum import Enum
from typing import Any

import pytest

from p2plib.errors import CannotListen, Closed, JoinRefused, NotFound, PeerTimeout, UsageError
from p2plib.machine import requests
from p2plib.machine.addresses import Address, Contact
from p2plib.machine.machine import Base
from p2plib.machine.peer import MAX_UNREAD, Peer, plain
from p2plib.sim import Internet, Link
from p2plib.sim.link import Constant
from p2plib.topology.hyparview.machine import HyParView, Up, ViewSettings
from p2plib.topology.kademlia import messages as kademlia_messages
from p2plib.topology.kademlia.driver import KademliaPeer
from p2plib.topology.kademlia.parts import Settings
from p2plib.topology.kademlia.store import key_of
from p2plib.topology.kademlia.table import NO_LIMITS
from p2plib.topology.mesh.machine import Entered, Gone, LineBack, LineLost, Mesh
from p2plib.topology.ring.chord import Chord
from p2plib.topology.ring.driver import RingPeer
from p2plib.topology.ring.machine import Ring
from p2plib.topology.ring.parts import RingSettings

HERE = Settings(k=8, limits=NO_LIMITS)  # all of these peers live at 127.0.0.1
RING = RingSettings(bits=16, r=4, stabilise_s=0.05, check_s=0.5, fingers_s=0.1)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On loopback nothing is lost, but a busy machine answers late: an answer is given its time."""
    monkeypatch.setattr(requests, "MIN_MARGIN_S", 5.0)


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


# `Peer`


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
            with pytest.raises(PeerTimeout, match=r"did not come about within 0\.05 s"):
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


def test_errors_of_the_operating_system_are_counted_and_end_nothing() -> None:
    async def main() -> None:
        async with Peer.open(Echo) as ana, Peer.open(Echo) as ben:
            ana.call(ana.machine.say, bytes(70_000), ben.address)  # larger than UDP can carry
            ana.call(ana.machine.say, b"hello", ("::1", 9))  # no way there from an IPv4 socket
            assert sum(ana.failures.values()) == 2
            ana.call(ana.machine.say, b"hello", ben.address)
            assert await ben.wait(bytes) == b"hello"
            ana.pause_writing()  # as asyncio does while the socket takes no more
            ana.call(ana.machine.say, b"lost", ben.address)
            ana.resume_writing()
            ana.call(ana.machine.say, b"again", ben.address)
            assert await ben.wait(bytes) == b"again"
            assert ana.failures["full"] == 1

    asyncio.run(main())


@pytest.mark.usefixtures("patient")
def test_a_datagram_that_is_too_long_is_dropped_and_counted() -> None:
    async def main() -> None:
        async with network([None] * 2, HERE) as peers:
            host, port = peers[0].address
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind((host, 0))
                stranger.sendto(bytes(60_000), (host, port))
                ping = kademlia_messages.CODEC.encode(kademlia_messages.Ping(1, 2))
                stranger.sendto(ping + bytes(1500), (host, port))
            await peers[0].peer.until(lambda: peers[0].machine.ignored["malformed"] == 2, within_s=5)
            value = b"still there"
            assert (await peers[1].put(key_of(value), value)).copies == 2

    asyncio.run(main())


# A table, a ring and a mesh, by the same code on real sockets and simulated hosts


@asynccontextmanager
async def network(hosts: list[Any], settings: Settings) -> AsyncIterator[list[KademliaPeer]]:
    """A Kademlia peer on each of some hosts; None is this machine."""
    async with AsyncExitStack() as stack:
        peers: list[KademliaPeer] = []
        for number, host in enumerate(hosts):
            rng = random.Random(f"peer {number}")
            own_id, where = rng.getrandbits(settings.bits), host.address if host else "127.0.0.1"
            opened = KademliaPeer.open(own_id, rng, where, settings=settings)
            if host is None:
                peer = await stack.enter_async_context(opened)
            else:
                with host:
                    peer = await stack.enter_async_context(opened)
            if peers:
                await peer.join([door.address for door in peers[:3]])  # one door may lose all it is sent
            peers.append(peer)
        yield peers


async def use(peers: list[KademliaPeer]) -> None:
    """Everybody stores one value and fetches that of another."""
    values = [b"value %d" % number for number in range(len(peers))]
    for peer, value in zip(peers, values, strict=True):
        done = await peer.put(key_of(value), value)
        assert done.copies == done.asked
        assert done.asked in (8, 9)  # the nearest eight others, and itself if it is one of the nearest eight
    for peer, value in zip(peers, values[7:] + values[:7], strict=True):
        assert await peer.get(key_of(value)) == value
    ids = sorted((peer.machine.own_id for peer in peers[1:]), key=lambda one: one ^ 12345)
    found = await peers[0].find(12345)
    assert [contact.id for contact in found.closest] == ids[:8]
    with pytest.raises(NotFound, match="peers has a value under"):
        await peers[3].get(key_of(b"nobody stored this"))


@pytest.mark.usefixtures("patient")
def test_kademlia_on_real_sockets() -> None:
    async def main() -> None:
        async with network([None] * 30, HERE) as peers:
            await use(peers)
            assert not any(peer.machine.ignored for peer in peers)

    asyncio.run(main())


def test_kademlia_among_simulated_hosts_and_over_a_bad_line(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"peer{number}") for number in range(40)]
        async with network(hosts, Settings(k=8)) as peers:
            await use(peers)

    internet.run(main)
    bad = Internet(internet.seed, link=Link(Constant(0.05), loss=0.05))

    async def over_a_bad_line(net: Internet) -> None:
        hosts = [net.host(f"peer{number}") for number in range(40)]
        async with network(hosts, Settings(k=8)) as peers:
            value = b"heard through the noise"
            await peers[1].put(key_of(value), value)
            for peer in peers:
                assert await peer.get(key_of(value)) == value

    bad.run(over_a_bad_line)


def test_the_same_seed_gives_the_same_run() -> None:
    def digest() -> str:
        async def main(net: Internet) -> None:
            hosts = [net.host(f"peer{number}") for number in range(20)]
            async with network(hosts, Settings(k=8)) as peers:
                await use(peers)

        net = Internet(5)
        net.run(main)
        return net.trace.digest()

    assert digest() == digest()


@pytest.mark.fault("F081")
def test_a_third_of_the_peers_die_and_values_are_found(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"peer{number}") for number in range(60)]
        async with network(hosts, Settings(k=8)) as peers:
            values = [b"value %d" % number for number in range(40)]
            for value in values:
                await peers[0].put(key_of(value), value)
            dead = hosts[1::3]
            for host in dead:
                host.crash()
            alive = [peer for peer, host in zip(peers, hosts, strict=True) if host.is_up]
            began = net.loop.time()
            for value in values:
                asking = alive[1 + values.index(value) % (len(alive) - 1)]
                assert await asking.get(key_of(value)) == value
            assert (net.loop.time() - began) / len(values) < 1.0  # "well under a second" for each

    internet.run(main)


@pytest.mark.fault("F099")
def test_a_taken_id_is_refused() -> None:
    async def main() -> None:
        strict = Settings(k=8, limits=NO_LIMITS)
        async with network([None] * 12, strict) as peers:
            taken = peers[5].machine.own_id
            async with KademliaPeer.open(taken, random.Random(1), settings=strict) as second:
                with pytest.raises(JoinRefused, match="our id"):
                    await second.join([peers[5].address])
                with pytest.raises(PeerTimeout, match=r"nobody answered at 127\.0\.0\.1:9"):
                    await second.join([("127.0.0.1", 9)])  # what was said at another door is forgotten
        async with (
            RingPeer.open(7, random.Random(1), settings=RING) as first,
            RingPeer.open(7, random.Random(2), settings=RING) as second_7,
        ):
            first.found()
            with pytest.raises(JoinRefused, match="our id"):
                await second_7.join([first.address])

    asyncio.run(main())


def test_nobody_there_is_an_error_that_says_where() -> None:
    quick = Settings(k=8, limits=NO_LIMITS)

    async def main(net: Internet) -> None:
        ana, nobody = net.host("ana"), net.host("nobody")

        async def program() -> None:
            async with KademliaPeer.open(1, random.Random(1), ana.address, settings=quick) as peer:
                with pytest.raises(PeerTimeout, match=f"nobody answered at {nobody.address}:9"):
                    await peer.join([(nobody.address, 9)])
                with pytest.raises(PeerTimeout, match="nobody answered of 0"):
                    await peer.get(5)
                with pytest.raises(PeerTimeout, match="nobody answered of 0"):
                    await peer.find(5)
                with pytest.raises(UsageError, match="at least one address"):
                    await peer.join([])
                joining = asyncio.ensure_future(peer.join([(nobody.address, 9)]))
                await asyncio.sleep(0)
                with pytest.raises(UsageError, match="joining already"):
                    await peer.join([(nobody.address, 9)])
                joining.cancel()
                await asyncio.sleep(10)
            full = Settings(k=8, limits=NO_LIMITS, max_values=0)
            async with KademliaPeer.open(1, random.Random(1), ana.address, settings=full) as keeper:
                with pytest.raises(PeerTimeout, match="nobody keeps the value, of 1 who were asked to"):
                    await keeper.put(key_of(b"no room"), b"no room")
                assert not keeper._searches
            async with RingPeer.open(1, random.Random(1), ana.address) as member:
                with pytest.raises(PeerTimeout, match="none of these addresses"):
                    await member.join([(nobody.address, 9)])
                with pytest.raises(UsageError, match="member"):
                    await member.find(3)

        await ana.run(program())

    Internet(1).run(main)


def test_closing_while_somebody_searches_tells_them() -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"peer{number}") for number in range(10)]
        async with network(hosts, Settings(k=8)) as peers:
            getting = asyncio.ensure_future(peers[4].get(5))
            finding = asyncio.ensure_future(peers[4].find(5))
            await asyncio.sleep(0)
            finding.cancel()  # nobody waits for its end any more, which harms nobody
        with pytest.raises(Closed):
            await getting

    Internet(1).run(main)


@pytest.mark.parametrize("kind", [Ring, Chord])
def test_a_ring_on_real_sockets(kind: type[Ring]) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            peers: list[RingPeer] = []
            for number in range(16):
                own_id = number * 4096 + 7
                opened = RingPeer.open(own_id, random.Random(number), kind=kind, settings=RING)
                peer = await stack.enter_async_context(opened)
                if peers:
                    assert await peer.join([peers[0].address])
                else:
                    peer.found()
                peers.append(peer)
            ids = sorted(peer.machine.own.id for peer in peers)
            for peer in peers:
                after = [one for one in ids if one > peer.machine.own.id][:4]
                wanted = (after + ids)[:4]
                await peer.peer.until(
                    lambda peer=peer, wanted=wanted: [one.id for one in peer.machine.successors] == wanted,
                    within_s=20,
                )
            assert (await peers[3].find(30_000)).owners[0].id == 8 * 4096 + 7
            leaving = peers[8]
            assert (await peers[3].find(8 * 4096)).owners[0].id == leaving.machine.own.id == 8 * 4096 + 7
            await leaving.leave()
            assert (await peers[7].find(8 * 4096)).owners[0].id == 9 * 4096 + 7
            assert not peers[7]._searches
            finding = asyncio.ensure_future(peers[7].find(60_000))
            await asyncio.sleep(0)
        with pytest.raises(Closed):
            await finding

    asyncio.run(main())


@pytest.mark.fault("F098")
def test_a_ring_of_simulated_hosts_loses_two_neighbours_and_a_third_of_all(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        settings = RingSettings(bits=16, r=6, stabilise_s=5.0, check_s=30.0, fingers_s=20.0)
        hosts = [net.host(f"peer{number:02}") for number in range(48)]
        async with AsyncExitStack() as stack:
            peers: list[RingPeer] = []
            for number, host in enumerate(hosts):
                opened = RingPeer.open(
                    number * 1300 + 5, random.Random(number), host.address, kind=Chord, settings=settings
                )
                with host:
                    peer = await stack.enter_async_context(opened)
                if peers:
                    await peer.join([peers[0].address])
                else:
                    peer.found()
                peers.append(peer)
            await asyncio.sleep(60)
            for number in (20, 21, *range(1, 48, 3)):
                if hosts[number].is_up:
                    hosts[number].crash()
            await asyncio.sleep(120)
            alive = [peer for peer, host in zip(peers, hosts, strict=True) if host.is_up]
            ids = [peer.machine.own.id for peer in alive]
            for peer, following in zip(alive, ids[1:] + ids[:1], strict=True):
                assert peer.machine.successors[0].id == following
            for key in range(0, 62_000, 997):
                done = await alive[key % len(alive)].find(key)
                assert done.owners[0].id == min((one for one in ids if one >= key), default=ids[0])

    internet.run(main)


@pytest.mark.fault("F096")
def test_a_line_that_fails_one_way_is_told_once_and_nobody_is_declared_dead(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"peer{number}") for number in range(6)]
        async with AsyncExitStack() as stack:
            peers: list[Peer[Mesh]] = []
            for number, host in enumerate(hosts):
                rng = random.Random(number)

                def make(
                    address: Address, now: float, number: int = number, rng: random.Random = rng
                ) -> Mesh:
                    return Mesh(Contact(number, address), rng, now=now, ping_s=2.0)

                with host:
                    peer = await stack.enter_async_context(Peer.open(make, host.address))
                if peers:
                    peer.call(peer.machine.join, [peers[0].address])
                peers.append(peer)
            for peer in peers:
                await peer.until(lambda peer=peer: len(peer.machine.members) == 5, within_s=60)
            net.set_link(hosts[0], hosts[1], Link(Constant(0.02), loss=1.0), both_ways=False)
            lost = await peers[0].wait(LineLost, within_s=120)
            assert lost.contact.id == 1
            await asyncio.sleep(120)
            for peer in peers:
                assert len(peer.machine.members) == 5
                with pytest.raises(PeerTimeout):
                    await peer.wait(Gone, within_s=0.01)
            with pytest.raises(PeerTimeout):
                await peers[0].wait(LineLost, within_s=0.01)  # once
            net.set_link(hosts[0], hosts[1], Link(Constant(0.02)), both_ways=False)
            assert (await peers[0].wait(LineBack, within_s=60)).contact.id == 1
            hosts[5].crash()
            for peer in peers[:5]:
                assert (await peer.wait(Gone, within_s=120)).contact.id == 5
            assert (await peers[2].wait(Entered)).contact.id in range(6)

    internet.run(main)


@pytest.mark.slow
@pytest.mark.fault("F097")
def test_ninety_of_a_hundred_crash_and_the_others_find_each_other(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        settings = ViewSettings(shuffle_s=2.0, ping_s=1.0)
        hosts = [net.host(f"peer{number:03}") for number in range(100)]
        async with AsyncExitStack() as stack:
            peers: list[Peer[HyParView]] = []
            for number, host in enumerate(hosts):
                rng = random.Random(number)

                def make(
                    address: Address, now: float, number: int = number, rng: random.Random = rng
                ) -> HyParView:
                    return HyParView(Contact(number, address), rng, now=now, settings=settings)

                with host:
                    peer = await stack.enter_async_context(Peer.open(make, host.address))
                if peers:
                    peer.call(peer.machine.join, [peers[0].address])
                    await peer.wait(Up, within_s=60)
                peers.append(peer)
            await asyncio.sleep(60)
            survivors = random.Random(internet.seed).sample(range(100), 10)
            for number, host in enumerate(hosts):
                if number not in survivors:
                    host.crash()
            await asyncio.sleep(40)
            lines = {number: set(peers[number].machine.active) for number in survivors}
            reached, ahead = {survivors[0]}, [survivors[0]]
            while ahead:
                new = lines[ahead.pop()] - reached
                reached |= new
                ahead += new
            assert reached == set(survivors)

    internet.run(main)
