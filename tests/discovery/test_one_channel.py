"""One channel: TO WRITE what is tested here, and against which oracle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery import one_channel
from p2plib.errors import DecodeError, UsageError


def test_a_message_by_hand() -> None:
    """TO WRITE: known answers from the specification, typed in."""
    assert one_channel.encode("hello") == bytes.fromhex("05 68656c6c6f")


@given(st.text(max_size=60))
def test_there_and_back(text: str) -> None:
    message = one_channel.encode(text)
    assert one_channel.decode(message) == text
    assert b"".join(field.raw for field in one_channel.dissect(message)) == message


@given(st.binary(max_size=300))
def test_whatever_arrives_is_a_message_or_refused(raw: bytes) -> None:
    try:
        text = one_channel.decode(raw)
    except DecodeError:
        return
    assert one_channel.encode(text) == raw


NOTHING, CUT, LONGER, NOT_UTF8 = b"", b"\x02a", b"\x01ab", b"\x01\xff"


@pytest.mark.parametrize("raw", [NOTHING, CUT, LONGER, NOT_UTF8], ids=repr)
def test_what_is_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        one_channel.decode(raw)


def test_a_text_that_is_too_long_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match="255 is the most"):
        one_channel.encode("a" * 256)
