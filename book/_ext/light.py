"""A light site: what no reader needs is not shipped, and nothing in the head of a page holds up its first
lines.

* The theme's icon script and icon fonts go; `book/_static/icons.css` draws the two dozen icons that pages
  use.
* Maps from shortened scripts to their sources go, and so do catalogues of translations, which only Sphinx
  reads.
* Rules of published style sheets for things that no page of the book has go: two thirds of them.
* Scripts in the head wait until the page has been read, except the one that inline scripts count on.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

NEEDED_AT_ONCE = (
    "documentation_options.js"  # an inline script writes the page's name into what this one makes
)
NOT_LOADED = "sphinx_highlight.js"  # it marks parts of words; book/_static/search.js marks words
NOT_SHIPPED = (
    *("*.map", "*.po", "*.mo", "*.ttf", "fontawesome.js*", "*webpack-macros.html"),
    *(NOT_LOADED, "searchtools.js", "language_data.js", "sphinx-thebe.*"),
)
NOT_SHIPPED_FOLDERS = ("vendor/fontawesome", "locales", "__pycache__")
ICON_FONT = re.compile(r"@font-face\{[^{}]*Font Awesome[^{}]*\}")
ICON_RULE = re.compile(r"(?:(?<=\})|(?<=\*/))(?:\.fa-[a-z0-9-]+(?:::?before|::?after)?,?)+\{[^{}]*\}")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
IN_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
CLASSES = re.compile(r'\bclass="([^"]*)"')
WORD = re.compile(r"[A-Za-z_][\w-]+")
MAP_COMMENT = re.compile(r"\s*(?:/\*# sourceMappingURL=[^*]*\*/|//# sourceMappingURL=\S*)\s*$")


def wait(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Let every script of the head run after the page has been read, in the order in which they stand."""
    scripts = context.get("script_files", [])
    context["script_files"] = [one for one in scripts if NOT_LOADED not in str(getattr(one, "filename", ""))]
    for script in context["script_files"]:
        attributes = getattr(script, "attributes", None)
        source = str(getattr(script, "filename", "") or "")
        if attributes is not None and source and NEEDED_AT_ONCE not in source and "async" not in attributes:
            attributes["defer"] = "defer"


def without_icons(style: str) -> str:
    """A style sheet of the theme without the icon fonts and the rules that name their letters."""
    return MAP_COMMENT.sub("\n", ICON_RULE.sub("", ICON_FONT.sub("", style)))


def blocks(style: str) -> Iterator[tuple[str, str]]:
    """What stands before each pair of outermost braces of a style sheet, and what stands between them.

    What comes after the last pair is the last item, with nothing between braces.
    """
    start = depth = inside = 0
    for brace in re.finditer(r"[{}]", style):
        if brace[0] == "{":
            depth += 1
            inside = brace.end() if depth == 1 else inside
        else:
            depth -= 1
            if depth == 0:
                yield style[start : inside - 1], style[inside : brace.start()]
                start = brace.end()
    yield style[start:], ""


def selectors(head: str) -> list[str]:
    """The selectors of a rule, each without what stands in brackets."""
    plain = COMMENT.sub("", head)
    while plain != (plain := IN_BRACKETS.sub("", plain)):
        pass
    return plain.split(",")


def only_used(style: str, words: set[str]) -> str:
    """A style sheet without the rules all of whose selectors name a class that is none of the words."""
    kept = []
    for head, body in blocks(style):
        statements, _, name = COMMENT.sub("", head).rpartition(";")  # such as an import
        kept += [f"{statements};"] if statements else []
        name = name.strip()
        if not name or not body:
            continue
        head = name if statements else head
        if name.startswith(("@media", "@supports", "@layer", "@container")):
            if inside := only_used(body, words):
                kept.append(f"{head}{{{inside}}}")
        elif name.startswith("@") or any(set(CLASS.findall(one)) <= words for one in selectors(head)):
            kept.append(f"{head}{{{body}}}")
        else:
            kept += [licence for licence in COMMENT.findall(head) if licence.startswith("/*!")]
    return "".join(kept)


def words_in_use(site: Path) -> set[str]:
    """Every class of every page, and every word of every script, which may be a class that it adds."""
    words = {"no-js"}
    for page in site.rglob("*.html"):
        for classes in CLASSES.findall(page.read_text("utf8")):
            words.update(classes.split())
    for script in site.rglob("_static/**/*.js"):
        words.update(WORD.findall(script.read_text("utf8", "replace")))
    return words


def drop(app: Sphinx, error: Exception | None) -> None:
    """Take from the built site what no page loads."""
    if error is not None or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    for pattern in NOT_SHIPPED:
        for file in static.rglob(pattern):
            if file.relative_to(static).parts[0] != "tab":  # what runs cells is counted by itself
                file.unlink()
    for folder in NOT_SHIPPED_FOLDERS:
        shutil.rmtree(static / folder, ignore_errors=True)
    for script in static.glob("scripts/*.js"):
        script.write_text(MAP_COMMENT.sub("\n", script.read_text("utf8")), "utf8")
    words = words_in_use(Path(app.outdir))
    ours = {path.name for path in (Path(app.confdir) / "book" / "_static").glob("*.css")}
    for sheet in (*static.glob("*.css"), *static.glob("styles/*.css")):
        if sheet.name not in ours:
            sheet.write_text(only_used(without_icons(sheet.read_text("utf8")), words), "utf8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the above, late, so that it sees what every other extension added."""
    app.connect("html-page-context", wait, priority=950)
    app.connect("build-finished", drop, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
