"""Ways through the book: what needs what, roads for a purpose, and how to cite it.

* `{prerequisites}`: every page in reading order, with a curve from each to those that need it, as the pages'
  front matter says.
* `{reading-path}`: a list of pages as links, with their minutes and the sum of them.
* `{standing}`: which roles have pages by now, and which are in preparation.
* A role, ``{minutes}`identity/keys` ``: what a page takes, as its card and its headings say.
* `{how-to-cite}`: the entry for BibTeX, from CITATION.cff.
"""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from front_matter import card, toc_pages
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.osutil import relative_uri

from p2plib.figures.role_table import APP, INTRODUCTION, TABLE

ROW, LEFT, FARTHEST = 26, 86, 104  # px: a row's height, where the dots stand, how far a line may swing
WIDTH = 420  # on a phone of 390 px letters of 13.5 px keep 11
NARROW, STEP = 10, 5
TITLE_MAX = 46  # characters beside the dots
# by role: the lab that ends it, and what is missing until then
UNFINISHED = {"data structures": (9, "data that several peers change at once")}
LAB = re.compile(r"labs/lab(\d+)_\w+")
CAPSTONE = re.compile(r"^## \d+\. Capstone.*, (\d+) min\)$", re.M)


def needs(root: Path) -> dict[str, list[str]]:
    """By page, in reading order: what it needs directly, without what that needs already."""
    pages = [
        page for role in TABLE.values() for page in toc_pages(root).get(role.caption, []) if _has_card(page)
    ]
    named = {
        page: [_document(need) for need in card(root, page)["needs"] if _document(need) in pages]
        for page in pages
    }

    def behind(page: str) -> set[str]:
        return set().union(*({need} | behind(need) for need in named[page]))

    return {
        page: [need for need in direct if not any(need in behind(other) for other in direct if other != need)]
        for page, direct in named.items()
    }


def _has_card(page: str) -> bool:
    return page.startswith(("book/", "labs/lab"))


def _document(need: str) -> str:
    return need if need.startswith("labs/") else f"book/{need}"


def short(title: str) -> str:
    """A title that fits: without what comes after a comma, or with an ellipsis."""
    if len(title) <= TITLE_MAX:
        return title
    return title.rsplit(", ", 1)[0] if ", " in title[:TITLE_MAX] else f"{title[: TITLE_MAX - 1].rstrip()}…"


def drawing(root: Path, address_of: Any) -> str:
    """The pages as rows, each a link, and a curve from a page to every page that needs it.

    Args:
        root: the handbook's folder.
        address_of: gives a page's address.
    """
    needed = needs(root)
    rows: dict[str, float] = {}
    parts: list[str] = []
    words: list[str] = []
    y = 16.0
    for role in TABLE.values():
        pages = [page for page in toc_pages(root).get(role.caption, []) if page in needed]
        if not pages:
            continue
        words.append(
            f'<text x="{LEFT - 6}" y="{y + 5:g}" font-weight="600" font-size="13.5">'
            f"{escape(role.caption)}</text>"
        )
        for page in pages:
            y += ROW
            rows[page] = y
            title = escape(short(card(root, page)["title"]))
            words.append(
                f'<a href="{escape(address_of(page))}">'
                f'<circle cx="{LEFT}" cy="{y:g}" r="5" fill="{role.colour}"/>'
                f'<text x="{LEFT + 14}" y="{y + 5:g}" font-size="13.5">{title}</text></a>'
            )
        y += ROW + 8
    for page, direct in needed.items():
        for need in direct:
            if need not in rows:
                continue
            start, end = rows[need], rows[page]
            swing = LEFT - min(FARTHEST, NARROW + STEP * abs(end - start) / ROW)
            colour = TABLE[card(root, need)["role"]].colour
            parts.append(
                f'<path d="M{LEFT} {start:g}C{swing:g} {start:g} {swing:g} {end:g} {LEFT} {end:g}" '
                f'stroke="{colour}"/>'
            )
    return (
        f'<svg viewBox="0 0 {WIDTH} {y - ROW + 4:g}" role="group" aria-label="What each page needs" '
        f'font-family="inherit" style="width:100%;max-width:{WIDTH}px;height:auto;display:block;margin:auto">'
        f'<g fill="none" stroke-width="1.6" stroke-opacity="0.75">{"".join(parts)}</g>'
        f'<g fill="currentColor">{"".join(words)}</g></svg>'
    )


class Prerequisites(SphinxDirective):
    """What needs what, as a drawing whose rows are links."""

    def run(self) -> list[nodes.Node]:
        """Draw it from the notebooks' own cards."""
        here = self.env.app.builder.get_target_uri(self.env.docname)

        def address_of(page: str) -> str:
            return relative_uri(here, self.env.app.builder.get_target_uri(page))

        figure = (
            f'<figure class="hb-figure hb-needs">{drawing(Path(self.env.srcdir), address_of)}'
            "<figcaption>Each curve begins at a page and ends, further down, at one that needs it. A page "
            "that needs something through another page has no curve of its own for it.</figcaption></figure>"
        )
        return [nodes.raw("", figure, format="html")]


class ReadingPath(SphinxDirective):
    """Pages for one purpose, in order, with what they take."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Make the list; a line of the content is a page."""
        root = Path(self.env.srcdir)
        here = self.env.app.builder.get_target_uri(self.env.docname)
        items, total = [], 0
        for line in self.content:
            page = _document(line.strip())
            about = card(root, page)
            minutes = about.get("reading") or about["minutes"]
            total += minutes
            uri = relative_uri(here, self.env.app.builder.get_target_uri(page))
            kind = ' class="hb-lab"' if page.startswith("labs/") else ""
            items.append(
                f'<li{kind}><a class="reference internal" href="{escape(uri)}">{escape(about["title"])}</a> '
                f'<span class="hb-minutes">{minutes} min</span></li>'
            )
        half_hours = max(1, round(total / 30))
        hours = f"{half_hours / 2:g} hour{'' if half_hours == 2 else 's'}"
        return [
            nodes.raw(
                "",
                f'<div class="hb-road hb-path"><ol>{"".join(items)}</ol>'
                f'<p class="hb-minutes">Together about {hours}, without the chapters\' exercises.</p></div>',
                format="html",
            )
        ]


def listed(words: list[str], last: str = "and") -> str:
    """Words as a list in a sentence."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def standing(root: Path) -> str:
    """What the book covers so far, and why its labs have gaps in their numbers; nothing once all is there."""
    pages = toc_pages(root)
    roles = [role for role in TABLE.values() if role not in (INTRODUCTION, APP)]
    written = [role.key for role in roles if role.caption in pages]
    lacking = [role.key for role in roles if role.caption not in pages]
    numbers = {int(found[1]) for row in pages.values() for page in row if (found := LAB.fullmatch(page))}
    lacking += [what for key, (lab, what) in UNFINISHED.items() if key in written and lab not in numbers]
    if APP.caption not in pages:
        lacking.append("the app that joins them all")
    if not lacking:
        return ""
    text = f"So far the book covers {listed(written)}. Still in preparation: {listed(lacking)}."
    gaps = [str(number) for number in range(max(numbers)) if number not in numbers]
    if gaps:
        text += f" Their labs are planned, too, which is why the labs have no number {listed(gaps, 'or')}."
    return text


def minutes(root: Path, page: str) -> str:
    """What a page takes: a chapter its reading, a lab its tasks, with the capstone apart."""
    about = card(root, page)
    if about["reading"]:
        return str(about["reading"])
    notebook = (root / f"{page}.ipynb").read_text("utf-8")
    words = "\n".join("".join(cell["source"]) for cell in json.loads(notebook)["cells"])
    if found := CAPSTONE.search(words):
        return f"{about['minutes'] - int(found[1])}, and {found[1]} for the capstone"
    return str(about["minutes"])


class Standing(SphinxDirective):
    """What is there and what is not, in a paragraph."""

    def run(self) -> list[nodes.Node]:
        """Write it, from the table of contents."""
        text = standing(Path(self.env.srcdir))
        return [nodes.paragraph(text, text)] if text else []


class Minutes(SphinxRole):
    """What a page takes."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Look it up."""
        return [nodes.Text(minutes(Path(self.env.srcdir), _document(self.text)))], []


def bibtex(root: Path) -> str:
    """The book's own entry for BibTeX."""
    cited = yaml.safe_load((root / "CITATION.cff").read_text("utf8"))
    names = " and ".join(
        f"{{{author['name']}}}"
        if "name" in author
        else f"{author['family-names']}, {author.get('given-names', '')}"
        for author in cited["authors"]
    )
    fields = {
        "title": f"{{{cited['title']}}}",
        "author": names,
        "year": str(cited["date-released"])[:4],
        "version": str(cited["version"]),
        "note": "Text and figures: CC BY 4.0. Code: MIT",
    }
    if cited.get("url"):
        fields["url"] = cited["url"]
    rows = "\n".join(f"  {name:8}= {{{value}}}," for name, value in fields.items())
    return f"@book{{peer-to-peer-handbook,\n{rows}\n}}"


class HowToCite(SphinxDirective):
    """The entry for BibTeX."""

    def run(self) -> list[nodes.Node]:
        """Show it as code, so that it has a button to copy it."""
        entry = bibtex(Path(self.env.srcdir))
        return [nodes.literal_block(entry, entry, language="bibtex")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register."""
    app.add_directive("prerequisites", Prerequisites)
    app.add_directive("reading-path", ReadingPath)
    app.add_directive("how-to-cite", HowToCite)
    app.add_directive("standing", Standing)
    app.add_role("minutes", Minutes())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
