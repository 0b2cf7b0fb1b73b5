"""What a browser runs a page's cells with, put into the site's `_static/tab/pieces` at the end of a build.

tools/tab_pieces.py gathers it, before the pages are written. Where it cannot, one sentence says why, the site
has no such folder, and the config value `tab_pieces_missing` is true.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))

import tab_pieces


def gather_pieces(app: Sphinx) -> None:
    """See what there is, if a site is to be built."""
    if app.builder.format != "html":
        return
    try:
        tab_pieces.gather()
    except tab_pieces.NoPieces as why:
        app.config.tab_pieces_missing = True
        print(why, flush=True)  # not a warning: the book is whole without them


def install_pieces(app: Sphinx, error: Exception | None) -> None:
    """Copy them, if a site was built."""
    if error is not None or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static" / "tab"
    if app.config.tab_pieces_missing:
        shutil.rmtree(static / "pieces", ignore_errors=True)
    else:
        tab_pieces.install(static)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both."""
    app.add_config_value("tab_pieces_missing", False, "html")
    app.connect("builder-inited", gather_pieces)
    app.connect("build-finished", install_pieces)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
