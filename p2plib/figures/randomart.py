"""Pictures of keys for human eyes: OpenSSH's randomart, and a coloured one.

Randomart is the walk of a drunken bishop over a board of 17 by 9 squares (`key_fingerprint_randomart` in
OpenSSH's `sshkey.c`; analysed by Loss, Limmer and von Gernler, "The drunken bishop", 2009). The bishop
starts in the middle. Each byte gives four steps, its lowest two bits first; of the two, the lower says
right (1) or left (0), the higher down (1) or up (0); at a wall he slides along it. A square shows how often
he stood on it, S where he began, E where he ended.

Vocabulary: *data* is what is walked, for OpenSSH the SHA-256 digest of the public key's blob.
"""

from __future__ import annotations

import hashlib

from p2plib.errors import UsageError
from p2plib.figures.palette import AMBER, BLUE, GREEN, PLUM, SKY, VERMILION, colour_name
from p2plib.figures.svg import Figure, element, number

COLUMNS, ROWS = 17, 9
VISITS = " .o+=*BOX@%&#/^"  # how often the bishop was here; more than 14 times stays at the last
START, END = "S", "E"


def randomart(data: bytes, *, title: str = "", footer: str = "") -> str:
    """The drunken bishop's walk, exactly as OpenSSH draws it.

    Args:
        data: what to walk; OpenSSH walks a digest of 32 bytes (SHA-256) or 16 (MD5).
        title: stands in the upper border in brackets, such as "ED25519 256"; at most 15 characters.
        footer: stands in the lower border in brackets, such as "SHA256"; at most 15 characters.

    Returns:
        11 lines of 19 characters, without a final line break.

    Raises:
        UsageError: no data, or a title or footer that is too long.

    Example:
        >>> print(randomart(hashlib.sha256(key.raw).digest(), title="ADA"))
    """
    if not data:
        raise UsageError("there is nothing to walk: randomart needs at least one byte")
    visits = [[0] * COLUMNS for _ in range(ROWS)]
    x, y = COLUMNS // 2, ROWS // 2
    for byte in data:
        for shift in (0, 2, 4, 6):
            pair = byte >> shift
            x = min(max(x + (1 if pair & 1 else -1), 0), COLUMNS - 1)
            y = min(max(y + (1 if pair & 2 else -1), 0), ROWS - 1)
            visits[y][x] = min(visits[y][x] + 1, len(VISITS) - 1)
    board = [[VISITS[count] for count in row] for row in visits]
    board[ROWS // 2][COLUMNS // 2] = START
    board[y][x] = END
    rows = [f"|{''.join(row)}|" for row in board]
    return "\n".join([_border(title), *rows, _border(footer)])


def _border(words: str) -> str:
    inside = f"[{words}]" if words else ""
    if len(inside) > COLUMNS:
        raise UsageError(f"{words!r} does not fit into the border: at most {COLUMNS - 2} characters")
    left = (COLUMNS - len(inside)) // 2
    return f"+{'-' * left}{inside}{'-' * (COLUMNS - left - len(inside))}+"


# Pairs of colours that stay apart for colour-blind eyes and in grey; the shapes differ too.
_PAIRS = (
    (BLUE, AMBER),
    (GREEN, AMBER),
    (PLUM, SKY),
    (VERMILION, SKY),
    (BLUE, VERMILION),
    (PLUM, AMBER),
    (GREEN, PLUM),
    (VERMILION, AMBER),
)
_SHAPES = ("", "disc", "square", "diamond", "ring", "cross", "dot", "bar")
_GRID, _CELL, _EDGE = 5, 26, 15


def key_picture(data: bytes, *, alt: str = "", caption: str = "") -> Figure:
    """A small symmetric picture that is very likely different for different keys.

    Five rows of three shapes (the outer two mirrored to the right), eight shapes and two colours: 2^63
    pictures. It helps to notice a change; to be sure, compare the key itself, since an attacker can search
    for a key whose picture looks alike.

    Args:
        data: the key, any length from one byte.
        alt: words for it; by default the shapes of the picture, row by row.
        caption: what stands beneath.

    Raises:
        UsageError: no data.

    Example:
        >>> key_picture(key.raw, caption="Ada")
    """
    if not data:
        raise UsageError("there is nothing to draw: a key has at least one byte")
    bits = int.from_bytes(hashlib.sha256(b"handbook key picture" + data).digest(), "big")
    bits, pair = divmod(bits, len(_PAIRS))
    side = _GRID * _CELL + 2 * _EDGE
    out = element(
        "rect",
        x=2,
        y=2,
        width=side - 4,
        height=side - 4,
        rx=18,
        fill=_PAIRS[pair][0],
        fill_opacity=0.1,
        stroke=_PAIRS[pair][0],
        stroke_width=2,
    )
    rows = []
    for row in range(_GRID):
        words = []
        for column in range(3):
            bits, which = divmod(bits, len(_SHAPES))
            bits, second = divmod(bits, 2)
            tint = _PAIRS[pair][second]
            for place in {column, _GRID - 1 - column} if _SHAPES[which] else ():
                out += _shape(
                    _SHAPES[which], _EDGE + (place + 0.5) * _CELL, _EDGE + (row + 0.5) * _CELL, tint
                )
            words.append(f"{colour_name(tint)} {_SHAPES[which]}" if _SHAPES[which] else "empty")
        rows.append(f"row {row + 1}: {', '.join(words)}")
    described = alt or f"A symmetric picture of a key; left half to the middle, {'; '.join(rows)}."
    return Figure(out, side, side, described, "A key's picture", caption, quiet=True)


def _shape(name: str, x: float, y: float, tint: str) -> str:
    r = _CELL * 0.42
    if name in ("disc", "dot"):
        return element("circle", cx=x, cy=y, r=r if name == "disc" else r * 0.45, fill=tint)
    if name == "ring":
        return element("circle", cx=x, cy=y, r=r * 0.78, fill="none", stroke=tint, stroke_width=4)
    if name == "square":
        return element(
            "rect", x=x - r * 0.88, y=y - r * 0.88, width=r * 1.76, height=r * 1.76, rx=3, fill=tint
        )
    if name == "bar":
        return element("rect", x=x - r * 0.32, y=y - r, width=r * 0.64, height=r * 2, rx=3, fill=tint)
    if name == "diamond":
        a, b = number(r), number(-r)
        return element("path", d=f"M{number(x)} {number(y - r)}l{a} {a}l{b} {a}l{b} {b}Z", fill=tint)
    size = r * 0.72
    a, b = number(2 * size), number(-2 * size)
    return element(
        "path",
        d=f"M{number(x - size)} {number(y - size)}l{a} {a}m0 {b}l{b} {a}",
        stroke=tint,
        stroke_width=5,
        stroke_linecap="round",
        fill="none",
    )
