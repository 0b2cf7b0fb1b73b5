"""How many announces a second our UDP tracker serves, and what bounds it.

    python bench/discovery_tracker.py [--rounds 5] [--json]

Three things are measured, in turn, round after round, and the median is printed, with the least and the
greatest in brackets. Each is announces for each second of processor time of one core:

* machine: `UdpTracker` alone, which is given packets and asked for its answers, 50 peers in each.
* sockets: the same machine in a process of its own, on a real loopback socket, while another process
  announces from many hosts (127.0.1.x), each with its own connection id. Only the tracker's processor
  time counts, all of it: the kernel's work on its socket, asyncio, the driver and the machine.
* echo: a machine that decodes nothing and answers each datagram with as many bytes, on the same driver. It is
  what no tracker in this library can beat; what is missing from it is what the rules of a tracker cost.

Ratios travel between machines; figures per second do not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import platform
import random
import resource
import selectors
import socket
import statistics
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection
from typing import Any

from p2plib.discovery.tracker import udp_messages as wire
from p2plib.discovery.tracker.announce import Announce
from p2plib.discovery.tracker.core import TrackerCore
from p2plib.discovery.tracker.pace import Allowance
from p2plib.discovery.tracker.server import TrackerServer
from p2plib.discovery.tracker.udp_server import UdpTracker
from p2plib.machine.addresses import Address
from p2plib.machine.machine import Base
from p2plib.machine.peer import Peer
from p2plib.machine.timers import TimerName

PEERS, SWARMS, HOSTS = 10_000, 100, 64
ANNOUNCES = 30_000  # in each measurement
FREE = Allowance(1e9, 1e9)  # pacing is counted, but never refuses here
WINDOW = 4  # announces that each host has under way


class NoTimer(TimerName):
    """An echo waits for nothing."""


class Echo(Base[None, NoTimer]):
    """Answers each datagram with as many bytes as an announce of 50 peers is answered with."""

    ANSWER = bytes(20 + 50 * 6)

    def receive(self, data: bytes, address: Address, now: float) -> None:
        """Takes a datagram, and has another sent."""
        self._send(data[:16] + self.ANSWER[16:] if len(data) > 16 else data, address)

    def on_timer(self, now: float) -> None:
        """Nothing is ever due."""


def hash_of(number: int) -> bytes:
    """The info_hash of a swarm."""
    return random.Random(f"swarm {number}").randbytes(20)


def filled(now: float) -> TrackerCore:
    """A tracker that knows `PEERS` peers in `SWARMS` swarms, all of which have just announced."""
    core = TrackerCore(random.Random(1), allowance=FREE)
    for number in range(PEERS):
        host = f"198.51.{number >> 8}.{number & 255}"
        core.announce(Announce(hash_of(number % SWARMS), number.to_bytes(20, "big"), 6881), host, "udp", now)
    return core


def of_machine() -> float:
    """Announces for each second of the processor, of the machine alone."""
    machine = UdpTracker(filled(1.0), random.Random(2))
    packets = []
    for number in range(PEERS):
        address = f"198.51.{number >> 8}.{number & 255}", 50_000
        connection_id = machine.connection_ids.id_for(address[0], 1.0)
        announce = Announce(hash_of(number % SWARMS), number.to_bytes(20, "big"), 6881)
        packets.append((wire.encode_announce(connection_id, number, announce), address))
    began, answered = time.process_time(), 0
    for _ in range(ANNOUNCES // PEERS):
        for data, address in packets:
            machine.receive(data, address, 1.0)
            answered += len(machine.to_send())
    took_s = time.process_time() - began
    assert answered == ANNOUNCES
    return answered / took_s


def used_s() -> float:
    """How much of the processor this process has used, with the kernel's work for it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def serve(pipe: Connection, is_echo: bool) -> None:
    """A process: a tracker or an echo, until it is told to end; then how much of the processor it took."""

    async def main() -> None:
        async with AsyncExitStack() as stack:
            if is_echo:
                peer: Any = await stack.enter_async_context(Peer.open(lambda address, now: Echo()))
            else:
                server = TrackerServer(
                    random.Random(1), http_port=None, core=filled(asyncio.get_running_loop().time())
                )
                peer = (await stack.enter_async_context(server)).udp
            pipe.send(peer.bound)
            for _ in range(2):  # the beginning and the end of what is measured
                while not pipe.poll():
                    await asyncio.sleep(0.02)
                pipe.recv()
                pipe.send((used_s(), peer.received))

    asyncio.run(main())


def of_sockets(is_echo: bool) -> float:
    """Announces for each second of the processor of the process that answers them."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, is_echo))
    process.start()
    try:
        address = ours.recv()
        clients = [client_of(number, address) for number in range(HOSTS)]
        packets = [packet_of(number, client) for number, client in enumerate(clients)]
        flood(clients, packets, ANNOUNCES // 10)  # warm
        ours.send(None)
        before_s, received = ours.recv()
        answered = flood(clients, packets, ANNOUNCES)
        ours.send(None)
        after_s, received_then = ours.recv()
        assert received_then - received >= answered
        return (received_then - received) / (after_s - before_s)
    finally:
        process.join(5)
        for client in clients:
            client.close()


def client_of(number: int, address: Address) -> socket.socket:
    """A socket of a host of its own, connected to the tracker."""
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((f"127.0.1.{number + 1}", 0))
    client.connect(address)
    client.settimeout(5.0)
    return client


def packet_of(number: int, client: socket.socket) -> bytes:
    """The announce of a host, with the connection id that it was given."""
    client.send(wire.encode_connect(number))
    connection_id = client.recv(2000)[8:16]
    announce = Announce(hash_of(number % SWARMS), bytes([number]) * 20, 6881)
    return wire.encode_announce(connection_id, number, announce)


def flood(clients: list[socket.socket], packets: list[bytes], count: int) -> int:
    """Announces so many times, always `WINDOW` under way from each host; returns how many answers came."""
    with selectors.DefaultSelector() as selector:
        for client, packet in zip(clients, packets, strict=True):
            selector.register(client, selectors.EVENT_READ, packet)
            for _ in range(WINDOW):
                client.send(packet)
        answered = 0
        while answered < count:
            for key, _ in selector.select(5.0):
                client = key.fileobj
                assert isinstance(client, socket.socket)
                client.recv(2000)
                answered += 1
                client.send(key.data)
        deadline = time.monotonic() + 0.2
        while time.monotonic() < deadline:  # those that are still under way
            for key, _ in selector.select(0.05):
                key.fileobj.recv(2000)  # type: ignore[union-attr]
    return answered


MEASURES: dict[str, Callable[[], float]] = {
    "machine": of_machine,
    "sockets": lambda: of_sockets(is_echo=False),
    "echo": lambda: of_sockets(is_echo=True),
}


def main() -> None:
    """Measures in turn, and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    arguments = parser.parse_args()
    found: dict[str, list[float]] = {name: [] for name in MEASURES}
    for _ in range(arguments.rounds):
        for name, measure in MEASURES.items():
            found[name].append(measure())
    rates = {name: statistics.median(values) for name, values in found.items()}
    if arguments.json:
        print(json.dumps({"python": platform.python_version(), "announces_per_cpu_s": found}))
        return
    print(f"Python {platform.python_version()}, {ANNOUNCES} announces of {PEERS} peers in {SWARMS} swarms")
    for name, values in found.items():
        print(f"{name:8} {rates[name]:9,.0f} a second of a core [{min(values):,.0f} .. {max(values):,.0f}]")
    share = rates["sockets"] / rates["echo"]
    print(f"a tracker on a socket does {share:.2f} of what an echo on the same socket does")


if __name__ == "__main__":
    main()
