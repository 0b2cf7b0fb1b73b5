"""The attack of the chapter on trackers with real datagrams whose source is a lie, in a namespace."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from typing import Any

import pytest

from p2plib.discovery.tracker import udp_messages as wire
from p2plib.discovery.tracker.announce import Announce
from p2plib.discovery.tracker.core import TrackerCore
from p2plib.discovery.tracker.server import TrackerServer
from p2plib.machine.addresses import Address
from p2plib.machine.machine import Base
from p2plib.machine.peer import Peer
from p2plib.machine.timers import TimerName
from tests.interop.namespace import Namespace

pytestmark = pytest.mark.interop

VICTIM = ("127.0.0.77", 9100)
POPULAR = [bytes([number]) * 20 for number in range(20)]


class NoTimer(TimerName):
    """There is none."""


class NaiveTracker(Base[None, NoTimer]):
    """A UDP tracker that takes the source of a datagram at its word."""

    def __init__(self, core: TrackerCore) -> None:
        super().__init__()
        self.core = core

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """One datagram in, one out."""
        request = wire.decode_request(data)
        if isinstance(request.body, Announce):
            _, packed = self.core.announce(request.body, address[0], "udp", now)
            self._send(wire.encode_announced(request.transaction, 1800, 0, 0, packed), address)

    def on_timer(self, now: float) -> None:
        """Nothing is ever due."""


def filled() -> TrackerCore:
    """A tracker with sixty peers in each of the popular swarms."""
    core, now = TrackerCore(random.Random(1)), asyncio.get_running_loop().time()
    for number in range(60):
        for info_hash in POPULAR:
            core.announce(Announce(info_hash, bytes([number]) * 20, 6881), f"127.0.3.{number}", "udp", now)
    return core


def forged(data: bytes, source: Address, target: Address) -> bytes:
    """An IPv4 packet with UDP in it, and whatever source we like; the kernel fills in the checksum of IP."""
    udp = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0) + data
    ends = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + ends + udp


async def attack(target: Address, core: TrackerCore) -> dict[str, Any]:
    """Announces in the victim's name; what reaches the victim, and where it is listed then."""
    rng, reached = random.Random(6), 0
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim,
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw,
    ):
        victim.bind(VICTIM)
        victim.setblocking(False)
        sent = 0
        for info_hash in POPULAR:
            question = Announce(info_hash, b"-P20001-printer.....", VICTIM[1])
            data = wire.encode_announce(rng.randbytes(8), 7, question)
            raw.sendto(forged(data, VICTIM, target), (target[0], 0))
            sent += len(data)
        raw.sendto(forged(wire.encode_connect(7), VICTIM, target), (target[0], 0))
        for _ in range(50):
            await asyncio.sleep(0.01)
            try:
                while True:
                    reached += len(victim.recv(2000))
            except BlockingIOError:
                pass
    listed = sum(VICTIM in core.swarms.listed(info_hash) for info_hash in POPULAR)
    return {"sent": sent, "reached": reached, "listed": listed}


async def both() -> list[dict[str, Any]]:
    naive, real = filled(), filled()
    async with Peer.open(lambda address, now: NaiveTracker(naive), "127.0.0.1") as peer:
        first = await attack(peer.bound, naive)
    async with TrackerServer(random.Random(1), http_port=None, core=real) as server:
        assert server.udp_address is not None
        second = await attack(server.udp_address, real)
    return [first, second]


def test_a_forged_source_reaches_its_victim_through_a_naive_tracker_and_not_through_ours() -> None:
    with Namespace() as net:
        naive, ours = net.run_together(both)
    assert naive == {"sent": 20 * 98, "reached": 20 * 320, "listed": 20}
    assert ours == {
        "sent": 20 * 98,
        "reached": 16,
        "listed": 0,
    }  # a connect is answered, with 16 bytes for 16
