"""What comes back from a class, made fit for nbgrader: one broken notebook must not stop the others.

nbgrader trusts that a submission still has the cells of the notebook that was handed out, each of them once.
Students copy cells, split them, delete them and rename files. `mended` compares a submission with the
notebook that was handed out:

    a copied or split cell, one of another lab    loses nbgrader's metadata; its text stays and runs
    a cell that lost the metadata                 gets it back, if its id says which it is
    a deleted answer or check                     is put back; so is the lab's other code
    an edited check                               is as it was handed out

It says in plain words what it did. The submission itself is never written to.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SIZE_MAX = 20_000_000  # bytes; a lab with all its figures has one million


class Unreadable(Exception):
    """A submission that cannot be graded; the message is one sentence for its teacher."""


@dataclass
class Mended:
    """A submission that nbgrader can grade."""

    notebook: dict[str, Any]
    repairs: list[str] = field(default_factory=list)


def submission_in(folder: Path, name: str) -> tuple[Path, list[str]]:
    """The notebook that a student handed in, and what was odd about it.

    Args:
        folder: what the student handed in.
        name: what the file should be called; another name is accepted if there is one notebook only.

    Raises:
        Unreadable: there is none, or several and none has the right name.
    """
    found = sorted(path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
    exact = [path for path in found if path.name == name]
    if exact:
        return min(exact, key=lambda path: len(path.parts)), []
    if not found:
        raise Unreadable("there is no notebook in the folder")
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:4])
        raise Unreadable(f"there are {len(found)} notebooks, and none is called {name}: {names}")
    return found[0], [f"the file was called {found[0].name}"]


def read(path: Path) -> dict[str, Any]:
    """A notebook from its file, in nbformat's fourth form, whoever wrote it.

    Raises:
        Unreadable: it is empty, too large, not a notebook, or of a form that nobody knows.
    """
    import nbformat

    if path.stat().st_size > SIZE_MAX:
        raise Unreadable(f"{path.name} has more than {SIZE_MAX // 1_000_000} MB")
    raw = path.read_bytes()
    if not raw.strip():
        raise Unreadable(f"{path.name} is empty")
    try:
        found = json.loads(raw.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise Unreadable(f"{path.name} is not a notebook: it cannot be read as JSON") from None
    if not isinstance(found, dict) or not (isinstance(found.get("cells"), list) or "worksheets" in found):
        raise Unreadable(f"{path.name} is JSON, but not a notebook: it has no cells")
    try:
        notebook = nbformat.from_dict(_with_what_cells_need(found))
        notebook = nbformat.convert(notebook, 4)
        _, notebook = nbformat.validator.normalize(notebook, strip_invalid_metadata=True)
        nbformat.validate(notebook)
    except Exception as error:  # whatever a broken notebook makes nbformat raise
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise Unreadable(f"{path.name} is not a valid notebook: {first[:160]}") from None
    made: dict[str, Any] = json.loads(nbformat.writes(notebook))
    for cell in made["cells"]:
        cell["source"] = "".join(cell["source"])
    return made


def _with_what_cells_need(notebook: dict[str, Any]) -> dict[str, Any]:
    """A notebook whose cells have the fields without which nothing reads them."""
    for cell in notebook.get("cells", []):
        if isinstance(cell, dict):
            if not isinstance(cell.get("metadata"), dict):
                cell["metadata"] = {}
            if cell.get("cell_type") == "code":
                cell["outputs"], cell["execution_count"] = [], None  # they are made again
    notebook.setdefault("metadata", {})
    return notebook


def mended(submitted: dict[str, Any], released: dict[str, Any]) -> Mended:
    """A submission with every cell that is graded, once.

    Args:
        submitted: what came back.
        released: what was handed out.

    Raises:
        Unreadable: it has nothing in common with what was handed out.
    """
    made = Mended(copy.deepcopy(submitted))
    cells = made.notebook["cells"]
    graded = {_about(cell)["grade_id"]: cell for cell in released["cells"] if _about(cell)}
    _give_back(cells, graded, made.repairs)
    known = [cell for cell in cells if _about(cell).get("grade_id") in graded]
    if graded and not known:
        raise Unreadable("no cell of the lab that was handed out is in it")
    _keep_one_of_each(cells, graded, made.repairs)
    _put_back(cells, released["cells"], made.repairs)
    return made


def _about(cell: dict[str, Any]) -> dict[str, Any]:
    """What nbgrader's metadata says of a cell; empty if it has none that can be used."""
    about = cell.get("metadata", {}).get("nbgrader")
    return about if isinstance(about, dict) and isinstance(about.get("grade_id"), str) else {}


def _give_back(cells: list[Any], graded: dict[str, Any], repairs: list[str]) -> None:
    """A cell that has the id of a graded cell and lost its metadata gets it back."""
    there = {_about(cell).get("grade_id") for cell in cells}
    lost = {
        original["id"]: name for name, original in graded.items() if name not in there and "id" in original
    }
    for cell in cells:
        name = lost.pop(cell.get("id", ""), None)
        if name is not None:
            cell["metadata"]["nbgrader"] = copy.deepcopy(graded[name]["metadata"]["nbgrader"])
            repairs.append(f"{name}: its marking metadata was lost and has been given back")


def _keep_one_of_each(cells: list[Any], graded: dict[str, Any], repairs: list[str]) -> None:
    """Of the cells with one name, one keeps it; a cell whose name is not of this lab loses it."""
    named: dict[str, list[Any]] = {}
    for cell in cells:
        if "nbgrader" not in cell.get("metadata", {}):
            continue
        name = _about(cell).get("grade_id")
        if name in graded:
            named.setdefault(str(name), []).append(cell)
            continue
        del cell["metadata"]["nbgrader"]
        repairs.append(f"{name or 'a cell'}: not of this lab, so it is not marked")
    for name, copies in named.items():
        kept = _kept(copies, graded[name])
        if _is_locked(graded[name]):  # all of it, for a tag can keep a check from being run
            kept["metadata"] = {}
        kept["metadata"] |= copy.deepcopy(graded[name]["metadata"])
        if kept["cell_type"] != graded[name]["cell_type"]:
            _retype(kept, graded[name]["cell_type"])
            repairs.append(f"{name}: had become another type of cell and is {kept['cell_type']} again")
        if _is_locked(graded[name]) and _words(kept) != _words(graded[name]):
            kept["source"] = graded[name]["source"]
            repairs.append(f"{name}: this check had been edited and is as it was handed out")
        if len(copies) > 1:
            repairs.append(
                f"{name}: there were {len(copies)} cells of that name (copied or split); one is marked"
            )
        for other in copies:
            if other is not kept:
                del other["metadata"]["nbgrader"]


def _kept(copies: list[Any], original: dict[str, Any]) -> dict[str, Any]:
    """The copy that is marked: of an answer, the first that was written in; otherwise the first."""
    written = [cell for cell in copies if _words(cell) != _words(original)]
    first: dict[str, Any] = written[0] if written and not _is_locked(original) else copies[0]
    return first


def _is_locked(cell: dict[str, Any]) -> bool:
    return bool(_about(cell).get("locked"))


def _words(cell: dict[str, Any]) -> str:
    return "".join(cell["source"]).strip()


def _retype(cell: dict[str, Any], kind: str) -> None:
    cell["cell_type"] = kind
    cell.pop("attachments", None)
    if kind == "code":
        cell["outputs"], cell["execution_count"] = [], None
    else:
        cell.pop("outputs", None)
        cell.pop("execution_count", None)


def _put_back(cells: list[Any], originals: list[Any], repairs: list[str]) -> None:
    """Insert what was deleted, each cell after the nearest one before it that is there."""
    ids = {cell.get("id") for cell in originals}
    still_there = sum(cell.get("id") in ids for cell in cells)
    ids_are_kept = 2 * still_there >= len(originals)  # some editors give every cell a new id
    sources = {_words(cell) for cell in cells}
    after = 0
    for original in originals:
        place = _place(cells, original)
        if place is None and _is_missed(original, sources, ids_are_kept):
            cells.insert(after, _fresh(original, cells))
            repairs.append(f"{_called(original)}: had been deleted and is as it was handed out")
            place = after
        if place is not None:
            after = max(after, place + 1)


def _place(cells: list[Any], original: dict[str, Any]) -> int | None:
    """Where a cell of the lab stands in the submission."""
    name = _about(original).get("grade_id")
    for number, cell in enumerate(cells):
        if name is not None:
            if _about(cell).get("grade_id") == name:
                return number
        elif cell.get("id") == original.get("id"):
            return number
    return None


def _is_missed(original: dict[str, Any], sources: set[str], ids_are_kept: bool) -> bool:
    if _about(original):
        return True
    return original["cell_type"] == "code" and ids_are_kept and _words(original) not in sources


def _fresh(original: dict[str, Any], cells: list[Any]) -> dict[str, Any]:
    """A copy of a cell with an id that is not taken."""
    made = copy.deepcopy(original)
    taken = {cell.get("id") for cell in cells}
    while made.get("id") in taken:
        made["id"] = f"{made['id']}-again"[-64:]
    return made


def _called(cell: dict[str, Any]) -> str:
    first = re.sub(r"\s+", " ", _words(cell).split("\n", 1)[0])
    return str(_about(cell).get("grade_id") or f"the lab's own cell `{first[:50]}`")


def student_names(folders: list[str]) -> dict[str, str]:
    """A name for nbgrader, which allows few characters in it, for the name of every folder.

    Returns:
        By folder; two folders never get the same name.
    """
    made: dict[str, str] = {}
    for folder in sorted(folders):
        plain = re.sub(r"[^\w.@-]+", "-", folder).strip("-.") or "student"
        name, number = plain, 2
        while name in made.values():
            name, number = f"{plain}-{number}", number + 1
        made[folder] = name
    return made
