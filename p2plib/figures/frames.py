"""What figures with several states have in common: the bar, the words, the script that wakes them, printing.

A `Player` goes through steps, a `Control` through settings. Each shows one state at a time, describes all of
them in words below, and brings a short script along. Rules:

* The page needs nothing but itself, and works from a file. Without the script, one state is shown.
* A script finds the figures of its kind that are not awake yet. So several in one page need not know of one
  another, and a figure that is shown twice works twice.
* A script is written without "<" and "&", so that the page stays well-formed XML.
* On paper, one state is shown and the words are unfolded; afterwards everything is as it was.
"""

from __future__ import annotations

from collections.abc import Iterable

from p2plib.figures.palette import BLUE
from p2plib.figures.svg import PHONE_WIDTH_PX, escape

# A bar is hidden until the script runs.
BAR_STYLE = "display:none;align-items:center;justify-content:center;gap:10px;max-width:480px;margin:.5em auto"
SLIDER_STYLE = f"flex:1;min-width:60px;accent-color:{BLUE}"
COUNTER_STYLE = "min-width:3.4em;text-align:right;font-variant-numeric:tabular-nums"

# The part of a script that deals with printing. The code around it defines `paper` and `screen`; either
# may be called twice, for browsers differ in what they report.
ON_PAPER = (
    "addEventListener('beforeprint',paper);addEventListener('afterprint',screen);"
    "if(window.matchMedia){matchMedia('print').addEventListener('change',function(e){e.matches?paper():screen()})}"
)


def waking(kind: str, body: str) -> str:
    """A script that runs once for each figure of a kind.

    Args:
        kind: the class of their `figure` elements.
        body: what to do with each; in it, `f` is the figure and `q` finds elements inside it.
    """
    return (
        f"(function(){{document.querySelectorAll('figure.{kind}:not([data-ready])').forEach(function(f){{"
        "f.setAttribute('data-ready','');"
        f"var q=function(s){{return f.querySelector(s)}},{body}}})}})()"
    )


def in_words(summary: str, states: Iterable[str], *, ordered: bool) -> list[str]:
    """All states in words, folded: the lines of a `details` element.

    Args:
        summary: the text to show while it is folded.
        states: a sentence or two for each state.
        ordered: whether the states follow one another.
    """
    tag = "ol" if ordered else "ul"
    return [
        f'<details style="max-width:{PHONE_WIDTH_PX}px;margin:0 auto">',
        f"<summary>{escape(summary)}</summary>",
        f"<{tag}>",
        *(f"<li>{escape(words)}</li>" for words in states),
        f"</{tag}>",
        "</details>",
    ]
