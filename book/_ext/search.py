"""The handbook's search: an index of sections, made when the book is built, in place of Sphinx's.

Sphinx finds pages, and any part of a word; a reader looks for a place, and for a word. So every section of a
chapter, a lab or the reference is an entry of its own with its prose and its code, every term of the
glossary is one with its definition, and all of it is one file, `search-index.js`, which a page loads only
when somebody searches (`book/_static/search.js`). A script, not JSON, because a page opened from a folder
may load a script and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx_exercise.nodes import exercise_title, solution_title

SPACE = re.compile(r"\s+")
SHOWN_ONLY = (
    *(nodes.raw, nodes.image, nodes.comment, nodes.system_message, addnodes.index, addnodes.toctree),
    solution_title,
)
INSIDE_A_CLASS = 2  # a class and its methods are one entry, so the methods are not entries too


def kind(page: str) -> str:
    """What a page is: chapter, lab, library, or other."""
    if page.startswith("labs/"):
        return "lab"
    if page.startswith("book/reference/"):
        return "library" if page.startswith("book/reference/api") else "other"
    return "chapter" if page.startswith("book/") else "other"


def is_output(node: nodes.Node) -> bool:
    """Whether a node is what a cell printed or drew: it is found by the code and the words around it."""
    return isinstance(node, nodes.Element) and "cell_output" in node.get("classes", ())


def is_entry(node: nodes.Node) -> bool:
    """Whether a node is an entry by itself: a section, a function or class of a module, a term."""
    if isinstance(node, nodes.section):
        return isinstance(node.next_node(), nodes.title)  # an exercise holds a section without a title
    if isinstance(node, nodes.definition_list_item):
        return bool(node.next_node(nodes.term).get("ids"))
    if not isinstance(node, addnodes.desc):
        return False
    inside = 0
    above: Any = node
    while above is not None:
        inside += isinstance(above, addnodes.desc)
        above = above.parent
    return inside < INSIDE_A_CLASS


def tidy(text: str) -> str:
    """A text on one line, without the gap that a citation leaves before a full stop."""
    return re.sub(r" +([.,;:?!])(?= |$)", r"\1", SPACE.sub(" ", text)).strip()


def said(node: nodes.Node) -> str:
    """The text of a node as it is read: without the keys of citations, which a reader never sees."""
    if isinstance(node, nodes.Text):
        return node.astext()
    if isinstance(node, addnodes.pending_xref) and node.get("refdomain") == "cite":
        return ""
    return "".join(said(child) for child in node.children)


def words_of(node: nodes.Element) -> tuple[str, str]:
    """The prose and the code of an entry, without those of the entries inside it."""
    prose: list[str] = []
    code: list[str] = []

    def gather(parent: nodes.Element) -> None:
        for child in parent.children:
            if isinstance(child, SHOWN_ONLY) or is_output(child) or is_entry(child):
                continue
            if isinstance(child, nodes.literal_block):
                code.append(child.astext())
            elif isinstance(child, addnodes.desc_signature):
                code.append(child.get("fullname", ""))  # a method, found by its name
            elif isinstance(child, exercise_title):
                prose.append(f"{said(child[-1])}:")  # its name, without the word Exercise
            elif isinstance(child, nodes.TextElement):
                prose.append(said(child))
            elif isinstance(child, nodes.Element):
                gather(child)

    gather(node)
    return tidy(" ".join(prose)), SPACE.sub(" ", " ".join(code)).strip()


def entries(tree: nodes.document) -> Iterator[tuple[str, str, str, str]]:
    """Anchor, title, prose and code of each section and each public object of a page, in order."""
    for node in tree.findall(is_entry):
        if isinstance(node, nodes.section):
            title = node.next_node(nodes.title)
            prose, code = words_of(node)
            yield node["ids"][0], title.astext(), prose.removeprefix(title.astext()).strip(), code
        elif isinstance(node, addnodes.desc) and node[0].get("ids"):
            yield (node[0]["ids"][0], node[0]["ids"][0].removeprefix("module-"), *words_of(node))


def terms(tree: nodes.document) -> Iterator[tuple[str, str, str]]:
    """Anchor, name and definition of each term of a glossary."""
    for item in tree.findall(nodes.definition_list_item):
        term, definition = item.next_node(nodes.term), item.next_node(nodes.definition)
        if term.get("ids"):
            yield term["ids"][0], SPACE.sub(" ", term.astext()), SPACE.sub(" ", definition.astext())


def remember(app: Sphinx, tree: nodes.document) -> None:
    """Keep the entries of a page that has been read, from one build to the next, as Sphinx keeps the page."""
    kept_by(app.env)[app.env.docname] = (list(entries(tree)), list(terms(tree)))


def kept_by(env: BuildEnvironment) -> dict[str, Any]:
    """The entries of all pages, by page."""
    if not hasattr(env, "handbook_search"):
        env.handbook_search = {}  # type: ignore[attr-defined]
    return env.handbook_search  # type: ignore[attr-defined,no-any-return]


def forget(app: Sphinx, env: BuildEnvironment, page: str) -> None:
    """Drop the entries of a page that is read again, or is gone."""
    kept_by(env).pop(page, None)


def gather(app: Sphinx, env: BuildEnvironment, pages: set[str], other: BuildEnvironment) -> None:
    """Take over the entries that another process has read."""
    kept_by(env).update({page: kept_by(other)[page] for page in pages if page in kept_by(other)})


def index(app: Sphinx) -> dict[str, list[Any]]:
    """The whole index, in the order of the table of contents."""
    pages: list[Any] = []
    sections: list[Any] = []
    glossary: list[Any] = []
    for name, (entries_of, terms_of) in sorted(kept_by(app.env).items(), key=reading_order(app)):
        number = len(pages)
        pages.append([app.builder.get_target_uri(name), app.env.titles[name].astext(), kind(name)])
        sections += [[number, *entry] for entry in entries_of if any(entry[1:])]
        glossary += [[number, *term] for term in terms_of]
    return {"pages": pages, "sections": sections, "terms": glossary}


def reading_order(app: Sphinx) -> Any:
    """A sort key by which the entries of pages come as a reader meets the pages."""
    place: dict[str, int] = {}

    def walk(name: str) -> None:
        if name not in place:
            place[name] = len(place)
            for below in app.env.toctree_includes.get(name, []):
                walk(below)

    walk(app.config.root_doc)
    return lambda item: (place.get(item[0], len(place)), item[0])


def instead_of_sphinx(app: Sphinx) -> None:
    """Let Sphinx build no index of its own: it would take time, and no page would read it."""
    if app.builder.name == "html":
        app.builder.search = False


def search_page(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The page `search.html`, which Sphinx leaves out together with its index."""
    if app.builder.name == "html":
        yield "search", {"title": "Search"}, "search.html"


def write_index(app: Sphinx, error: Exception | None) -> None:
    """Write `search-index.js` beside the pages."""
    if error is None and app.builder.name == "html":
        text = json.dumps(index(app), ensure_ascii=False, separators=(",", ":"))
        Path(app.outdir, "search-index.js").write_text(f"window.handbookIndex = {text};\n", "utf8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Put our search in the place of Sphinx's."""
    app.connect("doctree-read", remember)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", gather)
    app.connect("builder-inited", instead_of_sphinx)
    app.connect("html-collect-pages", search_page)
    app.connect("build-finished", write_index)
    app.add_js_file("search.js", loading_method="defer")
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
