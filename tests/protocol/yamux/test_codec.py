"""yamux's frames: known bytes, headers that are none, and frames taken apart."""

from __future__ import annotations

import pytest

from p2plib.errors import Closed, DecodeError
from p2plib.protocol.yamux import codec as yamux_codec
from p2plib.protocol.yamux.codec import ACK, DATA, FIN, GO_AWAY, PING, RST, SYN, WINDOW_UPDATE, Header
from tests.protocol.yamux.sessions import everything, frame, headers, server


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
        ("000000000000000000000000", r"a data cannot be on stream 0 \(at offset 4\)"),
        ("000100000000000000000000", "a window update cannot be on stream 0"),
        ("000200010000000100000000", "a ping cannot be on stream 1"),
        ("000300000000000100000000", "a go away cannot be on stream 1"),
        ("000200000000000000000000", "a ping has one flag"),
        ("000200030000000000000000", "a ping has one flag"),
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


@pytest.mark.finding("W10")
@pytest.mark.parametrize("size_bytes", [0, 1, 11])
def test_a_header_that_is_cut_short_is_a_decode_error(size_bytes: int) -> None:
    with pytest.raises(DecodeError, match=f"a header of 12 bytes, where {size_bytes} are left") as caught:
        yamux_codec.decode(bytes(5 + size_bytes), 5)
    assert caught.value.offset == 5


def test_dissect() -> None:
    raw = frame(DATA, SYN, 1, data=b"hello")
    fields = yamux_codec.dissect(raw)
    assert b"".join(field.raw for field in fields) == raw
    assert [field.name for field in fields] == ["version", "type", "flags", "stream", "length", "data"]
    assert yamux_codec.dissect(frame(GO_AWAY, 0, 0, 9))[4].note == "a reason that is not defined"
    for wrong in (raw[:11], raw[:-1], raw + b"x", frame(PING, SYN, 0, 1) + b"x"):
        with pytest.raises(DecodeError):
            yamux_codec.dissect(wrong)
