"""matplotlib's drawings, made ours."""

from __future__ import annotations

import re

import pytest

from p2plib import figures

pyplot = pytest.importorskip("matplotlib.pyplot")


def curve(slope: float = 1.0) -> figures.Figure:
    fig, ax = figures.subplots()
    ax.plot([0, 1, 2], [0, slope / 3, slope * 2], label="measured")
    ax.scatter([1], [1], color="black")
    ax.text(0.2, 0.2, "in ink")
    ax.set_title("T", fontweight="bold")
    ax.legend()
    return figures.plot(fig, alt="A line.", caption="It rises.")


def test_the_same_plot_is_the_same_bytes_and_is_closed() -> None:
    before = pyplot.get_fignums()
    first, second = curve(), curve()
    assert first.html == second.html
    assert pyplot.get_fignums() == before


def test_the_last_bits_of_coordinates_which_processors_differ_in_are_not_seen() -> None:
    def drawn(left: float) -> str:
        fig = pyplot.figure(layout="none")
        ax = fig.add_axes((left, 0.1, 0.8, 0.8))
        ax.plot([0, 1, 2], [0, 1, 4], marker="o")
        return figures.plot(fig, alt="A line.").html

    assert drawn(0.1) == drawn(0.1 + 1e-12)
    assert drawn(0.1) != drawn(0.11)


def test_what_belongs_to_matplotlib_is_gone() -> None:
    svg = curve().svg
    for word in (
        "<style",
        "<metadata",
        "<!DOCTYPE",
        "<?xml",
        "xlink",
        "DejaVu",
        "dc:date",
        "ns0:",
        "#000000",
    ):
        assert word not in svg, word


def test_exponents_are_not_too_small_and_code_is_monospace() -> None:
    fig, ax = figures.subplots()
    ax.set_xscale("log")
    ax.plot([1, 1e6], [0, 1])
    ax.text(10, 0.5, "0x2a", family="monospace")
    svg = figures.plot(fig, alt="A line.").svg
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)px", svg)]
    assert min(sizes) == 10.8
    assert re.search(r"font-family: ui-monospace[^>]*>0x2a<", svg)


def test_two_plots_in_one_page_share_no_id() -> None:
    ids = [set(re.findall(r'\bid="([^"]+)"', curve(slope).svg)) for slope in (1.0, 2.0)]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_words_stay_words_and_sizes_stay() -> None:
    svg = curve().svg
    assert ">in ink</text>" in svg
    assert re.search(r'style="font-size: 14px[^"]*"[^>]*>in ink', svg)
    assert re.search(r'style="font-weight: (700|bold); font-size: 15px[^"]*"[^>]*>T<', svg)


def test_the_plot_is_as_wide_as_the_other_figures() -> None:
    figure = curve()
    assert (figure.width, figure.height) == (480, 300)


def test_style_uses_the_palette_and_dashes() -> None:
    figures.style()
    cycle = list(pyplot.rcParams["axes.prop_cycle"])
    assert [one["color"] for one in cycle] == list(figures.COLOURS)
    assert len({str(one["linestyle"]) for one in cycle}) == 8
