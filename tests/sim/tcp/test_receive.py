"""What a receiver of TCP keeps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2plib.sim.packet import Segment
from p2plib.sim.tcp.connection import Connection
from p2plib.sim.tcp.receive import MAX_CAPACITY, Receiver
from p2plib.sim.tcp.states import DataReceived
from tests.sim.tcp.link import ACK, PSH, SYN


@given(st.data(), st.integers(1, 40), st.integers(1, 8))
def test_the_receiver_against_a_plain_array(data: st.DataObject, capacity: int, mss: int) -> None:
    """The oracle has a flag for each byte of the stream."""
    stream = bytes(range(100))
    receiver, there, got = Receiver(capacity, mss), [False] * 100, b""
    for _ in range(data.draw(st.integers(0, 30))):
        if data.draw(st.integers(0, 4)) == 0:
            receiver.reading = data.draw(st.booleans())
        start = data.draw(st.integers(0, 99))
        piece = stream[start : start + data.draw(st.integers(1, 20))]
        edge, before = receiver.edge, receiver.nxt
        if receiver.accepts(start + 1, len(piece)):
            receiver.receive(start + 1, piece, False)
            for at in range(start, start + len(piece)):
                there[at] |= at + 1 < edge
        first_gap = there.index(False) if False in there else 100
        assert receiver.nxt == first_gap + 1 >= before
        assert receiver.out_of_order_bytes == sum(there[first_gap:])
        assert receiver.held_bytes + receiver.out_of_order_bytes <= capacity
        got += receiver.read()
        window = receiver.window()
        assert receiver.edge >= edge
        assert 0 <= window <= capacity - receiver.held_bytes
        if receiver.reading:
            assert got == stream[:first_gap]
            assert window > capacity - min(mss, max(1, capacity // 2))


def test_bytes_of_a_syn_come_again_and_out_of_order_bytes_wait() -> None:
    end = Connection(9)
    end.accept(Segment(SYN, 100, 0, 1000, b"early"))
    end.segments_to_send(0.0)
    end.receive(Segment(ACK, 106, 10, 1000, b"world"), 0.1)
    assert end.out_of_order_bytes == 5
    assert not any(isinstance(event, DataReceived) for event in end.events())
    assert end.segments_to_send(0.1) == [Segment(ACK, 10, 101, 262_144)]
    end.receive(Segment(PSH | ACK, 101, 10, 1000, b"early"), 0.2)
    assert end.events() == [DataReceived(b"earlyworld")]
    assert end.segments_to_send(0.2) == [Segment(ACK, 10, 111, 262_134)]


def test_the_capacity_grows_with_what_is_read_in_a_round_trip() -> None:
    receiver = Receiver(1000, 100)
    at = 1
    for trip, (size, capacity) in enumerate([(200, 1000), (600, 2400), (100, 2400), (2000, 8000)], start=1):
        assert receiver.window() >= size
        receiver.receive(at, bytes(size), False)
        at += size
        half = size // 2
        assert len(receiver.take(half, trip - 0.5, 1.0)) == half  # within the round trip nothing is decided
        assert len(receiver.take(size, float(trip), 1.0)) == size - half
        assert receiver.capacity == capacity
    receiver.set_capacity(500, is_known=True)
    receiver.receive(at, bytes(400), False)
    receiver.take(400, 99.0, 1.0)
    assert receiver.capacity == 500


def test_bytes_are_taken_in_pieces_of_any_size() -> None:
    receiver = Receiver(1000, 100)
    for n in range(5):
        assert receiver.take_next(bytes([n]) * 10)
    assert receiver.take(5, 0.0, 1.0) == bytes(5)
    assert receiver.take(17, 0.0, 1.0) == bytes(5) + b"\x01" * 10 + b"\x02" * 2
    assert receiver.held_bytes == 28
    assert receiver.take(100, 0.0, 1.0) == b"\x02" * 8 + b"\x03" * 10 + b"\x04" * 10
    assert receiver.take(100, 0.0, 1.0) == b""
    assert not receiver.take_next(bytes(951))  # beyond the window


def test_the_capacity_has_an_end() -> None:
    receiver = Receiver(3_000_000, 1000)
    receiver.receive(1, bytes(2_000_000), False)
    receiver.take(2_000_000, 9.0, 1.0)
    assert receiver.capacity == MAX_CAPACITY < 4 * 2_000_000


def test_room_is_news_by_a_segment_and_worth_one_of_its_own_when_it_has_doubled() -> None:
    receiver = Receiver(1000, 100)
    receiver.receive(1, bytes(800), False)  # room for 200 is left, as far as the sender knows
    seen = []
    for _ in range(4):
        receiver.take(99, 0.0, 1.0)
        seen.append((receiver.window_may_grow, receiver.window_doubles))
    assert seen == [(False, False), (True, False), (True, True), (True, True)]
    receiver = Receiver(1000, 100)
    receiver.receive(1, bytes(1000), False)
    receiver.take(50, 0.0, 1.0)
    assert not receiver.window_doubles, "twice nothing is no news"


def test_a_window_that_was_announced_is_not_taken_back() -> None:
    for is_known, edge in ((True, 1001), (False, 501)):
        receiver = Receiver(1000, 100)
        receiver.set_capacity(500, is_known=is_known)
        assert receiver.edge == edge


def test_a_fin_beyond_the_window_has_not_come() -> None:
    receiver = Receiver(100, 10)
    assert not receiver.receive(1, bytes(100), True)
    assert not receiver.finished
    assert len(receiver.read()) == 100
    assert receiver.window() == 100
    assert receiver.receive(1, bytes(100), True), "it is sent again"
    assert receiver.finished
