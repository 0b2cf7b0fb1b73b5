"""Lab 10, the capstone's world: a slow link, and at its other end a peer that may be deaf, old or hostile.

What is judged is a reader's whole program, a class `Connection` without I/O, for the side that dials. The
link carries so many bytes in a tick, each way, and each byte arrives some ticks later. What travels is
frames, a varint and a payload: first the lines of the negotiation, and once a name is agreed on::

    b"D" ‖ a frame of the multiplexer (stream, size, bytes)
    b"C" ‖ stream (1 byte) ‖ credit (4 bytes, big-endian): so many bytes more may be sent on it

Each side may send `WINDOW` bytes on a stream before any credit has come.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import Any

from p2plib.errors import DecodeError, NoCommonProtocol
from p2plib.labs.engine.tasks import Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab01_identity.relay import held_bytes
from p2plib.labs.lab10_protocols.frames import Frames
from p2plib.labs.lab10_protocols.mux import read_frame
from p2plib.wire import varint

HEADER = b"/multistream/1.0.0\n"
NAMES = ["/feed/2.0.0", "/feed/1.4.0"]  # what the reader's side speaks, the dearest first
WINDOW, PIECE = 16_384, 1_024  # bytes of a stream without credit; of one frame at the most
MOST_FRAME = 2_048  # the largest frame that is taken
HELD_BYTES = 200_000  # what a program may hold at any time, see `held_bytes`
SHORT, SHORTS = 100, 20  # bytes of a short message, and how many
EVERY, FIRST = 12, 24  # ticks from one to the next, and the first one

MakeConnection = Callable[[list[str]], Any]  # a reader's class


@dataclass(frozen=True)
class LinkWeather:
    """What is at the other end, and on the way.

    Args:
        name: one word.
        words: what happens, as the middle of a sentence.
        ticks: the budget for all of it.
        upload: bytes to be sent on each of streams 1, 2 and 3.
        download: bytes that come on each of streams 1 and 2.
        rate: bytes that the link carries in a tick, each way.
        delay: ticks on the way.
        crumbs: whether bytes come in pieces of one to seven.
        old: whether the peer speaks the second protocol alone.
        deaf: whether it never reads stream 1.
        greedy: whether stream 1 is always full, and short messages go over stream 2.
        wait: the budget of ticks that a short message may take to arrive.
    """

    name: str
    words: str
    ticks: int
    upload: int = 60_000
    download: int = 0
    rate: int = 2_000
    delay: int = 5
    crumbs: bool = False
    old: bool = False
    deaf: bool = False
    greedy: bool = False
    wait: int = 0


@dataclass
class LinkScore:
    """What came out.

    Args:
        weather: which.
        wanted: bytes that should have arrived, both ways.
        arrived: bytes that did.
        ticks: until all had, or the run was given up.
        wait: the longest that a short message took, in ticks.
        held: bytes, at the most.
        credits: frames with a credit that came.
        trouble: what went wrong at once, "" if nothing did.
    """

    weather: LinkWeather
    wanted: int = 0
    arrived: int = 0
    ticks: int = 0
    wait: int = 0
    held: int = 0
    credits: int = 0
    trouble: str = ""


def frame(payload: bytes) -> bytes:
    """A payload as a frame."""
    return varint.encode(len(payload)) + payload


class Answerer:
    """The honest peer: it negotiates, counts what comes, and gives credit for what it has read.

    Args:
        weather: how it behaves.
    """

    def __init__(self, weather: LinkWeather) -> None:
        self.weather = weather
        self.frames = Frames(MOST_FRAME)
        self.names = NAMES[1:] if weather.old else NAMES
        self.lines = 0
        self.is_agreed = False
        self.got: dict[int, bytearray] = {}
        self.unsaid: dict[int, int] = {}
        self.allowed: dict[int, int] = {}  # what it may still be sent
        self.may_send = {1: WINDOW, 2: WINDOW}
        self.sent = {1: 0, 2: 0}
        self.credited: dict[int, int] = {}
        self.credits = 0
        self.out = frame(HEADER)

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        self.frames.receive(data)
        while (payload := self.frames.next_frame()) is not None:
            if not self.is_agreed:
                self._line(payload)
            elif payload[:1] == b"C" and len(payload) == 6:
                self.credits += 1
                stream = payload[1]
                self.credited[stream] = self.credited.get(stream, 0) + int.from_bytes(payload[2:], "big")
                if self.credited[stream] > self.sent.get(stream, 0):
                    what = f"it gave credit for {self.credited[stream]:,} bytes of stream {stream}"
                    hint = "a credit is for what has come since the last one: begin to count anew after it"
                    raise Wrong(f"{what}, and {self.sent.get(stream, 0):,} had been sent", hint)
                self.may_send[stream] = self.may_send.get(stream, WINDOW) + int.from_bytes(payload[2:], "big")
            elif payload[:1] == b"D":
                self._data(payload[1:])
            else:
                raise Wrong(f"it sent a frame {describe(payload)}", "a frame begins with D or C")

    def _line(self, line: bytes) -> None:
        self.lines += 1
        if self.lines == 1:
            if line != HEADER:
                raise Wrong(f"its first line was {describe(line)}", "begin with what Negotiation.begin gives")
        elif line.decode("latin-1").strip() in self.names:
            self.is_agreed = True
            self.out += frame(line)
        elif line[:1] == b"/":
            self.out += frame(b"na\n")
        else:
            raise Wrong(
                f"before a name was agreed on it sent {describe(line)}", "wait until chosen is a name"
            )

    def _data(self, raw: bytes) -> None:
        try:
            stream, payload = read_frame(raw)
        except DecodeError as error:
            raise Wrong(f"it sent what is not a frame: {error}", "b'D' and then what Mux gives") from None
        left = self.allowed.get(stream, WINDOW) - len(payload)
        if left < 0:
            raise Wrong(f"on stream {stream} it sent more than was allowed", "a credit allows what it says")
        self.allowed[stream] = left
        self.got.setdefault(stream, bytearray()).extend(payload)
        if self.weather.deaf and stream == 1:
            return
        self.unsaid[stream] = self.unsaid.get(stream, 0) + len(payload)
        if self.unsaid[stream] >= WINDOW // 4:
            self.out += frame(b"C" + bytes([stream]) + self.unsaid[stream].to_bytes(4, "big"))
            self.allowed[stream] += self.unsaid[stream]
            self.unsaid[stream] = 0

    def send(self, room: int) -> bytes:
        """At most so many bytes for the link."""
        if self.is_agreed:
            for stream in (1, 2):
                while len(self.out) < room:
                    size = min(self.weather.download - self.sent[stream], self.may_send[stream], PIECE)
                    if size <= 0:
                        break
                    payload = body(stream, self.sent[stream], size, "down")
                    self.out += frame(b"D" + bytes([stream]) + size.to_bytes(2, "big") + payload)
                    self.sent[stream] += size
                    self.may_send[stream] -= size
        part, self.out = self.out[:room], self.out[room:]
        return part


def body(stream: int, at: int, size: int, way: str) -> bytes:
    """Some bytes of what a stream carries; the same ones for the same place."""
    start = at % 251
    return (_pattern(stream, way) * (size // 251 + 2))[start : start + size]


@functools.cache
def _pattern(stream: int, way: str) -> bytes:
    return Random(f"{way} {stream}").randbytes(251)


class Run:
    """One program on one link.

    Args:
        yours: the reader's class.
        weather: what happens.
        seed: of the pieces in which bytes come.
    """

    def __init__(self, yours: MakeConnection, weather: LinkWeather, seed: int) -> None:
        self.weather, self.rng = weather, Random(f"{weather.name} {seed}")
        self.mine, self.peer = yours(list(NAMES)), Answerer(weather)
        self.there: deque[bytes] = deque([b""] * weather.delay)
        self.back: deque[bytes] = deque([b""] * weather.delay)
        self.written = {1: 0, 2: 0, 3: 0}
        self.shorts: deque[tuple[int, int]] = (
            deque()
        )  # when a short message was written, and its last byte's place
        self.down: dict[int, int] = {1: 0, 2: 0}
        self.seen: dict[int, int] = {}  # so much of what was sent was compared
        self.score = LinkScore(weather)
        uploads = [weather.upload] * 3
        if weather.deaf:
            uploads[0] = WINDOW
        if weather.greedy:
            uploads = [0, SHORT * SHORTS, 0]
        self.score.wanted = sum(uploads) + 2 * weather.download
        self.uploads = {stream: size for stream, size in zip((1, 2, 3), uploads, strict=True) if size}

    def live(self) -> LinkScore:
        """Tick until everything has arrived, or for far too long."""
        for tick in range(2 * self.weather.ticks):
            self.score.ticks = tick
            self._write(tick)
            part = self.mine.send(self.weather.rate)
            if not isinstance(part, bytes) or len(part) > self.weather.rate:
                raise Wrong(
                    f"send({self.weather.rate}) gave {describe(part)}", "bytes, and not more than room is for"
                )
            self.there.append(part)
            self.back.append(self.peer.send(self.weather.rate))
            self.peer.receive(self.there.popleft())
            self._hear(self.back.popleft())
            self._look(tick)
            if self.score.arrived == self.score.wanted:
                break
        self.score.credits = self.peer.credits
        return self.score

    def _write(self, tick: int) -> None:
        if self.weather.greedy:
            if tick >= FIRST and tick % EVERY == 0 and self.written[2] < SHORT * SHORTS:
                self._offer(2, SHORT)
                self.shorts.append((tick, self.written[2]))
            self._offer(1, 20_000)
            return
        for stream, size in ((1, self.weather.upload), (2, self.weather.upload), (3, self.weather.upload)):
            more = 10**6 if self.weather.deaf and stream == 1 else size - self.written[stream]
            if more > 0:
                self._offer(stream, min(more, 20_000))

    def _offer(self, stream: int, size: int) -> None:
        data = body(stream, self.written[stream], size, "up")
        taken = self.mine.write(stream, data)
        if type(taken) is not int or not 0 <= taken <= size:
            raise Wrong(f"write of {size} bytes gave {describe(taken)}", "return how many bytes were taken")
        self.written[stream] += taken

    def _hear(self, data: bytes) -> None:
        while data:
            size = self.rng.randrange(1, 8) if self.weather.crumbs else len(data)
            for pair in _pairs(self.mine.receive(data[:size])):
                stream, payload = pair
                at = self.down.get(stream, 0)
                if payload != body(stream, at, len(payload), "down"):
                    raise Wrong(
                        f"on stream {stream} other bytes came out than were sent", "give them in their order"
                    )
                self.down[stream] = at + len(payload)
            data = data[size:]

    def _look(self, tick: int) -> None:
        score, got = self.score, self.peer.got
        up = 0
        for stream, wanted in self.uploads.items():
            before, have = self.seen.get(stream, 0), min(len(got.get(stream, b"")), wanted)
            if have > before and got[stream][before:have] != body(stream, before, have - before, "up"):
                hint = "leave the bytes of a stream in their order"
                raise Wrong(f"on stream {stream} other bytes arrived than were written", hint)
            self.seen[stream] = max(before, have)
            up += have
        score.arrived = up + sum(self.down.values())
        while self.shorts and len(got.get(2, b"")) >= self.shorts[0][1]:
            score.wait = max(score.wait, tick - self.shorts.popleft()[0])
        if tick % 10 == 0:
            score.held = max(score.held, held_bytes(self.mine))


def _pairs(said: Any) -> list[tuple[int, bytes]]:
    good = isinstance(said, Iterable) and not isinstance(said, str | bytes | dict)
    row = list(said) if good else [said]
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in row):
        raise Wrong(
            f"receive gave {describe(said)}", "it gives a list of pairs (stream, bytes), which may be empty"
        )
    return [(pair[0], pair[1]) for pair in row]


def carried(yours: MakeConnection, weather: LinkWeather, seed: int = 1) -> LinkScore:
    """Let a program carry everything over a link in one weather."""
    return Run(yours, weather, seed).live()


# What no connection may take


def abuses() -> list[tuple[str, bytes]]:
    """What a hostile peer sends after the negotiation, and what it is."""
    return [
        ("a frame of 70,000 bytes", varint.encode(70_000)),
        ("a size without an end", b"\xff" * 10),
        ("an empty frame", frame(b"")),
        ("a frame of no known kind", frame(b"X123")),
        ("data whose size is a lie", frame(b"D\1\0\x09abc")),
        ("data without a head", frame(b"D\1")),
        ("half a credit", frame(b"C\1\0")),
    ]


def refuses(yours: MakeConnection, raw: bytes) -> bool:
    """Whether a connection that is agreed on raises for some bytes, as it should."""
    mine = yours(list(NAMES))
    mine.send(1000)
    mine.receive(frame(HEADER) + frame(NAMES[0].encode() + b"\n"))
    try:
        mine.receive(raw)
    except (ValueError, DecodeError):
        return True
    return False


def gives_up(yours: MakeConnection) -> bool:
    """Whether a connection raises NoCommonProtocol when every name was refused."""
    mine = yours(list(NAMES))
    try:
        for _ in range(len(NAMES)):
            mine.send(1000)
            mine.receive(frame(HEADER) + frame(b"na\n") if _ == 0 else frame(b"na\n"))
    except NoCommonProtocol:
        return True
    return False
