"""Which streams a yamux session has: whose ids are whose, and how many there may be."""

from __future__ import annotations

import pytest

from p2plib.errors import Closed, DecodeError, UsageError
from p2plib.protocol.yamux.codec import ACK, DATA, FIN, MAX_UINT32, RST, SYN, WINDOW_UPDATE
from p2plib.protocol.yamux.limits import Limits
from p2plib.protocol.yamux.session import Session
from p2plib.protocol.yamux.states import OpenState
from p2plib.protocol.yamux.table import MAX_SKIPPED
from tests.protocol.yamux.sessions import WINDOW, Pair, everything, frame, headers, opened, server


@pytest.mark.fault("F048")
def test_ids_have_owners_and_are_used_once() -> None:
    for is_client, wrong in ((True, 1), (True, 7), (False, 2), (False, 8)):
        with pytest.raises(DecodeError, match=f"opened stream {wrong}, an id that only we may use"):
            Session(is_client=is_client).receive(frame(DATA, SYN, wrong))
    session = server()
    opened(session, 1)
    with pytest.raises(DecodeError, match="stream 1 was opened before"):
        session.receive(frame(DATA, SYN, 1))
    session = server()
    session.reset(opened(session, 3))
    with pytest.raises(DecodeError, match="stream 3 was opened before"):
        session.receive(frame(DATA, SYN, 3))


def test_ids_may_come_out_of_order() -> None:
    """Programs with threads take an id in one and send in another."""
    session = server()
    for number in (5, 1, 3, 9):
        opened(session, number)
    for number in (1, 3, 5, 9):
        with pytest.raises(DecodeError, match=f"stream {number} was opened before"):
            session._table._their_ids.use(number)
    session = Session(is_client=True)
    for number in (4, 2):
        opened(session, number)


@pytest.mark.fault("F049")
def test_ids_that_were_left_out_cost_little() -> None:
    session = server(max_streams=5000, accept_backlog=5000)
    for number in range(1, 2_000_000, 1_000):
        session.receive(frame(WINDOW_UPDATE, SYN, number | 1))
        assert session._table._their_ids.skipped <= MAX_SKIPPED
    session.receive(frame(WINDOW_UPDATE, SYN, MAX_UINT32))
    assert session._table._their_ids.skipped == MAX_SKIPPED
    with pytest.raises(DecodeError, match="opened before"):
        session.receive(frame(WINDOW_UPDATE, SYN, MAX_UINT32 - 2 * MAX_SKIPPED - 2))


@pytest.mark.fault("F048")
@pytest.mark.parametrize("kind", [DATA, WINDOW_UPDATE])
@pytest.mark.parametrize("flags", [0, ACK, FIN, RST])
@pytest.mark.parametrize("number", [1, 2, 99, 100])
def test_frames_for_streams_that_nobody_opened(kind: int, flags: int, number: int) -> None:
    with pytest.raises(DecodeError, match=f"on stream {number}, which nobody has opened"):
        server().receive(frame(kind, flags, number))


@pytest.mark.fault("F049")
def test_a_flood_of_streams() -> None:
    session = server()
    for number in range(1, 200_001, 2):
        session.receive(frame(WINDOW_UPDATE, SYN, number))
        if session.is_congested:  # whoever drives it sends now, before it receives more
            everything(session)
    assert (len(session.waiting), len(session.streams), session.refused) == (256, 256, 100_000 - 256)
    assert session._table._their_ids.skipped == 0


@pytest.mark.fault("F049")
def test_how_many_streams_may_be_alive() -> None:
    session = server(max_streams=3)
    streams = [opened(session, number) for number in (1, 3, 5)]
    session.receive(frame(WINDOW_UPDATE, SYN, 7))
    assert headers(everything(session)) == ["window update 0 RST on stream 7"]
    session.reset(streams[1])
    everything(session)
    opened(session, 9)
    assert session.refused == 1


@pytest.mark.finding("K1")
@pytest.mark.parametrize("ends_with", [RST, FIN])
def test_streams_count_until_our_program_lets_go_of_them(ends_with: int) -> None:
    session = server(max_streams=3)
    streams = [opened(session, number) for number in (1, 3, 5)]
    for stream in streams:
        session.close_write(stream)
        everything(session)
        session.receive(frame(WINDOW_UPDATE, ends_with, stream.stream_id))
    assert session.streams == {}
    session.receive(frame(WINDOW_UPDATE, SYN, 7))  # the handlers of the three still run
    assert headers(everything(session)) == ["window update 0 RST on stream 7"]
    session.close_read(streams[0])
    session.reset(streams[1])
    for number in (9, 11):
        opened(session, number)
    session.receive(frame(WINDOW_UPDATE, SYN, 13))
    assert (session.refused, len(session.streams)) == (2, 2)
    for stream in (*streams, *list(session.streams.values())):
        session.reset(stream)
    assert (session._table.in_use, session._table._theirs_in_use, session._table._windows_bytes) == ({}, 0, 0)


@pytest.mark.finding("K1")
@pytest.mark.fault("F049")
def test_rapid_resets_make_us_begin_no_more_than_max_streams() -> None:
    session, begun = server(), 0
    for number in range(1, 20_001, 2):
        session.receive(frame(WINDOW_UPDATE, SYN, number))
        begun += session.accept() is not None
        session.receive(frame(WINDOW_UPDATE, RST, number))
        everything(session)
    assert (begun, session.refused) == (1024, 10_000 - 1024)


@pytest.mark.finding("K2")
def test_windows_grow_only_inside_the_budget() -> None:
    session = server(window_bytes=4 * WINDOW, memory_bytes=10 * WINDOW)
    streams = []
    for number in range(1, 9, 2):
        session.receive(frame(WINDOW_UPDATE, SYN, number))
        stream = session.accept()
        assert stream is not None
        streams.append(stream)
    everything(session)
    assert [stream.may_receive // WINDOW for stream in streams] == [4, 4, 1, 1]
    session.reset(streams[0])
    assert session.open().window_bytes == 4 * WINDOW
    for wrong in ({"window_bytes": WINDOW - 1}, {"window_bytes": 2**32}, {"memory_bytes": WINDOW - 1}):
        with pytest.raises(UsageError, match=r"256 KiB to 4 GiB|at least one window"):
            server(**wrong)


@pytest.mark.fault("F049")
def test_streams_that_are_reset_at_once_do_not_wait() -> None:
    session = server()
    for number in range(1, 20_001, 2):
        session.receive(frame(WINDOW_UPDATE, SYN, number) + frame(WINDOW_UPDATE, RST, number))
    assert (len(session.waiting), session.streams, session.refused) == (0, {}, 0)
    assert session.accept() is None
    session.receive(frame(WINDOW_UPDATE, SYN | RST, 20_001))
    assert session.accept() is None


@pytest.mark.fault("F049")
def test_our_own_streams_wait_for_acknowledgement() -> None:
    pair = Pair(Limits(ack_backlog=2, accept_backlog=10))
    first, second = pair.client.open(), pair.client.open()
    assert not pair.client.can_open
    with pytest.raises(UsageError, match="2 of our streams are not acknowledged"):
        pair.client.open()
    pair.exchange()
    assert pair.server.accept() is not None
    pair.exchange()
    assert (first.open_state, second.open_state) == (OpenState.ESTABLISHED, OpenState.SYN_SENT)
    assert pair.client.can_open
    third = pair.client.open()
    pair.exchange()
    pair.client.reset(second)
    assert pair.client.can_open
    pair.server.receive(frame(WINDOW_UPDATE, RST, third.stream_id))
    pair.client.receive(frame(WINDOW_UPDATE, ACK, 1) * 5)  # twice is once
    assert pair.client._table.unacknowledged == 1


def test_all_ids_used() -> None:
    session = Session(is_client=True)
    session._table._next_id = MAX_UINT32
    assert session.open().stream_id == MAX_UINT32
    with pytest.raises(Closed, match="all its stream ids"):
        session.open()


@pytest.mark.fault("F049")
def test_streams_that_wait_for_an_end_that_never_comes_are_few() -> None:
    session = server(half_closed=4, max_streams=100)
    for number in range(1, 41, 2):
        stream = opened(session, number)
        session.close_write(stream)
        session.close_read(stream)
        everything(session)
    assert sorted(session.streams) == [33, 35, 37, 39]
