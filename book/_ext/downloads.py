"""Notebooks that a reader takes away, and the library that they need: `notebooks/` on the site.

A page's notebook as the repository has it is written in MyST and imports p2plib, which no
package index has. The copy that the page offers works elsewhere. Its text is plain Markdown, and its first
cell says how p2plib is installed, from the wheel that lies beside it on the site.
"""

from __future__ import annotations

import copy
import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from docutils import nodes
from plain_markdown import References, plain
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "notebooks"

# By its path, because there is a package of that name among those that a build may load.
_spec = spec_from_file_location("handbook_wheel", ROOT / "tools" / "wheel.py")
assert _spec is not None
assert _spec.loader is not None
wheel = module_from_spec(_spec)
_spec.loader.exec_module(wheel)

BESIDE = """\
# Begin here. This notebook needs p2plib, the handbook's library.
from importlib.util import find_spec
from pathlib import Path

wheel = "{wheel}"
if find_spec("p2plib"):
    print("p2plib is installed: go on with the next cell.")
elif Path(wheel).exists():
    %pip install --quiet "./{wheel}[notebooks]"
else:
    print("Put", wheel, "into the folder of this notebook and run this cell again:")
    print("it is in the download menu in which you found the notebook.")"""
FROM_SITE = """\
# Begin here. This notebook needs p2plib, the handbook's library.
from importlib.util import find_spec

if find_spec("p2plib"):
    print("p2plib is installed: go on with the next cell.")
else:
    %pip install --quiet "p2plib[notebooks] @ {address}/{folder}/{wheel}\""""


def first_cell(wheel_name: str, address: str) -> dict[str, Any]:
    """The cell that says how to begin."""
    form = FROM_SITE if address else BESIDE
    source = form.format(wheel=wheel_name, address=address, folder=FOLDER)
    return {
        "cell_type": "code",
        "id": "begin-here",
        "metadata": {},
        "source": source.splitlines(keepends=True),
        "outputs": [],
        "execution_count": None,
    }


def to_take_away(notebook: dict[str, Any], references: References, begin: dict[str, Any]) -> dict[str, Any]:
    """A copy of a notebook for readers who have neither the repository nor MyST.

    Args:
        notebook: as the repository has it; left as it is.
        references: where its references lead.
        begin: the first cell of the copy.
    """
    made = copy.deepcopy(notebook)
    cells = []
    for cell in made["cells"]:
        if cell["cell_type"] == "markdown":
            text = plain("".join(cell["source"]), references)
            if not text:
                continue
            cell["source"] = text.splitlines(keepends=True)
        cells.append(cell)
    made["cells"] = [copy.deepcopy(begin), *cells]
    return made


def references_of(app: Sphinx) -> References:
    """Titles and addresses of the built book."""
    address = app.config.handbook_address.rstrip("/")
    labels = app.env.get_domain("std").labels  # type: ignore[attr-defined]

    def document(target: str) -> tuple[str, str]:
        name = target.lstrip("/")
        title = app.env.titles.get(name, nodes.title(text=name)).astext()
        return title, f"{address}/{name}.html" if address and name in app.env.titles else ""

    def label(target: str) -> tuple[str, str]:
        page, fragment, title = labels.get(target.lower(), ("", "", target))
        return title, f"{address}/{page}.html#{fragment}" if address and page else ""

    sources = bibliography(ROOT / "book" / "reference" / "references.bib")
    return References(document, label, lambda key: sources.get(key, (key, "")))


def bibliography(path: Path) -> dict[str, tuple[str, str]]:
    """Of every source, what it is called in a sentence and where it can be read."""
    from pybtex.database import parse_file

    made = {}
    for key, entry in parse_file(str(path), "bibtex").entries.items():
        people = entry.persons.get("author") or entry.persons.get("editor") or []
        names = [_plain(" ".join(person.prelast_names + person.last_names)) for person in people]
        who = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
        who = who or _plain(entry.fields.get("organization") or entry.fields.get("title", key))
        doi = entry.fields.get("doi", "")
        address = entry.fields.get("url") or (f"https://doi.org/{doi}" if doi else "")
        made[key] = (f"{who} {entry.fields.get('year', '')}".strip(), address)
    return made


def _plain(words: str) -> str:
    return re.sub(r"[{}\\]", "", words)


def write(app: Sphinx, error: Exception | None) -> None:
    """At the end of a build: the copies and the wheel."""
    if error is not None or app.builder.name != "html":
        return
    folder = Path(app.outdir) / FOLDER
    begin = first_cell(wheel.build(ROOT, folder).name, app.config.handbook_address.rstrip("/"))
    references = references_of(app)
    for page in sorted(app.env.all_docs):
        source = Path(app.srcdir) / f"{page}.ipynb"
        if source.is_file():
            made = to_take_away(json.loads(source.read_text("utf8")), references, begin)
            target = folder / f"{Path(page).name}.ipynb"
            if page.startswith("labs/solutions/"):
                target = target.with_stem(f"{target.stem}_solved")
            target.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf8", newline="\n")


def offer(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """The page's download menu offers the copy, and the wheel, and a browser saves them."""
    source = Path(app.srcdir) / f"{page}.ipynb"
    for group in context.get("header_buttons", []):
        buttons = group.get("buttons", [])
        for button in list(buttons):
            if button.get("label") != "download-source-button":
                continue
            if not source.is_file():  # the source of a page of text alone is of no use without the repository
                buttons.remove(button)
                continue
            name = f"{source.stem}{'_solved' if page.startswith('labs/solutions/') else ''}.ipynb"
            button |= {"url": _saved(context, name), "tooltip": "Save this page as a notebook"}
            button["label"] = "download-notebook-button"
            library = {**button, "url": _saved(context, _wheel_name()), "text": "p2plib (wheel)"}
            library |= {"label": "download-wheel-button", "tooltip": "The library that the notebook needs"}
            buttons.insert(buttons.index(button) + 1, library)


def _saved(context: dict[str, Any], name: str) -> str:
    """The address of a file, and the attribute by which a browser saves it.

    The theme writes a button's address between quotation marks, as it is, and has no place for an attribute.
    """
    return f'{context["pathto"](f"{FOLDER}/{name}", 1)}" download="{name}'


def _wheel_name() -> str:
    import tomllib

    return wheel.name_of(tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register."""
    app.connect("html-page-context", offer, priority=950)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
