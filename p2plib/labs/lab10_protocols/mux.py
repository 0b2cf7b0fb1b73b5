"""Lab 10, task 3: two streams over one. The reference, and what a fair multiplexer must keep.

A frame of the lab: the stream's number (1 byte), the payload's size (2 bytes, big-endian), the payload. The
reader's class is the half that sends; `read_frame` is what the other half needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from p2plib.errors import DecodeError
from p2plib.labs.engine.tasks import Case, Mistake, Task, Wrong
from p2plib.labs.engine.words import describe

HEAD_BYTES = 3

MakeMux = Callable[[int, int], Any]  # a reader's class
_AFTER = "when all is sent next_frame returns None: remove what was sent, and send no empty frame"
Asked = Sequence[tuple[str, int, Any]]


class Mux:
    """Cuts what streams have to say into frames, in fair turns.

    Args:
        window: how many bytes a stream may send before the other side gives credit.
        most: the largest payload of a frame, at most 65535.
    """

    def __init__(self, window: int, most: int) -> None:
        self.window, self.most = window, most
        self.waiting: dict[int, bytearray] = {}  # in the order of their turns
        self.credits: dict[int, int] = {}

    def write(self, stream: int, data: bytes) -> None:
        """Bytes to be sent on a stream, 0 to 255."""
        self.waiting.setdefault(stream, bytearray()).extend(data)
        self.credits.setdefault(stream, self.window)

    def credit(self, stream: int, size: int) -> None:
        """The other side has read so many bytes of a stream: so many more may be sent."""
        self.credits[stream] = self.credits.get(stream, self.window) + size

    def next_frame(self) -> bytes | None:
        """The next frame; None if no stream may send anything."""
        for stream, data in self.waiting.items():
            size = min(len(data), self.credits[stream], self.most)
            if size:
                break
        else:
            return None
        payload = bytes(data[:size])
        del data[:size]
        self.credits[stream] -= size
        self.waiting[stream] = self.waiting.pop(stream)  # whoever was served goes to the end
        return bytes([stream]) + size.to_bytes(2, "big") + payload


def read_frame(frame: bytes) -> tuple[int, bytes]:
    """The stream and the payload of one whole frame; DecodeError if it is none."""
    if len(frame) < HEAD_BYTES:
        raise DecodeError(f"a frame has at least {HEAD_BYTES} bytes, not {len(frame)}")
    size = int.from_bytes(frame[1:3], "big")
    if len(frame) != HEAD_BYTES + size:
        raise DecodeError(f"its size says {size}, but {len(frame) - HEAD_BYTES} bytes follow", 1)
    return frame[0], frame[HEAD_BYTES:]


def _next(mux: Any) -> tuple[int, bytes] | None:
    frame = mux.next_frame()
    if frame is None:
        return None
    if not isinstance(frame, bytes):
        raise Wrong(f"next_frame gave {describe(frame)}", "a frame is bytes, and no frame is None")
    try:
        stream, payload = read_frame(frame)
    except DecodeError as error:
        hint = "one byte of stream, two bytes of size with the high one first, the payload"
        raise Wrong(f"it sent {describe(frame)}: {error}", hint) from None
    if not payload:
        raise Wrong(
            "it sent a frame without a payload",
            "a stream with nothing to say, or no window left, loses its turn",
        )
    return stream, payload


def sends(
    how: str, hint: str, calls: Asked, frames: Sequence[bytes | None], window: int = 1000, most: int = 100
) -> Case:
    """A probe: after these calls, exactly these frames come."""

    def probe(yours: MakeMux) -> None:
        mux = yours(window, most)
        for method, stream, value in calls:
            getattr(mux, method)(stream, value)
        got: list[Any] = []
        for want in frames:
            got.append(mux.next_frame())
            if got[-1] != want:
                what = f"{how}: frame {len(got)} is {describe(got[-1])}, expected {describe(want)}"
                raise Wrong(what, _AFTER if want is None else hint)

    return probe


def _takes_turns(yours: MakeMux) -> None:
    mux = yours(1000, 2)
    for stream in (1, 2, 3):
        mux.write(stream, bytes([stream]) * 8)
    order = [_next(mux) for _ in range(4)]
    mux.write(4, b"late")
    order += [_next(mux) for _ in range(11)]
    turns = [each[0] if each else 0 for each in order]
    spelled = " ".join(map(str, turns))
    if any(len(set(turns[at : at + 3])) < 3 for at in range(2)):
        hint = "one stream is served several times in a row: after a frame, the others come first"
        raise Wrong(f"three streams had much to say, and the turns were {spelled}", hint)
    if 4 not in turns[4:8]:
        hint = "a newcomer waits for one round, not until the others are done"
        raise Wrong(f"stream 4 came after four frames, and the turns were {spelled}", hint)
    if sorted(turns) != sorted([1] * 4 + [2] * 4 + [3] * 4 + [4] * 2 + [0]):
        raise Wrong(f"the turns were {spelled}", "every byte written is sent once, and then you return None")


def _slow_stream(yours: MakeMux) -> None:
    mux = yours(10, 4)
    mux.write(1, b"a" * 100)
    mux.write(2, b"b" * 40)
    sent = {1: 0, 2: 0}
    for _ in range(40):
        if (frame := _next(mux)) is None:
            break
        sent[frame[0]] += len(frame[1])
        if frame[0] == 2:
            mux.credit(2, len(frame[1]))
        if sent[1] > 10:
            hint = "min of three: what waits, what a frame holds, what the window has left"
            raise Wrong(
                f"nobody read stream 1, and {sent[1]} bytes of it were sent into a window of 10", hint
            )
    if sent[2] < 40:
        hint = "skip a stream whose window is full, and go on to the next"
        raise Wrong(f"stream 1 was slow, and stream 2 got {sent[2]} of its 40 bytes through", hint)
    if sent[1] < 10:
        raise Wrong(
            f"stream 1 sent {sent[1]} bytes into a window of 10", "use what is left, even if only a part fits"
        )
    mux.credit(1, 1)
    mux.credit(1, 2)
    if (again := _next(mux)) != (1, b"aaa"):
        got = "nothing" if again is None else f"{len(again[1])} bytes on stream {again[0]}"
        raise Wrong(
            f"credits of 1 and of 2 bytes let it send {got}", "credit is added to what is left of the window"
        )
    if _next(mux) is not None:
        raise Wrong(
            "it went on sending after the credits were used up", "subtract every payload from the window"
        )


def _alone(yours: MakeMux) -> None:
    one, two = yours(10, 4), yours(10, 4)
    one.write(1, b"mine")
    if (got := two.next_frame()) is not None:
        hint = "make what you remember in __init__, not in the body of the class"
        raise Wrong(f"what was written to one multiplexer came out of another: {describe(got)}", hint)


def holds(seed: int) -> Case:
    """A probe: a long random talk in which nothing is lost, exceeded or forgotten."""

    def probe(yours: MakeMux) -> None:
        rng = Random(seed)
        window, most = rng.randrange(5, 40), rng.randrange(1, 12)
        mux = yours(window, most)
        waiting: dict[int, bytes] = {}
        left: dict[int, int] = {}
        for _ in range(400):
            stream = rng.randrange(4)
            if rng.random() < 0.3:
                data = rng.randbytes(rng.randrange(1, 30))
                mux.write(stream, data)
                waiting[stream] = waiting.get(stream, b"") + data
                left.setdefault(stream, window)
            elif rng.random() < 0.3 and stream in left:
                size = rng.randrange(1, 9)
                mux.credit(stream, size)
                left[stream] += size
            else:
                _judge(_next(mux), waiting, left, most)

    return probe


def _judge(
    frame: tuple[int, bytes] | None, waiting: dict[int, bytes], left: dict[int, int], most: int
) -> None:
    ready = [stream for stream in waiting if waiting[stream] and left[stream]]
    if frame is None:
        if ready:
            raise Wrong(
                "it sent nothing while a stream had bytes and a window",
                "None only if no stream may send; credits add up, however large",
            )
        return
    stream, payload = frame
    if not waiting.get(stream, b"").startswith(payload):
        raise Wrong(
            "it sent something that stream did not have to say just then", "in order, once, on its own stream"
        )
    if len(payload) > most:
        raise Wrong(f"it sent {len(payload)} bytes in a frame of at most {most}", "min of three sizes")
    if len(payload) > left[stream]:
        hint = "only credit opens a window again: a write does not"
        raise Wrong(f"it sent {len(payload)} bytes into a window with {left[stream]} left", hint)
    waiting[stream] = waiting[stream][len(payload) :]
    left[stream] -= len(payload)


class _Little(Mux):
    def next_frame(self) -> bytes | None:
        frame = super().next_frame()
        return frame and frame[:1] + frame[2:0:-1] + frame[3:]


class _ShortSize(Mux):
    def next_frame(self) -> bytes | None:
        frame = super().next_frame()
        return frame and frame[:1] + frame[2:]


class _NoStream(Mux):
    def next_frame(self) -> bytes | None:
        frame = super().next_frame()
        return frame and frame[1:]


class _WithHead(Mux):
    def next_frame(self) -> bytes | None:
        frame = super().next_frame()
        return frame and frame[:1] + len(frame).to_bytes(2, "big") + frame[3:]


class _Whole(Mux):
    def __init__(self, window: int, most: int) -> None:
        super().__init__(window, 65535)


HELLO = b"\x01\x00\x05hello"
MUX = Task(
    "Mux",
    Mux,
    cases=[
        sends("hello on stream 1", "", [("write", 1, b"hello")], [HELLO, None]),
        sends(
            "10 bytes in frames of 4",
            "",
            [("write", 7, b"0123456789")],
            [b"\7\0\x040123", b"\7\0\x044567", b"\7\0\x0289", None],
            most=4,
        ),
        sends(
            "two writes to one stream",
            "a second write is added to what is waiting",
            [("write", 1, b"ab"), ("write", 1, b"cd")],
            [b"\1\0\4abcd", None],
        ),
        _alone,
        _takes_turns,
        _slow_stream,
        *map(holds, range(3)),
    ],
    mistakes=[
        Mistake(_Little, "the size's high byte comes first: to_bytes(2, 'big')"),
        Mistake(_NoStream, "a frame begins with one byte of stream: bytes([stream])"),
        Mistake(_ShortSize, "the size takes two bytes, even when it is small"),
        Mistake(_WithHead, "the size counts only the payload, not the three bytes before it"),
        Mistake(_Whole, "a frame holds at most `most` bytes, or one long letter keeps everybody waiting"),
    ],
    hint="look for the next stream that has bytes and a window left",
)
