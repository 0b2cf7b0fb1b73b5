"""Trackers are a source like any other: the suite, over HTTP and UDP, simulated and on real sockets."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from p2plib.discovery.conformance import CHECKS, check_source, run_check
from p2plib.sim import Internet
from tests.discovery.tracker.worlds import real, simulated

BOTH = pytest.mark.parametrize("scheme", ["http", "udp"])


@BOTH
def test_in_the_simulated_internet(internet: Internet, scheme: str) -> None:
    async def main(net: Internet) -> list[str]:
        return await check_source(partial(simulated, net, scheme), timeout_s=100_000)

    assert internet.run(main) == []


@BOTH
def test_on_real_sockets(scheme: str) -> None:
    async def main() -> list[str]:
        return [
            check.__name__
            for check in CHECKS
            if not await run_check(check, partial(real, scheme), timeout_s=30)
        ]

    assert asyncio.run(main()) == [
        "check_rule_2_it_is_renewed_until_withdrawn",
        "check_rule_3_nobody_is_reached",
        "check_rule_3_what_failed_may_be_tried_again",
        "check_rule_7_noise",
        "check_rule_8_what_was_cancelled_can_be_withdrawn",
    ]
