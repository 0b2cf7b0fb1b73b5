"""The program's clocks and its randomness are the simulation's, and are put back."""

from __future__ import annotations

import asyncio
import datetime
import logging
import os
import pickle
import random
import secrets
import time
import uuid
from typing import Any

import pytest

from p2plib.sim import Internet
from p2plib.sim.clock import virtual
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


def test_every_way_to_ask_for_the_time_tells_the_hosts_own() -> None:
    def ask() -> list[Any]:
        form = "%Y-%m-%d %H:%M:%S"
        return [
            time.strftime(form, time.gmtime()), time.strftime(form, time.gmtime(None)),
            time.mktime(time.localtime()), time.mktime(time.strptime(time.ctime())),
            time.mktime(time.strptime(time.asctime())), time.mktime(time.strptime(time.strftime("%c"))),
            datetime.date.today().year, datetime.datetime.today().timestamp(),
            time.clock_gettime(time.CLOCK_REALTIME), time.clock_gettime_ns(time.CLOCK_REALTIME),
            time.clock_gettime(time.CLOCK_MONOTONIC), time.clock_gettime_ns(time.CLOCK_MONOTONIC),
        ]  # fmt: skip

    async def main(net: Internet) -> list[Any]:
        await asyncio.sleep(10)
        with net.host("ana") as ana:
            ana.clock_ahead_s = 86_400.0
            return ask()

    wall = 1_700_000_010 + 86_400
    told = "2023-11-15 22:13:30"
    assert run(main) == [told, told, *[wall] * 4, 2023, wall, wall, wall * 10**9, 10.0, 10**10]
    assert abs(ask()[2] - wall) > 1e6, "and outside the machine's"


def test_a_time_that_is_given_is_only_put_into_another_form() -> None:
    def told() -> list[Any]:
        moment = time.gmtime(86_400)
        return [
            moment.tm_mday,
            time.asctime(moment),
            time.strftime("%d", moment),
            time.localtime(0),
            time.ctime(0),
        ]

    async def main(net: Internet) -> list[Any]:
        return told()

    assert run(main) == told()
    assert told()[:3] == [2, "Fri Jan  2 00:00:00 1970", "02"]


def test_what_stays_real_is_listed_by_name() -> None:
    text = " ".join((virtual.__doc__ or "").split())
    for names in virtual.REAL:
        assert all(name.strip() in text for name in names.split(", ")), names

    async def main(net: Internet) -> list[bool]:
        real = datetime.datetime.now().year > 2023
        return [real, time.get_clock_info("time") == info, pickle.loads(pickle.dumps(moment)) == moment]

    info, moment = time.get_clock_info("time"), datetime.datetime(2020, 1, 1)
    assert run(main) == [True, True, True]
