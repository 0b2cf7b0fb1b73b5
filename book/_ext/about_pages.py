"""What others see of a page: a description, a picture for links to it, its address, its version, and a page
for addresses that do not exist.

The setting `handbook_address` says where the site lives. While it is empty nothing pretends to know: there
are no canonical addresses, no site map and no pictures (a link's picture is shown only if it has a whole
address).
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import textwrap
import tomllib
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
TITLE = "The Peer-to-Peer Handbook"
WORDS_MAX = 200  # characters; what is longer is cut off where links are shown
INK, PAPER, MUTED, LINE = "#1d2433", "#ffffff", "#5b6475", "#2563eb"

LOST = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>No such page · {title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 34rem; margin: 15vh auto; padding: 0 1.5rem; font: 18px/1.6 system-ui; }}
</style>
</head>
<body>
<h1>No peer has this page</h1>
<p>Nothing is stored under this address. It may have moved when a chapter was split.</p>
<p><a id="home" href="{home}">To the front page of {title}</a></p>
<script>
// The site may live at any depth: its front page is in the nearest folder above that lists its pages.
(async () => {{
  if ("{home}" !== "/") return;
  const parts = location.pathname.split("/").slice(0, -1);
  for (; parts.length; parts.pop()) {{
    const folder = parts.join("/") + "/";
    const found = await fetch(folder + "objects.inv", {{ method: "HEAD" }}).catch(() => null);
    if (found && found.ok) {{
      document.getElementById("home").href = folder + "index.html";
      return;
    }}
  }}
}})();
</script>
</body>
</html>
"""


def version() -> str:
    """The library's version, which is the book's."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]["version"])


def date_of_book() -> str:
    """The day of the last change, "29 November 2026"; empty where nobody knows it.

    SOURCE_DATE_EPOCH counts first, so that a build can be repeated; then the last commit.
    """
    seconds = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not seconds:
        try:
            done = subprocess.run(
                ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, timeout=20
            )
            seconds = done.stdout.strip()
        except (OSError, subprocess.TimeoutExpired):
            return ""
    if not re.fullmatch(r"\d+", seconds):
        return ""
    day = datetime.fromtimestamp(int(seconds), UTC)
    return f"{day.day} {day:%B %Y}"


def description(doctree: nodes.document | None) -> str:
    """The first paragraph of a page that is its own text, cut after a sentence or a word."""
    if doctree is None:
        return ""
    for paragraph in doctree.findall(nodes.paragraph):
        if all(isinstance(parent, (nodes.section, nodes.document)) for parent in _parents(paragraph)):
            words = " ".join(paragraph.astext().split())
            if len(words) >= 40:
                return shortened(words)
    return ""


def _parents(node: nodes.Node) -> list[nodes.Node]:
    found = []
    while node.parent is not None:
        node = node.parent
        found.append(node)
    return found


def shortened(words: str) -> str:
    """At most WORDS_MAX characters, ended by a whole sentence if there is one of some length."""
    if len(words) <= WORDS_MAX:
        return words
    end = words.rfind(". ", 0, WORDS_MAX)
    return words[: end + 1] if end >= 80 else textwrap.shorten(words, WORDS_MAX, placeholder=" …")


def tags(title: str, about: str, address: str, page: str, picture: str) -> str:
    """The `<meta>` elements of one page."""
    named = {"description": about, "twitter:card": "summary_large_image" if picture else "summary"}
    properties = {
        "og:type": "website" if page == "index" else "article",
        "og:site_name": TITLE,
        "og:title": title,
        "og:description": about,
        "og:url": f"{address}/{page}.html" if address else "",
        "og:image": picture,
        "og:image:alt": f"{title}, a page of the Peer-to-Peer Handbook" if picture else "",
    }
    made = [f'<meta name="{key}" content="{escape(value)}" />' for key, value in named.items() if value]
    made += [
        f'<meta property="{key}" content="{escape(value)}" />' for key, value in properties.items() if value
    ]
    return "\n".join(made) + "\n"


def card(folder: Path, title: str) -> str:
    """Draw the picture that stands for a page where somebody links to it; its name, after what it shows."""
    name = hashlib.sha256(f"1 {title}".encode()).hexdigest()[:12] + ".png"
    target = folder / name
    if target.exists():
        return name
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle

    folder.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(12, 6.3), dpi=100, facecolor=PAPER)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 1200), ylim=(0, 630))
    axes.axis("off")
    peers = [(980, 505), (1090, 420), (1050, 290), (910, 290), (870, 420)]
    for number, (x, y) in enumerate(peers):
        for other in peers[:number]:
            axes.plot([x, other[0]], [y, other[1]], color=LINE, linewidth=2, alpha=0.35, zorder=1)
        axes.add_patch(Circle((x, y), 20, color=LINE, zorder=2))
    lines = textwrap.wrap(title, 22)[:4]
    axes.text(80, 560, TITLE, color=MUTED, fontsize=24, va="top")
    axes.text(80, 60, "\n".join(lines), color=INK, fontsize=50, weight="bold", va="bottom", linespacing=1.2)
    canvas.print_png(target, metadata={"Software": None})
    return name


def describe(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give one page its tags and its footer."""
    address = app.config.handbook_address.rstrip("/")
    title = re.sub(r"<[^>]+>", "", context.get("title") or TITLE)
    picture = ""
    if address:
        picture = f"{address}/_static/cards/{card(Path(app.outdir) / '_static' / 'cards', title)}"
    about = description(doctree)
    context["metatags"] = context.get("metatags", "") + tags(title, about, address, page, picture)
    day = date_of_book_of(app)
    words = f"Version {version()}" + (f", {day}" if day else "")
    context["theme_extra_footer"] = f"{context.get('theme_extra_footer', '')}<p>{words}.</p>"


def date_of_book_of(app: Sphinx) -> str:
    """The date, asked for once in a build."""
    if not hasattr(app, "handbook_date"):
        app.handbook_date = date_of_book()  # type: ignore[attr-defined]
    return str(app.handbook_date)


def whole_addresses(app: Sphinx, config: Any) -> None:
    """Tell Sphinx the address: it writes the canonical one into each page."""
    if config.handbook_address:
        config.html_baseurl = config.handbook_address.rstrip("/") + "/"


def finish(app: Sphinx, error: Exception | None) -> None:
    """At the end of a build: the page of lost readers, and what search engines and hosts ask for."""
    if error is not None or app.builder.name != "html":
        return
    out, address = Path(app.outdir), app.config.handbook_address.rstrip("/")
    home = f"{address}/" if address else "/"
    (out / "404.html").write_text(LOST.format(title=TITLE, home=escape(home)), "utf8")
    (out / ".nojekyll").write_text(
        "", "utf8"
    )  # a host that knows Jekyll would leave out folders like _static
    if address:
        pages = sorted(app.env.all_docs)
        rows = "".join(f"<url><loc>{escape(f'{address}/{page}.html')}</loc></url>\n" for page in pages)
        (out / "sitemap.xml").write_text(
            '<?xml version="1.0" encoding="utf-8"?>\n'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{rows}</urlset>\n',
            "utf8",
        )
        (out / "robots.txt").write_text(
            f"User-agent: *\nAllow: /\n\nSitemap: {address}/sitemap.xml\n", "utf8"
        )


def setup(app: Sphinx) -> dict[str, bool]:
    """Register."""
    app.add_config_value("handbook_address", "", "html")
    app.connect("config-inited", whole_addresses)
    app.connect("html-page-context", describe, priority=800)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
