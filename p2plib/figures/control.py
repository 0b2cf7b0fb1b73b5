"""A figure that the reader controls: sliders or switches over frames computed when the page is made.

Rules:

* Every setting has its frame, and nothing is computed in the page: what a reader sees is exact, and its bytes
  are compared when the book is tested. Only a page whose cells the reader runs has the function that drew the
  frames, too, and asks `redrawn` for a setting, also for one that no knob has.
* Every frame has words that say what to see in it. They stand under the frame, are announced when it changes,
  and are all listed below.
* Without a script, the start is shown; on paper, the setting that was chosen.
* A control has one or two sliders, or up to five switches; at most 64 frames, and 400,000 bytes. A reader
  does not look at more, and a page of several controls must still open on a phone.
* A line of text that several frames share is stored once.
* The figure keeps its height, whichever setting is chosen.

Vocabulary: a *knob* is a slider or a switch, with *positions* counted from 0; a *setting* is a position for
each knob; a *frame* is the picture of a setting. Frames are counted in the order of their settings, and the
last knob changes fastest.

In the page each knob is an `input` with `data-name`, the JSON list `data-values`, and `data-stride`: the
number of a frame is the sum of position times stride over its knobs, and the figure's `data-start` is the
number of the first one shown. So a page with Python behind it can fill `.hb-frame` and `.hb-step` with what
`redrawn` gives for the same values, or for others.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from p2plib.errors import UsageError
from p2plib.figures.frames import BAR_STYLE, COUNTER_STYLE, ON_PAPER, SLIDER_STYLE, in_words, waking
from p2plib.figures.palette import BLUE
from p2plib.figures.svg import (
    CAPTION_STYLE,
    Figure,
    caption_html,
    element,
    escape,
    number,
    require_words,
    text_width,
)
from p2plib.figures.table import Table

MOST_FRAMES = 64
MOST_SWITCHES = 5
MOST_BYTES = 400_000

# The page's side of a control. All frames lie in one cell of a grid, and so do all words: the tallest gives
# the height, and nothing moves when another one is shown. What is announced is one element: its text changes.
SCRIPT = waking(
    "hb-control",
    "bar=q('.hb-bar'),d=q('details'),live=q('.hb-step'),"
    "words=[].slice.call(f.querySelectorAll('details li')),"
    "knobs=[].slice.call(bar.querySelectorAll('input')),data=JSON.parse(q('.hb-data').textContent),before=null;"
    "function lay(at,one){one.style.gridArea='1/1';one.style.minWidth='0';at.style.display='grid';"
    "at.appendChild(one);return one}"
    "function position(k){return k.type==='checkbox'?+k.checked:+k.value}"
    "var at=q('.hb-frame');at.textContent='';"
    "var frames=data.frames.map(function(runs){var one=lay(at,document.createElement('div'));"
    "one.innerHTML=runs.map(function(r){return data.lines.slice(r[0],r[0]+r[1]).join('\\n')}).join('\\n');"
    "return one});"
    "words.forEach(function(w){var room=lay(q('.hb-words'),document.createElement('span'));"
    "room.style.visibility='hidden';room.textContent=w.textContent});"
    "lay(q('.hb-words'),live);"
    "function show(){var n=0;knobs.forEach(function(k){n+=position(k)*k.dataset.stride;"
    "if(k.type==='range'){var text=JSON.parse(k.dataset.shown)[+k.value];"
    "k.setAttribute('aria-valuetext',text);k.parentNode.nextElementSibling.textContent=text}});"
    "frames.forEach(function(one,i){one.style.visibility=i===data.shows[n]?'visible':'hidden'});"
    "live.textContent=words[n].textContent}"
    "function paper(){if(before===null){before=d.open;d.open=true}}"
    "function screen(){if(before!==null){d.open=before;before=null}}"
    f"bar.addEventListener('input',show);{ON_PAPER}bar.style.display='flex';show()",
)

_SLIDER_ROW = "display:flex;align-items:center;gap:10px"
_SLIDER_LABEL = f"{_SLIDER_ROW};flex:1;min-width:0"
_SWITCH_LABEL = "display:inline-flex;align-items:center;gap:8px;min-height:40px;cursor:pointer"
_SWITCH = f"width:20px;height:20px;margin:0;accent-color:{BLUE}"
_LABEL_PX = 14  # about the size of labels in a page
_WIDEST_LABEL_PX = 170  # the rest of a phone's width is the slider's

Frame = Figure | Table


@dataclass(frozen=True, slots=True)
class _Knob:
    """A slider or a switch: its name, its label, its values, how these are shown, and where it begins."""

    name: str
    label: str
    values: Sequence[Any]
    shown: Sequence[str]
    start: int
    form: str = "{}"

    def value_of(self, value: Any) -> Any:
        """A value that came through JSON, as the function that draws knows it."""
        own = (one for one in self.values if one == value or _as_json_or_itself(one) == value)
        return next(own, value)


@dataclass(frozen=True, slots=True)
class Control:
    """What `control` and `switches` return: every frame of a figure that the reader controls.

    Args:
        title: what the control shows.
        knobs: its sliders or switches.
        legend: what the switches do; empty for sliders.
        settings: each setting in words, in the order of the frames.
        frames: the picture of each setting.
        draw: the function that drew them, called as `control` or `switches` calls it.
    """

    title: str
    knobs: Sequence[_Knob]
    legend: str
    settings: Sequence[str]
    frames: Sequence[Frame]
    draw: Callable[..., Frame] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        size = len(self.html.encode("utf8"))
        if size > MOST_BYTES:
            raise UsageError(
                f"a control takes at most {MOST_BYTES} bytes of its page, and this one takes {size}: draw "
                "less in each frame, or choose fewer values"
            )

    @property
    def _strides(self) -> list[int]:
        """By how many frames a step of each knob moves on."""
        sizes = [len(knob.values) for knob in self.knobs]
        return [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]

    @property
    def start(self) -> int:
        """The number of the frame that is shown first."""
        return sum(knob.start * stride for knob, stride in zip(self.knobs, self._strides, strict=True))

    @property
    def words(self) -> list[str]:
        """What every frame shows, each after its setting."""
        return [f"{at} {_words(one)}" for at, one in zip(self.settings, self.frames, strict=True)]

    @property
    def html(self) -> str:
        """The figure at its start, with its knobs, its words and its script."""
        words = self.words
        first = _inside(self.frames[self.start], self.title)
        live = f'<span class="hb-step" aria-live="polite">{escape(words[self.start])}</span>'
        return "\n".join(
            [
                f'<figure class="hb-figure hb-control" data-start="{self.start}" style="margin:1.25em 0">',
                f'<div class="hb-frame">\n{first}\n</div>',
                self._bar(),
                f'<figcaption style="{CAPTION_STYLE}">{caption_html(self.title, "")} '
                f'<span class="hb-words">{live}</span></figcaption>',
                *in_words(f"All {len(words)} settings in words", words, ordered=False),
                f'<script type="application/json" class="hb-data">{self._data()}</script>',
                f"<script>{SCRIPT}</script>",
                "</figure>",
            ]
        )

    def redrawn(self, values: Mapping[str, Any]) -> tuple[str, str]:
        """Draw one setting anew, on the notebook's values of now.

        Args:
            values: for each knob a value, by its name; a slider may have others than its own. A knob that is
                not named stands where it began.

        Returns:
            The frame as HTML, and its words.

        Raises:
            UsageError: there is no such knob, nothing that draws, or the function drew no frame with words.
        """
        if self.draw is None:
            raise UsageError("this control was made of frames alone, so no other can be drawn")
        names = [knob.name for knob in self.knobs]
        if unknown := sorted(set(values) - set(names)):
            raise UsageError(f"{unknown!r} are not among the knobs: {', '.join(names)}")
        chosen = {
            knob.name: knob.value_of(values.get(knob.name, knob.values[knob.start])) for knob in self.knobs
        }
        if self.legend:
            on = tuple(name for name, is_on in chosen.items() if is_on)
            setting, frame = _switched(self.legend, on), self.draw(on)
        else:
            setting, frame = _slid(self.knobs, list(chosen.values())), self.draw(**chosen)
        return _inside(_checked(frame, setting), self.title), f"{setting} {_words(frame)}"

    def _data(self) -> str:
        """The lines, each once; the distinct frames, as runs of lines; and which frame each setting shows."""
        lines: dict[str, int] = {}
        distinct: dict[str, int] = {}
        shows = [distinct.setdefault(_inside(one, self.title), len(distinct)) for one in self.frames]
        frames = [_runs(lines.setdefault(text, len(lines)) for text in one.split("\n")) for one in distinct]
        data = json.dumps(
            {"lines": list(lines), "frames": frames, "shows": shows},
            ensure_ascii=False,
            separators=(",", ":"),
        )
        return data.replace("<", "\\u003c").replace("&", "\\u0026")

    def _bar(self) -> str:
        """The knobs, hidden until the script runs."""
        if self.legend:
            style, inside = f"{BAR_STYLE};flex-wrap:wrap;gap:0 18px", [f"<span>{escape(self.legend)}:</span>"]
        else:
            style, inside = f"{BAR_STYLE};flex-direction:column;align-items:stretch;gap:2px", []
        draw = self._switch if self.legend else self._slider
        inside += [draw(knob, stride) for knob, stride in zip(self.knobs, self._strides, strict=True)]
        name = f"{self.legend}: {self.title}" if self.legend else self.title
        body = "\n".join(["", *inside, ""])
        return element("div", body, class_="hb-bar", role="group", aria_label=name, style=style)

    def _slider(self, knob: _Knob, stride: int) -> str:
        room = min(_WIDEST_LABEL_PX, max(text_width(one.label, _LABEL_PX) for one in self.knobs))
        slider = element(
            "input",
            type="range",
            min=0,
            max=len(knob.values) - 1,
            step=1,
            value=knob.start,
            autocomplete="off",
            aria_valuetext=knob.shown[knob.start],
            data_name=knob.name,
            data_values=json.dumps(list(knob.values), default=_as_json),
            data_shown=json.dumps(list(knob.shown)),
            data_stride=stride,
            style=f"{SLIDER_STYLE};min-height:36px;margin:0",
        )
        text = element("span", escape(knob.label), style=f"width:{number(room)}px")
        value = element("output", escape(knob.shown[knob.start]), style=COUNTER_STYLE)
        label = element("label", text + slider, style=_SLIDER_LABEL)
        return element("div", label + value, class_="hb-knob", style=_SLIDER_ROW)

    def _switch(self, knob: _Knob, stride: int) -> str:
        switch = element(
            "input",
            type="checkbox",
            checked="checked" if knob.start else None,
            autocomplete="off",
            data_name=knob.name,
            data_values="[false, true]",
            data_stride=stride,
            style=_SWITCH,
        )
        return element("label", switch + escape(knob.label), class_="hb-knob", style=_SWITCH_LABEL)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What Jupyter shows: the figure or, where only text can be shown, every setting in words."""
        return {"text/html": self.html, "text/plain": "\n".join([f"{self.title}:", *self.words])}


def control(
    frame: Callable[..., Frame],
    *,
    title: str,
    start: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    formats: Mapping[str, str] | None = None,
    **values: Sequence[Any],
) -> Control:
    """One or two sliders over frames that are all computed at once.

    Args:
        frame: called with one value for each name; returns a `Figure` or a `Table` whose caption says what to
            see. A figure without a caption is described by its alt text.
        title: what the control shows; required.
        start: the value at which each slider begins; by default the first.
        labels: the text beside a slider; by default its name.
        formats: how a value is written, as "{:.0%}" or "{} kB"; by default as `str` has it.
        values: for each name, what its slider can be set to, in order; at least two values.

    Raises:
        UsageError: no title; none or more than two names; values without an order; more than 64 frames or
            400,000 bytes; a start that is not among the values; a frame that is not a figure or a table, or
            has no words.

    Example:
        >>> def frame(k, alpha):
        ...     run = lookups(many, 400, Model(k=k, alpha=alpha), seed=3)
        ...     row = figures.Meter("found", run.found.mean(), 1, f"{run.found.mean():.0%}")
        ...     return figures.meters([row], caption=f"{run.queries.mean():.1f} peers are asked.")
        >>> figures.control(frame, k=[2, 8, 20], alpha=[1, 3], start={"k": 8}, title="A lookup")
    """
    require_words("a title", title)
    start, labels, formats = start or {}, labels or {}, formats or {}
    if not 1 <= len(values) <= 2:
        raise UsageError(f"a control has one or two sliders, not {len(values)}: {', '.join(values)}")
    for name in (*start, *labels, *formats):
        if name not in values:
            raise UsageError(f"{name!r} is not one of the sliders: {', '.join(values)}")
    for name, choice in values.items():
        _require_order(name, choice)
    _require_few(math.prod(len(choice) for choice in values.values()))
    knobs = [
        _slider_knob(name, list(choice), start, labels.get(name, name), formats.get(name, "{}"))
        for name, choice in values.items()
    ]
    settings, frames = [], []
    for at in itertools.product(*(knob.values for knob in knobs)):
        settings.append(_slid(knobs, at))
        frames.append(_checked(frame(**dict(zip(values, at, strict=True))), settings[-1]))
    return Control(title.strip(), knobs, "", settings, frames, frame)


def switches(
    frame: Callable[[tuple[str, ...]], Frame],
    names: Iterable[str],
    *,
    legend: str,
    title: str,
    start: Iterable[str] = (),
) -> Control:
    """A set of switches over frames that are all computed at once, one for each way to set them.

    Args:
        frame: called with the names that are on, in the order of `names`; returns a `Figure` or a `Table`
            whose caption says what to see. A figure without a caption is described by its alt text.
        names: one switch each; one to five of them.
        legend: what a switch that is on means, such as "Cut" or "Switched off"; required.
        title: what the control shows; required.
        start: the names that are on at the beginning.

    Raises:
        UsageError: no title or legend; no switch, the same one twice, or more than five; more than 400,000
            bytes; a start that is not a switch; a frame that is not a figure or a table, or has no words.

    Example:
        >>> figures.switches(frame, ["ana", "ben", "cy"], legend="Down", title="Who is served?", start=["cy"])
    """
    _require_order("names", names)
    names, on = list(names), set(start)
    require_words("a title", title)
    require_words("a legend, which says what a switch does", legend)
    if not 1 <= len(names) <= MOST_SWITCHES or len(set(names)) < len(names):
        raise UsageError(f"a control has up to {MOST_SWITCHES} switches, each with its own name: {names!r}")
    if on - set(names):
        raise UsageError(f"{sorted(on - set(names))!r} are not among the switches: {', '.join(names)}")
    knobs = [_Knob(name, name, (False, True), ("off", "on"), int(name in on)) for name in names]
    settings, frames = [], []
    for positions in itertools.product((False, True), repeat=len(names)):
        chosen = tuple(itertools.compress(names, positions))
        settings.append(_switched(legend.strip(), chosen))
        frames.append(_checked(frame(chosen), settings[-1]))
    return Control(title.strip(), knobs, legend.strip(), settings, frames, frame)


def _slid(knobs: Sequence[_Knob], values: Sequence[Any]) -> str:
    """A setting of sliders in words."""
    at = zip(knobs, values, strict=True)
    return ", ".join(f"{knob.name} = {knob.form.format(value)}" for knob, value in at) + ":"


def _switched(legend: str, on: Sequence[str]) -> str:
    """A setting of switches in words."""
    return f"{legend}: {', '.join(on) or 'none'}."


def _require_order(name: str, values: Iterable[Any]) -> None:
    """Not a set: its order differs from one run of Python to the next, and with it the page."""
    if isinstance(values, set | frozenset):
        raise UsageError(f"{name} has no order: give a list")


def _as_json(value: Any) -> Any:
    """A value that JSON has no form for: a number of numpy is a number, and anything else is text."""
    return value.item() if hasattr(value, "item") else str(value)


def _as_json_or_itself(value: Any) -> Any:
    """A value as it is after a journey through JSON."""
    return json.loads(json.dumps(value, default=_as_json))


def _slider_knob(name: str, values: list[Any], start: Mapping[str, Any], label: str, form: str) -> _Knob:
    shown = [form.format(value) for value in values]
    if len(values) < 2 or len(set(shown)) < len(shown):
        raise UsageError(f"the slider {name} needs at least two values, all different: {', '.join(shown)}")
    begin = start.get(name, values[0])
    if begin not in values:
        raise UsageError(f"{name} cannot start at {begin!r}: choose one of {', '.join(shown)}")
    return _Knob(name, label, values, shown, values.index(begin), form)


def _require_few(frames: int) -> None:
    if frames > MOST_FRAMES:
        raise UsageError(
            f"a control has at most {MOST_FRAMES} frames, and these values need {frames}: choose fewer"
        )


def _checked(frame: Frame, setting: str) -> Frame:
    """The frame, if it is one and has words."""
    if not isinstance(frame, Figure | Table):
        raise UsageError(f"{setting} The frame must be a Figure or a Table, not a {type(frame).__name__}")
    if not _words(frame):
        raise UsageError(f"{setting} The frame needs a caption that says what to see in it")
    return frame


def _words(frame: Frame) -> str:
    """What a frame says: its caption, or else its alt text."""
    return frame.caption.strip() or (frame.alt.strip() if isinstance(frame, Figure) else "")


def _runs(numbers: Iterable[int]) -> list[list[int]]:
    """Numbers as runs, each [first, how many]: what two frames share is mostly in one piece."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == sum(runs[-1]):
            runs[-1][1] += 1
        else:
            runs.append([n, 1])
    return runs


def _inside(frame: Frame, title: str) -> str:
    """The picture of a frame, under the title of its control if it has none of its own."""
    if isinstance(frame, Figure) and not frame.title:
        frame = replace(frame, title=title)
    return frame.inside
