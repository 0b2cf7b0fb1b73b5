"""tools/notebooks.py: texts in, executed notebooks out, the same bytes each time, and only what is stale."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jupytext", reason="jupytext is not installed (pip install -e '.[book]')")
pytest.importorskip("nbclient", reason="nbclient is not installed (pip install -e '.[book]')")

import notebooks
from handbook import TextError, build, source, stale

from tests.labs.engine import tiny

ROOT = Path(__file__).resolve().parents[1]
TOOL = ROOT / "tools" / "notebooks.py"

FRONT = """\
---
kernelspec: {display_name: Python 3 (ipykernel), language: python, name: python3}
handbook:
  role: identity
  minutes: 20
  needs: []
  able: [Say this, Show that, Build the other]
---
"""
CHAPTER = """\
(ch-one)=
# One

It begins.

```{code-cell} ipython3
:tags: [hide-input]
import sys

from p2plib.wire import low

print("to", "stdout")
low.VALUE
```

It ends.
"""


def furnish(root: Path) -> None:
    """A handbook of one chapter, with a library of its own that has no dependencies."""
    write(root / "book" / "src" / "identity" / "one.md", FRONT + CHAPTER)
    library = {
        "__init__.py": "",
        "errors.py": "class Oops(Exception): ...\n",
        "figures/__init__.py": "from ._roles import roles\n",
        "figures/_roles.py": "def roles(here, compact):\n    return f'you are in {here}'\n",
        "wire/__init__.py": "",
        "wire/low.py": (
            "from typing import TYPE_CHECKING\n\nfrom ..errors import Oops\n\n"
            "if TYPE_CHECKING:\n    from p2plib.wire import other\n\nVALUE = 7\n"
        ),
        "wire/other.py": "",
        "wire/lazy.py": "def later():\n    import p2plib.wire.other\n",
    }
    for name, text in library.items():
        write(root / "p2plib" / name, text)


@pytest.fixture(name="handbook")
def furnished(tmp_path: Path) -> Path:
    """A handbook of one chapter."""
    furnish(tmp_path)
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8", newline="\n")
    stale._module_digest.cache_clear()
    stale._imports_of_module.cache_clear()
    return path


def tool(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command as an author does."""
    environment = {name: value for name, value in os.environ.items() if name != "NBGRADER_EXECUTION"}
    command = [sys.executable, str(TOOL), "--root", str(root), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


def made(root: Path, name: str = "book/identity/one.ipynb") -> dict[str, Any]:
    return json.loads((root / name).read_text("utf-8"))


def why(root: Path, name: str = "one") -> list[str]:
    """The reasons for which a notebook is stale."""
    return stale.reasons(notebooks.chosen(root, [name])[0])


# From text to notebook


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The handbook above and the tiny lab, made once; tests only read it."""
    root = tmp_path_factory.mktemp("finished")
    furnish(root)
    shutil.copytree(ROOT / "p2plib" / "labs", root / "p2plib" / "labs")
    shutil.copy(ROOT / "p2plib" / "errors.py", root / "p2plib" / "errors.py")
    tiny.plant(root)
    write(
        root / "p2plib" / "errors.py",
        (ROOT / "p2plib" / "errors.py").read_text("utf-8") + "\n\nOops = P2PError\n",
    )
    done = tool(root)
    assert done.returncode == 0, done.stderr
    assert "made book/identity/one.ipynb" in done.stdout
    return root


def test_the_notebook_of_a_chapter(finished: Path) -> None:
    notebook = made(finished)
    cells = notebook["cells"]
    assert [cell["id"] for cell in cells] == [f"one-{n:03d}" for n in range(6)]
    assert "".join(cells[0]["source"]) == "(ch-one)=\n# One"
    card = "".join(cells[1]["source"])
    assert card.startswith(
        ":::{admonition} In about 20 minutes you will be able to\n:class: hb-card\n- say this\n"
    )
    assert card.endswith("**Role** identity\n:::")
    assert cells[2]["metadata"] == {"jupyter": {"source_hidden": True}, "tags": ["remove-input"]}
    assert (
        "".join(cells[2]["source"])
        == 'from p2plib import figures\nfigures.roles(here="identity", compact=True)'
    )
    assert cells[2]["outputs"][0]["data"]["text/plain"] == ["'you are in identity'"]
    assert "".join(cells[3]["source"]) == "It begins."
    assert cells[4]["metadata"] == {"tags": ["hide-input"]}
    assert [cell.get("execution_count") for cell in cells] == [None, None, 1, None, 2, None]
    assert [output["output_type"] for output in cells[4]["outputs"]] == ["stream", "execute_result"]
    assert cells[4]["outputs"][1]["execution_count"] == 2
    assert set(notebook["metadata"]) == {"handbook", "kernelspec", "language_info"}
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    assert notebook["metadata"]["handbook"]["able"] == ["Say this", "Show that", "Build the other"]


def test_a_rerun_gives_the_same_bytes_and_nothing_is_stale(finished: Path) -> None:
    before = {path: path.read_bytes() for path in finished.rglob("*.ipynb")}
    assert len(before) == 3
    assert tool(finished, "--check").stdout == ""
    done = tool(finished, "--force")
    assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in finished.rglob("*.ipynb")} == before


def test_a_digest_is_the_same_in_another_place_and_with_other_line_ends(
    finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "elsewhere")
    for path in [*(tmp_path / "elsewhere" / "p2plib").rglob("*.py"), *(tmp_path / "elsewhere").rglob("*.md")]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    done = tool(tmp_path / "elsewhere", "--check")
    assert (done.returncode, done.stdout) == (0, "")


def test_both_forms_of_a_lab(finished: Path) -> None:
    learner, solved = (
        made(finished, "labs/lab09_arithmetic.ipynb"),
        made(finished, "labs/solutions/lab09_arithmetic.ipynb"),
    )
    told = [text(learner), text(solved)]
    for gone in ("BEGIN", "END", "HIDDEN", "judge"):
        assert all(gone not in one for one in told)
    assert '    """Twice *number*."""\n    raise NotImplementedError' in told[0]
    assert '    whole = b""\n    raise NotImplementedError' in told[0]
    assert "*Your answer here.*" in told[0]
    assert "They differ" not in told[0]
    assert "They differ." in told[1]
    assert '    """Twice *number*."""\n    return number + number' in told[1]
    ids = [cell["id"] for cell in learner["cells"]]
    assert ids == [cell["id"] for cell in solved["cells"]]
    assert "lab09_arithmetic-009" not in ids  # hidden tests alone leave no cell
    assert outputs(learner) == [
        "[ ] double: not written yet; the lab goes on with the library's\n",
        "[ ] join: not written yet; the lab goes on with the library's\n",
        "42 b'ab'\nkept nothing; still the library's: double, join\n",
    ]
    assert outputs(solved) == [
        "[v] double: 3 of 3 cases; the lab goes on with yours\n",
        "[v] join: 2 of 2 cases; the lab goes on with yours\n",
        "42 b'ab'\nkept double, join in my_peer/arithmetic.py\n",
    ]
    assert not list(finished.rglob("my_peer"))


def text(notebook: dict[str, Any]) -> str:
    return "\n\n".join("".join(cell["source"]) for cell in notebook["cells"])


def outputs(notebook: dict[str, Any]) -> list[str]:
    """What each cell printed, silent cells and drawings left out."""
    return [
        "".join(output["text"])
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream"
    ]


def test_nbval_passes_both_forms_of_a_lab(finished: Path) -> None:
    pytest.importorskip("nbval", reason="nbval is not installed (pip install -e '.[test]')")
    shutil.copy(ROOT / "labs" / "conftest.py", finished / "labs" / "conftest.py")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "--nbval-current-env",
        "-q",
        "-p",
        "no:cacheprovider",
        "labs",
    ]
    environment = {**os.environ, "PYTHONPATH": str(finished)}
    done = subprocess.run(command, cwd=finished, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " failed" not in done.stdout
    assert not list(finished.rglob("my_peer"))


# What makes a notebook stale: a change of one module, of the text, of the tool, or a hand


@pytest.fixture
def settled(handbook: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The handbook, "made" without a kernel, which is slow: cells are counted and have no outputs."""
    from handbook import execute

    def count(notebook: Any, *rest: object) -> None:
        for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
            cell["execution_count"] = number

    monkeypatch.setattr(execute, "run", count)
    assert notebooks.main(["--root", str(handbook)]) == 0
    assert why(handbook) == []
    return handbook


@pytest.mark.parametrize(
    ("module", "is_imported"),
    [
        ("wire/low.py", True),  # by the chapter itself
        ("wire/__init__.py", True),  # the package around it
        ("__init__.py", True),
        ("errors.py", True),  # by low.py, relatively
        ("figures/_roles.py", True),  # by the hidden cell's `from p2plib import figures`
        ("wire/other.py", False),  # only `if TYPE_CHECKING`
        ("wire/lazy.py", False),
    ],
)
def test_a_change_in_the_library_reaches_who_imports_it(
    settled: Path, module: str, is_imported: bool
) -> None:
    path = settled / "p2plib" / module
    write(path, path.read_text("utf-8") + "# changed\n")
    name = "p2plib." + module.removesuffix(".py").replace("/", ".")
    expected = [f"changed: {name.removesuffix('.__init__')}"] if is_imported else []
    assert why(settled) == expected


def test_a_lazy_import_counts(settled: Path) -> None:
    library = stale.library(settled, [{"cell_type": "code", "source": "from p2plib.wire.lazy import later"}])
    names = [word.split(":")[0] for word in library.split()]
    assert names == ["p2plib", "p2plib.wire", "p2plib.wire.lazy", "p2plib.wire.other"]


@pytest.mark.parametrize(
    "cell",
    [
        "%matplotlib inline\nimport p2plib.errors",
        "!ls\nimport p2plib.errors",
        "await f(); import p2plib.errors",
    ],
)
def test_cells_that_are_not_plain_python_are_read(settled: Path, cell: str) -> None:
    library = stale.library(settled, [{"cell_type": "code", "source": cell}])
    assert [word.split(":")[0] for word in library.split()] == ["p2plib", "p2plib.errors"]


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
        "left over: book/identity/gone.ipynb: its text is gone; delete it",
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
        ROOT / "tools/handbook/stale.py",
        ROOT / "tools/handbook/build.py",
    ]:
        for node in ast.parse(path.read_text("utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            slow |= (
                {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"handbook"} - allowed
            )
    assert slow == set()


# Texts that break a rule


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("---\nkernel", "kernel", "must begin with front matter"),
        ("handbook:", "handbok:", "lacks 'handbook:'"),
        ("  minutes: 20\n", "", "lacks 'minutes'"),
        ("minutes: 20", "minutes: about an hour", "minutes must be a whole number"),
        ("minutes: 20", "minutes: yes", "minutes must be a whole number"),
        ("minutes: 20", "minutes: 20\n  hours: 1", "does not know 'hours'"),
        ("role: identity", "role: identities", "role 'identities' is none of"),
        ("needs: []", "needs: [identity/nought]", "there is no book/src/identity/nought.md"),
        ("needs: []", "needs: [labs/lab00_nought]", "there is no labs/src/lab00_nought.md"),
        ("needs: []", "needs: [identity/one]", "the document itself"),
        ("needs: []", "needs: identity/one", "must be a list"),
        ("Show that, Build the other", "Show that", "3 to 5"),
        ("Show that,", "show that,", "begin with a capital"),
        ("Show that,", "Show that.,", "without a full stop"),
        ("Show that,", "Show: that,", "not a sentence"),
        ("able: [", "able: {", "not YAML"),
        ("# One", "One", "the title"),
        ("It ends.", "```{code-cell} ipython3\n```", "an empty code cell"),
    ],
)
def test_a_text_that_breaks_a_rule(handbook: Path, old: str, new: str, said: str) -> None:
    path = handbook / "book" / "src" / "identity" / "one.md"
    whole = path.read_text("utf-8")
    assert old in whole
    write(path, whole.replace(old, new, 1))
    with pytest.raises(TextError, match=r"one\.md") as caught:
        build.notebook(source.products(handbook)[0])
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (":task: double\n", "", "a solution and 'task:' go together"),
        (":check: double\n:points: 2\n", ":check: double\n", "points must be a whole number"),
        (":points: 2", ":points: two", "points must be a whole number"),
        (":task: double", ":task: double\n:points: 2", "points belong to the check"),
        (":check: join\n", ":check: joined\n", None),
        (
            "    ### END SOLUTION\n```\n\n```{code-cell} ipython3\n:check: double",
            "```\n\n```{code-cell} ipython3\n:check: double",
            "BEGIN SOLUTION without its END",
        ),
        ("### BEGIN HIDDEN TESTS", "### BEGIN HIDEN TESTS", "BEGIN and END of HIDDEN TESTS do not pair"),
        ("### BEGIN SOLUTION", "# BEGIN SOLUTION", "misspelled"),
        (":task: join\n", ":task: double\n", "a second cell with task: double"),
        (
            "    ### BEGIN SOLUTION\n    return",
            "### BEGIN SOLUTION\n    return",
            "must stand inside a function",
        ),
        ("def join(parts: list[bytes]) -> bytes:", "def join(parts: list[bytes]) -> bytes", "is not Python"),
    ],
)
def test_a_lab_that_breaks_a_rule(tmp_path: Path, old: str, new: str, said: str | None) -> None:
    assert old in tiny.TEXT
    tiny.plant(tmp_path, tiny.TEXT.replace(old, new, 1))
    product = source.products(tmp_path)[0]
    if said is None:  # a check with hidden tests of its own may have a name of its own
        build.notebook(product)
        return
    with pytest.raises(TextError, match=r"^labs/src/lab09_arithmetic\.md:\d+: ") as caught:
        build.notebook(product)
    assert said in str(caught.value)


# Cells that fail


@pytest.mark.parametrize(
    ("cell", "why_not"),
    [
        ("a = 1\na / 0", "ZeroDivisionError: division by zero"),
        ("import sys\nprint('oh', file=sys.stderr)", "it wrote to stderr: oh"),
        ("import warnings\nwarnings.warn('old')", "it wrote to stderr:"),
        ("import os\nos._exit(1)", "the kernel died"),
    ],
)
def test_a_failing_cell_is_named(handbook: Path, cell: str, why_not: str) -> None:
    path = handbook / "book" / "src" / "identity" / "one.md"
    fence = "```{code-cell} ipython3\n"
    write(path, f"{FRONT}# One\n\n{fence}print(1)\n```\n\n{fence}{cell}\n```\n")
    done = tool(handbook)
    assert done.returncode == 1
    assert f"book/src/identity/one.md:16: chapter, code cell 3 (one-004): {why_not}" in done.stderr
    assert f"    | {cell.splitlines()[-1]}" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (handbook / "book" / "identity" / "one.ipynb").exists()


def test_cells_that_may_fail_and_where_they_run(handbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run for several rules, because a kernel takes a second to start."""
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    cells = [
        (":tags: [raises-exception]", "1 / 0"),
        (":tags: [allow-stderr]", "import sys\nprint('oh', file=sys.stderr)"),
        ("", "import os, pathlib, p2plib\nprint(sys.executable)\nprint(os.getcwd())\nprint(p2plib.__file__)"),
        ("", "print('PYTHONHASHSEED' in os.environ, pathlib.Path(os.environ['P2PLIB_LABS_HOME']).name)"),
        ("", "print(1)\nprint(2, file=sys.stdout, flush=True)\nprint(3)"),
    ]
    body = "".join(f"```{{code-cell}} ipython3\n{option}\n{code}\n```\n\n" for option, code in cells)
    write(handbook / "book" / "src" / "identity" / "one.md", f"{FRONT}# One\n\n{body}")
    done = tool(handbook)
    assert done.returncode == 0, done.stderr
    code = [cell for cell in made(handbook)["cells"] if cell["cell_type"] == "code"][1:]
    assert code[0]["outputs"] == [
        {
            "output_type": "error",
            "ename": "ZeroDivisionError",
            "evalue": "division by zero",
            "traceback": ["ZeroDivisionError: division by zero"],
        }
    ]
    assert code[1]["outputs"][0]["name"] == "stderr"
    folder, library = handbook / "book" / "identity", handbook / "p2plib" / "__init__.py"
    assert "".join(code[2]["outputs"][0]["text"]).splitlines() == [sys.executable, str(folder), str(library)]
    assert "".join(code[3]["outputs"][0]["text"]) == "False my_peer\n"
    assert [output["text"] for output in code[4]["outputs"]] == [["1\n", "2\n", "3"]] or len(
        code[4]["outputs"]
    ) == 1


# The command's words


def test_names_limit_the_work(settled: Path) -> None:
    write(settled / "book/src/identity/two.md", FRONT + CHAPTER)
    write(settled / "p2plib" / "errors.py", "class Oops(Exception):\n    pass\n")
    assert "two" not in tool(settled, "--check", "identity/one").stdout
    assert "one" not in tool(settled, "--check", "two").stdout
    done = tool(settled, "--check", "three")
    assert done.returncode == 2
    assert "no text is called 'three'; there are identity/one, identity/two" in done.stderr
