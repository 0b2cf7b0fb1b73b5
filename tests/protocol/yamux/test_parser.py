"""yamux's frames out of bytes in any pieces."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError
from p2plib.protocol.yamux.codec import DATA, FIN, GO_AWAY, PING, RST, SYN, WINDOW_UPDATE, Header
from p2plib.protocol.yamux.events import Ended, GoAway, Opened, Readable, Reset, Writable
from p2plib.protocol.yamux.parser import FrameParser, Piece
from tests.protocol.yamux.sessions import WINDOW, everything, frame, headers, server


@pytest.mark.fault("F033")
@given(st.data())
def test_splits_and_joins_change_nothing(data: st.DataObject) -> None:
    frames = [
        frame(DATA, SYN, 1, data=b"first"),
        frame(DATA, 0, 1, data=b"x" * 300),
        frame(PING, SYN, 0, 7),
        frame(WINDOW_UPDATE, SYN, 3, 10),
        frame(DATA, FIN, 3, data=b"third"),
        frame(DATA, RST, 1),
        frame(DATA, 0, 1, data=b"dropped"),
        frame(GO_AWAY, 0, 0, 0),
    ]
    raw = b"".join(frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)))))
    session, whole = server(), server()
    whole.receive(raw)
    kinds = []
    for a, b in pairwise([0, *cuts, len(raw)]):
        kinds += [type(event) for event in session.receive(raw[a:b]) if not isinstance(event, Readable)]
    assert kinds == [Opened, Opened, Writable, Ended, Reset, GoAway]
    for receiver in (session, whole):
        stream = receiver.accept()
        assert stream is not None
        assert (stream.stream_id, stream.incoming.take(99), stream.may_send) == (3, b"third", WINDOW + 10)
        assert receiver.accept() is None
        assert headers(everything(receiver)) == ["ping 7 ACK", "window update 0 ACK on stream 3"]


def test_data_is_handed_on_as_it_comes() -> None:
    parser = FrameParser()
    raw = frame(DATA, FIN, 1, data=b"hello") + frame(DATA, 0, 3)
    header = Header(DATA, FIN, 1, 5)
    assert list(parser.receive(raw[:7])) == []
    assert list(parser.receive(raw[7:14])) == [header, Piece(header, b"he", False)]
    empty = Header(DATA, 0, 3, 0)
    assert list(parser.receive(raw[14:])) == [Piece(header, b"llo", True), empty, Piece(empty, b"", True)]


def test_what_stands_before_a_header_that_is_none_is_given_first() -> None:
    ping = frame(PING, SYN, 0, 7)
    parts = FrameParser().receive(ping + b"\1" + ping)
    assert next(parts) == Header(PING, SYN, 0, 7)
    with pytest.raises(DecodeError, match="version 0, not 1"):
        next(parts)
