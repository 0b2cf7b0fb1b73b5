"""The tables of a stream's states: complete, reachable, and strict about what they do not name."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from p2plib.errors import UsageError
from p2plib.protocol.yamux.states import (
    OPENING,
    RECEIVE_IS_OVER,
    RECEIVING,
    SEND_IS_OVER,
    SENDING,
    Action,
    OpenState,
    ReceiveState,
    SendState,
    next_state,
)

TABLES: list[tuple[type[Enum], Any, set[Enum]]] = [
    (OpenState, OPENING, {OpenState.SYN_QUEUED, OpenState.SYN_RECEIVED}),
    (SendState, SENDING, {SendState.OPEN}),
    (ReceiveState, RECEIVING, {ReceiveState.OPEN}),
]


@pytest.mark.parametrize(("states", "table", "first"), TABLES)
def test_every_state_has_a_row_and_can_be_reached(states: type[Enum], table: Any, first: set[Enum]) -> None:
    assert set(table) == set(states)
    reached, new = set(first), set(first)
    while new:
        new = {after for state in new for after in table[state].values()} - reached
        reached |= new
    assert reached == set(states)


@pytest.mark.parametrize(("states", "table", "first"), TABLES)
def test_an_action_that_a_row_does_not_name_raises(states: type[Enum], table: Any, first: set[Enum]) -> None:
    for state in states:
        for action in Action:
            if action in table[state]:
                assert next_state(table, state, action) is table[state][action]
            else:
                with pytest.raises(
                    UsageError, match=f"in the state {state.value!r} does not allow {action.value!r}"
                ):
                    next_state(table, state, action)


def test_every_action_is_in_a_table() -> None:
    named = {action for _, table, _ in TABLES for row in table.values() for action in row}
    assert named == set(Action)


def test_both_halves_may_be_reset_in_every_state_and_are_over_then() -> None:
    for state in SendState:
        assert next_state(SENDING, state, Action.RESET) in SEND_IS_OVER
    for half in ReceiveState:
        assert next_state(RECEIVING, half, Action.RESET) in RECEIVE_IS_OVER


def test_what_is_over_does_not_come_back() -> None:
    assert all(after in SEND_IS_OVER for state in SEND_IS_OVER for after in SENDING[state].values())
    assert all(after in RECEIVE_IS_OVER for state in RECEIVE_IS_OVER for after in RECEIVING[state].values())
    assert next_state(RECEIVING, ReceiveState.FIN_RECEIVED, Action.RECEIVE_RST) is ReceiveState.FIN_RECEIVED
