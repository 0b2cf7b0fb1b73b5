"""Lab 10, task 1: cut what arrives into frames. The reference, wrong ways to do it, and what is tried.

A frame is its payload's size as a varint, then the payload. The reader's class is given bytes as they come
(`receive`) and asked for whole frames (`next_frame`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from p2plib.errors import DecodeError, RemoteError
from p2plib.labs.engine.tasks import Case, Mistake, Task, Wrong
from p2plib.labs.engine.words import describe
from p2plib.protocol.framing import FrameDecoder, VarintFrames

MakeFrames = Callable[[int], Any]  # a reader's class


class Frames(FrameDecoder):
    """The library's decoder under the lab's name.

    Args:
        max_bytes: the largest payload that is taken.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__(VarintFrames(max_bytes))


def framed(*payloads: bytes) -> bytes:
    """Some payloads as frames, one after the other."""
    return b"".join(VarintFrames(2**40).encode(payload) for payload in payloads)


def _all(frames: Any, parts: Iterable[bytes]) -> list[bytes]:
    """All frames that come out when these parts go in."""
    got: list[bytes] = []
    for part in parts:
        frames.receive(part)
        for _ in range(1000):
            payload = frames.next_frame()
            if payload is None:
                break
            if not isinstance(payload, bytes):
                hint = "it is bytes, or None when the rest of a frame is still on its way"
                raise Wrong(f"next_frame gave {describe(payload)}", hint)
            got.append(payload)
        else:
            raise Wrong("next_frame never gave None", "take what was returned out of the buffer")
    return got


def gives(how: str, payloads: Sequence[bytes], *parts: bytes, hint: str = "", limit: int = 1000) -> Case:
    """A probe: these parts, received one after the other, give these payloads."""

    def probe(yours: MakeFrames) -> None:
        try:
            got = _all(yours(limit), parts)
        except (RemoteError, ValueError):
            raise Wrong(f"{how}: it refused something valid", hint) from None
        if got != list(payloads):
            raise Wrong(f"{how}: it gave {describe(got)}, expected {describe(list(payloads))}", hint)

    return probe


def cut_anywhere(payloads: Sequence[bytes]) -> Case:
    """A probe: wherever some frames are cut in two, and when their bytes come singly, it is the same."""
    raw = framed(*payloads)
    hint = "keep what came in a buffer, and look at all of it each time; the size itself may be cut, too"

    def probe(yours: MakeFrames) -> None:
        ways = [(f"cut after byte {at}", [raw[:at], raw[at:]]) for at in range(1, len(raw))]
        for how, parts in [*ways, ("byte by byte", [raw[at : at + 1] for at in range(len(raw))])]:
            gives(f"{len(payloads)} frames, {how}", payloads, *parts, hint=hint)(yours)  # type: ignore[operator]

    return probe


def cut_at_random(seed: int) -> Case:
    """A probe: many frames of random sizes, cut into random parts."""
    rng = Random(seed)
    payloads = [rng.randbytes(rng.choice([0, 1, 5, 127, 128, 300])) for _ in range(20)]
    raw, parts = framed(*payloads), []
    while raw:
        size = rng.choice([1, 2, 3, 50, 200])
        parts.append(raw[:size])
        raw = raw[size:]
    return gives("20 frames, cut at random", payloads, *parts, hint="no cut may matter")


def refuses(what: str, hint: str, raw: bytes, limit: int = 100) -> Case:
    """A probe: these bytes are refused, and so is everything after them."""

    def probe(yours: MakeFrames) -> None:
        frames = yours(limit)
        for again, more in (("", raw), ("after it was refused, ", b"\x02hi")):
            try:
                frames.receive(more)
                got = frames.next_frame()
            except (RemoteError, ValueError):
                continue
            except (AssertionError, IndexError, MemoryError) as error:
                hint_raise = "raise DecodeError, with a sentence"
                raise Wrong(f"{what}: it ended in {type(error).__name__}", hint_raise) from None
            hint_again = "nobody knows where the next frame begins: refuse forever"
            raise Wrong(f"{what}: {again}next_frame gave {describe(got)}", hint_again if again else hint)

    return probe


def _alone(yours: MakeFrames) -> None:
    """Two decoders do not share a buffer."""
    one, two = yours(100), yours(100)
    one.receive(b"\x03ab")
    two.receive(b"\x02hi")
    if (got := two.next_frame()) != b"hi":
        hint = "make the buffer in __init__, not in the body of the class or as a default argument"
        raise Wrong(f"two decoders, half a frame in the first: the second gave {describe(got)}", hint)


class _Loose:
    """What the wrong ones have in common: a buffer, and a way to read the size."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes, self.buffer = max_bytes, b""

    def receive(self, data: bytes) -> None:
        self.buffer += data

    def size(self) -> tuple[int, int] | None:
        raise NotImplementedError

    def next_frame(self) -> bytes | None:
        found = self.size()
        if found is None:
            return None
        start, size = found
        if size > self.max_bytes:
            raise DecodeError("too large")
        if len(self.buffer) < start + size:
            return None
        payload, self.buffer = self.buffer[start : start + size], self.buffer[start + size :]
        return payload


class _OneByte(_Loose):
    def size(self) -> tuple[int, int] | None:
        return (1, self.buffer[0]) if self.buffer else None


class _BigEnd(_Loose):
    def size(self) -> tuple[int, int] | None:
        size = 0
        for at, byte in enumerate(self.buffer):
            size = size << 7 | byte & 0x7F
            if byte < 0x80:
                return at + 1, size
        return None


class _Eights(_Loose):
    def size(self) -> tuple[int, int] | None:
        size = 0
        for at, byte in enumerate(self.buffer):
            size |= (byte & 0x7F) << 8 * at
            if byte < 0x80:
                return at + 1, size
        return None


class _Inclusive(_OneByte):
    def size(self) -> tuple[int, int] | None:
        return (1, max(0, self.buffer[0] - 1)) if self.buffer else None


class _Forgets(_Loose):
    """Gives a frame and empties the buffer."""

    def size(self) -> tuple[int, int] | None:
        return (1, self.buffer[0]) if self.buffer else None

    def next_frame(self) -> bytes | None:
        payload = super().next_frame()
        self.buffer = b""
        return payload


class _Truthy(_OneByte):
    def next_frame(self) -> bytes | None:
        return super().next_frame() or None


class _Keeps(_Loose):
    """Gives what is left, too."""

    def next_frame(self) -> bytes | None:
        payload, self.buffer = self.buffer[1:], b""
        return payload or None


LONG = bytes(range(256)) + b"and more"
_BEFORE = "compare the size with max_bytes as soon as you know it, before you wait for the payload"
FRAMES = Task(
    "Frames",
    Frames,
    cases=[
        gives("one frame", [b"hi"], b"\x02hi"),
        gives("two frames in one piece", [b"hi", b"you"], b"\x02hi\x03you"),
        gives("an empty frame and one after it", [b"", b"x"], b"\0\x01x"),
        gives("a frame of 264 bytes", [LONG], framed(LONG)),
        cut_anywhere([b"hi", b"", LONG]),
        gives(
            "a frame of 127 bytes and one of 128",
            [b"x" * 127, b"y" * 128],
            framed(b"x" * 127, b"y" * 128),
            hint="the last byte of a size is one below 0x80, and 127 is one, too",
        ),
        _alone,
        gives(
            "a frame of exactly max_bytes",
            [b"x" * 100],
            framed(b"x" * 100),
            limit=100,
            hint="a frame of max_bytes is allowed: refuse what is larger",
        ),
        refuses("a size above max_bytes, and its payload", _BEFORE, framed(b"x" * 101)),
        refuses("a size of 2**40, and no payload yet", _BEFORE, b"\x80" * 5 + b"\x20"),
        refuses(
            "ten bytes of 80 in hex, a size without an end",
            "a varint here has at most nine bytes",
            b"\x80" * 10,
        ),
        gives(
            "eight bytes of 80 in hex, a size that may still end",
            [],
            b"\x80" * 8,
            hint="a varint here has up to nine bytes: wait for the ninth",
        ),
        gives(
            "a size of nine bytes that max_bytes allows",
            [],
            b"\x80" * 8 + b"\x02",
            limit=2**60,
            hint="a varint here has up to nine bytes, the ninth included",
        ),
        refuses(
            "a size of ten bytes that says 0 in the end",
            "a varint here has at most nine bytes, whatever the tenth says",
            b"\x80" * 9 + b"\0",
        ),
        refuses(
            "nine bytes of 80 in hex, after which a tenth must come",
            "a varint here has at most nine bytes, and the ninth says that there is another",
            b"\x80" * 9,
        ),
    ],
    mistakes=[
        Mistake(_OneByte, "a size above 127 takes two bytes: the high bit says that another one follows"),
        Mistake(_BigEnd, "a varint's first byte holds the lowest seven bits"),
        Mistake(_Eights, "each byte of a varint carries seven bits, not eight"),
        Mistake(_Inclusive, "the size counts only the payload, not itself"),
        Mistake(_Truthy, "an empty payload is a frame like any other: b'' is not None"),
        Mistake(_Forgets, "what follows the frame belongs to the next: leave it in the buffer"),
        Mistake(_Keeps, "what follows the frame belongs to the next: leave it in the buffer"),
    ],
    hint="a size, then that many bytes; None until both are there",
)
