"""An inbox: copies, old mail, forgeries before and after the true message, floods."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.signal.inbox import AHEAD_S, BEHIND_S, Inbox
from p2plib.discovery.signal.messages import HERE, SignalMessage, encode, sign
from p2plib.identity.keys import SecretKey

NOW = 1_700_000_000
CHANNEL = "cats/lisbon"
ANA, BEN, MAL = (SecretKey.from_seed(name.encode() * 32) for name in "abm")


def text_of(secret: SecretKey = ANA, seq: int = 1, time_s: int = NOW, **changed: object) -> str:
    message = SignalMessage(CHANNEL, secret.public, None, HERE, seq, time_s, "hi")
    return encode(sign(replace(message, **changed), secret))  # type: ignore[arg-type]


def inbox(**named: object) -> Inbox:
    return Inbox(BEN.public, [CHANNEL], **named)  # type: ignore[arg-type]


@pytest.mark.fault("F068")
def test_a_copy_is_refused_at_once_and_later() -> None:
    box, text = inbox(), text_of()
    first = box.receive(text, NOW)
    assert first is not None
    assert first.sender == ANA.public
    assert box.receive(text, NOW) is None
    assert box.receive(text, NOW + BEHIND_S) is None
    assert box.ignored == {"seen before": 2}
    box.receive(text_of(MAL, time_s=NOW + 200), NOW + 200)
    assert len(box) == 1, "the number of a message that is too old for a copy is forgotten"
    assert box.receive(text, NOW + 200) is None
    assert box.ignored["not of this time"] == 1


def test_numbers_only_grow() -> None:
    box = inbox()
    assert box.receive(text_of(seq=5), NOW)
    assert box.receive(text_of(seq=4), NOW) is None
    assert box.receive(text_of(seq=6), NOW)
    assert box.receive(text_of(MAL, seq=1), NOW)


@pytest.mark.parametrize(
    ("late_s", "accepted"), [(-AHEAD_S - 1, 0), (-AHEAD_S, 1), (BEHIND_S, 1), (BEHIND_S + 1, 0)]
)
def test_the_window(late_s: float, accepted: bool) -> None:
    assert bool(inbox().receive(text_of(), NOW + late_s)) == accepted


def test_whom_and_what_it_is_for() -> None:
    box = inbox()
    assert box.receive(text_of(to=MAL.public), NOW) is None
    assert box.receive(text_of(channel="cats/porto"), NOW) is None
    assert box.receive(text_of(BEN), NOW) is None
    assert box.receive("{}", NOW) is None
    assert box.receive(text_of(to=BEN.public), NOW)
    assert box.ignored == {
        "for somebody else": 1,
        "of another channel": 1,
        "our own": 1,
        "not a signed message": 1,
    }


@pytest.mark.fault("F068")
def test_a_forgery_with_the_highest_number_silences_nobody() -> None:
    box = inbox()
    forged = encode(
        replace(sign(SignalMessage(CHANNEL, MAL.public, None, HERE, 2**53 - 1, NOW), MAL), sender=ANA.public)
    )
    assert box.receive(forged, NOW) is None
    assert box.receive(text_of(), NOW)
    assert box.receive(forged, NOW) is None
    assert box.ignored == {"forged": 2}


def test_a_sender_whose_clock_is_set_back_does_not_open_a_gap_for_copies() -> None:
    box = inbox()
    early, late = text_of(seq=2, time_s=NOW - 30), text_of(seq=1, time_s=NOW + 9)
    assert box.receive(late, NOW)
    assert box.receive(early, NOW)
    box.receive(text_of(MAL, time_s=NOW + 50), NOW + 45)
    assert box.receive(late, NOW + 45) is None


@pytest.mark.fault("F068")
def test_a_flood_of_senders_keeps_copies_out_and_memory_flat() -> None:
    box, text = inbox(max_senders=50), text_of()
    assert box.receive(text, NOW)
    for number in range(200):
        secret = SecretKey.from_seed(number.to_bytes(32, "big"))
        box.receive(text_of(secret, time_s=NOW + 1 + number // 60), NOW + 5)
        assert len(box) <= 50
    assert box.receive(text, NOW + 5) is None
    assert box.ignored["too early for our memory"] >= 1


def test_one_sender_that_talks_without_pause_keeps_the_memory_flat() -> None:
    box = inbox(max_senders=10)
    for seq in range(500):
        assert box.receive(text_of(seq=seq, time_s=NOW), NOW)
    assert len(box) == 1
    assert len(box._by_time) <= 41


@given(st.randoms(use_true_random=False), st.integers(2, 9))
def test_nothing_is_ever_accepted_twice(rng: random.Random, max_senders: int) -> None:
    """Any order, any pauses, any copies: the rule that everything else is for."""
    secrets = [SecretKey.from_seed(bytes([number]) * 32) for number in range(4)]
    box, accepted = inbox(max_senders=max_senders), set[str]()
    sent: list[str] = []
    now = float(NOW)
    for seq in range(15):
        now += rng.choice([0, 0, 1, 7, 30])
        sent.append(text_of(rng.choice(secrets), seq, int(now) + rng.randint(-70, 12)))
        for text in (sent[-1], rng.choice(sent), rng.choice(sent)):
            if box.receive(text, now):
                assert text not in accepted
                accepted.add(text)
