"""Who behaves badly is refused for a while, and nobody else: the counting, and a node that is flooded."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import HandshakeFailed, P2PError, StreamReset, UsageError
from p2plib.identity.keys import SecretKey
from p2plib.protocol import ping
from p2plib.protocol.connection import upgrade
from p2plib.protocol.endpoints import endpoint
from p2plib.protocol.node import Node
from p2plib.protocol.peer_score import PeerScore, subject
from p2plib.protocol.tcp import connect_tcp
from p2plib.sim import Internet
from tests.protocol.test_in_the_internet import ALICE, listening_node

CAROL = SecretKey.from_seed(bytes([3]) * 32)
MALLORY = "203.0.113.66"


def test_a_penalty_is_forgiven_with_time() -> None:
    scores = PeerScore(limit=3, half_life_s=10)
    assert scores.score(MALLORY, 0.0) == 0.0
    for _ in range(3):
        assert not scores.penalise(MALLORY, 100.0)
    assert scores.score(MALLORY, 100.0) == 3.0
    assert scores.score(MALLORY, 110.0) == pytest.approx(1.5)
    assert scores.score(MALLORY, 130.0) == pytest.approx(0.375)
    assert not scores.penalise(MALLORY, 110.0)  # 2.5
    assert scores.score(MALLORY, 110.0) == pytest.approx(2.5)
    assert not scores.is_banned(MALLORY, 110.0)
    assert scores.penalise(MALLORY, 110.0)  # 3.5


def test_whoever_fails_now_and_then_is_never_banned() -> None:
    scores = PeerScore()
    assert not any(scores.penalise(MALLORY, now) for now in range(0, 100_000, 4))


@pytest.mark.fault("F055")
def test_bans_double_up_to_a_limit_and_are_forgotten() -> None:
    scores = PeerScore(limit=2, ban_s=60, longest_s=300, memory_s=1000)
    now, lengths = 0.0, []
    for _ in range(5):
        while not scores.penalise(MALLORY, now):
            pass
        began = now
        assert scores.penalise(MALLORY, now)  # what was under way already makes a ban no longer
        while scores.is_banned(MALLORY, now):
            now += 1.0
        lengths.append(now - began)
    assert lengths == [60, 120, 240, 300, 300]
    now += 1000
    while not scores.penalise(MALLORY, now):
        pass
    assert scores.is_banned(MALLORY, now + 59.9)
    assert not scores.is_banned(MALLORY, now + 60)


def test_one_customer_is_one_subject() -> None:
    scores = PeerScore(limit=2)
    for number in range(4):
        scores.penalise(f"2001:db8:1:2::{number:x}", 0.0)
    assert scores.is_banned("2001:db8:1:2:ffff::1", 1.0)
    assert not scores.is_banned("2001:db8:1:3::1", 1.0)
    for _ in range(4):
        scores.penalise("::ffff:192.0.2.1", 0.0)
    assert scores.is_banned("192.0.2.1", 1.0)
    assert not scores.is_banned("192.0.2.2", 1.0)
    assert subject("fe80::1%eth0") == "fe80::/64"
    assert subject("a name") == "a name"


@pytest.mark.fault("F055")
def test_a_million_addresses_take_no_more_memory_than_it_was_given() -> None:
    scores = PeerScore(limit=2, max_hosts=100)
    for number in range(10_000):
        scores.penalise(f"10.{number >> 8}.{number & 255}.1", 0.0)
    assert len(scores) == 100
    for _ in range(4):
        scores.penalise(MALLORY, 1.0)
        for number in range(20):
            scores.penalise(f"11.0.{number}.1", 1.0)
    assert scores.is_banned(MALLORY, 1.0)  # who keeps on is kept


def test_limits_are_above_zero() -> None:
    for name in ("limit", "half_life_s", "ban_s", "longest_s", "memory_s", "max_hosts"):
        with pytest.raises(UsageError, match="above zero"):
            PeerScore(**{name: 0})


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 5)), max_size=60))
def test_a_ban_ends_and_a_score_stays_below_the_limit(penalties: list[tuple[float, float]]) -> None:
    scores, now = PeerScore(limit=5, ban_s=10, longest_s=40), 0.0
    for wait_s, penalty in penalties:
        now += wait_s
        banned = scores.penalise(MALLORY, now, penalty)
        assert banned == scores.is_banned(MALLORY, now)
        assert 0 <= scores.score(MALLORY, now) <= 5
        assert not scores.is_banned(MALLORY, now + 40)


class Forger:
    """Says it is Carol, and signs with a key of its own."""

    public = CAROL.public

    def __getattr__(self, name: str) -> Any:
        return getattr(SecretKey.from_seed(bytes(32)), name)


@pytest.mark.slow
@pytest.mark.fault("F055")
def test_a_thousand_bad_signatures_a_second_cost_a_few_and_harm_nobody_else() -> None:
    async def forge(host: str, port: int) -> str:
        stream = await connect_tcp(host, port)
        try:
            connection = await upgrade(stream, cast(SecretKey, Forger()), is_client=True)
            connection.start()
            async with connection:  # the dialler signs last: it learns of the refusal by what follows
                await connection.wait_closed()
        except P2PError as error:
            return type(error).__name__
        return "closed"

    async def main(net: Any) -> None:
        async with listening_node(net) as (bob, address):
            place = endpoint(address)
            mallory = net.host("mallory")

            async def flood(count: int) -> list[str]:
                tasks = []
                for _ in range(count):
                    tasks.append(asyncio.ensure_future(forge(place.host, place.port)))
                    await asyncio.sleep(0.001)
                return await asyncio.gather(*tasks)

            async def honest() -> float:
                async with Node(ALICE) as alice, await alice.dial(address) as connection:
                    return await ping.ping(connection)

            began = net.loop.time()
            flooding = mallory.start(flood, 3000)
            await asyncio.sleep(1.5)
            assert 0 < await net.host("alice").run(honest()) < 1
            outcomes = await flooding
            assert set(outcomes) <= {"StreamReset", "HandshakeFailed", "closed"}
            assert bob.given_up["banned"] > 2000
            assert 20 < bob.failures["HandshakeFailed"] < 500  # what was on its way when the ban began
            assert bob.given_up["another handshake came"] < 300
            assert bob.scores.is_banned(mallory.address, net.loop.time())
            with pytest.raises((StreamReset, HandshakeFailed)):
                await mallory.run(honest())
            await asyncio.sleep(began + 70 - net.loop.time())
            assert 0 < await mallory.run(honest()) < 1  # whoever has that address next is let in

    Internet(seed=1).run(main)


def test_a_node_keeps_the_scores_that_it_was_given() -> None:
    shared = PeerScore()
    assert Node(ALICE, scores=shared).scores is shared
    assert Node(ALICE).scores is not Node(ALICE).scores


@pytest.mark.fault("F055")
def test_silence_costs_no_penalty() -> None:
    async def main(net: Any) -> None:
        async with listening_node(net, upgrade_timeout_s=1.0) as (bob, address):
            place = endpoint(address)
            ana = net.host("ana")
            for _ in range(60):
                stream = await ana.run(connect_tcp(place.host, place.port))
                await asyncio.sleep(0.1)
                stream.reset()
            silent = [await ana.run(connect_tcp(place.host, place.port)) for _ in range(60)]
            await asyncio.sleep(2)
            for stream in silent:
                stream.reset()
            assert bob.failures["PeerTimeout"] == 60
            assert bob.scores.score(ana.address, net.loop.time()) == 0.0

    Internet(seed=1).run(main)
