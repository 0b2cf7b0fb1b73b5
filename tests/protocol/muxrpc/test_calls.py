"""The bodies that open calls and say that they failed."""

from __future__ import annotations

from typing import Any

import pytest

from p2plib.errors import CallFailed, DecodeError
from p2plib.protocol.muxrpc.calls import error_body, failure, read_call
from p2plib.protocol.muxrpc.frames import Frame


def test_a_call_is_read() -> None:
    body: Any = {"name": ["blobs", "get"], "type": "source", "args": ["&x", {"a": 1}]}
    assert read_call(Frame(1, body, is_stream=True)) == (("blobs", "get"), "source", ("&x", {"a": 1}))
    assert read_call(Frame(1, {"name": "whoami", "args": []})) == (("whoami",), "async", ())
    assert read_call(Frame(1, {"name": ["a"], "args": [], "type": "sync"}))[1] == "async"


@pytest.mark.parametrize(
    ("body", "is_stream"),
    [
        ("text", False),
        (b"bytes", False),
        ([], False),
        ({}, False),
        ({"name": [], "args": []}, False),
        ({"name": ["a"] * 9, "args": []}, False),
        ({"name": ["a" * 129], "args": []}, False),
        ({"name": [1], "args": []}, False),
        ({"name": {"a": 1}, "args": []}, False),
        ({"name": ["a"]}, False),
        ({"name": ["a"], "args": {"0": 1}}, False),
        ({"name": ["a"], "args": []}, True),
        ({"name": ["a"], "args": [], "type": "async"}, True),
        ({"name": ["a"], "args": [], "type": 7}, True),
        ({"name": ["a"], "args": [], "type": "sauce"}, True),
    ],
)
def test_what_opens_no_call(body: Any, is_stream: bool) -> None:
    with pytest.raises(DecodeError):
        read_call(Frame(1, body, is_stream=is_stream))


def test_errors_travel_without_a_stack() -> None:
    error = CallFailed("TypeError", "it broke")
    assert error_body(error) == {"message": "it broke", "name": "TypeError", "stack": ""}
    again = failure(error_body(error))
    assert again is not None
    assert (again.code, again.sentence) == ("TypeError", "it broke")


@pytest.mark.parametrize(
    ("body", "code", "sentence"),
    [
        ({"message": "m" * 9000, "name": "n" * 900, "stack": "s"}, "n" * 64, "m" * 512),
        ({"message": 7}, "Error", ""),
        ("just text", "Error", "just text"),
        (False, "Error", ""),
        (None, "Error", ""),
        (b"\x00", "Error", ""),
    ],
)
def test_odd_errors_are_still_errors(body: Any, code: str, sentence: str) -> None:
    error = failure(body)
    assert error is not None
    assert (error.code, error.sentence) == (code, sentence)


def test_true_is_a_good_end() -> None:
    assert failure(True) is None
    assert failure(1) is not None
