"""Muxrpc's rules: calls and streams on one connection. Machine.

npm's `muxrpc` 6.7 and `packet-stream`. There are four kinds of call::

    async     one answer: a value, or an error
    source    a stream from the side that is called
    sink      a stream from the side that calls
    duplex    a stream each way

A stream ends in each direction on its own: with `true`, or with an error, which ends both. Whoever is told
that the other side has ended answers with an end, at once or when it is done itself. Only then is the
number free.

Vocabulary::

    id       how this side names a call: the number that it writes into frames. Our calls are 1, 2, 3...;
             those of the other side are -1, -2, -3...
    stray    a frame about a call that is over, or never was, or of a direction that the call has not

Rules
    1. Numbers of calls rise. A frame that would open a call under a number that was used is a stray; npm
       would take it for a new call, whose name is whatever it finds there.
    2. Strays are counted and dropped: what is under way when a call ends is no lie. Past `max_strays`, they
       are.
    3. At most `max_calls` of the other side are open, and the frames that opened them had at most
       `MAX_CALL_BYTES` together, since a call keeps its arguments; more are answered with an error.
    4. A call that makes no sense is answered with an error; a frame that makes none (`frames`) ends
       everything.
    5. We may drop a source before its end; what still comes is dropped until the other side has ended it,
       too.
    6. After their goodbye nothing more may come; after ours nothing more is sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.errors import CallFailed, Closed, DecodeError, UsageError
from p2plib.protocol.framing import FrameDecoder
from p2plib.protocol.muxrpc import frames
from p2plib.protocol.muxrpc.calls import KINDS, error_body, failure, read_call
from p2plib.protocol.muxrpc.events import (
    MuxrpcAnswered,
    MuxrpcCalled,
    MuxrpcEnded,
    MuxrpcEvent,
    MuxrpcGoodbye,
    MuxrpcItem,
)
from p2plib.protocol.muxrpc.frames import Body, Frame
from p2plib.wire.canonical_json import Value

MAX_CALLS = 256
MAX_CALL_BYTES = 1024 * 1024  # a call has some hundred bytes, with a message in it 8 KiB
MAX_STRAYS = 1024


@dataclass(slots=True)
class _OpenCall:
    """A call that is not over."""

    kind: str
    is_ours: bool
    size_bytes: int = 0  # of the frame that opened it, if it is theirs
    we_ended: bool = False
    they_ended: bool = False

    @property
    def they_send(self) -> bool:
        """Whether items may come from the other side."""
        return self.kind == "duplex" or self.kind == ("source" if self.is_ours else "sink")

    @property
    def we_send(self) -> bool:
        return self.kind == "duplex" or self.kind == ("sink" if self.is_ours else "source")


class MuxrpcMachine:
    """One side of a connection. Give `receive` what came, then send what `to_send` gives.

    Args:
        max_calls: how many calls of the other side may be open.
        max_strays: how many frames about no open call are taken for bad luck.

    Attributes:
        strays: how many there were.
        waiting_bytes: how many bytes `to_send` would give.
    """

    def __init__(self, *, max_calls: int = MAX_CALLS, max_strays: int = MAX_STRAYS) -> None:
        self.strays = 0
        self.waiting_bytes = 0
        self._max_calls = max_calls
        self._max_strays = max_strays
        self._open: dict[int, _OpenCall] = {}
        self._their_calls = 0  # how many of the open ones are theirs
        self._their_bytes = 0
        self._last_ours = 0
        self._last_theirs = 0
        self._decoder = FrameDecoder(frames.MuxrpcFraming())
        self._outgoing: list[bytes] = []
        self._said_goodbye = False
        self._heard_goodbye = False

    @property
    def open_ids(self) -> tuple[int, ...]:
        """The calls that are not over, ours and theirs."""
        return tuple(self._open)

    @property
    def has_heard_goodbye(self) -> bool:
        """Whether the other side has said that nothing follows."""
        return self._heard_goodbye

    @property
    def has_said_goodbye(self) -> bool:
        """Whether this side has."""
        return self._said_goodbye

    @property
    def is_done(self) -> bool:
        """Whether both sides have said that nothing follows, and ours is not waiting to be sent."""
        return self._said_goodbye and self._heard_goodbye and not self._outgoing

    # What we do

    def call(self, name: tuple[str, ...], kind: str, args: tuple[Value, ...] = ()) -> int:
        """Makes a call.

        Returns:
            Its id.

        Raises:
            UsageError: there is no such kind, or JSON cannot write the arguments.
            Closed: one of the sides has said goodbye.
        """
        if kind not in KINDS:
            raise UsageError(f"there is no call of kind {kind!r}; there are {', '.join(KINDS)}")
        if self._heard_goodbye:
            raise Closed("the other side has said goodbye, and takes no calls")
        body: dict[str, Value] = {"name": list(name), "args": list(args), "type": kind}
        self._put(Frame(self._last_ours + 1, body, is_stream=kind != "async"))
        self._last_ours += 1
        self._open[self._last_ours] = _OpenCall(kind, is_ours=True)
        return self._last_ours

    def send(self, id: int, value: Body) -> None:
        """Sends an item on a stream.

        Raises:
            UsageError: nothing can be sent on this call, or it is empty or too large (the rules of `frames`).
            Closed: the call is over, or its direction.
        """
        call = self._need(id)
        if not call.we_send:
            raise UsageError(f"on a {call.kind} nothing is sent from this side")
        if call.we_ended:
            raise Closed("we have ended this stream")
        self._put(Frame(id, value, is_stream=True))

    def end(self, id: int, error: CallFailed | None = None) -> None:
        """Ends our direction of a stream, and with an error both; drops a source that we called. Does nothing
        if it has ended."""
        call = self._open.get(id)
        if call is None or call.we_ended:
            return
        call.we_ended = True
        body = True if error is None else error_body(error)
        self._put_if_allowed(Frame(id, body, is_stream=True, is_end=True))
        self._forget_if_over(id, call)

    def answer(self, id: int, value: Body | CallFailed) -> None:
        """Answers an async call of the other side.

        Raises:
            UsageError: it is of another kind, or JSON cannot write the value.
            Closed: it was answered.
        """
        call = self._need(id)
        if call.is_ours or call.kind != "async":
            raise UsageError(f"a {call.kind} is not answered with a value")
        if isinstance(value, CallFailed):
            self._put(Frame(id, error_body(value), is_end=True))
        else:
            self._put(Frame(id, value))
        self._forget(id, call)

    def goodbye(self) -> None:
        """Says that nothing follows; calls that are open are over."""
        if not self._said_goodbye:
            self._said_goodbye = True
            self._queue(frames.GOODBYE)

    def to_send(self) -> bytes:
        """What is to be sent now, once; no bytes if nothing is."""
        outgoing = b"".join(self._outgoing)
        self._outgoing, self.waiting_bytes = [], 0
        return outgoing

    # What the other side does

    def receive(self, data: bytes) -> list[MuxrpcEvent]:
        """Takes bytes, split and joined as they came.

        Raises:
            DecodeError: what no peer sends that keeps the rules; the connection is over.
        """
        self._decoder.receive(data)
        events = list[MuxrpcEvent]()
        while (raw := self._decoder.next_frame()) is not None:
            if self._heard_goodbye:
                raise DecodeError("a frame after the goodbye")
            frame = frames.decode(raw)
            if frame is None:
                self._heard_goodbye = True
                events.append(MuxrpcGoodbye())
            elif (event := self._take(frame, len(raw))) is not None:
                events.append(event)
        return events

    def end_of_stream(self) -> None:
        """Call this when the stream below has ended.

        Raises:
            Truncated: it ended inside a frame.
        """
        self._decoder.end_of_stream()

    def _take(self, frame: Frame, size_bytes: int) -> MuxrpcEvent | None:
        id = -frame.request
        call = self._open.get(id)
        opens = call is None and id < -self._last_theirs and not frame.is_end
        if opens and not self._said_goodbye:
            return self._called(frame, size_bytes)
        if call is None or call.they_ended or frame.is_stream != (call.kind != "async"):
            self._note_stray(frame)
        elif call.kind == "async" and call.is_ours:
            return self._answered(id, call, frame)
        elif call.kind != "async" and frame.is_end:
            return self._ended(id, call, frame)
        elif not call.they_send:
            self._note_stray(frame)
        elif not (call.we_ended and call.kind == "source"):  # if so we dropped it, and this was under way
            return MuxrpcItem(id, frame.body, size_bytes)
        return None

    def _answered(self, id: int, call: _OpenCall, frame: Frame) -> MuxrpcEvent:
        self._forget(id, call)
        error = failure(frame.body) if frame.is_end else None
        if frame.is_end and error is None:
            error = CallFailed("Error", "the call was answered with an end and no error")
        return MuxrpcAnswered(id, None if error else frame.body, error)

    def _ended(self, id: int, call: _OpenCall, frame: Frame) -> MuxrpcEvent:
        call.they_ended = True
        error = failure(frame.body)
        # A duplex may go on in our direction; whoever is called as a sink answers when it is done.
        waits = error is None and (call.kind == "duplex" or (call.kind == "sink" and not call.is_ours))
        if not waits:
            self.end(id)
        self._forget_if_over(id, call)
        return MuxrpcEnded(id, error)

    def _called(self, frame: Frame, size_bytes: int) -> MuxrpcEvent | None:
        id = -frame.request
        self._last_theirs = frame.request
        try:
            name, kind, args = read_call(frame)
        except DecodeError as error:
            self._refuse(frame, f"invalid request: {error.rule}")
            return None
        if self._their_calls >= self._max_calls:
            self._refuse(frame, f"at most {self._max_calls} calls at a time")
            return None
        if self._their_bytes + size_bytes > MAX_CALL_BYTES:
            self._refuse(frame, f"at most {MAX_CALL_BYTES} bytes of calls at a time")
            return None
        self._open[id] = _OpenCall(kind, False, size_bytes)
        self._their_calls += 1
        self._their_bytes += size_bytes
        return MuxrpcCalled(id, name, kind, args)

    def _refuse(self, frame: Frame, sentence: str) -> None:
        error = error_body(CallFailed("Error", sentence))
        self._put_if_allowed(Frame(-frame.request, error, is_stream=frame.is_stream, is_end=True))

    def _note_stray(self, frame: Frame) -> None:
        self.strays += 1
        if self.strays > self._max_strays:
            raise DecodeError(f"{self.strays} frames about no open call, the last about {frame.request}")

    # Both

    def _need(self, id: int) -> _OpenCall:
        call = self._open.get(id)
        if call is None:
            raise Closed(f"call {id} is over")
        return call

    def _forget_if_over(self, id: int, call: _OpenCall) -> None:
        if call.we_ended and call.they_ended:
            self._forget(id, call)

    def _forget(self, id: int, call: _OpenCall) -> None:
        if self._open.pop(id, None) is not None and not call.is_ours:
            self._their_calls -= 1
            self._their_bytes -= call.size_bytes

    def _put_if_allowed(self, frame: Frame) -> None:
        """An answer that nobody needs any more after our goodbye."""
        if not self._said_goodbye:
            self._put(frame)

    def _put(self, frame: Frame) -> None:
        raw = frames.encode(frame)
        if self._said_goodbye:
            raise Closed("we have said goodbye, and send nothing more")
        self._queue(raw)

    def _queue(self, raw: bytes) -> None:
        self._outgoing.append(raw)
        self.waiting_bytes += len(raw)
