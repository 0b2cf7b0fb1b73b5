"""Sequence drawings: who sends what to whom, time running downward.

Every peer has a lifeline. An arrow goes from the sender's line to the receiver's; it slants where the
message says when it arrives, and ends in a cross where it is lost. Times need no scale of their own: equal
spans look equal, but a long silence is shortened and a burst is spread so that every label has its line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from p2plib.errors import UsageError
from p2plib.figures.palette import TINT, colour
from p2plib.figures.shapes import cross, head
from p2plib.figures.svg import (
    PAPER,
    Figure,
    balance,
    element,
    number,
    require_words,
    shorten,
    text_width,
    write,
)

LABEL_PX = 14
NOTE_PX = 13.5
LINE_PX = 19
TOP_PX = 52  # where time begins, under the names
CLOCK_PX = 82  # room for the times left of the first line
LONGEST_GAP_PX = 110  # a silence is drawn no longer than this
MIDDLE_GAP_PX = 48  # the middle one of all spans of time
SETTLING_ROUNDS = (
    6  # lines that cross at any distance cannot be kept apart; their labels clear the page behind them
)
LOST_AT = 0.7  # how much of the way a lost message goes


@dataclass(frozen=True, slots=True)
class Message:
    """One arrow of a sequence drawing.

    Args:
        sender: who sends; one of the drawing's peers.
        receiver: who should get it; the sender itself for something it does alone.
        label: what is sent.
        at: when it is sent, in any unit. Messages that all have the same time are drawn in the order given.
        arrives: when it arrives; None draws a level arrow.
        lost: it never arrives.
        note: a few words under the arrow.
    """

    sender: str
    receiver: str
    label: str
    at: float = 0.0
    arrives: float | None = None
    lost: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Laid:
    """A message with its lines of text, its room above and below, and where its arrow and words reach."""

    message: Message
    label: list[str]
    note: list[str]
    above: float
    below: float
    x1: float
    x2: float
    left: float
    right: float


def sequence(
    messages: Sequence[Message],
    *,
    peers: Sequence[str],
    title: str,
    caption: str = "",
    among: Sequence[str] | None = None,
    unit: str = "",
) -> Figure:
    """Draw messages between peers.

    Args:
        messages: the arrows; sorted by the time they are sent.
        peers: the lifelines from left to right.
        title: what the drawing shows; required.
        caption: what to see in it.
        among: all peers of the chapter, where colours should agree with other figures; `peers` by default.
        unit: such as "s" or "ms": write the time of each message at the left. Empty writes none.

    Returns:
        A figure whose alt text tells the messages in order.

    Raises:
        UsageError: no messages, no title, two peers of one name, a message between peers that are not
            drawn, or one that arrives before it is sent.

    Example:
        >>> sequence([Message("Ada", "Ben", "hello"), Message("Ben", "Ada", "hello, Ada")],
        ...          peers=["Ada", "Ben"], title="A greeting")
    """
    title = require_words("a title", title)
    _check(messages, peers)
    colours = {peer: colour(peer, among or peers) for peer in peers}
    clock = max(CLOCK_PX, _clock_px(messages, unit)) if unit else 0.0
    margin = max(0.0, clock - 240 / len(peers))
    pitch = max(118.0, (480 - margin) / len(peers))
    xs = {peer: margin + pitch * (i + 0.5) for i, peer in enumerate(peers)}
    width = margin + pitch * len(peers)
    ordered = sorted(messages, key=lambda message: message.at)
    laid = [_lay(message, xs, pitch) for message in ordered]
    starts, ends = _settle(laid)
    bottom = max(max(y1, y2) + arrow.below for arrow, y1, y2 in zip(laid, starts, ends, strict=True)) + 16
    parts = [_lifeline(peer, xs[peer], bottom, pitch, colours[peer]) for peer in peers]
    words = []
    for arrow, y1, y2 in zip(laid, starts, ends, strict=True):
        tint = colours[arrow.message.sender]
        if arrow.message.sender == arrow.message.receiver:
            way = 1 if arrow.right <= width else -1
            parts.append(_loop(arrow, y1, tint, way))
            words += _loop_words(arrow, y1, way)
        else:
            parts.append(_arrow(arrow, y1, y2, tint))
            words += _arrow_words(arrow, y1, y2)
    if unit:
        words += _clock(ordered, starts, unit, xs[peers[0]] - 14)
    return Figure("\n".join([*parts, *words]), width, bottom + 4, _alt(ordered, unit), title, caption)


def _check(messages: Sequence[Message], peers: Sequence[str]) -> None:
    if not messages:
        raise UsageError("a sequence drawing needs at least one message")
    if len(set(peers)) != len(peers):
        raise UsageError(f"every peer has one lifeline, but a name is twice in {list(peers)!r}")
    for message in messages:
        for name in (message.sender, message.receiver):
            if name not in peers:
                raise UsageError(
                    f"{name!r} sends or receives {message.label!r} but is not one of {list(peers)!r}"
                )
        if message.arrives is not None and message.arrives < message.at:
            raise UsageError(
                f"{message.label!r} arrives at {message.arrives}, before it is sent at {message.at}"
            )


def _lay(message: Message, xs: Mapping[str, float], pitch: float) -> _Laid:
    """Break a message's words into lines and reckon its room."""
    x1, x2 = xs[message.sender], xs[message.receiver]
    alone = x1 == x2
    room = max(pitch - 50, 90) if alone else abs(x2 - x1) - 26
    label = balance(message.label, room, LABEL_PX) if message.label else []
    note = balance(message.note, room, NOTE_PX) if message.note else []
    longest = max([text_width(line, LABEL_PX) for line in (*label, *note)], default=0.0)
    if alone:
        above, below = 20.0, max(30.0, (len(label) + len(note)) * LINE_PX - 4.0)
        return _Laid(message, label, note, above, below, x1, x1, x1, x1 + 38 + longest)
    above, below = len(label) * LINE_PX + 10.0, len(note) * LINE_PX + 6.0
    middle = (x1 + x2) / 2
    return _Laid(message, label, note, above, below, x1, x2, middle - longest / 2, middle + longest / 2)


def _settle(laid: Sequence[_Laid]) -> tuple[list[float], list[float]]:
    """Where each arrow begins and ends: in proportion to time, but silences are cut and words are given room.

    One pass over all moments in order. What is sent at the same moment is drawn one below the other and falls
    alike, so that the arrows are parallel.
    """
    spans = sorted(b - a for a, b in pairwise(sorted({arrow.message.at for arrow in laid})))
    scale = MIDDLE_GAP_PX / spans[len(spans) // 2] if spans else 0.0
    starts, ends = [0.0] * len(laid), [0.0] * len(laid)
    first: dict[float, float] = {}  # the height of the first arrow of each moment
    now, level, done = laid[0].message.at, TOP_PX + laid[0].above, set[int]()
    for time, is_sent, k in _moments(laid):
        fall = min((time - now) * scale, LONGEST_GAP_PX) if scale else 0.8 * MIDDLE_GAP_PX * (time > now)
        now, level = time, level + fall
        if not is_sent:
            offset = starts[k] - first[laid[k].message.at]
            ends[k] = max(starts[k] + 6, level + offset)
            done.add(k)
            continue
        if k:
            level_here = max(level, starts[k - 1] + laid[k - 1].below + laid[k].above)
            level_here = max([level_here, *(_clear(j, laid, starts, ends, k) for j in done)])
        else:
            level_here = level
        starts[k] = ends[k] = level_here
        if first.setdefault(time, level_here) == level_here:
            level = level_here
        if not _falls(laid[k]):
            done.add(k)
    return starts, ends


def _falls(arrow: _Laid) -> bool:
    """Whether a message is drawn with a slant."""
    return arrow.message.arrives not in (None, arrow.message.at) and arrow.x1 != arrow.x2


def _moments(laid: Sequence[_Laid]) -> list[tuple[float, bool, int]]:
    """Every sending (True) and every later arrival (False) in order of time."""
    sent = [(arrow.message.at, True, k) for k, arrow in enumerate(laid)]
    arrived = [(float(arrow.message.arrives or 0), False, k) for k, arrow in enumerate(laid) if _falls(arrow)]
    return sorted([*sent, *arrived])


def _clear(j: int, laid: Sequence[_Laid], starts: Sequence[float], ends: Sequence[float], k: int) -> float:
    """The highest place for message k at which the line and note of message j leave its label alone."""
    arrow, other = laid[k], laid[j]
    low, high = sorted((other.x1, other.x2))
    left, right = max(arrow.left, low), min(arrow.right, high)
    free = ends[j] + 4 if arrow.x1 == other.x2 else 0.0  # an answer comes after the question
    if left >= right:
        return free
    if other.note:
        return max(free, ends[j] + other.below + arrow.above)
    shares = [(x - other.x1) / (other.x2 - other.x1) for x in (left, right)]
    return max([free, *(starts[j] + share * (ends[j] - starts[j]) + 4 + arrow.above for share in shares)])


def _fall(arrow: _Laid, y1: float, y2: float) -> float:
    """How far an arrow has fallen where its label begins: so much lower may the label stand."""
    if arrow.x1 == arrow.x2:
        return 0.0
    near = arrow.left if arrow.x2 > arrow.x1 else arrow.right
    return (near - arrow.x1) / (arrow.x2 - arrow.x1) * (y2 - y1)


def _times(messages: Sequence[Message], unit: str) -> list[str]:
    """When each message is sent, all with as many decimals as the finest needs, at most three."""
    texts = [f"{message.at:.3f}".rstrip("0").rstrip(".") for message in messages]
    decimals = max(len(text.partition(".")[2]) for text in texts)
    return [f"{message.at:.{decimals}f} {unit}" for message in messages]


def _clock_px(messages: Sequence[Message], unit: str) -> float:
    """How much room the longest time needs left of the first line."""
    return 18 + max(text_width(text, NOTE_PX, mono=True) for text in _times(messages, unit))


def _clock(messages: Sequence[Message], starts: Sequence[float], unit: str, x: float) -> list[str]:
    """The times at the left."""
    return [
        write(x, y + 5, text, size=NOTE_PX, anchor="end", mono=True, opacity=0.7)
        for text, y in zip(_times(messages, unit), starts, strict=True)
    ]


def _lifeline(name: str, x: float, bottom: float, pitch: float, tint: str) -> str:
    w = min(pitch - 10, max(64.0, text_width(name, LABEL_PX, bold=True) + 26))
    out = element(
        "path",
        d=f"M{number(x)} 36V{number(bottom)}",
        stroke=tint,
        stroke_width=1.5,
        stroke_dasharray="2 4",
        fill="none",
    )
    out += element("rect", x=x - w / 2, y=4, width=w, height=32, rx=16, style=f"fill:{PAPER}")
    out += element(
        "rect",
        x=x - w / 2,
        y=4,
        width=w,
        height=32,
        rx=16,
        fill=tint,
        fill_opacity=TINT,
        stroke=tint,
        stroke_width=1.75,
    )
    out += write(x, 25, shorten(name, w - 12, LABEL_PX, bold=True), size=LABEL_PX, bold=True)
    return element("g", out)


def _arrow(arrow: _Laid, y1: float, y2: float, tint: str) -> str:
    """The line of a message, with its head or its cross."""
    lost, way = arrow.message.lost, 1 if arrow.x2 > arrow.x1 else -1
    start, end = (arrow.x1 + 3 * way, y1), (arrow.x2 - 3 * way, y2)
    if lost:
        end = (start[0] + (end[0] - start[0]) * LOST_AT, y1 + (y2 - y1) * LOST_AT)
    dx, dy = end[0] - start[0], end[1] - start[1]
    back = 0.0 if lost else 7 / math.hypot(dx, dy)  # the line ends inside the head
    path = f"M{number(start[0])} {number(y1)}L{number(end[0] - dx * back)} {number(end[1] - dy * back)}"
    out = element("circle", cx=arrow.x1, cy=y1, r=3.5, fill=tint)
    out += element(
        "path", d=path, fill="none", stroke=tint, stroke_width=2, stroke_dasharray="6 5" if lost else None
    )
    out += cross(*end) if lost else head(end, (dx, dy), tint, 10)
    return element("g", out)


def _arrow_words(arrow: _Laid, y1: float, y2: float) -> list[str]:
    """The label above the upper end, so that a slanted line does not run through it, and the note beneath."""
    middle, last = (arrow.x1 + arrow.x2) / 2, len(arrow.label) - 1
    lift = y1 + _fall(arrow, y1, y2) - 9
    words = [
        write(middle, lift - LINE_PX * (last - i), line, size=LABEL_PX, halo=True)
        for i, line in enumerate(arrow.label)
    ]
    return words + [
        write(middle, max(y1, y2) + 18 + LINE_PX * i, line, size=NOTE_PX, opacity=0.8, italic=True, halo=True)
        for i, line in enumerate(arrow.note)
    ]


def _loop(arrow: _Laid, y: float, tint: str, way: int) -> str:
    """Something a peer does alone: a small loop beside its line."""
    x, lost = arrow.x1, arrow.message.lost
    turn = f"M{number(x + 3 * way)} {number(y)}h{number(14 * way)}q{number(9 * way)} 0 {number(9 * way)} 9v4"
    turn += f"q0 9 {number(-9 * way)} 9h{number(-8 * way)}"
    out = element("circle", cx=x, cy=y, r=3.5, fill=tint)
    out += element(
        "path", d=turn, fill="none", stroke=tint, stroke_width=2, stroke_dasharray="5 4" if lost else None
    )
    out += cross(x + 6 * way, y + 22) if lost else head((x + 3 * way, y + 22), (-way, 0), tint)
    return element("g", out)


def _loop_words(arrow: _Laid, y: float, way: int) -> list[str]:
    x, anchor = arrow.x1 + 34 * way, "start" if way > 0 else "end"
    count = len(arrow.label) + len(arrow.note)
    first = y + 16 - LINE_PX * (min(count, 3) - 1) / 2
    words = [
        write(x, first + LINE_PX * i, line, size=LABEL_PX, anchor=anchor, halo=True)
        for i, line in enumerate(arrow.label)
    ]
    return words + [
        write(x, first + LINE_PX * i, line, size=NOTE_PX, anchor=anchor, opacity=0.8, italic=True, halo=True)
        for i, line in enumerate(arrow.note, len(arrow.label))
    ]


def _alt(messages: Sequence[Message], unit: str) -> str:
    told = []
    for m in messages:
        who = f"{m.sender} to itself" if m.sender == m.receiver else f"{m.sender} to {m.receiver}"
        when = f" at {number(m.at)} {unit}" if unit else ""
        more = (" (lost)" if m.lost else "") + (f" ({m.note})" if m.note else "")
        told.append(f"{who}{when}: {m.label or 'a message'}{more}")
    return "; ".join(told) + "."
