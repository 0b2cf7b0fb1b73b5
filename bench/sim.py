"""What the simulated internet costs: beside simpy, detangle and trio, and what a host weighs.

    pip install -e '.[bench]'
    python bench/sim.py

All are measured in one run, taking turns within each round, so that a machine that is busy for a while is
busy for all of them; each keeps its fastest round. Ratios travel between machines, figures per second do not.

* messages: two parties send one message to and fro. Ours is a UDP datagram between two hosts, with latency,
  trace, counters and digest; detangle's is one too; simpy's is an item through a `Store`, as its own examples
  exchange messages.
* sleeps: a hundred tasks sleep again and again in virtual time. Ours, trio's `MockClock` and detangle's loop.
* hosts: how long 10,000 hosts with a socket each take to start, and how much memory they add.
* ways: what a datagram costs in processor time by each way that it can take, as a ratio to the plain one.
* TCP: megabytes of a stream that are simulated in a second of processor time, and what 1 MB costs beside a
  plain datagram.
* host: the bytes that Python allocates for a host, and for a UDP socket on it.
* peers: how long 1,000 Kademlia peers take to join one after another and to settle.
* crowd: what a datagram costs among 100 to 10,000 hosts of which each has two under way, in processor time.

Beside ways, TCP, host and peers stands what the simulator of 28 November 2026 took, before it knew paths; on
one core of two of a shared AMD EPYC, with Python 3.11.7.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import platform
import resource
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import detangle
import simpy
import trio
import trio.testing
from peers import joined_peers
from tqdm import tqdm

from p2plib.sim import Host, Internet, Link
from p2plib.topology.kademlia.parts import Settings

REAL_CLOCK = time.process_time  # taken here: inside a run, `time` is virtual
LINK = Link(latency=0.02, jitter_s=0.01)
SLEEPERS = 100


class Echo(asyncio.DatagramProtocol):
    """Sends back what it gets, so many times."""

    def __init__(self, times: int, done: asyncio.Future[None] | None = None) -> None:
        self.times, self.done = times, done

    def connection_made(self, transport: Any) -> None:
        self.send = transport.sendto

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.times -= 1
        if self.times > 0:
            self.send(data, addr)
        elif self.done is not None and not self.done.done():
            self.done.set_result(None)


async def sockets(net: Internet, count: int, times: int) -> list[Any]:
    loop = asyncio.get_running_loop()
    made = []
    for number in range(count):
        with net.host(f"h{number}"):
            made.append(await loop.create_datagram_endpoint(lambda: Echo(times), ("0.0.0.0", 4000)))
    return made


def our_messages(count: int) -> None:
    async def main(net: Internet) -> None:
        (one, first), (_, other) = await sockets(net, 2, count)
        first.done = other.done = asyncio.get_running_loop().create_future()
        first.times = other.times = count // 2
        one.sendto(b"hello", (net.hosts["h1"].address, 4000))
        await first.done

    Internet(link=LINK, strict=False).run(main)


def simpy_messages(count: int) -> None:
    world = simpy.Environment()
    there, back = simpy.Store(world), simpy.Store(world)

    def party(mine: simpy.Store, theirs: simpy.Store, begins: bool) -> Any:
        if begins:
            yield theirs.put(b"hello")
        for _ in range(count // 2):
            message = yield mine.get()
            yield theirs.put(message)

    world.process(party(there, back, True))
    world.process(party(back, there, False))
    world.run()


def our_sleeps(count: int) -> None:
    async def sleeper() -> None:
        for _ in range(count // SLEEPERS):
            await asyncio.sleep(1)

    async def main(net: Internet) -> None:
        await asyncio.gather(*(sleeper() for _ in range(SLEEPERS)))

    Internet().run(main)


def trio_sleeps(count: int) -> None:
    async def sleeper() -> None:
        for _ in range(count // SLEEPERS):
            await trio.sleep(1)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(SLEEPERS):
                nursery.start_soon(sleeper)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def detangle_messages(count: int) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        addresses = [("10.0.0.1", 4000), ("10.0.0.2", 4000)]
        for address in addresses:
            transport, _ = await loop.create_datagram_endpoint(
                lambda: Echo(count // 2, done), local_addr=address
            )
        transport.sendto(b"hello", addresses[0])
        await done

    detangle.run(main, config=detangle.SimConfig(max_steps=10**9))


def detangle_sleeps(count: int) -> None:
    async def sleeper() -> None:
        for _ in range(count // SLEEPERS):
            await asyncio.sleep(1)

    async def main() -> None:
        await asyncio.gather(*(sleeper() for _ in range(SLEEPERS)))

    detangle.run(main, config=detangle.SimConfig(max_steps=10**9))


JOBS: dict[str, tuple[Callable[[int], None], int]] = {
    "p2plib messages": (our_messages, 100_000),
    "simpy messages": (simpy_messages, 50_000),
    "detangle messages": (detangle_messages, 5_000),
    "p2plib sleeps": (our_sleeps, 50_000),
    "trio MockClock sleeps": (trio_sleeps, 20_000),
    "detangle sleeps": (detangle_sleeps, 10_000),
}
RATIOS = [
    ("p2plib messages", "simpy messages"),
    ("p2plib messages", "detangle messages"),
    ("p2plib messages", "detangle sleeps"),
    ("p2plib messages", "trio MockClock sleeps"),
    ("p2plib sleeps", "trio MockClock sleeps"),
    ("p2plib sleeps", "detangle sleeps"),
]


def speeds(rounds: int) -> dict[str, float]:
    """Return the fastest round of each job, per second, the jobs taking turns."""
    best = dict.fromkeys(JOBS, 0.0)
    with tqdm(total=rounds * len(JOBS), desc="events", leave=False) as progress:
        for _ in range(rounds):
            for name, (job, count) in JOBS.items():
                gc.collect()
                began = time.perf_counter()
                job(count)
                best[name] = max(best[name], count / (time.perf_counter() - began))
                progress.update()
    return best


# Ways through the network


NEAR = 0.02  # seconds of latency
FAST = 1e9  # bytes a second that limit nothing


def behind_nat(net: Internet, name: str) -> Host:
    return net.host(name, lan=net.lan("home", nat="full cone"))


def behind_two_nats(net: Internet, name: str) -> Host:
    carrier = net.lan("carrier", nat="carrier-grade")
    return net.host(name, lan=net.lan("home", nat="full cone", behind=carrier))


def uploading(net: Internet, name: str) -> Host:
    return net.host(name, upload_bytes_per_s=FAST)


# Each way: its link, what makes the first host, and microseconds a datagram in November 2026.
WAYS: dict[str, tuple[Link, Callable[[Internet, str], Host], float]] = {
    "plain": (Link(latency=NEAR), Internet.host, 1.30),
    "jitter": (Link(latency=NEAR, jitter_s=0.01), Internet.host, 1.38),
    "lossy": (Link(latency=NEAR, loss=1e-9), Internet.host, 23.05),
    "narrow": (Link(latency=NEAR, bytes_per_s=FAST), Internet.host, 23.58),
    "upload": (Link(latency=NEAR), uploading, 12.59),
    "one NAT": (Link(latency=NEAR), behind_nat, 31.43),
    "carrier-grade NAT": (Link(latency=NEAR), behind_two_nats, 39.46),
}
# Each kind of connection: its link, whether both ends are on one LAN, and MB a second in November 2026.
CONNECTIONS: dict[str, tuple[Link, bool, float]] = {
    "TCP plain": (Link(latency=NEAR), False, 24.5),
    "TCP lossy": (Link(latency=NEAR, loss=0.001), False, 24.7),
    "TCP jitter": (Link(latency=NEAR, jitter_s=0.001), False, 22.8),
    "TCP LAN": (Link(latency=NEAR), True, 24.7),
}
HOST_BYTES, SOCKET_BYTES = 10_088, 1_546  # in November 2026
PEERS_S = 19.9  # the same, seconds for a thousand peers


def one_way(way: str, count: int = 40_000) -> float:
    """Return seconds of processor time a datagram to and fro by one of `WAYS`."""
    link, make, _ = WAYS[way]

    async def main(net: Internet) -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        made = []
        for host, times in ((make(net, "ana"), count // 2), (net.host("ben"), 10**9)):
            with host:
                opened = loop.create_datagram_endpoint(partial(Echo, times, done), ("0.0.0.0", 4000))
                made.append((await opened)[0])
        made[0].sendto(b"hello", (net.hosts["ben"].address, 4000))
        await done

    net = Internet(link=link, strict=False)
    began = REAL_CLOCK()
    net.run(main)
    return (REAL_CLOCK() - began) / len(net.trace)


def one_connection(kind: str, megabytes: int = 10) -> float:
    """Return seconds of processor time that a megabyte takes over one of `CONNECTIONS`."""
    link, on_lan, _ = CONNECTIONS[kind]
    block = bytes(65_536)

    async def main(net: Internet) -> None:
        lan = net.lan("home") if on_lan else None
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(65_536):
                pass
            writer.close()
            arrived.set_result(None)

        with net.host("ben", lan=lan):
            server = await asyncio.start_server(take, "0.0.0.0", 80)
        with net.host("ana", lan=lan):
            _, writer = await asyncio.open_connection(net.hosts["ben"].address, 80)
            for _ in range(megabytes * 1_000_000 // len(block)):
                writer.write(block)
                await writer.drain()
            writer.close()
        await arrived
        server.close()

    began = REAL_CLOCK()
    Internet(link=link, strict=False).run(main)
    return (REAL_CLOCK() - began) / megabytes


def bytes_of_a_host(count: int = 2000) -> tuple[float, float]:
    """Return the bytes of a host, and of a UDP socket on it."""
    sizes = []

    async def main(net: Internet) -> None:
        loop = asyncio.get_running_loop()
        with net.host("first"):
            made = [await loop.create_datagram_endpoint(lambda: Echo(0), ("0.0.0.0", 4000))]
        tracemalloc.start()
        hosts = [net.host(f"h{number}") for number in range(count)]
        sizes.append(tracemalloc.get_traced_memory()[0] / count)
        for host in hosts:
            with host:
                made.append(await loop.create_datagram_endpoint(lambda: Echo(0), ("0.0.0.0", 4000)))
        sizes.append(tracemalloc.get_traced_memory()[0] / count - sizes[0])
        tracemalloc.stop()
        for transport, _ in made:
            transport.close()

    Internet(strict=False).run(main)
    return sizes[0], sizes[1]


def peers_join(count: int) -> float:
    """Return seconds of processor time in which so many Kademlia peers join, and settle for a minute."""

    async def main(net: Internet) -> None:
        async with joined_peers(net, count, Settings(k=8)):
            pass

    began = REAL_CLOCK()
    Internet(1, strict=False).run(main)
    return REAL_CLOCK() - began


def tell_ways(rounds: int, peers: int) -> None:
    """Measure and print every way, taking turns, and what hosts weigh and peers take."""
    jobs = [(name, partial(one_way, name)) for name in WAYS]
    jobs += [(name, partial(one_connection, name)) for name in CONNECTIONS]
    best = {name: float("inf") for name, _ in jobs}
    for _ in tqdm(range(rounds), desc="ways", leave=False):
        for name, job in jobs:
            gc.collect()
            best[name] = min(best[name], job())
    print(
        f"\n{'way':<20}{'µs a datagram':>14}{'to plain':>10}{'before, µs':>12}{'to plain':>10}{'faster':>9}"
    )
    for name, (_, _, old) in WAYS.items():
        new, plain = best[name] * 1e6, best["plain"] * 1e6
        ratios = f"{new / plain:>9.2f}x{old:>12.2f}{old / WAYS['plain'][2]:>9.2f}x{old / new:>8.1f}x"
        print(f"{name:<20}{new:>14.2f}{ratios}")
    print(f"\n{'connection':<20}{'MB a second':>14}{'datagrams a MB':>16}{'before, MB/s':>14}{'faster':>9}")
    for name, (_, _, old) in CONNECTIONS.items():
        worth = f"{best[name] / best['plain']:>16,.0f}{old:>14.1f}{1 / best[name] / old:>8.1f}x"
        print(f"{name:<20}{1 / best[name]:>14.1f}{worth}")
    host, socket = bytes_of_a_host()
    print(f"\na host {host:,.0f} bytes (before {HOST_BYTES:,.0f}), a UDP socket {socket:,.0f}", end=" ")
    print(f"(before {SOCKET_BYTES:,.0f})")
    if peers:
        took = peers_join(peers)
        print(f"{peers:,} Kademlia peers join and settle: {took:.1f} s (1,000 before: {PEERS_S:.1f} s)")


def crowd(hosts: int, packets: int) -> tuple[float, float, float]:
    """Return seconds to start so many hosts, the megabytes they add, and seconds per datagram among them."""
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    measured: list[float] = []

    async def main(net: Internet) -> None:
        start = REAL_CLOCK()
        made = await sockets(net, hosts, 10**9)
        measured.append(REAL_CLOCK() - start)
        measured.append((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
        for number, (transport, _) in enumerate(made):
            other = net.hosts[f"h{(number + 1) % hosts}"].address
            transport.sendto(b"hello", (other, 4000))
        await asyncio.sleep(0.2)
        sent, start = len(net.trace), REAL_CLOCK()
        await asyncio.sleep(packets / hosts * 0.025)  # a datagram takes 25 ms on average
        measured.append((REAL_CLOCK() - start) / (len(net.trace) - sent))
        for transport, _ in made:
            transport.close()

    Internet(link=LINK, strict=False).run(main)
    return measured[0], measured[1], measured[2]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=7, help="how often every job gets its turn")
    arguments.add_argument("--peers", type=int, default=1000, help="Kademlia peers; 0 for none")
    arguments.add_argument("--ways", action="store_true", help="only our own ways, TCP, hosts and peers")
    given = arguments.parse_args()
    print(f"Python {platform.python_version()}, simpy {simpy.__version__}, trio {trio.__version__}")
    tell_ways(given.rounds, given.peers)
    if given.ways:
        return
    print(f"\n{'hosts':>8}{'start, s':>10}{'MB more':>10}{'µs a datagram':>16}{'to 100 hosts':>14}")
    smallest = None
    for hosts in (100, 1000, 10_000):
        start, megabytes, each = crowd(hosts, 300_000)
        smallest = smallest or each
        print(f"{hosts:>8}{start:>10.2f}{megabytes:>10.0f}{each * 1e6:>16.2f}{each / smallest:>13.2f}x")
    best = speeds(given.rounds)
    print(f"\n{'job':<24}{'per second':>12}")
    for name, speed in best.items():
        print(f"{name:<24}{speed:>12,.0f}")
    print(f"\n{'ratio':<50}")
    for ours, theirs in RATIOS:
        print(f"{ours + ' to ' + theirs:<50}{best[ours] / best[theirs]:>7.1f}x")


if __name__ == "__main__":
    main()
