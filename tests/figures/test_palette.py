"""The colours keep their promises: computed, not believed."""

from __future__ import annotations

from itertools import combinations

import pytest

from p2plib import figures
from p2plib.errors import UsageError
from p2plib.figures.palette import COLOURS, DASHES, PALETTE

PAGES = {"white": "#ffffff", "the dark page": "#14181e", "a darker page": "#121212"}

# Colour blindness as matrices over linear RGB: Machado, Oliveira and Fernandes (2009), severity 1.
EYES = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))


def linear(code: str) -> list[float]:
    parts = [int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def times(matrix: tuple[tuple[float, ...], ...], vector: list[float]) -> list[float]:
    return [sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix]


def contrast(a: str, b: str) -> float:
    dark, light = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(a), linear(b)))
    return (light + 0.05) / (dark + 0.05)


def lab(code: str, eyes: str) -> tuple[float, float, float]:
    seen = [min(1.0, max(0.0, part)) for part in times(EYES[eyes], linear(code))]
    x, y, z = (v / w for v, w in zip(times(XYZ, seen), (0.9505, 1.0, 1.089), strict=True))
    f = [v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z)]
    return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


def difference(a: str, b: str, eyes: str) -> float:
    return sum((p - q) ** 2 for p, q in zip(lab(a, eyes), lab(b, eyes), strict=True)) ** 0.5


@pytest.mark.parametrize("name", PALETTE)
@pytest.mark.parametrize("page", PAGES)
def test_every_colour_is_seen_on_every_page(name: str, page: str) -> None:
    assert contrast(PALETTE[name], PAGES[page]) >= 3


@pytest.mark.parametrize("eyes", EYES)
def test_the_first_six_stay_apart_to_all_eyes(eyes: str) -> None:
    worst = min((difference(a, b, eyes), a, b) for a, b in combinations(COLOURS[:6], 2))
    assert worst[0] >= 13, worst


@pytest.mark.parametrize("eyes", EYES)
def test_all_eight_stay_apart_a_little(eyes: str) -> None:
    worst = min((difference(a, b, eyes), a, b) for a, b in combinations(COLOURS, 2))
    assert worst[0] >= 7, worst


def test_every_colour_has_a_dash_of_its_own() -> None:
    assert len(set(DASHES)) == len(DASHES) == len(COLOURS) == 8


def test_a_peer_keeps_its_colour() -> None:
    names = ["Ada", "Ben", "Cy"]
    assert figures.colour("Ben", names) == COLOURS[1]
    assert figures.dash("Ada", names) == ""
    assert figures.colour("8", [str(i) for i in range(9)]) == COLOURS[0]
    with pytest.raises(UsageError, match="'Eve' is not among"):
        figures.colour("Eve", names)
