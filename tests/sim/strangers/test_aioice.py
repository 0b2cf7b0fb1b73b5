"""aioice in the simulated internet, as it is: two peers behind NATs find a way to each other with STUN."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.sim import Host, Internet, Link
from tests.sim.strangers.stun_server import PORT, stun_served

pytest.importorskip("aioice")


async def gathered(controlling: bool, stun_server: str | None) -> Any:
    import aioice

    connection = aioice.Connection(
        ice_controlling=controlling, stun_server=stun_server and (stun_server, PORT), use_ipv6=False
    )
    await connection.gather_candidates()
    return connection


async def told_about(connection: Any, other: Any) -> None:
    """Tell one end what the other would send by some signalling."""
    connection.remote_username, connection.remote_password = other.local_username, other.local_password
    for candidate in other.local_candidates:
        await connection.add_remote_candidate(candidate)
    await connection.add_remote_candidate(None)


async def talked(connection: Any, word: bytes) -> bytes:
    """Connect, send a word twenty times, and return what came first from the other end."""
    await connection.connect()
    for _ in range(20):
        await connection.send(word)
    heard: bytes = await connection.recv()
    return heard


async def two_peers(ana: Host, ben: Host, stun: str | None) -> tuple[list[str], list[bytes]]:
    """Connect two hosts; the kinds of one end's candidates, and what each heard."""
    one, other = await asyncio.gather(ana.run(gathered(True, stun)), ben.run(gathered(False, stun)))
    await asyncio.gather(ana.run(told_about(one, other)), ben.run(told_about(other, one)))
    kinds = sorted(candidate.type for candidate in one.local_candidates)
    heard = await asyncio.gather(ana.run(talked(one, b"from ana")), ben.run(talked(other, b"from ben")))
    await asyncio.gather(ana.run(one.close()), ben.run(other.close()))
    return kinds, heard


def run(link: Link, nats: tuple[str, str] | None) -> tuple[Internet, Any]:
    async def main(net: Internet) -> Any:
        homes = [net.lan(f"home{number}", nat=nat) for number, nat in enumerate(nats or ())] or [None, None]
        ana, ben = net.host("ana", lan=homes[0]), net.host("ben", lan=homes[1])
        net.host("stun").start(stun_served)
        await asyncio.sleep(0.1)
        return await two_peers(ana, ben, "stun")

    net = Internet(seed=10, link=link, max_events=1_000_000)
    return net, net.run(main, time_limit_s=120)


NATS = [None, ("port-restricted cone", "port-restricted cone"), ("symmetric", "full cone")]


@pytest.mark.parametrize("nats", NATS)
def test_two_peers_connect(nats: tuple[str, str] | None) -> None:
    _, (kinds, heard) = run(Link(latency=0.02), nats)
    assert heard == [b"from ben", b"from ana"]
    assert kinds == ["host", "srflx"]


def test_two_peers_connect_over_a_bad_link() -> None:
    net, (_, heard) = run(Link(latency=0.03, jitter_s=0.01, loss=0.05), NATS[1])
    assert heard == [b"from ben", b"from ana"]
    assert net.trace.dropped()["lost"] > 0


def test_two_symmetric_nats_keep_peers_apart() -> None:
    with pytest.raises(ConnectionError):
        run(Link(latency=0.02), ("symmetric", "symmetric"))


def test_the_same_seed_gives_the_same_run() -> None:
    digests = [run(Link(latency=0.02), NATS[1])[0].trace.digest() for _ in range(2)]
    assert digests[0] == digests[1]
