"""What comes back from a class is looked at before nbgrader sees it: what is odd is put right, or said."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from handbook import submissions
from handbook.submissions import Unreadable, mended

Notebook = dict[str, Any]


def cell(name: str, source: str, kind: str = "code", **about: Any) -> Notebook:
    made: Notebook = {"cell_type": kind, "id": name, "metadata": {}, "source": source}
    if kind == "code":
        made |= {"outputs": [], "execution_count": None}
    if about:
        made["metadata"]["nbgrader"] = {"grade_id": name, "schema_version": 3, "task": False, **about}
    return made


ANSWER = {"grade": False, "locked": False, "solution": True}
CHECK = {"grade": True, "locked": True, "solution": False, "points": 2}
WRITTEN = {"grade": True, "locked": False, "solution": True, "points": 1}
STUB = "def double(n):\n    raise NotImplementedError"
RIGHT = "def double(n):\n    return 2 * n"


@pytest.fixture
def released() -> Notebook:
    cells = [
        cell("title", "# Lab", "markdown"),
        cell("imports", "from lab import check"),
        cell("double", STUB, **ANSWER),
        cell("check-double", "double = check('double', double)", **CHECK),
        cell("picture", "draw(double)"),
        cell("thoughts", "*Your answer here.*", "markdown", **WRITTEN),
        cell("check-more", "", **CHECK),
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def answered(released: Notebook) -> Notebook:
    made = copy.deepcopy(released)
    at(made, "double")["source"] = RIGHT
    at(made, "thoughts")["source"] = "Because."
    return made


def at(notebook: Notebook, name: str) -> Notebook:
    found: Notebook = next(one for one in notebook["cells"] if one["id"] == name)
    return found


def names(notebook: Notebook) -> list[str]:
    return [one["metadata"].get("nbgrader", {}).get("grade_id", "-") for one in notebook["cells"]]


def test_an_untouched_submission_stays_as_it_is(answered: Notebook, released: Notebook) -> None:
    made = mended(answered, released)
    assert made.notebook == answered
    assert made.repairs == []


@pytest.mark.parametrize("name", ["double", "check-double", "thoughts"])
def test_of_a_copied_cell_one_keeps_its_name(answered: Notebook, released: Notebook, name: str) -> None:
    number = answered["cells"].index(at(answered, name))
    answered["cells"].insert(number + 1, copy.deepcopy(answered["cells"][number]) | {"id": "copy"})
    made = mended(answered, released)
    assert sorted(names(made.notebook)) == sorted([*names(released), "-"])
    assert [one["source"] for one in made.notebook["cells"]] == [one["source"] for one in answered["cells"]]
    assert len(made.repairs) == 1
    assert name in made.repairs[0]


def test_of_two_written_answers_the_one_with_words_is_marked(answered: Notebook, released: Notebook) -> None:
    number = answered["cells"].index(at(answered, "thoughts"))
    answered["cells"].insert(number, copy.deepcopy(at(released, "thoughts")) | {"id": "stub"})
    made = mended(answered, released).notebook
    assert "nbgrader" not in at(made, "stub")["metadata"]
    assert at(made, "thoughts")["metadata"]["nbgrader"]["grade_id"] == "thoughts"


def test_a_split_answer_keeps_both_halves(answered: Notebook, released: Notebook) -> None:
    at(answered, "double")["source"] = "def half(n):\n    return n / 2"
    number = answered["cells"].index(at(answered, "double"))
    answered["cells"].insert(number + 1, copy.deepcopy(at(answered, "double")) | {"id": "b", "source": RIGHT})
    made = mended(answered, released).notebook
    assert names(made).count("double") == 1
    assert at(made, "b")["source"] == RIGHT


def test_a_split_check_is_whole_again(answered: Notebook, released: Notebook) -> None:
    at(answered, "check-double")["source"] = "double = check("
    made = mended(answered, released)
    assert at(made.notebook, "check-double")["source"] == "double = check('double', double)"
    assert "edited" in made.repairs[0]


@pytest.mark.parametrize("gone", [["check-double"], ["double", "check-double"], ["imports"], ["check-more"]])
def test_deleted_cells_come_back_in_their_places(
    answered: Notebook, released: Notebook, gone: list[str]
) -> None:
    for name in gone:
        answered["cells"].remove(at(answered, name))
    made = mended(answered, released)
    assert [one["id"] for one in made.notebook["cells"]] == [one["id"] for one in released["cells"]]
    assert len(made.repairs) == len(gone)


def test_other_code_is_not_put_back_where_an_editor_gave_all_cells_new_ids(
    answered: Notebook, released: Notebook
) -> None:
    for number, one in enumerate(answered["cells"]):
        one["id"] = f"new-{number}"
    answered["cells"][1]["source"] = "from lab import check  # my own words"
    assert mended(answered, released).repairs == []


def test_a_cell_that_lost_its_metadata_gets_it_back(answered: Notebook, released: Notebook) -> None:
    del at(answered, "check-double")["metadata"]["nbgrader"]
    made = mended(answered, released)
    assert names(made.notebook) == names(released)
    assert "given back" in made.repairs[0]


def test_a_cell_of_another_lab_is_not_marked(answered: Notebook, released: Notebook) -> None:
    answered["cells"].append(cell("check-triple", "pass", **CHECK))
    made = mended(answered, released)
    assert names(made.notebook) == [*names(released), "-"]
    assert "not of this lab" in made.repairs[0]


def test_a_cell_of_another_type_is_as_it_was(answered: Notebook, released: Notebook) -> None:
    one = at(answered, "double")
    one["cell_type"] = "markdown"
    del one["outputs"], one["execution_count"]
    made = mended(answered, released)
    assert at(made.notebook, "double")["cell_type"] == "code"
    assert at(made.notebook, "double")["outputs"] == []


def test_forged_points_are_those_of_the_lab(answered: Notebook, released: Notebook) -> None:
    at(answered, "check-double")["metadata"]["nbgrader"]["points"] = 99
    assert at(mended(answered, released).notebook, "check-double")["metadata"]["nbgrader"]["points"] == 2


def test_a_check_cannot_be_kept_from_running(answered: Notebook, released: Notebook) -> None:
    at(answered, "check-double")["metadata"]["tags"] = ["skip-execution"]
    made = at(mended(answered, released).notebook, "check-double")
    assert made["metadata"] == at(released, "check-double")["metadata"]


def test_a_notebook_of_something_else_is_refused(released: Notebook) -> None:
    with pytest.raises(Unreadable, match="no cell of the lab"):
        mended({"cells": [cell("x", "1 + 1")], "metadata": {}}, released)


def test_what_was_handed_in_is_never_changed(answered: Notebook, released: Notebook) -> None:
    answered["cells"].append(copy.deepcopy(answered["cells"][2]) | {"id": "copy"})
    before = copy.deepcopy(answered)
    mended(answered, released)
    assert answered == before


UNREADABLE: list[tuple[bytes, str]] = [
    (b"", "is empty"),
    (b" \n", "is empty"),
    (b"\x89PNG\r\n", "cannot be read as JSON"),
    (b"{", "cannot be read as JSON"),
    (b"[" * 100_000, "cannot be read as JSON"),
    (b"[]", "no cells"),
    (b'{"cells": 3}', "no cells"),
    (b'{"cells": [{"cell_type": "dance"}], "nbformat": 4, "nbformat_minor": 5}', "not a valid notebook"),
    (b'{"cells": [7], "nbformat": 4, "nbformat_minor": 5}', "not a valid notebook"),
    (b'{"cells": [], "nbformat": "x"}', "not a valid notebook"),
]


@pytest.mark.filterwarnings("ignore::Warning")  # nbformat's about what it is given
@pytest.mark.parametrize(("raw", "why"), UNREADABLE, ids=[str(raw[:12]) for raw, _ in UNREADABLE])
def test_what_is_no_notebook_is_refused_in_a_sentence(tmp_path: Path, raw: bytes, why: str) -> None:
    path = tmp_path / "lab.ipynb"
    path.write_bytes(raw)
    with pytest.raises(Unreadable, match=why):
        submissions.read(path)


@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda notebook: notebook["cells"][1].pop("outputs"),
        lambda notebook: notebook["cells"][1].pop("metadata"),
        lambda notebook: notebook["cells"][1].update(id="title"),
        lambda notebook: notebook["cells"][1].update(outputs=[{"output_type": "nonsense"}]),
        lambda notebook: notebook.pop("metadata"),
        lambda notebook: notebook["cells"][1].update(source=["from lab ", "import check"]),
    ],
)
def test_small_faults_of_a_file_are_put_right(
    tmp_path: Path, answered: Notebook, released: Notebook, spoil: Callable[[Notebook], Any]
) -> None:
    spoil(answered)
    path = tmp_path / "lab.ipynb"
    path.write_text("\ufeff" + json.dumps(answered), "utf-8")
    made = mended(submissions.read(path), released).notebook
    assert [one["source"] for one in made["cells"]] == [one["source"] for one in answered["cells"][:1]] + [
        "from lab import check",
        *(one["source"] for one in answered["cells"][2:]),
    ]


def test_a_file_with_another_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "lab (1).ipynb").touch()
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "lab-checkpoint.ipynb").touch()
    assert submissions.submission_in(tmp_path, "lab.ipynb")[1] == ["the file was called lab (1).ipynb"]
    (tmp_path / "old.ipynb").touch()
    with pytest.raises(Unreadable, match="there are 2 notebooks"):
        submissions.submission_in(tmp_path, "lab.ipynb")
    (tmp_path / "lab.ipynb").touch()
    assert submissions.submission_in(tmp_path, "lab.ipynb") == (tmp_path / "lab.ipynb", [])


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="no notebook"):
        submissions.submission_in(tmp_path, "lab.ipynb")


def test_students_get_names_that_nbgrader_allows_and_nobody_anothers() -> None:
    assert submissions.student_names(["Ana Ba_12", "Ana*Ba_12", "[ben]", "...", "zoë@x.org"]) == {
        "...": "student",
        "Ana Ba_12": "Ana-Ba_12",
        "Ana*Ba_12": "Ana-Ba_12-2",
        "[ben]": "ben",
        "zoë@x.org": "zoë@x.org",
    }
