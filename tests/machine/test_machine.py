"""The half that all machines share: what goes out goes out once, and what was ignored is counted."""

from __future__ import annotations

from enum import Enum

from p2plib.machine.machine import Base

ALICE = ("192.0.2.1", 4000)


class Timer(Enum):
    WAKE = "something is due"


def test_what_is_sent_and_told_is_handed_out_once_and_in_order() -> None:
    base: Base[str, Timer] = Base()
    for word in ("one", "two"):
        base._send(word.encode(), ALICE)
        base._tell(word)
    assert base.to_send() == [(b"one", ALICE), (b"two", ALICE)]
    assert base.events() == ["one", "two"]
    assert base.to_send() == base.events() == []


def test_what_is_ignored_is_counted_by_reason() -> None:
    base: Base[str, Timer] = Base()
    for reason in ("malformed", "unexpected", "malformed"):
        base._ignore(reason)
    assert base.ignored == {"malformed": 2, "unexpected": 1}


def test_the_timer_is_the_earliest() -> None:
    base: Base[str, Timer] = Base()
    assert base.timer() is None
    base.timers.set(Timer.WAKE, 7.0, 1)
    base.timers.set(Timer.WAKE, 5.0, 2)
    assert base.timer() == 5.0
