"""Scalable drawings as text: the few helpers that every picture of the handbook is made of.

Rules:

* The same values give the same bytes, on every machine and in every process: numbers have at most two
  decimals, and the ids of a drawing come from a hash of its content. The book's figures are compared byte
  for byte when it is tested.
* Every drawing is well-formed XML with a title, a description and `role="img"`, so that a screen reader has
  words for it.
* Ink is `currentColor`: a drawing takes the colour of the text around it, in a light page, a dark page and
  on paper.
* All that a drawing needs is in its attributes. A notebook in JupyterLab has no style sheet of ours.
* Nothing is loaded from anywhere.

Vocabulary: x grows to the right and y grows downward, both in pixels at natural size. A *part* is a piece
of SVG text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from p2plib.errors import UsageError

SANS = (
    "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Helvetica Neue',Arial,'Liberation Sans',sans-serif"
)
MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"

# The page behind a drawing: the book's theme and JupyterLab each name it; elsewhere the browser's own
# canvas colour.
PAPER = "var(--pst-color-background,var(--jp-layout-color0,Canvas))"

# A drawing up to this width keeps its 14 px letters at 10 px or more on a phone that is 390 px wide. A
# wider one gets a frame that scrolls sideways instead of letters nobody can read.
PHONE_WIDTH_PX = 480

# A wide drawing shrinks to this at most: notes of 13.5 px keep 10.
SMALLEST_SCALE = 0.75

# What a caption needs where there is no style sheet.
CAPTION_STYLE = "max-width:44em;margin:.6em auto 0;text-align:center;text-wrap:balance"

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Widths of letters in ems, after the widest of the usual fonts (DejaVu Sans, Verdana): what fits by them
# fits everywhere.
_EMS = {
    **dict.fromkeys("iIjl.,:;|!'` ", 0.33),
    **dict.fromkeys("ftr()[]{}/\\-", 0.41),
    **dict.fromkeys("mwMW@%&…—→←", 0.95),
    **dict.fromkeys("szcvkxyaeo", 0.58),
}


def number(value: float) -> str:
    """A coordinate as text: at most two decimals, no trailing zeros, never "-0"."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def escape(text: str) -> str:
    """Text that may stand in XML, in an element or between quotes; what XML forbids becomes U+FFFD."""
    text = _NOT_XML.sub("\ufffd", text)
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(char, entity)
    return text


def element(tag: str, content: str = "", /, **attributes: str | float | None) -> str:
    """One XML element.

    Args:
        tag: its name.
        content: what stands inside, already XML; an element without any is closed at once.
        attributes: in the order given; None leaves one out, `_` in a name is written `-`, a trailing `_` is
            dropped.

    Returns:
        The element as text, attribute values escaped and numbers written by `number`.
    """
    parts = [tag]
    for name, value in attributes.items():
        if value is not None:
            text = value if isinstance(value, str) else number(value)
            parts.append(f'{name.rstrip("_").replace("_", "-")}="{escape(text)}"')
    head = " ".join(parts)
    return f"<{head}>{content}</{tag}>" if content else f"<{head}/>"


def text_width(text: str, size_px: float, *, mono: bool = False, bold: bool = False) -> float:
    """About how many pixels a line of text takes: an estimate for layout, a little generous on purpose."""
    if mono:
        return 0.61 * size_px * len(text)
    ems = sum(
        _EMS.get(char) or (1.0 if ord(char) > 0x2E7F else 0.7 if char.isupper() else 0.635) for char in text
    )
    return ems * size_px * (1.09 if bold else 1.0)


def wrap(text: str, width_px: float, size_px: float, *, mono: bool = False, bold: bool = False) -> list[str]:
    """Break text into lines of at most a width; a word longer than a line is cut."""

    def fits(line: str) -> bool:
        return text_width(line, size_px, mono=mono, bold=bold) <= width_px

    lines: list[str] = []
    line = ""
    for word in text.split():
        joined = f"{line} {word}" if line else word
        if fits(joined):
            line = joined
            continue
        if line:
            lines.append(line)
        line = word
        while not fits(line) and len(line) > 1:
            cut = next((n for n in range(len(line) - 1, 1, -1) if fits(line[:n])), 1)
            lines.append(line[:cut])
            line = line[cut:]
    return [*lines, line] if line or not lines else lines


def shorten(text: str, width_px: float, size_px: float, *, bold: bool = False) -> str:
    """Text that fits into a width, its end replaced by "…" where it has to be."""
    if text_width(text, size_px, bold=bold) <= width_px:
        return text
    while text and text_width(text + "…", size_px, bold=bold) > width_px:
        text = text[:-1]
    return text.rstrip() + "…"


def balance(text: str, width_px: float, size_px: float, *, mono: bool = False) -> list[str]:
    """Break text into as few lines as `wrap` does, all about equally long: for centred words."""
    lines, words = wrap(text, width_px, size_px, mono=mono), " ".join(text.split())
    while len(lines) > 1:
        width_px -= 6
        tighter = wrap(text, width_px, size_px, mono=mono)
        if len(tighter) > len(lines) or " ".join(tighter) != words:  # one line more, or a word cut
            break
        lines = tighter
    return lines


def write(
    x: float,
    y: float,
    text: str,
    *,
    size: float = 14,
    anchor: str = "middle",
    bold: bool = False,
    mono: bool = False,
    fill: str = "currentColor",
    opacity: float | None = None,
    italic: bool = False,
    halo: bool = False,
    transform: str | None = None,
) -> str:
    """One line of text whose baseline starts, ends or is centred at a point.

    Args:
        x: where `anchor` ("start", "middle" or "end") puts the text.
        y: the baseline.
        text: any text; it is escaped.
        size: height of the letters in pixels.
        anchor: which part of the text stands at `x`.
        bold: heavier letters.
        mono: every letter equally wide, as bytes want it.
        fill: its colour.
        opacity: 0 to 1; None is 1.
        italic: slanted letters.
        halo: clear the page around the letters, for a label on top of lines.
        transform: an SVG transform, such as a rotation.
    """
    return element(
        "text",
        escape(text) or " ",
        x=x,
        y=y,
        font_size=size,
        text_anchor=None if anchor == "start" else anchor,
        font_weight="600" if bold else None,
        font_style="italic" if italic else None,
        font_family=MONO if mono else None,
        fill=None if fill == "currentColor" else fill,
        fill_opacity=opacity,
        transform=transform,
        style=f"paint-order:stroke;stroke:{PAPER};stroke-width:5px;stroke-linejoin:round" if halo else None,
    )


def content_id(*content: str) -> str:
    """An id that depends on nothing but the content: "hb" and ten hexadecimal digits of its SHA-256."""
    raw = "\x00".join(content).encode("utf8", "replace")
    return "hb" + hashlib.sha256(raw).hexdigest()[:10]


def require_words(what: str, words: str) -> str:
    """The words without space around them.

    Raises:
        UsageError: there are none. A figure without words is invisible to whoever cannot see it.
    """
    if not isinstance(words, str) or not words.strip():
        raise UsageError(f"a figure needs {what}: say in a sentence what it shows")
    return words.strip()


def caption_html(title: str, caption: str) -> str:
    """What stands under a figure: its title in bold, then what to see in it."""
    title = title and title + ("" if title[-1] in ".?!:…" else ".")
    return " ".join(
        part for part in (f"<strong>{escape(title)}</strong>" if title else "", escape(caption)) if part
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with words for it, ready for a page and for a notebook cell.

    Args:
        body: the SVG inside, made by the functions of this package.
        width: natural width in pixels.
        height: natural height in pixels.
        alt: what a reader who cannot see the drawing should know; required.
        title: a short name; shown in bold before the caption, read first by a screen reader. May be empty.
        caption: what to see in it, in a sentence or two. May be empty.
        quiet: the title is for a screen reader only and not shown beneath.
        linked: some parts are links, so that the drawing is a group of things and not one image.
        attributes: more attributes for the `svg` element.

    Raises:
        UsageError: `alt` is empty.

    Example:
        >>> Figure('<circle cx="50" cy="50" r="40"/>', 100, 100, alt="A disc.")
    """

    body: str
    width: float
    height: float
    alt: str
    title: str = ""
    caption: str = ""
    quiet: bool = False
    linked: bool = False
    attributes: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        require_words("alt text", self.alt)

    @property
    def id(self) -> str:
        """The id in the page, from the content."""
        return content_id(self.body, self.title, self.alt, self.caption)

    @property
    def svg(self) -> str:
        """The drawing alone: an `svg` element that shrinks with the page and never grows past its width."""
        uid, wide = self.id, self.width > PHONE_WIDTH_PX
        smallest = f"min-width:{number(self.width * SMALLEST_SCALE)}px;" if wide else ""
        heads = element("title", escape(self.title or "Figure"), id=f"{uid}-t")
        heads += element("desc", escape(self.alt), id=f"{uid}-d")
        return element(
            "svg",
            f"{heads}\n{self.body}\n",
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {number(self.width)} {number(self.height)}",
            role="group" if self.linked else "img",
            aria_labelledby=f"{uid}-t {uid}-d",
            font_family=SANS,
            fill="currentColor",
            style=f"display:block;width:100%;max-width:{number(self.width)}px;{smallest}"
            "height:auto;margin:0 auto",
            **(self.attributes or {}),
        )

    @property
    def inside(self) -> str:
        """The drawing without its caption; wider than a phone, it scrolls in its frame."""
        return scrollable(self.svg, self.width, self.title or self.alt)

    @property
    def html(self) -> str:
        """The drawing as a `figure` element with its caption."""
        words = caption_html("" if self.quiet else self.title, self.caption)
        under = f'<figcaption style="{CAPTION_STYLE}">{words}</figcaption>\n' if words else ""
        return f'<figure class="hb-figure" style="margin:1.25em 0">\n{self.inside}\n{under}</figure>'

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What Jupyter shows: the drawing, and where only text can be shown, its words."""
        words = f"{self.title}: {self.alt}" if self.title else self.alt
        return {"text/html": self.html, "text/plain": words}


def scrollable(svg: str, width: float, name: str) -> str:
    """Give a drawing that is too wide for a phone a frame that scrolls, by touch and by the keyboard."""
    if width <= PHONE_WIDTH_PX:
        return svg
    return (
        f'<div class="hb-scroll" style="overflow-x:auto" tabindex="0" role="group" '
        f'aria-label="{escape(name)}">\n{svg}\n</div>'
    )


def drawing(
    *parts: str | Iterable[str],
    width: float = 480,
    height: float,
    alt: str,
    title: str = "",
    caption: str = "",
) -> Figure:
    """A still figure made of parts: `peer`, `arrow`, `label`, `bubble`, `box`, or any SVG text.

    Args:
        parts: SVG text, drawn in order; later ones cover earlier ones.
        width: natural width in pixels; up to 480 it stays readable on a phone without scrolling.
        height: natural height in pixels.
        alt: words for a reader who cannot see it.
        title: a short name, may be empty.
        caption: what to see.
    """
    flat = [part if isinstance(part, str) else "\n".join(part) for part in parts]
    return Figure("\n".join(flat), width, height, alt, title, caption)
