"""Lab 10, the capstone: a whole connection, negotiated and multiplexed, on a bad link.

What is judged is a whole program, the class `Connection`; `scores` runs it in every `LinkWeather`, and
`score_table` shows what came out. A probe for each weather says what went wrong first.
"""

from __future__ import annotations

from collections.abc import Iterator

from p2plib.errors import DecodeError, RemoteError
from p2plib.figures.table import Table
from p2plib.labs.engine.tasks import Case, Task, Wrong
from p2plib.labs.engine.words import shorten
from p2plib.labs.lab10_protocols.frames import Frames
from p2plib.labs.lab10_protocols.link import (
    HELD_BYTES,
    MOST_FRAME,
    PIECE,
    WINDOW,
    LinkScore,
    LinkWeather,
    MakeConnection,
    abuses,
    carried,
    frame,
    gives_up,
    refuses,
)
from p2plib.labs.lab10_protocols.mux import Mux, read_frame
from p2plib.labs.lab10_protocols.negotiation import Negotiation

HELD = 2 * WINDOW  # bytes of a stream that are taken before any are sent


class Connection:
    """The dialling side of a connection with streams. No I/O.

    Args:
        names: protocols that we speak, the dearest first.
    """

    def __init__(self, names: list[str]) -> None:
        self.talk, self.frames, self.mux = Negotiation(names), Frames(MOST_FRAME), Mux(WINDOW, PIECE)
        self.out = self.talk.begin()
        self.held: dict[int, int] = {}  # bytes in the multiplexer
        self.unsaid: dict[int, int] = {}  # what came since the last credit

    def write(self, stream: int, data: bytes) -> int:
        """Bytes for a stream; returns how many were taken."""
        taken = data[: HELD - self.held.get(stream, 0)]
        if taken:
            self.held[stream] = self.held.get(stream, 0) + len(taken)
            self.mux.write(stream, taken)
        return len(taken)

    def send(self, room: int) -> bytes:
        """The next bytes for the link, at most so many."""
        while len(self.out) < room and self.talk.chosen is not None:
            piece = self.mux.next_frame()
            if piece is None:
                break
            stream, payload = read_frame(piece)
            self.held[stream] -= len(payload)
            self.out += frame(b"D" + piece)
        part, self.out = self.out[:room], self.out[room:]
        return part

    def receive(self, data: bytes) -> list[tuple[int, bytes]]:
        """Bytes from the link; returns what streams have to say.

        Raises:
            DecodeError: the other side broke the rules; the connection is over.
            NoCommonProtocol: it refused every name.
        """
        self.frames.receive(data)
        heard = []
        while (payload := self.frames.next_frame()) is not None:
            if self.talk.chosen is None:
                self.out += self.talk.answer(payload)
            elif payload[:1] == b"D":
                heard.append(self._data(payload[1:]))
            elif payload[:1] == b"C" and len(payload) == 6:
                self.mux.credit(payload[1], int.from_bytes(payload[2:], "big"))
            else:
                raise DecodeError("a frame is data or credit")
        return heard

    def _data(self, raw: bytes) -> tuple[int, bytes]:
        stream, payload = read_frame(raw)
        self.unsaid[stream] = self.unsaid.get(stream, 0) + len(payload)
        if self.unsaid[stream] >= WINDOW // 4:
            credit, self.unsaid[stream] = self.unsaid[stream], 0
            self.out = self.out + frame(b"C" + bytes([stream]) + credit.to_bytes(4, "big"))
        return stream, payload


WEATHERS = (
    LinkWeather("calm", "the link is slow, and all is well", 130),
    LinkWeather("crumbs", "bytes come singly or a few at a time", 135, crumbs=True, download=10_000),
    LinkWeather("old", "the peer speaks only the older protocol", 145, old=True),
    LinkWeather("deaf", "the peer never reads stream 1", 105, deaf=True),
    LinkWeather(
        "greedy", "stream 1 is full, and short messages go over stream 2", 320, rate=400, greedy=True, wait=14
    ),
    LinkWeather("download", "much comes the other way", 295, upload=0, download=150_000, delay=10),
    LinkWeather("ocean", "the trip takes four times as long", 270, delay=20, download=30_000),
)

_STUCK = "send nothing but the negotiation until a name is agreed on, and then what the streams have to say"
_TAKE = "a frame that begins with C allows more on its stream: tell the multiplexer so"
_CRUMBS = "a message may come in any number of pieces: let Frames put them together"
_OLD = "after na send what Negotiation.answer gives: the next name"
_DEAF = "a stream without credit must not stop the others, nor the others' credits"
_HELD_HINT = (
    "a peer that does not read fills your memory: take at most a few windows in write, and say how much"
)
_WAIT = "draw a frame from the multiplexer only when there is room for it: a full buffer makes others wait"
_CREDIT = (
    "give credit for what has come before the window is used up, or the other side waits a whole round trip"
)
_SLOW = "fill the room that send is given, as long as a stream may say something"

MISSED = {"crumbs": _CRUMBS, "old": _OLD, "deaf": _DEAF, "download": _CREDIT, "ocean": _CREDIT}


def objection(score: LinkScore) -> tuple[str, str] | None:
    """What is wrong with a score, and the hint; None if nothing is."""
    weather = score.weather
    if score.held > HELD_BYTES:
        return f"it held {score.held:,} bytes, the budget is {HELD_BYTES:,}", _HELD_HINT
    if score.arrived < score.wanted:
        what = f"{score.arrived:,} of {score.wanted:,} bytes had arrived after {score.ticks} ticks"
        return what, MISSED.get(weather.name, _TAKE if score.arrived else _STUCK)
    if score.ticks > weather.ticks:
        what = f"it took {score.ticks} ticks, the budget is {weather.ticks}"
        return what, _CREDIT if weather.download else MISSED.get(weather.name, _SLOW)
    if score.wait > weather.wait:
        return f"a short message took {score.wait} ticks, the budget is {weather.wait}", _WAIT
    return None


def survives(weather: LinkWeather, seed: int = 1) -> Case:
    """A probe: in one weather everything arrives, within the budgets."""

    def probe(yours: MakeConnection) -> None:
        where = f"{weather.name} ({weather.words})"
        try:
            score = carried(yours, weather, seed)
        except Wrong as wrong:
            raise Wrong(f"{where}: {wrong.what}", wrong.hint) from None
        except (RemoteError, ValueError) as error:
            said = f"{where}: it raised {type(error).__name__}: {shorten(str(error), 50)}"
            raise Wrong(said, MISSED.get(weather.name, _CRUMBS)) from None
        if (wrong_score := objection(score)) is not None:
            raise Wrong(f"{where}: {wrong_score[0]}", wrong_score[1])

    return probe


def _hostile(yours: MakeConnection) -> None:
    for what, raw in abuses():
        try:
            refused = refuses(yours, raw)
        except (IndexError, KeyError, TypeError, AssertionError, OverflowError) as error:
            hint = "raise DecodeError: look at the sizes first, for a stranger chose them"
            raise Wrong(
                f"hostile (the peer breaks the rules): {what} ended in {type(error).__name__}", hint
            ) from None
        if not refused:
            hint = "what is neither data nor credit ends the connection: raise DecodeError"
            raise Wrong(f"hostile (the peer breaks the rules): it took {what}", hint)


def _refused(yours: MakeConnection) -> None:
    if not gives_up(yours):
        raise Wrong(
            "the peer refused every name, and it goes on", "let NoCommonProtocol pass through receive"
        )


def scores(yours: MakeConnection, seed: int = 1) -> Iterator[LinkScore]:
    """A program's score in each weather."""
    for weather in WEATHERS:
        yield carried(yours, weather, seed)


def score_table(yours: MakeConnection, seed: int = 1) -> Table:
    """A program's score in each weather, as a table."""
    rows = []
    for weather in WEATHERS:
        try:
            score = carried(yours, weather, seed)
            wrong = objection(score)
        except (Wrong, RemoteError, ValueError) as error:
            rows.append([weather.name, "", "", "", "", shorten(str(error), 70)])
            continue
        rows.append(
            [
                weather.name,
                f"{score.arrived / 1000:.0f} of {score.wanted / 1000:.0f}",
                f"{score.ticks} of {weather.ticks}",
                f"{score.wait} of {weather.wait}" if weather.wait else "",
                f"{score.held / 1000:.0f} of {HELD_BYTES / 1000:.0f}",
                "kept" if wrong is None else shorten(wrong[0], 70),
            ]
        )
    return Table(
        ["weather", "kB arrived", "ticks", "longest wait", "kB held", "budgets"],
        rows,
        title="One connection in seven weathers",
        caption="What arrived, how long it took and what it cost in memory, next to the budget.",
        numbers=[1, 2, 3, 4],
    )


CONNECTION = Task(
    "Connection",
    Connection,
    cases=[survives(WEATHERS[0]), _refused, *(survives(weather) for weather in WEATHERS[1:]), _hostile],
    hint="Negotiation until a name is agreed on; then Frames in, Mux out, and credits both ways",
)
