"""`MdnsSource` keeps the rules of a source, on a simulated segment and on real loopback sockets."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import Any

import pytest

from p2plib.discovery.conformance import CHECKS, Check, run_check
from p2plib.sim import Internet
from tests.discovery.mdns.worlds import on_a_segment, on_loopback

CANNOT = {"check_rule_3_a_clear_no"}  # nobody refuses anything on a link
NOT_REAL = CANNOT | {  # without a network that can be cut, and time that can be skipped
    "check_rule_2_it_is_renewed_until_withdrawn",
    "check_rule_3_nobody_is_reached",
    "check_rule_3_what_failed_may_be_tried_again",
    "check_rule_8_what_was_cancelled_can_be_withdrawn",
}
PORT = 20_000 + os.getpid() % 20_000  # tests that run beside each other do not hear each other


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_on_a_simulated_segment(internet: Internet, check: Check) -> None:
    async def main(net: Internet) -> Any:
        return await run_check(check, partial(on_a_segment, net, [0]), timeout_s=2000)

    assert internet.run(main) is (check.__name__ not in CANNOT)


FOUND = [
    check for check in CHECKS if check.__name__.startswith(("check_rule_2", "check_rule_4", "check_rule_8"))
]


@pytest.mark.parametrize("check", FOUND, ids=lambda check: check.__name__)
def test_on_a_segment_that_loses_every_tenth(internet: Internet, check: Check) -> None:
    async def main(net: Internet) -> Any:
        return await run_check(check, partial(on_a_segment, net, [0], loss=0.1), timeout_s=2000)

    assert internet.run(main)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.slow
def test_on_loopback(check: Check) -> None:
    async def main() -> Any:
        return await run_check(check, partial(on_loopback, PORT), timeout_s=120)

    assert asyncio.run(main()) is (check.__name__ not in NOT_REAL)
