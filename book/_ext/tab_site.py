"""At the end of a build: what a browser runs a page's cells with goes into the site's `_static/tab/pieces`.

tools/tab_pieces.py gathers it. Where it cannot, the site has no such folder, the pages notice that when a
reader asks, and the build says why in one sentence.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))

import tab_pieces


def install_pieces(app: Sphinx, error: Exception | None) -> None:
    """Gather the pieces and copy them, if a site was built."""
    if error is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static" / "tab"
    try:
        tab_pieces.gather()
        tab_pieces.install(static)
    except tab_pieces.NoPieces as why:
        shutil.rmtree(static / "pieces", ignore_errors=True)
        print(why, flush=True)  # not a warning: the book is whole without them


def setup(app: Sphinx) -> dict[str, bool]:
    """Register it."""
    app.connect("build-finished", install_pieces)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
