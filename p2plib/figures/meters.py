"""Meters: a few numbers as bars, each on a scale of its own that stays where it is.

They are made for the frames of a control: when a slider moves, the same bars grow and shrink, and you see by
how much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from p2plib.errors import UsageError
from p2plib.figures.palette import BLUE
from p2plib.figures.svg import Figure, element, number, write

WIDTH = 480
ROW_PX = 52
BAR_PX = 14
LETTERS_PX = 15  # 11 px on a phone


@dataclass(frozen=True, slots=True)
class Meter:
    """One number.

    Args:
        name: what is measured.
        value: from 0 to `most`.
        most: the value at which the bar is full; the same in all frames of a control.
        text: the value as it is written beside the name; by default with at most two decimals.
        colour: the bar's colour.

    Raises:
        UsageError: the value is not on the scale.
    """

    name: str
    value: float
    most: float
    text: str = ""
    colour: str = BLUE

    def __post_init__(self) -> None:
        if not 0 <= self.value <= self.most or not 0 < self.most < math.inf:
            raise UsageError(f"{self.name} is {self.value}, which is not on its scale from 0 to {self.most}")

    @property
    def written(self) -> str:
        """The value as text."""
        return self.text or number(self.value)


def meters(rows: Sequence[Meter], *, title: str = "", caption: str = "") -> Figure:
    """Numbers as bars, one below the other.

    Args:
        rows: at least one.
        title: a short name; it may be empty.
        caption: what to see.

    Returns:
        A figure 480 px wide, whose alt text is made from the numbers.

    Raises:
        UsageError: there is no row.
    """
    if not rows:
        raise UsageError("meters need at least one number to show")
    body = "\n".join(part for i, row in enumerate(rows) for part in _row(row, i * ROW_PX))
    alt = "; ".join(f"{row.name}: {row.written}" for row in rows) + "."
    return Figure(body, WIDTH, len(rows) * ROW_PX, alt, title, caption)


def _row(row: Meter, y: float) -> list[str]:
    bar = {"x": 1.0, "y": y + 27, "height": float(BAR_PX), "rx": 4.0}
    filled = (WIDTH - 2) * row.value / row.most
    return [
        write(1, y + 19, row.name, size=LETTERS_PX, anchor="start"),
        write(WIDTH - 1, y + 19, row.written, size=LETTERS_PX, anchor="end", bold=True),
        element("rect", **bar, width=float(WIDTH - 2), fill_opacity=0.09),
        element("rect", **bar, width=filled, fill=row.colour),
    ]
