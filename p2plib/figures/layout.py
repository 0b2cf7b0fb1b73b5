"""Byte layouts: what each byte of a message is, drawn from the fields that its codec returns.

Rows of equal length show the bytes in hexadecimal, the offset of each row at its left. A box goes round the
bytes of one field; its name stands in the box where it fits, and its number always leads to the list beneath.
A field that fills many rows is folded: first row, how many bytes are left out, last row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from p2plib.errors import UsageError
from p2plib.figures.palette import COLOURS, TINT
from p2plib.figures.svg import (
    MONO,
    PHONE_WIDTH_PX,
    Figure,
    element,
    number,
    require_words,
    text_width,
    wrap,
    write,
)
from p2plib.wire.fields import Field

ROW_PX = 46
ROW_GAP_PX = 7
PLAIN_ROW_PX = 29  # of a row in which no field begins
FOLD_PX = 29
GUTTER_PX = 40  # where the offsets stand
HEX_PX = 14
NAME_PX = 13.5
LINE_PX = 19  # from one line of the list to the next
NOTE_ROOM_PX = 150  # a narrower column of notes would be a tower of words
WHOLE_ROWS = 3  # a field that fills more rows than this is folded


@dataclass(frozen=True, slots=True)
class _Run:
    """The bytes of one field in one row."""

    field: int
    row: int
    column: int
    raw: bytes
    first: bool
    last: bool


def byte_layout(
    fields: Sequence[Field], *, title: str, caption: str = "", bytes_per_row: int = 16, legend: bool = True
) -> Figure:
    """Draw a message byte by byte.

    Args:
        fields: what a codec's `dissect(raw)` returned.
        title: what the message is; required, it begins the alt text.
        caption: what to see in the figure.
        bytes_per_row: 8 or 16 read well; 1 to 16.
        legend: list the fields with sizes and notes beneath the boxes.

    Returns:
        A figure whose alt text names every field, its size and its first bytes.

    Raises:
        UsageError: no fields, no title, or a row length out of range.

    Example:
        >>> byte_layout(sealed.dissect(raw), title="A sealed message")
    """
    title = require_words("a title", title)
    if not fields:
        raise UsageError("a byte layout needs at least one field")
    if not 1 <= bytes_per_row <= 16:
        raise UsageError(f"a row holds 1 to 16 bytes, not {bytes_per_row}")
    names = list(dict.fromkeys(field.name for field in fields))
    colours = [COLOURS[names.index(field.name) % len(COLOURS)] for field in fields]
    cell = min(44.0, (PHONE_WIDTH_PX - GUTTER_PX - 8) / bytes_per_row)
    runs = _runs(fields, bytes_per_row)
    hidden = _folded_rows(runs, fields, bytes_per_row)
    tops = _row_tops(runs, hidden)
    parts = [
        _run(run, fields, colours[run.field], cell, tops[run.row]) for run in runs if run.row not in hidden
    ]
    parts.append(_offsets(sorted({run.row for run in runs} - set(hidden)), tops, bytes_per_row))
    for i in dict.fromkeys(hidden.values()):
        rows = [row for row, field in hidden.items() if field == i]
        count = len(rows) * bytes_per_row
        parts.append(_fold(fields[i], colours[i], count, tops[rows[0]][0], cell * bytes_per_row))
    height = max((top + high for top, high in tops.values()), default=0.0) + ROW_GAP_PX
    width = max(GUTTER_PX + cell * bytes_per_row + 8, 360.0 if legend else 0.0)
    if legend:
        listed, height = _legend(fields, colours, width, height + 8)
        parts += listed
    return Figure("\n".join(parts), width, height, _alt(fields), title, caption)


def _runs(fields: Sequence[Field], bytes_per_row: int) -> list[_Run]:
    runs, offset = [], 0
    for i, field in enumerate(fields):
        done = 0
        while done < field.size_bytes:
            row, column = divmod(offset + done, bytes_per_row)
            raw = field.raw[done : done + bytes_per_row - column]
            last = done + len(raw) == field.size_bytes
            runs.append(_Run(i, row, column, raw, done == 0, last))
            done += len(raw)
        offset += field.size_bytes
    return runs


def _folded_rows(runs: Sequence[_Run], fields: Sequence[Field], bytes_per_row: int) -> dict[int, int]:
    """Rows that are not drawn, each with the field that it belongs to."""
    hidden: dict[int, int] = {}
    for i in range(len(fields)):
        whole = [run.row for run in runs if run.field == i and len(run.raw) == bytes_per_row]
        ends_whole = any(run.field == i and run.last and len(run.raw) == bytes_per_row for run in runs)
        if len(whole) > WHOLE_ROWS:
            hidden |= dict.fromkeys(whole[1:-1] if ends_whole else whole[1:], i)
    return hidden


def _row_tops(runs: Sequence[_Run], hidden: dict[int, int]) -> dict[int, tuple[float, float]]:
    """Where each row begins and how high it is.

    A row in which no field begins needs no room for names; a folded stretch of rows shares one low band.
    """
    tops: dict[int, tuple[float, float]] = {}
    y = 4.0
    for row in range(max((run.row for run in runs), default=-1) + 1):
        named = any(run.first for run in runs if run.row == row)
        height: float = FOLD_PX if row in hidden else ROW_PX if named else PLAIN_ROW_PX
        tops[row] = (y, height)
        if row not in hidden or hidden.get(row + 1) != hidden[row]:
            y += height + ROW_GAP_PX
    return tops


def _run(run: _Run, fields: Sequence[Field], tint: str, cell: float, place: tuple[float, float]) -> str:
    """A box round bytes of one field, and its number and name where it begins."""
    top, height = place
    left, width = GUTTER_PX + run.column * cell + 1.5, len(run.raw) * cell - 3
    out = element("path", d=_box(left, top, width, height, run.first, run.last), **_look(tint))
    digits = "".join(
        element("text", f"{byte:02x}", x=GUTTER_PX + (run.column + i + 0.5) * cell, y=top + 19)
        for i, byte in enumerate(run.raw)
    )
    out += element("g", digits, font_family=MONO, font_size=HEX_PX, text_anchor="middle")
    if run.first:
        words = f"{run.field + 1}  {fields[run.field].name}"
        if text_width(words, NAME_PX) > width - 8:
            words = str(run.field + 1)
        out += write(left + width / 2, top + 38, words, size=NAME_PX, opacity=0.85)
    return element("g", out)


def _look(tint: str) -> dict[str, str | float]:
    return {"fill": tint, "fill_opacity": TINT, "stroke": tint, "stroke_width": 1.5}


def _box(x: float, y: float, w: float, h: float, first: bool, last: bool, r: float = 7) -> str:
    """A box with round corners where the field begins and ends, square ones where another row goes on."""
    a, b = (r if first else 1.5), (r if last else 1.5)
    n = number
    return (
        f"M{n(x + a)} {n(y)}H{n(x + w - b)}Q{n(x + w)} {n(y)} {n(x + w)} {n(y + b)}V{n(y + h - b)}"
        f"Q{n(x + w)} {n(y + h)} {n(x + w - b)} {n(y + h)}H{n(x + a)}Q{n(x)} {n(y + h)} {n(x)} {n(y + h - a)}"
        f"V{n(y + a)}Q{n(x)} {n(y)} {n(x + a)} {n(y)}Z"
    )


def _offsets(rows: Iterable[int], tops: Mapping[int, tuple[float, float]], bytes_per_row: int) -> str:
    out = "".join(
        element("text", str(row * bytes_per_row), x=GUTTER_PX - 9, y=tops[row][0] + 19) for row in rows
    )
    return element("g", out, font_family=MONO, font_size=NAME_PX, text_anchor="end", fill_opacity=0.65)


def _fold(field: Field, tint: str, count: int, top: float, width: float) -> str:
    """The band that stands for the bytes left out."""
    look = {**_look(tint), "fill_opacity": TINT / 2, "stroke_dasharray": "2 4"}
    band = element("rect", x=GUTTER_PX + 1.5, y=top, width=width - 3, height=FOLD_PX, rx=1.5, **look)
    words = f"⋮  {count} more bytes of {field.name}"
    if text_width(words, NAME_PX) > width - 16:
        words = f"⋮  {count} more bytes"
    return element("g", band + write(GUTTER_PX + width / 2, top + FOLD_PX / 2 + 5, words, size=NAME_PX))


def _size(field: Field) -> str:
    return f"{field.size_bytes} byte{'' if field.size_bytes == 1 else 's'}"


def _legend(
    fields: Sequence[Field], colours: Sequence[str], width: float, y: float
) -> tuple[list[str], float]:
    """The fields as a table: number, name, size, note. Returns the parts and where they end."""
    sizes = [_size(field) for field in fields]
    left, size_room = 36.0, max(text_width(size, NAME_PX) for size in sizes)
    names = min(
        max(text_width(field.name, NAME_PX, bold=True) for field in fields), width - left - size_room - 18
    )
    second, third = left + names + 12, left + names + size_room + 28
    beside = width - third - 4 >= NOTE_ROOM_PX  # else notes go beneath the names
    parts = []
    for i, (field, tint) in enumerate(zip(fields, colours, strict=True)):
        row = element("rect", x=6, y=y, width=22, height=20, rx=6, **_look(tint))
        row += write(17, y + 15, str(i + 1), size=NAME_PX)
        lines = wrap(field.name, names, NAME_PX, bold=True)
        row += "".join(
            write(left, y + 15 + LINE_PX * j, line, size=NAME_PX, anchor="start", bold=True)
            for j, line in enumerate(lines)
        )
        row += write(second, y + 15, sizes[i], size=NAME_PX, anchor="start", opacity=0.75)
        note_x, note_room = (third, width - third - 4) if beside else (left, width - left - 4)
        note = wrap(field.note, note_room, NAME_PX) if field.note else []
        start = 0 if beside else len(lines)
        row += "".join(
            write(note_x, y + 15 + LINE_PX * (start + j), line, size=NAME_PX, anchor="start", opacity=0.88)
            for j, line in enumerate(note)
        )
        parts.append(element("g", row))
        y += LINE_PX * max(len(lines), start + len(note)) + 9
    return parts, y


def _alt(fields: Sequence[Field]) -> str:
    total = sum(field.size_bytes for field in fields)
    told = []
    for field in fields:
        shown = field.raw[:4].hex(" ") + (" …" if field.size_bytes > 4 else "")
        note = f", {field.note}" if field.note else ""
        told.append(f"{field.name}, {_size(field)}" + (f" ({shown})" if shown else "") + note)
    return f"{total} bytes in {len(fields)} field{'' if len(fields) == 1 else 's'}: " + "; ".join(told) + "."
