"""What a yamux session sends next: answers, then streams in turn."""

from __future__ import annotations

import pytest

from p2plib.errors import DecodeError
from p2plib.protocol.yamux.codec import ACK, PING, SYN, WINDOW_UPDATE
from p2plib.protocol.yamux.session import Session
from tests.protocol.yamux.sessions import everything, frame, headers, server


@pytest.mark.fault("F050")
def test_streams_take_turns() -> None:
    session = Session(is_client=True)
    streams = [session.open() for _ in range(3)]
    session.to_send()
    for stream in streams:
        session.write(stream, bytes(200_000))
    session.write(streams[2], b"and more")
    turns = [headers(session.to_send())[0] for _ in range(6)]
    assert [turn.split()[-1] for turn in turns] == ["1", "3", "5", "1", "3", "5"]
    session.ping(7)
    assert headers(session.to_send())[0] == "ping 7 SYN"
    assert session.progress


@pytest.mark.fault("F050")
def test_a_stream_without_window_does_not_hold_up_the_others() -> None:
    session = Session(is_client=True)
    stuck, other = session.open(), session.open()
    for _ in range(5):
        session.write(stuck, bytes(65_536))
    while session.to_send():
        pass
    assert (stuck.may_send, len(stuck.outgoing)) == (0, 65_536)
    session.write(other, b"moves")
    assert headers(session.to_send()) == ["data 5 on stream 3"]
    session.receive(frame(WINDOW_UPDATE, ACK, 1, 10))
    assert headers(session.to_send()) == ["data 10 on stream 1"]


def test_what_is_sent_fits() -> None:
    session = Session(is_client=True)
    for _ in range(100):
        session.write(session.open(), bytes(1000))
    for size in (24, 100, 65_519):
        assert 12 <= len(session.to_send(size)) <= size


@pytest.mark.fault("F049")
def test_a_flood_of_pings_makes_us_stop_receiving() -> None:
    session = server()
    room = session.limits.control_frames + session.limits.max_streams
    raw = b"".join(frame(PING, SYN, 0, value) for value in range(room + 1))
    session.receive(raw[:-12])
    assert not session.is_congested
    session.receive(raw[-12:])
    assert session.is_congested
    assert headers(everything(session)) == [f"ping {value} ACK" for value in range(room + 1)]
    assert not session.is_congested


def test_after_a_rule_is_broken_only_the_go_away_is_sent() -> None:
    session = Session(is_client=True)
    stream, other = session.open(), session.open()
    session.to_send()
    session.write(stream, b"too late")
    with pytest.raises(DecodeError):
        session.receive(b"\1" * 12)
    session.write(stream, b"much too late")
    session.reset(other)
    assert headers(session.to_send()) == ["go away 1"]
    assert not session.has_work
