"""yamux as a machine: known bytes, windows, both ends of streams, and peers that break its rules."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import Closed, DecodeError, UsageError
from p2plib.protocol.conformance import pattern
from p2plib.protocol.yamux import codec as yamux_codec
from p2plib.protocol.yamux.codec import (
    ACK,
    DATA,
    FIN,
    GO_AWAY,
    MAX_UINT32,
    PING,
    RST,
    SYN,
    WINDOW_UPDATE,
    Header,
)
from p2plib.protocol.yamux.events import (
    ENDED,
    MAX_SKIPPED,
    OPENED,
    PONG,
    READABLE,
    RESET,
    WENT_AWAY,
    WRITABLE,
    Event,
    Limits,
)
from p2plib.protocol.yamux.session import Session
from p2plib.protocol.yamux.substream import INITIAL_WINDOW_BYTES, Substream

WINDOW = INITIAL_WINDOW_BYTES


def frame(kind: int, flags: int, stream: int, length: int = 0, data: bytes = b"") -> bytes:
    return Header(kind, flags, stream, len(data) or length).encode() + data


def headers(raw: bytes) -> list[str]:
    """The frames in some bytes, in words."""
    found = []
    while raw:
        header = yamux_codec.decode(raw)
        found.append(str(header))
        raw = raw[12 + (header.length if header.kind == DATA else 0) :]
    return found


def everything(session: Session) -> bytes:
    parts = []
    while part := session.to_send():
        parts.append(part)
    return b"".join(parts)


def opened(session: Session, number: int = 1) -> Substream:
    """A stream that the other side opened and we accepted."""
    session.receive(frame(WINDOW_UPDATE, SYN, number))
    stream = session.accept()
    assert stream is not None
    assert headers(everything(session)) == [f"window update 0 ACK on stream {number}"]
    return stream


def server(**limits: int) -> Session:
    return Session(is_client=False, limits=Limits(**limits))


class Pair:
    """Two sessions, and everything that one sends given to the other."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.client = Session(is_client=True, limits=limits)
        self.server = Session(is_client=False, limits=limits)

    def exchange(self) -> list[Event]:
        events = []
        for _ in range(1000):
            there, back = self.client.to_send(), self.server.to_send()
            if not there and not back:
                return events
            events += self.server.receive(there) + self.client.receive(back)
        raise AssertionError("the two do not stop talking")

    def stream(self) -> tuple[Substream, Substream]:
        near = self.client.open()
        self.exchange()
        far = self.server.accept()
        assert far is not None
        self.exchange()
        return near, far


# The codec


def test_known_bytes() -> None:
    assert Header(DATA, SYN, 1, 5).encode().hex() == "000000010000000100000005"
    assert Header(WINDOW_UPDATE, ACK | FIN, 2, 262_144).encode().hex() == "000100060000000200040000"
    assert Header(PING, SYN, 0, 7).encode().hex() == "000200010000000000000007"
    assert Header(GO_AWAY, 0, 0, 1).encode().hex() == "000300000000000000000001"
    assert str(Header(DATA, FIN | RST, 3, 9)) == "data 9 FIN RST on stream 3"


@pytest.mark.fault("F048")
@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        ("010000000000000100000000", r"version 0, not 1 \(at offset 0\)"),
        ("000400000000000100000000", r"no frames of type 4 \(at offset 1\)"),
        ("000000100000000100000000", r"no flags 0x0010 \(at offset 2\)"),
        ("000080010000000100000000", r"no flags 0x8000"),
        ("000000000000000000000000", r"a data on stream 0 \(at offset 4\)"),
        ("000100000000000000000000", "a window update on stream 0"),
        ("000200010000000100000000", "a ping on stream 1"),
        ("000300000000000100000000", "a go away on stream 1"),
        ("000200000000000000000000", "a ping has SYN or ACK"),
        ("000200030000000000000000", "a ping has SYN or ACK"),
        ("000300010000000000000000", "a go away has no flags"),
    ],
)
def test_headers_that_are_none(raw: str, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        yamux_codec.decode(bytes.fromhex(raw))
    session = server()
    with pytest.raises(DecodeError, match=rule):
        session.receive(bytes.fromhex(raw))
    assert headers(everything(session)) == ["go away 1"]
    with pytest.raises(Closed, match="broke a rule"):
        session.receive(b"x")


def test_dissect() -> None:
    raw = frame(DATA, SYN, 1, data=b"hello")
    fields = yamux_codec.dissect(raw)
    assert b"".join(field.raw for field in fields) == raw
    assert [field.name for field in fields] == ["version", "type", "flags", "stream", "length", "data"]
    assert yamux_codec.dissect(frame(GO_AWAY, 0, 0, 9))[4].note == "a reason that nobody defined"
    for wrong in (raw[:11], raw[:-1], raw + b"x", frame(PING, SYN, 0, 1) + b"x"):
        with pytest.raises(DecodeError):
            yamux_codec.dissect(wrong)


# One stream from its beginning to its end


def test_a_conversation_frame_by_frame() -> None:
    pair = Pair()
    near = pair.client.open()
    pair.client.write(near, b"hello")
    raw = pair.client.to_send()
    assert headers(raw) == ["data 5 SYN on stream 1"]
    assert pair.server.receive(raw) == [Event(OPENED, 1), Event(READABLE, 1, 5)]
    assert pair.server.to_send() == b""  # acknowledged when it is accepted
    far = pair.server.accept()
    assert far is not None
    assert pair.server.read(far, 3) + pair.server.read(far, 100) == b"hello"
    pair.server.write(far, b"hi")
    pair.server.end(far)
    raw = pair.server.to_send()
    assert headers(raw) == ["data 2 ACK on stream 1", "window update 0 FIN on stream 1"]
    assert pair.client.receive(raw) == [Event(READABLE, 1, 2), Event(ENDED, 1)]
    assert pair.client.read(near, 100) == b"hi"
    pair.client.end(near)
    raw = pair.client.to_send()
    assert headers(raw) == ["window update 0 FIN on stream 1"]
    assert pair.server.receive(raw) == [Event(ENDED, 1)]
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
    assert session.receive(frame(DATA, FIN, 1, data=b"all")) == [Event(READABLE, 1, 3), Event(ENDED, 1)]
    assert session.read(stream, 9) == b"all"


def test_a_window_update_may_carry_the_end() -> None:
    session = server()
    opened(session)
    assert session.receive(frame(WINDOW_UPDATE, FIN, 1, 5)) == [Event(WRITABLE, 1, 5), Event(ENDED, 1)]


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
        kinds += [event.what for event in session.receive(raw[a:b]) if event.what != READABLE]
    assert kinds == [OPENED, OPENED, WRITABLE, ENDED, RESET, WENT_AWAY]
    for one in (session, whole):
        stream = one.accept()
        assert stream is not None
        assert (stream.number, stream.incoming.take(99), stream.may_send) == (3, b"third", WINDOW + 10)
        assert one.accept() is None
        assert headers(everything(one)) == ["ping 7 ACK", "window update 0 ACK on stream 3"]


# Windows


def test_a_window_is_used_up_and_given_back() -> None:
    pair = Pair()
    near, far = pair.stream()
    for _ in range(8):
        pair.client.write(near, pattern(65_536))
    events = pair.exchange()
    assert sum(event.value for event in events if event.what == READABLE) == WINDOW
    assert (near.may_send, len(near.outgoing), len(far.incoming)) == (0, WINDOW, WINDOW)
    assert pair.server.read(far, WINDOW // 2 - 1)  # a chunk: less than half a window
    assert pair.server.to_send() == b""
    while far.to_announce * 2 < WINDOW:
        pair.server.read(far, 65_536)
    raw = pair.server.to_send()
    (update,) = headers(raw)
    assert update == f"window update {far.may_receive} on stream 1"
    assert far.may_receive >= WINDOW // 2
    assert pair.client.receive(raw) == [Event(WRITABLE, 1, far.may_receive)]
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
        assert far.may_receive + len(far.incoming) + far.to_announce == WINDOW
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
    with pytest.raises(DecodeError, match="a data 1 on stream 1, where 0 may come"):
        session.receive(frame(DATA, 0, 1, 1))
    assert headers(everything(session)) == ["go away 1"]


@pytest.mark.fault("F053")
def test_a_frame_of_four_gigabytes_is_refused_at_its_header() -> None:
    session = server()
    opened(session)
    with pytest.raises(DecodeError, match="where 262144 may come"):
        session.receive(frame(DATA, 0, 1, MAX_UINT32))
    with pytest.raises(DecodeError, match="where 262144 may come"):
        server().receive(frame(DATA, SYN, 1, WINDOW + 1))


@pytest.mark.fault("F048")
def test_a_window_that_overflows_is_refused() -> None:
    session = server()
    stream = opened(session)
    session.receive(frame(WINDOW_UPDATE, 0, 1, MAX_UINT32 - WINDOW))
    assert stream.may_send == MAX_UINT32
    with pytest.raises(DecodeError, match="a window of 4294967296 bytes on stream 1"):
        session.receive(frame(WINDOW_UPDATE, 0, 1, 1))


# Who may open what


@pytest.mark.fault("F048")
def test_numbers_have_owners_and_are_used_once() -> None:
    for is_client, wrong in ((True, 1), (True, 7), (False, 2), (False, 8)):
        with pytest.raises(DecodeError, match=f"opened stream {wrong}, a number that only we may use"):
            Session(is_client=is_client).receive(frame(DATA, SYN, wrong))
    session = server()
    opened(session, 1)
    with pytest.raises(DecodeError, match="stream 1 was opened before"):
        session.receive(frame(DATA, SYN, 1))
    session = server()
    session.reset(opened(session, 3))
    with pytest.raises(DecodeError, match="stream 3 was opened before"):
        session.receive(frame(DATA, SYN, 3))


def test_numbers_may_come_out_of_order() -> None:
    """Programs with threads take a number in one and send in another."""
    session = server()
    for number in (5, 1, 3, 9):
        opened(session, number)
    for number in (1, 3, 5, 9):
        with pytest.raises(DecodeError, match=f"stream {number} was opened before"):
            session._numbers.use(number)
    session = Session(is_client=True)
    for number in (4, 2):
        opened(session, number)


@pytest.mark.fault("F049")
def test_numbers_that_were_left_out_cost_little() -> None:
    session = server(max_streams=5000, accept_backlog=5000)
    for number in range(1, 2_000_000, 1_000):
        session.receive(frame(WINDOW_UPDATE, SYN, number | 1))
        assert session._numbers.skipped <= MAX_SKIPPED
    session.receive(frame(WINDOW_UPDATE, SYN, MAX_UINT32))
    assert session._numbers.skipped == MAX_SKIPPED
    with pytest.raises(DecodeError, match="opened before"):
        session.receive(frame(WINDOW_UPDATE, SYN, MAX_UINT32 - 2 * MAX_SKIPPED - 2))


@pytest.mark.fault("F048")
@pytest.mark.parametrize("kind", [DATA, WINDOW_UPDATE])
@pytest.mark.parametrize("flags", [0, ACK, FIN, RST])
@pytest.mark.parametrize("number", [1, 2, 99, 100])
def test_frames_for_streams_that_nobody_opened(kind: int, flags: int, number: int) -> None:
    with pytest.raises(DecodeError, match=f"on stream {number}, which nobody has opened"):
        server().receive(frame(kind, flags, number))


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
    assert session.receive(frame(DATA, 0, 1, data=b"more")) == [Event(RESET, 1)]
    assert headers(everything(session)) == ["window update 0 RST on stream 1"]
    assert stream.reset_by == "us"
    assert session.streams == {}


@pytest.mark.fault("F051")
def test_a_reset_behind_the_end_leaves_what_was_complete() -> None:
    session = server()
    stream = opened(session)
    session.receive(frame(DATA, FIN, 1, data=b"all"))
    assert session.receive(frame(WINDOW_UPDATE, RST, 1)) == [Event(RESET, 1)]
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


# How much a peer may cost


@pytest.mark.fault("F049")
def test_a_flood_of_streams() -> None:
    session = server()
    for number in range(1, 200_001, 2):
        session.receive(frame(WINDOW_UPDATE, SYN, number))
        if session.is_congested:  # whoever drives it sends now, before it receives more
            everything(session)
    assert (len(session.waiting), len(session.streams), session.refused) == (256, 256, 100_000 - 256)
    assert session._numbers.skipped == 0


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
def test_a_flood_of_pings_makes_us_stop_receiving() -> None:
    session = server()
    raw = b"".join(frame(PING, SYN, 0, value) for value in range(1025))
    session.receive(raw[:-12])
    assert not session.is_congested
    session.receive(raw[-12:])
    assert session.is_congested
    assert headers(everything(session)) == [f"ping {value} ACK" for value in range(1025)]
    assert not session.is_congested


@pytest.mark.fault("F049")
def test_a_flood_of_window_updates_and_empty_data_leaves_nothing() -> None:
    session = server()
    stream = opened(session)
    session.receive(frame(WINDOW_UPDATE, 0, 1, 0) * 10_000 + frame(DATA, 0, 1) * 10_000)
    session.receive(frame(WINDOW_UPDATE, ACK, 1, 1) * 1000)
    assert (stream.may_send, session.to_send(), len(stream.incoming)) == (WINDOW + 1000, b"", 0)


@pytest.mark.fault("F049")
def test_our_own_streams_wait_for_acknowledgement() -> None:
    pair = Pair(Limits(ack_backlog=2, accept_backlog=10))
    first, second = pair.client.open(), pair.client.open()
    assert not pair.client.can_open
    with pytest.raises(UsageError, match="2 streams are not acknowledged"):
        pair.client.open()
    pair.exchange()
    assert pair.server.accept() is not None
    pair.exchange()
    assert (first.is_acknowledged, second.is_acknowledged, pair.client.can_open) == (True, False, True)
    third = pair.client.open()
    pair.exchange()
    pair.client.reset(second)
    assert pair.client.can_open
    pair.server.receive(frame(WINDOW_UPDATE, RST, third.number))
    pair.client.receive(frame(WINDOW_UPDATE, ACK, 1) * 5)  # twice is once
    assert pair.client._unacknowledged == 1


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


# Leaving


def test_pings() -> None:
    session = server()
    session.ping(5)
    with pytest.raises(UsageError, match="this one again"):
        session.ping(5)
    assert session.receive(frame(PING, ACK, 0, 6) + frame(PING, ACK, 0, 5)) == [Event(PONG, 0, 5)]
    assert session.receive(frame(PING, ACK, 0, 5)) == []
    for value in range(16):
        session.ping(value)
    with pytest.raises(UsageError, match="too many pings"):
        session.ping(16)


def test_going_away() -> None:
    pair = Pair()
    near, far = pair.stream()
    pair.server.go_away()
    pair.server.go_away()
    assert pair.exchange() == [Event(WENT_AWAY, 0, 0)]
    assert pair.client.remote_reason == 0
    for session in (pair.client, pair.server):
        with pytest.raises(Closed, match="gone away"):
            session.open()
    pair.client.write(near, b"goes on")
    assert pair.exchange() == [Event(READABLE, 1, 7)]
    assert pair.server.read(far, 9) == b"goes on"
    pair.server.receive(frame(DATA, SYN, 3))
    assert headers(everything(pair.server)) == ["window update 0 RST on stream 3"]


def test_all_numbers_used() -> None:
    session = Session(is_client=True)
    session._next_number = MAX_UINT32
    assert session.open().number == MAX_UINT32
    with pytest.raises(Closed, match="all its numbers"):
        session.open()


# Who stops reading


@pytest.mark.fault("F051")
def test_who_writes_to_a_reader_that_has_gone_is_told_after_our_last_word() -> None:
    pair = Pair()
    near, far = pair.stream()
    pair.server.write(far, b"last")
    pair.server.end(far)
    pair.server.stop_reading(far)
    pair.exchange()
    assert (near.has_ended, near.reset_by) == (True, "")  # it may have nothing more to say
    pair.client.write(near, b"x")
    pair.exchange()
    assert near.reset_by == "them"
    assert pair.client.read(near, 9) == b"last"
    assert (pair.client.streams, pair.server.streams) == ({}, {})


@pytest.mark.fault("F051")
@pytest.mark.parametrize("size", [1, WINDOW])
def test_who_wrote_what_nobody_will_read_is_told(size: int) -> None:
    pair = Pair()
    near, far = pair.stream()
    for at in range(0, size, 65_536):
        pair.client.write(near, bytes(min(65_536, size - at)))
    pair.exchange()
    pair.server.write(far, b"last")
    pair.server.end(far)
    pair.server.stop_reading(far)
    pair.exchange()
    assert near.reset_by == "them"
    assert pair.client.read(near, 9) == b"last"


@pytest.mark.fault("F049")
def test_streams_that_wait_for_an_end_that_never_comes_are_few() -> None:
    session = server(half_open=4, max_streams=100)
    for number in range(1, 41, 2):
        stream = opened(session, number)
        session.end(stream)
        session.stop_reading(stream)
        everything(session)
    assert sorted(session.streams) == [33, 35, 37, 39]


@pytest.mark.fault("F051")
def test_who_waits_for_a_window_that_a_reader_took_with_it_is_told() -> None:
    pair = Pair()
    near, far = pair.stream()
    for _ in range(5):
        pair.client.write(near, bytes(65_536))
    pair.exchange()
    while pair.server.read(far, WINDOW):
        pass
    assert (far.may_receive, near.may_send) == (0, 0)  # what was read is not announced yet, and never will be
    pair.server.end(far)
    pair.server.stop_reading(far)
    pair.exchange()
    assert near.reset_by == "them"
