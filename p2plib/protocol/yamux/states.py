"""The states of a yamux stream, as tables. No bytes here, and no windows: only what may follow what.

A stream has three states at once. It is *opened* once, by one side. Then each direction goes its own way:
our *sending* half and our *receiving* half, which is the other side's sending half as we see it. A reset ends
both halves at once.

Each table says which state an action leads to. An action that is not in a state's row cannot happen there:
`next_state` raises. Only these tables change a state; `p2plib.protocol.yamux.substream` adds the bytes and
the windows.

Vocabulary::

    read-closed    we shall not read any more, and they have not sent their FIN yet
    half-closed    the same stream, as the session counts it: one side has closed it, the other has not
    reset queued   they sent what nobody reads: the stream is reset once all our data and our FIN are sent
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from p2plib.errors import UsageError


class Action(Enum):
    """What one of the sides does to a stream."""

    SEND_SYN = "send SYN"
    RECEIVE_ACK = "receive ACK"
    ACCEPT = "accept"
    SEND_ACK = "send ACK"
    CLOSE_WRITING = "close writing"
    SEND_FIN = "send FIN"
    CLOSE_READING = "close reading"
    RECEIVE_UNREAD = "receive unread data"
    RECEIVE_FIN = "receive FIN"
    RESET = "reset"
    RECEIVE_RST = "receive RST"


class OpenState(Enum):
    """How far the opening of a stream has come. The first two are states of ours, the next two of theirs."""

    SYN_QUEUED = "SYN queued"
    SYN_SENT = "SYN sent"
    SYN_RECEIVED = "SYN received"
    ACK_QUEUED = "ACK queued"
    ESTABLISHED = "established"


class SendState(Enum):
    """What we may still send on a stream."""

    OPEN = "open"
    FIN_QUEUED = "FIN queued"
    FIN_SENT = "FIN sent"
    RESET_SENT = "reset sent"
    RESET_RECEIVED = "reset received"


class ReceiveState(Enum):
    """What may still come on a stream."""

    OPEN = "open"
    READ_CLOSED = "read-closed"
    RESET_QUEUED = "reset queued"
    FIN_RECEIVED = "FIN received"
    RESET_SENT = "reset sent"
    RESET_RECEIVED = "reset received"


S = TypeVar("S", OpenState, SendState, ReceiveState)
Transitions = Mapping[S, Mapping[Action, S]]

OPENING: Transitions[OpenState] = {
    OpenState.SYN_QUEUED: {
        Action.SEND_SYN: OpenState.SYN_SENT,
        Action.RECEIVE_ACK: OpenState.SYN_QUEUED,  # our SYN is not sent yet, so this acknowledges nothing
    },
    OpenState.SYN_SENT: {
        Action.RECEIVE_ACK: OpenState.ESTABLISHED,
    },
    OpenState.SYN_RECEIVED: {
        Action.ACCEPT: OpenState.ACK_QUEUED,
        Action.RECEIVE_ACK: OpenState.SYN_RECEIVED,  # ACK is ours to send; theirs means nothing
    },
    OpenState.ACK_QUEUED: {
        Action.SEND_ACK: OpenState.ESTABLISHED,
        Action.RECEIVE_ACK: OpenState.ACK_QUEUED,
    },
    OpenState.ESTABLISHED: {
        Action.RECEIVE_ACK: OpenState.ESTABLISHED,  # a second ACK changes nothing
    },
}

SENDING: Transitions[SendState] = {
    SendState.OPEN: {
        Action.CLOSE_WRITING: SendState.FIN_QUEUED,
        Action.RESET: SendState.RESET_SENT,
        Action.RECEIVE_RST: SendState.RESET_RECEIVED,
    },
    SendState.FIN_QUEUED: {
        Action.SEND_FIN: SendState.FIN_SENT,
        Action.RESET: SendState.RESET_SENT,
        Action.RECEIVE_RST: SendState.RESET_RECEIVED,
    },
    SendState.FIN_SENT: {
        Action.RESET: SendState.RESET_SENT,
        Action.RECEIVE_RST: SendState.RESET_RECEIVED,
    },
    SendState.RESET_SENT: {
        Action.CLOSE_WRITING: SendState.RESET_SENT,
        Action.RESET: SendState.RESET_SENT,
    },
    SendState.RESET_RECEIVED: {  # our program may close or reset before it hears of this
        Action.CLOSE_WRITING: SendState.RESET_RECEIVED,
        Action.RESET: SendState.RESET_RECEIVED,
    },
}

RECEIVING: Transitions[ReceiveState] = {
    ReceiveState.OPEN: {
        Action.CLOSE_READING: ReceiveState.READ_CLOSED,
        Action.RECEIVE_FIN: ReceiveState.FIN_RECEIVED,
        Action.RESET: ReceiveState.RESET_SENT,
        Action.RECEIVE_RST: ReceiveState.RESET_RECEIVED,
    },
    ReceiveState.READ_CLOSED: {
        Action.RECEIVE_UNREAD: ReceiveState.RESET_QUEUED,
        Action.RECEIVE_FIN: ReceiveState.FIN_RECEIVED,
        Action.RESET: ReceiveState.RESET_SENT,
        Action.RECEIVE_RST: ReceiveState.RESET_RECEIVED,
    },
    ReceiveState.RESET_QUEUED: {
        Action.RECEIVE_UNREAD: ReceiveState.RESET_QUEUED,
        Action.RECEIVE_FIN: ReceiveState.FIN_RECEIVED,  # they have nothing more to say: no need to tell them
        Action.RESET: ReceiveState.RESET_SENT,
        Action.RECEIVE_RST: ReceiveState.RESET_RECEIVED,
    },
    ReceiveState.FIN_RECEIVED: {
        Action.CLOSE_READING: ReceiveState.FIN_RECEIVED,
        Action.RECEIVE_FIN: ReceiveState.FIN_RECEIVED,
        Action.RESET: ReceiveState.RESET_SENT,
        Action.RECEIVE_RST: ReceiveState.FIN_RECEIVED,  # what came before the FIN was complete, and stays
    },
    ReceiveState.RESET_SENT: {
        Action.CLOSE_READING: ReceiveState.RESET_SENT,
        Action.RESET: ReceiveState.RESET_SENT,
    },
    ReceiveState.RESET_RECEIVED: {
        Action.CLOSE_READING: ReceiveState.RESET_RECEIVED,
        Action.RESET: ReceiveState.RESET_RECEIVED,
    },
}

SEND_IS_OVER = (SendState.FIN_SENT, SendState.RESET_SENT, SendState.RESET_RECEIVED)
RECEIVE_IS_OVER = (ReceiveState.FIN_RECEIVED, ReceiveState.RESET_SENT, ReceiveState.RESET_RECEIVED)


def next_state(table: Transitions[S], state: S, action: Action) -> S:
    """The state that an action leads to.

    Args:
        table: `OPENING`, `SENDING` or `RECEIVING`.
        state: the state that the stream is in.
        action: what happens to it.

    Raises:
        UsageError: the table has no such action in this state.
    """
    try:
        return table[state][action]
    except KeyError:
        raise UsageError(f"a stream in the state {state.value!r} does not allow {action.value!r}") from None
