"""The solved labs as pages of an appendix.

A solved notebook has the same labels, index entries and title as its lab. As a page of the same book it must
not: a reference leads to the lab, the index to the chapter, and the title says which of the two it is.
"""

from __future__ import annotations

import json
import re

from sphinx.application import Sphinx

FOLDER = "labs/solutions/"
LABEL = re.compile(r"^\([\w:.-]+\)=\n", re.MULTILINE)
INDEX = re.compile(r"^(`{3,}|:{3,})\{index\}.*\n(?::.*\n)*\1\n?", re.MULTILINE)
GATED = re.compile(r"^(\s*:label:\s*|[`:]{3,}\{solution(?:-start)?\}\s*)(\S+)[ \t]*$", re.MULTILINE)
TITLE = re.compile(r"^# (Lab \d+)?(.*)$", re.MULTILINE)


def of_its_own(text: str) -> str:
    """A cell's text without what may be in a book only once."""
    return GATED.sub(r"\1\2-solved", INDEX.sub("", LABEL.sub("", text)))


def solved(notebook: str, page: str) -> str:
    """A solved notebook, as JSON, ready to be a page.

    Args:
        notebook: the notebook's JSON.
        page: the lab's page, as a reference from everywhere: "labs/lab01_identity".
    """
    made = json.loads(notebook)
    for cell in made["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = of_its_own("".join(cell["source"]))
    first = made["cells"][0]
    first["source"] = TITLE.sub(lambda title: _titled(title, page), first["source"], count=1)
    return json.dumps(made)


def _titled(title: re.Match[str], page: str) -> str:
    name = f"{title[1]}, solved" if title[1] else "Solved: "
    return (
        f"# {name}{title[2]}\n\n"
        f"One way to solve {{doc}}`/{page}`, with everything that its cells printed. Try it yourself "
        "first: a hint helps where a solution only convinces."
    )


def read(app: Sphinx, page: str, source: list[str]) -> None:
    """Change a solved lab as it is read."""
    if page.startswith(FOLDER):
        source[0] = solved(source[0], page.replace(FOLDER, "labs/"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register."""
    app.connect("source-read", read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
