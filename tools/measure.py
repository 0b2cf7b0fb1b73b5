"""How long every chapter and lab is: words, code cells, figures, exercises, questions.

    python tools/measure.py

Words are those of the text, tables included and code left out; the words and cells of exercises and their
solutions are counted by themselves.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HEAD = ("words", "+ exercises", "cells", "+ solutions", "figures", "exercises", "questions")


def words_of(text: str) -> int:
    """The words of a text in Markdown, without directives' options, fences and marks."""
    text = re.sub(r"^(:::|```|:\w+:|\|[-: |]+\|).*$", " ", text, flags=re.M)
    text = re.sub(r"\{[\w:]+\}`([^`<]*)(<[^>]*>)?`", r"\1", text)
    return len(re.findall(r"[^\W_][\w'’.-]*", text))


def is_drawing(cell: dict[str, Any]) -> bool:
    """Whether a cell shows a figure, the card's own drawing left out."""
    shown = any("<svg" in "".join(o.get("data", {}).get("text/html", "")) for o in cell.get("outputs", []))
    return shown and "compact=True" not in "".join(cell["source"])


def measure(path: Path) -> tuple[int, ...]:
    """The numbers of one notebook, in the order of `HEAD`."""
    cells = json.loads(path.read_text("utf8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    start = next((n for n, text in enumerate(texts) if "## Exercises" in text), len(cells))
    counted = [0, 0, 0, 0]
    for n, (cell, text) in enumerate(zip(cells, texts, strict=True)):
        before, _, after = text.partition("## Exercises")
        if cell["cell_type"] == "markdown":
            counted[0 if n <= start else 1] += words_of(before)
            counted[1] += words_of(after)
        else:
            counted[2 if n < start else 3] += 1
    prose = "\n".join(texts)
    asked = (prose.count("{exercise}"), prose.count("{dropdown}"))
    return (*counted, sum(is_drawing(cell) for cell in cells), *asked)


def main() -> None:
    """Print the table."""
    print(" " * 36 + "  ".join(HEAD))
    for path in sorted([*ROOT.glob("book/*/*.ipynb"), *ROOT.glob("labs/*.ipynb")]):
        row = "  ".join(f"{n:{len(name)},}" for n, name in zip(measure(path), HEAD, strict=True))
        print(f"{path.relative_to(ROOT)!s:36}{row}")


if __name__ == "__main__":
    main()
