"""A seed: who is named and for how long, tokens, bounds, and what it never sends."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.bootstrap import seed as module
from p2plib.discovery.bootstrap.messages import (
    BAD_TOKEN,
    CODEC,
    FULL,
    MAX_NAMED,
    UNREADABLE,
    AskPeers,
    NamedPeers,
    SeedRefused,
    SeedTold,
    TellPeer,
    padded,
)
from p2plib.discovery.bootstrap.seed import KEPT_S, MAX_OF_HOST, TOKEN_S, Seed

TOPIC, OTHER = b"c" * 20, b"d" * 20
ANA, BEN = ("198.51.100.1", 4001), ("203.0.113.1", 4002)


def answer(seed: Seed, data: bytes, address: tuple[str, int], now: float = 0.0) -> Any:
    """What the seed responds; None for silence."""
    seed.receive(data, address, now)
    sent = seed.to_send()
    assert all(to == address for _, to in sent)
    assert all(len(response) <= len(data) for response, _ in sent)
    return CODEC.decode(sent[0][0]) if sent else None


def ask(seed: Seed, address: tuple[str, int], now: float = 0.0, topic: bytes = TOPIC) -> Any:
    return answer(seed, padded(AskPeers(7, topic, b"")), address, now)


def tell(
    seed: Seed,
    address: tuple[str, int],
    port: int,
    now: float = 0.0,
    topic: bytes = TOPIC,
    token: bytes = b"",
) -> Any:
    token = token or ask(seed, address, now).token
    return answer(seed, CODEC.encode(TellPeer(8, topic, port, token)), address, now)


def test_a_peer_that_told_is_named_until_its_time_is_over() -> None:
    seed = Seed(random.Random(1))
    assert ask(seed, BEN).peers == ()
    assert tell(seed, ANA, 5000) == SeedTold(8, KEPT_S, ANA)
    assert ask(seed, BEN).peers == (("198.51.100.1", 5000),)
    assert ask(seed, BEN, topic=OTHER).peers == ()
    assert ask(seed, BEN, now=KEPT_S - 1).peers
    assert ask(seed, BEN, now=KEPT_S).peers == ()
    assert len(seed) == 0


def test_a_new_port_takes_the_place_of_the_old_one_and_port_0_ends_it() -> None:
    seed = Seed(random.Random(1))
    tell(seed, ANA, 5000)
    tell(seed, ANA, 5001)
    assert ask(seed, BEN).peers == (("198.51.100.1", 5001),)
    assert tell(seed, ANA, 0) == SeedTold(8, 0, ANA)
    assert ask(seed, BEN).peers == ()
    assert tell(seed, ANA, 0) == SeedTold(8, 0, ANA)


@pytest.mark.fault("F071")
def test_tokens_are_for_one_host_and_for_a_while() -> None:
    seed = Seed(random.Random(1))
    token = ask(seed, ANA).token
    assert tell(seed, BEN, 5000, token=token) == SeedRefused(8, BAD_TOKEN)
    assert tell(seed, ANA, 5000, token=bytes(8)) == SeedRefused(8, BAD_TOKEN)
    assert isinstance(tell(seed, ANA, 5000, TOKEN_S, token=token), SeedTold)
    assert tell(seed, ANA, 5000, 2 * TOKEN_S, token=token) == SeedRefused(8, BAD_TOKEN)
    assert isinstance(tell(seed, (ANA[0], 9), 5000, token=token), SeedTold), "the same host, another port"
    assert tell(Seed(random.Random(2)), ANA, 5000, token=token) == SeedRefused(8, BAD_TOKEN)


@pytest.mark.fault("F079")
def test_who_asks_for_little_gets_little() -> None:
    seed = Seed(random.Random(1))
    for number in range(60):
        tell(seed, (f"11.0.{number}.1", 1), 5000)
    assert len(ask(seed, ANA).peers) == MAX_NAMED
    bare = CODEC.encode(AskPeers(7, TOPIC, bytes(8)))
    assert len(answer(seed, bare, ANA).peers) == 2
    assert answer(seed, CODEC.encode(AskPeers(7, b"", b"")), ANA) == SeedRefused(7, UNREADABLE)


def test_all_are_named_equally_often() -> None:
    """Chi-square over 40 peers, 20 of which are named each time: the 99.9th percentile with 39 is 72."""
    seed = Seed(random.Random(1))
    for number in range(40):
        tell(seed, (f"11.0.{number}.1", 1), 5000)
    times = dict.fromkeys(seed.named(TOPIC, 0.0), 0)
    for _ in range(400):
        for peer in ask(seed, ANA).peers:
            times[peer] += 1
    expected = 400 * MAX_NAMED / 40
    assert sum((count - expected) ** 2 / expected for count in times.values()) < 72


@pytest.mark.fault("F080")
def test_everything_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TOPICS", 3)
    monkeypatch.setattr(module, "MAX_OF_TOPIC", 5)
    seed = Seed(random.Random(1))
    for number in range(5):
        assert isinstance(tell(seed, (f"11.0.{number}.1", 1), 5000), SeedTold)
    assert tell(seed, ("11.1.0.1", 1), 5000) == SeedRefused(8, FULL)
    assert isinstance(tell(seed, ("11.0.0.1", 1), 5001), SeedTold), "what is in may be renewed"
    for topic in (b"e" * 20, b"f" * 20):
        assert isinstance(tell(seed, ANA, 5000, topic=topic), SeedTold)
    assert tell(seed, ANA, 5000, topic=b"g" * 20) == SeedRefused(8, FULL)
    assert isinstance(tell(seed, ANA, 5000, KEPT_S, topic=b"g" * 20), SeedTold), "the old ones are over"


@pytest.mark.fault("F073")
def test_one_host_has_few_entries() -> None:
    seed = Seed(random.Random(1))
    token = ask(seed, ANA).token
    for number in range(500):
        tell(seed, (ANA[0], number + 1), 5000, topic=number.to_bytes(20, "big"), token=token)
    assert len(seed) == MAX_OF_HOST


REQUESTS = st.builds(
    AskPeers, st.integers(0, 2**64 - 1), st.binary(max_size=20), st.binary(max_size=60)
) | st.builds(
    TellPeer, st.integers(0, 2**64 - 1), st.binary(max_size=20), st.integers(0, 65_535), st.binary(max_size=8)
)


@pytest.mark.fault("F079")
@given(REQUESTS, st.sampled_from([ANA, ("2001:db8::1", 60_000)]))
def test_no_response_is_longer_than_its_request(
    request: AskPeers | TellPeer, address: tuple[str, int]
) -> None:
    seed = Seed(random.Random(1))
    for number in range(30):
        tell(seed, (f"2001:db8:{number}::1", 60_000), 50_000, topic=bytes(20))
    if isinstance(request, TellPeer) and request.token:
        request.token = ask(seed, address).token  # the longest response to it
    answer(seed, CODEC.encode(request), address)  # which looks at the lengths


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda raw: b"\x09" + raw))
def test_whatever_arrives_is_answered_shortly_or_not_at_all(raw: bytes) -> None:
    seed = Seed(random.Random(1))
    answer(seed, raw, ANA)


def test_a_response_is_no_request() -> None:
    seed = Seed(random.Random(1))
    assert answer(seed, CODEC.encode(NamedPeers(1, bytes(8), ())), ANA) is None
    assert seed.ignored == {"response": 1}


@pytest.mark.fault("F170")
def test_a_peer_that_restarts_on_other_ports_has_room_again_when_the_old_ones_are_over() -> None:
    seed = Seed(random.Random(1))
    for number in range(MAX_OF_HOST):
        tell(seed, (ANA[0], number + 1), 5000, topic=number.to_bytes(20, "big"))
    assert tell(seed, (ANA[0], 1000), 5000) == SeedRefused(8, FULL)
    assert isinstance(tell(seed, (ANA[0], 1), 5001, KEPT_S / 2, topic=bytes(20)), SeedTold)
    assert isinstance(tell(seed, (ANA[0], 1000), 5000, KEPT_S), SeedTold)
    assert len(seed) == 2, "nobody asked for the others, and still they are gone"
    assert seed.named(bytes(20), KEPT_S) == ((ANA[0], 5001),)
    assert seed.named(bytes(20), 1.5 * KEPT_S) == ()
