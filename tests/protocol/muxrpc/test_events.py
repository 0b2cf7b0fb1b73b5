"""Events are values: equal if they say the same, and never changed once they were told."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from p2plib.protocol.muxrpc.events import MuxrpcCalled, MuxrpcEvent, MuxrpcItem


def test_every_event_is_frozen() -> None:
    for kind in typing.get_args(MuxrpcEvent):
        assert dataclasses.is_dataclass(kind)
        assert kind.__dataclass_params__.frozen, kind  # type: ignore[attr-defined]


def test_events_compare_by_what_they_say() -> None:
    assert MuxrpcCalled(-1, ("a",), "async", ()) == MuxrpcCalled(-1, ("a",), "async", ())
    assert MuxrpcItem(1, b"x", 10) != MuxrpcItem(1, b"x", 11)
    with pytest.raises(dataclasses.FrozenInstanceError):
        MuxrpcItem(1, b"x", 10).id = 2  # type: ignore[misc]
