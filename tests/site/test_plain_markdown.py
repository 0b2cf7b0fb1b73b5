"""A notebook that a reader takes away has no directive and no role of MyST left in its text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.site.extension import part

plain_markdown = part("plain_markdown")
References, plain = plain_markdown.References, plain_markdown.plain

WORDS = References(
    document=lambda target: (f"Title of {target}", f"{target}.html"),
    label=lambda target: (f"Section {target}", ""),
    source=lambda key: (f"{key.capitalize()} 2002", f"https://example.org/{key}"),
)

CASES = [
    ("(ch-keys)=\n# Keys", "# Keys"),
    ("Say {term}`hash table`, {term}`hashes <hash>`.", "Say hash table, hashes."),
    ("See {doc}`a/b` and {doc}`here <a/b>`.", "See [Title of a/b](a/b.html) and [here](a/b.html)."),
    ("See {ref}`ch-x`, {ref}`that <ch-x>`.", "See Section ch-x, that."),
    (
        "True {cite:p}`may,ste`.",
        "True ([May 2002](https://example.org/may); [Ste 2002](https://example.org/ste)).",
    ),
    ("As {cite:t}`may` says", "As [May 2002](https://example.org/may) says"),
    ("{py:func}`~p2plib.x.f` and {math}`a^2`", "`p2plib.x.f` and $a^2$"),
    ("a {term}`hash\ntable` b", "a hash table b"),
    (":::{note}\nOne.\n\nTwo.\n:::", "> **Note**\n>\n> One.\n>\n> Two."),
    (":::{admonition} Bet\n:class: tip\n- a\n- b\n:::", "> **Bet**\n>\n> - a\n> - b"),
    (
        ":::{dropdown} Why *n* `x`?\nAnswer.\n:::",
        "<details><summary>Why <em>n</em> <code>x</code>?</summary>\n\nAnswer.\n\n</details>",
    ),
    (":::{exercise} Two (easy, 5 min)\n:label: ex-two\nHow?\n:::", "**Exercise: Two (easy, 5 min)**\n\nHow?"),
    (
        "```{solution-start} ex-two\n:class: dropdown\n```",
        "**Solution.** Try it yourself before you read on.",
    ),
    ("```{solution-end}\n```", ""),
    ("```{index} word\n```\n\nText.", "Text."),
    ("```python\n{term}`x` :::{note}\n:::\n```", "```python\n{term}`x` :::{note}\n:::\n```"),
    ("::::{note}\n:::{tip}\nIn.\n:::\n::::", "> **Note**\n>\n> > **Tip**\n> >\n> > In."),
    (":::{note}\n```python\nx = ':::'\n```\n:::", "> **Note**\n>\n> ```python\n> x = ':::'\n> ```"),
    (":::{prf:theorem} Noether\nIt is.\n:::", "**Theorem (Noether).**\n\nIt is."),
    (":::{figure} a.svg\n:alt: A ring\nThe ring.\n:::", "![A ring](a.svg)\n\nThe ring."),
    ("```{math}\na = b\n```", "$$\na = b\n$$"),
    (":::{unheard-of} Title\nWords.\n:::", "**Title**\n\nWords."),
    (":::{note}\nnever closed", "> **Note**\n>\n> never closed"),
    ("Plain *text*.", "Plain *text*."),
]


@pytest.mark.parametrize(("myst", "markdown"), CASES, ids=[case[0][:30] for case in CASES])
def test_each_form(myst: str, markdown: str) -> None:
    assert plain(myst, WORDS) == markdown


NOTEBOOKS = sorted(
    [*ROOT.glob("book/*/*.ipynb"), *ROOT.glob("labs/*.ipynb"), *ROOT.glob("labs/solutions/*.ipynb")]
)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_nothing_raw_is_left_in_a_page(path: Path) -> None:
    left = []
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            made = re.sub(r"^(`{3,}).*?^\1", "", plain("".join(cell["source"]), WORDS), flags=re.M | re.S)
            left += re.findall(r"^[> ]*:::.*|^[> ]*```\{.*|\{[a-z:]+\}`[^`]*`|^\([\w:.-]+\)=$", made, re.M)
    assert left == []
