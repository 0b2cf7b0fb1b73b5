"""The same seed, the same run: whatever the hash seed, the process and the Python version."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess

import pytest

from p2plib.sim import Internet, Link, LogNormal
from tests.conftest import ROOT
from tests.sim.another_process import printed
from tests.sim.small import Mailbox, mailbox
from tests.sim.test_exact import OLD_PROCESSOR

ROUGH = Link(latency=0.05, jitter_s=0.05, loss=0.05, duplicate=0.02, reorder=0.05, corrupt=0.01)
NEAR = Link(latency=LogNormal(0.02, 0.06), jitter_s=0.01, loss=0.02)
RUNS = 10


async def gossip(net: Internet) -> int:
    """Twelve hosts that tell each other numbers over UDP, ask a TCP server, crash, and start again."""
    heard = 0

    async def peer(number: int) -> None:
        nonlocal heard
        host = net.hosts[f"peer{number}"]
        box: Mailbox = await mailbox(host, 4000)
        names = {name for name in net.hosts if name.startswith("peer")}  # a set: its order must not matter
        for turn in range(20):
            await asyncio.sleep(random.random())
            for name in host.random.sample(sorted(names), 3):
                box.send(os.urandom(8) + bytes([number, turn]), (net.hosts[name].address, 4000))
        heard += len(box.got)
        box.close()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read(100)) * 1000)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def serve() -> None:
        async with await asyncio.start_server(answer, "0.0.0.0", 80) as server:
            await server.serve_forever()

    async def ask() -> int:
        reader, writer = await asyncio.open_connection("server", 80)
        writer.write(b"hello")
        size = len(await reader.read(-1))
        writer.close()
        await writer.wait_closed()
        return size

    lan = net.lan("home")
    net.set_link("near", "near", NEAR)
    for number in range(12):
        net.host(
            f"peer{number}", lan=lan if number % 4 == 3 else None, region="near" if number % 3 == 1 else ""
        ).start(peer, number)
    net.host("server").start(serve)
    net.loop.call_later(4, net.hosts["peer1"].crash)
    net.loop.call_later(9, net.hosts["peer1"].restart)
    await asyncio.sleep(1)
    assert await net.host("client").run(ask()) == 5000
    await asyncio.sleep(60)
    return heard


def digest(seed: int = 9) -> str:
    net = Internet(seed=seed, link=ROUGH, strict=False)
    heard = net.run(gossip)
    return f"{net.trace.digest()} {len(net.trace)} {heard} {net.time!r} {net.loop.events}"


def in_another_process(hash_seed: str, **changed: str) -> str:
    return printed("from tests.sim.test_repeats import digest; print(digest())", hash_seed, **changed)


@pytest.mark.slow
@pytest.mark.fault("F158")
def test_ten_runs_with_random_hash_seeds_have_one_digest() -> None:
    seen = {in_another_process(str(random.randrange(1, 2**32))) for _ in range(RUNS)}
    assert seen == {digest()}


@pytest.mark.fault("F158")
def test_an_old_processor_has_that_digest_too() -> None:
    assert in_another_process("1", **OLD_PROCESSOR) == digest()


def python_of(version: str) -> str | None:
    """Return a Python of that version, from the path or from pyenv; None if there is none that starts."""
    found = [shutil.which(f"python{version}")]
    if shutil.which("pyenv"):
        listed = subprocess.run(
            ["pyenv", "versions", "--bare"], capture_output=True, text=True
        ).stdout.split()
        for name in listed:
            if name.startswith(f"{version}."):
                prefix = subprocess.run(
                    ["pyenv", "prefix", name], capture_output=True, text=True
                ).stdout.strip()
                found.append(f"{prefix}/bin/python")
    for python in filter(None, found):
        if subprocess.run([python, "-c", ""], capture_output=True).returncode == 0:
            return python
    return None


# The Pythons at hand need not have pytest: whatever the test files ask of it is answered by this.
WITHOUT_PYTEST = """
import sys
class Anything:
    def __getattr__(self, name):
        return self
    def __call__(self, *args, **named):
        return args[0] if len(args) == 1 and callable(args[0]) else self
sys.modules["pytest"] = sys.modules["hypothesis"] = Anything()
from tests.sim.test_repeats import digest
"""


@pytest.mark.fault("F158")
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_python_version_at_hand_has_that_digest(version: str) -> None:
    python = python_of(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    done = subprocess.run(
        [python, "-c", f"{WITHOUT_PYTEST}print(digest())"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == digest()


def test_another_seed_has_another_digest() -> None:
    assert len({digest(seed).split()[0] for seed in range(4)}) == 4
