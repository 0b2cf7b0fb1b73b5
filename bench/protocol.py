"""What a connection costs: Noise and yamux beside the bare cipher, and beside py-libp2p.

    python bench/protocol.py
    python bench/protocol.py --py-libp2p PYTHON      an interpreter that has libp2p (0.8.1) installed

Both ends of everything run in this process, over loopback, so a figure is for both ends together. The bare
cipher is what Noise uses, ChaCha20-Poly1305 of OpenSSL (of PyNaCl where `cryptography` is missing), sealing
and opening frames of 64 KiB without any network: nothing that encrypts with it can be faster. All are
measured in one run, in turns, and the table gives ratios: they travel between machines, and megabytes a
second do not. Seconds of throughput and streams are those of the processor, so that others who use it do not
count; connections are timed by the clock.

py-libp2p does the same in an interpreter of its own, by `bench/protocol_py_libp2p.py`, between our turns.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import nacl
from tqdm import tqdm

from p2plib.identity.keys import SecretKey
from p2plib.protocol import secure
from p2plib.protocol.connection import Connection
from p2plib.protocol.node import Node
from p2plib.protocol.noise.aead import aead
from p2plib.protocol.noise.crypto import SessionSecret
from p2plib.protocol.stream import Stream
from p2plib.protocol.tcp import TcpListener, TcpStream, connect_tcp
from p2plib.protocol.yamux.limits import Limits

ALICE, BOB = (SecretKey.from_seed(bytes([number]) * 32) for number in (1, 2))
ANYWHERE = "/ip4/127.0.0.1/tcp/0"
ECHO, SINK = "/echo/1", "/sink/1"
BLOCK = bytes(range(256)) * 256  # 64 KiB, what the cipher gets
WRITE = BLOCK * 16
WINDOW_BYTES = 1024 * 1024  # four times the least that yamux allows; py-libp2p's is fixed at that
THEIRS = Path(__file__).with_name("protocol_py_libp2p.py")


def cipher_mb_per_s(megabytes: int) -> float:
    """What the cipher alone does: seal and open frames of 64 KiB, no network."""
    cipher, begun = aead(SessionSecret.from_bytes(bytes(32))), time.process_time()
    for number in range(megabytes * 1_000_000 // len(BLOCK)):
        nonce = number.to_bytes(12, "little")
        cipher.decrypt(nonce, cipher.encrypt(nonce, BLOCK, b""), b"")
    return megabytes / (time.process_time() - begun)


async def drained(stream: Stream) -> None:
    while await stream.read():
        pass


async def pushed_mb_per_s(near: Stream, far: Stream, megabytes: int) -> float:
    """How fast bytes go from one end to the other."""
    reading, begun = asyncio.ensure_future(drained(far)), time.process_time()
    for _ in range(megabytes * 1_000_000 // len(WRITE)):
        await near.write(WRITE)
    await near.close_write()
    await reading
    return megabytes / (time.process_time() - begun)


@asynccontextmanager
async def tcp_pair() -> AsyncIterator[tuple[TcpStream, TcpStream]]:
    arrived: asyncio.Future[TcpStream] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def handler(stream: TcpStream) -> None:
        arrived.set_result(stream)
        await over.wait()

    async with TcpListener(handler) as listener:
        yield await connect_tcp(*listener.address), await arrived
        over.set()


async def tcp_mb_per_s(megabytes: int) -> float:
    async with tcp_pair() as (near, far):
        return await pushed_mb_per_s(near, far, megabytes)


async def noise_mb_per_s(megabytes: int) -> float:
    async with tcp_pair() as (near, far):
        one, two = await asyncio.gather(
            secure.noise(near, ALICE, initiator=True), secure.noise(far, BOB, initiator=False)
        )
        return await pushed_mb_per_s(one, two, megabytes)


async def echo(stream: Stream, connection: Connection) -> None:
    await stream.write(await stream.read(32))


@asynccontextmanager
async def nodes() -> AsyncIterator[tuple[Node, Node]]:
    limits = Limits(window_bytes=WINDOW_BYTES)
    async with Node(ALICE, limits=limits) as alice, Node(BOB, {ECHO: echo}, limits=limits) as bob:
        await bob.listen(ANYWHERE)
        yield alice, bob


async def connection_mb_per_s(megabytes: int) -> float:
    """Noise and yamux over loopback, one stream."""
    async with nodes() as (alice, bob):
        arrived: asyncio.Future[Stream] = asyncio.get_running_loop().create_future()

        async def sink(stream: Stream, connection: Connection) -> None:
            arrived.set_result(stream)
            await drained(stream)

        bob.handlers[SINK] = sink
        async with await alice.dial(bob.addresses[0]) as connection:
            stream, _ = await connection.open_stream(SINK)
            begun = time.process_time()
            for _ in range(megabytes * 1_000_000 // len(WRITE)):
                await stream.write(WRITE)
            await stream.close_write()
            assert await stream.read() == b""  # the other side has read everything, and ended
            return megabytes / (time.process_time() - begun)


async def connects_per_s(times: int) -> float:
    """TCP, both negotiations, Noise and yamux, one after the other, and the end of it."""
    async with nodes() as (alice, bob):
        begun = time.perf_counter()
        for _ in range(times):
            async with await alice.dial(bob.addresses[0]):
                pass
        return times / (time.perf_counter() - begun)


async def streams_per_s(times: int) -> float:
    """Open a stream, agree on its protocol, 32 bytes there and back, close; one after the other."""
    async with nodes() as (alice, bob), await alice.dial(bob.addresses[0]) as connection:
        begun = time.process_time()
        for _ in range(times):
            stream, _ = await connection.open_stream(ECHO)
            async with stream:
                await stream.write(bytes(32))
                await stream.read_exactly(32)
        return times / (time.process_time() - begun)


def resident_kib() -> int:
    """How much memory this process has in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


async def idle_kib(connections: int) -> float:
    """Memory of one end of a connection on which nothing happens."""
    async with nodes() as (alice, bob), AsyncExitStack() as open_ones:
        await open_ones.enter_async_context(await alice.dial(bob.addresses[0]))
        gc.collect()
        before = resident_kib()
        for _ in range(connections):
            await open_ones.enter_async_context(await alice.dial(bob.addresses[0]))
        gc.collect()
        return (resident_kib() - before) / connections / 2


def idle_kib_alone(connections: int) -> float:
    """The same in a process of its own: memory that was used before would not be seen to grow."""
    command = [sys.executable, __file__, "--idle", str(connections)]
    return float(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)


def of_py_libp2p(python: str, megabytes: int) -> dict[str, float]:
    """The figures of py-libp2p, measured by itself."""
    command = [python, str(THEIRS), str(megabytes)]
    output = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    found: dict[str, float] = json.loads(output.splitlines()[-1])
    return found


def measure(rounds: int, python: str | None) -> tuple[dict[str, float], dict[str, float]]:
    """Our best figures and theirs, taking turns."""
    ours: dict[str, float] = {}
    theirs: dict[str, float] = {}

    def keep(best: dict[str, float], **figures: float) -> None:
        for name, figure in figures.items():
            better = min if name == "idle_kib" else max
            best[name] = better(best.get(name, figure), figure)

    for _ in tqdm(range(rounds), desc="rounds", leave=False):
        keep(ours, cipher=cipher_mb_per_s(60))
        keep(ours, tcp=asyncio.run(tcp_mb_per_s(100)))
        keep(ours, noise=asyncio.run(noise_mb_per_s(60)))
        keep(ours, connection=asyncio.run(connection_mb_per_s(60)))
        keep(ours, connects=asyncio.run(connects_per_s(100)))
        keep(ours, streams=asyncio.run(streams_per_s(500)))
        keep(ours, idle_kib=idle_kib_alone(200))
        if python is not None:
            keep(theirs, **of_py_libp2p(python, 10))
    return ours, theirs


def table(ours: dict[str, float], theirs: dict[str, float]) -> list[str]:
    """The lines of the table."""
    lines = [f"{'throughput':<34}{'MB/s':>9}{'to the cipher':>16}"]
    for name, title in (
        ("cipher", "ChaCha20-Poly1305 alone"),
        ("tcp", "TCP stream"),
        ("noise", "Noise over TCP"),
        ("connection", "Noise and yamux over TCP"),
    ):
        lines.append(f"{title:<34}{ours[name]:>9.0f}{ours[name] / ours['cipher']:>15.2f}x")
    lines += ["", f"{'':<34}{'p2plib':>9}{'py-libp2p':>12}{'ratio':>9}"]
    for name, title in (
        ("connection", "Noise and yamux, MB/s"),
        ("connects", "connections made, 1/s"),
        ("streams", "streams opened and echoed, 1/s"),
        ("idle_kib", "memory of an idle end, KiB"),
    ):
        there = f"{theirs[name]:>12.1f}{ours[name] / theirs[name]:>8.2f}x" if name in theirs else ""
        lines.append(f"{title:<34}{ours[name]:>9.1f}{there or '  not measured'}")
    return lines


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=3, help="how often everything gets its turn")
    arguments.add_argument("--py-libp2p", metavar="PYTHON", help="an interpreter with libp2p installed")
    arguments.add_argument("--idle", type=int, metavar="N", help="only the memory of N connections")
    given = arguments.parse_args()
    if given.idle:
        print(asyncio.run(idle_kib(given.idle)))
        return
    print(f"Python {platform.python_version()}, PyNaCl {nacl.__version__}\n")
    print("\n".join(table(*measure(given.rounds, given.py_libp2p))))


if __name__ == "__main__":
    main()
