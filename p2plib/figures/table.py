"""Tables: rows of values that a reader compares, as HTML for a page and as plain text where there is none.

Both have the same cells. What cannot be printed (control characters, and those that turn the direction of
writing) is shown as U+FFFD, so that no value from the network breaks out of its row.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from p2plib.errors import UsageError
from p2plib.figures.svg import (
    CAPTION_STYLE,
    PHONE_WIDTH_PX,
    caption_html,
    element,
    escape,
    require_words,
    scrollable,
    text_width,
)

LETTERS_PX = 14
PADDING_PX = 9  # of a cell, left and right together
LONGEST_WORD = 16  # a longer one may be broken anywhere
BROKEN_PX = 60  # how narrow a column of such words may get
PHONE_PX = 345  # what a phone of 390 px leaves for a table
LINE = "1px solid rgba(128,128,128,.35)"
_TABLE = (
    f"border-collapse:collapse;border:none;margin:0 auto;width:auto;color:inherit;font-size:{LETTERS_PX}px;"
    "line-height:1.35;table-layout:auto"
)
_CELL = f"padding:4px {PADDING_PX / 2}px;vertical-align:top;white-space:normal"
_SIGN = re.compile("([→✕]) ")  # these stay with what follows them


def printable(text: str) -> str:
    """Return text on one line, without what could not be seen or would move what stands beside it."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def _words(text: str) -> list[str]:
    return _SIGN.sub(r"\1_", text).split(" ")


def _word_px(word: str) -> float:
    return BROKEN_PX if len(word) > LONGEST_WORD else text_width(word, LETTERS_PX)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of values with a head, ready for a page and for a notebook cell.

    Args:
        head: the name of each column.
        rows: the cells; as many in each row as the head has.
        title: what the table shows; required.
        caption: what to see in it.
        numbers: which columns hold numbers, from 0; they are aligned at the right.
        total: whether the last row sums up the others.

    Raises:
        UsageError: no title, no column, or a row of another length.

    Example:
        >>> Table(["peer", "packets"], [["ana", "12"]], title="Who sent how much", numbers=[1])
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str
    caption: str = ""
    numbers: Collection[int] = ()
    total: bool = False

    def __post_init__(self) -> None:
        require_words("a title", self.title)
        if not self.head:
            raise UsageError("a table needs at least one column")
        for row in self.rows:
            if len(row) != len(self.head):
                raise UsageError(f"a row has {len(row)} cells, where the head has {len(self.head)}: {row!r}")

    @property
    def inside(self) -> str:
        """The table without its caption; wider than a phone, it scrolls in its frame."""
        head = "".join(self._cell("th", i, text, "1px solid") for i, text in enumerate(self.head))
        lines = [f'<tr style="background:none">{head}</tr>']
        for number, row in enumerate(self.rows, 1):
            last = self.total and number == len(self.rows)
            lines.append(
                '<tr style="background:none">'
                + "".join(self._cell("td", i, text, LINE, last) for i, text in enumerate(row))
                + "</tr>"
            )
        body = "\n".join(["", "<thead>", lines[0], "</thead>", "<tbody>", *lines[1:], "</tbody>", ""])
        table = element("table", body, aria_label=self.title, style=_TABLE)
        wide = self.narrowest_px > PHONE_PX
        return scrollable(table, PHONE_WIDTH_PX + 1 if wide else 0, self.title)

    @property
    def html(self) -> str:
        """The table as a `figure` element with its caption."""
        under = f'<figcaption style="{CAPTION_STYLE}">{caption_html(self.title, self.caption)}</figcaption>'
        return f'<figure class="hb-figure" style="margin:1.25em 0">\n{self.inside}\n{under}\n</figure>'

    @property
    def narrowest_px(self) -> float:
        """About how narrow the table can get: words stay whole, but for very long ones."""
        columns = zip(self.head, *self.rows, strict=True)
        return sum(
            PADDING_PX + max(_word_px(word) for text in column for word in _words(text)) for column in columns
        )

    def _cell(self, tag: str, column: int, text: str, line: str, bold: bool = False) -> str:
        style = f"{_CELL};border-bottom:{line};font-weight:{600 if bold or tag == 'th' else 'inherit'}"
        if column in self.numbers:
            style += ";text-align:right;font-variant-numeric:tabular-nums"
        else:
            style += ";text-align:left"
        if any(len(word) > LONGEST_WORD for word in text.split(" ")):
            style += ";overflow-wrap:anywhere"
        content = _SIGN.sub("\\1\u00a0", escape(printable(text)))
        return element(tag, content, scope="col" if tag == "th" else None, style=style)

    @property
    def text(self) -> str:
        """The table as plain text, title first."""
        cells = [[printable(text) for text in row] for row in (self.head, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(
                text.rjust(width) if i in self.numbers else text.ljust(width)
                for i, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in cells
        ]
        rule = "  ".join("-" * width for width in widths)
        words = [printable(self.caption)] if self.caption else []
        return "\n".join([printable(self.title), lines[0], rule, *lines[1:], *words])

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What Jupyter shows: the table, and where only text can be shown, the same in text."""
        return {"text/html": self.html, "text/plain": self.text}
