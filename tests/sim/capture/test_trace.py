"""What the digest of a trace covers."""

from __future__ import annotations

import asyncio

from p2plib.sim import Internet, Link
from tests.sim.small import mailbox


def test_the_digest_covers_times_bytes_and_late_fates() -> None:
    def run(data: bytes = b"hello", delay: float = 1.0, port: int = 2) -> str:
        async def main(net: Internet) -> None:
            ana, ben = net.host("ana"), net.host("ben")
            one, other = await mailbox(ana, 1), await mailbox(ben, 2)
            await asyncio.sleep(delay)
            one.send(data, (ben.address, port))
            await asyncio.sleep(1)
            one.close()
            other.close()

        net = Internet(link=Link(latency=0.1))
        net.run(main)
        return net.trace.digest()

    assert run() == run()
    assert len({run(), run(b"hellp"), run(b"hello", 1.001), run(port=3)}) == 4
