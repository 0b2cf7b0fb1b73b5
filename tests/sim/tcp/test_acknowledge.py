"""When an acknowledgement is due, by the numbers of Linux."""

from __future__ import annotations

from p2plib.sim.tcp.acknowledge import DELAY_S, QUICK, Acknowledger
from p2plib.sim.tcp.states import Settings
from tests.sim.tcp.link import Pair

PAUSE_S = 0.3


def settled() -> Acknowledger:
    """Behind the quick ones, at 1 s."""
    acks = Acknowledger(100)
    for _ in range(QUICK):
        assert not acks.arrived(1, 1.0, PAUSE_S)
        assert acks.due_s == 1.0
        acks.sent()
    return acks


def test_the_first_ones_are_due_at_once_and_later_ones_after_a_while() -> None:
    acks = settled()
    assert acks.due_s is None
    assert not acks.arrived(100, 1.1, PAUSE_S)
    assert acks.due_s == 1.1 + DELAY_S
    assert not acks.arrived(99, 1.11, PAUSE_S)
    assert acks.due_s == 1.1 + DELAY_S  # the oldest byte counts
    assert acks.arrived(1, 1.12, PAUSE_S)
    acks.sent()
    assert acks.due_s is None


def test_after_a_pause_they_are_quick_again() -> None:
    acks = settled()
    assert not acks.arrived(1, 1.25, PAUSE_S)
    assert acks.due_s == 1.25 + DELAY_S
    assert not acks.arrived(1, 2.0, PAUSE_S)
    assert acks.due_s == 2.0


def test_half_as_many_acknowledgements_as_segments() -> None:
    pair = Pair(settings=(Settings(mss=100), Settings(mss=100)))
    pair.connect()
    pair.ends[0].write(bytes(40_000))
    pair.run()
    sizes = [len(segment.data) for _, who, segment in pair.log if who == 0 and segment.data]
    answers = [segment for _, who, segment in pair.log if who == 1 and not segment.data]
    assert sizes == [100] * 400
    assert len(answers) == 1 + QUICK + (400 - QUICK) // 2  # the first one is of the handshake


def test_a_lone_segment_is_acknowledged_after_the_delay() -> None:
    pair = Pair()
    pair.connect()
    for _ in range(QUICK + 1):
        began_s = pair.now_s
        pair.ends[0].write(b"x")
        pair.run(began_s + 0.2)
    assert [at_s for at_s, who, _ in pair.log if who == 1][-1] == began_s + 0.05 + DELAY_S


def test_an_answer_carries_the_acknowledgement() -> None:
    pair = Pair()
    pair.connect()
    for _ in range(QUICK + 1):
        pair.ends[0].write(b"x")
        pair.run(pair.now_s + 0.2)
    pair.ends[0].write(b"question")
    pair.run(pair.now_s + 0.06)
    sends = len(pair.log)
    pair.ends[1].write(b"answer")
    pair.run()
    assert [(who, segment.data) for _, who, segment in pair.log[sends:]] == [(1, b"answer"), (0, b"")]
