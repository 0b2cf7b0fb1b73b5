"""A newcomer's rounds, without a network: order, tries, lies, silence."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.bootstrap.messages import (
    CODEC,
    AskPeers,
    NamedPeers,
    SeedRefused,
    SeedResponse,
    SeedTold,
    TellPeer,
)
from p2plib.discovery.bootstrap.newcomer import (
    AT_ONCE,
    TOLD,
    TRIES,
    DidNotAnswer,
    Newcomer,
    RoundOver,
    WasNamed,
    WasRefused,
    WasTold,
)
from p2plib.machine.addresses import Address

TOPIC = b"c" * 20
SEEDS = [(f"11.0.{number}.1", 4000) for number in range(7)]
PEER, VICTIM = ("198.51.100.7", 5000), ("127.0.0.1", 5000)

Answer = Callable[[AskPeers | TellPeer], SeedResponse | None]


def talk(newcomer: Newcomer, answer: Answer, only: set[Address] | None = None) -> list[tuple[bytes, Address]]:
    """Answers all that it sends, until it is done or waits; returns what it sent."""
    said: list[tuple[bytes, Address]] = []
    now = 0.0
    while True:
        sent = newcomer.to_send()
        said += sent
        for data, address in sent:
            response = answer(CODEC.decode(data)) if only is None or address in only else None
            if response is not None:
                newcomer.receive(CODEC.encode(response), address, now)
        if not sent:
            at = newcomer.timer()
            if at is None:
                return said
            now = at
            newcomer.on_timer(now)


def kind(request: AskPeers | TellPeer) -> SeedResponse:
    if isinstance(request, AskPeers):
        return NamedPeers(request.transaction, b"token", (PEER,))
    return SeedTold(request.transaction, 1800, PEER)


def test_a_round_asks_everybody_and_ends() -> None:
    newcomer = Newcomer(random.Random(1))
    number = newcomer.ask(SEEDS, TOPIC, 0.0)
    assert len(newcomer.to_send()) == AT_ONCE
    newcomer = Newcomer(random.Random(1))
    number = newcomer.ask(SEEDS, TOPIC, 0.0)
    talk(newcomer, kind)
    events = newcomer.events()
    assert events == [*(WasNamed(number, seed, (PEER,)) for seed in SEEDS), RoundOver(number)]
    assert newcomer.timer() is None


def test_nobody_answers_and_each_was_asked_so_often() -> None:
    newcomer = Newcomer(random.Random(1))
    number = newcomer.ask(SEEDS, TOPIC, 0.0)
    said = talk(newcomer, lambda _: None)
    assert len(said) == TRIES * len(SEEDS)
    assert newcomer.events() == [*(DidNotAnswer(number, seed) for seed in SEEDS), RoundOver(number)]


def test_the_first_that_answer_are_told() -> None:
    newcomer = Newcomer(random.Random(1))
    number = newcomer.tell(SEEDS, TOPIC, 5000, 0.0)
    said = [CODEC.decode(data) for data, _ in talk(newcomer, kind)]
    told = [message for message in said if isinstance(message, TellPeer)]
    assert [message.port for message in told] == [5000] * TOLD
    assert {message.token for message in told} == {b"token"}
    assert sum(isinstance(event, WasTold) for event in newcomer.events()) == TOLD
    assert number == 1


def test_a_refusal_is_an_event() -> None:
    newcomer = Newcomer(random.Random(1))
    number = newcomer.ask(SEEDS[:1], TOPIC, 0.0)
    talk(newcomer, lambda request: SeedRefused(request.transaction, 2))
    assert newcomer.events() == [WasRefused(number, SEEDS[0], 2), RoundOver(number)]


def test_addresses_that_a_stranger_may_not_name() -> None:
    newcomer = Newcomer(random.Random(1))
    number = newcomer.ask(SEEDS[:1], TOPIC, 0.0)
    lies = (VICTIM, ("192.168.1.1", 5000), ("198.51.100.7", 25), ("224.0.0.1", 5000), PEER)
    talk(newcomer, lambda request: NamedPeers(request.transaction, b"", lies))
    assert newcomer.events()[0] == WasNamed(number, SEEDS[0], (PEER,))
    assert newcomer.ignored == {"address of no peer": 4}


def test_a_forged_response_before_the_true_one_and_a_copy_after_it() -> None:
    newcomer = Newcomer(random.Random(1))
    newcomer.ask(SEEDS[:1], TOPIC, 0.0)
    ((data, address),) = newcomer.to_send()
    true = NamedPeers(CODEC.decode(data).transaction, b"", (PEER,))
    guessed = NamedPeers(true.transaction ^ 1, b"", (("66.6.6.6", 6666),))
    newcomer.receive(CODEC.encode(guessed), address, 0.1)
    newcomer.receive(CODEC.encode(true), ("66.6.6.6", 6666), 0.1)
    assert newcomer.events() == []
    newcomer.receive(CODEC.encode(true), address, 0.2)
    newcomer.receive(CODEC.encode(true), address, 0.3)
    assert newcomer.events() == [WasNamed(1, address, (PEER,)), RoundOver(1)]
    assert newcomer.ignored == {"unexpected response": 3}


def test_a_seed_that_answers_another_question_is_as_good_as_silent() -> None:
    newcomer = Newcomer(random.Random(1))
    newcomer.tell(SEEDS[:1], TOPIC, 5000, 0.0)
    said = talk(newcomer, lambda request: NamedPeers(request.transaction, b"", ()))
    assert len(said) == 2
    assert newcomer.events()[1:] == [DidNotAnswer(1, SEEDS[0]), RoundOver(1)]
    newcomer.ask(SEEDS[:1], TOPIC, 0.0)
    talk(newcomer, lambda request: SeedTold(request.transaction, 9, PEER))
    assert newcomer.events() == [DidNotAnswer(2, SEEDS[0]), RoundOver(2)]


def test_a_round_that_is_given_up_says_and_sends_nothing_more() -> None:
    newcomer = Newcomer(random.Random(1))
    number = newcomer.ask(SEEDS, TOPIC, 0.0)
    sent = newcomer.to_send()
    newcomer.stop(number, 0.0)
    for data, address in sent[:1]:
        newcomer.receive(CODEC.encode(kind(CODEC.decode(data))), address, 0.1)
    assert talk(newcomer, kind) == []
    assert newcomer.events() == []


def test_an_empty_list_is_over_at_once() -> None:
    newcomer = Newcomer(random.Random(1))
    assert newcomer.ask([], TOPIC, 0.0) == 1
    assert newcomer.events() == [RoundOver(1)]


@pytest.mark.parametrize("prefix", [b"", b"\x09"])
@given(st.binary(max_size=60))
def test_whatever_arrives_is_survived(prefix: bytes, raw: bytes) -> None:
    newcomer = Newcomer(random.Random(1))
    newcomer.ask(SEEDS[:1], TOPIC, 0.0)
    newcomer.receive(prefix + raw, SEEDS[0], 0.1)
    assert newcomer.events() == []


@pytest.mark.fault("F064")
def test_seeds_that_answer_and_then_do_not_tell_cannot_keep_us_from_the_others() -> None:
    newcomer = Newcomer(random.Random(1))
    newcomer.tell(SEEDS, TOPIC, 5000, 0.0)
    tells = iter(range(100))

    def answer(request: AskPeers | TellPeer) -> SeedResponse | None:
        if isinstance(request, AskPeers):
            return NamedPeers(request.transaction, b"token", ())
        number = next(tells)
        if number == 0:
            return NamedPeers(request.transaction, b"token", ())
        return SeedRefused(request.transaction, 2) if number < 5 else SeedTold(request.transaction, 9, PEER)

    talk(newcomer, answer)
    events = newcomer.events()
    assert sum(isinstance(event, WasRefused) for event in events) == 4
    assert sum(isinstance(event, WasTold) for event in events) == 2
    assert events[-1] == RoundOver(1)


@pytest.mark.fault("F064")
def test_nor_can_those_that_fall_silent() -> None:
    newcomer = Newcomer(random.Random(1))
    newcomer.tell(SEEDS, TOPIC, 5000, 0.0)
    asked = iter(range(100))

    def answer(request: AskPeers | TellPeer) -> SeedResponse | None:
        if isinstance(request, AskPeers):
            return NamedPeers(request.transaction, next(asked).to_bytes(8), ())
        return SeedTold(request.transaction, 9, PEER) if int.from_bytes(request.token) >= TOLD else None

    talk(newcomer, answer)
    assert sum(isinstance(event, WasTold) for event in newcomer.events()) == len(SEEDS) - TOLD
