"""The frames: bytes of npm's codec, round trips, splitting and joining, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.protocol.framing import FrameDecoder
from p2plib.protocol.muxrpc import frames
from p2plib.protocol.muxrpc.frames import Frame

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
bodies = (
    st.binary(min_size=1, max_size=40)
    | st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
    | json_values.filter(lambda value: not isinstance(value, str))
)
numbers = st.integers(1, frames.MAX_REQUEST) | st.integers(-frames.MAX_REQUEST, -1)
any_frame = st.builds(Frame, numbers, bodies, st.booleans(), st.booleans())


def test_the_end_of_a_stream_as_npm_writes_it() -> None:
    raw = frames.encode(Frame(-3, True, is_stream=True, is_end=True))
    assert raw == bytes.fromhex("0e 00000004 fffffffd 74727565")


def test_a_call_as_npm_writes_it() -> None:
    body = {"name": ["whoami"], "args": []}
    assert frames.encode(Frame(1, body)) == bytes.fromhex("02 0000001d 00000001") + (  # type: ignore[arg-type]
        b'{"name":["whoami"],"args":[]}'
    )


@given(any_frame)
def test_round_trip(frame: Frame) -> None:
    raw = frames.encode(frame)
    assert frames.decode(raw) == frame
    assert b"".join(part.raw for part in frames.dissect(raw)) == raw


@given(st.lists(any_frame, max_size=5), st.integers(1, 30))
def test_where_bytes_are_split_makes_no_difference(sent: list[Frame], step: int) -> None:
    raw = b"".join(map(frames.encode, sent)) + frames.GOODBYE
    decoder, got = FrameDecoder(frames.MuxrpcFraming()), []
    for at in range(0, len(raw), step):
        decoder.receive(raw[at : at + step])
        while (one := decoder.next_frame()) is not None:
            got.append(frames.decode(one))
    assert got == [*sent, None]
    decoder.end_of_stream()


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        ("02 0000", "at least 9 bytes"),
        ("02 00000004 00000000 74727565", "number 0"),
        ("02 00000004 80000000 74727565", "number -2147483648"),
        ("12 00000004 00000001 74727565", "high four bits"),
        ("03 00000004 00000001 74727565", "type 3"),
        ("02 00000005 00000001 74727565", "5 bytes of body"),
        ("02 00000003 00000001 747275", None),
        ("02 00000005 00000001 7b2261223a", None),
        ("02 00000000 00000001", "never empty"),
        ("00 00000000 00000001", "never empty"),
        ("0c 00000000 00000000", "number 0"),
        ("01 00000001 00000001 ff", "UTF-8"),
        ("02 00000002 00000001 ff22", None),
    ],
)
def test_what_is_refused(raw: str, rule: str | None) -> None:
    with pytest.raises(DecodeError, match=rule):
        frames.decode(bytes.fromhex(raw))


def test_a_huge_length_is_refused_with_the_head() -> None:
    decoder = FrameDecoder(frames.MuxrpcFraming())
    decoder.receive(bytes.fromhex("02 ffffffff 00000001"))
    with pytest.raises(DecodeError, match="4294967295"):
        decoder.next_frame()
    assert decoder.buffered_bytes == 0


def test_deep_json_is_refused_and_not_recursed_into() -> None:
    body = b"[" * 100_000
    with pytest.raises(DecodeError):
        frames.decode(b"\x02" + len(body).to_bytes(4, "big") + bytes([0, 0, 0, 1]) + body)


@pytest.mark.parametrize(
    "frame",
    [Frame(0, True), Frame(2**31, True), Frame(1, b""), Frame(1, ""), Frame(1, bytes(2**20 + 1)),
     Frame(1, float("nan")), Frame(1, {"a": b"x"}), Frame(1, "\ud800")],
)  # fmt: skip
def test_our_own_mistakes_are_ours(frame: Frame) -> None:
    with pytest.raises(UsageError):
        frames.encode(frame)


def test_half_a_surrogate_pair_travels_in_json() -> None:
    frame = Frame(1, {"text": "\ud800 é"})
    assert frames.decode(frames.encode(frame)) == frame


def test_the_goodbye() -> None:
    assert frames.decode(bytes(9)) is None
    assert frames.dissect(bytes(9))[0].name == "goodbye"


@given(st.binary(max_size=40))
def test_any_bytes_are_a_frame_or_refused(raw: bytes) -> None:
    try:
        frames.decode(raw)
    except DecodeError:
        return
