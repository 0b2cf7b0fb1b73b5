"""The handbook's own Sphinx extension: what a reader sees on the site and no published extension does.

* `{roles-map}`: the drawing of the roles, each part a link to the first page of that role.
* `{road}`: every chapter and lab in reading order with its minutes, read from the notebooks themselves.
* Mathematics as MathML, which a browser shows without a script, from a file, and in print.
* One setting, `handbook_repository`, for all buttons that need an address; while it is empty, there are none.
* Files of their own for each further concern, listed in PARTS.
* Repairs: hidden cells in the one-page builder, and scripts that the theme would load from another host.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from front_matter import card, toc_pages
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.osutil import relative_uri

from p2plib import figures
from p2plib.figures.role_table import TABLE

PARTS = ("about_pages", "downloads", "paths", "solved_labs")


class RolesMap(SphinxDirective):
    """The roles as a drawing whose parts are links."""

    option_spec: ClassVar = {"here": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Draw, with a link for every role that has a page."""
        pages = toc_pages(Path(self.env.srcdir))
        here = self.env.app.builder.get_target_uri(self.env.docname)
        links = {
            role.key: relative_uri(here, self.env.app.builder.get_target_uri(pages[role.caption][0]))
            for role in TABLE.values()
            if role.caption in pages
        }
        figure = figures.roles(here=self.options.get("here"), links=links)
        return [nodes.raw("", figure.html, format="html")]


class Road(SphinxDirective):
    """Every chapter and lab in order, with what it takes, as a list of links."""

    def run(self) -> list[nodes.Node]:
        """Make one row per page, one heading per role."""
        root = Path(self.env.srcdir)
        pages = toc_pages(root)
        here = self.env.app.builder.get_target_uri(self.env.docname)
        rows = []
        for role in TABLE.values():
            items = []
            for page in pages.get(role.caption, []):
                about = card(root, page)
                uri = relative_uri(here, self.env.app.builder.get_target_uri(page))
                kind = ' class="hb-lab"' if page.startswith("labs/") else ""
                items.append(
                    f'<li{kind}><a class="reference internal" href="{escape(uri)}">'
                    f"{escape(about['title'])}</a> "
                    f'<span class="hb-minutes">{about.get("reading") or about["minutes"]} min</span></li>'
                )
            inside = f"<ol>{''.join(items)}</ol>" if items else '<p class="hb-later">in preparation</p>'
            rows.append(
                f'<section class="hb-stage"><p class="hb-role">{escape(role.caption)}</p>{inside}</section>'
            )
        return [nodes.raw("", f'<div class="hb-road">{"".join(rows)}</div>', format="html")]


def repository_buttons(app: Sphinx, config: Any) -> None:
    """Turn on every button that needs an address, if there is an address."""
    address = config.handbook_repository.rstrip("/")
    if not address:
        return
    config.html_theme_options = {
        **config.html_theme_options,
        "repository_url": address,
        "repository_branch": "main",
        "use_repository_button": True,
        "use_issues_button": True,
        "use_edit_page_button": True,
        "launch_buttons": {
            "notebook_interface": "jupyterlab",
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        },
    }


def math_as_mathml(display: str) -> Any:
    """A visitor that writes a formula as MathML."""

    def visit(translator: Any, node: nodes.math | nodes.math_block) -> None:
        formula = convert(node.astext(), display=display)
        if display == "block":  # a wide formula scrolls in its own box, also by keyboard
            formula = f'<div class="hb-math" role="group" aria-label="Formula" tabindex="0">{formula}</div>'
        translator.body.append(formula)
        raise nodes.SkipNode

    return visit


def one_page_visitors(app: Sphinx) -> None:
    """Let the one-page builder use the web page's visitors too: sphinx-exercise registers a few of its own
    for it, and Sphinx then looks for no others, so that a hidden cell would stop the build."""
    handlers = app.registry.translation_handlers
    if "singlehtml" in handlers:
        handlers["singlehtml"] = {**handlers.get("html", {}), **handlers["singlehtml"]}


LIVE_CODE = re.compile(r"<script[^>]*>[^<]*(?:thebe|requestKernel|kernelName =)[^<]*</script>\s*")


def nothing_from_elsewhere(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Drop scripts and styles of live code: it is not used, and its settings name hosts outside the book."""
    context["body"] = LIVE_CODE.sub("", context.get("body", ""))
    for name in ("script_files", "css_files"):
        context[name] = [
            file
            for file in context.get(name, [])
            if "thebe" not in str(getattr(file, "filename", "")) + str(getattr(file, "attributes", ""))
        ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register all of the above."""
    app.add_config_value("handbook_repository", "", "html")
    for part in PARTS:
        app.setup_extension(part)
    app.add_directive("roles-map", RolesMap)
    app.add_directive("road", Road)
    app.add_html_math_renderer("mathml", (math_as_mathml("inline"), None), (math_as_mathml("block"), None))
    app.connect("config-inited", repository_buttons)
    app.connect("builder-inited", one_page_visitors)
    app.connect("html-page-context", nothing_from_elsewhere, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
