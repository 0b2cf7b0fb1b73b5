"""What the parts share: who we are, whom we have met, what a response is for."""

from __future__ import annotations

import random

import pytest

from p2plib.errors import UsageError
from p2plib.machine.addresses import Contact
from p2plib.population.machines import address_of
from p2plib.topology.ring import messages as wire
from p2plib.topology.ring.core import MAX_KNOWN, Core
from p2plib.topology.ring.messages import CODEC, MAX_SUCCESSORS
from p2plib.topology.ring.parts import (
    Notification,
    RingSettings,
    Timer,
)


def core(bits: int = 8) -> Core:
    return Core(Contact(5, address_of(5)), random.Random(1), RingSettings(bits=bits, r=2))


@pytest.mark.parametrize(("ident", "r"), [(-1, 2), (256, 2), (5, 0), (5, MAX_SUCCESSORS + 1)])
def test_an_id_and_a_list_that_do_not_fit_are_refused(ident: int, r: int) -> None:
    with pytest.raises(UsageError, match="an id is"):
        Core(Contact(ident, address_of(1)), random.Random(1), RingSettings(bits=8, r=r))


def test_the_latest_members_are_remembered() -> None:
    made = core()
    made.remember(address_of(i) for i in range(MAX_KNOWN))
    made.remember([address_of(0), address_of(1000)])
    assert len(made.known) == MAX_KNOWN
    assert address_of(1) not in made.known  # the first of those not heard of again
    assert list(made.known)[-2:] == [address_of(0), address_of(1000)]


def test_a_request_is_sent_three_times_and_then_given_up() -> None:
    made, purpose = core(), Notification(Contact(9, address_of(9)))
    message = wire.Notify(*made.header())
    assert message.sender == 5
    made.ask(message, address_of(9), purpose, 0.0)
    sent, gone, now = made.to_send(), [], 0.0
    while (at := made.timer()) is not None:
        now = at
        gone += [made.late(transaction, now) for _, transaction in made.timers.due(now)]
        sent += made.to_send()
    assert sent == [(CODEC.encode(message), address_of(9))] * 3
    assert gone == [None, None, purpose]
    assert now == 1.0 + 2.0 + 4.0


def test_a_response_counts_once_and_from_the_address_that_was_asked() -> None:
    made, purpose = core(), Notification(Contact(9, address_of(9)))
    message = wire.Notify(*made.header())
    made.ask(message, address_of(9), purpose, 0.0)
    done = wire.Done(message.transaction, 9)
    assert made.answered(done, address_of(8), 0.1) is None
    assert made.answered(done, address_of(9), 0.1) == purpose
    assert made.answered(done, address_of(9), 0.1) is None
    assert made.timer() is None


def test_a_timer_that_comes_again_varies_by_a_tenth() -> None:
    made, times = core(), []
    for _ in range(200):
        made.set_again(Timer.STABILISE, 10.0, 100.0)
        times.append(made.timer())
    assert all(time is not None and 109.0 <= time <= 111.0 for time in times)
    assert len(set(times)) == 200
