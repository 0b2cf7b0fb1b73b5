"""Server-sent events: the standard's own examples, splits anywhere, and what is too much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.signal.events import HEARTBEAT, EventDecoder, ServerEvent, dissect, encode
from p2plib.errors import DecodeError


def decoded(raw: bytes) -> list[ServerEvent]:
    return EventDecoder().receive(raw)


def test_the_examples_of_the_standard() -> None:
    """WHATWG HTML, 9.2.6, "Interpreting an event stream"."""
    assert decoded(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [ServerEvent("YHOO\n+2\n10")]
    stream = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
    assert decoded(stream) == [
        ServerEvent("first event", "message", "1"),
        ServerEvent("second event"),
        ServerEvent(" third event"),
    ]
    assert decoded(b"data\n\ndata\ndata\n\ndata:") == [ServerEvent(""), ServerEvent("\n")]
    assert decoded(b"data:test\n\ndata: test\n\n") == [ServerEvent("test")] * 2
    assert decoded(b"event: add\ndata: 73857293\n\nevent: remove\n\n") == [ServerEvent("73857293", "add")]


def test_what_npm_signalhub_writes() -> None:
    """Recorded from signalhub 4.9.0."""
    raw = b'data: {"hello":"world","\xc3\xa9":1}\n\n:heartbeat signal\n\n'
    decoder = EventDecoder()
    assert decoder.receive(raw) == [ServerEvent('{"hello":"world","é":1}')]
    assert decoder.comments == 1
    assert encode('{"hello":"world","é":1}') + HEARTBEAT == raw


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(end: str) -> None:
    raw = end.join(["data: a", "data: b", "", "data: c", "", ":x", ""]).encode()
    assert decoded(raw) == [ServerEvent("a\nb"), ServerEvent("c")]


def test_a_byte_order_mark_and_bytes_that_are_no_text() -> None:
    assert decoded(b"\xef\xbb\xbfdata: a\n\n") == [ServerEvent("a")]
    assert decoded(b"data: \xff\n\n") == [ServerEvent("\ufffd")]


def test_retry_ids_and_unknown_fields() -> None:
    decoder = EventDecoder()
    assert decoder.receive(b"retry: 250\nretry: x\nretry: 99999999999\nfoo: 1\nid: a\0b\ndata: 1\n\n") == [
        ServerEvent("1")
    ]
    assert decoder.retry_ms == 250


@given(st.text(), st.integers(1, 7))
def test_there_and_back_in_pieces(text: str, size: int) -> None:
    raw, decoder = encode(text), EventDecoder()
    events = [event for at in range(0, len(raw), size) for event in decoder.receive(raw[at : at + size])]
    assert events == [ServerEvent(text.replace("\r\n", "\n").replace("\r", "\n"))]
    assert b"".join(field.raw for field in dissect(raw)) == raw


@given(st.binary(max_size=200), st.integers(1, 200))
def test_where_bytes_are_split_makes_no_difference(raw: bytes, at: int) -> None:
    whole, split = EventDecoder(), EventDecoder()
    assert whole.receive(raw) + whole.receive(b"\n\n") == (
        split.receive(raw[:at]) + split.receive(raw[at:]) + split.receive(b"\n\n")
    )


@pytest.mark.fault("F068")
@pytest.mark.parametrize("chunk", [b"data: " + b"x" * 100, b"data: xxxxxxxxx\n", b":" + b"x" * 100])
def test_an_event_without_an_end_is_bounded(chunk: bytes) -> None:
    decoder = EventDecoder(1000)

    def flood() -> None:
        for _ in range(1000):
            decoder.receive(chunk)

    with pytest.raises(DecodeError, match="1000 is the most"):
        flood()
    singly = EventDecoder(100_000)
    for _ in range(100_000):
        singly.receive(b"x")
    assert len(singly._buffer) < 10, "a line that has not ended is not searched again and again"
    many = EventDecoder(1000)
    for _ in range(1000):
        assert many.receive(b"data: x\n\n") == [ServerEvent("x")]


def test_drawings() -> None:
    raw = b":heartbeat signal\n\ndata: {}\n\n"
    assert [field.raw for field in dissect(raw)] == [
        *(b":heartbeat signal", b"\n", b"\n"),
        *(b"data: ", b"{}", b"\n", b"\n"),
    ]
    with pytest.raises(DecodeError, match="does not end"):
        dissect(b"data: 1")
