"""IPv6 addresses as bytes and back, beside Python's own functions."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from p2plib.sim.sockets import ipv6

pytestmark = pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6 to compare with")
SIX, FOUR = socket.AF_INET6, socket.AF_INET

# Most addresses of random bytes have no zeros to leave out, so words are drawn one by one.
WORDS = st.sampled_from([b"\0\0", b"\0\0", b"\0\0", b"\0\1", b"\xff\xff", b"\x0a\x00", b"\x20\x01"])
ADDRESSES = st.lists(WORDS, min_size=8, max_size=8).map(b"".join)


def result(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except (OSError, ValueError) as error:
        return type(error), str(error)


@given(ADDRESSES)
@example(bytes(16))
@example(bytes(15) + b"\1")
@example(bytes(12) + b"\x0a\0\0\1")
@example(bytes(10) + b"\xff\xff\x7f\0\0\1")
@example(bytes(10) + b"\xff\xff\0\0\0\1")
def test_bytes_become_text_and_bytes_again(raw: bytes) -> None:
    text = ipv6.inet_ntop(SIX, raw)
    assert text == socket.inet_ntop(SIX, raw)
    assert ipv6.inet_pton(SIX, text) == raw == socket.inet_pton(SIX, text)


@pytest.mark.parametrize(
    "text",
    [
        "::",
        "::1",
        "2001:DB8::0:1",
        "::ffff:10.0.0.1",
        "1::2::3",
        "fe80::1%lo",
        "10.0.0.1",
        "",
        "g::",
        "1:2:3",
    ],
)
def test_text_becomes_bytes_or_is_none(text: str) -> None:
    assert result(ipv6.inet_pton, SIX, text) == result(socket.inet_pton, SIX, text)


@pytest.mark.parametrize(
    "packed", [b"", bytes(4), bytes(15), bytes(17), bytearray(16), memoryview(bytes(16))]
)
def test_an_address_has_sixteen_bytes(packed: Any) -> None:
    assert result(ipv6.inet_ntop, SIX, packed) == result(socket.inet_ntop, SIX, packed)


def test_other_families_are_pythons_own() -> None:
    assert ipv6.inet_pton(FOUR, "10.0.0.1") == b"\x0a\0\0\1"
    assert ipv6.inet_ntop(FOUR, b"\x0a\0\0\1") == "10.0.0.1"
    assert result(ipv6.inet_pton, FOUR, "::1") == result(socket.inet_pton, FOUR, "::1")
