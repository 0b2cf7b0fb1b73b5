"""One stream by itself: its states as it is used, what it sends, and what its owner may not do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from p2plib.errors import UsageError
from p2plib.protocol.yamux.limits import INITIAL_WINDOW_BYTES
from p2plib.protocol.yamux.states import OpenState, ReceiveState, SendState
from p2plib.protocol.yamux.substream import Substream


def sent(stream: Substream) -> list[str]:
    """Its frames, in words, until it has no more."""
    frames = []
    while (header := stream.next_frame(1000)[0]) is not None:
        frames.append(str(header))
    return frames


def test_a_stream_of_ours_from_its_beginning_to_its_end() -> None:
    stream = Substream(1, is_ours=True)
    assert stream.is_unheard
    stream.write(bytes(1500))
    stream.close_write()
    assert (stream.open_state, stream.send_state) == (OpenState.SYN_QUEUED, SendState.FIN_QUEUED)
    assert sent(stream) == [
        "data 1000 SYN on stream 1",
        "data 500 on stream 1",
        "window update 0 FIN on stream 1",
    ]
    assert (stream.open_state, stream.send_state) == (OpenState.SYN_SENT, SendState.FIN_SENT)
    assert (stream.acknowledge(), stream.acknowledge()) == (True, False)
    assert (stream.receive_fin(), stream.receive_fin(), stream.is_over) == (True, False, True)
    assert repr(stream) == "Substream(1: established, sending FIN sent, receiving FIN received)"


def test_a_stream_of_theirs_is_acknowledged_once() -> None:
    stream = Substream(2, is_ours=False)
    assert (sent(stream), stream.acknowledge()) == ([], False)
    stream.accept()
    assert sent(stream) == ["window update 0 ACK on stream 2"]
    with pytest.raises(UsageError, match="'established' does not allow 'accept'"):
        stream.accept()


def test_an_acknowledgement_of_what_was_not_sent_is_none() -> None:
    stream = Substream(1, is_ours=True)
    assert not stream.acknowledge()
    assert sent(stream) == ["window update 0 SYN on stream 1"]
    assert stream.acknowledge()


@pytest.mark.parametrize(
    ("first", "then", "rule"),
    [
        (Substream.close_write, Substream.close_write, "'FIN queued' does not allow 'close writing'"),
        (Substream.close_write, lambda stream: stream.write(b"x"), "'FIN queued' does not allow writing"),
        (Substream.reset, lambda stream: stream.write(b"x"), "'reset sent' does not allow writing"),
        (Substream.receive_rst, lambda stream: stream.write(b"x"), "'reset received' does not allow writing"),
        (Substream.close_read, Substream.close_read, "'read-closed' does not allow 'close reading'"),
    ],
)
def test_what_a_program_may_not_do(
    first: Callable[[Substream], object], then: Callable[[Substream], object], rule: str
) -> None:
    stream = Substream(1, is_ours=True)
    first(stream)
    with pytest.raises(UsageError, match=rule):
        then(stream)


def test_to_close_or_reset_what_the_other_side_has_just_reset_is_no_mistake() -> None:
    stream = Substream(1, is_ours=True)
    stream.receive_rst()
    stream.close_write()
    assert not stream.close_read()
    stream.reset()
    assert (stream.send_state, stream.receive_state) == (
        SendState.RESET_RECEIVED,
        ReceiveState.RESET_RECEIVED,
    )
    assert sent(stream) == []


def test_window_credit_is_given_once_it_is_half_a_window_and_only_until_our_end_is_sent() -> None:
    stream = Substream(1, is_ours=True)
    sent(stream)
    stream.window_credit = INITIAL_WINDOW_BYTES // 2 - 1
    assert not stream.gives_window
    stream.window_credit += 1
    assert sent(stream) == [f"window update {INITIAL_WINDOW_BYTES // 2} on stream 1"]
    stream.window_credit = INITIAL_WINDOW_BYTES
    stream.close_read()
    assert sent(stream) == [f"window update {INITIAL_WINDOW_BYTES} on stream 1"]
    stream.window_credit = INITIAL_WINDOW_BYTES
    stream.close_write()
    stream.send_state = SendState.FIN_SENT
    assert sent(stream) == []
