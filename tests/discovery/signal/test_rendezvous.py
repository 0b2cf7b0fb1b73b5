"""The messages of rendezvous: bytes written by hand from the specification's schema, and bounds."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery.signal.rendezvous import (
    MAX_REGISTRATIONS,
    Discover,
    DiscoverResponse,
    Register,
    RegisterResponse,
    Status,
    Unregister,
    decode,
    dissect,
    encode,
)
from p2plib.errors import DecodeError, UsageError

NUMBERS = st.none() | st.integers(0, 2**40)
NAMES = st.text(max_size=60)
REGISTER = st.builds(Register, NAMES, st.binary(max_size=40), NUMBERS)
MESSAGES = (
    REGISTER
    | st.builds(RegisterResponse, st.integers(0, 500), NAMES, NUMBERS)
    | st.builds(Unregister, NAMES)
    | st.builds(Discover, NAMES, NUMBERS, st.binary(max_size=40))
    | st.builds(
        DiscoverResponse,
        st.lists(REGISTER, max_size=4).map(tuple),
        st.binary(max_size=40),
        st.integers(0, 500),
        NAMES,
    )
)


@pytest.mark.parametrize(
    ("message", "raw"),
    [
        (Register("app", b"\xaa\xbb", 7200), "0800 120c 0a03617070 1202aabb 18a038"),
        (RegisterResponse(Status.OK, ttl_s=7200), "0801 1a05 0800 18a038"),
        (RegisterResponse(102, "no"), "0801 1a06 0866 12026e6f"),
        (Unregister("app"), "0802 2205 0a03617070"),
        (Discover("app", 5, b"\x01"), "0803 2a0a 0a03617070 1005 1a0101"),
        (Discover(), "0803 2a00"),
        (
            DiscoverResponse((Register("app", b"\xaa"),), b"\x02"),
            "0804 320f 0a08 0a03617070 1201aa 120102 1800",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_messages_by_hand(message: Register, raw: str) -> None:
    assert encode(message) == bytes.fromhex(raw)
    assert decode(bytes.fromhex(raw)) == message
    assert b"".join(field.raw for field in dissect(bytes.fromhex(raw))) == bytes.fromhex(raw)


@given(MESSAGES)
def test_there_and_back(message: Register) -> None:
    assert decode(encode(message)) == message


@given(st.binary(max_size=60))
def test_whatever_comes_is_a_message_or_refused(raw: bytes) -> None:
    with contextlib.suppress(DecodeError):
        decode(raw)


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        ("", "field 1 is there 0 times"),
        ("0805 3a00", "no message of type 5"),
        ("0800", "field 2 is there 0 times"),
        ("0800 1205 0a03617070 2200", "has field 4 besides"),
        ("0802 2203 0a01ff", "is text, in UTF-8"),
        ("0803 2a02 1a00" + "00", "wire type|field number 0|number 0"),
        ("0804 3202 0801", "a registration is a message"),
        ("0800 1205 0a03617070", "field 2 is there 0 times"),
    ],
)
def test_what_is_no_message(raw: str, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        decode(bytes.fromhex(raw))


def test_bounds() -> None:
    for message in (
        Unregister("x" * 256),
        Discover("app", 1, bytes(1025)),
        RegisterResponse(0, "x" * 1025),
        DiscoverResponse((Register("a", b""),) * (MAX_REGISTRATIONS + 1)),
    ):
        with pytest.raises(DecodeError, match=r"most|more than"):
            decode(encode(message))
    with pytest.raises(UsageError, match="is the most"):
        encode(Register("app", bytes(2**20)))
    with pytest.raises(DecodeError, match="is the most"):
        decode(bytes(2**20 + 1))


def test_the_deprecated_id_of_unregister_is_left_alone() -> None:
    assert decode(bytes.fromhex("0802 2208 0a03617070 1201aa")) == Unregister("app")
