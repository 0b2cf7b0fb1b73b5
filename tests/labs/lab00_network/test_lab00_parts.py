"""Lab 0, the parts under its tasks: the datagram, the socket, the worlds, and all of it on real sockets."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from p2plib.errors import Closed, DecodeError, PeerTimeout, UsageError
from p2plib.labs import Wrong
from p2plib.labs.lab00_network import LAB
from p2plib.labs.lab00_network.answering import Responder
from p2plib.labs.lab00_network.asking import clock_set, ping
from p2plib.labs.lab00_network.detector import Detector, Look, partition, watch
from p2plib.labs.lab00_network.peer_socket import MOST_WAITING, PeerSocket, connect
from p2plib.labs.lab00_network.retry import ping_with_retry
from p2plib.labs.lab00_network.roundtrips import ROADS, RoundTrips, travel
from p2plib.labs.lab00_network.wire import PING, PONG, decode_ping, dissect_ping, encode_ping
from p2plib.labs.lab00_network.world import world
from p2plib.sim import Internet, Link
from tests.labs.proving import disguised


def test_a_ping_is_laid_out_as_the_table_says() -> None:
    assert encode_ping(PING, 7) == b"p2p\x01\x00\x00\x00\x07"
    assert encode_ping(PONG, 0x01020304) == struct.pack(">3sBI", b"p2p", 2, 0x01020304)
    assert decode_ping(bytes.fromhex("70327002ffffffff")) == (PONG, 2**32 - 1)
    assert b"".join(part.raw for part in dissect_ping(encode_ping(PING, 9))) == encode_ping(PING, 9)


@pytest.mark.parametrize(("kind", "number"), [(0, 1), (3, 1), (PING, -1), (PING, 2**32)])
def test_what_does_not_fit_is_not_written(kind: int, number: int) -> None:
    with pytest.raises(UsageError):
        encode_ping(kind, number)


@pytest.mark.parametrize(
    ("raw", "offset"),
    [(b"", 0), (b"p2p", 3), (b"p2p\1\0\0\0\0\0", 8), (b"p2x\1\0\0\0\0", 0), (b"p2p\7\0\0\0\0", 3)],
)
def test_refusals_say_where(raw: bytes, offset: int) -> None:
    with pytest.raises(DecodeError) as refused:
        decode_ping(raw)
    assert refused.value.offset == offset


def test_every_other_datagram_of_eight_bytes_is_refused() -> None:
    good = encode_ping(PING, 5)
    taken = 0
    for place in range(4):
        for value in range(256):
            try:
                decode_ping(good[:place] + bytes([value]) + good[place + 1 :])
                taken += 1
            except DecodeError:
                pass
    assert taken == 3 + 2, "the three places of the mark as they are, and two kinds"


def on_loopback(main: Callable[[tuple[str, int]], Any]) -> Any:
    """Run something against a Responder on this machine's own network."""

    async def whole() -> Any:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Responder, local_addr=("127.0.0.1", 0))
        try:
            return await main(transport.get_extra_info("sockname"))
        finally:
            transport.close()
            await asyncio.sleep(0)

    return asyncio.run(asyncio.wait_for(whole(), 100))


def test_the_same_functions_run_on_real_sockets() -> None:
    async def main(address: tuple[str, int]) -> Any:
        async with await connect(address) as socket:
            trips = [await ping(socket, number, 5.0) for number in range(20)]
            trips.append(await ping_with_retry(socket, count(100), 2.0, 3))
            looks = await watch(socket, count(200), Detector(), pings=5, every_s=0.02, timeout_s=0.015)
            return trips, looks, socket.sent

    trips, looks, sent = on_loopback(main)
    assert all(0 < trip < 5 for trip in trips)
    assert len(looks) == 5
    assert sent == 26


def test_a_closed_port_is_silence_on_real_sockets_and_is_counted() -> None:
    async def main() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Responder, local_addr=("127.0.0.1", 0))
        address = transport.get_extra_info("sockname")
        transport.close()
        await asyncio.sleep(0.01)
        async with await connect(address) as socket:
            with pytest.raises(PeerTimeout):
                await ping_with_retry(socket, count(), 0.01, 3)
            return socket.sent, socket.refused

    sent, refused = asyncio.run(asyncio.wait_for(main(), 100))
    assert sent == 3
    assert refused <= 3  # Linux says so; a system may keep silent


def test_a_line_keeps_a_bounded_number_of_datagrams_and_refuses_when_closed() -> None:
    async def main(net: Internet) -> None:
        net.hosts["ana"].clock_ahead_s = 0
        socket = PeerSocket()
        for _ in range(MOST_WAITING + 5):
            socket.datagram_received(b"x", ("198.18.0.1", 1))
        assert socket.dropped == 5
        with pytest.raises(Closed):
            socket.send(b"x")
        socket.close()

    world(main)


@pytest.mark.fault("F155")
@pytest.mark.parametrize("by_s", [86_400.0, -86_400.0])
def test_a_wall_clock_that_jumps_does_not_change_what_is_measured(by_s: float) -> None:
    LAB.judge("ping", disguised(ping), clock_set(by_s))

    async def by_wall_clock(socket: PeerSocket, number: int, timeout_s: float) -> float:
        import time

        began_s = time.time()
        await ping(socket, number, timeout_s)
        return time.time() - began_s

    with pytest.raises(AssertionError, match=r"set the clock.*time.time\(\) can be set"):
        LAB.judge("ping", by_wall_clock, clock_set(by_s))


def test_a_partition_is_seen_once_and_its_end_too() -> None:
    for seed in range(5):
        news = [(look.at_s, look.news) for look in partition(Detector(), seed=seed, loss=0.02) if look.news]
        assert [said for _, said in news] == ["up", "down", "up"]
        (up, _), (down, _), (again, _) = news
        assert up <= 5
        assert 200 <= down <= 204, "three misses, one of which may have been before"
        assert 300 <= again <= 306


def test_a_naive_detector_flaps() -> None:
    news = [look for look in partition(Detector(misses=1, answers=1), seed=2, loss=0.05) if look.news]
    assert len(news) > 40


def test_a_watch_keeps_its_times() -> None:
    looks = partition(Detector(), seed=1, loss=0.2, pings=310)
    assert [look.at_s for look in looks] == [float(number) for number in range(310)]
    assert looks[0] == Look(0.0, True, None)


def test_round_trips_follow_rfc_6298() -> None:
    """Worked by hand from the rules of its section 2."""
    trips = RoundTrips()
    assert trips.timeout_s == 1.0
    trips.heard(0.1)
    assert trips.timeout_s == pytest.approx(0.1 + 4 * 0.05)
    trips.heard(0.3)  # rttvar = 3/4 0.05 + 1/4 0.2 = 0.0875, srtt = 7/8 0.1 + 1/8 0.3 = 0.125
    assert trips.timeout_s == pytest.approx(0.125 + 4 * 0.0875)
    trips.missed()
    trips.missed()
    assert trips.timeout_s == pytest.approx(4 * 0.475)
    for _ in range(20):
        trips.missed()
    assert trips.timeout_s == 60.0
    for _ in range(200):
        trips.heard(0.0001)
    assert trips.timeout_s == 0.01


def test_a_road_costs_the_same_every_time() -> None:
    assert travel(ROADS[2], RoundTrips()) == travel(ROADS[2], RoundTrips())


def test_a_world_tells_what_was_left_behind() -> None:
    async def leaves_a_task(net: Internet) -> None:
        net.hosts["ana"].start(asyncio.sleep, 5.0)
        asyncio.get_running_loop().create_task(asyncio.sleep(1e6))

    with pytest.raises(Wrong, match="left a task"):
        world(leaves_a_task)

    async def waits(net: Internet) -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Wrong, match="waits forever"):
        world(waits, link=Link(latency=0.1))

    async def spins(net: Internet) -> None:
        while True:
            await asyncio.sleep(1)

    with pytest.raises(Wrong, match="hour of virtual time"):
        world(spins)
