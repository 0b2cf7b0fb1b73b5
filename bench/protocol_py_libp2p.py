"""py-libp2p's side of `bench/protocol.py`: the same jobs, in an interpreter that has libp2p 0.8.1.

    python bench/protocol_py_libp2p.py MEGABYTES      prints one line of JSON

It imports nothing of p2plib. What is measured is what its documentation shows: `new_host`, TCP, Noise, yamux.
"""

from __future__ import annotations

import gc
import json
import logging
import resource
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

logging.disable(logging.CRITICAL)

import trio  # noqa: E402
from libp2p import new_host  # noqa: E402
from libp2p.crypto.ed25519 import create_new_key_pair  # noqa: E402
from libp2p.peer.peerinfo import info_from_p2p_addr  # noqa: E402
from multiaddr import Multiaddr  # noqa: E402

ANYWHERE = Multiaddr("/ip4/127.0.0.1/tcp/0")
BLOCK = bytes(65_536)
CONNECTS = 8
STREAMS = 200
IDLE = 20


def host(number: int):  # type: ignore[no-untyped-def]
    return new_host(key_pair=create_new_key_pair(number.to_bytes(32, "big")))


def resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


async def throughput_and_streams(megabytes: int) -> dict[str, float]:
    """One connection: megabytes over one stream, then many streams one after the other."""
    alice, bob = host(1), host(2)
    total, done = megabytes * 1_000_000 // len(BLOCK) * len(BLOCK), trio.Event()

    async def sink(stream) -> None:  # type: ignore[no-untyped-def]
        got = 0
        while got < total:
            got += len(await stream.read(65_536))
        done.set()

    async def echo(stream) -> None:  # type: ignore[no-untyped-def]
        await stream.write(await stream.read(32))
        await stream.close()

    bob.set_stream_handler("/sink/1", sink)
    bob.set_stream_handler("/echo/1", echo)
    async with alice.run(listen_addrs=[ANYWHERE]), bob.run(listen_addrs=[ANYWHERE]):
        await alice.connect(info_from_p2p_addr(bob.get_addrs()[0]))
        stream = await alice.new_stream(bob.get_id(), ["/sink/1"])
        begun = time.process_time()
        for _ in range(total // len(BLOCK)):
            await stream.write(BLOCK)
        await done.wait()
        speed = total / 1e6 / (time.process_time() - begun)
        begun = time.process_time()
        for _ in range(STREAMS):
            stream = await alice.new_stream(bob.get_id(), ["/echo/1"])
            await stream.write(bytes(32))
            await stream.read(32)
            await stream.close()
        return {"connection": speed, "streams": STREAMS / (time.process_time() - begun)}


async def connections() -> dict[str, float]:
    """Connections made one after the other, each from a host of its own, as one peer keeps one to another."""
    server = host(1)
    async with AsyncExitStack() as running:
        await running.enter_async_context(server.run(listen_addrs=[ANYWHERE]))
        clients = [host(number) for number in range(2, 2 + IDLE)]
        for client in clients:
            await running.enter_async_context(client.run(listen_addrs=[ANYWHERE]))
        await clients[0].connect(info_from_p2p_addr(server.get_addrs()[0]))
        gc.collect()
        before, begun = resident_kib(), time.perf_counter()
        for client in clients[1 : 1 + CONNECTS]:
            await client.connect(info_from_p2p_addr(server.get_addrs()[0]))
        took = time.perf_counter() - begun
        for client in clients[1 + CONNECTS :]:
            await client.connect(info_from_p2p_addr(server.get_addrs()[0]))
        gc.collect()
        return {"connects": CONNECTS / took, "idle_kib": (resident_kib() - before) / (IDLE - 1) / 2}


async def main() -> None:
    with trio.fail_after(100):
        found = await throughput_and_streams(int(sys.argv[1]))
        found |= await connections()
    print(json.dumps(found))


if __name__ == "__main__":
    trio.run(main)
