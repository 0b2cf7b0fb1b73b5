"""What the simulated internet costs: its events beside those of simpy, detangle and trio, and what a host weighs.

    pip install -e '.[bench]'
    python bench/sim.py

All are measured in one run, taking turns within each round, so that a machine that is busy for a while is busy for
all of them; each keeps its fastest round. Ratios travel between machines, the figures per second do not.

* messages: two parties send one message to and fro. Ours is a UDP datagram between two hosts, with latency, trace,
  counters and digest; simpy's is an item through a `Store`, as its own examples exchange messages.
* sleeps: a hundred tasks sleep again and again in virtual time. Ours against trio's `MockClock` and detangle's loop.
* hosts: how long 10,000 hosts with a socket each take to start, and how much memory they add.
* crowd: what one datagram costs among 100 to 10,000 hosts, each of which has one under way.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import platform
import resource
import time
from collections.abc import Callable
from typing import Any

import detangle
import simpy
import trio
import trio.testing
from tqdm import tqdm

from p2plib.sim import Internet, Link

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


def crowd(hosts: int, packets: int) -> tuple[float, float, float]:
    """Return seconds to start so many hosts, the megabytes they add, and seconds per datagram among them."""
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    measured: list[float] = []

    async def main(net: Internet) -> None:
        began = time.perf_counter_ns  # replaced inside a run: the real clock is kept from outside
        assert began
        start = REAL_CLOCK()
        made = await sockets(net, hosts, 10**9)
        measured.append(REAL_CLOCK() - start)
        measured.append((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
        for number, (transport, _) in enumerate(made):
            other = net.hosts[f"h{(number + 1) % hosts}"].address
            transport.sendto(b"hello", (other, 4000))
        await asyncio.sleep(0.1)
        sent, start = len(net.trace), REAL_CLOCK()
        await asyncio.sleep(packets / hosts * 0.025)  # a datagram takes 25 ms on average
        measured.append((REAL_CLOCK() - start) / (len(net.trace) - sent))

    Internet(link=LINK, strict=False).run(main)
    return measured[0], measured[1], measured[2]


REAL_CLOCK = time.perf_counter


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=7, help="how often every job gets its turn")
    given = arguments.parse_args()
    print(f"Python {platform.python_version()}, simpy {simpy.__version__}, trio {trio.__version__}")
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
