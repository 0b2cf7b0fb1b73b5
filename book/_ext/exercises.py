"""Exercises are numbered within their page, and their titles say the effort apart from the name.

`sphinx_exercise` counts through the whole book and puts every title in brackets: "Exercise 50 (Half of a
collision (easy, 10 min))". Here it becomes "Exercise 3 – Half of a collision", with "easy, 10 min" beside it,
and its solution "Solution to exercise 3: Half of a collision".
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_exercise.nodes import exercise_enumerable_node, solution_node

EFFORT = re.compile(r"\s*\(((?:easy|medium|hard), [^()]*)\)\s*$")
NUMBERED = re.compile(r"^\s*Exercise (\d+)\s*$")


def own_ids(app: Sphinx, tree: nodes.document) -> None:
    """Give the inside of every exercise and solution its own id: the extension gives all the same."""
    for node in tree.findall(lambda node: isinstance(node, (exercise_enumerable_node, solution_node))):
        for inside in node.findall(nodes.section):
            if inside["ids"] and inside["ids"][0] in ("exercise-content", "solution-content"):
                inside["ids"] = [f"{node['label']}-content"]


def within_the_page(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Count the exercises of every page from 1, after Sphinx has counted them through the book."""
    for figures in env.toc_fignumbers.values():
        if "exercise" in figures:
            in_order = sorted(figures["exercise"].items(), key=lambda item: item[1])
            figures["exercise"] = {label: (place,) for place, (label, _) in enumerate(in_order, 1)}
    return []


def split_title(inside: list[nodes.Node]) -> tuple[list[nodes.Node], str]:
    """The parts of a title without the brackets around it, and the effort that stood at its end."""
    parts = list(inside)
    if not (len(parts) >= 3 and parts[0].astext().strip() == "(" and parts[-1].astext().strip() == ")"):
        return parts, ""
    parts = parts[1:-1]
    last = parts[-1]
    found = EFFORT.search(last.astext()) if isinstance(last, nodes.Text) else None
    if found:
        parts[-1] = nodes.Text(last.astext()[: found.start()])
    return parts, found[1] if found else ""


class PlainTitles(SphinxPostTransform):
    """Rewrite the titles that `sphinx_exercise` has made."""

    default_priority = 25  # its own are 20 to 22

    def run(self, **_: Any) -> None:
        """Rewrite the titles of one page."""
        for exercise in self.document.findall(exercise_enumerable_node):
            title = exercise[0]
            parts, effort = split_title(title.children)
            if parts != list(title.children):
                title.children = []
                title += [nodes.Text("– "), *parts]
            if effort:
                title += nodes.inline("", effort, classes=["hb-effort"])
        for solution in self.document.findall(solution_node):
            for link in solution[0].findall(nodes.reference):
                number = NUMBERED.match(link[0].astext())
                parts, _effort = split_title(link.children[1:])
                if number:
                    link.children = []
                    link += [nodes.Text(f" exercise {number[1]}{': ' if parts else ''}"), *parts]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the above; the counting runs after Sphinx's own."""
    app.connect("doctree-read", own_ids, priority=900)
    app.connect("env-get-updated", within_the_page, priority=900)
    app.add_post_transform(PlainTitles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
