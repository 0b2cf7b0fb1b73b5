"""Texts: where they lie, what their front matter must say, and the cells that they hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from p2plib.figures.role_table import PLACES

from . import TextError

KINDS = ("chapter", "lab", "solution")
ABLE_MIN, ABLE_MAX = 3, 5
MINUTES_MIN, MINUTES_MAX = 5, 360  # a lab in two sittings, with its capstone: two long afternoons
LINE_LIMIT = 78  # a longer line of code scrolls sideways inside its box, which a keyboard cannot reach

FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
FENCE = re.compile(r" {0,3}(`{3,}|~{3,}) *(\{code-cell\})?")
HIDDEN_TESTS = re.compile(r"\s*### *(BEGIN|END) HIDDEN TESTS")  # no page shows what stands between
STEM = re.compile(r"[a-z][a-z0-9_-]{0,40}")  # it begins every cell's id, and ids allow little more


@dataclass(frozen=True)
class Product:
    """One notebook to be made: from which text, where to, and which of the text's forms."""

    root: Path
    text: Path
    target: Path
    kind: str

    @property
    def document(self) -> str:
        """The text's short name: "identity/keys", "labs/lab01_identity"."""
        return document_of(self.root, self.text)

    @property
    def name(self) -> str:
        """The notebook's path below the root, with forward slashes on every system."""
        return self.target.relative_to(self.root).as_posix()


@dataclass(frozen=True)
class Front:
    """What a text says about itself before its first line (`handbook:` in the front matter)."""

    role: str
    minutes: int
    reading: int | None
    needs: tuple[str, ...]
    able: tuple[str, ...]


def document_of(root: Path, text: Path) -> str:
    """The short name of a text, as `needs:` writes it."""
    if text.is_relative_to(root / "labs"):
        return f"labs/{text.stem}"
    return text.relative_to(root / "book" / "src").with_suffix("").as_posix()


def text_of(root: Path, document: str) -> Path:
    """The file that a short name stands for; it need not exist."""
    if document.startswith("labs/"):
        return root / "labs" / "src" / f"{document.removeprefix('labs/')}.md"
    return root / "book" / "src" / f"{document}.md"


def notebook_of(root: Path, document: str) -> Path:
    """The notebook that a reader opens for a short name (a lab's unsolved one)."""
    return root / f"{document}.ipynb" if document.startswith("labs/") else root / "book" / f"{document}.ipynb"


def products(root: Path) -> list[Product]:
    """Every notebook that the texts below `root` make, in a fixed order: chapters, then labs."""
    chapters = sorted((root / "book" / "src").rglob("*.md"))
    found = [Product(root, text, notebook_of(root, document_of(root, text)), "chapter") for text in chapters]
    for text in sorted((root / "labs" / "src").glob("*.md")):
        found.append(Product(root, text, root / "labs" / f"{text.stem}.ipynb", "lab"))
        found.append(Product(root, text, root / "labs" / "solutions" / f"{text.stem}.ipynb", "solution"))
    return found


def read_text(path: Path) -> str:
    """The text with line ends as LF, whatever the checkout made of them."""
    return path.read_bytes().decode("utf-8").replace("\r\n", "\n")


def check_lines(root: Path, text: Path) -> None:
    """See that every line of code fits on the page.

    Raises:
        TextError: some do not; the message has a line for each of them.
    """
    where = text.relative_to(root).as_posix()
    long = [
        f"{where}:{number}: {len(line)} characters, and {LINE_LIMIT} fit on the page: {line.strip()}"
        for number, line in code_lines(read_text(text))
        if len(line) > LINE_LIMIT
    ]
    if long:
        raise TextError("\n".join(long))


def code_lines(text: str) -> list[tuple[int, str]]:
    """The lines of a text's code cells that a page shows, each with its number in the text."""
    found: list[tuple[int, str]] = []
    fence = ""  # of the cell or block that a line stands in
    is_code = is_head = is_hidden = False
    for number, line in enumerate(text.split("\n"), 1):
        mark = FENCE.match(line)
        if not fence:
            if mark:
                fence, is_code, is_head = mark[1], bool(mark[2]), True
        elif mark and mark[1].startswith(fence) and not line.strip(" `~"):
            fence = ""
        elif is_code:
            is_head = is_head and line.startswith(":")
            if hidden := HIDDEN_TESTS.match(line):
                is_hidden = hidden[1] == "BEGIN"
            elif not is_head and not is_hidden:
                found.append((number, line))
    return found


def title_of(text: Path) -> str:
    """The first heading of a text, without code cells' comments in its way."""
    body = FRONT.sub("", read_text(text), count=1)
    match = TITLE.search(body.split("```", 1)[0]) or TITLE.search(body)
    if match is None:
        raise TextError(f"{text.name}: no title; write one line '# Title' after the front matter")
    return match[1].strip()


def front_matter(root: Path, text: Path) -> Front:
    """The front matter of a text, checked.

    Raises:
        TextError: something is missing, unknown, or points to a document that does not exist.
    """
    where = text.relative_to(root).as_posix()
    match = FRONT.match(read_text(text))
    if match is None:
        raise TextError(f"{where}: it must begin with front matter between two lines of '---'")
    try:
        front = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        raise TextError(f"{where}: the front matter is not YAML: {' '.join(str(error).split())}") from None
    said = front.get("handbook") if isinstance(front, dict) else None
    if not isinstance(said, dict):
        raise TextError(f"{where}: the front matter lacks 'handbook:' with role, minutes, needs and able")
    needed = ("role", "minutes", "needs", "able")
    fields = (*needed, "reading")
    for name in needed:
        if name not in said:
            raise TextError(f"{where}: handbook: lacks {name!r}")
    for name in said:
        if name not in fields:
            raise TextError(f"{where}: handbook: does not know {name!r} (it knows {', '.join(fields)})")
    if not STEM.fullmatch(text.stem):
        raise TextError(f"{where}: name the file with lower-case letters, digits, '-' and '_' only")
    return Front(
        role=_role(where, said["role"]),
        minutes=_minutes(where, said["minutes"]),
        reading=_reading(where, said),
        needs=_needs(where, said["needs"], root, document_of(root, text)),
        able=_able(where, said["able"]),
    )


def _role(where: str, role: Any) -> str:
    if role not in PLACES:
        raise TextError(f"{where}: role {role!r} is none of {', '.join(PLACES)}")
    return str(role)


def _minutes(where: str, minutes: Any) -> int:
    # bool is a kind of int in Python, and `minutes: yes` is true in YAML.
    if type(minutes) is not int or not MINUTES_MIN <= minutes <= MINUTES_MAX:
        raise TextError(
            f"{where}: minutes must be a whole number, {MINUTES_MIN} to {MINUTES_MAX}, not {minutes!r}"
        )
    return minutes


def _reading(where: str, said: dict[str, Any]) -> int | None:
    if "reading" not in said:
        return None
    reading = said["reading"]
    if type(reading) is not int or not MINUTES_MIN <= reading <= said["minutes"]:
        raise TextError(
            f"{where}: reading must be a whole number of minutes, {MINUTES_MIN} to the {said['minutes']} "
            f"that the page takes with its exercises, not {reading!r}"
        )
    return reading


def _needs(where: str, needs: Any, root: Path, own: str) -> tuple[str, ...]:
    if not isinstance(needs, list):
        raise TextError(f"{where}: needs must be a list of documents (an empty one is [])")
    for need in needs:
        if need == own:
            raise TextError(f"{where}: needs names the document itself")
        if not isinstance(need, str) or not text_of(root, need).is_file():
            raise TextError(f"{where}: needs names {need!r}, but there is no {_short(root, need)}")
    if len(set(needs)) != len(needs):
        raise TextError(f"{where}: needs names a document twice")
    return tuple(needs)


def _short(root: Path, need: Any) -> str:
    return text_of(root, str(need)).relative_to(root).as_posix()


def _able(where: str, able: Any) -> tuple[str, ...]:
    if not isinstance(able, list) or not ABLE_MIN <= len(able) <= ABLE_MAX:
        raise TextError(f"{where}: able must be a list of {ABLE_MIN} to {ABLE_MAX} sentences")
    for sentence in able:
        if not isinstance(sentence, str):
            raise TextError(
                f"{where}: able holds {sentence!r}, which is not a sentence (does it need quotation marks?)"
            )
        if not sentence[:1].isupper() or sentence.endswith("."):
            raise TextError(f"{where}: able: begin with a capital, end without a full stop: {sentence!r}")
    return tuple(able)


def cells_of(root: Path, text: Path) -> list[Any]:
    """The cells of a text, each with `metadata["line"]`, its first line in the file.

    Raises:
        TextError: no title, an empty code cell, or text that is not a MyST notebook.
    """
    from jupytext.myst import myst_to_notebook  # slow to import, and --check does not need it

    where = text.relative_to(root).as_posix()
    source = read_text(text)
    try:
        notebook = myst_to_notebook(source, add_source_map=True)
    except Exception as error:
        raise TextError(f"{where}: not a MyST notebook: {error}") from error
    cells = list(notebook.cells)
    lines = notebook.metadata.get("source_map", [0] * len(cells))
    for cell, line in zip(cells, lines, strict=True):
        cell.metadata["line"] = line + 1
        if cell.cell_type == "code" and not cell.source.strip():
            raise TextError(f"{where}:{line + 1}: an empty code cell")
    if not cells or cells[0].cell_type != "markdown" or not TITLE.search(cells[0].source):
        raise TextError(f"{where}: the title, one line '# Title', must come before the first code cell")
    return cells
