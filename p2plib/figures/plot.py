"""Plots of matplotlib as inline drawings: the same bytes every time, ink that follows the page, words beside.

matplotlib is imported only when a plot is made. Its SVG carries a date, random ids, a style rule for the
whole page and black ink; all of that is taken out here.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from p2plib.figures.palette import COLOURS
from p2plib.figures.svg import MONO, Figure, content_id, number, require_words

_SVG, _XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
_DECIMALS = re.compile(r"-?\d+\.\d{3,}")
_PREFIX = "hb-plot"  # stands for the content's id until the content is known
_URL = re.compile(r"url\(#([\w-]+)\)")
_REFERENCE = re.compile(r"(?:url\(|href=\")#([\w-]+)")
SMALLEST_PX = 10.8


def style() -> None:
    """Set matplotlib's defaults to the handbook's: our colours and dashes, quiet axes, letters as everywhere.

    Example:
        >>> figures.style()
        >>> fig, ax = plt.subplots()
    """
    import matplotlib as mpl
    from cycler import cycler  # type: ignore[import-untyped,unused-ignore]

    dashes = ["-", "--", ":", "-.", (0, (8, 3)), (0, (3, 3)), (0, (6, 2, 1, 2, 1, 2)), (0, (1, 2))]
    mpl.rcParams.update(
        {
            "figure.figsize": (480 / 72, 300 / 72),  # 480 by 300 px in the page
            "figure.constrained_layout.use": True,
            "font.size": 14,
            "font.family": [
                "DejaVu Sans"
            ],  # it comes with matplotlib, so its measures are the same everywhere
            "axes.titlesize": 15,
            "axes.labelsize": 14,
            "xtick.labelsize": 13,
            "ytick.labelsize": 13,
            "legend.fontsize": 13,
            "legend.frameon": False,
            "legend.handlelength": 2.4,
            "axes.prop_cycle": cycler(color=list(COLOURS)) + cycler(linestyle=dashes),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": 1.0,
            "axes.grid": True,
            "axes.axisbelow": True,
            "grid.color": "black",
            "grid.alpha": 0.13,
            "grid.linewidth": 0.8,
            "lines.linewidth": 2.2,
            "lines.markersize": 6,
            "xtick.major.size": 4,
            "ytick.major.size": 4,
            "svg.fonttype": "none",
            "svg.hashsalt": "p2plib",
        }
    )


def subplots(*args: Any, **kwargs: Any) -> Any:
    """`matplotlib.pyplot.subplots` in the handbook's style.

    Example:
        >>> fig, ax = figures.subplots()
        >>> ax.plot(sizes, measured, label="measured")
        >>> figures.plot(fig, alt="The measured curve follows the theory.", caption="...")
    """
    style()
    from matplotlib import pyplot

    return pyplot.subplots(*args, **kwargs)


def plot(fig: Any, *, alt: str, caption: str = "", title: str = "") -> Figure:
    """Turn a matplotlib figure into one of ours, and close it.

    Args:
        fig: a `matplotlib.figure.Figure`.
        alt: what the plot shows, in words; required.
        caption: what to see in it.
        title: a short name, may be empty.

    Returns:
        A figure with the plot's drawing inside, 72 px to matplotlib's inch.

    Raises:
        UsageError: no alt text.

    Example:
        >>> figures.plot(fig, alt="Collisions begin near the square root of the space.", caption="...")
    """
    require_words("alt text", alt)
    import matplotlib as mpl
    from matplotlib import pyplot

    raw = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "p2plib"}):
        metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        fig.savefig(raw, format="svg", transparent=True, metadata=metadata)
    pyplot.close(fig)
    root = ET.fromstring(raw.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style"):
                parent.remove(child)
    width, height = (float(part) for part in root.attrib["viewBox"].split()[2:])
    used = set(_REFERENCE.findall(raw.getvalue().decode("utf8")))
    ids = [node.attrib["id"] for node in root.iter() if node.attrib.get("id") in used]
    numbers = {name: str(count) for count, name in enumerate(ids, 1)}
    for node in root.iter():
        _tidy(node, numbers)
    body = "\n".join(_write(child) for child in root).replace("\n\n", "\n")
    body = body.replace(_PREFIX, content_id(body, alt, caption))
    rules = {"stroke-linejoin": "round", "stroke-linecap": "butt"}
    return Figure(body.strip(), width, height, alt, title, caption, attributes=rules)


def _tidy(node: ET.Element, numbers: Mapping[str, str]) -> None:
    """Make one element ours: its own ids, ink for black, two decimals, the page's letters, plain links.

    matplotlib's ids are hashes of coordinates to their last bit, where processors differ; ours are numbers.
    """
    for name, value in list(node.attrib.items()):
        del node.attrib[name]
        if name == "id":
            if value in numbers:
                node.attrib[name] = f"{_PREFIX}-{numbers[value]}"
            continue
        if name.endswith("href"):
            node.attrib["href"] = f"#{_PREFIX}-{numbers[value.removeprefix('#')]}"
            continue
        value = _URL.sub(lambda match: f"url(#{_PREFIX}-{numbers[match[1]]})", value)
        value = _DECIMALS.sub(lambda match: number(float(match[0])), value)
        value = re.sub(r"#000000|\bblack\b", "currentColor", value)
        if name == "transform" and value.startswith("rotate(-0 "):
            continue
        node.attrib[name] = _letters(value) if name == "style" else " ".join(value.split())
    node.text = node.text if node.text and node.text.strip() else None
    node.tail = "\n" if not (node.tail and node.tail.strip()) else node.tail


def _letters(style: str) -> str:
    """A style with the page's letters instead of matplotlib's, and exponents that a phone can show."""
    kept = []
    for rule in style.split(";"):
        name, _, value = (part.strip() for part in rule.partition(":"))
        if name == "font-family" and "Mono" in value:
            value = MONO
        elif name == "font-family" and "DejaVu Sans" in value:
            continue
        elif name == "font-size":
            value = f"{number(max(float(value.removesuffix('px')), SMALLEST_PX))}px"
        if name:
            kept.append(f"{name}: {value}")
    return "; ".join(kept)


def _write(node: ET.Element) -> str:
    text = ET.tostring(node, encoding="unicode")
    return re.sub(r" xmlns:ns\d+=\"[^\"]*\"", "", text).replace("<ns0:", "<").replace("</ns0:", "</")
