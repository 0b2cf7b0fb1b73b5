"""yamux's rules: many streams inside one. A machine.

HashiCorp's specification of yamux with libp2p's additions. The frames are `p2plib.protocol.yamux.codec`'s;
`p2plib.protocol.yamux.driver` is the driver.

Give `receive` what came, in any pieces, and act on its events; send what `to_send` gives until it gives no
bytes, after every call of anything here.

Rules
    1. Each side may have sent at most its window more on a stream than the other has read: 256 KiB, then what
       window updates add. More is `DecodeError`, known from the frame's header, before a byte of it is kept.
    2. Who dialled opens streams with odd numbers, the other even ones; none is used twice.
    3. A stream is opened by SYN and acknowledged by ACK when it is accepted. At most `ack_backlog` of ours
       are not acknowledged; of theirs at most `accept_backlog` wait and `max_streams` live: more are reset.
    4. FIN says that nothing follows, RST that the stream is given up. Data behind a FIN resets the stream.
       Frames for a stream that is over are dropped; for one that never was they are `DecodeError`.
    5. After `DecodeError` the session is over; what is left to send is a go away with its reason.
    6. Answers come first (pings, resets), then streams in turn, one frame each: none of them starves.
    7. While more than `control_frames` answers wait to be sent, nothing more should be received: who floods
       us and does not read waits for itself. See `is_congested`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from p2plib.errors import Closed, DecodeError, UsageError
from p2plib.protocol.yamux import codec as yamux_codec
from p2plib.protocol.yamux.codec import (
    ACK,
    FIN,
    GO_AWAY,
    HEADER_BYTES,
    MAX_UINT32,
    PING,
    PROTOCOL_ERROR,
    RST,
    SYN,
    WINDOW_UPDATE,
    Header,
)
from p2plib.protocol.yamux.events import (
    ENDED,
    OPENED,
    PONG,
    READABLE,
    RESET,
    WENT_AWAY,
    WRITABLE,
    Event,
    Limits,
    Numbers,
)
from p2plib.protocol.yamux.substream import INITIAL_WINDOW_BYTES, Substream

BATCH_BYTES = 65_518  # fits one Noise frame, and that one fits what the stream below takes at once
MAX_PINGS = 16  # of ours without an answer


class Session:
    """All streams of one connection.

    Args:
        is_client: whether we dialled; it decides who uses odd numbers.
        limits: what the other side may cost us.
    """

    def __init__(self, *, is_client: bool, limits: Limits | None = None) -> None:
        self.is_client = is_client
        self.limits = limits or Limits()
        if not INITIAL_WINDOW_BYTES <= self.limits.window_bytes <= MAX_UINT32:
            raise UsageError("a window has 256 KiB to 4 GiB - 1")
        self.streams: dict[int, Substream] = {}
        self.waiting: deque[Substream] = deque()  # opened by them, not accepted yet
        self.refused = 0  # streams of theirs that were reset because there were too many
        self.remote_reason: int | None = None  # once they went away
        self.our_reason: int | None = None
        self._next_number = 1 if is_client else 2
        self._numbers = Numbers(2 if is_client else 1)  # theirs
        self._theirs = self._unacknowledged = 0
        self._half_open: dict[int, Substream] = {}
        self._control: deque[bytes] = deque()
        self._ready: deque[Substream] = deque()
        self.progress: list[int] = []  # the streams of which the last `to_send` has sent something
        self._pings: set[int] = set()
        self._head = bytearray()
        self._data_left = 0
        self._data_for: Substream | None = None
        self._data_flags = 0

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
            offset = 0
            while offset < len(data):
                offset = self._take(data, offset, events)
        except DecodeError:
            self._ready.clear()
            self._control.clear()
            self.go_away(PROTOCOL_ERROR)
            raise
        return events

    def _take(self, data: bytes, offset: int, events: list[Event]) -> int:
        if self._data_left:
            piece = data[offset : offset + self._data_left]
            self._data_left -= len(piece)
            self._take_data(piece, events)
            return offset + len(piece)
        if not self._head and len(data) - offset >= HEADER_BYTES:
            self._take_header(yamux_codec.decode(data, offset), events)
            return offset + HEADER_BYTES
        end = offset + HEADER_BYTES - len(self._head)
        self._head += data[offset:end]
        if len(self._head) == HEADER_BYTES:
            header = yamux_codec.decode(self._head)
            self._head.clear()
            self._take_header(header, events)
        return end

    def _take_header(self, header: Header, events: list[Event]) -> None:
        if header.kind == PING:
            if header.flags == SYN:
                self._control.append(Header(PING, ACK, 0, header.length).encode())
            elif header.length in self._pings:
                self._pings.discard(header.length)
                events.append(Event(PONG, 0, header.length))
            return
        if header.kind == GO_AWAY:
            self.remote_reason = header.length
            events.append(Event(WENT_AWAY, 0, header.length))
            return
        stream = self._find(header, events)
        if stream is not None and header.flags & ACK:
            self._acknowledge(stream)
        if stream is not None and header.flags & RST:
            self._was_reset(stream, events)
            stream = None
        if header.kind == WINDOW_UPDATE:
            self._take_window(stream, header, events)
        else:
            self._begin_data(stream, header, events)

    def _find(self, header: Header, events: list[Event]) -> Substream | None:
        """The stream that a frame is for; None if it is to be dropped."""
        number = header.stream
        is_ours = (number % 2 == 1) == self.is_client
        if header.flags & SYN:
            if is_ours:
                raise DecodeError(f"the other side opened stream {number}, a number that only we may use")
            self._numbers.use(number)
            return self._opened(number, events)
        stream = self.streams.get(number)
        if stream is None:
            was_opened = number < self._next_number if is_ours else self._numbers.was_used(number)
            if not was_opened:
                raise DecodeError(f"a {header}, which nobody has opened")
        return stream

    def _opened(self, number: int, events: list[Event]) -> Substream | None:
        limits = self.limits
        if (
            self.our_reason is not None
            or len(self.waiting) >= limits.accept_backlog
            or self._theirs >= limits.max_streams
        ):
            self.refused += 1
            self._control.append(Header(WINDOW_UPDATE, RST, number, 0).encode())
            return None
        stream = Substream(number, is_ours=False)
        self.streams[number] = stream
        self._theirs += 1
        self.waiting.append(stream)
        events.append(Event(OPENED, number))
        return stream

    def _acknowledge(self, stream: Substream) -> None:
        if stream.is_ours and not stream.is_acknowledged:
            stream.is_acknowledged = True
            self._unacknowledged -= 1

    def _take_window(self, stream: Substream | None, header: Header, events: list[Event]) -> None:
        if stream is None:
            return
        stream.may_send += header.length
        if stream.may_send > MAX_UINT32:
            raise DecodeError(f"a window of {stream.may_send} bytes on stream {stream.number}")
        if header.length:
            self._enqueue(stream)
            events.append(Event(WRITABLE, stream.number, header.length))
        if header.flags & FIN:
            self._ended(stream, events)

    def _begin_data(self, stream: Substream | None, header: Header, events: list[Event]) -> None:
        if stream is not None:
            if header.length > stream.may_receive:
                raise DecodeError(f"a {header}, where {stream.may_receive} may come")
            stream.may_receive -= header.length
            if stream.has_ended and (header.length or header.flags & FIN):
                self.reset(stream)
                events.append(Event(RESET, stream.number))
                stream = None
        self._data_for, self._data_left, self._data_flags = stream, header.length, header.flags
        if not header.length:
            self._finish_data(events)

    def _take_data(self, piece: bytes, events: list[Event]) -> None:
        stream = self._data_for
        if stream is not None and not stream.reset_by:
            if stream.is_deaf:
                self._does_not_read(stream)
            else:
                stream.incoming.append(piece)
                events.append(Event(READABLE, stream.number, len(piece)))
        if not self._data_left:
            self._finish_data(events)

    def _finish_data(self, events: list[Event]) -> None:
        stream, self._data_for = self._data_for, None
        if stream is not None and self._data_flags & FIN and not stream.reset_by:
            self._ended(stream, events)

    def _ended(self, stream: Substream, events: list[Event]) -> None:
        if not stream.has_ended:
            stream.has_ended = True
            events.append(Event(ENDED, stream.number))
            self._forget_if_over(stream)

    def _was_reset(self, stream: Substream, events: list[Event]) -> None:
        stream.give_up("them")
        self._forget_if_over(stream)
        events.append(Event(RESET, stream.number))

    # What we do.

    @property
    def can_open(self) -> bool:
        """Whether a stream may be opened now; if not, perhaps after an acknowledgement."""
        return self._unacknowledged < self.limits.ack_backlog

    def open(self) -> Substream:
        """Opens a stream.

        Raises:
            Closed: one of the sides went away, or all numbers are used.
            UsageError: `can_open` is False.
        """
        if self.our_reason is not None or self.remote_reason is not None:
            raise Closed("one of the sides has gone away, and no more streams are opened")
        if not self.can_open:
            raise UsageError(f"{self._unacknowledged} streams are not acknowledged yet")
        if self._next_number > MAX_UINT32:
            raise Closed("this session has used all its numbers for streams")
        stream = Substream(self._next_number, is_ours=True)
        self._next_number += 2
        self._unacknowledged += 1
        self._announce(stream, SYN)
        self.streams[stream.number] = stream
        return stream

    def accept(self) -> Substream | None:
        """The stream of theirs that has waited longest, acknowledged by this; None if none waits."""
        while self.waiting:
            stream = self.waiting.popleft()
            if not stream.reset_by:
                self._announce(stream, ACK)
                return stream
        return None

    def _announce(self, stream: Substream, flag: int) -> None:
        stream.flags |= flag
        stream.to_announce += self.limits.window_bytes - INITIAL_WINDOW_BYTES
        self._enqueue(stream)

    def write(self, stream: Substream, data: bytes) -> None:
        """Puts bytes into a stream's queue; how much waits there is its caller's business."""
        stream.outgoing.append(data)
        self._enqueue(stream)

    def read(self, stream: Substream, max_bytes: int) -> bytes:
        """Takes the next bytes that came; b"" if there are none. What is read may be sent again."""
        data = stream.incoming.take(max_bytes)
        if data and not stream.has_ended:
            stream.to_announce += len(data)
            if stream.to_announce * 2 >= self.limits.window_bytes:
                self._enqueue(stream)
        return data

    def end(self, stream: Substream) -> None:
        """Says that nothing follows what was written."""
        stream.ends = True
        self._enqueue(stream)

    def stop_reading(self, stream: Substream) -> None:
        """Says that we shall not read any more: what comes is dropped, and who goes on writing is told."""
        has_unread = bool(stream.incoming)
        stream.incoming.clear()
        if stream.has_ended or stream.reset_by:
            return
        stream.is_deaf = True
        self._half_open[stream.number] = stream
        if has_unread or not stream.may_receive:
            self._does_not_read(stream)
        if len(self._half_open) > self.limits.half_open:
            self.reset(next(iter(self._half_open.values())))

    def _does_not_read(self, stream: Substream) -> None:
        """Resets a stream whose bytes nobody reads, once everything of ours is sent."""
        stream.resets_after_end = True
        if stream.end_is_sent:
            self.reset(stream)

    def reset(self, stream: Substream) -> None:
        """Gives a stream up; nothing happens if it is over."""
        if stream.number not in self.streams:
            stream.give_up("us")
            return
        if not stream.flags & SYN:  # otherwise they have never heard of it
            self._control.append(Header(WINDOW_UPDATE, RST, stream.number, 0).encode())
        stream.give_up("us")
        self._forget_if_over(stream)

    def _forget_if_over(self, stream: Substream) -> None:
        if stream.is_over and self.streams.pop(stream.number, None) is not None:
            self._half_open.pop(stream.number, None)
            self._acknowledge(stream)
            if not stream.is_ours:
                self._theirs -= 1
                if stream.reset_by and stream in self.waiting:
                    self.waiting.remove(stream)

    def ping(self, value: int) -> None:
        """Asks for an answer; the event `PONG` brings the value back.

        Raises:
            UsageError: `MAX_PINGS` are without an answer, or one with this value is.
        """
        if len(self._pings) >= MAX_PINGS or value in self._pings:
            raise UsageError("too many pings without an answer, or this one again")
        self._pings.add(value)
        self._control.append(Header(PING, SYN, 0, value).encode())

    def go_away(self, reason: int = yamux_codec.NORMAL) -> None:
        """Says that we take and open no more streams; those that are there go on."""
        if self.our_reason is None or reason:
            self.our_reason = reason
            self._control.append(Header(GO_AWAY, 0, 0, reason).encode())

    # What is to be sent.

    @property
    def is_congested(self) -> bool:
        """Whether so many answers wait to be sent that nothing more should be received for now."""
        return len(self._control) > self.limits.control_frames

    @property
    def has_work(self) -> bool:
        """Whether `to_send` may have something."""
        return bool(self._control or self._ready)

    def to_send(self, max_bytes: int = BATCH_BYTES) -> bytes:
        """The next bytes to be sent, at most `max_bytes` (which is at least 24); b"" if there are none."""
        self.progress = []
        return b"".join(self._frames(max_bytes))

    def _frames(self, room: int) -> Iterator[bytes]:
        while self._control and room >= HEADER_BYTES:
            yield self._control.popleft()
            room -= HEADER_BYTES
        while self._ready and room > HEADER_BYTES:
            if self.progress and self._ready[0].sendable > room - HEADER_BYTES:
                return  # better whole in the next batch than in two parts
            stream = self._ready.popleft()
            stream.is_queued = False
            header, parts = stream.next_frame(room - HEADER_BYTES, self.limits.window_bytes)
            if header is not None:
                yield header.encode()
                yield from parts
                self.progress.append(stream.number)
                room -= HEADER_BYTES + sum(map(len, parts))
            if stream.end_is_sent and stream.resets_after_end and not stream.has_ended:
                self.reset(stream)
            self._forget_if_over(stream)
            self._enqueue(stream)

    def _enqueue(self, stream: Substream) -> None:
        if not stream.is_queued and not stream.reset_by and stream.has_work(self.limits.window_bytes):
            stream.is_queued = True
            self._ready.append(stream)
