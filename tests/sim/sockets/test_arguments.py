"""The arguments of a socket's calls, and the words for those that are none."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from p2plib.sim.sockets.arguments import checked, joined, kind_of, raw, write_buffer_limits

FOUR, SIX = socket.AF_INET, socket.AF_INET6


def test_addresses_that_have_the_form_of_one() -> None:
    assert checked("bind", FOUR, ("ana", 1)) == ("ana", 1)
    assert checked("bind", FOUR, (b"ana", True)) == ("ana", 1)
    assert checked("bind", SIX, ("::1", 1)) == ("::1", 1)
    assert checked("bind", SIX, ("::1", 1, 0, 2)) == ("::1", 1, 0, 2)
    assert checked("bind", socket.AF_UNIX, "path") == "path"


@pytest.mark.parametrize(
    ("family", "address", "says"),
    [
        (FOUR, "ana", r"bind\(\): AF_INET address must be tuple, not str"),
        (FOUR, ["ana", 1], r"bind\(\): AF_INET address must be tuple, not list"),
        (FOUR, ("ana", 1, 2), "must be a pair"),
        (SIX, ("::1", 1, 0, 0, 0), r"\(host, port\[, flowinfo\[, scopeid\]\]\)"),
        (FOUR, (1, 1), "str, bytes or bytearray expected, not int"),
        (FOUR, ("ana", 1.0), "'float' object cannot be interpreted as an integer"),
    ],
)
def test_addresses_that_have_not(family: int, address: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        checked("bind", family, address)


def test_bytes_of_buffers() -> None:
    assert raw(bytearray(b"abc")) == b"abc" == raw(memoryview(b"abc"))
    assert joined([b"a", bytearray(b"b"), memoryview(b"cd")[:1]]) == b"abc"
    for none in ("text", 5, [1]):
        with pytest.raises(TypeError, match="a bytes-like object is required"):
            raw(none)


def test_kinds_go_with_their_protocols() -> None:
    assert kind_of(FOUR, socket.SOCK_DGRAM, socket.IPPROTO_UDP) == socket.SOCK_DGRAM
    with pytest.raises(OSError, match="Protocol not supported"):
        kind_of(FOUR, socket.SOCK_STREAM, socket.IPPROTO_UDP)
    with pytest.raises(OSError, match="Invalid argument"):
        kind_of(FOUR, 99, 0)


def test_the_limits_of_a_write_buffer_are_asyncios() -> None:
    assert write_buffer_limits(None, None) == (16_384, 65_536)
    assert write_buffer_limits(None, 10) == (10, 40)
    assert write_buffer_limits(40, None) == (10, 40)
    assert write_buffer_limits(0, None) == (0, 0)
    for high, low in ((1, 2), (5, -1)):
        with pytest.raises(ValueError, match="must be >= low"):
            write_buffer_limits(high, low)
