"""The program's clocks and its randomness are the simulation's, and are put back."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
import time
import uuid
from typing import Any

import pytest

from p2plib.sim import Internet
from tests.sim.clock.runs import run


def ask_for_time_and_chance() -> list[Any]:
    return [
        time.time(), time.monotonic(), time.perf_counter(), time.time_ns(), random.random(), os.urandom(8),
        secrets.token_hex(8), uuid.uuid4().hex, random.SystemRandom().random(),
    ]  # fmt: skip


@pytest.mark.fault("F158")
def test_time_and_chance_come_from_the_seed_and_are_put_back() -> None:
    async def main(net: Internet) -> list[Any]:
        await asyncio.sleep(10)
        with net.host("ana"):
            return ask_for_time_and_chance()

    before = random.getstate()
    first, second, other = run(main), run(main), Internet(seed=2).run(main)
    assert first == second
    assert first[:4] == [1_700_000_010.0, 10.0, 10.0, 1_700_000_010_000_000_000]
    assert all(a != b for a, b in zip(first[4:], other[4:], strict=True))
    assert random.getstate() == before
    assert abs(time.time() - 1_700_000_010) > 1e6
    assert os.urandom(8) != os.urandom(8)


@pytest.mark.fault("F155")
def test_a_wall_clock_that_jumps_moves_no_timer() -> None:
    async def main(net: Internet) -> tuple[float, float, float]:
        ana = net.host("ana")

        async def wait() -> tuple[float, float]:
            before = time.time()
            await asyncio.wait_for(asyncio.sleep(10), 20)
            return time.time() - before, time.monotonic()

        net.loop.call_later(3, setattr, ana, "clock_ahead_s", 86_400.0)
        net.loop.call_later(6, setattr, ana, "clock_ahead_s", -86_400.0)
        wall, monotonic = await ana.run(wait())
        return wall, monotonic, net.time

    assert run(main) == (10.0 - 86_400.0, 10.0, 10.0)


def test_log_lines_carry_virtual_time(caplog: pytest.LogCaptureFixture) -> None:
    async def main(net: Internet) -> None:
        await asyncio.sleep(5)
        logging.getLogger("p2plib.test").warning("five seconds")

    with caplog.at_level(logging.WARNING, "p2plib.test"):
        run(main)
    assert [record.created for record in caplog.records] == [1_700_000_005.0]
