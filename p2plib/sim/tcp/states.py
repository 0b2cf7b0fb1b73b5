"""What a TCP connection can be and what can happen to it: states, events, settings. Tables and values.

It follows RFC 9293, 3.3.2 (states) and 3.6 (closing). `p2plib.sim.tcp.connection` moves along these tables.

States (`TRANSITIONS`; a RST, a time-out and `abort` lead to CLOSED from everywhere)::

                    open      SYN           SYN+ACK      our SYN      our FIN     our FIN      their FIN
                                                         acked        sent        acked        received
    CLOSED          SYN_SENT  SYN_RECEIVED
    SYN_SENT                  SYN_RECEIVED  ESTABLISHED
    SYN_RECEIVED                                         ESTABLISHED
    ESTABLISHED                                                       FIN_WAIT_1               CLOSE_WAIT
    FIN_WAIT_1                                                                    FIN_WAIT_2   CLOSING
    FIN_WAIT_2                                                                                 TIME_WAIT
    CLOSING                                                                       TIME_WAIT
    CLOSE_WAIT                                                        LAST_ACK
    LAST_ACK                                                                      CLOSED
    TIME_WAIT       (after `TIME_WAIT_S`: CLOSED)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from p2plib.errors import UsageError
from p2plib.sim.packet import Flag, Segment

MODULUS = 2**32
MSS = 1460  # what an Ethernet frame of 1500 bytes leaves beside the two headers of 20
RECEIVE_BUFFER = 262_144  # ours, at first; it grows with what is read (`p2plib.sim.tcp.receive`)
SYN_RETRIES = 6  # Linux's tcp_syn_retries: given up after 1 + 2 + 4 + ... + 64 = 127 s
SYN_ACK_RETRIES = 5  # Linux's tcp_synack_retries: 63 s
RETRIES = 15  # Linux's tcp_retries2: a quarter of an hour or more, as RFC 9293, 3.8.3 (R2) asks for 100 s
FIN_WAIT_2_S = 60.0  # Linux's tcp_fin_timeout: how long a closed socket waits for the other side's FIN
TIME_WAIT_S = (
    1.0  # RFC 9293 has 4 min, Linux 60 s. Ours is for a lost last ACK and for nothing else: a port is
)
# soon free again, and late segments of an old connection are left to the choice of `iss` and to a RST.


class State(Enum):
    """RFC 9293, 3.3.2, without LISTEN."""

    CLOSED = auto()
    SYN_SENT = auto()
    SYN_RECEIVED = auto()
    ESTABLISHED = auto()
    FIN_WAIT_1 = auto()
    FIN_WAIT_2 = auto()
    CLOSING = auto()
    CLOSE_WAIT = auto()
    LAST_ACK = auto()
    TIME_WAIT = auto()


class Happening(Enum):
    """What moves a connection from state to state."""

    OPEN = "open"
    SYN = "SYN"
    SYN_ACK = "SYN+ACK"
    SYN_ACKED = "our SYN acked"
    FIN_SENT = "our FIN sent"
    FIN_ACKED = "our FIN acked"
    FIN_RECEIVED = "their FIN received"


TRANSITIONS: dict[tuple[State, Happening], State] = {
    (State.CLOSED, Happening.OPEN): State.SYN_SENT,
    (State.CLOSED, Happening.SYN): State.SYN_RECEIVED,
    (State.SYN_SENT, Happening.SYN): State.SYN_RECEIVED,  # both opened at once
    (State.SYN_SENT, Happening.SYN_ACK): State.ESTABLISHED,
    (State.SYN_RECEIVED, Happening.SYN_ACKED): State.ESTABLISHED,
    (State.ESTABLISHED, Happening.FIN_SENT): State.FIN_WAIT_1,
    (State.ESTABLISHED, Happening.FIN_RECEIVED): State.CLOSE_WAIT,
    (State.FIN_WAIT_1, Happening.FIN_ACKED): State.FIN_WAIT_2,
    (State.FIN_WAIT_1, Happening.FIN_RECEIVED): State.CLOSING,
    (State.FIN_WAIT_2, Happening.FIN_RECEIVED): State.TIME_WAIT,
    (State.CLOSING, Happening.FIN_ACKED): State.TIME_WAIT,
    (State.CLOSE_WAIT, Happening.FIN_SENT): State.LAST_ACK,
    (State.LAST_ACK, Happening.FIN_ACKED): State.CLOSED,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The numbers of one end of a connection.

    Args:
        mss: most bytes of a segment, 1 or more.
        receive_buffer: the most bytes that are kept for an application, at first; 1 or more.
        syn_retries: how often a SYN is sent again before the attempt is given up.
        syn_ack_retries: the same, for the answer to a SYN.
        retries: how often anything else is sent again before the connection is given up.
        time_wait_s: how long the end that closed first stays able to acknowledge a repeated FIN.
    """

    mss: int = MSS
    receive_buffer: int = RECEIVE_BUFFER
    syn_retries: int = SYN_RETRIES
    syn_ack_retries: int = SYN_ACK_RETRIES
    retries: int = RETRIES
    time_wait_s: float = TIME_WAIT_S

    def __post_init__(self) -> None:
        if self.mss < 1 or self.receive_buffer < 1:
            raise UsageError("a segment and a receive buffer have room for one byte at least")
        if min(self.syn_retries, self.syn_ack_retries, self.retries, self.time_wait_s) < 0:
            raise UsageError("retries and time_wait_s are 0 or more")


@dataclass(frozen=True, slots=True)
class Connected:
    """The handshake is over."""


@dataclass(frozen=True, slots=True)
class DataReceived:
    """The next bytes of the stream."""

    data: bytes


@dataclass(frozen=True, slots=True)
class EofReceived:
    """The other side has sent all that it will send."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The other side has cut the connection (`refused`: there never was one)."""

    refused: bool


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The other side has not answered for so long that the connection is given up, in this state."""

    state: State


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """Nothing is left of the connection."""


Event = Connected | DataReceived | EofReceived | Reset | TimedOut | ConnectionClosed


def refusal(segment: Segment) -> Segment | None:
    """The RST that answers a segment for which there is no connection (RFC 9293, 3.10.7.1), or None."""
    if segment.flags & Flag.RST:
        return None
    if segment.flags & Flag.ACK:
        return Segment(Flag.RST, segment.ack, 0, 0)
    length = len(segment.data) + bool(segment.flags & Flag.SYN) + bool(segment.flags & Flag.FIN)
    return Segment(Flag.RST | Flag.ACK, 0, (segment.seq + length) % MODULUS, 0)
