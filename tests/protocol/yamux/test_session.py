"""yamux as a machine: windows, both ends of streams, and peers that break its rules."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import Closed, DecodeError, UsageError
from p2plib.protocol.conformance import pattern
from p2plib.protocol.yamux.codec import ACK, DATA, FIN, MAX_UINT32, PING, RST, SYN, WINDOW_UPDATE
from p2plib.protocol.yamux.events import Ended, GoAway, Opened, Pong, Readable, Reset, Writable
from p2plib.protocol.yamux.limits import Limits
from p2plib.protocol.yamux.session import Session
from p2plib.protocol.yamux.states import SendState
from tests.protocol.yamux.sessions import WINDOW, Pair, everything, frame, headers, opened, server


def test_a_conversation_frame_by_frame() -> None:
    pair = Pair()
    near = pair.client.open()
    pair.client.write(near, b"hello")
    raw = pair.client.to_send()
    assert headers(raw) == ["data 5 SYN on stream 1"]
    assert pair.server.receive(raw) == [Opened(1), Readable(1, 5)]
    assert pair.server.to_send() == b""  # acknowledged when it is accepted
    far = pair.server.accept()
    assert far is not None
    assert pair.server.read(far, 3) + pair.server.read(far, 100) == b"hello"
    pair.server.write(far, b"hi")
    pair.server.close_write(far)
    raw = pair.server.to_send()
    assert headers(raw) == ["data 2 ACK on stream 1", "window update 0 FIN on stream 1"]
    assert pair.client.receive(raw) == [Readable(1, 2), Ended(1)]
    assert pair.client.read(near, 100) == b"hi"
    pair.client.close_write(near)
    raw = pair.client.to_send()
    assert headers(raw) == ["window update 0 FIN on stream 1"]
    assert pair.server.receive(raw) == [Ended(1)]
    assert (pair.client.streams, pair.server.streams) == ({}, {})
    assert pair.server.accept() is None


def test_a_stream_that_says_nothing_is_opened_all_the_same() -> None:
    pair = Pair()
    pair.client.open()
    assert headers(pair.client.to_send()) == ["window update 0 SYN on stream 1"]
    pair.server.open()
    assert headers(pair.server.to_send()) == ["window update 0 SYN on stream 2"]


def test_data_with_a_fin_in_one_frame_is_read() -> None:
    session = server()
    stream = opened(session)
    assert session.receive(frame(DATA, FIN, 1, data=b"all")) == [Readable(1, 3), Ended(1)]
    assert session.read(stream, 9) == b"all"


def test_a_window_update_may_carry_the_end() -> None:
    session = server()
    opened(session)
    assert session.receive(frame(WINDOW_UPDATE, FIN, 1, 5)) == [Writable(1, 5), Ended(1)]


def test_a_window_is_used_up_and_given_back() -> None:
    pair = Pair()
    near, far = pair.stream()
    for _ in range(8):
        pair.client.write(near, pattern(65_536))
    events = pair.exchange()
    assert sum(event.size_bytes for event in events if isinstance(event, Readable)) == WINDOW
    assert (near.may_send, len(near.outgoing), len(far.incoming)) == (0, WINDOW, WINDOW)
    assert pair.server.read(far, WINDOW // 2 - 1)  # a chunk: less than half a window
    assert pair.server.to_send() == b""
    while far.window_credit * 2 < WINDOW:
        pair.server.read(far, 65_536)
    raw = pair.server.to_send()
    (update,) = headers(raw)
    assert update == f"window update {far.may_receive} on stream 1"
    assert far.may_receive >= WINDOW // 2
    assert pair.client.receive(raw) == [Writable(1, far.may_receive)]
    pair.exchange()
    assert len(far.incoming) <= WINDOW
    read = b""
    while far.incoming:
        read += pair.server.read(far, 65_536)
        pair.exchange()
    assert (near.outgoing or far.incoming or len(near.outgoing)) == 0


@given(st.lists(st.tuples(st.sampled_from("wr"), st.integers(1, 200_000)), max_size=30))
def test_nobody_ever_has_more_than_a_window(moves: list[tuple[str, int]]) -> None:
    pair = Pair()
    near, far = pair.stream()
    written = read = 0
    for what, size in moves:
        if what == "w":
            pair.client.write(near, bytes(size))
            written += size
        else:
            read += len(pair.server.read(far, size))
        pair.exchange()
        assert len(far.incoming) <= WINDOW
        assert far.may_receive + len(far.incoming) + far.window_credit == WINDOW
        assert written == read + len(far.incoming) + len(near.outgoing)
    for _ in range(200):
        read += len(pair.server.read(far, 65_536))
        pair.exchange()
    assert read == written or written > 200 * 65_536


def test_a_larger_window_is_announced_at_the_beginning() -> None:
    pair = Pair(Limits(window_bytes=WINDOW + 1000))
    near = pair.client.open()
    pair.client.write(near, b"x")
    raw = pair.client.to_send()
    assert headers(raw) == ["window update 1000 SYN on stream 1", "data 1 on stream 1"]
    pair.server.receive(raw)
    far = pair.server.accept()
    assert far is not None
    assert far.may_send == WINDOW + 1000
    assert headers(everything(pair.server)) == ["window update 1000 ACK on stream 1"]
    for wrong in (WINDOW - 1, 2**32):
        with pytest.raises(UsageError, match="256 KiB to 4 GiB"):
            server(window_bytes=wrong)


@pytest.mark.fault("F048")
def test_data_past_the_window_is_refused_at_its_header() -> None:
    session = server()
    stream = opened(session)
    session.receive(frame(DATA, 0, 1, data=bytes(WINDOW)))
    assert stream.may_receive == 0
    session.receive(frame(DATA, 0, 1))  # nothing is not too much
    with pytest.raises(DecodeError, match="a data 1 on stream 1, where the window has room for 0"):
        session.receive(frame(DATA, 0, 1, 1))
    assert headers(everything(session)) == ["go away 1"]


def unread(session: Session) -> int:
    """What waits to be read, added up."""
    held = sum(len(stream.incoming) for stream in session._table.in_use.values())
    assert session._table.unread.size_bytes == held
    return held


@pytest.mark.finding("K2")
def test_as_many_full_windows_as_fit_are_kept() -> None:
    session = server()
    for number in range(1, 129, 2):  # sixty-four
        opened(session, number)
        session.receive(frame(DATA, 0, number, data=bytes(WINDOW)))
    assert (unread(session), session.sacrificed, len(session.streams)) == (64 * WINDOW, 0, 64)
    small = opened(session, 129)
    assert session.receive(frame(DATA, 0, 129, data=b"x")) == [Readable(129, 1), Reset(127)]
    assert headers(everything(session)) == ["window update 0 RST on stream 127"]
    assert 127 in session._table.in_use  # our program still works for it
    assert (session.read(small, 9), unread(session), session.sacrificed) == (b"x", 63 * WINDOW, 1)


@pytest.mark.finding("K2")
def test_a_thousand_streams_that_nobody_reads_cost_one_budget_and_small_ones_are_left_alone() -> None:
    session = server(memory_bytes=WINDOW)
    small = {number: opened(session, number) for number in range(1, 1025, 2)}
    large = [opened(session, number) for number in range(1025, 2049, 2)]
    share = WINDOW // 1024
    for number in small:
        session.receive(frame(DATA, 0, number, data=bytes(share)))
    for stream in large:
        session.receive(frame(DATA, 0, stream.stream_id, data=bytes(60_000)))
        assert unread(session) <= WINDOW
    assert session.sacrificed > 500
    assert all(len(stream.incoming) == share for stream in small.values())
    assert all(stream.why_reset for stream in large if stream.is_reset)


@pytest.mark.finding("K2")
def test_what_is_over_and_not_read_counts_too() -> None:
    session = server(memory_bytes=WINDOW)
    done = opened(session, 1)
    session.close_write(done)
    everything(session)
    session.receive(frame(DATA, FIN, 1, data=bytes(WINDOW)))
    opened(session, 3)
    assert (list(session.streams), unread(session)) == ([3], WINDOW)
    assert session.receive(frame(DATA, 0, 3, data=b"x")) == [Readable(3, 1), Reset(1)]
    assert (everything(session), done.is_reset, session.read(done, 9), unread(session)) == (b"", True, b"", 1)


@pytest.mark.finding("K2")
@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from("owrRfcn"), st.integers(0, 5), st.integers(1, 70_000)),
        min_size=1,
        max_size=40,
    )
)
def test_the_totals_are_those_of_the_streams(moves: list[tuple[str, int, int]]) -> None:
    pair = Pair(Limits(memory_bytes=WINDOW))
    ends = [pair.stream() for _ in range(6)]
    for what, which, size in moves:
        near, far = ends[which]
        match what:
            case "o":
                ends[which] = pair.stream()
            case "w" if near.send_state is SendState.OPEN:
                pair.client.write(near, bytes(size))
            case "r":
                pair.server.read(far, size)
            case "R":
                pair.client.reset(near)
            case "f" if near.send_state is SendState.OPEN:
                pair.client.close_write(near)
            case "c" if far.is_held:
                pair.server.close_read(far)
            case _:
                pair.server.reset(far)
        pair.exchange()
        for session in (pair.client, pair.server):
            assert unread(session) <= WINDOW
            unsent = sum(len(stream.outgoing) for stream in session._table.in_use.values())
            assert session._table.unsent.size_bytes == unsent
    for session in (pair.client, pair.server):
        for stream in list(session._table.in_use.values()):
            session.reset(stream)
    assert [session._table.unread.size_bytes for session in (pair.client, pair.server)] == [0, 0]


@pytest.mark.finding("K2")
def test_a_stream_that_is_read_has_room_however_many_are_not() -> None:
    session = Session(is_client=True, limits=Limits(memory_bytes=WINDOW))
    stuck = [session.open() for _ in range(10)]
    for stream in stuck:
        while session.has_room(stream):
            session.write(stream, bytes(50_000))
            everything(session)
    assert WINDOW <= session._table.unsent.size_bytes < WINDOW + 50_000
    lively = session.open()
    everything(session)
    for _ in range(100):
        assert session.has_room(lively)
        session.write(lively, bytes(50_000))
        assert not session.has_room(session.open())  # only one at a time
        everything(session)
        session.receive(frame(WINDOW_UPDATE, ACK, lively.stream_id, 50_000))
    assert session._table.unsent.size_bytes < WINDOW + 50_000


@pytest.mark.fault("F053")
def test_a_frame_of_four_gigabytes_is_refused_at_its_header() -> None:
    session = server()
    opened(session)
    with pytest.raises(DecodeError, match="the window has room for 262144"):
        session.receive(frame(DATA, 0, 1, MAX_UINT32))
    with pytest.raises(DecodeError, match="the window has room for 262144"):
        server().receive(frame(DATA, SYN, 1, WINDOW + 1))


@pytest.mark.fault("F048")
def test_a_window_that_overflows_is_refused() -> None:
    session = server()
    stream = opened(session)
    session.receive(frame(WINDOW_UPDATE, 0, 1, MAX_UINT32 - WINDOW))
    assert stream.may_send == MAX_UINT32
    with pytest.raises(DecodeError, match="a window of 4294967296 bytes on stream 1"):
        session.receive(frame(WINDOW_UPDATE, 0, 1, 1))


@pytest.mark.fault("F048")
def test_frames_for_streams_that_are_over_are_dropped() -> None:
    pair = Pair()
    near, far = pair.stream()
    pair.server.reset(far)
    pair.client.write(near, b"on its way")
    assert pair.server.receive(pair.client.to_send()) == []
    for late in (frame(DATA, 0, 1, data=b"x"), frame(WINDOW_UPDATE, FIN, 1, 9), frame(DATA, RST, 1)):
        assert pair.server.receive(late) == []
    assert (far.incoming.take(9), headers(everything(pair.server))) == (
        b"",
        ["window update 0 RST on stream 1"],
    )
    assert pair.client.receive(frame(DATA, ACK, 1, data=b"x")) != []  # it has not heard of the reset yet


@pytest.mark.fault("F048")
def test_data_behind_the_end_resets_the_stream() -> None:
    session = server()
    stream = opened(session)
    session.receive(frame(DATA, FIN, 1, data=b"all"))
    assert session.receive(frame(DATA, 0, 1, data=b"more")) == [Reset(1)]
    assert headers(everything(session)) == ["window update 0 RST on stream 1"]
    assert stream.send_state is SendState.RESET_SENT
    assert not stream.fin_received  # what we threw away is not complete
    assert session.streams == {}


@pytest.mark.fault("F051")
def test_a_reset_behind_the_end_leaves_what_was_complete() -> None:
    session = server()
    stream = opened(session)
    session.receive(frame(DATA, FIN, 1, data=b"all"))
    assert session.receive(frame(WINDOW_UPDATE, RST, 1)) == [Reset(1)]
    assert session.read(stream, 9) == b"all"
    stream = opened(session, 3)
    session.receive(frame(DATA, 0, 3, data=b"half"))
    session.receive(frame(DATA, RST, 3, data=b"and"))
    assert session.read(stream, 9) == b""
    assert session.streams == {}


@pytest.mark.fault("F051")
def test_a_stream_that_is_given_up_before_anybody_heard_of_it() -> None:
    pair = Pair()
    near = pair.client.open()
    pair.client.write(near, b"never mind")
    pair.client.reset(near)
    pair.client.reset(near)
    assert pair.client.to_send() == b""
    assert pair.client.streams == {}
    pair.client.open()
    assert headers(pair.client.to_send()) == ["window update 0 SYN on stream 3"]


@pytest.mark.fault("F049")
def test_a_flood_of_window_updates_and_empty_data_leaves_nothing() -> None:
    session = server()
    stream = opened(session)
    session.receive(frame(WINDOW_UPDATE, 0, 1, 0) * 10_000 + frame(DATA, 0, 1) * 10_000)
    session.receive(frame(WINDOW_UPDATE, ACK, 1, 1) * 1000)
    assert (stream.may_send, session.to_send(), len(stream.incoming)) == (WINDOW + 1000, b"", 0)


def test_pings() -> None:
    session = server()
    session.ping(5)
    with pytest.raises(UsageError, match="with this value already waits"):
        session.ping(5)
    assert session.receive(frame(PING, ACK, 0, 6) + frame(PING, ACK, 0, 5)) == [Pong(5)]
    assert session.receive(frame(PING, ACK, 0, 5)) == []


@pytest.mark.finding("W7")
def test_pings_that_are_forgotten_leave_nothing() -> None:
    session = server()
    for value in range(1000):
        session.ping(value)
        if value % 2:
            assert headers(everything(session)) == [f"ping {value} SYN"]
        session.forget_ping(value)
    assert (session._pings, session.has_work) == (set(), False)
    assert session.receive(frame(PING, ACK, 0, 999)) == []
    session.ping(999)  # the value is free again
    assert session.receive(frame(PING, ACK, 0, 999)) == [Pong(999)]
    session.forget_ping(999)


@pytest.mark.finding("W2")
def test_our_own_resets_and_pings_stop_nothing() -> None:
    session = Session(is_client=True, limits=Limits(ack_backlog=20_000))
    streams = [session.open() for _ in range(10_000)]
    everything(session)
    for number, stream in enumerate(streams):
        session.reset(stream)
        session.ping(number)
    assert not session.is_congested
    assert len(headers(everything(session))) == 20_000


@pytest.mark.finding("W2")
@pytest.mark.fault("F049")
def test_an_honest_peer_never_congests_us_and_one_that_floods_does() -> None:
    session = server()
    for number in range(1, 2049, 2):  # all that may be alive
        opened(session, number)
    for stream in list(session.streams.values()):
        session.reset(stream)
    for number in range(1024):
        session.receive(frame(PING, SYN, 0, number))
    assert not session.is_congested
    session.receive(frame(PING, SYN, 0, 1024))
    assert session.is_congested
    session.to_send(12)
    assert not session.is_congested


def test_going_away() -> None:
    pair = Pair()
    near, far = pair.stream()
    pair.server.go_away()
    pair.server.go_away()
    assert pair.exchange() == [GoAway(0)]
    assert pair.client.remote_reason == 0
    for session in (pair.client, pair.server):
        with pytest.raises(Closed, match="gone away"):
            session.open()
    pair.client.write(near, b"goes on")
    assert pair.exchange() == [Readable(1, 7)]
    assert pair.server.read(far, 9) == b"goes on"
    pair.server.receive(frame(DATA, SYN, 3))
    assert headers(everything(pair.server)) == ["window update 0 RST on stream 3"]


@pytest.mark.fault("F051")
def test_a_writer_whose_reader_has_gone_is_told_after_our_last_word() -> None:
    pair = Pair()
    near, far = pair.stream()
    pair.server.write(far, b"last")
    pair.server.close_write(far)
    pair.server.close_read(far)
    pair.exchange()
    assert (near.fin_received, near.is_reset) == (True, False)  # it may have nothing more to say
    pair.client.write(near, b"x")
    pair.exchange()
    assert near.send_state is SendState.RESET_RECEIVED
    assert pair.client.read(near, 9) == b"last"
    assert (pair.client.streams, pair.server.streams) == ({}, {})


@pytest.mark.fault("F051")
@pytest.mark.parametrize("size", [1, WINDOW])
def test_a_writer_of_what_nobody_will_read_is_told(size: int) -> None:
    pair = Pair()
    near, far = pair.stream()
    for at in range(0, size, 65_536):
        pair.client.write(near, bytes(min(65_536, size - at)))
    pair.exchange()
    pair.server.write(far, b"last")
    pair.server.close_write(far)
    pair.server.close_read(far)
    pair.exchange()
    assert near.send_state is SendState.RESET_RECEIVED
    assert pair.client.read(near, 9) == b"last"


@pytest.mark.finding("W1")
@pytest.mark.fault("F051")
@pytest.mark.parametrize("size", [2 * WINDOW, 5 * WINDOW])
def test_two_that_close_without_reading_both_come_to_their_ends(size: int) -> None:
    pair = Pair()
    near, far = pair.stream()
    for session, stream in ((pair.client, near), (pair.server, far)):
        for _ in range(size // 65_536):
            session.write(stream, bytes(65_536))
    pair.exchange()
    assert (near.may_send, far.may_send) == (0, 0)
    pair.client.close_write(near)
    pair.client.close_read(near)
    pair.exchange()
    assert (bool(near.outgoing), bool(far.outgoing)) == (
        True,
        False,
    )  # the first to close gives room, and waits for room itself
    pair.server.close_write(far)
    pair.server.close_read(far)
    pair.exchange()
    assert (pair.client.streams, pair.server.streams) == ({}, {})


@pytest.mark.finding("W1")
def test_what_is_thrown_away_makes_room_only_until_our_own_end_is_sent() -> None:
    session = server()
    stream = opened(session)
    for _ in range(4):
        session.receive(frame(DATA, 0, 1, data=bytes(65_536)))
    session.write(stream, bytes(WINDOW + 1))
    assert len(everything(session)) > WINDOW
    session.close_write(stream)
    session.close_read(stream)
    assert headers(everything(session)) == [f"window update {WINDOW} on stream 1"]
    session.receive(frame(DATA, 0, 1, data=bytes(65_536)) + frame(DATA, 0, 1, data=bytes(65_536)))
    assert headers(everything(session)) == [f"window update {WINDOW // 2} on stream 1"]
    assert len(stream.incoming) == 0
    session.receive(frame(WINDOW_UPDATE, 0, 1, 1))
    assert headers(everything(session)) == [
        "data 1 on stream 1",
        "window update 0 FIN on stream 1",
        "window update 0 RST on stream 1",
    ]


@pytest.mark.fault("F051")
def test_a_writer_that_waits_for_a_window_is_told_that_nobody_will_read() -> None:
    pair = Pair()
    near, far = pair.stream()
    for _ in range(5):
        pair.client.write(near, bytes(65_536))
    pair.exchange()
    while pair.server.read(far, WINDOW):
        pass
    assert (far.may_receive, near.may_send) == (0, 0)  # what was read is not announced yet
    pair.server.close_write(far)
    pair.server.close_read(far)
    pair.exchange()
    assert near.send_state is SendState.RESET_RECEIVED
