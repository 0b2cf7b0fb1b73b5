"""A figure in steps: slider, buttons and arrow keys lead through it, in a page that has no kernel behind it.

Rules:

* The page needs nothing but itself: the script of a few lines travels with the figure, and works from a file.
* Without a script, and on paper, the last step is shown: each part carries the first and the last step that
  it belongs to, and those that are gone by the end begin hidden.
* Every caption is in a list under the figure: whoever cannot see the drawing reads the story there.
* Several players in one page do not know of one another.

Vocabulary: a *part* is SVG text; a *step* is one state of the figure, with a caption. Inside, steps count
from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from p2plib.errors import UsageError
from p2plib.figures.frames import BAR_STYLE, COUNTER_STYLE, ON_PAPER, SLIDER_STYLE, in_words, waking
from p2plib.figures.svg import (
    CAPTION_STYLE,
    Figure,
    caption_html,
    element,
    escape,
    require_words,
    scrollable,
)

# The page's side of a player.
SCRIPT = waking(
    "hb-player",
    "bar=q('.hb-bar'),s=q('input'),o=q('output'),"
    "c=q('.hb-step'),"
    "back=q('.hb-back'),on=q('.hb-on'),d=q('details'),words=f.querySelectorAll('details li'),"
    "parts=f.querySelectorAll('[data-from]'),before=null;"
    "function show(n){s.value=n;parts.forEach(function(p){var out=+p.dataset.from>n||n>+p.dataset.to;"
    "if(out){p.setAttribute('display','none')}else{p.removeAttribute('display')}});"
    "o.textContent=(n+1)+' / '+words.length;c.textContent=words[n].textContent;"
    "s.setAttribute('aria-valuetext','Step '+(n+1)+' of '+words.length);"
    "back.disabled=n===0;on.disabled=n===words.length-1}"
    "function paper(){if(before===null){before=[+s.value,d.open];show(words.length-1);d.open=true}}"
    "function screen(){if(before!==null){show(before[0]);d.open=before[1];before=null}}"
    "s.addEventListener('input',function(){show(+s.value)});"
    "back.addEventListener('click',function(){show(Math.max(0,+s.value-1))});"
    "on.addEventListener('click',function(){show(Math.min(words.length-1,+s.value+1))});"
    f"{ON_PAPER}bar.style.display='flex';show(0)",
)

_BUTTON = (
    "min-width:44px;min-height:40px;font:inherit;font-size:18px;line-height:1;color:inherit;background:transparent;"
    "border:1px solid currentColor;border-radius:8px;cursor:pointer"
)


@dataclass(slots=True)
class _Part:
    svg: str
    first: int
    last: int | None = None


class Player:
    """A figure that the reader steps through.

    Args:
        title: what it shows; required.
        width: natural width in pixels; up to 480 it stays readable on a phone without scrolling.
        height: natural height in pixels.

    Raises:
        UsageError: no title.

    Example:
        >>> p = Player("A greeting", height=160)
        >>> p.keep(peer(80, 60, "Ada"), peer(400, 60, "Ben"))
        >>> p.step("Ada says hello.", arrow((80, 60), (400, 60), "hello"))
        >>> p.step("Ben answers.", arrow((400, 60), (80, 60), "hello, Ada"))
        >>> p
    """

    def __init__(self, title: str, width: float = 480, height: float = 320) -> None:
        self.title = require_words("a title", title)
        self.width = width
        self.height = height
        self.captions: list[str] = []
        self._parts: list[_Part] = []
        self._layers: list[tuple[str, tuple[int, ...]]] = []  # what `picture` drew last, and its tokens

    def step(self, caption: str, *parts: str) -> None:
        """Begin the next step.

        Args:
            caption: what happens in it, in a sentence; required.
            parts: SVG text that is there in this step only.

        Raises:
            UsageError: no caption.
        """
        self.captions.append(require_words("a caption for every step", caption))
        self.show(*parts)

    def show(self, *parts: str) -> None:
        """Add parts that are there in the present step only.

        Raises:
            UsageError: no step has begun.
        """
        if parts and not self.captions:
            raise UsageError("begin a step first, or keep() what is there from the start")
        now = len(self.captions) - 1
        self._parts += [_Part(part, now, now) for part in parts]

    def keep(self, *parts: str) -> tuple[int, ...]:
        """Add parts that stay from the present step on; before the first step, for the whole figure.

        Returns:
            Tokens for `drop`.
        """
        now = max(0, len(self.captions) - 1)
        self._parts += [_Part(part, now) for part in parts]
        return tuple(range(len(self._parts) - len(parts), len(self._parts)))

    def drop(self, tokens: tuple[int, ...]) -> None:
        """Take kept parts away from the present step on.

        Args:
            tokens: what `keep` returned.

        Raises:
            UsageError: a part is gone already.
        """
        for token in tokens:
            part = self._parts[token]
            if part.last is not None:
                raise UsageError("this part is gone already")
            part.last = len(self.captions) - 2

    def picture(self, caption: str, parts: Sequence[str]) -> None:
        """Begin a step that shows these parts, the lowest first, and nothing else that `picture` drew before.

        Args:
            caption: what happens in it, in a sentence; required.
            parts: SVG text. As many of the lowest as are what they were stay; what is above a change is drawn
                again, so that it stays above.
        """
        self.step(caption)
        same = 0
        while same < min(len(parts), len(self._layers)) and parts[same] == self._layers[same][0]:
            same += 1
        for _, tokens in self._layers[same:]:
            self.drop(tokens)
        self._layers[same:] = [(part, self.keep(part)) for part in parts[same:]]

    def _body(self) -> str:
        end = len(self.captions) - 1
        out = []
        for part in self._parts:
            last = end if part.last is None else part.last
            if part.first == 0 and last == end:
                out.append(part.svg)
            elif part.first <= last:
                hidden = "none" if last < end else None
                out.append(element("g", part.svg, data_from=part.first, data_to=last, display=hidden))
        return "\n".join(out)

    @property
    def alt(self) -> str:
        """The whole story in words."""
        return " ".join(f"{i}. {caption}" for i, caption in enumerate(self.captions, 1))

    @property
    def html(self) -> str:
        """The figure with its bar, its captions and its script.

        Raises:
            UsageError: there is no step yet.
        """
        if not self.captions:
            raise UsageError("a player needs at least one step")
        count = len(self.captions)
        alt = f"A figure in {count} step{'' if count == 1 else 's'}; all are told in words below."
        figure = Figure(self._body(), self.width, self.height, alt, self.title)
        return "\n".join(
            [
                '<figure class="hb-figure hb-player" style="margin:1.25em 0">',
                scrollable(figure.svg, self.width, self.title),
                self._bar(),
                f'<figcaption style="{CAPTION_STYLE};min-height:3.2em">{caption_html(self.title, "")} '
                f'<span class="hb-step" aria-live="polite">{escape(self.captions[-1])}</span></figcaption>',
                *in_words("All steps in words", self.captions, ordered=True),
                f"<script>{SCRIPT}</script>",
                "</figure>",
            ]
        )

    def _bar(self) -> str:
        """Buttons, slider and counter; hidden until the script is there to serve them."""
        count = len(self.captions)
        button = f'<button type="button" style="{_BUTTON}"'
        return (
            f'<div class="hb-bar" style="{BAR_STYLE}">'
            f'{button} class="hb-back" aria-label="Previous step">‹</button>'
            f'<input type="range" min="0" max="{count - 1}" value="{count - 1}" step="1" autocomplete="off" '
            f'aria-label="Step of: {escape(self.title)}" style="{SLIDER_STYLE}"/>'
            f'{button} class="hb-on" aria-label="Next step">›</button>'
            f'<output style="{COUNTER_STYLE}">{count} / {count}</output></div>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What Jupyter shows: the figure, and where only text can be shown, its story."""
        return {"text/html": self.html, "text/plain": f"{self.title}: {self.alt}"}
