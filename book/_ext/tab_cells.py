"""Marks what the run mode of a page works on: each rendered code cell carries its notebook's id, `data-cell`.

Pages made from notebooks, and no others, load `_static/tab/page.js` and its style sheet; where the build
could not get Python for a browser, none does.

A cell whose code is folded or left out has its mark, too. One that is left out altogether (`remove-cell`) is
not in the page; it is run in its turn all the same, since the run mode reads the notebook itself.

The labs' notebooks that the site hands out (and the run mode, when it saves one) carry what a class's grading
goes by: each answer and each check its nbgrader metadata, as in the class's own assignment.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


class MarkedCell(nodes.container):
    """A code cell of a notebook, with `cell_id`."""


def mark_cells(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Put a marked cell in the place of every code cell of a page."""
    cells = [node for node in doctree.findall(nodes.container) if node.get("nb_element") == "cell_code"]
    if not cells or app.builder.name != "html":
        return
    ids = [cell.get("id") for cell in json.loads(Path(app.env.doc2path(page)).read_text("utf8"))["cells"]]
    for cell in cells:
        marked = MarkedCell("", *cell.children, **cell.attributes, cell_id=ids[cell["cell_index"]])
        cell.replace_self(marked)


def visit_marked_cell(translator: Any, node: MarkedCell) -> None:
    """Open the same element as for any container, with the mark."""
    translator.body.append(
        translator.starttag(node, "div", CLASS="docutils container", **{"data-cell": node["cell_id"]})
    )


def depart_marked_cell(translator: Any, node: MarkedCell) -> None:
    """Close it."""
    translator.body.append("</div>\n")


def add_run_mode(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Let the pages that have marked cells load the run mode's entrance."""
    if app.builder.name != "html" or doctree is None or getattr(app.config, "tab_pieces_missing", False):
        return
    if next(doctree.findall(MarkedCell), None):
        app.add_css_file("tab/page.css")
        attributes: Any = {"data-page": page}
        app.add_js_file("tab/page.js", loading_method="defer", **attributes)


def let_labs_be_graded(app: Sphinx, error: Exception | None) -> None:
    """Give the site's notebooks of the labs the metadata that their cells have in the class's assignment."""
    labs = Path(app.outdir) / "_sources" / "labs"
    if error is not None or app.builder.name != "html" or not labs.is_dir():
        return
    tool = Path(app.srcdir) / "tools" / "classroom.py"
    with tempfile.TemporaryDirectory() as course:
        command = [sys.executable, str(tool), "--source-only", "--course", course]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        for assignment in Path(course).glob("source/*/*.ipynb"):
            if (handed_out := labs / assignment.name).exists():
                handed_out.write_text(
                    graded(handed_out.read_text("utf8"), assignment.read_text("utf8")), "utf8"
                )


def graded(notebook: str, assignment: str) -> str:
    """A notebook with the nbgrader metadata of an assignment's cells; a cell has the same id in both."""
    marks = {
        cell["id"]: cell["metadata"]["nbgrader"]
        for cell in json.loads(assignment)["cells"]
        if "nbgrader" in cell["metadata"]
    }
    made = json.loads(notebook)
    for cell in made["cells"]:
        if cell["id"] in marks:
            cell["metadata"]["nbgrader"] = marks[cell["id"]]
    return json.dumps(made, ensure_ascii=False, indent=1) + "\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all of the above."""
    app.add_node(MarkedCell, html=(visit_marked_cell, depart_marked_cell))
    app.connect("doctree-resolved", mark_cells)
    app.connect("html-page-context", add_run_mode)
    app.connect("build-finished", let_labs_be_graded)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
