"""TCP's states: every one is reached and left, and the table in words is the table."""

from __future__ import annotations

import re

import pytest

from p2plib import errors
from p2plib.errors import UsageError
from p2plib.sim.packet import Segment
from p2plib.sim.tcp import states as tcp_states
from p2plib.sim.tcp.connection import Connection
from p2plib.sim.tcp.states import (
    TRANSITIONS,
    ConnectionClosed,
    Happening,
    Settings,
    State,
    refusal,
)
from tests.sim.tcp.link import ACK, FIN, RST, SYN

M = 2**32


def test_every_state_is_reached_and_left() -> None:
    assert {state for state, _ in TRANSITIONS} | {State.TIME_WAIT} == set(State)
    assert set(TRANSITIONS.values()) == set(State)
    assert {happening for _, happening in TRANSITIONS} == set(Happening)


def test_the_table_in_the_docstring_is_the_table() -> None:
    text = tcp_states.__doc__ or ""
    for (state, _), after in TRANSITIONS.items():
        assert re.search(rf"^ +{state.name} .*\b{after.name}\b", text, re.M), (state, after)


@pytest.mark.parametrize(
    ("segment", "answer"),
    [
        (Segment(SYN, M - 1, 0, 10), Segment(RST | ACK, 0, 0, 0)),
        (Segment(SYN | FIN, 10, 0, 10, b"abc"), Segment(RST | ACK, 0, 15, 0)),
        (Segment(ACK, 10, 77, 10, b"abc"), Segment(RST, 77, 0, 0)),
        (Segment(RST, 10, 0, 0), None),
        (Segment(RST | ACK, 10, 5, 0), None),
    ],
)
def test_refusal(segment: Segment, answer: Segment | None) -> None:
    assert refusal(segment) == answer


def test_wrong_use() -> None:
    for wrong in (
        lambda: Connection(M),
        lambda: Connection(-1),
        lambda: Settings(mss=0),
        lambda: Settings(receive_buffer=0),
        lambda: Settings(retries=-1),
        lambda: Connection(1).accept(Segment(SYN | ACK, 1, 1, 1)),
    ):
        with pytest.raises(UsageError):
            wrong()
    end = Connection(1)
    with pytest.raises(errors.Closed):
        end.write(b"too early")
    end.open()
    with pytest.raises(UsageError, match="opened once"):
        end.open()
    end.write_eof()
    with pytest.raises(UsageError, match="after write_eof"):
        end.write(b"x")
    end.close(0.0)
    assert end.events() == [ConnectionClosed()]
