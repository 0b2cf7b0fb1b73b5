"""What makes a notebook stale: what it was made from, as notebooks.lock says it, and what it is now."""

from __future__ import annotations

import ast
import gc
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jupytext", reason="jupytext is not installed (pip install -e '.[book]')")
pytest.importorskip("nbclient", reason="nbclient is not installed (pip install -e '.[book]')")

import notebooks
import stale_proof
from handbook import library, lock, source, stale, syntax

from tests.conftest import ROOT
from tests.small_handbook import CHAPTER, FRONT, TOOL, furnish, made, tool, why, write

NOTEBOOK = "book/identity/one.ipynb"


@pytest.fixture
def settled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The handbook, "made" without a kernel, which is slow: cells are counted and have no outputs."""
    from handbook import execute

    def count(notebook: Any, *rest: object) -> None:
        for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
            cell["execution_count"] = number

    monkeypatch.setattr(execute, "run", count)
    furnish(tmp_path)
    assert notebooks.main(["--root", str(tmp_path)]) == 0
    assert why(tmp_path) == []
    return tmp_path


@pytest.mark.parametrize(
    ("module", "is_imported"),
    [
        ("wire/low.py", True),  # by the chapter itself
        ("wire/__init__.py", True),  # the package around it
        ("__init__.py", True),
        ("errors.py", True),  # by low.py, relatively
        ("figures/_roles.py", True),  # the hidden cell takes it from the facade
        ("figures/_tree.py", False),  # which could give this, too
        ("wire/other.py", False),  # only `if TYPE_CHECKING`
        ("wire/lazy.py", False),
    ],
)
def test_a_change_in_the_library_reaches_who_imports_it(
    settled: Path, module: str, is_imported: bool
) -> None:
    path = settled / "p2plib" / module
    write(path, path.read_text("utf-8") + "CHANGED = 1\n")
    name = "p2plib." + module.removesuffix(".py").replace("/", ".")
    expected = [f"changed: {name.removesuffix('.__init__')}"] if is_imported else []
    assert why(settled) == expected


def behind(root: Path, *cells: str) -> list[str]:
    """What stands behind some cells, without the packages around it."""
    code = library.names_in([{"cell_type": "code", "source": cell} for cell in cells])
    return [name for name in library.Library(root).behind(code) if name not in ("p2plib", "p2plib.wire")]


def test_a_lazy_import_counts(settled: Path) -> None:
    assert behind(settled, "from p2plib.wire.lazy import later") == ["p2plib.wire.lazy", "p2plib.wire.other"]


@pytest.mark.parametrize(
    "cell",
    [
        "%matplotlib inline\nimport p2plib.errors",
        "!ls\nimport p2plib.errors",
        "await f(); import p2plib.errors",
        "import p2plib.errors\nfiles = !ls",
        "p2plib?\nimport p2plib.errors",
        "if True:\n    %matplotlib inline\nimport p2plib.errors",
        "import p2plib.errors\nprint(1",
        "importlib.import_module('p2plib.errors')",
        "exec('import p2plib.errors')",
        "subprocess.run([sys.executable, '-c', 'from p2plib.errors import Oops'])",
    ],
)
def test_cells_that_are_not_plain_python_are_read(settled: Path, cell: str) -> None:
    assert behind(settled, cell) == ["p2plib.errors"]


ROLES, TREE, SHOW = "p2plib.figures._roles", "p2plib.figures._tree", "p2plib.figures.show"


@pytest.mark.parametrize(
    ("cells", "modules"),
    [
        (["from p2plib import figures"], []),
        (["from p2plib import figures", "figures.tree()"], [TREE]),
        (["from p2plib import figures as f", "f.tree().show().roles"], [TREE]),
        (["import p2plib.figures", "p2plib.figures.tree()"], [TREE]),
        (["import p2plib.figures as f\nf.leaf()"], [TREE]),
        (["from p2plib.figures import tree as t"], [TREE]),
        (["from p2plib.figures import show"], [SHOW]),
        (["from p2plib.figures.show import show"], [SHOW]),
        (["from p2plib.figures._tree import tree"], [TREE]),
        (["def draw():\n    from p2plib import figures\n    return figures.tree()"], [TREE]),
        (["from p2plib.figures import *"], [ROLES, TREE, SHOW]),
        (["from p2plib import figures", "vars(figures)"], [ROLES, TREE, SHOW]),
        (["from p2plib import figures", "getattr(figures, name)"], [ROLES, TREE, SHOW]),
    ],
)
def test_of_a_facade_only_the_names_that_are_used_count(
    settled: Path, cells: list[str], modules: list[str]
) -> None:
    assert behind(settled, *cells) == ["p2plib.figures", *modules]


def test_a_facade_may_give_more_without_a_word_but_not_something_else(settled: Path) -> None:
    facade = settled / "p2plib" / "figures" / "__init__.py"
    text = facade.read_text("utf-8")
    write(facade, text.replace('"leaf")', '"leaf", "twig")'))
    assert why(settled) == []
    write(facade, text.replace('("roles",)', "()").replace('("tree",', '("roles", "tree",'))
    assert why(settled) == ["changed: p2plib.figures._roles, p2plib.figures._tree"]
    write(facade, text + "print('hello')\n")
    assert why(settled) == ["changed: p2plib.figures"]


def test_a_page_that_reads_the_librarys_files_stands_on_all_of_them(settled: Path) -> None:
    found = behind(settled, "import p2plib", "list(Path(p2plib.__file__).parent.rglob('*.py'))")
    assert found == ["p2plib.errors", "p2plib.figures", ROLES, TREE, SHOW,
                     *(f"p2plib.wire.{name}" for name in ("lazy", "low", "other"))]  # fmt: skip


# What does not count: comments, docstrings, layout; unless a page shows the code


@pytest.mark.parametrize("edit", stale_proof.HARMLESS.values(), ids=stale_proof.HARMLESS)
def test_what_changes_nothing_makes_nothing_stale(settled: Path, edit: Any) -> None:
    for path in (settled / "p2plib").rglob("*.py"):
        write(path, edit(path.read_text("utf-8")))
    assert why(settled) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("VALUE = 7", "VALUE = 8"),
        ("VALUE = 7", 'VALUE = "7"'),
        ("VALUE = 7", "VALUE = 7.0"),
        ("VALUE = 7", "VALUE: int = 7"),
        ("return VALUE", "return -VALUE"),
        ("return VALUE", "yield VALUE"),
        ("return VALUE", "return VALUE, None"),
        ("def open(self)", "def open(self, *, wide=False)"),
        ("def open(self)", "async def open(self)"),
        ("    def open", "    @property\n    def open"),
        ("class Box:", "class Box(Oops):"),
    ],
)
def test_what_changes_something_makes_it_stale(settled: Path, old: str, new: str) -> None:
    low = settled / "p2plib" / "wire" / "low.py"
    text = low.read_text("utf-8")
    assert old in text
    write(low, text.replace(old, new))
    assert why(settled) == ["changed: p2plib.wire.low"]


def showing(root: Path, *cells: str) -> None:
    """A second chapter, which shows some source."""
    fence = "```{code-cell} ipython3\n"
    body = "\n\n".join(f"{fence}{cell}\n```" for cell in ("from p2plib import figures", *cells))
    write(root / "book" / "src" / "identity" / "two.md", f"{FRONT}# Two\n\n{body}\n")
    assert notebooks.main(["--root", str(root), "two"]) == 0
    assert why(root, "two") == []


CHANGES = {
    "the shown docstring": ("Open it.", "Open it wide."),
    "a comment in what is shown": ("return VALUE", "# always\n        return VALUE"),
    "the layout of what is shown": ("return VALUE", "return (VALUE)"),
    "a comment at its end": ("return VALUE", "return VALUE\n        # and gone"),
    "another docstring": ("What one is.", "What this is."),
    "a comment elsewhere": ("VALUE = 7", "VALUE = 7  # days"),
}
EVERYTHING = tuple(CHANGES)
BODY = EVERYTHING[1:4]


@pytest.mark.parametrize(
    ("cells", "counts"),
    [
        (["from p2plib.wire.low import Box", "figures.show(Box.open)"], EVERYTHING[:4]),
        (["from p2plib.wire.low import Box", "figures.show(Box.open, docstring=False)"], BODY),
        (["from p2plib.wire import low", "figures.show(figures.tree, low.Box.open)"], EVERYTHING[:4]),
        (["import p2plib.wire.low as low", "figures.show(low.Box)"], EVERYTHING[:5]),
        (["from p2plib.wire.low import Box as B", "from p2plib.figures import show as s", "s(B)"],
         EVERYTHING[:5]),
        (["from p2plib.wire.low import Box", "from p2plib.figures.show import show", "show(Box)"],
         EVERYTHING[:5]),
        (["from p2plib.wire.heir import Heir", "figures.show(Heir.open)"], EVERYTHING[:4]),
        (["from p2plib.wire.heir import Box", "figures.show(Box.open)"], EVERYTHING[:4]),
        (["from p2plib.wire.low import Box", "import inspect\ninspect.getsource(Box.open)"], EVERYTHING[:4]),
        (["from p2plib.wire.low import Box", "help(Box.open)"], EVERYTHING[:4]),
        (["from p2plib.wire.low import Box", "print(Box.open.__doc__)"], EVERYTHING[:4]),
        (["from p2plib.wire.low import Box", "both = [Box]", "figures.show(*both)"], EVERYTHING),
        (["from p2plib.wire.low import Box", "def mine(): ...", "figures.show(mine)"], ()),
        (["from p2plib.wire.low import Box", "class Mine(Box):\n    def own(self): ...",
          "figures.show(Mine.own)"], ()),
        (["from p2plib.wire.low import Box", "class Mine(Box):\n    def own(self): ...",
          "figures.show(Mine.open)"], EVERYTHING),
        (["from p2plib.wire.low import Box", "class Mine:\n    def own(self): ...", "Mine.own = Box.open",
          "figures.show(Mine.own)"], EVERYTHING),
        (["from p2plib.wire.low import Box", "class Mine:\n    def own(self): ...\n    own = Box.open",
          "figures.show(Mine.own)"], EVERYTHING),
        (["from p2plib.wire.low import Box", "class Mine:\n    def own(self): ...",
          "def other():\n    own = Box()", "figures.show(Mine.own)"], ()),
        (["from p2plib.wire.low import Box", "class Mine:\n    def open(self): ...", "class Mine(Box): ...",
          "figures.show(Mine.open)"], EVERYTHING),
        (["from p2plib.wire.low import Box", "see = figures.show", "see(Box)"], EVERYTHING),
        (["from p2plib.wire.low import Box", "list(map(figures.show, [Box]))"], EVERYTHING),
        (["from p2plib.wire.low import Box", "figures.show(obj=Box.open)"], EVERYTHING[:4]),
        (["from p2plib.wire.low import Box as box", "class My:\n    def box(self): ...", "figures.show(box)"],
         EVERYTHING[:5]),
        (["from p2plib.wire.low import Box", "Box().open()"], ()),
    ],
)  # fmt: skip
def test_of_what_a_page_shows_each_letter_counts(
    settled: Path, cells: list[str], counts: tuple[str, ...]
) -> None:
    write(settled / "p2plib/wire/heir.py", "from .low import Box\n\n\nclass Heir(Box):\n    pass\n")
    showing(settled, *cells)
    low = settled / "p2plib" / "wire" / "low.py"
    text = low.read_text("utf-8")
    for what, (old, new) in CHANGES.items():
        assert old in text
        write(low, text.replace(old, new))
        assert bool(why(settled, "two")) == (what in counts), what
        assert why(settled, "one") == [], "it shows nothing"


def test_the_piece_that_changed_is_named(settled: Path) -> None:
    showing(settled, "from p2plib.wire.low import Box", "figures.show(Box.open)")
    low = settled / "p2plib" / "wire" / "low.py"
    write(low, low.read_text("utf-8").replace("Open it.", "Open it wide."))
    assert why(settled, "two") == ["changed: p2plib.wire.low:Box.open"]


@pytest.mark.slow
def test_no_comment_docstring_or_layout_of_the_library_reaches_a_page_that_does_not_show_it() -> None:
    gc.disable()
    edits = stale_proof.HARMLESS
    found = dict(zip(edits, stale_proof.stale_after(ROOT, edits.values()), strict=True))
    gc.enable()
    assert [one for edit in found.values() for one in edit if not one.is_shown] == []
    pages = {product.name: product.target.read_text("utf-8") for product in source.products(ROOT)}
    shown = {(one.notebook, one.module) for one in found["comments"]}
    assert shown == {
        (name, path.replace("/", "."))
        for name, text in pages.items()
        for path in re.findall(r"# [\w.]+, in (p2plib/[\w/]+)\.py\\n", text)
    }


def test_no_other_module_of_the_library_reads_source_or_docstrings() -> None:
    """What it prints would depend on what does not count. `keeping` reads the reader's functions alone."""
    words = re.compile(r"\b(__doc__|getsource\w*|getdoc|getcomments|get_docstring)\b")
    found = {path.stem for path in (ROOT / "p2plib").rglob("*.py") if words.search(path.read_text("utf-8"))}
    assert found == {"show", "keeping"}


# One program, one digest, whichever Python reads it

PROGRAM = '''\
"""Its docstring."""
from __future__ import annotations
import asyncio, os.path as p
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from nowhere import Nothing
else:
    Nothing = None
WORDS = "a" 'b' f"c{1}" f"{p!r:>{10}}d" "" f"{{}}" f"{WORDS = }" f"{1:}"
NUMBERS = 0x10, 1_000, 1.5e300, 2j, b"\\xff", True, None, ..., -1, 10 ** 400, "\\u0378\\n"
@p.join
class A(dict[str, int], metaclass=type):
    """Its docstring."""
    x: int = 3
    "What x is."
    async def f(self, /, a, *b: int, c=1, **d) -> list[int]:
        async with a as (q, w): await asyncio.sleep(0)
        async for i in a: yield i
        return
    @staticmethod
    def g(*, e): "Only this."
def h(x):
    match x:
        case {"a": [1, *rest], **others} | A(x=2) if rest: pass
        case None | -1: return lambda y=2, *z: (y := y + 1)
    try:
        del x[1:2, ::3]
    except* ValueError as error:
        raise error from None
    finally:
        global WORDS
    while not x < 3 <= 4 is not None: break
    else: return {**x, 1: 2}, {*x}, [*x], [i async for i in x if i if i], {i: j for i, j in x}
    return x if x else (yield), x @ x, x[0].y, print(*x, **x, sep="")
'''


def test_a_digest_is_the_same_under_every_python() -> None:
    """The digest was computed under 3.11, 3.12 and 3.13, whose syntax trees differ."""
    assert syntax.digest(syntax.parse(PROGRAM)) == "5045cc6c"


def test_an_f_string_in_pieces_is_the_same_string() -> None:
    digests = {syntax.digest(syntax.parse(text)) for text in ('f"a{b}cd"', 'f"a{b}" "cd"', "'a' f'{b}c' 'd'")}
    assert len(digests) == 1
    assert syntax.digest(syntax.parse('f"a{b}c"')) not in digests


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(*, a): pass", "def f(*, a=None): pass"),
        ("f = lambda *, a: 1", "f = lambda *, a=None: 1"),
        ("x = {**y}", "x = {None: y}"),
    ],
)
def test_what_is_not_there_is_not_none(one: str, other: str) -> None:
    assert syntax.digest(syntax.parse(one)) != syntax.digest(syntax.parse(other))


def test_a_file_that_a_page_names_counts(settled: Path) -> None:
    data = write(settled / "bench" / "results.json", "[1]")
    showing(settled, "open('../../bench/results.json').read()")
    write(data, "[2]")
    assert why(settled, "two") == ["changed: bench/results.json"]
    assert why(settled, "one") == []


def test_an_imported_module_that_goes_away_is_noticed(settled: Path) -> None:
    (settled / "p2plib" / "errors.py").unlink()
    write(settled / "p2plib" / "wire" / "other.py", "")
    assert why(settled) == ["changed: p2plib.errors"]


def test_a_changed_text(settled: Path) -> None:
    path = settled / "book" / "src" / "identity" / "one.md"
    write(path, path.read_text("utf-8").replace("It ends.", "It goes on."))
    assert why(settled) == ["its text changed"]


def test_a_changed_title_of_what_the_card_links_to(settled: Path) -> None:
    two = write(
        settled / "book/src/identity/two.md",
        FRONT.replace("[]", "[identity/one]") + CHAPTER.replace("One", "Two"),
    )
    assert notebooks.main(["--root", str(settled), "two"]) == 0
    assert "[One](one.ipynb)" in (settled / "book/identity/two.ipynb").read_text("utf-8")
    assert why(settled, "two") == []
    one = settled / "book/src/identity/one.md"
    write(one, one.read_text("utf-8").replace("# One", "# First"))
    assert why(settled, "two") == ["its text changed"]
    assert two.exists()


def test_another_format_and_another_matplotlib(settled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = stale.matplotlib_version()
    monkeypatch.setattr(stale, "FORMAT", stale.FORMAT + 1)
    monkeypatch.setattr(stale, "matplotlib_version", lambda: "99.0")
    assert why(settled) == [
        f"made in format {stale.FORMAT - 1}, now {stale.FORMAT}",
        f"drawn by matplotlib {version}, installed is 99.0",
    ]


def edit_source(notebook: dict[str, Any]) -> None:
    notebook["cells"][3]["source"] = ["By hand."]


def edit_nothing_but_order(notebook: dict[str, Any]) -> None:
    notebook["metadata"] = dict(reversed(notebook["metadata"].items()))
    for cell in notebook["cells"]:
        cell["metadata"] = dict(reversed(cell["metadata"].items()))


def strip(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"], cell["outputs"] = None, []


def forget(notebook: dict[str, Any]) -> None:
    del notebook["metadata"]["handbook"]


@pytest.mark.parametrize(
    ("edit", "reasons"),
    [
        (edit_source, ["its cells were edited by hand"]),
        (edit_nothing_but_order, []),
        (strip, ["not every cell was run, in order"]),
        (forget, ["it is not a notebook that this tool made"]),
    ],
)
def test_a_notebook_edited_by_hand(settled: Path, edit: Any, reasons: list[str]) -> None:
    path = settled / "book" / "identity" / "one.ipynb"
    notebook = made(settled)
    edit(notebook)
    path.write_text(json.dumps(notebook), "utf-8")
    assert why(settled) == reasons


# The lock file


def line_of(root: Path, name: str = NOTEBOOK) -> str:
    return next(line for line in (root / lock.FILE).read_text("utf-8").splitlines() if line.startswith(name))


def change_lock(root: Path, old: str, new: str) -> None:
    text = (root / lock.FILE).read_text("utf-8")
    assert old in text
    write(root / lock.FILE, text.replace(old, new))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda line: "", "notebooks.lock has no line for it"),
        (lambda line: f"{line}\n{line}", "notebooks.lock has two lines for it"),
        (lambda line: line.replace(" cells=", " c="), "its line in notebooks.lock cannot be read"),
        (lambda line: line[: line.index(" format=")], "its line in notebooks.lock cannot be read"),
        (lambda line: re.sub("text=[^ ]*", "text=", line), "its line in notebooks.lock cannot be read"),
        (lambda line: re.sub("text=[^ ]*", "text=0", line), "its text changed"),
        (lambda line: re.sub("library=[^ ]*", "library=0", line), "the library behind it changed"),
    ],
)
def test_a_line_that_is_missing_or_wrong(settled: Path, change: Any, reason: str) -> None:
    line = line_of(settled)
    change_lock(settled, line, change(line))
    assert why(settled) == [reason]
    assert notebooks.main(["--root", str(settled)]) == 0
    assert line_of(settled) == line
    assert why(settled) == []


def test_without_notes_the_reason_is_less_exact(settled: Path) -> None:
    write(settled / "p2plib" / "errors.py", "class Oops(Exception):\n    pass\n")
    assert why(settled) == ["changed: p2plib.errors"]
    for text in ("", "{}", "[]", '{"reader": "another"}'):
        write(settled / lock.NOTES, text)
        assert why(settled) == ["the library behind it changed"]


def test_a_check_of_what_is_fresh_writes_the_notes_again(settled: Path) -> None:
    (settled / lock.NOTES).unlink()
    assert notebooks.main(["--root", str(settled), "--check"]) == 0
    write(settled / "p2plib" / "errors.py", "class Oops(Exception):\n    pass\n")
    assert why(settled) == ["changed: p2plib.errors"]


def test_a_notebook_keeps_no_digest_and_its_line_holds_all(settled: Path) -> None:
    assert "digest" not in json.dumps(made(settled)["metadata"])
    name, *parts = line_of(settled).split()
    assert name == NOTEBOOK
    assert [part.split("=")[0] for part in parts] == ["text", "cells", "library", "format", "matplotlib"]


def chapters(root: Path, *names: str) -> None:
    for name in names:
        write(root / f"book/src/identity/{name}.md", FRONT + CHAPTER.replace("ch-one", f"ch-{name}"))
    assert notebooks.main(["--root", str(root)]) == 0


def test_a_rewritten_notebook_rewrites_its_own_line_alone(settled: Path) -> None:
    chapters(settled, "five", "four", "two")
    names = ["five", "four", "one", "two"]
    before = (settled / lock.FILE).read_text("utf-8").splitlines()
    assert [line.split()[0] for line in before[2::2]] == [f"book/identity/{name}.ipynb" for name in names]
    change_lock(settled, line_of(settled, "book/identity/four.ipynb"), "book/identity/four.ipynb ???")
    for name in ("one", "four"):
        text = settled / f"book/src/identity/{name}.md"
        write(text, text.read_text("utf-8") + "\nMore.\n")
    assert notebooks.main(["--root", str(settled), "one"]) == 0
    after = (settled / lock.FILE).read_text("utf-8").splitlines()
    changed = [number for number, line in enumerate(before) if line != after[number]]
    assert [before[number].split()[0] for number in changed] == ["book/identity/four.ipynb", NOTEBOOK]
    assert "book/identity/four.ipynb ???" in after


def test_the_order_of_the_lines_is_no_rule(settled: Path) -> None:
    chapters(settled, "two", "three")
    path = settled / lock.FILE
    upside_down = "\n".join(reversed(path.read_text("utf-8").splitlines()))
    write(path, upside_down)
    assert tool(settled, "--check").stdout == ""
    assert path.read_text("utf-8") == upside_down


def test_git_merges_what_two_branches_did_to_neighbours(settled: Path) -> None:
    chapters(settled, "two", "three")
    base = (settled / lock.FILE).read_text("utf-8")
    ours = base.replace(line_of(settled, "book/identity/three.ipynb"), "book/identity/three.ipynb of ours")
    theirs = base.replace(line_of(settled, "book/identity/two.ipynb"), "book/identity/two.ipynb of theirs")
    paths = [write(settled / name, text) for name, text in (("o", ours), ("b", base), ("t", theirs))]
    done = subprocess.run(["git", "merge-file", "-p", *paths], capture_output=True, text=True)
    assert done.returncode == 0
    assert "of ours" in done.stdout
    assert "of theirs" in done.stdout


def test_lines_of_no_notebook_are_told_and_a_whole_run_drops_them(settled: Path) -> None:
    chapters(settled, "two")
    line = line_of(settled)
    change_lock(settled, line, f"<<<<<<< HEAD\n{line}\n=======\n{line}\n>>>>>>> other")
    (settled / "book/src/identity/two.md").unlink()
    (settled / "book/identity/two.ipynb").unlink()
    told = tool(settled, "--check")
    assert told.returncode == 1
    assert told.stdout.splitlines() == [
        f"stale: {NOTEBOOK}: notebooks.lock has two lines for it",
        *(
            f"left over: a line of notebooks.lock begins with {word!r}, which is not the name of a notebook"
            for word in ("<<<<<<<", "=======", ">>>>>>>", "book/identity/two.ipynb")
        ),
        "run: python tools/notebooks.py",
    ]
    assert notebooks.main(["--root", str(settled)]) == 0
    assert line_of(settled) == line
    assert tool(settled, "--check").stdout == ""


# The command


def test_the_check_lists_what_is_stale_and_runs_nothing(settled: Path) -> None:
    write(settled / "p2plib" / "errors.py", "class Oops(Exception):\n    pass\n")
    (settled / "book" / "identity" / "one.ipynb").with_name("gone.ipynb").write_text(
        '{"metadata": {"handbook": {}}}'
    )
    before = (settled / "book" / "identity" / "one.ipynb").read_bytes()
    done = tool(settled, "--check")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "stale: book/identity/one.ipynb: changed: p2plib.errors",
        "left over: book/identity/gone.ipynb: it has no text any more; delete it",
        "run: python tools/notebooks.py",
    ]
    assert (settled / "book" / "identity" / "one.ipynb").read_bytes() == before


def test_the_check_loads_no_notebook_library() -> None:
    """That is what keeps it under a second; the import is what takes the time."""
    allowed = {"yaml", "p2plib"}  # of which the table of roles alone
    slow = set()
    for path in [
        TOOL,
        ROOT / "tools/handbook/source.py",
        *(ROOT / f"tools/handbook/{name}.py" for name in ("stale", "lock", "library", "names", "syntax")),
        ROOT / "tools/handbook/build.py",
    ]:
        for node in ast.parse(path.read_text("utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            slow |= (
                {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"handbook"} - allowed
            )
    assert slow == set()
