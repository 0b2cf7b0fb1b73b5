"""The sending half by itself: what one call after another does to its windows and its timer."""

from __future__ import annotations

import pytest

from p2plib.sim.tcp.send import MAX_SEND_BUFFER, SEND_BUFFER, Sender


def opened(bytes_to_send: int = 0, window: int = 100_000) -> Sender:
    """A sender of 100-byte segments whose SYN was acknowledged after 0.1 s."""
    sender = Sender(100)
    assert sender.next_piece(0.0) == (0, b"", False, True)
    sender.acknowledge(1, 0.1)
    sender.set_window(1, window)
    sender.write(bytes(bytes_to_send))
    return sender


def sends(sender: Sender, now_s: float = 1.0) -> list[tuple[int, int]]:
    """(position, length) of all that it sends now."""
    pieces = []
    while (piece := sender.next_piece(now_s)) is not None:
        pieces.append((piece.position, len(piece.data)))
    return pieces


def test_the_acknowledgement_of_the_syn_widens_nothing() -> None:
    """RFC 5681, 3.1; and after a lost SYN it is one segment."""
    sender = opened(5000)
    assert len(sends(sender)) == 10
    late = Sender(100)
    late.next_piece(0.0)
    late.on_timer(1.0)
    late.next_piece(1.0)
    late.acknowledge(1, 1.1)
    assert late._congestion_window == 100
    assert late.rto_s == 3.0


def test_a_window_that_is_not_used_does_not_grow() -> None:
    sender = opened(window=1_000_000)
    for position in range(1, 101):
        sender.write(b"x")
        assert sends(sender) == [(position, 1)]
        sender.acknowledge(position + 1, 2.0)
    sender.write(bytes(5000))
    assert len(sends(sender)) == 10


def test_news_of_room_takes_the_probes_back() -> None:
    sender = opened(500, window=0)
    assert sends(sender) == []
    assert sender.timer_s == pytest.approx(1.3)
    for now_s in (1.3, 1.9, 3.1):
        sender.on_timer(now_s)
        assert sends(sender, now_s) == [(1, 1)]
        sender.answered()
    assert sender.rto_s == pytest.approx(0.3 * 8)
    sender.set_window(1, 0)
    assert sender.rto_s == pytest.approx(0.3 * 8)
    sender.set_window(1, 500)
    assert sender.rto_s == pytest.approx(0.3)
    assert len(sends(sender, 4.0)) == 5
    assert sender.timer_s == pytest.approx(4.3)


def test_one_loss_halves_once_however_often_the_timer_rings() -> None:
    sender = opened(1000)
    sends(sender)
    for _ in range(3):
        sender.on_timer(2.0)
        assert sends(sender) == [(1, 100)]
    assert sender._threshold == 500


def test_duplicates_of_what_was_sent_before_a_time_out_are_no_new_loss() -> None:
    """RFC 6582, 3.2 and 4.1: they are answers to what go-back-N sent in vain."""
    sender = opened(1000)
    sends(sender)
    sender.on_timer(2.0)
    sends(sender)
    sender.acknowledge(101, 2.1)
    sends(sender)
    for _ in range(5):
        sender.duplicate()
    assert sends(sender) == []
    assert sender._congestion_window == 200


def test_fast_recovery_in_numbers() -> None:
    """RFC 5681, 3.2 and RFC 6582, 3.2: 10 segments under way, the first and the fourth lost."""
    sender = opened(1000)
    assert len(sends(sender)) == 10
    sender.duplicate()
    sender.duplicate()
    assert sends(sender) == []
    sender.duplicate()
    assert sends(sender) == [(1, 100)]
    assert sender._congestion_window == 500 + 300
    for _ in range(5):
        sender.duplicate()
    assert sender._congestion_window == 500 + 800
    sender.acknowledge(301, 1.2)  # a partial one: 300 bytes
    assert sender._congestion_window == 1300 - 300 + 100
    assert sends(sender) == [(301, 100)]
    sender.acknowledge(1001, 1.3)
    assert sender._congestion_window == 500
    assert sends(sender) == []
    assert sender.timer_s is None


def test_an_acknowledgement_of_everything_overtakes_the_fast_retransmit() -> None:
    sender = opened(1000)
    sends(sender)
    for _ in range(3):
        sender.duplicate()
    sender.acknowledge(1001, 1.2)
    assert sends(sender) == []


def test_the_time_out_never_exceeds_two_minutes() -> None:
    sender = opened(1)
    sends(sender)
    for _ in range(2000):
        sender.on_timer(2.0)
    assert sender.rto_s == 120.0
    assert sender.timer_s == 122.0


def test_many_losses_of_one_window_are_left_to_the_time_out() -> None:
    """RFC 6582, 4, "impatient": only the first partial acknowledgement puts the timer off."""
    sender = opened(1000)
    sends(sender)
    for _ in range(3):
        sender.duplicate()
    sends(sender, 1.0)
    sender.acknowledge(101, 1.1)
    rings_s = sender.timer_s
    for position, now_s in ((201, 1.2), (301, 1.3)):
        assert sends(sender, now_s)
        sender.acknowledge(position, now_s)
        assert sender.timer_s == rings_s
    threshold = sender._threshold
    sender.on_timer(2.0)
    assert sender._threshold == threshold  # it is the same loss
    assert sends(sender, 2.0) == [(301, 100)]


def test_whole_segments_are_what_one_piece_after_another_would_be() -> None:
    for size, window in ((950, 100_000), (1000, 100_000), (5000, 100_000), (5000, 750), (99, 100_000)):
        many, single = opened(size, window), opened(size, window)
        run = many.whole_segments(1.0)
        pieces = [(1 + 100 * n, len(data)) for n, data in enumerate(run)] + sends(many)
        assert pieces == sends(single)
        assert (many.nxt, many.sent, many.timer_s) == (single.nxt, single.sent, single.timer_s)


def test_the_buffer_is_twice_the_congestion_window() -> None:
    sender = opened()
    assert sender.room == SEND_BUFFER
    sender._congestion_window = 100_000
    sender.write(bytes(1000))
    assert sender.room == 200_000 - 1000
    sender._congestion_window = 10_000_000
    assert sender.room == MAX_SEND_BUFFER - 1000
    sender.buffer_size = 800
    assert sender.room == -200


def test_what_was_sent_in_vain_after_a_time_out_looks_like_no_loss() -> None:
    """RFC 6582, 3.2: an acknowledgement of no more than was sent before the time-out starts no recovery."""
    sender = opened(5000)
    sends(sender)
    sender.on_timer(2.0)
    sends(sender, 2.0)
    sender.acknowledge(1001, 2.1)  # all had come, but for the first segment
    assert sends(sender, 2.1)
    threshold = sender._threshold
    for _ in range(5):
        sender.duplicate()
    assert (sends(sender, 2.1), sender._threshold) == ([], threshold)


def test_a_segment_that_the_window_cuts_short_waits_unless_it_is_half_of_the_widest_window() -> None:
    assert sends(opened(1000, window=80)) == [(1, 80)]
    assert sends(opened(1000, window=149)) == [(1, 100)]
    assert sends(opened(1000, window=200)) == [(1, 100), (101, 100)]
    sender = opened(1000, window=200)
    sends(sender)
    sender.acknowledge(201, 1.1)
    sender.set_window(201, 99)
    assert sends(sender) == [], "less than half of 200"
    sender.set_window(201, 100)
    assert sends(sender) == [(201, 100)]


def test_the_time_out_is_the_average_and_four_deviations() -> None:
    sender = Sender(100)
    sender.next_piece(0.0)
    sender.acknowledge(1, 1.0)
    assert sender.rto_s == 1.0 + 4 * 0.5  # RFC 6298, 2.2
    sender.set_window(1, 1000)
    sender.write(b"x")
    sends(sender, 2.0)
    sender.acknowledge(2, 3.8)
    assert sender.rto_s == pytest.approx(1.1 + 4 * (0.75 * 0.5 + 0.25 * 0.8))  # 2.3


def test_only_probes_that_are_answered_may_go_on_forever() -> None:
    sender = opened(100)
    sends(sender)
    sender.on_timer(2.0)
    sender.answered()
    assert sender.tries == 1, "bytes are under way, and nobody has acknowledged them"
    probing = opened(100, window=0)
    sends(probing)
    probing.on_timer(2.0)
    probing.answered()
    assert probing.tries == 0
