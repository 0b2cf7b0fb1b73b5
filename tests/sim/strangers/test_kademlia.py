"""kademlia in the simulated internet, as it is: two hundred nodes over UDP."""

from __future__ import annotations

from typing import Any

import pytest

from p2plib.sim import Internet, Link
from tests.sim.another_process import printed

pytest.importorskip("kademlia")

NODES = 200
HOME = Link(latency=0.02, jitter_s=0.01)


async def two_hundred_nodes(net: Internet) -> dict[str, Any]:
    """Start the nodes, store twenty values from twenty of them, and read each from another."""
    from kademlia.network import Server

    servers = []
    for number in range(NODES):
        host = net.host(f"node{number}")
        server = Server()
        with host:
            await server.listen(8468, interface="0.0.0.0")
            if servers:
                await server.bootstrap(
                    [("node0", 8468)] if number < 3 else [(net.hosts["node0"].address, 8468)]
                )
        servers.append(server)
    found = {}
    for number in range(20):
        with net.hosts[f"node{7 * number + 5}"]:
            assert await servers[7 * number + 5].set(f"key{number}", f"value{number}")
        with net.hosts[f"node{9 * number + 11}"]:
            found[f"key{number}"] = await servers[9 * number + 11].get(f"key{number}")
    for number, server in enumerate(servers):
        with net.hosts[f"node{number}"]:
            server.stop()
    return found


def kademlia_run() -> tuple[dict[str, Any], str, int]:
    net = Internet(seed=5, link=HOME, strict=False, max_events=3_000_000)
    found = net.run(two_hundred_nodes)
    return found, net.trace.digest(), len(net.trace)


@pytest.mark.slow
def test_kademlia_of_two_hundred_nodes_sets_and_gets() -> None:
    found, _, packets = kademlia_run()
    assert found == {f"key{number}": f"value{number}" for number in range(20)}
    assert packets > 5_000


@pytest.mark.slow
@pytest.mark.fault("F158")
def test_kademlia_does_the_same_whatever_the_hash_seed() -> None:
    program = "from tests.sim.strangers.test_kademlia import kademlia_run; print(*kademlia_run()[1:])"
    seen = {printed(program, seed) for seed in ("0", "77")}
    assert len(seen) == 1
