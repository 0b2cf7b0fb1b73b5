"""One stream of a yamux session: its states, the bytes that wait, and its windows.

Its states change only by the tables of `p2plib.protocol.yamux.states`. You may read a stream; change it
through the session, which knows what the other side has to be told.

Vocabulary::

    window          how many bytes may still come before the reader gives more, for example 262144
    window credit   what was read or thrown away and is not given back yet: at half a window, a window update
                    gives it
"""

from __future__ import annotations

from p2plib.errors import UsageError
from p2plib.protocol.buffers import Chunks, Total
from p2plib.protocol.stream import PIECE_BYTES
from p2plib.protocol.yamux.codec import ACK, DATA, FIN, SYN, WINDOW_UPDATE, Header
from p2plib.protocol.yamux.limits import INITIAL_WINDOW_BYTES
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


class Substream:
    """The state of one stream.

    Args:
        stream_id: its id on the wire.
        is_ours: whether we opened it.
        window_bytes: how much the other side may send before we have read it.
        unread: counts what waits to be read, over all streams of the session.
        unsent: counts what waits to be sent.

    Attributes:
        is_held: whether our program still has it: it has opened or accepted it, and not yet closed it for
            reading or reset it.
        why_reset: for the sentences of errors, if it was not our program that reset it; else "".
    """

    __slots__ = (
        "incoming",
        "is_held",
        "is_ours",
        "may_receive",
        "may_send",
        "open_state",
        "outgoing",
        "receive_state",
        "send_state",
        "stream_id",
        "why_reset",
        "window_bytes",
        "window_credit",
    )

    def __init__(
        self,
        stream_id: int,
        *,
        is_ours: bool,
        window_bytes: int = INITIAL_WINDOW_BYTES,
        unread: Total | None = None,
        unsent: Total | None = None,
    ) -> None:
        self.stream_id = stream_id
        self.is_ours = self.is_held = is_ours
        self.why_reset = ""
        self.window_bytes = window_bytes
        self.open_state = OpenState.SYN_QUEUED if is_ours else OpenState.SYN_RECEIVED
        self.send_state = SendState.OPEN
        self.receive_state = ReceiveState.OPEN
        self.incoming = Chunks(unread)
        self.outgoing = Chunks(unsent)
        self.may_send = self.may_receive = INITIAL_WINDOW_BYTES
        self.window_credit = window_bytes - INITIAL_WINDOW_BYTES if is_ours else 0

    def __repr__(self) -> str:
        states = f"{self.open_state.value}, sending {self.send_state.value}"
        return f"Substream({self.stream_id}: {states}, receiving {self.receive_state.value})"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come or go on it."""
        return self.send_state in SEND_IS_OVER and self.receive_state in RECEIVE_IS_OVER

    @property
    def is_unheard(self) -> bool:
        """Whether the other side does not know of it yet."""
        return self.open_state is OpenState.SYN_QUEUED

    @property
    def is_reset(self) -> bool:
        """Whether one of the sides has given it up."""
        return self.send_state in (SendState.RESET_SENT, SendState.RESET_RECEIVED)

    @property
    def fin_sent(self) -> bool:
        """Whether our FIN is sent, and so everything that we had to say."""
        return self.send_state is SendState.FIN_SENT

    @property
    def fin_received(self) -> bool:
        """Whether nothing follows what may still be read."""
        return self.receive_state is ReceiveState.FIN_RECEIVED

    # What happens to it, each a move in the tables.

    def acknowledge(self) -> bool:
        """Takes the other side's ACK; returns whether it is the first for a stream of ours."""
        before, self.open_state = self.open_state, next_state(OPENING, self.open_state, Action.RECEIVE_ACK)
        return self.open_state is not before

    def accept(self) -> None:
        """Takes a stream that the other side opened."""
        self.open_state = next_state(OPENING, self.open_state, Action.ACCEPT)
        self.is_held = True
        self.window_credit += self.window_bytes - INITIAL_WINDOW_BYTES

    def write(self, data: bytes) -> None:
        """Queues bytes.

        Raises:
            UsageError: it is closed for writing, or reset.
        """
        if self.send_state is not SendState.OPEN:
            raise UsageError(f"a stream in the state {self.send_state.value!r} does not allow writing")
        self.outgoing.append(data)

    def close_write(self) -> None:
        """Queues our FIN."""
        self.send_state = next_state(SENDING, self.send_state, Action.CLOSE_WRITING)

    def close_read(self) -> bool:
        """Drops what was not read; returns whether the stream waits for the other side's FIN now."""
        self.receive_state = next_state(RECEIVING, self.receive_state, Action.CLOSE_READING)
        self.is_held = False
        self.window_credit += len(self.incoming)
        self.incoming.clear()
        return self.receive_state is ReceiveState.READ_CLOSED

    def receive_unread(self, size_bytes: int) -> None:
        """Throws away what the other side sends and nobody reads."""
        self.receive_state = next_state(RECEIVING, self.receive_state, Action.RECEIVE_UNREAD)
        self.window_credit += size_bytes

    def receive_fin(self) -> bool:
        """Takes the other side's FIN; returns whether it is the first."""
        before = self.receive_state
        self.receive_state = next_state(RECEIVING, before, Action.RECEIVE_FIN)
        return self.receive_state is not before

    def reset(self) -> None:
        """Gives it up."""
        self._give_up(Action.RESET)

    def receive_rst(self) -> None:
        """Takes the other side's reset. What had come before its FIN stays: it was complete."""
        self._give_up(Action.RECEIVE_RST)

    def _give_up(self, action: Action) -> None:
        self.send_state = next_state(SENDING, self.send_state, action)
        self.receive_state = next_state(RECEIVING, self.receive_state, action)
        self.outgoing.clear()
        if not self.fin_received:
            self.incoming.clear()

    # What it has to send.

    @property
    def sendable(self) -> int:
        """How many bytes of data may go in the next frame: few enough that other streams do not wait long."""
        return min(PIECE_BYTES, self.may_send, len(self.outgoing))

    @property
    def has_work(self) -> bool:
        """Whether there is a frame to send."""
        if self.is_reset:
            return False
        if self.outgoing and self.may_send:
            return True
        if not self.outgoing and self.send_state is SendState.FIN_QUEUED:
            return True
        return self.open_state in (OpenState.SYN_QUEUED, OpenState.ACK_QUEUED) or self.gives_window

    @property
    def gives_window(self) -> bool:
        """Whether so much was read or thrown away that a window update should tell the other side.

        What is thrown away counts until our FIN is sent; after it, the stream is reset.
        """
        if self.window_credit * 2 < self.window_bytes or self.receive_state in RECEIVE_IS_OVER:
            return False
        return self.receive_state is ReceiveState.OPEN or not self.fin_sent

    def next_frame(self, max_data_bytes: int) -> tuple[Header | None, list[bytes]]:
        """The next frame to send, and the data that follows it, in parts; no header if there is none."""
        if not self.has_work:
            return None, []
        flags = self._opening_flag()
        # A window that is larger from the beginning is announced at once.
        gives_window = self.gives_window or (flags > 0 and self.window_bytes > INITIAL_WINDOW_BYTES)
        if self.outgoing and self.may_send and not gives_window:
            return self._data_frame(flags, min(max_data_bytes, self.sendable))
        credit = 0
        if gives_window:
            credit, self.window_credit = self.window_credit, 0
            self.may_receive += credit
        if self.send_state is SendState.FIN_QUEUED and not self.outgoing:
            # A FIN never goes with data: js-libp2p drops the data of a frame that has both.
            self.send_state = next_state(SENDING, self.send_state, Action.SEND_FIN)
            flags |= FIN
        return Header(WINDOW_UPDATE, flags, self.stream_id, credit), []

    def _opening_flag(self) -> int:
        """SYN or ACK if it has to go with the next frame, which it does."""
        if self.open_state is OpenState.SYN_QUEUED:
            self.open_state = next_state(OPENING, self.open_state, Action.SEND_SYN)
            return SYN
        if self.open_state is OpenState.ACK_QUEUED:
            self.open_state = next_state(OPENING, self.open_state, Action.SEND_ACK)
            return ACK
        return 0

    def _data_frame(self, flags: int, size: int) -> tuple[Header, list[bytes]]:
        self.may_send -= size
        parts, missing = [], size
        while missing:
            parts.append(self.outgoing.take(missing))
            missing -= len(parts[-1])
        return Header(DATA, flags, self.stream_id, size), parts
