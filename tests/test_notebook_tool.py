"""tools/notebooks.py: texts in, executed notebooks out, the same bytes each time, and only what is stale."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jupytext", reason="jupytext is not installed (pip install -e '.[book]')")
pytest.importorskip("nbclient", reason="nbclient is not installed (pip install -e '.[book]')")

from handbook import TextError, build, card, execute, labs, source, stale

from tests.conftest import ROOT
from tests.labs.engine import tiny
from tests.small_handbook import CHAPTER, FRONT, furnish, made, tool, write


@pytest.fixture(name="handbook")
def furnished(tmp_path: Path) -> Path:
    """A handbook of one chapter."""
    furnish(tmp_path)
    return tmp_path


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


def test_the_card_of_a_page_that_says_how_long_reading_takes(handbook: Path) -> None:
    text = handbook / "book" / "src" / "identity" / "one.md"
    write(text, text.read_text("utf-8").replace("minutes: 20", "minutes: 20\n  reading: 10"))
    front = source.front_matter(handbook, text)
    product = source.products(handbook)[0]
    assert "In 10 minutes, or 20 with the exercises, you will be able to" in card.card(product, front)


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
    there = tmp_path / "elsewhere"
    shutil.rmtree(there / "_build")
    for path in [*there.rglob("*.py"), *there.rglob("*.md"), there / "notebooks.lock"]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    done = tool(there, "--check")
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
        (
            "minutes: 20",
            "minutes: 20\n  reading: 30",
            "reading must be a whole number of minutes, 5 to the 20",
        ),
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


def test_a_kernel_that_does_not_start_is_told(handbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = {**execute.get_kernel_dict(), "argv": [sys.executable, "-c", "raise SystemExit(3)"]}
    monkeypatch.setattr(execute, "get_kernel_dict", lambda: spec)
    draft = build.draft(source.products(handbook)[0], stale.State(handbook))
    with pytest.raises(TextError, match=r"code cell 1 \(one-002\): the kernel did not start: "):
        build.run(draft)


def test_cells_that_may_fail_and_where_they_run(handbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run for several rules, because a kernel takes a second to start."""
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    cells = [
        (":tags: [raises-exception]", "1 / 0"),
        (":tags: [allow-stderr]", "import sys\nprint('oh', file=sys.stderr)"),
        ("", "import os, pathlib, p2plib\nprint(sys.executable)\nprint(os.getcwd())\nprint(p2plib.__file__)"),
        (
            "",
            "print('PYTHONHASHSEED' in os.environ)\nprint(pathlib.Path(os.environ['P2PLIB_LABS_HOME']).name)",
        ),
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
    assert "".join(code[3]["outputs"][0]["text"]) == "False\nmy_peer\n"
    assert [output["text"] for output in code[4]["outputs"]] == [["1\n", "2\n", "3"]] or len(
        code[4]["outputs"]
    ) == 1


# Several at a time


def page(root: Path, name: str, *cells: str) -> Path:
    """Write a chapter with some code cells."""
    fence = "```{code-cell} ipython3\n"
    body = "\n\n".join(f"{fence}{cell}\n```" for cell in cells)
    return write(root / "book" / "src" / "identity" / f"{name}.md", f"{FRONT}# The {name}\n\n{body}\n")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_two_notebooks_run_at_the_same_time(handbook: Path) -> None:
    """Each waits for the other at a pipe, so one after the other they would never end."""
    os.mkfifo(handbook / "pipe")
    page(handbook, "one", "with open('../../pipe', 'w') as pipe:\n    print(pipe.write('hello'))")
    page(handbook, "two", "print(open('../../pipe').read())")
    done = tool(handbook, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["made book/identity/one.ipynb", "made book/identity/two.ipynb"]
    assert made(handbook, "book/identity/two.ipynb")["cells"][-1]["outputs"][0]["text"] == ["hello\n"]
    assert tool(handbook, "--check").stdout == ""


def test_a_failing_cell_among_others_stops_none_of_them(handbook: Path) -> None:
    page(handbook, "bad", "1 / 0", "print(2)")
    page(handbook, "late", "import os", "os._exit(1)")
    done = tool(handbook, "--jobs", "2")
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["made book/identity/one.ipynb"]
    bad, late = done.stderr.index("src/identity/bad.md:"), done.stderr.index("src/identity/late.md:")
    assert bad < late
    assert "ZeroDivisionError: division by zero" in done.stderr[bad:late]
    assert "the kernel died" in done.stderr[late:]
    assert "Traceback" not in done.stderr
    assert "one.ipynb" in (handbook / "notebooks.lock").read_text("utf-8")
    assert "bad.ipynb" not in (handbook / "notebooks.lock").read_text("utf-8")
    stale_now = [line for line in tool(handbook, "--check").stdout.splitlines() if "stale" in line]
    assert stale_now == [f"stale: book/identity/{name}.ipynb: it was never made" for name in ("bad", "late")]


# Lines that do not fit on a page


LONG = "x = " + "1" * (source.LINE_LIMIT - 3)


def test_lines_that_are_too_long_are_told_at_once_and_before_anything_runs(handbook: Path) -> None:
    one = page(handbook, "one", f"import os\n\n{LONG}", f"# {LONG}\nos._exit(1)")
    two = page(handbook, "two", f":tags: [hide-input]\n{LONG}")
    for words in ((), ("--check",), ("--force",)):
        done = tool(handbook, *words)
        assert done.returncode == 1
        told = [line for line in (done.stdout + done.stderr).splitlines() if ".md:" in line]
        assert [line.partition(" ")[0] for line in told] == [
            f"book/src/identity/one.md:{one.read_text().splitlines().index(LONG) + 1}:",
            f"book/src/identity/one.md:{one.read_text().splitlines().index('# ' + LONG) + 1}:",
            f"book/src/identity/two.md:{two.read_text().splitlines().index(LONG) + 1}:",
        ]
        assert told[0].endswith(f"79 characters, and 78 fit on the page: {LONG}")
    assert not list(handbook.rglob("*.ipynb"))


def test_a_line_that_just_fits_and_long_lines_that_no_page_shows_as_code(handbook: Path) -> None:
    page(handbook, "one", f":tags: [{', '.join(['remove-output'] * 9)}]\n{LONG[:-1]}")
    text = handbook / "book" / "src" / "identity" / "one.md"
    write(text, text.read_text() + f"\n{LONG} in a paragraph\n\n```python\n{LONG}\n```\n")
    source.check_lines(handbook, text)
    tiny.plant(handbook, tiny.TEXT.replace("### BEGIN HIDDEN TESTS", f"### BEGIN HIDDEN TESTS\n{LONG}", 1))
    source.check_lines(handbook, handbook / "labs" / "src" / "lab09_arithmetic.md")


@pytest.mark.parametrize("product", source.products(ROOT), ids=lambda product: product.name)
def test_the_lines_that_are_measured_are_those_of_the_cells(product: source.Product) -> None:
    lines = {line.strip() for _, line in source.code_lines(source.read_text(product.text))}
    cells = [cell for cell in source.cells_of(ROOT, product.text) if cell.cell_type == "code"]
    wanted = {line.strip() for cell in cells for line in labs.HIDDEN.sub("", cell.source).splitlines()}
    assert lines - {""} == wanted - {""}


# The command's words


def test_names_limit_the_work(handbook: Path) -> None:
    write(handbook / "book/src/identity/two.md", FRONT + CHAPTER)
    assert "two" not in tool(handbook, "--check", "identity/one").stdout
    assert "one" not in tool(handbook, "--check", "two").stdout
    done = tool(handbook, "--check", "three")
    assert done.returncode == 2
    assert "no text is called 'three'; there are identity/one, identity/two" in done.stderr
    assert tool(handbook, "--jobs", "0").returncode == 2
