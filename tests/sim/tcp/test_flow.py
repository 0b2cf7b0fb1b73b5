"""TCP's bytes and clocks: whole and in order whatever the link does, windows, losses, time-outs."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.sim.packet import Segment
from p2plib.sim.tcp.connection import Connection
from p2plib.sim.tcp.receive import Receiver
from p2plib.sim.tcp.send import INITIAL_SEGMENTS, Sender
from p2plib.sim.tcp.states import ConnectionClosed, Settings, State, TimedOut
from tests.sim.tcp.link import ACK, SYN, Fate, Pair, constant, unruly

DATA = bytes(range(251)) * 400


def lose(*numbers: int) -> Fate:
    """Loses the data segments of machine 0 with these numbers, as they are sent, from 0."""
    count = iter(range(1_000_000))

    def fate(who: int, segment: Segment, now_s: float) -> tuple[float, ...]:
        if who == 0 and segment.data and next(count) in numbers:
            return ()
        return (0.05,)

    return fate


def data_sent(pair: Pair) -> list[tuple[float, int, int]]:
    """(time, first byte counted from 0, length) of each data segment of machine 0."""
    return [(round(at_s, 6), s.seq - 1001, len(s.data)) for at_s, who, s in pair.log if who == 0 and s.data]


# Whole and in order


@settings(max_examples=150)
@given(
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.3),
    duplicate=st.floats(0, 0.5),
    spread_s=st.sampled_from([0.0, 0.001, 0.05, 0.5]),
    mss=st.integers(1, 50),
    buffers=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    sizes=st.tuples(st.integers(0, 1500), st.integers(0, 1500)),
    iss=st.tuples(st.integers(2**32 - 800, 2**32 - 1), st.integers(0, 2**32 - 1)),
)
def test_bytes_arrive_whole_and_in_order_whatever_the_link_does(
    seed: int,
    loss: float,
    duplicate: float,
    spread_s: float,
    mss: int,
    buffers: tuple[int, int],
    sizes: tuple[int, int],
    iss: tuple[int, int],
) -> None:
    both = (Settings(mss, buffers[0], retries=40), Settings(mss, buffers[1], retries=40))
    pair = Pair(unruly(seed, loss, duplicate, spread_s), both, iss)
    pair.ends[0].open()
    pair.ends[0].write(DATA[: sizes[0]])
    pair.ends[0].write_eof()
    pair.watch = lambda: bounded(pair, buffers)
    pair.run(60)
    if pair.ends[0].state is State.CLOSED:  # the SYN was given up, or its answer
        return
    if pair.ends[1].state is not State.CLOSED:
        pair.ends[1].write(DATA[-sizes[1] :] if sizes[1] else b"")
        pair.ends[1].write_eof()
    pair.run()
    assert pair.got(1) == DATA[: sizes[0]]
    assert pair.got(0) == (DATA[-sizes[1] :] if sizes[1] else b"")
    assert pair.names(0) == pair.names(1) == ["Connected", "EofReceived", "ConnectionClosed"]


def bounded(pair: Pair, buffers: tuple[int, int]) -> None:
    for end, most in zip(pair.ends, buffers, strict=True):
        assert end.unread_bytes + end.out_of_order_bytes <= most


# Windows


def test_a_paused_reader_bounds_both_ends_and_reopening_goes_on() -> None:
    pair = Pair(settings=(Settings(mss=100), Settings(mss=100, receive_buffer=1000)))
    pair.connect()
    sender, receiver = pair.ends
    receiver.set_reading(False)
    sender.write(DATA)
    pair.run(pair.now_s + 10)
    assert receiver.unread_bytes == 1000
    assert (sender.unsent_bytes, sender.unacknowledged_bytes) == (len(DATA) - 1000, len(DATA) - 1000)
    assert pair.log[-1][2].window == 0
    pair.run(pair.now_s + 3600)
    assert receiver.unread_bytes + receiver.out_of_order_bytes == 1000
    receiver.set_reading(True)
    pair.run()
    assert pair.got(1) == DATA


def test_probes_of_a_closed_window_go_on_forever_at_growing_intervals() -> None:
    pair = Pair(settings=(Settings(mss=100), Settings(mss=100, receive_buffer=100)))
    pair.connect()
    pair.ends[1].set_reading(False)
    pair.ends[0].write(bytes(101))
    pair.run(pair.now_s + 4000)
    assert pair.ends[0].state is State.ESTABLISHED
    probes = [(at_s, first) for at_s, first, size in data_sent(pair) if size == 1]
    assert {first for _, first in probes} == {100}
    gaps = [round(later - at_s, 3) for (at_s, _), (later, _) in pairwise(probes)]
    assert gaps[:6] == [round(0.3 * 2**n, 3) for n in range(1, 7)]
    assert gaps[-10:] == [120.0] * 10
    pair.ends[1].set_reading(True)
    opened_s = pair.now_s
    pair.run()
    assert len(pair.got(1)) == 101
    assert data_sent(pair)[-1][0] == pytest.approx(opened_s + 0.05)  # by the news, not by the next probe


def test_a_probe_finds_the_window_open_when_the_news_was_lost() -> None:
    pair = Pair(settings=(Settings(mss=100), Settings(mss=100, receive_buffer=100)))
    pair.connect()
    pair.ends[1].set_reading(False)
    pair.ends[0].write(bytes(500))
    pair.run(pair.now_s + 3)
    pair.fate = lambda who, *_: () if who == 1 else (0.05,)
    pair.ends[1].set_reading(True)
    pair.flush(1)
    pair.fate = constant()
    pair.run()
    assert len(pair.got(1)) == 500


def test_a_prober_that_nobody_answers_gives_up() -> None:
    pair = Pair(settings=(Settings(mss=100, retries=5), Settings(mss=100, receive_buffer=100)))
    pair.connect()
    pair.ends[1].set_reading(False)
    pair.ends[0].write(bytes(500))
    pair.run(pair.now_s + 30)
    pair.fate = lambda *_: ()
    pair.run()
    assert pair.events[0][-2:] == [TimedOut(State.ESTABLISHED), ConnectionClosed()]


def test_a_closed_end_does_not_probe_forever() -> None:
    pair = Pair(settings=(Settings(mss=100), Settings(mss=100, receive_buffer=100)))
    pair.connect()
    pair.ends[1].set_reading(False)
    pair.ends[0].write(bytes(100))
    pair.ends[0].close(pair.now_s)  # the FIN finds no room
    pair.run()
    assert pair.events[0][-2:] == [TimedOut(State.FIN_WAIT_1), ConnectionClosed()]
    assert 600 < pair.now_s < 3000


def test_no_small_steps_of_the_window() -> None:
    """Rule 2 of `tcp_receive` and rule 6 of `tcp_send`."""
    receiver = Receiver(1000, 100)
    receiver.reading = False
    receiver.receive(1, bytes(1000), False)
    assert receiver.window() == 0
    receiver.held_bytes -= 99
    assert receiver.window() == 0
    receiver.held_bytes -= 1
    assert receiver.window() == 100
    sender = Sender(100)
    sender.next_piece(0.0)
    sender.acknowledge(1, 0.1)
    sender.set_window(1, 1000)
    sender.set_window(1, 150)
    sender.write(bytes(500))
    pieces = [sender.next_piece(0.2) for _ in range(2)]
    assert [piece and len(piece.data) for piece in pieces] == [100, None]


# Losses


def test_fast_retransmit_comes_before_the_time_out() -> None:
    pair = Pair(lose(2), (Settings(mss=1000), Settings(mss=1000)))
    pair.connect()
    began_s = pair.now_s
    pair.ends[0].write(bytes(10_000))
    pair.run()
    again = [(at_s, first) for at_s, first, _ in data_sent(pair) if first == 2000]
    assert again == [(pytest.approx(began_s), 2000), (pytest.approx(began_s + 0.1), 2000)]
    assert len(data_sent(pair)) == 11  # nothing else was sent twice
    assert pair.got(1) == bytes(10_000)


def test_two_duplicates_are_no_loss() -> None:
    pair = Pair(lose(2), (Settings(mss=1000), Settings(mss=1000)))
    pair.connect()
    began_s = pair.now_s
    pair.ends[0].write(bytes(5000))  # two segments follow the lost one
    pair.run()
    again = [at_s for at_s, first, _ in data_sent(pair) if first == 2000]
    assert again[1] == pytest.approx(began_s + 0.1 + 0.3)  # the time-out, begun anew by the first ACK


def test_several_losses_of_one_window_need_no_time_out() -> None:
    """RFC 6582: each partial acknowledgement says where the next hole is."""
    pair = Pair(lose(1, 4, 6), (Settings(mss=1000), Settings(mss=1000)))
    pair.connect()
    began_s = pair.now_s
    pair.ends[0].write(bytes(10_000))
    pair.run()
    assert pair.got(1) == bytes(10_000)
    again = [(round(at_s - began_s, 3), first) for at_s, first, _ in data_sent(pair)[10:]]
    assert again == [(0.1, 1000), (0.2, 4000), (0.3, 6000)]


def test_the_time_out_follows_the_round_trip() -> None:
    """RFC 6298, 2.2 and 2.3, with Linux's least margin."""
    pair = Pair(constant(0.5))
    assert pair.ends[0].rto_s == 1.0
    pair.ends[0].open()
    pair.run(1.5)
    assert pair.ends[0].rto_s == pytest.approx(1.0 + 4 * 0.5)  # SRTT 1, RTTVAR a half
    pair.ends[0].write(b"x")
    pair.run(4)
    assert pair.ends[0].rto_s == pytest.approx(1.0 + 4 * 0.375)
    for _ in range(30):
        pair.ends[0].write(b"x")
        pair.run(pair.now_s + 4)  # longer than the time-out, and no acknowledgement is delayed
    assert pair.ends[0].rto_s == pytest.approx(1.2)


def test_time_outs_double_to_two_minutes_and_end_the_connection() -> None:
    pair = Pair()
    pair.connect()
    pair.fate = lambda *_: ()
    began_s = pair.now_s
    pair.ends[0].write(b"anybody?")
    pair.run()
    sent = [round(at_s - began_s, 3) for at_s, _, _ in data_sent(pair)]
    rto_s = 0.1 + 4 * 0.05
    expected = [0.0]
    for n in range(15):
        expected.append(round(expected[-1] + min(rto_s * 2**n, 120), 3))
    assert sent == pytest.approx(expected)
    assert pair.events[0][-2:] == [TimedOut(State.ESTABLISHED), ConnectionClosed()]
    assert pair.now_s - began_s == pytest.approx(expected[-1] + 120)
    assert 900 < pair.now_s < 1200


def test_retries_are_a_setting() -> None:
    pair = Pair(settings=(Settings(retries=2), Settings()))
    pair.connect()
    pair.fate = lambda *_: ()
    pair.ends[0].write(b"anybody?")
    pair.run()
    assert len(data_sent(pair)) == 3


def test_what_was_sent_twice_is_not_timed() -> None:
    """Karn: the answer may be for either. The doubled time-out stays until a fresh segment was timed."""
    pair = Pair(lose(0))
    pair.connect()
    pair.ends[0].write(b"x")
    pair.run(pair.now_s + 5)
    assert pair.got(1) == b"x"
    assert pair.ends[0].rto_s == pytest.approx(0.6)
    pair.ends[0].write(b"y")
    pair.run(pair.now_s + 5)
    assert pair.ends[0].rto_s == pytest.approx(0.3)


def test_after_a_lost_syn_the_time_out_is_three_seconds_and_the_first_window_one_segment() -> None:
    pair = Pair(lambda *_: () if len(pair.log) == 1 else (0.05,), (Settings(mss=100), Settings(mss=100)))
    pair.ends[0].open()
    pair.ends[0].write(bytes(1000))
    pair.run(1.12)
    assert pair.ends[0].rto_s == 3.0
    assert len(data_sent(pair)) == 1


def test_slow_start_doubles_and_avoidance_adds_one_segment_each_round_trip() -> None:
    pair = Pair(settings=(Settings(mss=100), Settings(mss=100)))
    pair.connect()
    began_s = pair.now_s
    pair.ends[0].write(bytes(100_000))
    pair.run(began_s + 0.35)
    sent = [round((at_s - began_s) / 0.1) for at_s, _, _ in data_sent(pair)]
    assert [sent.count(trip) for trip in range(4)] == [INITIAL_SEGMENTS, 20, 40, 80]
    pair.run()
    hurt = Pair(lose(5), (Settings(mss=100), Settings(mss=100)))
    hurt.connect()
    began_s = hurt.now_s
    hurt.ends[0].write(bytes(100_000))
    hurt.run(began_s + 2.05)
    sent = [round((at_s - began_s) / 0.1) for at_s, _, _ in data_sent(hurt)]
    rounds = [sent.count(trip) for trip in range(6, 20)]
    assert all(abs(count - (rounds[0] + trip)) <= 2 for trip, count in enumerate(rounds))


def test_a_time_out_begins_again_with_one_segment() -> None:
    pair = Pair(settings=(Settings(mss=100), Settings(mss=100)))
    pair.connect()
    pair.ends[0].write(bytes(100_000))
    pair.run(pair.now_s + 0.35)
    cut_s = pair.now_s
    pair.fate = lambda *_: ()
    pair.run(cut_s + 3)
    after = [(at_s, first) for at_s, first, _ in data_sent(pair) if at_s > cut_s + 0.2]
    assert len({first for _, first in after}) == 1
    assert len(after) >= 3
    pair.fate = constant()
    pair.run()
    assert pair.got(1) == bytes(100_000)


# Blackouts


def test_a_blackout_of_half_a_minute_heals() -> None:
    pair = Pair(lambda who, segment, now_s: () if 1 < now_s < 31 else (0.05,))
    pair.connect()
    pair.ends[0].write(DATA * 300)
    pair.ends[0].write_eof()
    pair.ends[1].write(DATA * 300)
    pair.ends[1].write_eof()
    pair.run(1)
    assert pair.ends[0].unacknowledged_bytes
    pair.run()
    assert pair.got(1) == pair.got(0) == DATA * 300
    assert 31 < pair.times[0, "ConnectionClosed"] < 75
    assert pair.names(0) == pair.names(1) == ["Connected", "EofReceived", "ConnectionClosed"]


@pytest.mark.parametrize("deaf", [0, 1])
def test_a_cut_of_one_direction_times_out_whoever_has_something_to_say(deaf: int) -> None:
    pair = Pair()
    pair.connect()
    pair.fate = lambda who, *_: () if who != deaf else (0.05,)
    pair.ends[0].write(b"ping")
    pair.run()
    assert pair.events[0][-2:] == [TimedOut(State.ESTABLISHED), ConnectionClosed()]
    assert pair.got(1) == (b"ping" if deaf == 0 else b"")
    assert pair.ends[1].state is State.ESTABLISHED  # nobody told it, and it has nothing to say


def test_an_idle_connection_notices_nothing() -> None:
    pair = Pair()
    pair.connect()
    pair.fate = lambda *_: ()
    pair.run()
    assert [end.state for end in pair.ends] == [State.ESTABLISHED] * 2
    assert [end.timer() for end in pair.ends] == [None, None]


# Buffers


def test_what_is_kept_to_send_is_what_was_not_acknowledged() -> None:
    pair = Pair(settings=(Settings(mss=100), Settings(mss=100)))
    pair.connect()
    end = pair.ends[0]
    end.write(bytearray(b"a" * 1500))
    end.write(memoryview(b"b" * 500))
    assert (end.unsent_bytes, end.unacknowledged_bytes) == (2000, 2000)
    pair.flush(0)
    assert (end.unsent_bytes, end.unacknowledged_bytes) == (1000, 2000)
    pair.run(pair.now_s + 0.11)
    assert (end.unsent_bytes, end.unacknowledged_bytes) == (0, 1000)
    pair.run()
    assert (end.unsent_bytes, end.unacknowledged_bytes) == (0, 0)
    assert pair.got(1) == b"a" * 1500 + b"b" * 500


def test_a_long_transfer_is_not_quadratic() -> None:
    """20 MB, a segment at a time: copying what remains for each of them would move 137 GB."""
    pair = Pair()
    pair.connect()
    data = bytes(20_000_000)
    pair.ends[0].write(data)
    pair.run()
    assert pair.got(1) == data


def with_bytes_under_way() -> Connection:
    """An open connection, segments of 100 bytes, 500 of 2000 bytes sent into a window of 500."""
    end = Connection(9, Settings(mss=100))
    end.accept(Segment(SYN, 100, 0, 500))
    end.segments_to_send(0.0)
    end.receive(Segment(ACK, 101, 10, 500), 0.1)
    end.write(bytes(2000))
    assert len(end.segments_to_send(0.1)) == 5
    return end


def test_an_older_segment_does_not_set_the_window() -> None:
    end = with_bytes_under_way()
    end.receive(Segment(ACK, 103, 10, 600, b"later"), 0.2)
    assert [len(segment.data) for segment in end.segments_to_send(0.2)] == [0, 100]
    end.receive(Segment(ACK, 101, 10, 1000, b"ab"), 0.3)
    assert [len(segment.data) for segment in end.segments_to_send(0.3)] == [0]


def test_news_about_the_window_is_no_duplicate() -> None:
    end = with_bytes_under_way()
    for window in (499, 498, 497, 496):
        end.receive(Segment(ACK, 101, 10, window), 0.2)
        assert end.segments_to_send(0.2) == []
    for _ in range(3):
        assert end.segments_to_send(0.3) == []
        end.receive(Segment(ACK, 101, 10, 496), 0.3)
    assert [segment.seq for segment in end.segments_to_send(0.3)] == [10]
