"""The card and the "you are here" drawing: what the front matter looks like on the page.

The card is one MyST admonition with the class `hb-card`. Its links are plain Markdown, relative and to
notebooks, with the other document's title as their text: the book resolves them to pages, and JupyterLab
(with or without its MyST extension) opens them.
"""

from __future__ import annotations

import os
import re
from typing import Any

from .source import TITLE, Front, Product, notebook_of, text_of, title_of

HEADING_ATTRIBUTES = re.compile(r"[\[\]]")


def insert(product: Product, front: Front, cells: list[Any]) -> list[Any]:
    """The cells with card and drawing after the title; what followed the title in its cell comes below."""
    from nbformat.v4 import new_code_cell, new_markdown_cell

    first = cells[0]
    title = TITLE.search(first.source)
    assert title is not None, "cells_of has looked"
    rest = first.source[title.end() :].strip()
    head = new_markdown_cell(first.source[: title.end()], metadata=dict(first.metadata))
    made = [
        head,
        new_markdown_cell(card(product, front)),
        new_code_cell(
            f"from p2plib import figures\nfigures.roles(here={front.role!r}, compact=True)".replace("'", '"'),
            metadata={"tags": ["remove-input"], "jupyter": {"source_hidden": True}},
        ),
    ]
    if rest:
        made.append(new_markdown_cell(rest, metadata=dict(first.metadata)))
    return made + cells[1:]


def card(product: Product, front: Front) -> str:
    """The card's text."""
    lines = [
        f":::{{admonition}} {_time(front)} you will be able to",
        ":class: hb-card",
        *(f"- {sentence[0].lower()}{sentence[1:]}" for sentence in front.able),
        "",
        f"**Role** {front.role}{_before(product, front)}",
        ":::",
    ]
    return "\n".join(lines)


def _time(front: Front) -> str:
    if front.reading is None:
        return f"In about {front.minutes} minutes"
    return f"In {front.reading} minutes, or {front.minutes} with the exercises,"


def _before(product: Product, front: Front) -> str:
    if not front.needs:
        return ""
    links = []
    for need in front.needs:
        target = os.path.relpath(notebook_of(product.root, need), product.target.parent).replace(os.sep, "/")
        label = HEADING_ATTRIBUTES.sub("", title_of(text_of(product.root, need)))
        links.append(f"[{label}]({target})")
    return f" · **Before this** {', '.join(links)}"
