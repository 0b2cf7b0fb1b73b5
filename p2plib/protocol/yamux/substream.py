"""One stream of a yamux session, as `p2plib.protocol.yamux.session` keeps it: its windows and its ends.

Vocabulary::

    window     how many bytes may still come before the one who reads gives more, for example 262144
    announce   to give more by a window update: once half a window has been read
"""

from __future__ import annotations

from p2plib.protocol.buffers import Chunks
from p2plib.protocol.stream import PIECE_BYTES
from p2plib.protocol.yamux.codec import DATA, FIN, WINDOW_UPDATE, Header

INITIAL_WINDOW_BYTES = 256 * 1024  # each side's on every stream, before any window update


class Substream:
    """The state of one stream. Read it; change it through the session.

    Args:
        number: its number on the wire.
        is_ours: whether we opened it.
    """

    __slots__ = (
        "end_is_sent",
        "ends",
        "flags",
        "has_ended",
        "incoming",
        "is_acknowledged",
        "is_deaf",
        "is_ours",
        "is_queued",
        "may_receive",
        "may_send",
        "number",
        "outgoing",
        "reset_by",
        "resets_after_end",
        "to_announce",
    )

    def __init__(self, number: int, *, is_ours: bool) -> None:
        self.number = number
        self.is_ours = is_ours
        self.incoming = Chunks()
        self.outgoing = Chunks()
        self.may_send = self.may_receive = INITIAL_WINDOW_BYTES
        self.to_announce = 0  # was read, and they do not know yet
        self.flags = 0  # SYN or ACK, to go with our next frame
        self.is_acknowledged = False
        self.has_ended = False  # they said that nothing follows
        self.ends = False  # we want to say so
        self.end_is_sent = False
        self.reset_by = ""  # "us" or "them", once it is given up
        self.is_deaf = False  # we do not read any more
        self.resets_after_end = False
        self.is_queued = False

    def __repr__(self) -> str:
        return f"Substream({self.number}, may send {self.may_send}, may receive {self.may_receive})"

    @property
    def is_over(self) -> bool:
        """Whether nothing will come or go on it any more."""
        return bool(self.reset_by) or (self.has_ended and self.end_is_sent)

    def give_up(self, who: str) -> None:
        """Forgets what waits. What had come before they ended well stays: it was complete."""
        if not self.reset_by:
            self.reset_by = who
            self.outgoing.clear()
            if not self.has_ended or who == "us":
                self.incoming.clear()

    @property
    def sendable(self) -> int:
        """How many bytes of data may go in the next frame: not so many that others wait long."""
        return min(PIECE_BYTES, self.may_send, len(self.outgoing))

    def has_work(self, window_bytes: int) -> bool:
        """Whether there is a frame to send."""
        if self.flags:
            return True
        if self.outgoing:
            return self.may_send > 0 or self._should_announce(window_bytes)
        return (self.ends and not self.end_is_sent) or self._should_announce(window_bytes)

    def _should_announce(self, window_bytes: int) -> bool:
        return self.to_announce * 2 >= window_bytes and not self.has_ended and not self.is_deaf

    def next_frame(self, max_data_bytes: int, window_bytes: int) -> tuple[Header | None, list[bytes]]:
        """The next frame to send, and the data that follows it, in parts; no header if there is none."""
        if self.reset_by or not self.has_work(window_bytes):
            return None, []
        flags, self.flags = self.flags, 0
        should_announce = self._should_announce(window_bytes) or bool(
            flags and window_bytes > INITIAL_WINDOW_BYTES
        )
        if self.outgoing and self.may_send and not should_announce:
            size = room = min(max_data_bytes, self.sendable)
            parts = []
            while room:
                parts.append(self.outgoing.take(room))
                room -= len(parts[-1])
            self.may_send -= size
            # A FIN goes in a frame of its own: js-libp2p drops the data of a frame that has both.
            return Header(DATA, flags, self.number, size), parts
        more = 0
        if should_announce:
            more, self.to_announce = self.to_announce, 0
            self.may_receive += more
        return Header(WINDOW_UPDATE, flags | self._end(), self.number, more), []

    def _end(self) -> int:
        if self.ends and not self.end_is_sent and not self.outgoing:
            self.end_is_sent = True
            return FIN
        return 0
