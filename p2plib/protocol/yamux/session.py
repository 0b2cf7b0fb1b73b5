"""yamux's rules: many streams inside one. A machine.

HashiCorp's specification of yamux with libp2p's additions, put together from parts: the frames are `codec`'s,
`parser` finds them in what comes, `table` knows the streams, `substream` is one of them, `states` says what
may follow what on a stream, and `scheduler` says what is sent next. `driver` runs all of it over a stream.

Give `receive` what came, in any pieces, and act on its events. After every call of anything here, send what
`to_send` gives until it gives no bytes.

Rules
    1. On a stream, each side may be ahead of what the other has read by at most its window: 256 KiB, and then
       what window updates add. More is `DecodeError`, raised at the frame's header, before a byte of it is
       kept.
    2. The side that dialled opens streams with odd ids, the other even ones; none is used twice.
    3. A stream is opened by SYN and acknowledged by ACK when it is accepted. At most `ack_backlog` of ours
       are not acknowledged; of theirs at most `accept_backlog` wait and `max_streams` are in use: any more
       are reset. A stream is in use until it is over *and* our program has closed its reading or reset it: a
       peer that opens streams and resets them at once makes us begin no more than that.
    4. FIN says that nothing follows, RST that the stream is given up. Data after a FIN resets the stream.
       Frames for a stream that is over are dropped; for one that never was they are `DecodeError`.
    5. After `DecodeError` the session is over; all that is still sent is a go away with the reason.
    6. Pongs, resets and the like go first, then the streams in turn, one frame each: none of them starves.
    7. While too many answers that the other side has caused wait to be sent, nothing more should be received:
       a peer that floods us without reading holds up only itself. See `is_congested`. An honest peer never
       gets that far, or two could wait for each other forever: of its streams we reset those that are alive
       (`max_streams`) and those that are too many, which its own ack backlog bounds (`control_frames`). What
       we say of our own accord does not count.
    8. After our program has closed its reading, what comes is thrown away and makes room in the window as if
       it were read, until all our data and our FIN are sent. Then a peer that has sent any of it is told by
       RST. So of two that both close without reading, neither waits for the other to read.
    9. At most `memory_bytes` wait to be read over all streams. When it is more, the stream that holds most is
       reset. As much may wait to be sent; then only what leaves at once is taken. See `has_room`.
"""

from __future__ import annotations

from collections import deque

from p2plib.errors import Closed, DecodeError, UsageError
from p2plib.protocol.stream import LIMIT_BYTES, PIECE_BYTES
from p2plib.protocol.yamux import codec
from p2plib.protocol.yamux.codec import ACK, FIN, MAX_UINT32, PROTOCOL_ERROR, RST, SYN, Header
from p2plib.protocol.yamux.events import Ended, Event, GoAway, Opened, Pong, Readable, Reset, Writable
from p2plib.protocol.yamux.limits import Limits
from p2plib.protocol.yamux.parser import FrameParser, Piece
from p2plib.protocol.yamux.scheduler import SendScheduler
from p2plib.protocol.yamux.states import ReceiveState
from p2plib.protocol.yamux.substream import Substream
from p2plib.protocol.yamux.table import StreamTable

BATCH_BYTES = 65_518  # fits one Noise frame, which in turn fits what the stream below takes at once


class Session:
    """All streams of one connection.

    Args:
        is_client: whether we dialled; it decides who uses odd ids.
        limits: what the other side may make us spend.
    """

    def __init__(self, *, is_client: bool, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.remote_reason: int | None = None  # once they have gone away
        self.our_reason: int | None = None
        self.sacrificed = 0  # streams that were reset because they held most of too much memory
        self._parser = FrameParser()
        self._table = StreamTable(is_client=is_client, limits=self.limits)
        self._scheduler = SendScheduler(self._has_sent)
        self._pings: set[int] = set()

    @property
    def streams(self) -> dict[int, Substream]:
        """The streams that are alive, by their ids."""
        return self._table.streams

    @property
    def waiting(self) -> deque[Substream]:
        """Streams that the other side opened and that are not accepted yet."""
        return self._table.waiting

    @property
    def refused(self) -> int:
        """How many of their streams were reset because there were too many."""
        return self._table.refused

    # What the other side sends.

    def receive(self, data: bytes) -> list[Event]:
        """Takes bytes as they came.

        Raises:
            DecodeError: they break a rule, and the session is over.
            Closed: it was over before.
        """
        if self.our_reason == PROTOCOL_ERROR:
            raise Closed("this session is over: the other side broke a rule of yamux")
        events: list[Event] = []
        try:
            for part in self._parser.receive(data):
                if isinstance(part, Piece):
                    self._take_piece(part, events)
                else:
                    self._take_header(part, events)
        except DecodeError:
            self.our_reason = PROTOCOL_ERROR
            self._scheduler.stop(Header(codec.GO_AWAY, 0, 0, PROTOCOL_ERROR))
            raise
        return events

    def _take_header(self, header: Header, events: list[Event]) -> None:
        match header.kind:
            case codec.PING:
                self._take_ping(header, events)
            case codec.GO_AWAY:
                self.remote_reason = header.length
                events.append(GoAway(header.length))
            case _:
                self._take_stream_frame(header, events)

    def _take_ping(self, header: Header, events: list[Event]) -> None:
        if header.flags == SYN:
            self._scheduler.answer(Header(codec.PING, ACK, 0, header.length))
        elif header.length in self._pings:
            self._pings.discard(header.length)
            events.append(Pong(header.length))

    def _take_stream_frame(self, header: Header, events: list[Event]) -> None:
        if header.flags & SYN:
            stream = self._table.receive_syn(header.stream_id, takes_more=self.our_reason is None)
            if stream is None:
                self._scheduler.answer(_rst(header.stream_id))
            else:
                events.append(Opened(header.stream_id))
        else:
            stream = self._table.find(header)
        if stream is None:
            return
        if header.flags & ACK:
            self._table.acknowledge(stream)
        if header.flags & RST:
            stream.receive_rst()
            self._table.forget_if_over(stream)
            events.append(Reset(header.stream_id))
        elif header.kind == codec.WINDOW_UPDATE:
            self._take_window(stream, header, events)
        else:
            self._begin_data(stream, header, events)

    def _take_window(self, stream: Substream, header: Header, events: list[Event]) -> None:
        stream.may_send += header.length
        if stream.may_send > MAX_UINT32:
            what = f"a window of {stream.may_send} bytes on stream {stream.stream_id}"
            raise DecodeError(f"{what}, where 2^32 - 1 is the most")
        if header.length:
            self._scheduler.enqueue(stream)
            events.append(Writable(stream.stream_id, header.length))
        if header.flags & FIN:
            self._take_fin(stream, events)

    def _begin_data(self, stream: Substream, header: Header, events: list[Event]) -> None:
        if header.length > stream.may_receive:
            raise DecodeError(f"a {header}, where the window has room for {stream.may_receive}")
        stream.may_receive -= header.length
        if stream.fin_received and (header.length or header.flags & FIN):
            self._give_up(stream, "the other side sent more after its end")
            events.append(Reset(stream.stream_id))

    def _take_piece(self, piece: Piece, events: list[Event]) -> None:
        stream = self.streams.get(piece.header.stream_id)
        if stream is None:
            return  # it is over, perhaps since this frame began
        if piece.data and stream.receive_state is ReceiveState.OPEN:
            stream.incoming.append(piece.data)
            events.append(Readable(stream.stream_id, len(piece.data)))
            if self._table.unread.size_bytes > self.limits.memory_bytes:
                heaviest = self._table.heaviest
                self.sacrificed += 1
                self._give_up(heaviest, "too much of the connection was not read, and most of it here")
                events.append(Reset(heaviest.stream_id))
        elif piece.data:
            self._does_not_read(stream, len(piece.data))
        if piece.is_last and piece.header.flags & FIN and not stream.is_reset:
            self._take_fin(stream, events)

    def _take_fin(self, stream: Substream, events: list[Event]) -> None:
        if stream.receive_fin():
            events.append(Ended(stream.stream_id))
            self._table.forget_if_over(stream)

    # What we do.

    @property
    def is_going_away(self) -> bool:
        """Whether one of the sides opens and takes no more streams."""
        return self.our_reason is not None or self.remote_reason is not None

    @property
    def can_open(self) -> bool:
        """Whether the other side has acknowledged enough of our streams for one more."""
        return self._table.can_open

    def open(self) -> Substream:
        """Opens a stream.

        Raises:
            Closed: one of the sides has gone away, or all ids are used.
            UsageError: `can_open` is False.
        """
        if self.is_going_away:
            raise Closed("one side has gone away: no more streams can be opened")
        stream = self._table.open()
        self._scheduler.enqueue(stream)
        return stream

    def accept(self) -> Substream | None:
        """The stream of theirs that has waited longest, acknowledged by this; None if none waits."""
        while self.waiting:
            stream = self.waiting.popleft()
            if not stream.is_reset:
                stream.accept()
                self._scheduler.enqueue(stream)
                return stream
        return None

    def write(self, stream: Substream, data: bytes) -> None:
        """Puts bytes into a stream's queue; how much waits there is the caller's business.

        Raises:
            UsageError: it is closed for writing, or reset.
        """
        stream.write(data)
        self._scheduler.enqueue(stream)

    def has_room(self, stream: Substream) -> bool:
        """Whether a program should write to a stream now, up to `PIECE_BYTES`, rather than wait.

        When too much waits already, mostly for windows that the other side does not open, there is room only
        for what leaves at once: the window takes it whole, and nothing else waits for its turn.
        """
        if self._table.unsent.size_bytes < self.limits.memory_bytes:
            return len(stream.outgoing) < LIMIT_BYTES
        return not stream.outgoing and stream.may_send >= PIECE_BYTES and not self.has_work

    def read(self, stream: Substream, max_bytes: int) -> bytes:
        """Takes the next bytes that came; b"" if there are none. What is read makes room in the window."""
        data = stream.incoming.take(max_bytes)
        if data and not stream.fin_received:
            stream.window_credit += len(data)
            if stream.gives_window:
                self._scheduler.enqueue(stream)
        return data

    def close_write(self, stream: Substream) -> None:
        """Says that nothing follows what was written.

        Raises:
            UsageError: it was said before.
        """
        stream.close_write()
        self._scheduler.enqueue(stream)

    def close_read(self, stream: Substream) -> None:
        """Says that we shall not read any more: what comes is dropped, and a peer that still writes is told.

        Raises:
            UsageError: it was said before.
        """
        has_unread = bool(stream.incoming)
        if not stream.close_read():
            self._table.forget_if_over(stream)
            return
        half_closed = self._table.half_closed
        half_closed[stream.stream_id] = stream
        if has_unread or not stream.may_receive:
            self._does_not_read(stream, 0)
        if len(half_closed) > self.limits.half_closed:
            self.reset(next(iter(half_closed.values())))

    def _does_not_read(self, stream: Substream, size_bytes: int) -> None:
        """Throws away bytes that nobody reads; resets the stream once everything of ours is sent. Rule 8."""
        stream.receive_unread(size_bytes)
        if stream.fin_sent:
            self.reset(stream)
        else:
            self._scheduler.enqueue(stream)

    def reset(self, stream: Substream) -> None:
        """Gives a stream up; the other side is told, unless the stream is over or never reached it."""
        stream.is_held = False
        self._give_up(stream)

    def _give_up(self, stream: Substream, why: str = "") -> None:
        stream.why_reset = stream.why_reset or why
        if stream.stream_id in self.streams and not stream.is_unheard:
            tell = self._scheduler.announce if stream.is_ours else self._scheduler.answer
            tell(_rst(stream.stream_id))
        stream.reset()
        self._table.forget_if_over(stream)

    def ping(self, value: int) -> None:
        """Sends a ping; the event `Pong` brings the value back.

        Raises:
            UsageError: one with this value still waits for its pong.
        """
        if value in self._pings:
            raise UsageError("a ping with this value already waits for its pong")
        self._pings.add(value)
        self._scheduler.announce(Header(codec.PING, SYN, 0, value))

    def forget_ping(self, value: int) -> None:
        """Waits no longer for the pong with this value; a ping that is not sent yet never is."""
        self._pings.discard(value)
        self._scheduler.withdraw(Header(codec.PING, SYN, 0, value))

    def go_away(self, reason: int = codec.NORMAL) -> None:
        """Says that we accept and open no more streams; those that exist go on."""
        if self.our_reason is None or reason:
            self.our_reason = reason
            self._scheduler.announce(Header(codec.GO_AWAY, 0, 0, reason))

    # What is to be sent.

    @property
    def progress(self) -> list[int]:
        """The ids of the streams that had something in the last `to_send`."""
        return self._scheduler.progress

    @property
    def is_congested(self) -> bool:
        """Whether so many answers wait to be sent that nothing more should be received for now: rule 7."""
        return self._scheduler.waiting_answers > self.limits.max_streams + self.limits.control_frames

    @property
    def has_work(self) -> bool:
        """Whether `to_send` may have something."""
        return self._scheduler.has_work

    def to_send(self, max_bytes: int = BATCH_BYTES) -> bytes:
        """The next bytes to be sent, at most `max_bytes` (which is at least 24); b"" if there are none."""
        return self._scheduler.batch(max_bytes)

    def _has_sent(self, stream: Substream) -> None:
        if stream.fin_sent:
            if stream.receive_state is ReceiveState.RESET_QUEUED:
                self.reset(stream)
            self._table.forget_if_over(stream)


def _rst(stream_id: int) -> Header:
    return Header(codec.WINDOW_UPDATE, RST, stream_id, 0)
