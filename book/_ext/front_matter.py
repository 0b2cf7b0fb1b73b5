"""What the pages say of themselves: the table of contents, and the card of each chapter and lab."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml


def toc_pages(root: Path) -> dict[str, list[str]]:
    """The pages of every part of the table of contents, by the part's caption."""
    toc = yaml.safe_load((root / "_toc.yml").read_text("utf8"))
    return {part["caption"]: [chapter["file"] for chapter in part["chapters"]] for part in toc["parts"]}


def card(root: Path, page: str) -> dict[str, Any]:
    """Title and card of a chapter or lab, from the notebook's own metadata."""
    path = root / f"{page}.ipynb"
    return _card(path, path.stat().st_mtime_ns)


@cache
def _card(path: Path, changed: int) -> dict[str, Any]:
    notebook = json.loads(path.read_text("utf8"))
    first = "".join(notebook["cells"][0]["source"])
    title = next(line[2:] for line in first.splitlines() if line.startswith("# "))
    return {"title": title, **notebook["metadata"]["handbook"]}
