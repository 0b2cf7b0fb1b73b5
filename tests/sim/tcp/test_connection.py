"""TCP's states: opening, closing, cutting, and what third parties throw in. Every number is exact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.sim.packet import Flag, Segment
from p2plib.sim.tcp import states as tcp_states
from p2plib.sim.tcp.connection import Connection
from p2plib.sim.tcp.states import (
    Connected,
    ConnectionClosed,
    DataReceived,
    EofReceived,
    Reset,
    Settings,
    State,
    TimedOut,
)
from tests.sim.tcp.link import ACK, FIN, PSH, RST, SYN, Pair

M = 2**32

ROOM = 262_144


def wire(pair: Pair, since: int = 0) -> list[tuple[int, Flag, int, int, bytes]]:
    return [(who, s.flags, s.seq, s.ack, s.data) for _, who, s in pair.log[since:]]


def states(pair: Pair) -> tuple[State, State]:
    return pair.ends[0].state, pair.ends[1].state


# Opening (RFC 9293, 3.5)


def test_handshake_segment_by_segment() -> None:
    pair = Pair()
    pair.ends[0].open()
    pair.run()
    assert pair.log == [
        (0.0, 0, Segment(SYN, 1000, 0, ROOM)),
        (0.05, 1, Segment(SYN | ACK, 5000, 1001, ROOM)),
        (0.1, 0, Segment(ACK, 1001, 5001, ROOM)),
    ]
    assert pair.events == ([Connected()], [Connected()])
    assert pair.times == {(0, "Connected"): 0.1, (1, "Connected"): pytest.approx(0.15)}
    assert [end.timer() for end in pair.ends] == [None, None]


def test_bytes_and_both_ends_segment_by_segment() -> None:
    pair = Pair(settings=(Settings(mss=4), Settings(mss=4)))
    pair.connect()
    pair.ends[0].write(b"abcdef")
    pair.ends[0].write_eof()
    pair.run(pair.now_s + 1)
    assert wire(pair, 3) == [
        (0, ACK, 1001, 5001, b"abcd"),
        (0, FIN | ACK, 1005, 5001, b"ef"),
        (1, ACK, 5001, 1005, b""),
        (1, ACK, 5001, 1008, b""),
    ]
    assert states(pair) == (State.FIN_WAIT_2, State.CLOSE_WAIT)
    pair.ends[1].write(b"xyz")
    pair.run(pair.now_s + 1)
    pair.ends[1].write_eof()
    pair.run()
    assert wire(pair, 7) == [
        (1, PSH | ACK, 5001, 1008, b"xyz"),
        (0, ACK, 1008, 5004, b""),
        (1, FIN | ACK, 5004, 1008, b""),
        (0, ACK, 1008, 5005, b""),
    ]
    assert pair.events[0] == [Connected(), DataReceived(b"xyz"), EofReceived(), ConnectionClosed()]
    assert pair.events[1] == [
        Connected(),
        DataReceived(b"abcd"),
        DataReceived(b"ef"),
        EofReceived(),
        ConnectionClosed(),
    ]


@pytest.mark.fault("F091")
def test_simultaneous_open() -> None:
    """RFC 9293, figure 8."""
    pair = Pair()
    for end in pair.ends:
        end.open()
    pair.run()
    assert wire(pair) == [
        (0, SYN, 1000, 0, b""),
        (1, SYN, 5000, 0, b""),
        (1, SYN | ACK, 5000, 1001, b""),
        (0, SYN | ACK, 1000, 5001, b""),
    ]
    assert states(pair) == (State.ESTABLISHED, State.ESTABLISHED)
    pair.ends[0].write(b"to one")
    pair.ends[1].write(b"to nought")
    pair.run()
    assert (pair.got(0), pair.got(1)) == (b"to nought", b"to one")
    assert pair.names(0) == pair.names(1) == ["Connected"]


@pytest.mark.fault("F091")
def test_simultaneous_open_survives_the_loss_of_one_syn() -> None:
    lost: list[Segment] = []

    def fate(who: int, segment: Segment, now_s: float) -> tuple[float, ...]:
        if who == 0 and segment.flags == SYN and not lost:
            lost.append(segment)
            return ()
        return (0.05,)

    pair = Pair(fate)
    for end in pair.ends:
        end.open()
    pair.run()
    assert lost
    assert states(pair) == (State.ESTABLISHED, State.ESTABLISHED)


def test_nobody_listens() -> None:
    pair = Pair(listens=False)
    pair.ends[0].open()
    pair.run()
    assert pair.log[1] == (0.05, 1, Segment(RST | ACK, 0, 1001, 0))
    assert pair.events[0] == [Reset(refused=True), ConnectionClosed()]
    assert pair.now_s == 0.1


def test_a_syn_that_nobody_answers_is_given_up_after_127_seconds() -> None:
    pair = Pair(lambda *_: ())
    pair.ends[0].open()
    pair.run()
    assert [at_s for at_s, _, _ in pair.log] == [0, 1, 3, 7, 15, 31, 63]
    assert {segment for _, _, segment in pair.log} == {Segment(SYN, 1000, 0, ROOM)}
    assert pair.events[0] == [TimedOut(State.SYN_SENT), ConnectionClosed()]
    assert pair.now_s == 127


def test_an_answer_to_a_syn_is_given_up_after_63_seconds() -> None:
    pair = Pair(lambda who, *_: (0.05,) if who == 0 else ())
    pair.ends[0].open()
    pair.run(0.05)
    pair.ends[0].abort()  # it falls silent: a SYN_SENT connection has nothing to reset
    pair.run()
    assert [round(at_s, 2) for at_s, who, _ in pair.log if who == 1] == [0.05, 1.05, 3.05, 7.05, 15.05, 31.05]
    assert pair.events[1] == [TimedOut(State.SYN_RECEIVED), ConnectionClosed()]
    assert pair.now_s == pytest.approx(63.05)


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_each_segment_of_the_handshake_may_be_lost(lost: int) -> None:
    pair = Pair(lambda *_: () if len(pair.log) == lost + 1 else (0.05,))
    pair.ends[0].open()
    pair.ends[0].write(b"hello")
    pair.run()
    assert pair.got(1) == b"hello"
    assert pair.names(0) == pair.names(1) == ["Connected"]


def test_what_is_written_too_early_waits_for_the_handshake() -> None:
    pair = Pair()
    pair.ends[0].open()
    pair.ends[0].write(b"early")
    assert pair.ends[0].unsent_bytes == 5
    pair.run()
    assert wire(pair)[2] == (0, PSH | ACK, 1001, 5001, b"early")
    assert pair.ends[0].unsent_bytes == pair.ends[0].unacknowledged_bytes == 0


@pytest.mark.parametrize("before_wrap", [0, 1, 2, 5, 4000])
def test_sequence_numbers_wrap_around(before_wrap: int) -> None:
    data = bytes(range(251)) * 40
    pair = Pair(iss=(M - 1 - before_wrap, (7 - before_wrap) % M))
    pair.connect()
    for end in pair.ends:
        end.write(data)
        end.write_eof()
    pair.run()
    assert pair.got(0) == pair.got(1) == data
    assert min(s.seq for _, who, s in pair.log if who == 0) < 20_000 < max(s.seq for _, _, s in pair.log)
    assert pair.names(0) == pair.names(1) == ["Connected", "EofReceived", "ConnectionClosed"]


# Closing (3.6)


@pytest.mark.parametrize("first", [0, 1])
def test_half_close_either_end_first(first: int) -> None:
    pair = Pair()
    pair.connect()
    late = 1 - first
    pair.ends[first].write(b"question")
    pair.ends[first].write_eof()
    pair.run(pair.now_s + 100)
    assert pair.ends[first].state is State.FIN_WAIT_2
    assert pair.names(late) == ["Connected", "EofReceived"]
    pair.ends[late].write(b"a long answer " * 1000)
    pair.run(pair.now_s + 100)
    assert pair.got(first) == b"a long answer " * 1000
    pair.ends[late].write_eof()
    began_s = pair.now_s
    pair.run(began_s + 0.5)
    assert pair.ends[late].state is State.CLOSED
    assert pair.ends[first].state is State.TIME_WAIT
    pair.run()
    assert pair.now_s == pytest.approx(began_s + 0.05 + tcp_states.TIME_WAIT_S)
    assert pair.names(first) == pair.names(late) == ["Connected", "EofReceived", "ConnectionClosed"]


def test_both_close_at_once() -> None:
    pair = Pair()
    pair.connect()
    for end in pair.ends:
        end.write_eof()
    pair.run(pair.now_s + 0.07)
    assert states(pair) == (State.CLOSING, State.CLOSING)
    pair.run(pair.now_s + 0.05)
    assert states(pair) == (State.TIME_WAIT, State.TIME_WAIT)
    pair.run()
    assert pair.names(0) == pair.names(1) == ["Connected", "EofReceived", "ConnectionClosed"]


def test_a_lost_last_ack_is_sent_again() -> None:
    pair = Pair()
    pair.connect()
    pair.ends[0].write_eof()
    pair.run(pair.now_s + 1)
    pair.ends[1].write_eof()
    lost: list[float] = []

    def fate(who: int, segment: Segment, now_s: float) -> tuple[float, ...]:
        if who == 0 and not lost:
            lost.append(now_s)
            return ()
        return (0.05,)

    pair.fate = fate
    pair.run()
    assert wire(pair)[-4:] == [(1, FIN | ACK, 5001, 1002, b""), (0, ACK, 1002, 5002, b"")] * 2
    assert pair.names(1)[-1] == "ConnectionClosed"
    ends_s = pair.log[-1][0] + tcp_states.TIME_WAIT_S
    assert pair.times[0, "ConnectionClosed"] == pytest.approx(ends_s)  # the repeated FIN began TIME_WAIT anew


def test_a_closed_end_answers_bytes_with_a_reset() -> None:
    pair = Pair()
    pair.connect()
    pair.ends[0].close(pair.now_s)
    pair.run(pair.now_s + 1)
    assert states(pair) == (State.FIN_WAIT_2, State.CLOSE_WAIT)
    pair.ends[1].write(b"are you there?")
    pair.run()
    assert pair.events[1] == [Connected(), EofReceived(), Reset(refused=False), ConnectionClosed()]
    assert pair.events[0] == [Connected(), ConnectionClosed()]


def test_closing_with_bytes_unread_is_a_reset() -> None:
    pair = Pair()
    pair.connect()
    pair.ends[0].set_reading(False)
    pair.ends[1].write(b"unread")
    pair.run(pair.now_s + 1)
    assert pair.ends[0].unread_bytes == 6
    pair.ends[0].close(pair.now_s)
    pair.run()
    assert pair.events[1] == [Connected(), Reset(refused=False), ConnectionClosed()]


def test_a_closed_end_waits_a_minute_for_the_other_fin() -> None:
    pair = Pair()
    pair.connect()
    pair.ends[0].close(pair.now_s)
    acked_s = pair.now_s + 0.1
    pair.run()
    assert pair.times[0, "ConnectionClosed"] == pytest.approx(acked_s + 60)
    half = Pair()
    half.connect()
    half.ends[0].write_eof()
    half.run(half.now_s + 10)
    half.ends[0].close(half.now_s)
    half.run()
    assert half.times[0, "ConnectionClosed"] == pytest.approx(half.now_s) == pytest.approx(10.2 + 60)
    open_half = Pair()
    open_half.connect()
    open_half.ends[0].write_eof()
    open_half.run()
    assert open_half.ends[0].state is State.FIN_WAIT_2  # one that still reads waits forever


def test_the_end_waits_for_a_paused_reader() -> None:
    pair = Pair()
    pair.connect()
    pair.ends[1].set_reading(False)
    pair.ends[0].write(b"tail")
    pair.ends[0].write_eof()
    pair.run(pair.now_s + 1)
    assert pair.ends[1].state is State.CLOSE_WAIT
    assert pair.events[1] == [Connected()]
    pair.ends[1].set_reading(True)
    assert pair.ends[1].events() == [DataReceived(b"tail"), EofReceived()]


def test_bytes_outlive_the_connection_until_they_are_read() -> None:
    pair = Pair()
    pair.connect()
    pair.ends[1].set_reading(False)
    for end in pair.ends:
        end.write(b"tail")
        end.write_eof()
    pair.run()
    assert pair.names(1) == ["Connected", "ConnectionClosed"]
    pair.ends[1].set_reading(True)
    assert pair.ends[1].events() == [DataReceived(b"tail"), EofReceived()]


# Cutting


def in_state(state: State) -> Pair:
    """A pair whose end 0 is in this state, by the shortest way."""
    pair = Pair()
    zero, one = pair.ends
    if state is State.CLOSED:
        return pair
    zero.open()
    if state is State.SYN_RECEIVED:
        one.open()
    pair.run(0.06 if state is State.SYN_RECEIVED else 0.02 if state is State.SYN_SENT else 0.2)
    if state in (State.CLOSE_WAIT, State.LAST_ACK):
        one.write_eof()
        pair.run(pair.now_s + 0.2)
    if state in (State.FIN_WAIT_1, State.FIN_WAIT_2, State.CLOSING, State.TIME_WAIT, State.LAST_ACK):
        zero.write_eof()
        if state is State.CLOSING:
            one.write_eof()
        pair.run(
            pair.now_s + {State.FIN_WAIT_2: 0.2, State.CLOSING: 0.06, State.TIME_WAIT: 0.2}.get(state, 0.02)
        )
    if state is State.TIME_WAIT:
        one.write_eof()
        pair.run(pair.now_s + 0.2)
    assert zero.state is state
    return pair


@pytest.mark.parametrize("state", list(State), ids=lambda state: state.name)
def test_abort_in_each_state(state: State) -> None:
    pair = in_state(state)
    sends = len(pair.log)
    pair.ends[0].abort()
    pair.flush(0)
    resets = [segment.flags for _, _, segment in pair.log[sends:]]
    silent = (State.CLOSED, State.SYN_SENT, State.CLOSING, State.LAST_ACK, State.TIME_WAIT)
    assert resets == ([] if state in silent else [RST])
    assert pair.ends[0].state is State.CLOSED
    assert pair.names(0)[-1:] == ([] if state is State.CLOSED else ["ConnectionClosed"])
    assert pair.ends[0].timer() is None
    pair.ends[0].abort()
    pair.run(pair.now_s + 300)
    assert len(pair.names(0)) == len(set(pair.names(0)))
    if state in (State.SYN_RECEIVED, State.ESTABLISHED, State.FIN_WAIT_2, State.CLOSE_WAIT):
        assert pair.ends[1].state is State.CLOSED
        assert ("Reset" in pair.names(1)) == (
            state is not State.CLOSE_WAIT or "EofReceived" not in pair.names(1)
        )


@pytest.mark.parametrize(
    "state", [s for s in State if s not in (State.CLOSED, State.SYN_SENT)], ids=lambda s: s.name
)
def test_a_reset_in_each_state(state: State) -> None:
    pair = in_state(state)
    end = pair.ends[0]
    seq = 5001 + (state in (State.CLOSE_WAIT, State.CLOSING, State.LAST_ACK, State.TIME_WAIT))
    end.receive(Segment(RST, seq + 10, 0, 0), pair.now_s)  # in the window, but not its first (RFC 5961, 3)
    assert end.state is state
    assert [segment.flags for segment in end.segments_to_send(pair.now_s)] == [ACK]
    end.receive(Segment(RST, seq - 1, 0, 0), pair.now_s)
    end.receive(Segment(RST, seq + ROOM, 0, 0), pair.now_s)
    assert end.state is state
    assert end.segments_to_send(pair.now_s) == []
    end.receive(Segment(RST, seq, 0, 0), pair.now_s)
    assert end.state is State.CLOSED
    told: list[object] = [Reset(refused=state is State.SYN_RECEIVED)]
    assert end.events() == ([] if state in (State.CLOSING, State.LAST_ACK, State.TIME_WAIT) else told) + [
        ConnectionClosed()
    ]
    assert end.segments_to_send(pair.now_s) == []


def test_a_passive_connection_that_is_reset_while_it_opens_says_nothing() -> None:
    end = Connection(9)
    end.accept(Segment(SYN, 100, 0, 1000))
    assert end.segments_to_send(0.0) == [Segment(SYN | ACK, 9, 101, ROOM)]
    end.receive(Segment(RST, 101, 0, 0), 0.1)
    assert end.events() == [ConnectionClosed()]


# What does not belong


@pytest.mark.parametrize(
    ("segment", "answer"),
    [
        (Segment(ACK, 7, 2000, 10), Segment(RST, 2000, 0, 0)),  # 3.10.7.3: acknowledges what was never sent
        (Segment(SYN | ACK, 7, 1000, 10), Segment(RST, 1000, 0, 0)),
        (Segment(RST | ACK, 7, 2000, 0), None),
        (Segment(RST, 7, 0, 0), None),
        (Segment(ACK, 7, 1001, 10, b"data"), None),
        (Segment(FIN, 7, 0, 10), None),
    ],
)
def test_garbage_while_a_syn_is_out(segment: Segment, answer: Segment | None) -> None:
    end = Connection(1000)
    end.open()
    end.segments_to_send(0.0)
    end.receive(segment, 0.1)
    assert end.segments_to_send(0.1) == ([answer] if answer else [])
    assert end.state is State.SYN_SENT
    assert end.ignored == 1
    end.receive(Segment(SYN | ACK, 5000, 1001, 10), 0.2)
    assert end.events() == [Connected()]


@pytest.mark.parametrize(
    "segment",
    [
        Segment(ACK, 5001 + ROOM + 1, 1001, 10, b"beyond the window"),
        Segment(ACK, 5001 - 10, 1001, 10, b"old bytes"),
        Segment(ACK, (5001 - 2**31) % M, 1001, 10, b"ancient"),
        Segment(ACK, 5001, 1001 + 50, 10, b"acknowledges the future"),
        Segment(ACK, 5001, (1001 - ROOM - 1) % M, 10, b"acknowledges the past"),
        Segment(SYN, 5001 + 5, 0, 10),
        Segment(SYN | ACK, 5000, 1001, 10),
    ],
    ids=lambda segment: str(segment.data),
)
def test_garbage_on_an_open_connection_is_answered_with_where_we_stand(segment: Segment) -> None:
    pair = in_state(State.ESTABLISHED)
    end = pair.ends[0]
    end.receive(segment, pair.now_s)
    assert end.segments_to_send(pair.now_s) == [Segment(ACK, 1001, 5001, ROOM)]
    assert (end.events(), end.ignored, end.state) == ([], 1, State.ESTABLISHED)
    pair.ends[0].write(b"on we go")
    pair.run()
    assert pair.got(1) == b"on we go"


def test_bytes_without_ack_are_dropped_in_silence() -> None:
    pair = in_state(State.ESTABLISHED)
    pair.ends[0].receive(Segment(Flag(0), 5001, 0, 10, b"x"), pair.now_s)
    assert (pair.ends[0].events(), pair.ends[0].segments_to_send(pair.now_s)) == ([], [])


def test_a_bogus_ack_while_opening_is_reset_and_harms_nothing() -> None:
    end = Connection(9)
    end.accept(Segment(SYN, 100, 0, 1000))
    end.segments_to_send(0.0)
    end.receive(Segment(ACK, 101, 77, 1000), 0.1)
    assert end.segments_to_send(0.1) == [Segment(RST, 77, 0, 0)]
    end.receive(Segment(ACK, 101, 10, 1000, b"hi"), 0.2)
    assert end.events() == [Connected(), DataReceived(b"hi")]


FLAGS = st.integers(0, 31).map(Flag)
NEAR = st.one_of(st.integers(-5, 40), st.integers(0, M - 1))


@given(st.lists(st.tuples(FLAGS, NEAR, NEAR, st.integers(0, 70_000), st.binary(max_size=4)), max_size=12))
def test_nothing_that_is_thrown_in_breaks_the_machine(
    thrown: list[tuple[Flag, int, int, int, bytes]],
) -> None:
    """Wherever it ends up, it ends: no exception, no talk without end, and every state has its way out."""
    pair = Pair(settings=(Settings(retries=3), Settings(retries=3)))
    pair.connect()
    end = pair.ends[0]
    end.write(b"0123456789" * 3)
    for flags, seq, ack, window, data in thrown:
        end.receive(Segment(flags, (5001 + seq) % M, (1001 + ack) % M, window, data), pair.now_s)
        pair.flush(0)
    assert end.unread_bytes == 0
    assert end.out_of_order_bytes <= ROOM
    pair.run(pair.now_s + 1000, most=3000)
    end.abort()
    assert end.state is State.CLOSED
