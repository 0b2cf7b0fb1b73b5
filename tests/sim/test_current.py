"""Which host code runs on."""

from __future__ import annotations

import asyncio

import pytest

from p2plib.errors import UsageError
from p2plib.sim import Internet
from tests.sim.small import Mailbox, run


def test_code_on_no_host_is_told_what_to_do() -> None:
    async def main(net: Internet) -> None:
        await asyncio.get_running_loop().create_datagram_endpoint(Mailbox, ("0.0.0.0", 1))

    with pytest.raises(UsageError, match="with host"):
        run(main)
