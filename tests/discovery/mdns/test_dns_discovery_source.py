"""`DnsDiscoverySource` keeps the rules of a source, on a simulated segment and on loopback."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from typing import Any

import pytest

from p2plib.discovery.conformance import CHECKS, Check, run_check
from p2plib.sim import Internet
from tests.discovery.mdns.test_conformance import CANNOT, NOT_REAL
from tests.discovery.mdns.worlds import DIALECT, on_a_segment, on_loopback

PORT = 40_000 + os.getpid() % 20_000


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_on_a_simulated_segment(internet: Internet, check: Check) -> None:
    async def main(net: Internet) -> Any:
        return await run_check(check, partial(on_a_segment, net, [0], DIALECT), timeout_s=2000)

    assert internet.run(main) is (check.__name__ not in CANNOT)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.slow
def test_on_loopback(check: Check) -> None:
    async def main() -> Any:
        return await run_check(check, partial(on_loopback, PORT, DIALECT), timeout_s=120)

    assert asyncio.run(main()) is (check.__name__ not in NOT_REAL)
