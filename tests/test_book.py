"""The structure of every chapter and lab: what a reader may count on finding, and that all of it was run."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from handbook.source import LINE_LIMIT

from p2plib.figures.role_table import TABLE

ROOT = Path(__file__).resolve().parents[1]


def pages() -> list[str]:
    """Every chapter and lab in reading order, as the table of contents names it."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))
    captions = {role.caption for role in TABLE.values()}
    return [
        chapter["file"]
        for part in toc["parts"]
        if part["caption"] in captions
        for chapter in part["chapters"]
    ]


PAGES = pages()
CHAPTERS = [name for name in PAGES if name.startswith("book/")]
LABS = [name for name in PAGES if name.startswith("labs/")]
NOTEBOOKS = [*PAGES, *(name.replace("labs/", "labs/solutions/") for name in LABS)]


@cache
def read(name: str) -> dict[str, Any]:
    """One notebook, as its JSON; nobody changes it."""
    return json.loads((ROOT / f"{name}.ipynb").read_text("utf8"))


def prose(name: str) -> str:
    """All text of a page, code left out."""
    return "\n\n".join("".join(c["source"]) for c in read(name)["cells"] if c["cell_type"] == "markdown")


def code_cells(name: str) -> list[dict[str, Any]]:
    """All code cells of a page."""
    return [c for c in read(name)["cells"] if c["cell_type"] == "code"]


def document(name: str) -> str:
    """The name that cards use: `introduction/roles`, `labs/lab01_identity`."""
    return name.removeprefix("book/")


def test_there_are_pages() -> None:
    assert len(CHAPTERS) >= 4
    assert len(LABS) >= 1


def test_every_solved_lab_is_in_the_appendix() -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))
    appendix = next(part for part in toc["parts"] if part["caption"] == "Solved labs")
    assert [chapter["file"] for chapter in appendix["chapters"]] == [
        name.replace("labs/", "labs/solutions/") for name in sorted(LABS)
    ]


def test_every_notebook_is_in_the_table_of_contents() -> None:
    made = {
        str(path.relative_to(ROOT).with_suffix(""))
        for folder in ("book", "labs")
        for path in (ROOT / folder).rglob("*.ipynb")
        if not {".ipynb_checkpoints", "my_peer"} & set(path.parts)
    }
    assert not made - set(NOTEBOOKS), f"not in _toc.yml: {sorted(made - set(NOTEBOOKS))}"
    assert not set(NOTEBOOKS) - made, (
        f"not made yet (python tools/notebooks.py): {sorted(set(NOTEBOOKS) - made)}"
    )


@pytest.mark.parametrize("name", PAGES)
def test_card(name: str) -> None:
    about = read(name)["metadata"]["handbook"]
    assert 5 <= about["minutes"] <= 360, f"{name}: minutes"
    if name in CHAPTERS:
        assert 5 <= about["reading"] < about["minutes"], f"{name}: minutes of reading, without the exercises"
    assert 3 <= len(about["able"]) <= 5, f"{name}: able"
    assert "hb-card" in prose(name)
    first = "".join(read(name)["cells"][0]["source"])
    assert len(re.findall(r"^# ", first, re.M)) == 1


TIMED = re.compile(r"^(?:## \d+\.|:{3,}\{exercise\}) [^\n]*\((?:easy|medium|hard), (\d+) min\)$", re.M)


@pytest.mark.parametrize("name", PAGES)
def test_the_minutes_of_a_card_are_those_of_its_parts(name: str) -> None:
    """A chapter takes its reading and its exercises; a lab takes its tasks."""
    about = read(name)["metadata"]["handbook"]
    assert about["minutes"] == (about["reading"] or 0) + sum(map(int, TIMED.findall(prose(name))))


@pytest.mark.parametrize("name", PAGES)
def test_prerequisites_point_backward(name: str) -> None:
    before = [document(page) for page in PAGES[: PAGES.index(name)]]
    for need in read(name)["metadata"]["handbook"].get("needs", []):
        assert need in before, f"{name} needs {need}, which does not come before it"


@pytest.mark.parametrize("name", PAGES)
def test_links_to_other_pages_in_the_text_point_at_pages(name: str) -> None:
    for target in re.findall(r"\{doc\}`(?:[^`<]*<)?/?([^`>]+)>?`", prose(name)):
        path = ROOT / target if not target.startswith(".") else (ROOT / name).parent / target
        assert any(path.with_suffix(end).exists() for end in (".ipynb", ".md")), target


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_cell_was_run(name: str) -> None:
    counts = [cell["execution_count"] for cell in code_cells(name)]
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_cell_failed_or_warned(name: str) -> None:
    for cell in code_cells(name):
        allowed = "raises-exception" in cell["metadata"].get("tags", [])
        for output in cell["outputs"]:
            assert output["output_type"] != "error" or allowed
            assert output.get("name") != "stderr", "".join(cell["source"])


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_code_lines_fit(name: str) -> None:
    for cell in code_cells(name):
        for line in "".join(cell["source"]).splitlines():
            assert len(line) <= LINE_LIMIT, f"{name}: longer than {LINE_LIMIT} characters: {line}"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_figure_has_words(name: str) -> None:
    for cell in code_cells(name):
        for output in cell["outputs"]:
            data = output.get("data", {})
            assert "image/png" not in data, (
                "a picture is drawn as SVG by p2plib.figures, so that its bytes can be compared"
            )
            assert "image/svg+xml" not in data, "give a plot to figures.plot, which asks for its words"
            html = "".join(data.get("text/html", ""))
            for svg in re.findall(r"<svg\b[^>]*>.*?</svg>", html, re.S):
                if 'aria-hidden="true"' in svg.split(">", 1)[0]:
                    continue
                words = " ".join(re.findall(r"<(?:title|desc)[^>]*>(.*?)</(?:title|desc)>", svg, re.S))
                assert len(words.strip()) > 25, svg[:200]
    for image in re.findall(r"!\[([^\]]*)\]\(", prose(name)):
        assert len(image) > 10


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_has_the_parts_that_readers_look_for(name: str) -> None:
    text = prose(name)
    for heading in ("## Check yourself", "## Exercises", "## Summary", "## Further reading"):
        assert heading in text.splitlines(), f"{name} lacks the heading {heading!r}"
    figures = sum(
        "<svg" in "".join(o.get("data", {}).get("text/html", ""))
        for c in code_cells(name)
        for o in c["outputs"]
    )
    assert figures >= 3, f"{name} shows {figures} figures: the card's drawing and at least two more"
    assert "{cite" in text, f"{name} cites nothing"


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_exercise_has_a_solution_that_was_run(name: str) -> None:
    cells = read(name)["cells"]
    text = prose(name)
    exercises = re.findall(r"\{exercise\}[^\n]*\n(?::[^\n]*\n)*?:label: ([\w-]+)", text)
    assert len(exercises) >= 4
    assert len(exercises) == text.count("{exercise}")
    for title in re.findall(r"\{exercise\}([^\n]*)", text):
        told = re.search(r"\((easy|medium|hard), \d+ min\)", title)
        assert told, f"{name}: end the title of exercise {title.strip()!r} with (easy, 10 min)"
    inside: str | None = None
    solved: dict[str, bool] = {}
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            if inside and (cell["outputs"] or "assert " in source):
                solved[inside] = True
            continue
        for mark in re.finditer(r"\{solution-(start|end)\}[ ]*([\w-]*)", source):
            inside = mark[2] if mark[1] == "start" else None
            if inside:
                solved[inside] = False
    assert set(solved) == set(exercises)
    assert all(solved.values()), (
        f"no code shows anything in the solution of {[k for k in solved if not solved[k]]}"
    )


TITLED = re.compile(r"^:{3,}\{(?:dropdown|admonition|exercise)\} (.*)\n((?::[\w-]+:.*\n)*)\n?(.*)$", re.M)


@pytest.mark.parametrize("name", PAGES)
def test_no_title_is_cut_in_two(name: str) -> None:
    """A directive's title is its first line alone: what stands on the next is the text, or the answer."""
    whole = prose(name)
    boxes = TITLED.findall(whole)
    assert len(boxes) == len(re.findall(r"^:{3,}\{(?:dropdown|admonition|exercise)\}", whole, re.M))
    for title, _, follows in boxes:
        ended = re.search(r"[?.!)][\"”»]?$", title)
        assert ended or not re.match("[a-z]", follows), f"{name}: {title!r} goes on with {follows!r}"
    for title, _, follows in TITLED.findall(whole.partition("## Check yourself")[2].partition("\n## ")[0]):
        assert re.search(r"[?.!][\"”»]?$", title), f"{name}: {title!r} goes on with {follows!r}"


@pytest.mark.parametrize("name", LABS)
def test_a_lab_has_tasks_with_a_check_each_and_a_solved_twin(name: str) -> None:
    learner, solved = read(name), read(name.replace("labs/", "labs/solutions/"))
    source = "\n".join("".join(c["source"]) for c in learner["cells"])
    assert 3 <= source.count("raise NotImplementedError") <= 18  # a capstone has a class of them
    assert "HIDDEN TESTS" not in source
    assert "BEGIN SOLUTION" not in source
    printed = "\n".join("".join(o.get("text", "")) for c in solved["cells"] for o in c.get("outputs", []))
    assert "[v]" in printed
    assert "[x]" not in printed
    assert "[ ]" not in printed
    assert "raise NotImplementedError" not in "\n".join("".join(c["source"]) for c in solved["cells"])


@pytest.mark.slow  # not that it is: a page may say so while it is written, and may not land so
def test_nothing_is_left_to_write() -> None:
    sources = [
        *(ROOT / "book/src").rglob("*.md"),
        *(ROOT / "labs/src").glob("*.md"),
        *(ROOT / "p2plib").rglob("*.py"),
        *(path for path in (ROOT / "tests").rglob("*.py") if path.parent != ROOT / "tests"),
    ]
    unfinished = [
        path.relative_to(ROOT).as_posix() for path in sources if "TO WRITE" in path.read_text("utf8")
    ]
    assert not unfinished


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_output_quotes_a_line_number_of_the_library(name: str) -> None:
    """A comment in the library would move it, and does not make the page stale. A cell's own may stand."""
    for cell in code_cells(name):
        found = re.search(r"\w\.py(:|\W+line )\d+", json.dumps(cell["outputs"]))
        assert not found, f"{name}, cell {cell['id']}: {found and found[0]}"


def test_pages_name_no_machine() -> None:
    banned = re.compile(r"/roo[t]/|/hom[e]/|/tm[p]/|site-packages|0x\w{9,}>|regis[t]ry\.npm|pyp[i]\.org")
    for name in NOTEBOOKS:
        found = banned.search((ROOT / f"{name}.ipynb").read_text("utf8"))
        assert not found, f"{name}: {found and found[0]}"
